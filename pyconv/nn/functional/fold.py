"""Patches of images as columns, and columns added up to images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..._interop import interchangeable
from .checks import check_array, integers

if TYPE_CHECKING:
    from ..._types import Array, Pair


def _geometry(
    function: str, size: tuple[int, ...], kernel_size: Pair, dilation: Pair, padding: Pair, stride: Pair
) -> tuple[tuple[int, ...], ...]:
    """Check the arguments; return kernel, dilation, padding and stride as pairs, and the number of windows."""
    kernel, dilated = (
        integers(function, "kernel_size", kernel_size, 2, 1),
        integers(function, "dilation", dilation, 2, 1),
    )
    around, step = integers(function, "padding", padding, 2, 0), integers(function, "stride", stride, 2, 1)
    windows = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(size, kernel, dilated, around, step, strict=True)
    )
    if min(windows) < 1:
        raise ValueError(
            f"{function}: kernel_size {kernel} with dilation {dilated} is larger than an image of {size} with padding "
            f"{around}"
        )
    return kernel, dilated, around, step, windows


def _taps(padded: Array, offset: tuple[int, int], step: tuple[int, ...], windows: tuple[int, ...]) -> Array:
    """View the element at `offset` of each window."""
    rows, columns = (slice(o, o + s * (n - 1) + 1, s) for o, s, n in zip(offset, step, windows, strict=True))
    return padded[..., rows, columns]


@interchangeable
def unfold(input: Array, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1) -> Array:
    """Copy each window of an image into a column, as `torch.nn.functional.unfold`.

    A convolution is a product with these columns, KH * KW times as large as the image. (`conv2d` makes none.)

    Parameters
    ----------
    input : ndarray, (N, C, H, W) or (C, H, W), any dtype
    kernel_size, dilation, padding, stride : int or pair of int
        As of `conv2d`; padding is zeros.

    Returns
    -------
    ndarray, (N, C * KH * KW, L) or (C * KH * KW, L)
        L windows, row by row.

    Raises
    ------
    ValueError
        Wrong rank, values out of range, windows larger than the padded image; the text has the shapes.
    TypeError
        Values that are no integers.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.unfold(np.arange(6).reshape(1, 2, 3), (2, 2))
    array([[0, 1],
           [1, 2],
           [3, 4],
           [4, 5]])
    """
    check_array("unfold", "input", input)
    if input.ndim not in (3, 4) or 0 in input.shape[-3:]:
        raise ValueError(f"unfold: input must have shape (N, C, H, W) or (C, H, W), not empty, not {input.shape}")
    kernel, dilated, (ph, pw), step, windows = _geometry(
        "unfold", input.shape[-2:], kernel_size, dilation, padding, stride
    )
    images = input.reshape(-1, *input.shape[-3:]) if len(input) else input
    n, c, h, w = images.shape
    padded = images
    if ph or pw:
        padded = np.zeros((n, c, h + 2 * ph, w + 2 * pw), input.dtype)
        padded[:, :, ph : ph + h, pw : pw + w] = images
    columns = np.empty((n, c, *kernel, *windows), input.dtype)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            columns[:, :, i, j] = _taps(padded, (i * dilated[0], j * dilated[1]), step, windows)
    return columns.reshape(*input.shape[:-3], c * kernel[0] * kernel[1], windows[0] * windows[1])


@interchangeable
def fold(
    input: Array, output_size: Pair, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1
) -> Array:
    """Add columns up to an image, as `torch.nn.functional.fold`: what `unfold` copies to, from where it copied.

    Each pixel is the sum of the windows that hold it, taken in the order of their taps, row by row.

    Parameters
    ----------
    input : ndarray, (N, C * KH * KW, L) or (C * KH * KW, L), any number type
    output_size : int or pair of int
        H and W.
    kernel_size, dilation, padding, stride : int or pair of int
        Of the `unfold` that gave such columns.

    Returns
    -------
    ndarray, (N, C, H, W) or (C, H, W)

    Raises
    ------
    ValueError
        Wrong rank, a number of rows or columns that does not fit, values out of range; the text has the shapes.
    TypeError
        Values that are no integers.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.fold(F.unfold(np.ones((1, 2, 3)), 2), (2, 3), 2)
    array([[[1., 2., 1.],
            [1., 2., 1.]]])
    """
    check_array("fold", "input", input)
    if input.ndim not in (2, 3) or 0 in input.shape[-2:]:
        raise ValueError(f"fold: input must have shape (N, C * KH * KW, L) or (C * KH * KW, L), not {input.shape}")
    h, w = integers("fold", "output_size", output_size, 2, 1)
    kernel, dilated, (ph, pw), step, windows = _geometry("fold", (h, w), kernel_size, dilation, padding, stride)
    rows, columns = input.shape[-2:]
    if rows % (kernel[0] * kernel[1]) or columns != windows[0] * windows[1]:
        raise ValueError(
            f"fold: an input of shape {input.shape} does not fit output_size {(h, w)} and kernel_size {kernel}, which "
            f"need a multiple of {kernel[0] * kernel[1]} rows and {windows[0] * windows[1]} columns"
        )
    n, c = (input.shape[0] if input.ndim == 3 else 1), rows // (kernel[0] * kernel[1])
    patches = input.reshape(n, c, *kernel, *windows)
    padded = np.zeros((n, c, h + 2 * ph, w + 2 * pw), input.dtype)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            taps = _taps(padded, (i * dilated[0], j * dilated[1]), step, windows)
            np.add(taps, patches[:, :, i, j], out=taps)
    image = np.ascontiguousarray(padded[:, :, ph : ph + h, pw : pw + w])
    return image if input.ndim == 3 else image[0]
