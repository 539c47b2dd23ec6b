"""The linear map of a fully connected layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._interop import again
from ..._native import PackedLinear
from ..._native import linear as _linear
from ...runtime import explained_by
from .halves import explained_as_floats

if TYPE_CHECKING:
    from ..._types import Array


def _explain(input: Array, weight: Array, bias: Array | None = None) -> dict[str, Any]:
    """Describe a call."""
    return PackedLinear(weight, bias).explain(input)


@explained_by(explained_as_floats(_explain))
def linear(input: Array, weight: Array, bias: Array | None = None) -> Array:
    """``input @ weight.T + bias``, as `torch.nn.functional.linear`.

    Parameters
    ----------
    input : ndarray, (..., I), float32, float64, float16 or bfloat16
        Half floats are summed in float32, and the result is rounded once.
    weight : ndarray, (O, I), dtype of `input`
    bias : ndarray, (O,), dtype of `input`, optional

    Returns
    -------
    ndarray, (..., O)

    Raises
    ------
    ValueError
        Shapes that do not fit together.
    TypeError
        Element types other than these, or not all the same.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.linear(np.array([1.0, 2.0]), np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 3.0]]))
    array([1., 3., 6.])
    """
    try:
        return _linear(input, weight, bias)
    except TypeError as error:
        return again(error, linear, locals())  # type: ignore[no-any-return]
