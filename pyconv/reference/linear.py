"""The linear map of a fully connected layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .arguments import check_floats

if TYPE_CHECKING:
    import numpy.typing as npt

    from .arguments import Array


def linear(input: Array, weight: Array, bias: Array | None = None, *, dtype: npt.DTypeLike | None = None) -> Array:
    """Map the last axis::

        out[..., o] = bias[o] + sum over i of  weight[o, i] * input[..., i]

    Parameters
    ----------
    input : ndarray, (..., I)
    weight : ndarray, (O, I)
    bias : ndarray, (O,), optional
    dtype : dtype, optional
        Of the result; the input's if None.

    Returns
    -------
    ndarray, (..., O)

    Raises
    ------
    ValueError, TypeError
        Arguments that do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> linear(np.array([1.0, 2.0]), np.array([[1.0, 1.0], [3.0, 0.0]]), np.array([0.5, 0.0]))
    array([3.5, 3. ])
    """
    check_floats(input=input, weight=weight, bias=bias)
    if weight.ndim != 2 or input.ndim < 1 or input.shape[-1] != weight.shape[1]:
        raise ValueError(f"input {input.shape} does not fit weight {weight.shape}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias must have shape {weight.shape[:1]}, got {bias.shape}")
    with np.errstate(invalid="ignore", over="ignore"):
        result = input.astype(np.float64) @ weight.T.astype(np.float64)
        if bias is not None:
            result = result + bias
        return np.asarray(result).astype(input.dtype if dtype is None else dtype)
