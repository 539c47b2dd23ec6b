"""Elementwise and row-wise activations. The extension computes them, with the same bits on every CPU."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from ..._interop import interchangeable
from ..._native import softmax as _softmax
from ..._native import unary
from .checks import check_array, one_of
from .halves import half_floats

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..._types import Array


def _number(function: str, name: str, value: float) -> float:
    if not isinstance(value, Real):
        raise TypeError(f"{function}: {name} must be a number, not {type(value).__name__}")
    return float(value)


@interchangeable
@half_floats()
def relu(input: Array, inplace: bool = False) -> Array:
    """``max(x, 0)`` of every element; NaN stays NaN.

    What is said here holds for every elementwise function: the result has the shape and memory order of `input`.

    Parameters
    ----------
    input : ndarray, any shape, floats
    inplace : bool
        Write into `input`, which must be writable, and return it.

    Raises
    ------
    TypeError
        Element types that are no floats.
    ValueError
        With `inplace`, an array that is read-only.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.relu(np.array([-1.0, 0.5, 2.0]))
    array([0. , 0.5, 2. ])
    """
    return unary("relu", input, inplace=inplace)


@interchangeable
@half_floats()
def relu6(input: Array, inplace: bool = False) -> Array:
    """``min(max(x, 0), 6)``; see `relu`.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.relu6(np.array([-1.0, 0.5, 9.0]))
    array([0. , 0.5, 6. ])
    """
    return unary("relu6", input, 0.0, 6.0, inplace)


@interchangeable
@half_floats()
def hardtanh(input: Array, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Array:
    """``min(max(x, min_val), max_val)``; see `relu`. ValueError if `min_val` is greater than `max_val`.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.hardtanh(np.array([-3.0, 0.5, 9.0]))
    array([-1. ,  0.5,  1. ])
    """
    least, greatest = _number("hardtanh", "min_val", min_val), _number("hardtanh", "max_val", max_val)
    if not least <= greatest:
        raise ValueError(f"hardtanh: min_val must not be greater than max_val, got {min_val} and {max_val}")
    return unary("hardtanh", input, least, greatest, inplace)


@interchangeable
@half_floats()
def leaky_relu(input: Array, negative_slope: float = 0.01, inplace: bool = False) -> Array:
    """``x`` where it is positive, ``negative_slope * x`` where not; see `relu`.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.leaky_relu(np.array([-2.0, 3.0]), 0.25)
    array([-0.5,  3. ])
    """
    return unary("leaky_relu", input, _number("leaky_relu", "negative_slope", negative_slope), inplace=inplace)


@interchangeable
@half_floats()
def elu(input: Array, alpha: float = 1.0, inplace: bool = False) -> Array:
    """``x`` where it is positive, ``alpha * (exp(x) - 1)`` where not; see `relu`.

    Source: Clevert, Unterthiner and Hochreiter, "Fast and Accurate Deep Network Learning by Exponential Linear Units
    (ELUs)", ICLR 2016, https://arxiv.org/abs/1511.07289.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.elu(np.array([-1.0, 3.0])).round(4)
    array([-0.6321,  3.    ])
    """
    return unary("elu", input, _number("elu", "alpha", alpha), inplace=inplace)


@interchangeable
@half_floats()
def gelu(input: Array, approximate: str = "none") -> Array:
    """``x * P(x)`` with P the normal distribution; see `relu`.

    `approximate` 'tanh' computes ``x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))`` instead; 'none' is exact,
    and right to some ULP in the negative tail too, and at infinity, where torch gives NaN.

    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)", 2016, https://arxiv.org/abs/1606.08415.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.gelu(np.array([-1.0, 0.0, 2.0])).round(4)
    array([-0.1587,  0.    ,  1.9545])
    """
    one_of("gelu", "approximate", approximate, ("none", "tanh"))
    return unary("gelu" if approximate == "none" else "gelu tanh", input)


@interchangeable
@half_floats()
def silu(input: Array, inplace: bool = False) -> Array:
    """``x * sigmoid(x)``, also called swish; see `relu`. Minus infinity gives NaN, as in torch.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.silu(np.array([-1.0, 0.0, 2.0])).round(4)
    array([-0.2689,  0.    ,  1.7616])
    """
    return unary("silu", input, inplace=inplace)


@interchangeable
@half_floats()
def hardswish(input: Array, inplace: bool = False) -> Array:
    """``x * min(max(x + 3, 0), 6) / 6``; see `relu`.

    Source: Howard et al., "Searching for MobileNetV3", ICCV 2019, https://arxiv.org/abs/1905.02244.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.hardswish(np.array([-4.0, 1.5, 8.0]))
    array([-0.   ,  1.125,  8.   ])
    """
    return unary("hardswish", input, inplace=inplace)


@interchangeable
@half_floats()
def sigmoid(input: Array) -> Array:
    """``1 / (1 + exp(-x))``; see `relu`.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.sigmoid(np.array([-np.inf, 0.0, 2.0])).round(4)
    array([0.    , 0.5   , 0.8808])
    """
    return unary("sigmoid", input)


@interchangeable
@half_floats()
def tanh(input: Array) -> Array:
    """The hyperbolic tangent, ``1 - 2 / (exp(2 * x) + 1)``; see `relu`.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.tanh(np.array([-np.inf, 0.0, 0.5])).round(4)
    array([-1.    ,  0.    ,  0.4621])
    """
    return unary("tanh", input)


def _cast(function: str, input: Array, dtype: npt.DTypeLike | None) -> Array:
    check_array(function, "input", input)
    return input if dtype is None else input.astype(dtype, copy=False)


@half_floats()
def _softmax_along(input: Array, function: str, dim: int | None, logarithm: bool) -> Array:
    if dim is None:
        raise TypeError(
            f"{function}: name the axis with dim= (torch guesses 0 for arrays of 0, 1 and 3 axes, 1 otherwise)"
        )
    axes = max(input.ndim, 1)
    if not -axes <= dim < axes:
        raise ValueError(f"{function}: dim {dim} is out of range for an input of shape {input.shape}")
    if input.ndim == 0:
        return _softmax(input.reshape(1), logarithm).reshape(())
    if dim % axes == axes - 1:
        return _softmax(input, logarithm)
    # The extension works on contiguous rows: bring the axis to the end, and its results back into C order.
    rows = np.ascontiguousarray(np.moveaxis(input, dim, -1))
    return np.ascontiguousarray(np.moveaxis(_softmax(rows, logarithm), -1, dim))


@interchangeable
def softmax(input: Array, dim: int | None = None, *, dtype: npt.DTypeLike | None = None) -> Array:
    """``exp(x) / sum(exp(x))`` along the axis `dim`, without overflow.

    Parameters
    ----------
    input : ndarray, any shape, floats
        Other types need `dtype`.
    dim : int
        The axis whose elements will sum to 1. torch guesses an axis, with a warning, where none is given (0 for
        arrays of 0, 1 and 3 axes, 1 otherwise); here it must be named.
    dtype : a floating type, optional
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
    return _softmax_along(_cast("softmax", input, dtype), "softmax", dim, False)


@interchangeable
def log_softmax(input: Array, dim: int | None = None, *, dtype: npt.DTypeLike | None = None) -> Array:
    """``x - log(sum(exp(x)))`` along the axis `dim`, without overflow; arguments and errors of `softmax`.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.log_softmax(np.array([1000.0, 1000.0]), dim=0).round(4)
    array([-0.6931, -0.6931])
    """
    return _softmax_along(_cast("log_softmax", input, dtype), "log_softmax", dim, True)
