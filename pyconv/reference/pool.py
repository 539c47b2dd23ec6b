"""Pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .arguments import check_floats, from_nchw, pair, taps, to_nchw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .arguments import Array


def _output_size(n: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """Count the windows along one axis."""
    room = n + 2 * padding - dilation * (kernel - 1) - 1
    size = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (size - 1) * stride >= n + padding:
        size -= 1  # the last window would start in the padding on the right
    return size


class _Windows(NamedTuple):
    """Pairs are (rows, columns). The border is what the windows reach beyond the image, before and after it."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    size: tuple[int, int]
    border: list[tuple[int, int]]


def _windows(
    input: Array,
    layout: str,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None,
    padding: int | Sequence[int],
    dilation: int | Sequence[int],
    ceil_mode: bool,
) -> _Windows:
    """Check the arguments of a pooling, and lay its windows out."""
    _, c, h, w = to_nchw(input, layout).shape
    (kh, kw), (dh, dw) = pair("kernel_size", kernel_size, 1), pair("dilation", dilation, 1)
    (sh, sw), (ph, pw) = pair("stride", kernel_size if stride is None else stride, 1), pair("padding", padding, 0)
    if min(c, h, w) < 1:
        raise ValueError(f"only the batch may be empty: input {input.shape}")
    if ph > (dh * (kh - 1) + 1) // 2 or pw > (dw * (kw - 1) + 1) // 2:
        raise ValueError(f"padding {padding} is more than half of the window {kernel_size} with dilation {dilation}")
    oh, ow = _output_size(h, kh, sh, ph, dh, ceil_mode), _output_size(w, kw, sw, pw, dw, ceil_mode)
    if min(oh, ow) < 1:
        raise ValueError(
            f"kernel_size {kernel_size} with dilation {dilation} is larger than the padded input {input.shape}"
        )
    bottom, right = (oh - 1) * sh + dh * (kh - 1) + 1 - h - ph, (ow - 1) * sw + dw * (kw - 1) + 1 - w - pw
    return _Windows((kh, kw), (sh, sw), (dh, dw), (oh, ow), [(ph, max(bottom, 0)), (pw, max(right, 0))])


def max_pool2d(
    input: Array,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    layout: str = "NCHW",
) -> Array | tuple[Array, Array]:
    """Take the maximum of each window, over the elements inside the image::

        out[n, c, y, x] = max over i, j of  input[n, c, y*sh + i*dh - ph, x*sw + j*dw - pw]

    Elements are visited row by row. A later one takes over if it is larger, or NaN; so the first of equal values
    wins, NaN wins over numbers, and of several NaN the last one.

    Parameters
    ----------
    input : ndarray, (N, C, H, W) or (C, H, W), or channels last with layout 'NHWC'; any real type
    kernel_size, stride, padding, dilation, ceil_mode, return_indices, layout
        As in `pyconv.nn.functional.max_pool2d`.

    Returns
    -------
    ndarray, and with `return_indices` another of int64 with ``row * W + column`` of each maximum

    Raises
    ------
    ValueError
        Arguments that do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> values, indices = max_pool2d(np.array([[[1.0, 5.0, 5.0, np.nan]]]), (1, 2), return_indices=True)
    >>> values, indices
    (array([[[ 5., nan]]]), array([[[1, 3]]]))
    """
    (kh, kw), (sh, sw), (dh, dw), (oh, ow), border = _windows(
        input, layout, kernel_size, stride, padding, dilation, ceil_mode
    )
    images = to_nchw(input, layout)
    n, c, h, w = images.shape

    # Padding never wins, because it is marked as outside; the index -1 holds only until an element inside is found.
    padded = np.pad(images, [(0, 0), (0, 0), *border])
    inside = np.pad(np.ones((h, w), dtype=bool), border)
    index = np.pad(np.arange(h * w).reshape(h, w), border)
    best = np.zeros((n, c, oh, ow), dtype=input.dtype)
    where = np.full((n, c, oh, ow), -1, dtype=np.int64)
    for i in range(kh):
        for j in range(kw):
            value, is_inside, at = (
                taps(array, (i * dh, j * dw), (sh, sw), (oh, ow)) for array in (padded, inside, index)
            )
            takes_over = is_inside & ((where < 0) | (value > best) | (value != value))
            best = np.where(takes_over, value, best)
            where = np.where(takes_over, at, where)
    values, indices = (from_nchw(result, layout, input.ndim == 4) for result in (best, where))
    return (values, indices) if return_indices else values


def avg_pool2d(
    input: Array,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    layout: str = "NCHW",
) -> Array:
    """Take the average of each window::

        out[n, c, y, x] = sum over i, j of  input[n, c, y*sh + i - ph, x*sw + j - pw]  / divisor

    What lies outside the image adds nothing. The divisor is the number of elements of the window that lie in the image
    or, with `count_include_pad`, in the image or its padding; or it is `divisor_override`.

    Parameters
    ----------
    input : ndarray, (N, C, H, W) or (C, H, W), or channels last with layout 'NHWC'; float32 or float64
    kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, layout
        As in `pyconv.nn.functional.avg_pool2d`.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        Arguments that do not fit together.
    TypeError
        Other element types.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[1.0, 2.0, 6.0]]])
    >>> avg_pool2d(x, (1, 2), padding=(0, 1)), avg_pool2d(x, (1, 2), padding=(0, 1), count_include_pad=False)
    (array([[[0.5, 4. ]]]), array([[[1., 4.]]]))
    """
    check_floats(input=input)
    if divisor_override == 0:
        raise ValueError("divisor_override must not be 0")
    (kh, kw), stride, _, size, border = _windows(input, layout, kernel_size, stride, padding, 1, ceil_mode)
    images = to_nchw(input, layout)

    padded = np.pad(images.astype(np.float64), [(0, 0), (0, 0), *border])
    counts = []  # whether a row (column) counts, for all rows (columns) that windows reach
    for n, (before, after) in zip(images.shape[2:], border, strict=True):
        place, padding = np.arange(-before, n + after), before if count_include_pad else 0
        counts.append((place >= -padding) & (place < n + padding))
    counted = np.outer(*counts)
    total, count = np.zeros((*images.shape[:2], *size)), np.zeros(size)
    for i in range(kh):
        for j in range(kw):
            total += taps(padded, (i, j), stride, size)
            count += taps(counted, (i, j), stride, size)
    averages = total / (count if divisor_override is None else divisor_override)
    return from_nchw(averages.astype(input.dtype), layout, input.ndim == 4)


def adaptive_avg_pool2d(input: Array, output_size: int | Sequence[int | None], *, layout: str = "NCHW") -> Array:
    """Average over the windows that cut an image into (OH, OW) parts, as equal as whole pixels allow::

        out[n, c, y, x] = mean of input[n, c, a : b, ...]  with  a = floor(y * H / OH),  b = ceil((y + 1) * H / OH)

    and likewise for the columns.

    Parameters
    ----------
    input : ndarray, (N, C, H, W) or (C, H, W), or channels last with layout 'NHWC'; float32 or float64
    output_size : int or pair of int or None
        (OH, OW); None keeps the size of the image.
    layout : 'NCHW' or 'NHWC'

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        Arguments that do not fit together.
    TypeError
        Other element types.

    Examples
    --------
    >>> import numpy as np
    >>> adaptive_avg_pool2d(np.array([[[1.0, 2.0, 6.0]]]), (1, 2))
    array([[[1.5, 4. ]]])
    """
    check_floats(input=input)
    images = to_nchw(input, layout)
    n, c, h, w = images.shape
    if min(c, h, w) < 1:
        raise ValueError(f"only the batch may be empty: input {input.shape}")
    sizes = (output_size, output_size) if isinstance(output_size, int) else output_size
    oh, ow = pair("output_size", [n if size is None else size for n, size in zip((h, w), sizes, strict=True)], 0)
    averages = np.zeros((n, c, oh, ow), dtype=input.dtype)
    for y in range(oh):
        for x in range(ow):
            rows, columns = slice(y * h // oh, -(-(y + 1) * h // oh)), slice(x * w // ow, -(-(x + 1) * w // ow))
            averages[:, :, y, x] = images[:, :, rows, columns].mean(axis=(2, 3), dtype=np.float64)
    return from_nchw(averages, layout, input.ndim == 4)
