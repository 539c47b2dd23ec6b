"""The convolutional layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from .._native import PackedConv
from .._native import conv as _conv
from .._native import conv_transpose as _conv_transpose
from ..runtime import explanation
from . import functional as F
from . import init
from .arguments import cpu_dtype, extent, layout_name, one_of, positive, precision_name
from .functional.norm import folded
from .module import Module

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from .._types import Activation, Array, Layout, Padding, PaddingMode, Pair, Precision, Sides
    from .batchnorm import BatchNorm2d

_MODES = ("zeros", "reflect", "replicate", "circular", "symmetric", "constant", "mirror", "wrap")
_NAMES = ("same", "valid", "same_upper", "same_lower", "causal")


def _sides(padding: Any, rank: int) -> tuple[Any, ...]:
    """Return padding as a number for each axis, or as a pair for each."""
    if np.ndim(padding) < 2:
        return extent("padding", padding, rank, 0)
    pairs = tuple(extent("padding", axis, 2, 0) for axis in padding)
    if len(pairs) != rank:
        raise ValueError(f"padding must have a pair (before, after) for each of {rank} axes, got {padding!r}")
    return pairs


class _ConvNd(Module):
    """What all convolutions are, of any rank, transposed or not."""

    _rank: ClassVar[int]
    _transposed: ClassVar[bool] = False

    weight: Array
    bias: Array | None
    padding: tuple[Any, ...] | str

    def _begin(
        self,
        channels: tuple[int, int],
        kernel_size: Pair,
        stride: Pair,
        padding: Padding,
        dilation: Pair,
        groups: int,
        padding_mode: PaddingMode,
        layout: Layout,
        precision: Precision | None,
    ) -> None:
        """Check and keep the arguments; channels that are not known yet are 0."""
        super().__init__()
        rank = self._rank
        self.in_channels = channels[0] and positive("in_channels", channels[0])
        self.out_channels = positive("out_channels", channels[1])
        self.kernel_size = extent("kernel_size", kernel_size, rank, 1)
        self.stride = extent("stride", stride, rank, 1)
        if isinstance(padding, str):
            self.padding = one_of("padding", padding, _NAMES)
            if padding == "same" and self.stride != (1,) * rank:
                raise ValueError(f"padding='same' needs stride 1, got {stride!r}")
        else:
            self.padding = _sides(padding, rank)
        self.dilation = extent("dilation", dilation, rank, 1)
        self.groups = positive("groups", groups)
        for name, number in zip(("in_channels", "out_channels"), channels, strict=True):
            if number % groups:
                raise ValueError(f"{name} must be divisible by groups, got {number} and {groups}")
        self.padding_mode = one_of("padding_mode", padding_mode, _MODES)
        self.layout = layout_name(layout, rank)
        self.precision = precision_name(precision)

    def _weigh(self, bias: bool, kind: np.dtype[Any]) -> None:
        """Make and fill the parameters."""
        ends = (self.in_channels, self.out_channels) if self._transposed else (self.out_channels, self.in_channels)
        self.weight = np.empty((ends[0], ends[1] // self.groups, *self.kernel_size), kind)
        self.register_parameter("bias", np.empty(self.out_channels, kind) if bias else None)
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
        return {"layout": self.layout, "precision": self.precision}

    def _pack(self) -> Callable[..., Array]:
        """Return what computes a call in eval mode, with packed weights."""
        packed = self.__dict__["_packed"] = PackedConv(*self._arguments(), **self._options())
        return packed

    def _in_halves(self) -> bool:
        weight = self._parameters["weight"]
        return weight is not None and weight.itemsize == 2

    def _operator(self) -> Callable[..., Array]:
        """Return the function whose weights this layer has."""
        return getattr(F, f"conv{'_transpose' if self._transposed else ''}{self._rank}d")  # type: ignore[no-any-return]

    def _unpacked(self, input: Array) -> Array:
        raise NotImplementedError

    def _channels_last(self) -> bool:
        return self.layout.endswith("C")

    def _middle_repr(self) -> list[str]:
        return []

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        if self.padding != (0,) * self._rank:
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * self._rank:
            parts.append(f"dilation={self.dilation}")
        parts += self._middle_repr()
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self._parameters.get("bias", ...) is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        if self.layout != "NCHW":
            parts.append(f"layout={self.layout}")
        if self.precision is not None:
            parts.append(f"precision={self.precision}")
        return ", ".join(parts)


class _Conv(_ConvNd):
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
        padding_value: float = 0.0,
        layout: Layout = "NCHW",
        precision: Precision | None = None,
    ) -> None:
        channels = positive("in_channels", in_channels), out_channels
        self._begin(channels, kernel_size, stride, padding, dilation, groups, padding_mode, layout, precision)
        self.padding_value = float(padding_value)
        self._weigh(bias, cpu_dtype(device, dtype))

    def _options(self) -> dict[str, Any]:
        mode = {"padding_mode": self.padding_mode, "padding_value": self.padding_value}
        return {**mode, **super()._options()}

    def forward(self, input: Array) -> Array:
        """Return the result for a batch (N, C, *spatial) or one image (C, *spatial), or with the channels last."""
        if not self.training:
            return (self._packed or self._pack())(input)
        if self._in_halves():
            return self._unpacked(input)
        return cast("Array", _conv(self._rank, input, *self._arguments(), **self._options()))

    def _unpacked(self, input: Array) -> Array:
        return self._operator()(input, *self._arguments(), **self._options())

    def _followed_by(self, input: Array, norm: BatchNorm2d | None, activation: Activation | None) -> Array:
        """Return the result in eval mode of this layer and those after it that `Sequential` computes with it."""
        packed: Any = self._packed or self._pack()
        return (packed if norm is None else self._fold(packed, norm))(input, activation)

    def _fold(self, packed: PackedConv, norm: BatchNorm2d) -> PackedConv:
        """Return this layer with a batch norm folded into its weights, made anew if any array may have changed.

        Of the weight, the packed object knows. The vectors have a number a channel, few enough to look at in each call.
        """
        vectors = norm._vectors()
        looks = [a if a is None else (a.dtype, a.shape, a.tobytes()) for a in (self._parameters["bias"], *vectors)]
        state = (packed.version(), norm.eps, looks)
        kept: tuple[object, PackedConv] | None = packed.derived
        if kept is None or kept[0] != state:
            weight, bias, *rest = self._arguments()
            kept = state, PackedConv(*folded(weight, bias, vectors, norm.eps), *rest, **self._options())
            packed.derived = kept  # and returned from here: another thread may keep another batch norm's by then
        return kept[1]

    def _explain(self, input: Array) -> dict[str, Any]:
        if self._in_halves():
            return explanation(self._operator(), input, *self._arguments(), **self._options())
        return PackedConv(*self._arguments(), **self._options()).explain(input)


class Conv1d(_Conv):
    """One-dimensional cross-correlation with weights of its own, as `torch.nn.Conv1d`; `Conv2d` with one axis.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> nn.Conv1d(3, 5, 3, padding="causal")(np.ones((1, 3, 32), dtype=np.float32)).shape
    (1, 5, 32)
    """

    _rank = 1


class Conv2d(_Conv):
    """Two-dimensional cross-correlation with weights of its own, as `torch.nn.Conv2d`; see `functional.conv2d`.

    In eval mode the weights stay packed in the order that the kernels read, and are packed anew after any change to
    them. (Changes through a raw pointer that outlived every array are beyond what it can see.) The bias is read at
    every call. `Sequential` computes a `BatchNorm2d` and a `ReLU` after it in the same pass, but for layers of
    half floats, which are computed by themselves; their packed weights are of float32.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of input and result.
    kernel_size : int or pair of int
        Rows and columns of a kernel.
    stride, dilation : int or pair of int
        Rows and columns, at least 1.
    padding : int, pair of int, pair of pairs, or a name
        Around the image, as in `functional.conv2d`; 'same' needs stride 1.
    groups : int
        Divides both numbers of channels.
    bias : bool
        Whether to add a number to each output channel.
    padding_mode : 'zeros', 'reflect', 'replicate', 'circular', 'symmetric' or 'constant'
        What lies beyond the edge, as in `functional.conv2d`.
    device : None or 'cpu'
        For torch's sake.
    dtype : float32, float64, float16 or bfloat16
        Of weights, input and result; float32 if None.
    padding_value : float
        For 'constant'.
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

    A depthwise-separable layer is two of them:

    >>> separable = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), nn.Conv2d(8, 16, 1))
    """

    _rank = 2


class Conv3d(_Conv):
    """Three-dimensional cross-correlation with weights of its own, as `torch.nn.Conv3d`; `Conv2d` with a depth.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> nn.Conv3d(2, 4, 3, padding=1)(np.ones((1, 2, 5, 6, 7), dtype=np.float32)).shape
    (1, 4, 5, 6, 7)
    """

    _rank = 3


class _ConvTranspose(_ConvNd):
    _transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Sides = 0,
        output_padding: Pair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Pair = 1,
        padding_mode: PaddingMode = "zeros",
        device: object = None,
        dtype: npt.DTypeLike | None = None,
        *,
        layout: Layout = "NCHW",
        precision: Precision | None = None,
    ) -> None:
        channels = positive("in_channels", in_channels), out_channels
        self._begin_transposed(
            channels, kernel_size, stride, padding, output_padding, dilation, groups, padding_mode, layout, precision
        )
        self._weigh(bias, cpu_dtype(device, dtype))

    def _begin_transposed(
        self,
        channels: tuple[int, int],
        kernel_size: Pair,
        stride: Pair,
        padding: Sides,
        output_padding: Pair,
        dilation: Pair,
        groups: int,
        padding_mode: PaddingMode,
        layout: Layout,
        precision: Precision | None,
    ) -> None:
        name = type(self).__name__
        if padding_mode != "zeros":
            raise ValueError(f"{name}: padding_mode must be 'zeros', got {padding_mode!r}")
        if isinstance(padding, str):
            raise TypeError(f"{name}: padding must be integers, not a name, got {padding!r}")
        self._begin(channels, kernel_size, stride, padding, dilation, groups, padding_mode, layout, precision)
        self.output_padding = extent("output_padding", output_padding, self._rank, 0)

    def _options(self) -> dict[str, Any]:
        return {"output_padding": self.output_padding, **super()._options()}

    def _output_padding(self, input: Array, output_size: Sequence[int] | None) -> tuple[int, ...]:
        """Return what makes the result as large as it is to be."""
        if output_size is None:
            return self.output_padding
        rank, name, last = self._rank, type(self).__name__, self._channels_last()
        wanted = tuple(output_size)
        if len(wanted) == input.ndim:  # torch takes whole shapes too
            wanted = wanted[-rank - 1 : -1] if last else wanted[-rank:]
        if len(wanted) != rank:
            raise ValueError(f"{name}: output_size must have {rank} or {input.ndim} elements, got {output_size!r}")
        sizes = input.shape[-rank - 1 : -1] if last else input.shape[-rank:]
        more = []
        for axis, (n, size) in enumerate(zip(wanted, sizes, strict=True)):
            step, pads = self.stride[axis], self.padding[axis]
            cut = sum(pads) if isinstance(pads, tuple) else 2 * pads
            least = (size - 1) * step - cut + self.dilation[axis] * (self.kernel_size[axis] - 1) + 1
            if not least <= n < least + step:
                raise ValueError(
                    f"{name}: output_size {output_size!r} is out of range on axis {axis}: an input of {size} gives "
                    f"{least} to {least + step - 1}"
                )
            more.append(n - least)
        return tuple(more)

    def forward(self, input: Array, output_size: Sequence[int] | None = None) -> Array:
        """Return the result, of the size `output_size` if that is given, which decides the output padding."""
        more = self._output_padding(input, output_size)
        if not self.training:
            return (self._packed or self._pack())(input, None, None, more)
        if self._in_halves():
            return self._unpacked(input, None, None, more)
        return cast("Array", _conv_transpose(self._rank, input, *self._in_order(more), **super()._options()))

    def _in_order(self, more: Any) -> tuple[Any, ...]:
        """Return the arguments in the order of `functional.conv_transpose2d`."""
        weight, bias, stride, padding, dilation, groups = self._arguments()
        return weight, bias, stride, padding, more, groups, dilation

    def _unpacked(self, input: Array, activation: None = None, residual: None = None, more: Any = 0) -> Array:
        return self._operator()(input, *self._in_order(more), **super()._options())

    def _explain(self, input: Array, output_size: Sequence[int] | None = None) -> dict[str, Any]:
        more = self._output_padding(input, output_size)
        if self._in_halves():
            return explanation(self._operator(), input, *self._in_order(more), **super()._options())
        return PackedConv(*self._arguments(), **self._options()).explain(input, more)

    def _middle_repr(self) -> list[str]:
        return [f"output_padding={self.output_padding}"] if any(self.output_padding) else []


class ConvTranspose1d(_ConvTranspose):
    """One-dimensional transposed convolution, as `torch.nn.ConvTranspose1d`; `ConvTranspose2d` with one axis."""

    _rank = 1


class ConvTranspose2d(_ConvTranspose):
    """Two-dimensional transposed convolution, as `torch.nn.ConvTranspose2d`; see `functional.conv_transpose2d`.

    A call may name the size of the result, ``layer(x, output_size=(h, w))``, which then decides `output_padding`: of
    the sizes that a convolution with this stride maps to one. Other arguments are those of `Conv2d`; padding is a
    number, or a pair of numbers for both sides, of what is cut off the result.

    Attributes
    ----------
    weight : ndarray, (in_channels, out_channels / groups, *kernel_size)
    bias : ndarray, (out_channels,), or None

    Raises
    ------
    ValueError, TypeError
        Arguments out of range, or of the wrong type; when called, what `functional.conv_transpose2d` raises.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> up = nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1)
    >>> up(np.ones((1, 8, 5, 5), dtype=np.float32), output_size=(10, 10)).shape
    (1, 4, 10, 10)
    """

    _rank = 2


class ConvTranspose3d(_ConvTranspose):
    """Three-dimensional transposed convolution, as `torch.nn.ConvTranspose3d`; `ConvTranspose2d` with a depth."""

    _rank = 3


class _Lazy(_ConvNd):
    """What the first call makes of a layer whose input channels are not known yet."""

    _becomes: ClassVar[type[Any]]

    def _wait(self, bias: bool, kind: np.dtype[Any]) -> None:
        if not bias:
            self.register_parameter("bias", None)
        self._late = (bias, kind)

    def __call__(self, input: Array, *args: Any, **kwargs: Any) -> Array:
        shape = np.shape(input)
        if len(shape) not in (self._rank + 1, self._rank + 2):
            name = type(self).__name__
            raise ValueError(f"{name}: input must have {self._rank + 1} or {self._rank + 2} axes, not shape {shape}")
        channels = shape[-1] if self._channels_last() else shape[-self._rank - 1]
        if channels % self.groups:
            raise ValueError(f"in_channels must be divisible by groups, got {channels} and {self.groups}")
        self._become(channels)
        return self(input, *args, **kwargs)

    def _become(self, channels: int) -> None:
        """Make the layer that this one stands for."""
        self.in_channels = positive("in_channels", channels)
        late = self._late
        del self._late
        self.__class__ = self._becomes
        self._weigh(*late)

    def _convert(self, dtype: np.dtype[Any], converted: Callable[[Array], Array]) -> None:
        self._late = (self._late[0], dtype)

    def _before_load(self, state: Mapping[str, Any], prefix: str) -> None:
        shape = np.shape(state.get(f"{prefix}weight", ()))
        if len(shape) == self._rank + 2:
            self._become(shape[0] if self._transposed else shape[1] * self.groups)

    def reset_parameters(self) -> None:
        """Do nothing: there are no parameters yet."""


class _LazyConv(_Lazy, _Conv):
    def __init__(
        self,
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
        padding_value: float = 0.0,
        layout: Layout = "NCHW",
        precision: Precision | None = None,
    ) -> None:
        channels = 0, out_channels
        self._begin(channels, kernel_size, stride, padding, dilation, groups, padding_mode, layout, precision)
        self.padding_value = float(padding_value)
        self._wait(bias, cpu_dtype(device, dtype))


class LazyConv1d(_LazyConv):
    """`Conv1d` that takes its input channels from its first input, as `torch.nn.LazyConv1d`."""

    _rank, _becomes = 1, Conv1d


class LazyConv2d(_LazyConv):
    """`Conv2d` that takes its input channels from its first input, and is one from then on, as `torch.nn.LazyConv2d`.

    Until then it has no parameters; `load_state_dict` gives it some, too.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> layer = nn.LazyConv2d(8, 3)
    >>> layer(np.ones((1, 5, 6, 6), dtype=np.float32)).shape
    (1, 8, 4, 4)
    >>> layer
    Conv2d(5, 8, kernel_size=(3, 3), stride=(1, 1))
    """

    _rank, _becomes = 2, Conv2d


class LazyConv3d(_LazyConv):
    """`Conv3d` that takes its input channels from its first input, as `torch.nn.LazyConv3d`."""

    _rank, _becomes = 3, Conv3d


class _LazyConvTranspose(_Lazy, _ConvTranspose):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Sides = 0,
        output_padding: Pair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Pair = 1,
        padding_mode: PaddingMode = "zeros",
        device: object = None,
        dtype: npt.DTypeLike | None = None,
        *,
        layout: Layout = "NCHW",
        precision: Precision | None = None,
    ) -> None:
        channels = 0, out_channels
        self._begin_transposed(
            channels, kernel_size, stride, padding, output_padding, dilation, groups, padding_mode, layout, precision
        )
        self._wait(bias, cpu_dtype(device, dtype))


class LazyConvTranspose1d(_LazyConvTranspose):
    """`ConvTranspose1d` that takes its input channels from its first input, as `torch.nn.LazyConvTranspose1d`."""

    _rank, _becomes = 1, ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose):
    """`ConvTranspose2d` that takes its input channels from its first input, as `torch.nn.LazyConvTranspose2d`."""

    _rank, _becomes = 2, ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose):
    """`ConvTranspose3d` that takes its input channels from its first input, as `torch.nn.LazyConvTranspose3d`."""

    _rank, _becomes = 3, ConvTranspose3d
