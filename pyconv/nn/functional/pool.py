"""Pooling. The work, and the checks of every argument, are in the extension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from ..._interop import again
from ..._native import adaptive_avg_pool2d as _adaptive_avg_pool2d
from ..._native import avg_pool2d as _avg_pool2d
from ..._native import explain_adaptive_avg_pool2d, explain_avg_pool2d, explain_max_pool2d
from ..._native import max_pool2d as _max_pool2d
from ...runtime import explained_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..._types import Array, Layout, OutputSize, Pair


def _whatever_out(explainer: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Let an explainer take `out`: where a result goes changes nothing."""

    def explain(*args: Any, out: Array | None = None, **kwargs: Any) -> dict[str, Any]:
        return explainer(*args, **kwargs)

    return explain


@overload
def max_pool2d(
    input: Array,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
    *,
    out: Array | None = None,
    layout: Layout = "NCHW",
) -> Array: ...
@overload
def max_pool2d(
    input: Array,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
    out: Array | None = None,
    layout: Layout = "NCHW",
) -> tuple[Array, Array]: ...
@explained_by(_whatever_out(explain_max_pool2d))
def max_pool2d(
    input: Array,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    out: Array | None = None,
    layout: Layout = "NCHW",
) -> Array | tuple[Array, Array]:
    """Maximum over a moving window, each channel by itself, as `torch.nn.functional.max_pool2d`.

    The first of equal values wins (-0 and +0 are equal). NaN wins over every number, and its index is that of the last
    NaN in the window. Padding never wins: a window of minus infinities gives its first element inside the image.

    Parameters
    ----------
    input : ndarray, (N, C, H, W) or (C, H, W), float32 or float64
        The images. Any strides; read-only arrays too. N may be 0.
    kernel_size : int or pair of int
        Height and width of the window.
    stride : int or pair of int, optional
        Step of the window; its own size if None.
    padding : int or pair of int
        Rows or columns of minus infinity on both sides; at most half of the dilated window.
    dilation : int or pair of int
        Distance between the elements of a window.
    ceil_mode : bool
        Round the output size up instead of down. A last window that would start in the padding on the right is dropped.
    return_indices : bool
        Also return where each maximum stood.
    out : ndarray, optional
        Receives the maxima, and is returned.
    layout : 'NCHW' or 'NHWC'
        The order of the axes of `input` and of the results.

    Returns
    -------
    ndarray, (N, C, OH, OW) or (C, OH, OW)
        ``OH = floor((H + 2*ph - dh*(KH - 1) - 1) / sh) + 1``, and OW likewise; in memory order of the input.
    ndarray of int64, of the same shape
        With `return_indices`: ``row * W + column`` of each maximum within its channel.

    Raises
    ------
    ValueError
        Wrong rank, a window larger than the padded image, values out of range; the text has the shapes.
    TypeError
        Element types other than float32 and float64.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> x = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    >>> F.max_pool2d(x, 2)
    array([[[ 5.,  7.],
            [13., 15.]]], dtype=float32)
    >>> F.max_pool2d(x, 2, return_indices=True)[1]
    array([[[ 5,  7],
            [13, 15]]])
    """
    try:
        return _max_pool2d(  # type: ignore[no-any-return]
            input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, out=out, layout=layout
        )
    except TypeError as error:
        return again(error, max_pool2d, locals())  # type: ignore[no-any-return]


@explained_by(_whatever_out(explain_avg_pool2d))
def avg_pool2d(
    input: Array,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    out: Array | None = None,
    layout: Layout = "NCHW",
) -> Array:
    """Average over a moving window, each channel by itself, as `torch.nn.functional.avg_pool2d`.

    The elements of a row are added from left to right, then the sums of the rows from top to bottom, and the sum is
    divided once. Only where a single window covers the whole image, element i, counted row by row, is added to the sum
    ``i % 16`` of 16, and of these the upper half to the lower, four times. Either way results have the same bits on
    every instruction set, for any number of threads, in either layout.

    Parameters
    ----------
    input : ndarray, (N, C, H, W) or (C, H, W), float32 or float64
        The images. Any strides; read-only arrays too. N may be 0.
    kernel_size : int or pair of int
        Height and width of the window.
    stride : int or pair of int, optional
        Step of the window; its own size if None.
    padding : int or pair of int
        Rows or columns of zeros on both sides; at most half of `kernel_size`.
    ceil_mode : bool
        Round the output size up instead of down. A last window that would start in the padding on the right is dropped,
        and what another one has beyond the padding never counts.
    count_include_pad : bool
        Divide by the number of elements in the image and in the padding; if False, by the number in the image.
    divisor_override : int, optional
        Divide by this instead; not 0.
    out : ndarray, optional
        Receives the averages, and is returned.
    layout : 'NCHW' or 'NHWC'
        The order of the axes of `input` and of the result.

    Returns
    -------
    ndarray, (N, C, OH, OW) or (C, OH, OW)
        ``OH = floor((H + 2*ph - KH) / sh) + 1``, and OW likewise; in memory order of the input.

    Raises
    ------
    ValueError
        Wrong rank, a window larger than the padded image, values out of range; the text has the shapes.
    TypeError
        Element types other than float32 and float64.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> x = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    >>> F.avg_pool2d(x, 2)
    array([[[ 2.5,  4.5],
            [10.5, 12.5]]], dtype=float32)
    >>> F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
    array([[[ 2.5,  4. ],
            [ 8.5, 10. ]]], dtype=float32)
    """
    try:
        return _avg_pool2d(
            input,
            kernel_size,
            stride,
            padding,
            ceil_mode,
            count_include_pad,
            divisor_override,
            out=out,
            layout=layout,
        )
    except TypeError as error:
        return again(error, avg_pool2d, locals())  # type: ignore[no-any-return]


@explained_by(_whatever_out(explain_adaptive_avg_pool2d))
def adaptive_avg_pool2d(
    input: Array, output_size: OutputSize, *, out: Array | None = None, layout: Layout = "NCHW"
) -> Array:
    """Average over as many windows as the result is to have elements, as `torch.nn.functional.adaptive_avg_pool2d`.

    Row i of the result averages the rows of the image from ``floor(i*H / OH)`` to ``ceil((i + 1)*H / OH) - 1``, and
    columns likewise. Where OH divides H and OW divides W, that is ``avg_pool2d(input, (H // OH, W // OW))``, bit for
    bit and as fast; the average of the whole image, with `output_size` 1, runs as fast as memory is read. Other windows
    differ in size and may overlap; they are added in the same order (a row from left to right, then the rows from top
    to bottom, one division), each by itself: channels-last images with vectors of channels, others an element at a
    time.

    Parameters
    ----------
    input : ndarray, (N, C, H, W) or (C, H, W), float32 or float64
        The images. Any strides; read-only arrays too. N may be 0.
    output_size : int or pair of int or None
        Height and width of the result, larger than those of the image or 0 if you like; None keeps that of the image.
    out : ndarray, optional
        Receives the averages, and is returned.
    layout : 'NCHW' or 'NHWC'
        The order of the axes of `input` and of the result.

    Returns
    -------
    ndarray, (N, C, OH, OW) or (C, OH, OW)
        In memory order of the input.

    Raises
    ------
    ValueError
        Wrong rank, an empty image, a negative size; the text has the shapes.
    TypeError
        Element types other than float32 and float64; sizes that are no integers.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> x = np.arange(15, dtype=np.float32).reshape(1, 3, 5)
    >>> F.adaptive_avg_pool2d(x, (None, 2))
    array([[[ 1.,  3.],
            [ 6.,  8.],
            [11., 13.]]], dtype=float32)
    >>> F.adaptive_avg_pool2d(x, 1)
    array([[[7.]]], dtype=float32)
    """
    try:
        return _adaptive_avg_pool2d(input, output_size, out=out, layout=layout)
    except TypeError as error:
        return again(error, adaptive_avg_pool2d, locals())  # type: ignore[no-any-return]
