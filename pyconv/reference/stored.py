"""Convolution of integers by one of floats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from .arguments import Array


def _digits(number: Any) -> tuple[Any, Any]:
    """Split integers into numbers of 16 bits, of which the second has no sign: ``high * 2**16 + low``."""
    return number >> 16, number & 0xFFFF


def convolve_integers(convolve: Callable[..., Array], input: Array, weight: Array, padding_value: int) -> Array:
    """Sum by ``convolve(input, weight, padding_value)``, on float64; the result is exact modulo 2**64.

    Products of two digits are exact in float64, and so are sums of two million of them.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([2**31 - 1, 2**30], np.int32)
    >>> int(convolve_integers(lambda x, w, value: (x * w).sum(keepdims=True), x, x, 0)[0]) == (2**31 - 1)**2 + 2**60
    True
    """
    total: Any = 0
    for i, (x, value) in enumerate(zip(_digits(input.astype(np.int64)), _digits(padding_value), strict=True)):
        for j, w in enumerate(_digits(weight.astype(np.int64))):
            part = convolve(x.astype(np.float64), w.astype(np.float64), float(value)).astype(np.int64)
            total = total + (part << (16 * (2 - i - j)))
    sums: Array = total
    return sums


def limited(sums: Array, input: np.dtype[Any], weight: np.dtype[Any], overflow: str) -> Array:
    """Bring sums into the type of a result.

    Examples
    --------
    >>> import numpy as np
    >>> bytes = np.dtype(np.int8)
    >>> [int(limited(np.array(20000), bytes, bytes, how)) for how in ("widen", "wrap", "saturate")]
    [20000, 32, 127]
    """
    if overflow == "widen":
        return sums.astype(np.int32 if input.itemsize == weight.itemsize == 1 else np.int64)
    if overflow == "saturate":
        limits = np.iinfo(input)
        return np.clip(sums, limits.min, limits.max).astype(input)
    if overflow != "wrap":
        raise ValueError(f"overflow must be 'widen', 'wrap' or 'saturate', got {overflow!r}")
    return sums.astype(input)
