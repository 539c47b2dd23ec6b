"""torch: layers in eval mode under inference_mode, channels first or channels last."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F

from .case import Array, Case, Prepared, Unsupported, pooling


class Torch:
    """Inputs and results in the order N, C, H, W in memory."""

    version: str = torch.__version__
    memory_format = torch.contiguous_format

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(threads)
        # For the worker's whole life: entering it at each call would be timed, and it ends when nothing refers to it.
        self.inference = torch.inference_mode()
        self.inference.__enter__()

    def prepare(self, case: Case) -> Prepared:
        p = case.problem
        x, weight, bias = self._tensors(case)
        if p.kind != "conv2d":
            calls = pooling(F, p, x)
            if p.kind == "avgpool2d" and p.covers_image:
                calls["adaptive_avg_pool2d"] = partial(F.adaptive_avg_pool2d, x, 1)
            return Prepared(calls, to_numpy)
        if case.mode == "functional":
            if p.boundary != "zeros":
                raise Unsupported("the functional form pads with zeros")
            geometry = (weight, bias, p.stride, p.padding, p.dilation, p.groups)
            if p.bytes:  # as one has to
                return Prepared({"conv2d of floats": lambda: F.conv2d(x.to(weight.dtype), *geometry)}, to_numpy)
            return Prepared({"conv2d": partial(F.conv2d, x, *geometry)}, to_numpy)
        layer = torch.nn.Conv2d(
            p.ic,
            p.oc,
            p.kernel,
            p.stride,
            p.padding,
            p.dilation,
            p.groups,
            bias=p.bias,
            padding_mode=p.boundary,
            dtype=weight.dtype,
        )
        layer.load_state_dict({"weight": weight} if bias is None else {"weight": weight, "bias": bias})
        layer = layer.eval().to(memory_format=self.memory_format)
        if p.bytes:  # as one has to
            return Prepared({"Conv2d.eval of floats": lambda: layer(x.to(weight.dtype))}, to_numpy)
        calls = {"Conv2d.eval": partial(layer, x)}
        if p.separable:
            calls["two conv2d"] = self._two_passes(case, x, bias)
        calls.update(self._prepacked(case, layer, x))
        return Prepared(calls, to_numpy)

    def _tensors(self, case: Case) -> tuple[Any, Any, Any]:
        x, weight, bias = case.data()
        tensor = torch.from_numpy(x).contiguous(memory_format=self.memory_format)
        return tensor, torch.from_numpy(weight), None if bias is None else torch.from_numpy(bias)

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

    def _prepacked(self, case: Case, layer: torch.nn.Conv2d, x: Any) -> dict[str, Callable[[], Any]]:
        return {}


class TorchChannelsLast(Torch):
    """Inputs and results in the order N, H, W, C in memory; the layer's weights also in oneDNN's own order."""

    memory_format = torch.channels_last

    def _prepacked(self, case: Case, layer: torch.nn.Conv2d, x: Any) -> dict[str, Callable[[], Any]]:
        """The operator that torch's compiler emits for frozen weights. Its result has the channels last."""
        p = case.problem
        if p.boundary != "zeros" or case.dtype != "float32" or case.batch == 0:
            return {}
        geometry = (list(p.padding), list(p.stride), list(p.dilation), p.groups)
        try:
            weight = torch.ops.mkldnn._reorder_convolution_weight(layer.weight, *geometry, list(x.shape))
            call = partial(torch.ops.mkldnn._convolution_pointwise, x, weight, layer.bias, *geometry, "none", [], "")
            call()
        except (AttributeError, RuntimeError):  # a torch without oneDNN, or one whose private operators differ
            return {}
        return {"prepacked": call}


def to_numpy(y: Any) -> Array:
    return y.numpy()  # type: ignore[no-any-return]
