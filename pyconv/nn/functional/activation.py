"""Elementwise and row-wise activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..._native import relu as _relu
from ..._native import softmax as _softmax

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..._types import Array


def relu(input: Array, inplace: bool = False) -> Array:
    """``max(x, 0)`` of every element; NaN stays NaN.

    Parameters
    ----------
    input : ndarray, any shape, float32 or float64
    inplace : bool
        Write into `input`, which must be writable, and return it.

    Raises
    ------
    TypeError
        Element types other than float32 and float64.
    ValueError
        With `inplace`, an array that is read-only.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.relu(np.array([-1.0, 0.5, 2.0]))
    array([0. , 0.5, 2. ])
    """
    return _relu(input, inplace=inplace)


def softmax(input: Array, dim: int | None = None, *, dtype: npt.DTypeLike | None = None) -> Array:
    """``exp(x) / sum(exp(x))`` along the axis `dim`, without overflow.

    Parameters
    ----------
    input : ndarray, any shape, float32 or float64
        Other types need `dtype`.
    dim : int
        The axis whose elements will sum to 1. torch guesses an axis, with a warning, where none is given (0 for
        arrays of 0, 1 and 3 axes, 1 otherwise); here it must be named.
    dtype : float32 or float64, optional
        `input` is cast to it first.

    Returns
    -------
    ndarray, shape of `input`, in C order

    Raises
    ------
    TypeError
        No `dim`, or element types other than float32 and float64.
    ValueError
        No such axis.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.softmax(np.array([[0.0, 0.0], [1000.0, 0.0]]), dim=1)
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    if dim is None:
        raise TypeError("softmax: name the axis with dim= (torch guesses 0 for arrays of 0, 1 and 3 axes, 1 otherwise)")
    if dtype is not None:
        input = np.asarray(input).astype(dtype, copy=False)
    axes = max(input.ndim, 1)
    if not -axes <= dim < axes:
        raise ValueError(f"softmax: dim {dim} is out of range for an input of shape {input.shape}")
    if input.ndim <= 1 or dim % axes == axes - 1:
        return _softmax(input.reshape(1)).reshape(()) if input.ndim == 0 else _softmax(input)
    # The extension works on contiguous rows: bring the axis to the end, and its results back into C order.
    rows = np.ascontiguousarray(np.moveaxis(input, dim, -1))
    return np.ascontiguousarray(np.moveaxis(_softmax(rows), -1, dim))
