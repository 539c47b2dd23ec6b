"""Convolution. The work, and the checks of every argument, are in the extension, so that a call costs little."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._native import conv2d as _conv2d
from ..._native import explain_conv2d
from ...runtime import explained_by

if TYPE_CHECKING:
    from ..._types import Activation, Array, Layout, Padding, Pair, Precision


@explained_by(explain_conv2d)
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
    precision: Precision | None = None,
    activation: Activation | None = None,
    residual: Array | None = None,
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
    input : ndarray, (N, C, H, W) or (C, H, W), float32, float64 or uint8
        The images. Any strides; read-only arrays too. N may be 0. Bytes are numbers from 0 to 255: the result is that
        of ``input.astype(weight.dtype)``, which is never made.
    weight : ndarray, (O, C / groups, KH, KW), dtype of `input`, or float32 or float64 where that is uint8
        The kernels, in this order whatever the layout.
    bias : ndarray, (O,), dtype of `weight`, optional
        Added to each output channel.
    stride, dilation : int or pair of int
        Rows and columns, at least 1.
    padding : int, pair of int, 'valid' or 'same'
        Rows or columns of zeros on both sides. 'valid' is none. 'same' keeps the size, with the odd one of an even
        kernel below and to the right; it needs stride 1. Padding is data: an infinite weight over it gives NaN.
    groups : int
        Splits the channels into this many separate convolutions.
    out : ndarray, optional
        Receives the result, and is returned: right shape and dtype, writable, overlapping no input. A large result into
        an array that exists saves the page faults of a new one.
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

    Returns
    -------
    ndarray, (N, O, OH, OW) or (O, OH, OW), dtype of `weight`
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
    """
    return _conv2d(
        input,
        weight,
        bias,
        stride,
        padding,
        dilation,
        groups,
        out,
        layout,
        "zeros",  # padding_mode
        None,  # algorithm
        precision,
        activation,
        residual,
    )
