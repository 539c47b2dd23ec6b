"""Filters of images: what `pyconv.image` means. Imported as `pyconv.reference.image`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .arguments import Array

# Names of borders, as in SciPy, and np.pad's.
_PAD_MODES = {
    "reflect": "symmetric",
    "mirror": "reflect",
    "nearest": "edge",
    "wrap": "wrap",
    "constant": "constant",
    "grid-mirror": "symmetric",
    "grid-wrap": "wrap",
    "grid-constant": "constant",
}


def correlate(
    input: Array, weights: Array, mode: str = "reflect", cval: float = 0.0, origin: Sequence[int] | None = None
) -> Array:
    """Correlate along all axes, in float64.

    With p the image and what `mode` puts beyond its edge::

        result[i, ...] = sum over s, ... of  weights[s, ...] * p[i + s - size // 2 - origin, ...]

    Examples
    --------
    >>> import numpy as np
    >>> correlate(np.array([1.0, 2, 4, 8]), np.array([-1.0, 1]))
    array([0., 1., 2., 4.])
    """
    origins = [0] * input.ndim if origin is None else origin
    before = [size // 2 + shift for size, shift in zip(weights.shape, origins, strict=True)]
    sides = [(lo, size - 1 - lo) for lo, size in zip(before, weights.shape, strict=True)]
    kind: Any = _PAD_MODES[mode]
    filled = {"constant_values": cval} if kind == "constant" else {}
    padded = np.pad(input.astype(np.float64), sides, mode=kind, **filled)
    result = np.zeros(input.shape)
    for tap in np.ndindex(weights.shape):
        window = tuple(slice(t, t + n) for t, n in zip(tap, input.shape, strict=True))
        result += weights[tap] * padded[window]
    return result


def convolve(
    input: Array, weights: Array, mode: str = "reflect", cval: float = 0.0, origin: Sequence[int] | None = None
) -> Array:
    """Convolve: `correlate` with the kernel flipped and its origin with it.

    Examples
    --------
    >>> import numpy as np
    >>> convolve(np.array([0.0, 0, 1, 0, 0]), np.array([1.0, 2, 3]))
    array([0., 1., 2., 3., 0.])
    """
    origins = [0] * input.ndim if origin is None else origin
    flipped = [-shift - (size % 2 == 0) for size, shift in zip(weights.shape, origins, strict=True)]
    return correlate(input, np.flip(weights), mode, cval, flipped)


def gaussian_weights(sigma: float, order: int, radius: int) -> Array:
    """Return a Gaussian's samples over their sum, times the polynomial that its derivative has, to correlate with.

    The derivative of order n is ``(-1 / sigma)**n * He_n(x / sigma)`` times the Gaussian, He_n Hermite's polynomial.

    Examples
    --------
    >>> gaussian_weights(1.0, 0, 1).round(3)
    array([0.274, 0.452, 0.274])
    """
    x = np.arange(-radius, radius + 1) / sigma
    samples = np.array([math.exp(-0.5 * t * t) for t in x])
    hermite, following = np.ones_like(x), x
    for n in range(order):
        hermite, following = following, x * following - (n + 1) * hermite
    # A correlation reads at +x what the derivative has at -x.
    weights: Array = samples / samples.sum() * hermite / sigma**order
    return weights
