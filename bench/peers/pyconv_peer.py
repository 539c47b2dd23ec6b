"""pyconv itself, through its public interface only, as any other side."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import pyconv
import pyconv.nn.functional as F

from .case import Case, Prepared, channels_last, pooling, require


class Layer:
    """`nn.Conv2d` in eval mode, weights packed; the result is a new array at each call, as a user gets it."""

    version: str = pyconv.__version__
    channels_last = False

    def __init__(self, threads: int) -> None:
        pyconv.set_num_threads(threads)

    def prepare(self, case: Case) -> Prepared:
        p = case.problem
        x, weight, bias = case.data()
        if self.channels_last or case.layout == "nhwc":
            x = channels_last(x)
        if p.kind != "conv2d":
            return Prepared(pooling(F, p, x))
        if p.separable:
            return Prepared(_separable(case, x, bias))
        if case.mode == "functional":
            return Prepared({"conv2d": partial(F.conv2d, *functional_arguments(case))})
        layer = pyconv.nn.Conv2d(
            p.ic,
            p.oc,
            p.kernel,
            p.stride,
            p.padding,
            p.dilation,
            p.groups,
            bias=p.bias,
            padding_mode=p.boundary,
            dtype=case.dtype,
        ).eval()
        layer.load_state_dict({"weight": weight} if bias is None else {"weight": weight, "bias": bias})
        chosen = pyconv.explain(layer, x)
        about = {"algorithm": chosen.algorithm, "tile": chosen.tile, "isa": chosen.isa}
        return Prepared({"Conv2d.eval": partial(layer, x)}, about=about)


class LayerChannelsLast(Layer):
    """The same on channels-last memory, whatever --layout says."""

    channels_last = True


class FunctionalOut:
    """`functional.conv2d` and the poolings into one kept array: no page faults, but weights packed at every call."""

    version: str = pyconv.__version__

    def __init__(self, threads: int) -> None:
        pyconv.set_num_threads(threads)

    def prepare(self, case: Case) -> Prepared:
        p = case.problem
        out = np.empty(case.out_shape, case.dtype)
        if case.layout == "nhwc":
            out = channels_last(out)
        arguments = functional_arguments(case)
        if p.kind != "conv2d":
            return Prepared({f"{name} out=": call for name, call in pooling(F, p, arguments[0], out=out).items()})
        if p.separable:
            return Prepared(_separable(case, arguments[0], arguments[2], out=out))
        return Prepared({"conv2d out=": partial(F.conv2d, *arguments, out=out)})


def _separable(case: Case, x: Any, bias: Any, **options: Any) -> dict[str, Callable[[], Any]]:
    p = case.problem
    column, row = p.factors(case.dtype)
    options.update(stride=p.stride, padding=p.padding, dilation=p.dilation, padding_mode=p.boundary)
    return {"filter2d_separable": partial(F.filter2d_separable, x, row, column, bias, **options)}


def functional_arguments(case: Case) -> tuple[Any, ...]:
    p = case.problem
    require(p.boundary == "zeros", "the functional form pads with zeros")
    x, weight, bias = case.data()
    if case.layout == "nhwc":
        x = channels_last(x)
    return x, weight, bias, p.stride, p.padding, p.dilation, p.groups
