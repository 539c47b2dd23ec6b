"""Normalisation of each sample by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .arguments import Array


def _normalised(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    deviations = x - x.mean(axis=axes, keepdims=True)
    var = (deviations**2).mean(axis=axes, keepdims=True)
    return np.asarray(deviations / np.sqrt(var + eps))


def layer_norm(
    input: Array,
    normalized_shape: Sequence[int],
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Array:
    """Normalise over the last axes: ``(x - mean) / sqrt(var + eps) * weight + bias``.

    Examples
    --------
    >>> import numpy as np
    >>> layer_norm(np.array([[1.0, 3.0]]), (2,), eps=0)
    array([[-1.,  1.]])
    """
    axes = tuple(range(-len(normalized_shape), 0))
    with np.errstate(all="ignore"):
        result = _normalised(input.astype(np.float64), axes, eps)
        result = result * (1 if weight is None else weight) + (0 if bias is None else bias)
    return np.asarray(result).astype(input.dtype)


def group_norm(
    input: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
    *,
    layout: str = "NCHW",
) -> Array:
    """Normalise over groups of channels, and all pixels of them, of each sample.

    Examples
    --------
    >>> import numpy as np
    >>> group_norm(np.array([[1.0, 3.0, 2.0, 6.0]]), 2, eps=0)
    array([[-1.,  1., -1.,  1.]])
    """
    x = input.astype(np.float64)
    x = x if layout == "NCHW" else np.moveaxis(x, -1, 1)
    n, c, *spatial = x.shape
    with np.errstate(all="ignore"):
        groups = x.reshape(n, num_groups, c // num_groups, *spatial)
        result = _normalised(groups, tuple(range(2, groups.ndim)), eps).reshape(x.shape)
        vector = (-1, *[1] * len(spatial))
        result = result * (1 if weight is None else weight.reshape(vector))
        result = result + (0 if bias is None else bias.reshape(vector))
    result = result if layout == "NCHW" else np.moveaxis(result, 1, -1)
    return np.asarray(result).astype(input.dtype)


def local_response_norm(input: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Array:
    """Divide by ``(k + alpha / size * sum of squares of `size` channels)**beta``, c - size // 2 the first of them.

    Examples
    --------
    >>> import numpy as np
    >>> local_response_norm(np.array([[[3.0], [4.0]]]), 2, alpha=2.0, beta=0.5, k=0.0)[0, :, 0]
    array([1. , 0.8])
    """
    x = input.astype(np.float64)
    borders = [(0, 0)] * x.ndim
    borders[1] = size // 2, (size - 1) // 2
    with np.errstate(all="ignore"):
        squares = np.pad(x**2, borders)
        total = sum(squares[:, i : i + x.shape[1]] for i in range(size))
        return np.asarray(x / (k + alpha / size * total) ** beta).astype(input.dtype)
