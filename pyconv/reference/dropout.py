"""Dropout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .arguments import Array


def dropout(
    input: Array,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: np.random.Generator | None = None,
) -> Array:
    """Keep each element with probability 1 - p, and multiply what is kept by 1 / (1 - p), so that the mean stays.

    The elements for which the generator, in C order, draws a number below `p` become zero (an infinity or NaN times
    zero).

    Examples
    --------
    >>> import numpy as np
    >>> float(dropout(np.ones(10000), 0.5, generator=np.random.default_rng(0)).mean())
    1.002
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p must be from 0 to 1, got {p}")
    if not training or p == 0:
        return input
    drawn = (np.random.default_rng() if generator is None else generator).random(input.shape)
    scale = 1 / (1 - p) if p < 1 else 0.0
    with np.errstate(invalid="ignore"):
        result = (input * np.where(drawn < p, 0.0, np.asarray(scale, input.dtype))).astype(input.dtype)
    if inplace:
        input[...] = result
        return input
    return result
