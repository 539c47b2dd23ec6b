"""Pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .arguments import from_nchw, pair, taps, to_nchw

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
    images = to_nchw(input, layout)
    n, c, h, w = images.shape
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

    # Padding never wins, because it is marked as outside; the index -1 holds only until an element inside is found.
    bottom, right = (oh - 1) * sh + dh * (kh - 1) + 1 - h - ph, (ow - 1) * sw + dw * (kw - 1) + 1 - w - pw
    border = [(ph, max(bottom, 0)), (pw, max(right, 0))]
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
