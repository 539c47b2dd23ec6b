"""Operators that only change the shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..._types import Array


def flatten(input: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    """Make the axes from `start_dim` to `end_dim`, both included, into one, in C order.

    The result is a view where the strides of `input` allow one, as `numpy.reshape` does it; an array of no axes gives
    one element.

    Raises
    ------
    ValueError
        If an axis is out of range, or `start_dim` comes after `end_dim`.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.flatten(np.zeros((2, 3, 4, 5)), 1).shape
    (2, 60)
    """
    axes = max(input.ndim, 1)
    for name, dim in (("start_dim", start_dim), ("end_dim", end_dim)):
        if not -axes <= dim < axes:
            raise ValueError(f"flatten: {name} {dim} is out of range for an input of shape {input.shape}")
    first, last = start_dim % axes, end_dim % axes
    if first > last:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}, input of shape {input.shape}")
    if input.ndim == 0:
        return input.reshape(1)
    size = 1
    for n in input.shape[first : last + 1]:
        size *= n
    return input.reshape(*input.shape[:first], size, *input.shape[last + 1 :])
