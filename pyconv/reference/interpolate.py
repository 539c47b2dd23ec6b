"""Resampling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .arguments import Array


def _matrix(n: int, m: int, step: float, mode: str, corners: bool) -> Array:
    """Return the m x n weights with which an axis of m comes from one of n, `step` elements apart."""
    weights = np.zeros((m, n))
    for i in range(m):
        if mode.startswith("nearest"):
            place = np.float32((i + (0.5 if mode == "nearest-exact" else 0)) * step)  # torch's places are float32
            weights[i, min(int(place), n - 1)] = 1
            continue
        if mode == "area":
            first, end = i * n // m, -(-(i + 1) * n // m)
            weights[i, first:end] = 1 / (end - first)
            continue
        place = i * step if corners else (i + 0.5) * step - 0.5
        if mode == "bicubic":
            base = int(np.floor(place))
            for j in range(base - 1, base + 3):
                x, a = abs(place - j), -0.75
                near, far = (a + 2) * x**3 - (a + 3) * x**2 + 1, a * (x**3 - 5 * x**2 + 8 * x - 4)
                weights[i, min(max(j, 0), n - 1)] += near if x <= 1 else far
        else:
            place = max(place, 0.0)
            base = int(place)
            weights[i, min(base, n - 1)] += 1 - (place - base)
            weights[i, min(base + 1, n - 1)] += place - base
    return weights


def interpolate(
    input: Array,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Array:
    """Multiply each spatial axis with a matrix of weights, as in `pyconv.nn.functional.interpolate`.

    Examples
    --------
    >>> import numpy as np
    >>> interpolate(np.array([[[1.0, 2.0]]]), 4, mode="linear")
    array([[[1.  , 1.25, 1.75, 2.  ]]])
    """
    axes = input.ndim - 2
    result = input.astype(np.float64)
    for axis in range(axes):
        n = input.shape[2 + axis]
        if size is not None:
            m = size if isinstance(size, int) else size[axis]
            step = n / m
        else:
            assert scale_factor is not None
            factor = scale_factor if isinstance(scale_factor, (int, float)) else scale_factor[axis]
            m = int(np.floor(n * factor))
            step = n / m if recompute_scale_factor else 1 / factor
        if align_corners:
            step = (n - 1) / (m - 1) if m > 1 else 0.0
        matrix = _matrix(n, m, step, mode, bool(align_corners))
        result = np.moveaxis(np.tensordot(result, matrix, ([2 + axis], [1])), -1, 2 + axis)
    return result.astype(input.dtype)
