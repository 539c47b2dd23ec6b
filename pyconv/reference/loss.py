"""Losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .activation import log_softmax

if TYPE_CHECKING:
    from .arguments import Array


def _reduced(losses: Array, count: float, reduction: str, dtype: np.dtype[np.generic]) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        result = {"none": losses, "sum": losses.sum(), "mean": losses.sum() / np.float64(count)}[reduction]
    return np.asarray(result).astype(dtype)


def nll_loss(
    input: Array, target: Array, weight: Array | None = None, *, ignore_index: int = -100, reduction: str = "mean"
) -> Array:
    """``-weight[t] * input[n, t, ...]`` with the class ``t = target[n, ...]``; 'mean' divides by the sum of weights.

    Examples
    --------
    >>> import numpy as np
    >>> nll_loss(np.array([[-1.0, -2.0]]), np.array([1]))
    array(2.)
    """
    last = np.moveaxis(input.astype(np.float64), 0 if input.ndim == 1 else 1, -1)
    losses, weights = np.zeros(target.shape), np.zeros(target.shape)
    for place in np.ndindex(target.shape):
        t = int(target[place])
        if t != ignore_index:
            weights[place] = 1 if weight is None else weight[t]
            losses[place] = -last[place][t] * weights[place]
    return _reduced(losses, weights.sum(), reduction, input.dtype)


def cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """``-sum over c of  weight[c] * p[c] * log_softmax(input)[c]``, with p[c] = 1 for the class that is the target.

    Examples
    --------
    >>> import numpy as np
    >>> cross_entropy(np.zeros((1, 4)), np.array([2]), reduction="none").round(4)
    array([1.3863])
    """
    axis = 0 if input.ndim == 1 else 1
    classes = input.shape[axis]
    logs = np.moveaxis(log_softmax(input.astype(np.float64), axis), axis, -1)
    weights = np.ones(classes) if weight is None else weight.astype(np.float64)
    if target.dtype.kind == "f":
        p = np.moveaxis(target.astype(np.float64), axis, -1)
        count = float(np.prod(logs.shape[:-1]))
    else:
        counts = target != ignore_index
        p = (target[..., None] == np.arange(classes)) & counts[..., None]
        count = float((p * weights).sum())
    p = p * (1 - label_smoothing) + label_smoothing / max(classes, 1)
    if target.dtype.kind != "f":
        p = np.where(counts[..., None], p, 0)
    with np.errstate(invalid="ignore"):
        terms = np.where(p == 0, 0, logs * p) if target.dtype.kind != "f" else logs * p
        return _reduced(-(terms * weights).sum(-1), count, reduction, input.dtype)


def mse_loss(input: Array, target: Array, *, reduction: str = "mean", weight: Array | None = None) -> Array:
    """``weight * (input - target)**2``; 'mean' divides by the sum of weights.

    Examples
    --------
    >>> import numpy as np
    >>> mse_loss(np.array([1.0, 2.0]), np.array([3.0, 2.0]))
    array(2.)
    """
    losses = (input.astype(np.float64) - target) ** 2
    if weight is None:
        return _reduced(losses, losses.size, reduction, input.dtype)
    return _reduced(losses * weight, float(weight.sum()), reduction, input.dtype)
