"""Losses. Sums run in a fixed order, in the extension, so that they have the same bits on every CPU."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._interop import interchangeable
from .activation import log_softmax
from .checks import check_array, check_vector, one_of
from .halves import half_floats
from .pool import avg_pool2d

if TYPE_CHECKING:
    from ..._types import Array

# Elements of the float64 copy from which a total is summed, a piece at a time.
_PIECE = 1 << 16


def _row_sums(rows: Array) -> Array:
    """Sum each row, in the 16 lanes in which a global pooling sums a plane."""
    m, n = rows.shape
    if m == 0 or n == 0:
        return np.zeros(m, rows.dtype)
    plane = rows.reshape(1, m, 1, n)
    return np.asarray(avg_pool2d(plane, (1, n), divisor_override=1).reshape(m))


def _total(values: Array) -> float:
    """Sum all elements in float64."""
    flat = values.reshape(-1)
    pieces = [flat[i : i + _PIECE].astype(np.float64).reshape(1, -1) for i in range(0, flat.size, _PIECE)]
    return math.fsum(float(_row_sums(piece)[0]) for piece in pieces)


def how(function: str, size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """Return the reduction; `size_average` and `reduce` are what torch had before."""
    one_of(function, "reduction", reduction, ("none", "mean", "sum"))
    if size_average is None and reduce is None:
        return reduction
    return "none" if reduce is False else "sum" if size_average is False else "mean"


def _reduced(losses: Array, how: str, count: float | None = None) -> Array:
    """Return the losses, or their sum, or that divided by `count`, by default their number."""
    if how == "none":
        return losses
    total = _total(losses)
    if how == "mean":
        count = losses.size if count is None else count
        total = total / count if count else math.nan
    with np.errstate(over="ignore"):
        return np.asarray(total, losses.dtype)


def _check_classes(function: str, input: Array) -> int:
    """Raise unless it may hold a number for each class; return the axis of the classes."""
    check_array(function, "input", input, floats=True)
    if input.ndim < 1:
        raise ValueError(f"{function}: input must have shape (C,), (N, C) or (N, C, ...), not ()")
    return 0 if input.ndim == 1 else 1


def _picked(
    function: str, input: Array, target: Array, weight: Array | None, ignore_index: int
) -> tuple[Array, Array, Array, Array]:
    """Return input and weight at the target's classes, where that counts, and the classes last."""
    axis = _check_classes(function, input)
    check_array(function, "target", target)
    classes = input.shape[axis]
    check_vector(function, "weight", weight, (classes,), input)
    if target.dtype.kind not in "iu":
        raise TypeError(f"{function}: target must hold integers, the classes, not {target.dtype}")
    if target.shape != input.shape[:axis] + input.shape[axis + 1 :]:
        raise ValueError(f"{function}: target of shape {target.shape} does not fit an input of shape {input.shape}")
    counts = target != ignore_index
    wrong = counts & ((target < 0) | (target >= classes))
    if wrong.any():
        raise ValueError(
            f"{function}: target holds {int(target[wrong][0])}, which is not a class from 0 to {classes - 1}"
        )
    last = np.moveaxis(input, axis, -1)
    index = np.where(counts, target, 0).astype(np.intp)
    values = np.take_along_axis(last, index[..., None], -1)[..., 0] if classes else np.zeros(target.shape, input.dtype)
    weights = np.ones(target.shape, input.dtype) if weight is None else weight[index] if classes else values
    return values, np.where(counts, weights, 0).astype(input.dtype, copy=False), counts, last


@interchangeable
@half_floats()
def nll_loss(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """``-weight[target] * input[target]``: the negative logarithm of what the right class was given, as in torch.

    Parameters
    ----------
    input : ndarray, (N, C), (C,) or (N, C, ...), floats
        Logarithms of probabilities, as `log_softmax` gives them.
    target : ndarray of integers, (N,), () or (N, ...)
        Classes from 0 to C - 1.
    weight : ndarray, (C,), dtype of `input`, optional
        1 if None.
    ignore_index : int
        A class whose elements lose nothing, and do not count.
    reduction : 'none', 'mean' or 'sum'
        'mean' divides the sum by the sum of the weights. (`size_average` and `reduce` are torch's older names for it.)

    Returns
    -------
    ndarray, shape of `target`, or () for 'mean' and 'sum'

    Raises
    ------
    ValueError
        Shapes that do not fit together, a class out of range, an unknown `reduction`.
    TypeError
        Element types other than these.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.nll_loss(np.array([[-1.0, -2.0], [-3.0, -4.0]]), np.array([1, 0]), reduction="none")
    array([2., 3.])
    """
    chosen = how("nll_loss", size_average, reduce, reduction)
    values, weights, counts, _ = _picked("nll_loss", input, target, weight, ignore_index)
    with np.errstate(all="ignore"):
        losses = np.asarray(np.where(counts, -values * weights, 0), input.dtype)
    return _reduced(losses, chosen, _total(weights))


@interchangeable
@half_floats()
def cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """The cross entropy between a softmax of `input` and the target, as `torch.nn.functional.cross_entropy`.

    ``nll_loss(log_softmax(input), target)``, or with probabilities p as the target ``-sum over c of weight[c] * p[c] *
    log_softmax(input)[c]``.

    Parameters
    ----------
    input : ndarray, (N, C), (C,) or (N, C, ...), floats
    target : ndarray
        Of integers, classes as of `nll_loss`; or of the shape and dtype of `input`, a probability for each class.
    weight, ignore_index, reduction, size_average, reduce
        As of `nll_loss`. With probabilities nothing is ignored, and 'mean' divides by N, and by the number of pixels.
    label_smoothing : float, 0 to 1
        Part of the target that is spread over all classes evenly.

    Returns
    -------
    ndarray, (N,), () or (N, ...), or () for 'mean' and 'sum'

    Raises
    ------
    ValueError
        Shapes that do not fit together, a class or `label_smoothing` out of range, an unknown `reduction`.
    TypeError
        Element types other than these.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.cross_entropy(np.zeros((3, 4)), np.array([0, 1, 3]), reduction="none").round(4)
    array([1.3863, 1.3863, 1.3863])
    """
    function = "cross_entropy"
    chosen = how(function, size_average, reduce, reduction)
    axis = _check_classes(function, input)
    check_array(function, "target", target)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{function}: label_smoothing must be from 0 to 1, not {label_smoothing}")
    classes, kind = input.shape[axis], input.dtype.type
    logs = log_softmax(input, axis)
    smoothing = kind(label_smoothing)
    with np.errstate(all="ignore"):
        if target.dtype.kind == "f":
            check_vector(function, "target", target, input.shape, input)
            check_vector(function, "weight", weight, (classes,), input)
            if label_smoothing:
                target = target * (1 - smoothing) + smoothing / kind(max(classes, 1))
            losses = np.moveaxis(-(logs * target), axis, -1)
            losses = losses if weight is None else losses * weight
            shape = losses.shape[:-1]
            sums = _row_sums(np.ascontiguousarray(losses).reshape(math.prod(shape), classes)).reshape(shape)
            return _reduced(sums, chosen)
        values, weights, counts, last = _picked(function, logs, target, weight, ignore_index)
        losses = np.where(counts, -values * weights, 0).astype(input.dtype, copy=False)
        if label_smoothing:
            spread = -last if weight is None else -last * weight
            sums = _row_sums(np.ascontiguousarray(spread).reshape(target.size, classes)).reshape(target.shape)
            losses = losses * (1 - smoothing) + np.where(counts, sums, 0) * (smoothing / kind(max(classes, 1)))
        return _reduced(np.asarray(losses, input.dtype), chosen, _total(weights))


@interchangeable
@half_floats()
def mse_loss(
    input: Array,
    target: Array,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Array | None = None,
) -> Array:
    """``weight * (input - target)**2``, as `torch.nn.functional.mse_loss`.

    Parameters
    ----------
    input, target : ndarray, floats, one dtype
        Broadcast against each other.
    reduction : 'none', 'mean' or 'sum'
    weight : ndarray, shape of `input`, optional
        'mean' divides by its sum.

    Raises
    ------
    ValueError
        Shapes that do not fit together, an unknown `reduction`.
    TypeError
        Element types other than these, or not all the same.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    array(2.)
    """
    chosen = how("mse_loss", size_average, reduce, reduction)
    check_array("mse_loss", "input", input, floats=True)
    check_array("mse_loss", "target", target, floats=True)
    if input.dtype != target.dtype:
        raise TypeError(f"mse_loss: target is {target.dtype} but input is {input.dtype}; they must have the same dtype")
    check_vector("mse_loss", "weight", weight, input.shape, input)
    with np.errstate(all="ignore"):
        try:
            difference: Any = np.asarray(input - target)
        except ValueError:
            raise ValueError(
                f"mse_loss: target of shape {target.shape} does not fit an input of shape {input.shape}"
            ) from None
        losses = np.asarray(difference * difference)
        if weight is None:
            return _reduced(losses, chosen)
        if difference.shape != input.shape:
            raise ValueError(f"mse_loss: with weight, target must have shape {input.shape}, not {target.shape}")
        return _reduced(np.asarray(losses * weight), chosen, _total(weight))
