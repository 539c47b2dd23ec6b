"""Patches as columns, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .arguments import pair, taps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .arguments import Array


def unfold(
    input: Array,
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Array:
    """Copy each window into a column::

        out[n, (c*KH + i)*KW + j, y*OW + x] = padded[n, c, y*sh + i*dh, x*sw + j*dw]

    Examples
    --------
    >>> import numpy as np
    >>> unfold(np.arange(6).reshape(1, 2, 3), (2, 2))[:, 0]
    array([0, 1, 3, 4])
    """
    (kh, kw), (dh, dw) = pair("kernel_size", kernel_size, 1), pair("dilation", dilation, 1)
    (ph, pw), (sh, sw) = pair("padding", padding, 0), pair("stride", stride, 1)
    batched = input if input.ndim == 4 else input[None]
    padded = np.pad(batched, [(0, 0), (0, 0), (ph, ph), (pw, pw)])
    n, c, h, w = padded.shape
    size = (h - dh * (kh - 1) - 1) // sh + 1, (w - dw * (kw - 1) - 1) // sw + 1
    patches = [taps(padded, (i * dh, j * dw), (sh, sw), size) for i in range(kh) for j in range(kw)]
    columns = np.stack(patches, axis=2).reshape(n, c * kh * kw, size[0] * size[1])
    return columns if input.ndim == 4 else columns[0]


def fold(
    input: Array,
    output_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Array:
    """Add each column of `unfold` to where it came from.

    Examples
    --------
    >>> import numpy as np
    >>> fold(np.ones((4, 2)), (2, 3), 2)
    array([[[1., 2., 1.],
            [1., 2., 1.]]])
    """
    h, w = pair("output_size", output_size, 1)
    kh, kw = pair("kernel_size", kernel_size, 1)
    batched = input if input.ndim == 3 else input[None]
    n, c = len(batched), batched.shape[1] // (kh * kw)
    # Where each element of each column came from: the columns of an image that holds its own indices.
    places = unfold(np.arange(1, h * w + 1).reshape(1, h, w), kernel_size, dilation, padding, stride)
    image = np.zeros((n, c, h * w + 1), dtype=input.dtype)
    columns = batched.reshape(n, c, *places.shape)
    for at in np.ndindex(n, c):
        np.add.at(image[at], places, columns[at])
    result = image[:, :, 1:].reshape(n, c, h, w)
    return result if input.ndim == 3 else result[0]
