"""Activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from .arguments import Array


def activate(x: Array, activation: str | Sequence[float] | None) -> Array:
    """Apply the activation that `conv2d` names: 'relu', 'relu6', 'silu', 'hardswish', bounds, or none.

    Examples
    --------
    >>> import numpy as np
    >>> activate(np.array([-4.0, 1.5, 8.0]), (-1, 6))
    array([-1. ,  1.5,  6. ])
    >>> activate(np.array([-4.0, 1.5, 8.0]), "hardswish")
    array([-0.   ,  1.125,  8.   ])
    """
    if activation is None:
        return x
    if isinstance(activation, str):
        with np.errstate(invalid="ignore", over="ignore"):  # exp(-x) = inf is right
            if activation == "relu":
                return relu(x)
            if activation == "relu6":
                return np.clip(x, 0, 6)
            if activation == "silu":
                return np.asarray(x / (1 + np.exp(-x)))
            if activation == "hardswish":
                return np.asarray(x * np.clip(x + 3, 0, 6) / 6)
        raise ValueError(f"activation must be 'relu', 'relu6', 'silu' or 'hardswish', got {activation!r}")
    bounds = np.asarray(activation)
    if bounds.dtype.kind not in "iuf":
        raise TypeError(f"activation must be a name or a pair of numbers, got {activation!r}")
    if bounds.shape != (2,) or not bounds[0] <= bounds[1]:
        raise ValueError(f"activation must be a name or a pair (least, greatest), got {activation!r}")
    return np.clip(x, bounds[0], bounds[1])


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
