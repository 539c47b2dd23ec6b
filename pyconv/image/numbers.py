"""Which type a filter computes in, and how its results become the type that was asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from .arguments import Output

if TYPE_CHECKING:
    from .._types import Array

Rounding: TypeAlias = Literal["truncate", "nearest"]
Overflow: TypeAlias = Literal["wrap", "saturate"]

# Elements converted at a time: few enough to stay in L2 between the steps.
_BLOCK = 1 << 15

# Sums of integers up to this are exact in float32, and rounded rightly when divided.
_EXACT = 2**23

# The error of a float32 up to this, after so many taps, is 2e-3 at most and mostly a tenth of it: what decides one
# rounding in a thousand. Twice as fast as float64: a Gaussian of sigma 5 on bytes takes 2.3 instead of 5.3 ms.
_NEAR, _STEPS = 2**8, 128


class Target(NamedTuple):
    """Where the result goes and how it gets there."""

    dtype: np.dtype
    array: Array | None
    rounding: str
    overflow: str


def target_of(
    name: str, shape: tuple[int, ...], dtype: np.dtype, output: Output, rounding: str, overflow: str
) -> Target:
    """Check `output`, `rounding` and `overflow`."""
    if rounding not in ("truncate", "nearest"):
        raise ValueError(f"{name}: rounding must be 'truncate' or 'nearest', not {rounding!r}")
    if overflow not in ("wrap", "saturate"):
        raise ValueError(f"{name}: overflow must be 'wrap' or 'saturate', not {overflow!r}")
    dtype = dtype.newbyteorder("=")
    array = output if isinstance(output, np.ndarray) else None
    if array is not None:
        dtype = array.dtype
        if array.shape != shape:
            raise ValueError(f"{name}: output has shape {array.shape} but the result has shape {shape}")
        if not array.flags.writeable:
            raise ValueError(f"{name}: output is not writable")
    elif output is not None:
        try:
            dtype = np.dtype(output)
        except TypeError:
            raise TypeError(f"{name}: output must be an array or a dtype, not {output!r}") from None
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise TypeError(f"{name}: output must hold integers or float16, float32 or float64, not {dtype}")
    return Target(dtype, array, rounding, overflow)


class Range(NamedTuple):
    """What numbers a result can hold, and whether every step towards them is exact if it is one of integers."""

    least: float
    greatest: float
    largest: float  # of all sums of magnitudes on the way
    integral: bool
    steps: int = 0  # roundings on the way, at most

    @staticmethod
    def of(dtype: np.dtype) -> Range:
        """Return the range of an image."""
        if dtype.kind == "f":
            return Range(-np.inf, np.inf, np.inf, False)
        info = np.iinfo(dtype)
        return Range(float(info.min), float(info.max), float(max(-info.min, info.max)), True)

    def extended(self, number: float) -> Range:
        """Return the range with a number put in."""
        return Range(
            min(self.least, number),
            max(self.greatest, number),
            max(self.largest, abs(number)),
            self.integral and number.is_integer(),
            self.steps,
        )

    def filtered(self, weights: Array) -> Range:
        """Return the range of sums with these weights."""
        if self.largest == np.inf:
            return self
        up, down = math.fsum(weights[weights > 0].tolist()), math.fsum(weights[weights < 0].tolist())
        return Range(
            up * self.least + down * self.greatest,
            up * self.greatest + down * self.least,
            (up - down) * self.largest,
            self.integral and bool((weights == np.rint(weights)).all()),
            self.steps + weights.size + 1,
        )

    def plus(self, other: Range) -> Range:
        """Return the range of a sum of two."""
        return Range(
            self.least + other.least,
            self.greatest + other.greatest,
            self.largest + other.largest,
            self.integral and other.integral,
            self.steps + other.steps,
        )

    def either(self, other: Range) -> Range:
        """Return the range of results of which each is one or the other."""
        return Range(
            min(self.least, other.least),
            max(self.greatest, other.greatest),
            max(self.largest, other.largest),
            self.integral and other.integral,
            max(self.steps, other.steps),
        )


def work_type(image: np.dtype, result: np.dtype, numbers: Range) -> np.dtype:
    """Return float32 or float64.

    Floating point computes in the wider one of the image's type and the result's. Integers that become integers compute
    in float32 where that is exact or, of results as small as those of bytes, near enough; else in float64.
    """
    double = np.dtype(np.float64)
    if image == double or result == double or (image.kind != "f" and image.itemsize > 2):
        return double
    if result.kind == "f":
        return np.dtype(np.float32)
    near = numbers.largest < _EXACT if numbers.integral else numbers.largest <= _NEAR and numbers.steps <= _STEPS
    return np.dtype(np.float32) if near else double


def as_work(x: Array, work: np.dtype) -> Array:
    """Return the image in the type to compute in; images of bytes are read as they are."""
    return x if x.dtype == np.uint8 else x.astype(work, copy=False)


def _saturate(block: Array, to: Array) -> None:
    """Store integers, those out of range as the nearest in range; NaN as 0."""
    info = np.iinfo(to.dtype)
    least, greatest = block.dtype.type(info.min), block.dtype.type(info.max)
    above = block >= greatest if int(greatest) > info.max else None  # one more than there is
    if above is not None:
        greatest = np.nextafter(greatest, block.dtype.type(0))
    np.clip(block, least, greatest, out=block)
    if np.isnan(block.max()):
        block[np.isnan(block)] = 0
    to[...] = block
    if above is not None:
        to[above] = info.max


def _wrap(block: Array, to: Array) -> None:
    """Store integers modulo 2 to the number of bits; NaN and infinities as 0."""
    if not (np.abs(block).max() < 2.0**62):
        block = block.astype(np.float64)
        block[~np.isfinite(block)] = 0
        block = np.fmod(block, 2.0**64)
        block[block >= 2.0**63] -= 2.0**64
        block[block < -(2.0**63)] += 2.0**64
    to[...] = block.astype(np.int64)


def _to_integers(found: Array, result: Array, target: Target, numbers: Range, divisor: int) -> None:
    """Divide, round and store; `found` is overwritten. Both are dense and in the same order."""
    info, nearest = np.iinfo(target.dtype), target.rounding == "nearest"
    least, greatest = numbers.least / divisor, numbers.greatest / divisor
    slack = 0.25 if nearest else 0.75
    fits = least > info.min - slack and greatest < info.max + slack and info.bits < 32
    small = max(-least, greatest) < 2.0**30
    # Truncation takes a sum for an integer that may have lost as much to rounding: white would become grey otherwise.
    regained = 1 + (numbers.steps + 1) * float(np.finfo(found.dtype).eps) / 2
    flat, stored = found.reshape(-1), result.reshape(-1)
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, flat.size, _BLOCK):
            block, to = flat[start : start + _BLOCK], stored[start : start + _BLOCK]
            if divisor != 1:
                np.divide(block, divisor, out=block)
            if nearest:
                np.rint(block, out=block)
            elif not numbers.integral:
                np.multiply(block, regained, out=block)
            if fits:
                to[...] = block
            elif target.overflow == "saturate":
                _saturate(block, to)
            elif small:
                to[...] = block.astype(np.int32)
            else:
                _wrap(block, to)


def delivered(found: Array, target: Target, numbers: Range, divisor: int = 1) -> Array:
    """Return what was computed, over `divisor`, as the result; `found` is dense, and may be overwritten."""
    if target.dtype == found.dtype and divisor == 1:
        if target.array is None or target.array is found:
            return found
        target.array[...] = found
        return target.array
    result = np.empty(found.shape, target.dtype)
    if target.dtype.kind != "f":
        _to_integers(found, result, target, numbers, divisor)
    else:
        with np.errstate(over="ignore"):
            result[...] = found if divisor == 1 else np.divide(found, divisor, out=found)
    if target.array is None:
        return result
    target.array[...] = result
    return target.array
