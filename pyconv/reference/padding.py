"""Padding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .arguments import Array


def _sources(n: int, before: int, after: int, mode: str) -> Array:
    """Name for each element of the result the one of an axis that it copies; -1 for none."""
    i = np.arange(-before, n + after)
    if mode == "replicate":
        return np.clip(i, 0, n - 1)
    if mode == "circular":
        first, end = max(-before, 0), n - max(-after, 0)  # what is cut off does not come back from the other end
        return np.asarray((i - first) % (end - first) + first)
    if mode == "reflect":
        return np.where(i < 0, -i, np.where(i >= n, 2 * (n - 1) - i, i))
    if mode == "symmetric":
        return np.where(i < 0, -i - 1, np.where(i >= n, 2 * n - 1 - i, i))
    return np.where((i < 0) | (i >= n), -1, i)


def pad(input: Array, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Array:
    """Take each axis apart, and put it together again with a border; pairs (before, after) start at the last axis.

    Examples
    --------
    >>> import numpy as np
    >>> pad(np.array([[1, 2, 3]]), (2, 1), "circular")
    array([[2, 3, 1, 2, 3, 1]])
    """
    result = input
    for pair, (before, after) in enumerate(zip(pad[::2], pad[1::2], strict=True)):
        axis = input.ndim - 1 - pair
        source = _sources(input.shape[axis], before, after, mode)
        inside = np.expand_dims(source >= 0, [other for other in range(input.ndim) if other != axis])
        if input.shape[axis] == 0:  # nothing to take
            shape = (*result.shape[:axis], len(source), *result.shape[axis + 1 :])
            result = np.full(shape, value or 0, input.dtype)
        else:
            result = np.where(inside, np.take(result, np.maximum(source, 0), axis), input.dtype.type(value or 0))
    return result
