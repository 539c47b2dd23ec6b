"""torch: layers in eval mode under inference_mode, channels first or channels last."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from problem import AVGPOOL, TRANSPOSED

from .case import Array, Case, Prepared, functional_call, layer_of, pooling, require


class Torch:
    """Inputs and results in the order N, C, H, W in memory."""

    version: str = torch.__version__
    # By the number of dimensions of an image; a rank that is missing has no such order.
    memory_formats: ClassVar = dict.fromkeys((1, 2, 3), torch.contiguous_format)

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(threads)
        # For the worker's whole life: entering it at each call would be timed, and it ends when nothing refers to it.
        self.inference = torch.inference_mode()
        self.inference.__enter__()

    def prepare(self, case: Case) -> Prepared:
        p = case.problem
        require(p.rank in self.memory_formats, "a line has no channels-last format")
        memory_format = self.memory_formats[p.rank]
        x, weight, bias = (None if part is None else torch.from_numpy(part) for part in case.data())
        x = x.contiguous(memory_format=memory_format)
        if not p.has_weights:
            calls = pooling(F, p, x)
            if p.operation == AVGPOOL and p.covers_image:
                name = f"adaptive_avg_pool{p.rank}d"
                calls[name] = partial(getattr(F, name), x, 1)
            return Prepared(calls, to_numpy)
        if case.mode == "functional":
            name, call = functional_call(F, p, x, weight, bias)
            if p.bytes:  # as one has to
                return Prepared({f"{name} of floats": lambda: call.func(x.to(weight.dtype), *call.args[1:])}, to_numpy)
            return Prepared({name: call}, to_numpy)
        layer = layer_of(torch.nn, p, weight.dtype)
        layer.load_state_dict({"weight": weight} if bias is None else {"weight": weight, "bias": bias})
        layer = layer.to(memory_format=memory_format)
        name = f"{type(layer).__name__}.eval"
        if p.bytes:  # as one has to
            return Prepared({f"{name} of floats": lambda: layer(x.to(weight.dtype))}, to_numpy)
        calls = {name: partial(layer, x)}
        if p.separable:
            calls["two conv2d"] = self._two_passes(case, x, bias)
        calls.update(self._prepacked(case, layer, x))
        return Prepared(calls, to_numpy)

    def _two_passes(self, case: Case, x: Any, bias: Any) -> Callable[[], Any]:
        """A column, then a row."""
        p = case.problem
        column, row = (torch.from_numpy(f) for f in p.factors(case.dtype))
        column, row = column[:, None, :, None], row[:, None, None, :]
        (sh, sw), (ph, pw), (dh, dw) = p.stride, p.padding, p.dilation

        def run() -> Any:
            t = F.conv2d(x, column, None, (sh, 1), (ph, 0), (dh, 1), p.groups)
            return F.conv2d(t, row, bias, (1, sw), (0, pw), (1, dw), p.groups)

        return run

    def _prepacked(self, case: Case, layer: torch.nn.Module, x: Any) -> dict[str, Callable[[], Any]]:
        return {}


class TorchChannelsLast(Torch):
    """Inputs and results in the order N, H, W, C in memory; the layer's weights also in oneDNN's own order."""

    memory_formats: ClassVar = {2: torch.channels_last, 3: torch.channels_last_3d}

    def _prepacked(self, case: Case, layer: torch.nn.Module, x: Any) -> dict[str, Callable[[], Any]]:
        """The operator that torch's compiler emits for frozen weights. Its result has the channels last."""
        p, operators = case.problem, torch.ops.mkldnn
        if p.boundary != "zeros" or case.dtype != "float32" or case.batch == 0:
            return {}
        geometry: tuple[Any, ...] = (list(p.padding), list(p.stride), list(p.dilation), p.groups)
        if p.operation == TRANSPOSED:
            geometry = (list(p.padding), list(p.output_padding), *geometry[1:])
        try:
            if p.operation == TRANSPOSED:
                reorder, convolve = (
                    operators._reorder_convolution_transpose_weight,
                    operators._convolution_transpose_pointwise,
                )
            else:
                reorder, convolve = operators._reorder_convolution_weight, operators._convolution_pointwise
            weight = reorder(layer.weight, *geometry, list(x.shape))
            call = partial(convolve, x, weight, layer.bias, *geometry, "none", [], "")
            call()
        except (AttributeError, RuntimeError):  # a torch without oneDNN, or one whose private operators differ
            return {}
        return {"prepacked": call}


def to_numpy(y: Any) -> Array:
    return y.numpy()  # type: ignore[no-any-return]
