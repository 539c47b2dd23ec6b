"""Cross-correlation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .activation import activate
from .arguments import check_floats, extent, from_nchw, taps, to_nchw
from .stored import convolve_integers, limited

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from .arguments import Array

# Our name for what lies beyond the edge, and np.pad's.
_PAD_MODES = {
    "zeros": "constant",
    "reflect": "reflect",
    "mirror": "reflect",
    "replicate": "edge",
    "circular": "wrap",
    "wrap": "wrap",
    "symmetric": "symmetric",
    "constant": "constant",
}

Sides = list[tuple[int, int]]


def _sides(padding: Any, rank: int) -> Sides:
    """Return numbers for both sides of each axis, or a pair for each, as pairs."""
    if np.ndim(padding) < 2:
        return [(n, n) for n in extent("padding", padding, rank, 0)]
    if np.shape(padding) != (rank, 2) or np.min(padding) < 0:
        raise ValueError(f"padding must have a pair (before, after) for each of {rank} axes, got {padding!r}")
    return [(int(before), int(after)) for before, after in padding]


def _padding(
    padding: Any, sizes: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> Sides:
    """Return what each axis has before and after it."""
    if not isinstance(padding, str):
        return _sides(padding, len(kernel))
    name = padding.lower() if padding in ("VALID", "SAME_UPPER", "SAME_LOWER") else padding
    if name not in ("valid", "same", "same_upper", "same_lower", "causal"):
        raise ValueError(f"padding must be a known name or integers, got {padding!r}")
    if name == "same" and set(stride) != {1}:
        raise ValueError(f"padding='same' needs stride 1, got {stride}")
    pads = []
    for n, k, s, d in zip(sizes, kernel, stride, dilation, strict=True):
        reach = d * (k - 1)
        if name == "valid":
            pads.append((0, 0))
        elif name == "causal":
            pads.append((reach, 0))
        else:
            # As many as make the result ceil(n / s) long; the odd one on the right or, with same_lower, on the left.
            total = max((-(-n // s) - 1) * s + reach + 1 - n, 0)
            small, large = total // 2, total - total // 2
            pads.append((large, small) if name == "same_lower" else (small, large))
    return pads


def _tap(matrices: Array, tap: tuple[int, ...]) -> Array:
    """Return the matrices of one tap, which the last axes count."""
    index: Any = (..., *tap)
    found: Array = matrices[index]
    return found


def _conv(
    rank: int,
    input: Array,
    weight: Array,
    bias: Array | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    layout: str,
    padding_mode: str,
    padding_value: float,
    activation: Any,
    residual: Array | None,
    dtype: npt.DTypeLike | None,
    overflow: str = "widen",
) -> Array:
    """Cross-correlate on `rank` spatial axes."""
    if input.dtype.kind in "iu" and weight.dtype.kind in "iu":

        def convolve(x: Array, w: Array, value: float) -> Array:
            geometry = (stride, padding, dilation, groups, layout, padding_mode, value)
            return _conv(rank, x, w, None, *geometry, activation, residual, None)

        total = convolve_integers(convolve, input, weight, int(padding_value))
        if bias is not None:
            total += bias.astype(np.int64).reshape(-1, *(() if layout == "NHWC" else (1,) * rank))
        return limited(total, input.dtype, weight.dtype, overflow)
    check_floats(input=input, weight=weight, bias=bias, residual=residual)
    images = to_nchw(input, layout, rank)
    if weight.ndim != rank + 2:
        raise ValueError(f"weight must have {rank + 2} axes, got shape {weight.shape}")
    n, c, *sizes = images.shape
    o, c_group, *kernel = weight.shape
    if groups < 1 or c % groups or o % groups:
        raise ValueError(f"groups must divide {c} input and {o} output channels, got {groups}")
    if c_group != c // groups:
        raise ValueError(f"weight {weight.shape} does not fit input {input.shape} with groups {groups}")
    if bias is not None and bias.shape != (o,):
        raise ValueError(f"bias must have shape ({o},), got {bias.shape}")
    if min(c, *sizes, o, *kernel) < 1:
        raise ValueError(f"only the batch may be empty: input {input.shape}, weight {weight.shape}")
    steps, apart = extent("stride", stride, rank, 1), extent("dilation", dilation, rank, 1)
    pads = _padding(padding, tuple(sizes), tuple(kernel), steps, apart)
    if padding_mode not in _PAD_MODES:
        raise ValueError(f"padding_mode must be one of {', '.join(_PAD_MODES)}, got {padding_mode!r}")
    limits = {"reflect": [size - 1 for size in sizes], "circular": sizes}
    if padding_mode in limits and any(max(p) > m for p, m in zip(pads, limits[padding_mode], strict=True)):
        raise ValueError(f"padding {pads} is too large for padding_mode {padding_mode!r} and input {input.shape}")

    mode: Any = _PAD_MODES[padding_mode]
    filled = {"constant_values": padding_value if padding_mode == "constant" else 0} if mode == "constant" else {}
    padded = np.pad(images.astype(np.float64), [(0, 0), (0, 0), *pads], mode=mode, **filled)
    size = tuple(
        (whole - d * (k - 1) - 1) // s + 1
        for whole, k, s, d in zip(padded.shape[2:], kernel, steps, apart, strict=True)
    )
    if min(size) < 1:
        raise ValueError(f"weight {weight.shape} with dilation {apart} is larger than the padded input {padded.shape}")

    # One product of a (O/G, C/G) matrix with the (C/G, pixels) under one tap, for each tap, image and group.
    pixels = int(np.prod(size))
    result = np.zeros((n, groups, o // groups, pixels))
    if bias is not None:
        result += bias.reshape(groups, o // groups, 1)
    matrices = weight.astype(np.float64).reshape(groups, o // groups, c_group, *kernel)
    with np.errstate(invalid="ignore", over="ignore"):  # infinities are data
        for tap in np.ndindex(*kernel):
            offset = tuple(t * d for t, d in zip(tap, apart, strict=True))
            result += _tap(matrices, tap) @ taps(padded, offset, steps, size).reshape(n, groups, c_group, pixels)
        result = from_nchw(result.reshape(n, o, *size), layout, input.ndim == rank + 2)
        if residual is not None:
            if residual.shape != result.shape:
                raise ValueError(f"residual has shape {residual.shape} but the result has shape {result.shape}")
            result = result + residual
        return activate(result, activation).astype(input.dtype if dtype is None else dtype)


def _conv_transpose(
    rank: int,
    input: Array,
    weight: Array,
    bias: Array | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
    layout: str,
    dtype: npt.DTypeLike | None,
) -> Array:
    """Add each input, times the kernel, to the outputs around it; then cut the padding off."""
    check_floats(input=input, weight=weight, bias=bias)
    images = to_nchw(input, layout, rank)
    if weight.ndim != rank + 2:
        raise ValueError(f"weight must have {rank + 2} axes, got shape {weight.shape}")
    n, c, *sizes = images.shape
    c_weight, o_group, *kernel = weight.shape
    if groups < 1 or c % groups:
        raise ValueError(f"groups must divide {c} input channels, got {groups}")
    if c_weight != c:
        raise ValueError(f"weight {weight.shape} does not fit input {input.shape}")
    if min(c, *sizes, o_group, *kernel) < 1:
        raise ValueError(f"only the batch may be empty: input {input.shape}, weight {weight.shape}")
    if bias is not None and bias.shape != (groups * o_group,):
        raise ValueError(f"bias must have shape ({groups * o_group},), got {bias.shape}")
    steps, apart = extent("stride", stride, rank, 1), extent("dilation", dilation, rank, 1)
    pads, more = _sides(padding, rank), extent("output_padding", output_padding, rank, 0)
    if any(extra and extra >= max(s, d) for extra, s, d in zip(more, steps, apart, strict=True)):
        raise ValueError(f"output_padding {more} must be smaller than stride {steps} or dilation {apart}")
    whole = [(m - 1) * s + d * (k - 1) + 1 for m, s, d, k in zip(sizes, steps, apart, kernel, strict=True)]
    size = [w - lo - hi + extra for w, (lo, hi), extra in zip(whole, pads, more, strict=True)]
    if min(size) < 1:
        raise ValueError(f"padding {pads} leaves nothing of a result of {whole}")

    result = np.zeros((n, groups, o_group, *(w + extra for w, extra in zip(whole, more, strict=True))))
    matrices = weight.astype(np.float64).reshape(groups, c // groups, o_group, *kernel)
    pixels = images.astype(np.float64).reshape(n, groups, c // groups, int(np.prod(sizes)))
    with np.errstate(invalid="ignore", over="ignore"):
        for tap in np.ndindex(*kernel):
            offset = tuple(t * d for t, d in zip(tap, apart, strict=True))
            added = np.swapaxes(_tap(matrices, tap), 1, 2) @ pixels
            taps(result, offset, steps, tuple(sizes))[...] += added.reshape(n, groups, o_group, *sizes)
    offset = tuple(lo for lo, _ in pads)
    result = taps(result.reshape(n, groups * o_group, *result.shape[3:]), offset, (1,) * rank, tuple(size))
    if bias is not None:
        result = result + bias.reshape(-1, *(1,) * rank)
    result = from_nchw(result, layout, input.ndim == rank + 2)
    return result.astype(input.dtype if dtype is None else dtype)


def conv1d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    *,
    layout: str = "NCHW",
    padding_mode: str = "zeros",
    padding_value: float = 0.0,
    activation: str | Sequence[float] | None = None,
    residual: Array | None = None,
    dtype: npt.DTypeLike | None = None,
    overflow: str = "widen",
) -> Array:
    """Cross-correlate signals (N, C, L) with kernels (O, C/G, K), as `conv2d` does images."""
    options = layout, padding_mode, padding_value, activation, residual, dtype, overflow
    return _conv(1, input, weight, bias, stride, padding, dilation, groups, *options)


def conv2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    *,
    layout: str = "NCHW",
    padding_mode: str = "zeros",
    padding_value: float = 0.0,
    activation: str | Sequence[float] | None = None,
    residual: Array | None = None,
    dtype: npt.DTypeLike | None = None,
    overflow: str = "widen",
) -> Array:
    """Cross-correlate images with kernels.

    With P the padded input, G = `groups`, and c running over the C/G channels of the group g that o belongs to::

        out[n, o, y, x] = bias[o] + sum over c, i, j of  weight[o, c, i, j] * P[n, g*C/G + c, y*sh + i*dh, x*sw + j*dw]

    and then ``activation(out + residual)``.

    Parameters
    ----------
    input : ndarray, (N, C, H, W) or (C, H, W), or (N, H, W, C) or (H, W, C) with layout 'NHWC'
    weight : ndarray, (O, C/G, KH, KW)
    bias : ndarray, (O,), optional
    stride, padding, dilation, groups, layout
        As in `pyconv.nn.functional.conv2d`.
    padding_mode, padding_value
        What P holds around the image.
    activation : 'relu', 'relu6', 'silu', 'hardswish', a pair (least, greatest) of numbers, or None
        See `activate`.
    residual : ndarray, shape of the result, optional
    dtype : dtype, optional
        Of the result; the input's if None. float64 gives the sums as they were accumulated.
    overflow : 'widen', 'wrap' or 'saturate'
        Of integers: what becomes of sums, as in `pyconv.nn.functional.conv2d`.

    Returns
    -------
    ndarray, (N, O, OH, OW), or with its axes as the input's

    Raises
    ------
    ValueError, TypeError
        Arguments that do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(9.0).reshape(1, 3, 3)
    >>> conv2d(image, np.array([[[[1.0, 0.0], [0.0, -1.0]]]]))
    array([[[-4., -4.],
            [-4., -4.]]])
    """
    options = layout, padding_mode, padding_value, activation, residual, dtype, overflow
    return _conv(2, input, weight, bias, stride, padding, dilation, groups, *options)


def conv3d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    *,
    layout: str = "NCHW",
    padding_mode: str = "zeros",
    padding_value: float = 0.0,
    activation: str | Sequence[float] | None = None,
    residual: Array | None = None,
    dtype: npt.DTypeLike | None = None,
    overflow: str = "widen",
) -> Array:
    """Cross-correlate volumes (N, C, D, H, W) with kernels (O, C/G, KD, KH, KW), as `conv2d` does images."""
    options = layout, padding_mode, padding_value, activation, residual, dtype, overflow
    return _conv(3, input, weight, bias, stride, padding, dilation, groups, *options)


def conv_transpose1d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
    *,
    layout: str = "NCHW",
    dtype: npt.DTypeLike | None = None,
) -> Array:
    """Transpose the convolution of signals, as `conv_transpose2d` that of images."""
    options = layout, dtype
    return _conv_transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation, *options)


def conv_transpose2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
    *,
    layout: str = "NCHW",
    dtype: npt.DTypeLike | None = None,
) -> Array:
    """Transpose the convolution of images: `conv2d`'s adjoint as a linear map, for kernels (C, O/G, KH, KW).

    Each input pixel adds the kernel times itself to the result, `stride` pixels after its neighbour; of the sum,
    `padding` is cut off, and `output_padding` added at the end::

        whole[n, o, y*sh + i*dh, x*sw + j*dw] += input[n, c, y, x] * weight[c, o, i, j]

    Examples
    --------
    >>> import numpy as np
    >>> conv_transpose2d(np.array([[[1.0, 2.0]]]), np.array([[[[1.0, 0.5]]]]))
    array([[[1. , 2.5, 1. ]]])
    """
    options = layout, dtype
    return _conv_transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation, *options)


def conv_transpose3d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
    *,
    layout: str = "NCHW",
    dtype: npt.DTypeLike | None = None,
) -> Array:
    """Transpose the convolution of volumes, as `conv_transpose2d` that of images."""
    options = layout, dtype
    return _conv_transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation, *options)
