"""The convolutional layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._native import PackedConv2d, explain_conv2d
from .._native import conv2d as _conv2d
from . import init
from .arguments import cpu_dtype, layout_name, one_of, pair, positive, precision_name
from .functional.norm import folded
from .module import Module

if TYPE_CHECKING:
    import numpy.typing as npt

    from .._types import Activation, Array, Layout, Padding, PaddingMode, Pair, Precision
    from .batchnorm import BatchNorm2d


class Conv2d(Module):
    """Two-dimensional cross-correlation with weights of its own, as `torch.nn.Conv2d`; see `functional.conv2d`.

    In eval mode the weights stay packed in the order that the kernels read, and are packed anew after any change to
    them. (Changes through a raw pointer that outlived every array are beyond what it can see.) The bias is read at
    every call. `Sequential` computes a `BatchNorm2d` and a `ReLU` after it in the same pass.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of input and result.
    kernel_size : int or pair of int
        Rows and columns of a kernel.
    stride, dilation : int or pair of int
        Rows and columns, at least 1.
    padding : int, pair of int, 'valid' or 'same'
        Rows and columns around the image; 'same' needs stride 1.
    groups : int
        Divides both numbers of channels.
    bias : bool
        Whether to add a number to each output channel.
    padding_mode : 'zeros', 'reflect', 'replicate' or 'circular'
        What lies beyond the edge. 'reflect' does not repeat the edge pixel and needs padding less than the image;
        'circular' wraps once at most.
    device : None or 'cpu'
        For torch's sake.
    dtype : float32 or float64
        Of weights, input and result; float32 if None.
    layout : 'NCHW' or 'NHWC'
        Order of the axes of input and result.
    precision : 'fast', 'strict' or None
        How this layer is computed; None is, at each call, what `pyconv.set_precision` set.

    Attributes
    ----------
    weight : ndarray, (out_channels, in_channels / groups, *kernel_size)
    bias : ndarray, (out_channels,), or None
        Both start uniform within 1 / sqrt(in_channels / groups * kernel rows * kernel columns).

    Raises
    ------
    ValueError, TypeError
        Arguments out of range, or of the wrong type; when called, what `functional.conv2d` raises.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> layer = nn.Conv2d(3, 5, kernel_size=5).eval()
    >>> layer
    Conv2d(3, 5, kernel_size=(5, 5), stride=(1, 1))
    >>> layer(np.ones((1, 3, 32, 32), dtype=np.float32)).shape
    (1, 5, 28, 28)
    """

    weight: Array
    bias: Array | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Padding = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: PaddingMode = "zeros",
        device: object = None,
        dtype: npt.DTypeLike | None = None,
        *,
        layout: Layout = "NCHW",
        precision: Precision | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = positive("in_channels", in_channels)
        self.out_channels = positive("out_channels", out_channels)
        self.kernel_size = pair("kernel_size", kernel_size, 1)
        self.stride = pair("stride", stride, 1)
        self.padding: tuple[int, int] | str
        if isinstance(padding, str):
            self.padding = one_of("padding", padding, ("same", "valid"))
            if padding == "same" and self.stride != (1, 1):
                raise ValueError(f"padding='same' needs stride 1, got {stride!r}")
        else:
            self.padding = pair("padding", padding, 0)
        self.dilation = pair("dilation", dilation, 1)
        self.groups = positive("groups", groups)
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(f"{name} must be divisible by groups, got {channels} and {groups}")
        self.padding_mode = one_of("padding_mode", padding_mode, ("zeros", "reflect", "replicate", "circular"))
        self.layout = layout_name(layout)
        self.precision = precision_name(precision)
        kind = cpu_dtype(device, dtype)
        self.weight = np.empty((out_channels, in_channels // groups, *self.kernel_size), kind)
        self.register_parameter("bias", np.empty(out_channels, kind) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(init.calculate_fan_in_and_fan_out(self.weight)[0])
            init.uniform_(self.bias, -bound, bound)

    def _arguments(self) -> tuple[Any, ...]:
        held = self._parameters
        return held["weight"], held["bias"], self.stride, self.padding, self.dilation, self.groups

    def _options(self) -> dict[str, Any]:
        return {"padding_mode": self.padding_mode, "layout": self.layout, "precision": self.precision}

    def forward(self, input: Array) -> Array:
        """Return the result for images (N, C, H, W) or (C, H, W), or with the channels last in that layout."""
        if self.training:
            return _conv2d(input, *self._arguments(), **self._options())
        return (self._packed or self._pack())(input)

    def _followed_by(self, input: Array, norm: BatchNorm2d | None, activation: Activation | None) -> Array:
        """Return the result in eval mode of this layer and those after it that `Sequential` computes with it."""
        packed = self._packed or self._pack()
        return (packed if norm is None else self._fold(packed, norm))(input, activation)

    def _fold(self, packed: PackedConv2d, norm: BatchNorm2d) -> PackedConv2d:
        """Return this layer with a batch norm folded into its weights, made anew if any array may have changed.

        Of the weight, the packed object knows. The vectors have a number a channel, few enough to look at in each call.
        """
        vectors = norm._vectors()
        looks = [a if a is None else (a.dtype, a.shape, a.tobytes()) for a in (self._parameters["bias"], *vectors)]
        state = (packed.version(), norm.eps, looks)
        kept: tuple[object, PackedConv2d] | None = packed.derived
        if kept is None or kept[0] != state:
            weight, bias, *rest = self._arguments()
            kept = state, PackedConv2d(*folded(weight, bias, vectors, norm.eps), *rest, **self._options())
            packed.derived = kept  # and returned from here: another thread may keep another batch norm's by then
        return kept[1]

    def _pack(self) -> PackedConv2d:
        packed = self.__dict__["_packed"] = PackedConv2d(*self._arguments(), **self._options())
        return packed

    def _explain(self, input: Array) -> dict[str, Any]:
        return explain_conv2d(input, *self._arguments(), **self._options())

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        if self.padding != (0, 0):
            parts.append(f"padding={self.padding}")
        if self.dilation != (1, 1):
            parts.append(f"dilation={self.dilation}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self._parameters["bias"] is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        if self.layout != "NCHW":
            parts.append(f"layout={self.layout}")
        if self.precision is not None:
            parts.append(f"precision={self.precision}")
        return ", ".join(parts)
