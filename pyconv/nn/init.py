"""Initialisation of parameters in place, with the names and formulas of `torch.nn.init`.

The numbers come from one NumPy generator, seeded by the operating system until `manual_seed` is called; every
function that draws also takes a generator of its own. Values differ from torch's for the same seed; their
distributions do not.

Sources: Glorot & Bengio (2010) for xavier, He et al. (2015), https://arxiv.org/abs/1502.01852, for kaiming.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._types import Array, Generator

__all__ = [
    "calculate_fan_in_and_fan_out",
    "calculate_gain",
    "constant_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "manual_seed",
    "normal_",
    "ones_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

_generator: Generator | None = None


def manual_seed(seed: int | None) -> None:
    """Restart the generator behind every layer's initial values; None seeds it from the operating system.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.init.manual_seed(0)
    >>> first = nn.Linear(3, 2).weight
    >>> nn.init.manual_seed(0)
    >>> bool((nn.Linear(3, 2).weight == first).all())
    True
    """
    import numpy.random  # NumPy loads it at first use, and so does this

    global _generator
    _generator = numpy.random.default_rng(seed)


def _default_generator() -> Generator:
    if _generator is None:
        manual_seed(None)
    assert _generator is not None
    return _generator


def calculate_fan_in_and_fan_out(array: Array) -> tuple[int, int]:
    """Return how many inputs feed one output and how many outputs one input feeds, for a weight (out, in, *kernel).

    Examples
    --------
    >>> import numpy as np
    >>> calculate_fan_in_and_fan_out(np.empty((6, 3, 5, 5)))
    (75, 150)
    """
    if array.ndim < 2:
        raise ValueError(f"fan in and fan out need at least 2 axes, got an array of shape {array.shape}")
    taps = math.prod(array.shape[2:])
    return array.shape[1] * taps, array.shape[0] * taps


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor by which a nonlinearity shrinks the standard deviation; `param` is leaky_relu's slope."""
    gains = {"sigmoid": 1.0, "tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4}
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1.0 + slope**2))
    if nonlinearity == "linear" or nonlinearity.startswith("conv"):
        return 1.0
    if nonlinearity not in gains:
        raise ValueError(f"calculate_gain: unknown nonlinearity {nonlinearity!r}")
    return gains[nonlinearity]


def uniform_(array: Array, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Array:
    """Fill with U(a, b)."""
    array[...] = (generator or _default_generator()).uniform(a, b, array.shape)
    return array


def normal_(array: Array, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Array:
    """Fill with N(mean, std squared)."""
    array[...] = (generator or _default_generator()).normal(mean, std, array.shape)
    return array


def constant_(array: Array, val: float) -> Array:
    """Fill with `val`."""
    array[...] = val
    return array


def ones_(array: Array) -> Array:
    """Fill with ones."""
    return constant_(array, 1.0)


def zeros_(array: Array) -> Array:
    """Fill with zeros."""
    return constant_(array, 0.0)


def xavier_uniform_(array: Array, gain: float = 1.0, generator: Generator | None = None) -> Array:
    """Fill with U(-b, b), b = gain * sqrt(6 / (fan_in + fan_out))."""
    bound = gain * math.sqrt(6.0 / sum(calculate_fan_in_and_fan_out(array)))
    return uniform_(array, -bound, bound, generator)


def xavier_normal_(array: Array, gain: float = 1.0, generator: Generator | None = None) -> Array:
    """Fill with N(0, s squared), s = gain * sqrt(2 / (fan_in + fan_out))."""
    return normal_(array, 0.0, gain * math.sqrt(2.0 / sum(calculate_fan_in_and_fan_out(array))), generator)


def _kaiming_std(array: Array, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"kaiming: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    fan = calculate_fan_in_and_fan_out(array)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0


def kaiming_uniform_(
    array: Array,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Array:
    """Fill with U(-b, b), b = sqrt(3) * gain / sqrt(fan); `a` is the slope of the leaky_relu that follows.

    Layers start with ``a = sqrt(5)``, as torch's: b = 1 / sqrt(fan_in).
    """
    bound = math.sqrt(3.0) * _kaiming_std(array, a, mode, nonlinearity)
    return uniform_(array, -bound, bound, generator)


def kaiming_normal_(
    array: Array,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Array:
    """Fill with N(0, s squared), s = gain / sqrt(fan)."""
    return normal_(array, 0.0, _kaiming_std(array, a, mode, nonlinearity), generator)
