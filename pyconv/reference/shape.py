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
