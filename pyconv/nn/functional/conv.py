"""Convolution. The work, and the checks of every argument, are in the extension, so that a call costs little."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..._interop import again
from ..._native import conv as _conv
from ..._native import conv_transpose as _conv_transpose
from ...runtime import explained_by
from . import halves, stored

if TYPE_CHECKING:
    from ..._types import Activation, Array, Layout, Overflow, Padding, PaddingMode, Pair, Precision, Sides


def _run(
    rank: int,
    input: Array,
    weight: Array,
    bias: Array | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    out: Array | None,
    layout: str,
    padding_mode: str,
    padding_value: float,
    precision: Precision | None,
    activation: Activation | None,
    residual: Array | None,
    overflow: Overflow,
) -> Array:
    """Convolve floats at once, and what the extension answers None to on the way that `stored` chooses."""
    if overflow == "widen":
        result = _conv(
            rank,
            input,
            weight,
            bias,
            stride,
            padding,
            dilation,
            groups,
            out,
            layout,
            padding_mode,
            padding_value,
            None,  # algorithm
            precision,
            activation,
            residual,
        )
        if result is not None:
            return result  # type: ignore[no-any-return]
    geometry = (stride, padding, dilation, groups)
    border = (layout, padding_mode, padding_value)
    return stored.conv(  # type: ignore[no-any-return]
        rank, input, weight, bias, geometry, border, out, activation, residual, overflow
    )


@explained_by(partial(stored.explain, 1))
def conv1d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    *,
    out: Array | None = None,
    layout: Layout = "NCHW",
    padding_mode: PaddingMode = "zeros",
    padding_value: float = 0.0,
    precision: Precision | None = None,
    activation: Activation | None = None,
    residual: Array | None = None,
    overflow: Overflow = "widen",
) -> Array:
    """One-dimensional cross-correlation, as `torch.nn.functional.conv1d`.

    As `conv2d` with one axis, of length L: input (N, C, L) or (C, L), weight (O, C / groups, K), result (N, O, OL) or
    (O, OL), and `padding` an int, one pair ((before, after),) or a name. 'NLC' is another name of the layout 'NHWC'.

    Raises
    ------
    ValueError, TypeError
        As `conv2d`.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.conv1d(np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([[[-1.0, 1.0]]]), padding="causal")
    array([[1., 1., 1., 1.]])
    """
    try:
        return _run(
            1,
            input,
            weight,
            bias,
            stride,
            padding,
            dilation,
            groups,
            out,
            layout,
            padding_mode,
            padding_value,
            precision,
            activation,
            residual,
            overflow,
        )
    except TypeError as error:
        return again(error, conv1d, locals())  # type: ignore[no-any-return]


@explained_by(partial(stored.explain, 2))
def conv2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    *,
    out: Array | None = None,
    layout: Layout = "NCHW",
    padding_mode: PaddingMode = "zeros",
    padding_value: float = 0.0,
    precision: Precision | None = None,
    activation: Activation | None = None,
    residual: Array | None = None,
    overflow: Overflow = "widen",
) -> Array:
    """Two-dimensional cross-correlation, as `torch.nn.functional.conv2d`.

    With p the input with its padding, and c running over the channels of the group that o belongs to::

        out[n, o, y, x] = bias[o] + sum over c, i, j of  weight[o, c, i, j] * p[n, c, y*sh + i*dh, x*sw + j*dw]

    For convolution in the mathematical sense flip the kernel: ``weight[..., ::-1, ::-1]``. In strict mode the terms are
    added one after the other, in the order c, j, i, each by one fused multiply-add. In fast mode 3x3 and 5x5 layers and
    kernels of one row or column may be computed by Winograd's minimal filtering (Lavin and Gray, "Fast Algorithms for
    Convolutional Neural Networks", CVPR 2016), which multiplies less and rounds otherwise, kernels that are a column
    times a row as `filter2d_separable`, and large kernels on one channel by fast Fourier transforms of tiles
    (overlap-save: Helms, "Fast Fourier Transform Method of Computing Difference Equations and Simulating Filters", IEEE
    Trans. Audio Electroacoust. 15, 1967); see `pyconv.set_precision`. In either, the result is the same, bit for
    bit, on every instruction set and for every number of threads, and does not depend on the rest of the batch.

    With `residual` or `activation` the result is ``activation(out + residual)``: what the separate operations would
    give, rounding for rounding, computed while the output is still in the cache.

    Parameters
    ----------
    input : ndarray, (N, C, H, W) or (C, H, W)
        The images: float32, float64, float16, bfloat16 (of ml_dtypes) or uint8, int8, int16, int32. Any strides;
        read-only arrays too. N may be 0. Bytes under float weights are numbers from 0 to 255: the result is that of
        ``input.astype(weight.dtype)``, which is never made. Half floats are summed in float32, and the result is
        rounded once, to nearest even.
    weight : ndarray, (O, C / groups, KH, KW)
        The kernels, in this order whatever the layout; dtype of `input`, or float32 or float64 where that is uint8, or
        any of the four integer types where that is one.
    bias : ndarray, (O,), dtype of `weight`, or for integers any of the four types, optional
        Added to each output channel.
    stride, dilation : int or pair of int
        Rows and columns, at least 1.
    padding : int, pair of int, pair of pairs, or a name
        Rows or columns on both sides, or on each: ``((top, bottom), (left, right))``. 'valid' is none. 'same' keeps the
        size, with the odd one of an even kernel below and to the right; it needs stride 1. 'same_upper' and
        'same_lower' are ONNX's, and TensorFlow's 'same', at any stride: as many as give ``ceil(H / sh)`` rows, which
        depends on the image, with the odd one on the right or on the left. 'causal' puts ``dh*(KH - 1)`` before the
        first row, so that none depends on later ones, and columns likewise. Padding is data: an infinite weight over it
        gives NaN.
    groups : int
        Splits the channels into this many separate convolutions.
    out : ndarray, optional
        Receives the result, and is returned: right shape and dtype, writable, overlapping no input. A large result into
        an array that exists saves the page faults of a new one.
    padding_mode : 'zeros', 'reflect', 'replicate', 'circular', 'symmetric' or 'constant'
        What the padding holds. 'reflect' does not repeat the edge (SciPy's 'mirror', OpenCV's REFLECT_101), 'symmetric'
        does (SciPy's 'reflect'); 'replicate' is SciPy's 'nearest', 'circular' its 'wrap'; 'constant' is
        `padding_value`. As in torch 'reflect' needs padding less than the image, 'circular' wraps once at most; the
        others have no limit, nor have 'mirror' and 'wrap', SciPy's names of the two. Nothing is copied for it.
    padding_value : float
        For 'constant'.
    layout : 'NCHW' or 'NHWC'
        The order of the axes of `input` and of the result. In the 'NCHW' order, a view of NHWC memory
        (``x.transpose(0, 3, 1, 2)``) is read in place and gives a result in NHWC memory, as torch's channels_last.
    precision : 'fast', 'strict' or None
        The mode of this call; None is the one that `pyconv.set_precision` set, 'fast' until then.
    activation : 'relu', 'relu6', 'silu', 'hardswish', a pair of numbers, or None
        Applied to each element x of the sum; NaN stays NaN. A pair (least, greatest) is
        ``min(max(x, least), greatest)``, either bound possibly infinite, and 'relu6' is (0, 6). 'silu' is
        ``x / (1 + exp(-x))``, 'hardswish' ``x * min(max(x + 3, 0), 6) / 6``. None applies none.
    residual : ndarray, shape and dtype of the result, optional
        Added to the result after the bias and before the activation, with a rounding of its own; it is not broadcast.
        Any strides; it is copied unless it is dense in the result's memory order.
    overflow : 'widen', 'wrap' or 'saturate'
        Of integers, which take neither `residual` nor `activation`. 'widen' gives the sums: int32 where input and
        weight have 8 bits, which holds 33000 products, else int64; beyond that, modulo 2**32 or 2**64. 'wrap' gives
        them in the dtype of `input`, modulo its range, 'saturate' the number of that range next to them.

    Returns
    -------
    ndarray, (N, O, OH, OW) or (O, OH, OW), dtype of `weight`, or for integers what `overflow` says
        ``OH = floor((H + 2*ph - dh*(KH - 1) - 1) / sh) + 1``, and OW likewise.

    Raises
    ------
    ValueError
        Shapes that do not fit together, a kernel larger than the padded image, values out of range, an `out` or a
        `residual` of the wrong shape, an `out` overlapping an input or the residual, an unknown `activation`, bounds
        that are NaN or in the wrong order. The text names the argument and the shapes.
    TypeError
        Element types other than these, or not all the same; a `precision` that is no string; an
        `activation` that is neither a string nor a pair of numbers.

    Examples
    --------
    Five 5x5 kernels over a 32x32 picture of three channels give five maps of 28x28:

    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> picture = np.ones((1, 3, 32, 32), dtype=np.float32)
    >>> kernels = np.ones((5, 3, 5, 5), dtype=np.float32)
    >>> F.conv2d(picture, kernels).shape
    (1, 5, 28, 28)

    The end of a residual block, in one call:

    >>> x, w = np.array([[[1.0, -2.0, 3.0]]]), np.array([[[[2.0]]]])
    >>> F.conv2d(x, w, activation="relu", residual=x)
    array([[[3., 0., 9.]]])

    Integers:

    >>> x, w = np.array([[[100, -100]]], np.int8), np.array([[[[3]]]], np.int8)
    >>> [F.conv2d(x, w, overflow=policy).tolist() for policy in ("widen", "wrap", "saturate")]
    [[[[300, -300]]], [[[44, -44]]], [[[127, -128]]]]
    """
    try:
        return _run(
            2,
            input,
            weight,
            bias,
            stride,
            padding,
            dilation,
            groups,
            out,
            layout,
            padding_mode,
            padding_value,
            precision,
            activation,
            residual,
            overflow,
        )
    except TypeError as error:
        return again(error, conv2d, locals())  # type: ignore[no-any-return]


@explained_by(partial(stored.explain, 3))
def conv3d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    *,
    out: Array | None = None,
    layout: Layout = "NCHW",
    padding_mode: PaddingMode = "zeros",
    padding_value: float = 0.0,
    precision: Precision | None = None,
    activation: Activation | None = None,
    residual: Array | None = None,
    overflow: Overflow = "widen",
) -> Array:
    """Three-dimensional cross-correlation, as `torch.nn.functional.conv3d`.

    As `conv2d` with a depth before the height: input (N, C, D, H, W) or (C, D, H, W), weight (O, C / groups, KD, KH,
    KW), and three numbers where that takes two. The terms of an output are added in the order c, column, depth, row.
    'NDHWC' is another name of the layout 'NHWC'.

    Raises
    ------
    ValueError, TypeError
        As `conv2d`.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.conv3d(np.ones((1, 4, 5, 6)), np.ones((2, 1, 3, 3, 3)), padding=(0, 1, 1)).shape
    (2, 2, 5, 6)
    """
    try:
        return _run(
            3,
            input,
            weight,
            bias,
            stride,
            padding,
            dilation,
            groups,
            out,
            layout,
            padding_mode,
            padding_value,
            precision,
            activation,
            residual,
            overflow,
        )
    except TypeError as error:
        return again(error, conv3d, locals())  # type: ignore[no-any-return]


@explained_by(halves.explained_as_floats(partial(_conv_transpose, 1, explains=True)))
def conv_transpose1d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Pair = 1,
    padding: Sides = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
    *,
    out: Array | None = None,
    layout: Layout = "NCHW",
    precision: Precision | None = None,
) -> Array:
    """One-dimensional transposed convolution, as `torch.nn.functional.conv_transpose1d`.

    As `conv_transpose2d` on an input (N, C, L) or (C, L) and a weight (C, O / groups, K).

    Raises
    ------
    ValueError, TypeError
        As `conv_transpose2d`.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.conv_transpose1d(np.array([[1.0, 2.0]]), np.array([[[1.0, 0.5]]]), stride=2)
    array([[1. , 0.5, 2. , 1. ]])
    """
    try:
        return _conv_transpose(  # type: ignore[no-any-return]
            1,
            input,
            weight,
            bias,
            stride,
            padding,
            output_padding,
            groups,
            dilation,
            out,
            layout,
            None,  # algorithm
            precision,
        )
    except TypeError as error:
        return halves.again(error, conv_transpose1d, locals())  # type: ignore[no-any-return]


@explained_by(halves.explained_as_floats(partial(_conv_transpose, 2, explains=True)))
def conv_transpose2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Pair = 1,
    padding: Sides = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
    *,
    out: Array | None = None,
    layout: Layout = "NCHW",
    precision: Precision | None = None,
) -> Array:
    """Two-dimensional transposed convolution, as `torch.nn.functional.conv_transpose2d`.

    The adjoint of `conv2d`: each input adds the kernel times itself to the outputs that it would have been computed
    from. With t = 0 ... KH - 1 down and columns likewise::

        out[n, o, i*sh - ph + t*dh, ...] += input[n, c, i, ...] * weight[c, o, t, ...]

    Nothing is added twice to memory: outputs that are alike modulo the stride are a convolution of stride 1 with every
    sh-th row and sw-th column of the kernel, turned around (Dumoulin and Visin, "A guide to convolution arithmetic for
    deep learning", 2016), whose algorithms are those of `conv2d`. Inputs beyond the edge are zeros that take part, as
    its padding does.

    Parameters
    ----------
    input : ndarray, (N, C, H, W) or (C, H, W), floats
    weight : ndarray, (C, O / groups, KH, KW), dtype of `input`
    bias : ndarray, (O,), dtype of `input`, optional
    stride, dilation : int or pair of int
        Rows and columns, at least 1.
    padding : int, pair of int or pair of pairs
        Rows and columns that are cut off the result on both sides, or on each: ``((top, bottom), (left, right))``.
        Names are an error.
    output_padding : int or pair of int
        Rows and columns more at the end, of the sizes that `conv2d` with the same stride maps to one; less than stride
        or dilation.
    groups : int
        Splits the channels into this many separate convolutions.
    out, layout, precision
        As in `conv2d`.

    Returns
    -------
    ndarray, (N, O, OH, OW) or (O, OH, OW)
        ``OH = (H - 1)*sh - 2*ph + dh*(KH - 1) + output_padding + 1``, and OW likewise.

    Raises
    ------
    ValueError
        Shapes that do not fit together, values out of range, padding that leaves nothing.
    TypeError
        Element types that are no floats, or not all the same.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.conv_transpose2d(np.array([[[1.0, 2.0]]]), np.ones((1, 1, 2, 2)), stride=2)
    array([[[1., 1., 2., 2.],
            [1., 1., 2., 2.]]])
    """
    try:
        return _conv_transpose(  # type: ignore[no-any-return]
            2,
            input,
            weight,
            bias,
            stride,
            padding,
            output_padding,
            groups,
            dilation,
            out,
            layout,
            None,  # algorithm
            precision,
        )
    except TypeError as error:
        return halves.again(error, conv_transpose2d, locals())  # type: ignore[no-any-return]


@explained_by(halves.explained_as_floats(partial(_conv_transpose, 3, explains=True)))
def conv_transpose3d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Pair = 1,
    padding: Sides = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
    *,
    out: Array | None = None,
    layout: Layout = "NCHW",
    precision: Precision | None = None,
) -> Array:
    """Three-dimensional transposed convolution, as `torch.nn.functional.conv_transpose3d`.

    As `conv_transpose2d` on an input (N, C, D, H, W) or (C, D, H, W) and a weight (C, O / groups, KD, KH, KW).

    Raises
    ------
    ValueError, TypeError
        As `conv_transpose2d`.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.conv_transpose3d(np.ones((1, 2, 3, 4)), np.ones((1, 2, 2, 2, 2)), stride=2).shape
    (2, 4, 6, 8)
    """
    try:
        return _conv_transpose(  # type: ignore[no-any-return]
            3,
            input,
            weight,
            bias,
            stride,
            padding,
            output_padding,
            groups,
            dilation,
            out,
            layout,
            None,  # algorithm
            precision,
        )
    except TypeError as error:
        return halves.again(error, conv_transpose3d, locals())  # type: ignore[no-any-return]
