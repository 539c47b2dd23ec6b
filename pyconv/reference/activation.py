"""Activations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


def log_softmax(input: Array, dim: int, *, dtype: npt.DTypeLike | None = None) -> Array:
    """``log(softmax(x))``, from the differences themselves, so that none is lost::

        out[i] = x[i] - max(x) - log(sum over j of  exp(x[j] - max(x)))

    Examples
    --------
    >>> import numpy as np
    >>> log_softmax(np.array([[0.0, -2000.0]]), dim=1)
    array([[    0., -2000.]])
    """
    x = input.astype(np.float64)
    with np.errstate(invalid="ignore"):
        x = x - x.max(axis=dim, keepdims=True, initial=-np.inf)
        result = x - np.log(np.exp(x).sum(axis=dim, keepdims=True))
    return np.asarray(result).astype(input.dtype if dtype is None else dtype)


def _elementwise(function: Callable[[Array], Array], input: Array) -> Array:
    """Apply a function in float64 and round its results once."""
    with np.errstate(all="ignore"):  # infinities are data
        return np.asarray(function(input.astype(np.float64))).astype(input.dtype)


def relu6(input: Array) -> Array:
    """``min(max(x, 0), 6)``.

    Examples
    --------
    >>> import numpy as np
    >>> relu6(np.array([-2.0, 3.0, 8.0]))
    array([0., 3., 6.])
    """
    return np.clip(input, 0, 6)


def hardtanh(input: Array, min_val: float = -1.0, max_val: float = 1.0) -> Array:
    """``min(max(x, min_val), max_val)``.

    Examples
    --------
    >>> import numpy as np
    >>> hardtanh(np.array([-2.0, 0.5]))
    array([-1. ,  0.5])
    """
    return np.clip(input, min_val, max_val)


def leaky_relu(input: Array, negative_slope: float = 0.01) -> Array:
    """``x``, or ``negative_slope * x`` where it is negative.

    Examples
    --------
    >>> import numpy as np
    >>> leaky_relu(np.array([-2.0, 3.0]), 0.5)
    array([-1.,  3.])
    """
    return _elementwise(lambda x: np.where(x < 0, negative_slope * x, x), input)


def elu(input: Array, alpha: float = 1.0) -> Array:
    """``x``, or ``alpha * (exp(x) - 1)`` where it is negative.

    Examples
    --------
    >>> import numpy as np
    >>> elu(np.array([-np.inf, 3.0]), 2.0)
    array([-2.,  3.])
    """
    return _elementwise(lambda x: np.where(x < 0, alpha * np.expm1(x), x), input)


def gelu(input: Array, approximate: str = "none") -> Array:
    """``x * P(x)`` with the normal distribution ``P(x) = erfc(-x / sqrt(2)) / 2``, or its approximation by a tanh.

    Examples
    --------
    >>> import numpy as np
    >>> gelu(np.array([-1.0, 2.0])).round(4), gelu(np.array([-1.0, 2.0]), "tanh").round(4)
    (array([-0.1587,  1.9545]), array([-0.1588,  1.9546]))
    """
    if approximate == "tanh":
        return _elementwise(lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))), input)
    erfc = np.vectorize(math.erfc, otypes=[np.float64])
    return _elementwise(lambda x: x * erfc(-x / math.sqrt(2)) / 2, input)


def silu(input: Array) -> Array:
    """``x / (1 + exp(-x))``.

    Examples
    --------
    >>> import numpy as np
    >>> silu(np.array([0.0, 50.0]))
    array([ 0., 50.])
    """
    return _elementwise(lambda x: x / (1 + np.exp(-x)), input)


def hardswish(input: Array) -> Array:
    """``x * min(max(x + 3, 0), 6) / 6``.

    Examples
    --------
    >>> import numpy as np
    >>> hardswish(np.array([1.5, 8.0]))
    array([1.125, 8.   ])
    """
    return _elementwise(lambda x: x * np.clip(x + 3, 0, 6) / 6, input)


def sigmoid(input: Array) -> Array:
    """``1 / (1 + exp(-x))``.

    Examples
    --------
    >>> import numpy as np
    >>> sigmoid(np.array([-np.inf, 0.0]))
    array([0. , 0.5])
    """
    return _elementwise(lambda x: 1 / (1 + np.exp(-x)), input)


def tanh(input: Array) -> Array:
    """``(exp(x) - exp(-x)) / (exp(x) + exp(-x))``.

    Examples
    --------
    >>> import numpy as np
    >>> tanh(np.array([-np.inf, 0.0]))
    array([-1.,  0.])
    """
    return _elementwise(np.tanh, input)
