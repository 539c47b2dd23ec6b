"""Pooling. The work, and the checks of every argument, are in the extension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from ..._native import explain_max_pool2d
from ..._native import max_pool2d as _max_pool2d
from ...runtime import explained_by

if TYPE_CHECKING:
    from ..._types import Array, Layout, Pair


def _explain(*args: Any, out: Array | None = None, **kwargs: Any) -> dict[str, Any]:
    """Describe a call; where its result goes changes nothing."""
    return explain_max_pool2d(*args, **kwargs)


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
@explained_by(_explain)
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
    return _max_pool2d(  # type: ignore[no-any-return]
        input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, out=out, layout=layout
    )
