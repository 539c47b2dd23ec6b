"""pyconv itself, through its public interface only, as any other side."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from problem import aligned

import pyconv
import pyconv.nn.functional as F

from .case import Case, Prepared, channels_last, functional_call, layer_of, pooling, require


class Layer:
    """`nn.Conv2d` and its kin in eval mode, weights packed; each call makes a new array, as a user gets it."""

    version: str = pyconv.__version__
    channels_last = False

    def __init__(self, threads: int) -> None:
        pyconv.set_num_threads(threads)

    def data(self, case: Case) -> tuple[Any, Any, Any]:
        """Input (channels first), weight and bias."""
        return case.data()

    def prepare(self, case: Case) -> Prepared:
        p = case.problem
        x, weight, bias = self.data(case)
        if self.channels_last or case.layout == "nhwc":
            x = channels_last(x)
        if not p.has_weights:
            return Prepared(pooling(F, p, x))
        if p.separable:
            column, row = (a.astype(x.dtype) for a in p.factors(case.dtype))
            return Prepared(_separable(case, x, column, row, bias))
        if case.mode == "functional":
            name, call = functional_call(F, p, x, weight, bias)
            return Prepared({name: call})
        layer = layer_of(pyconv.nn, p, weight.dtype)
        layer.load_state_dict({"weight": weight} if bias is None else {"weight": weight, "bias": bias})
        chosen = pyconv.explain(layer, x)
        about = {"algorithm": chosen.algorithm, "tile": chosen.tile, "isa": chosen.isa}
        return Prepared({f"{type(layer).__name__}.eval": partial(layer, x)}, about=about)


class LayerChannelsLast(Layer):
    """The same on channels-last memory, whatever --layout says."""

    channels_last = True


class LayerFloat16(Layer):
    """The same with input, weights and result in float16."""

    storage = "float16"

    def data(self, case: Case) -> tuple[Any, Any, Any]:
        require(case.dtype == "float32" and not case.problem.bytes, "half floats stand in for float32 alone")
        x, weight, bias = (a if a is None else a.astype(self.storage) for a in case.data())
        return aligned(x), weight, bias

    def prepare(self, case: Case) -> Prepared:
        prepared = super().prepare(case)
        prepared.to_nchw = lambda y: np.asarray(y, np.float32)
        return prepared


class LayerBFloat16(LayerFloat16):
    """The same in bfloat16, which NumPy knows by way of ml_dtypes."""

    storage = "bfloat16"

    def __init__(self, threads: int) -> None:
        import ml_dtypes  # noqa: F401

        super().__init__(threads)


class FunctionalOut:
    """`functional.conv2d`, its kin and poolings into one kept array: no page faults, weights packed at each call."""

    version: str = pyconv.__version__

    def __init__(self, threads: int) -> None:
        pyconv.set_num_threads(threads)

    def prepare(self, case: Case) -> Prepared:
        p = case.problem
        out = np.empty(case.out_shape, case.dtype)
        if case.layout == "nhwc":
            out = channels_last(out)
        x, weight, bias = case.data()
        if case.layout == "nhwc":
            x = channels_last(x)
        if not p.has_weights:
            calls = pooling(F, p, x, out=out)
        elif p.separable:
            require(p.boundary == "zeros", "the functional form pads with zeros")
            calls = _separable(case, x, *p.factors(case.dtype), bias, out=out)
        else:
            name, call = functional_call(F, p, x, weight, bias, out=out)
            calls = {name: call}
        return Prepared({f"{name} out=": call for name, call in calls.items()})


def _separable(case: Case, x: Any, column: Any, row: Any, bias: Any, **options: Any) -> dict[str, Callable[[], Any]]:
    p = case.problem
    options.update(stride=p.stride, padding=p.padding, dilation=p.dilation, padding_mode=p.boundary)
    return {"filter2d_separable": partial(F.filter2d_separable, x, row, column, bias, **options)}
