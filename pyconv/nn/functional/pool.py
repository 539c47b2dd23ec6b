"""Pooling: the largest element or the average of windows, in one to three dimensions.

The work, and the checks of every argument, are in the extension: one function for all of these, told apart by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from ..._native import pool as _pool
from ...runtime import Function, explained_by
from .halves import again, as_floats

if TYPE_CHECKING:
    from ..._types import Array, Layout, OutputSize, Pair


def _explained(function: Function) -> Function:
    def explain(*args: Any, **kwargs: Any) -> dict[str, Any]:
        from inspect import signature  # not on the way of `import pyconv`

        call = signature(function).bind(*args, **kwargs).arguments
        size = call["output_size" if "output_size" in call else "kernel_size"]
        found: dict[str, Any] = _pool(
            function.__name__,
            as_floats(call["input"]),
            size,
            call.get("stride"),
            call.get("padding", 0),
            call.get("dilation", 1),
            call.get("ceil_mode", False),
            call.get("return_indices", False),
            call.get("count_include_pad", True),
            call.get("divisor_override"),
            None,
            call.get("layout", "NCHW"),
            explain=True,
        )
        return found

    return explained_by(explain)(function)


@_explained
def max_pool1d(
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
) -> Any:
    """Maximum over windows of (N, C, L) or (C, L); otherwise as `max_pool2d`, with indices along L.

    Examples
    --------
    >>> import numpy as np, pyconv.nn.functional as F
    >>> F.max_pool1d(np.array([[1, 7, 3, 4]]), 2)
    array([[7, 4]])
    """
    try:
        return _pool(
            "max_pool1d",
            input,
            kernel_size,
            stride,
            padding,
            dilation,
            ceil_mode,
            return_indices,
            True,
            None,
            out,
            layout,
        )
    except TypeError as error:
        return again(error, max_pool1d, locals())


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
@_explained
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
    NaN in the window. Padding never wins: a window of minus infinities gives its first element inside the image. Large
    windows cost hardly more than small ones: their maxima come from two of half the size.

    Parameters
    ----------
    input : ndarray, (N, C, H, W) or (C, H, W), floats or any integer type
        The images. Any strides; read-only arrays too. N may be 0.
    kernel_size : int or pair of int
        Height and width of the window.
    stride : int or pair of int, optional
        Step of the window; its own size if None.
    padding : int or pair of int
        Rows or columns of minus infinity (of the lowest integer) on both sides; at most half of the dilated window.
    dilation : int or pair of int
        Distance between the elements of a window.
    ceil_mode : bool
        Round the output size up instead of down. A last window that would start in the padding on the right is dropped,
        and a single one may be larger than the padded image, by less than the stride.
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
        With `return_indices`: ``row * W + column`` of each maximum within its channel; -1 where a dilated window misses
        the image, whose maximum is that of its padding. (torch has the number of a place beyond the image there.)

    Raises
    ------
    ValueError
        Wrong rank, a window larger than the padded image, values out of range; the text has the shapes.
    TypeError
        Element types other than floats and integers of 8 to 64 bits.

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
        return _pool(  # type: ignore[no-any-return]
            "max_pool2d",
            input,
            kernel_size,
            stride,
            padding,
            dilation,
            ceil_mode,
            return_indices,
            True,
            None,
            out,
            layout,
        )
    except TypeError as error:
        return again(error, max_pool2d, locals())  # type: ignore[no-any-return]


@_explained
def max_pool3d(
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
) -> Any:
    """Maximum over windows of (N, C, D, H, W) or (C, D, H, W); otherwise as `max_pool2d`, with indices of D*H*W.

    Examples
    --------
    >>> import numpy as np, pyconv.nn.functional as F
    >>> F.max_pool3d(np.arange(8.0).reshape(1, 2, 2, 2), 2)
    array([[[[7.]]]])
    """
    try:
        return _pool(
            "max_pool3d",
            input,
            kernel_size,
            stride,
            padding,
            dilation,
            ceil_mode,
            return_indices,
            True,
            None,
            out,
            layout,
        )
    except TypeError as error:
        return again(error, max_pool3d, locals())


@_explained
def avg_pool1d(
    input: Array,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    *,
    out: Array | None = None,
    layout: Layout = "NCHW",
) -> Array:
    """Average over windows of (N, C, L) or (C, L); otherwise as `avg_pool2d`.

    Examples
    --------
    >>> import numpy as np, pyconv.nn.functional as F
    >>> F.avg_pool1d(np.array([[1.0, 7.0, 3.0, 4.0]]), 2)
    array([[4. , 3.5]])
    """
    try:
        return _pool(  # type: ignore[no-any-return]
            "avg_pool1d",
            input,
            kernel_size,
            stride,
            padding,
            1,
            ceil_mode,
            False,
            count_include_pad,
            None,
            out,
            layout,
        )
    except TypeError as error:
        return again(error, avg_pool1d, locals())  # type: ignore[no-any-return]


@_explained
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
    input : ndarray, (N, C, H, W) or (C, H, W), floats
        The images. Any strides; read-only arrays too. N may be 0.
    kernel_size : int or pair of int
        Height and width of the window.
    stride : int or pair of int, optional
        Step of the window; its own size if None.
    padding : int or pair of int
        Rows or columns of zeros on both sides; at most half of `kernel_size`.
    ceil_mode : bool
        Round the output size up instead of down. A last window that would start in the padding on the right is dropped,
        and what another one has beyond the padding never counts; so a single one may be larger than the padded image,
        by less than the stride.
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
        Element types that are no floats.

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
        return _pool(  # type: ignore[no-any-return]
            "avg_pool2d",
            input,
            kernel_size,
            stride,
            padding,
            1,
            ceil_mode,
            False,
            count_include_pad,
            divisor_override,
            out,
            layout,
        )
    except TypeError as error:
        return again(error, avg_pool2d, locals())  # type: ignore[no-any-return]


@_explained
def avg_pool3d(
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
    """Average over windows of (N, C, D, H, W) or (C, D, H, W); otherwise as `avg_pool2d`, but a window larger
    than the image is an error even if padded (as in torch).

    Examples
    --------
    >>> import numpy as np, pyconv.nn.functional as F
    >>> F.avg_pool3d(np.arange(8.0).reshape(1, 2, 2, 2), 2)
    array([[[[3.5]]]])
    """
    try:
        return _pool(  # type: ignore[no-any-return]
            "avg_pool3d",
            input,
            kernel_size,
            stride,
            padding,
            1,
            ceil_mode,
            False,
            count_include_pad,
            divisor_override,
            out,
            layout,
        )
    except TypeError as error:
        return again(error, avg_pool3d, locals())  # type: ignore[no-any-return]


@_explained
def adaptive_avg_pool1d(
    input: Array, output_size: OutputSize, *, out: Array | None = None, layout: Layout = "NCHW"
) -> Array:
    """Average over as many windows of (N, C, L) or (C, L) as `output_size` says; as
    `adaptive_avg_pool2d`.

    Examples
    --------
    >>> import numpy as np, pyconv.nn.functional as F
    >>> F.adaptive_avg_pool1d(np.array([[1.0, 7.0, 3.0]]), 2)
    array([[4., 5.]])
    """
    try:
        return _pool(  # type: ignore[no-any-return]
            "adaptive_avg_pool1d",
            input,
            output_size,
            None,
            0,
            1,
            False,
            False,
            True,
            None,
            out,
            layout,
        )
    except TypeError as error:
        return again(error, adaptive_avg_pool1d, locals())  # type: ignore[no-any-return]


@_explained
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
    input : ndarray, (N, C, H, W) or (C, H, W), floats
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
        Element types that are no floats; sizes that are no integers.

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
        return _pool(  # type: ignore[no-any-return]
            "adaptive_avg_pool2d",
            input,
            output_size,
            None,
            0,
            1,
            False,
            False,
            True,
            None,
            out,
            layout,
        )
    except TypeError as error:
        return again(error, adaptive_avg_pool2d, locals())  # type: ignore[no-any-return]


@_explained
def adaptive_avg_pool3d(
    input: Array, output_size: OutputSize, *, out: Array | None = None, layout: Layout = "NCHW"
) -> Array:
    """Average over as many windows of (N, C, D, H, W) or (C, D, H, W) as `output_size` says; as
    `adaptive_avg_pool2d`.

    Examples
    --------
    >>> import numpy as np, pyconv.nn.functional as F
    >>> F.adaptive_avg_pool3d(np.arange(8.0).reshape(1, 2, 2, 2), 1)
    array([[[[3.5]]]])
    """
    try:
        return _pool(  # type: ignore[no-any-return]
            "adaptive_avg_pool3d",
            input,
            output_size,
            None,
            0,
            1,
            False,
            False,
            True,
            None,
            out,
            layout,
        )
    except TypeError as error:
        return again(error, adaptive_avg_pool3d, locals())  # type: ignore[no-any-return]


@_explained
def adaptive_max_pool1d(
    input: Array,
    output_size: OutputSize,
    return_indices: bool = False,
    *,
    out: Array | None = None,
    layout: Layout = "NCHW",
) -> Any:
    """Maximum over the windows of `adaptive_avg_pool1d`, by the rules of `max_pool1d`, of (N, C, L) or (C, L),
    floats or integers; with `return_indices`, also where each maximum stood.

    Examples
    --------
    >>> import numpy as np, pyconv.nn.functional as F
    >>> F.adaptive_max_pool1d(np.array([[1, 7, 3]]), 2)
    array([[7, 7]])
    """
    try:
        return _pool(
            "adaptive_max_pool1d", input, output_size, None, 0, 1, False, return_indices, True, None, out, layout
        )
    except TypeError as error:
        return again(error, adaptive_max_pool1d, locals())


@_explained
def adaptive_max_pool2d(
    input: Array,
    output_size: OutputSize,
    return_indices: bool = False,
    *,
    out: Array | None = None,
    layout: Layout = "NCHW",
) -> Any:
    """Maximum over the windows of `adaptive_avg_pool2d`, by the rules of `max_pool2d`, of (N, C, H, W) or (C, H, W),
    floats or integers; with `return_indices`, also where each maximum stood.

    Examples
    --------
    >>> import numpy as np, pyconv.nn.functional as F
    >>> F.adaptive_max_pool2d(np.arange(12).reshape(1, 3, 4), (1, None), return_indices=True)
    (array([[[ 8,  9, 10, 11]]]), array([[[ 8,  9, 10, 11]]]))
    """
    try:
        return _pool(
            "adaptive_max_pool2d", input, output_size, None, 0, 1, False, return_indices, True, None, out, layout
        )
    except TypeError as error:
        return again(error, adaptive_max_pool2d, locals())


@_explained
def adaptive_max_pool3d(
    input: Array,
    output_size: OutputSize,
    return_indices: bool = False,
    *,
    out: Array | None = None,
    layout: Layout = "NCHW",
) -> Any:
    """Maximum over the windows of `adaptive_avg_pool3d`, by the rules of `max_pool3d`, of (N, C, D, H, W) or
    (C, D, H, W), floats or integers; with `return_indices`, also where each maximum stood.

    Examples
    --------
    >>> import numpy as np, pyconv.nn.functional as F
    >>> F.adaptive_max_pool3d(np.arange(8.0).reshape(1, 2, 2, 2), 1)
    array([[[[7.]]]])
    """
    try:
        return _pool(
            "adaptive_max_pool3d", input, output_size, None, 0, 1, False, return_indices, True, None, out, layout
        )
    except TypeError as error:
        return again(error, adaptive_max_pool3d, locals())
