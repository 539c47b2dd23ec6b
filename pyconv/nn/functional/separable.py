"""Filters that are the product of a column and a row. The work is in the extension."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._interop import interchangeable
from ..._native import explain_filter2d_separable
from ..._native import filter2d_separable as _filter2d_separable
from ...runtime import explained_by
from .halves import explained_as_floats, half_floats

if TYPE_CHECKING:
    from ..._types import Activation, Array, Layout, Padding, PaddingMode, Pair


@interchangeable
@half_floats()
@explained_by(explained_as_floats(explain_filter2d_separable))
def filter2d_separable(
    input: Array,
    kernel_x: Array,
    kernel_y: Array,
    bias: Array | None = None,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    *,
    out: Array | None = None,
    layout: Layout = "NCHW",
    padding_mode: PaddingMode = "zeros",
    activation: Activation | None = None,
    residual: Array | None = None,
) -> Array:
    """Filter each channel with the kernel ``outer(kernel_y, kernel_x)``, without computing all of its products.

    With p the input with its padding, a column goes down the image first, then a row along it::

        t[n, c, y, u]   = sum over i of  kernel_y[c, i] * p[n, c, y*sh + i*dh, u]
        out[n, c, y, x] = bias[c] + sum over j of  kernel_x[c, j] * t[n, c, y, x*sw + j*dw]

    That is KH + KW multiplications an output, where `conv2d` with the product as its weight has KH * KW: Gaussian, box,
    binomial and Sobel filters are such products. As in `scipy.ndimage.correlate1d` and `cv2.sepFilter2D`, kernels are
    not flipped. Terms are added one after the other, each by one fused multiply-add, and t is rounded to the input's
    type: the result is the same, bit for bit, on every instruction set and for every number of threads. A few rows of t
    exist at a time.

    `conv2d` does the same by itself, in fast mode, where every kernel of a depthwise layer is such a product to the
    last bit (of integers and powers of two, say, or all alike) and two passes pay: from 6x6 on an image of 1024 pixels
    or more, 4x4 on one of 65536, 10x10 with a stride.

    Parameters
    ----------
    input : ndarray, (N, C, H, W) or (C, H, W), float32, float64 or uint8
        The images, as in `conv2d`. Any strides; read-only arrays too. N may be 0.
    kernel_x : ndarray, (KW,) or (C, KW), dtype of `input`, or float32 or float64 where that is uint8
        The row: what the filter does along the width, for all channels or for each.
    kernel_y : ndarray, (KH,) or (C, KH), dtype of `kernel_x`
        The column: what it does along the height.
    bias : ndarray, (C,), dtype of `kernel_x`, optional
        Added to each channel.
    stride, dilation : int or pair of int
        Rows and columns, at least 1.
    padding : int, pair of int, 'valid' or 'same'
        As in `conv2d`. 'same' keeps the size.
    out, layout, activation, residual
        As in `conv2d`.
    padding_mode : 'zeros', 'reflect', 'replicate' or 'circular'
        What lies beyond the edge, as in `pyconv.nn.Conv2d`. 'reflect' does not repeat the edge, as SciPy's 'mirror';
        'replicate' is SciPy's 'nearest', 'circular' its 'wrap'. Nothing is copied for it.

    Returns
    -------
    ndarray, (N, C, OH, OW) or (C, OH, OW), dtype of `kernel_x`
        Sizes as those of `conv2d`.

    Raises
    ------
    ValueError
        Shapes that do not fit together, a kernel larger than the padded image, values out of range, an `out` or a
        `residual` of the wrong shape or memory. The text names the argument and the shapes.
    TypeError
        Element types other than these, or not all the same.

    Examples
    --------
    A binomial blur of one bright pixel:

    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> picture = np.zeros((1, 4, 5), dtype=np.float32)
    >>> picture[0, 1, 2] = 16
    >>> blur = np.array([0.25, 0.5, 0.25], dtype=np.float32)
    >>> F.filter2d_separable(picture, blur, blur, padding="same")[0]
    array([[0., 1., 2., 1., 0.],
           [0., 2., 4., 2., 0.],
           [0., 1., 2., 1., 0.],
           [0., 0., 0., 0., 0.]], dtype=float32)
    """
    return _filter2d_separable(
        input,
        kernel_x,
        kernel_y,
        bias,
        stride,
        padding,
        dilation,
        out,
        layout,
        padding_mode,
        activation,
        residual,
    )
