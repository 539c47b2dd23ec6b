"""Activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from .arguments import Array


def relu(input: Array) -> Array:
    """Replace negative numbers by zero; NaN stays NaN.

    Examples
    --------
    >>> import numpy as np
    >>> relu(np.array([-2.0, 3.0]))
    array([0., 3.])
    """
    return np.where(input < 0, np.zeros_like(input), input)


def softmax(input: Array, dim: int, *, dtype: npt.DTypeLike | None = None) -> Array:
    """Normalise exponentials along an axis; the largest is taken out first, so that none overflows::

        out[i] = exp(x[i] - max(x)) / sum over j of  exp(x[j] - max(x))

    Examples
    --------
    >>> import numpy as np
    >>> softmax(np.array([[0.0, 0.0, -np.inf]]), dim=1)
    array([[0.5, 0.5, 0. ]])
    """
    x = input.astype(np.float64)
    with np.errstate(invalid="ignore"):  # a row of minus infinities gives NaN
        exponentials = np.exp(x - x.max(axis=dim, keepdims=True, initial=-np.inf))
        result = exponentials / exponentials.sum(axis=dim, keepdims=True)
    return np.asarray(result).astype(input.dtype if dtype is None else dtype)
