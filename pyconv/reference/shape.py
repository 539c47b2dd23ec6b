"""Changes of shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .arguments import Array


def flatten(input: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    """Make the axes from `start_dim` to `end_dim` into one, in C order.

    Examples
    --------
    >>> import numpy as np
    >>> flatten(np.zeros((2, 3, 4)), 1).shape
    (2, 12)
    """
    shape = input.shape or (1,)
    first, last = start_dim % len(shape), end_dim % len(shape)
    if not (-len(shape) <= start_dim < len(shape) and -len(shape) <= end_dim < len(shape) and first <= last):
        raise ValueError(f"start_dim {start_dim} and end_dim {end_dim} do not fit an input of shape {input.shape}")
    middle = int(np.prod(shape[first : last + 1]))
    return input.reshape(*shape[:first], middle, *shape[last + 1 :])


def pixel_shuffle(input: Array, upscale_factor: int) -> Array:
    """Spread channels over pixels: ``out[c, y*r + i, x*r + j] = input[c*r*r + i*r + j, y, x]``.

    Examples
    --------
    >>> import numpy as np
    >>> pixel_shuffle(np.arange(4).reshape(4, 1, 1), 2)
    array([[[0, 1],
            [2, 3]]])
    """
    r = upscale_factor
    *batch, c, h, w = input.shape
    result = np.empty((*batch, c // (r * r), h * r, w * r), input.dtype)
    for i in range(r):
        for j in range(r):
            result[..., i::r, j::r] = input[..., i * r + j :: r * r, :, :]
    return result


def pixel_unshuffle(input: Array, downscale_factor: int) -> Array:
    """Undo `pixel_shuffle`.

    Examples
    --------
    >>> import numpy as np
    >>> pixel_unshuffle(np.arange(4).reshape(1, 2, 2), 2).ravel()
    array([0, 1, 2, 3])
    """
    r = downscale_factor
    *batch, c, h, w = input.shape
    result = np.empty((*batch, c * r * r, h // r, w // r), input.dtype)
    for i in range(r):
        for j in range(r):
            result[..., i * r + j :: r * r, :, :] = input[..., i::r, j::r]
    return result
