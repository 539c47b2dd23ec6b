"""Arguments that all filters share: images, axes, borders, origins. Every message begins with the function's name."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from .._types import Array

Mode: TypeAlias = str | Iterable[str]
Axes: TypeAlias = int | Iterable[int] | None
Numbers: TypeAlias = float | Iterable[float]
Integers: TypeAlias = int | Iterable[int]
Output: TypeAlias = "npt.DTypeLike | Array | None"

MOST_TAPS = 1 << 20

# SciPy's name of what lies beyond the edge, and that of `pyconv.nn.functional.conv2d`.
MODES = {
    "reflect": "symmetric",
    "mirror": "mirror",
    "nearest": "replicate",
    "wrap": "wrap",
    "constant": "constant",
    "grid-mirror": "symmetric",
    "grid-wrap": "wrap",
    "grid-constant": "constant",
}


def image_of(name: str, input: npt.ArrayLike) -> Array:
    """Return the input as an array of real numbers."""
    x = np.asarray(input)
    if x.dtype.kind not in "iuf" or x.dtype.itemsize > 8:
        hint = {"b": "; convert it, to uint8 say", "c": "; filter real and imaginary parts by themselves"}
        raise TypeError(
            f"{name}: input must hold integers or float16, float32 or float64, not {x.dtype}"
            + hint.get(x.dtype.kind, "")
        )
    return x


def axis_of(name: str, argument: str, axis: Any, ndim: int) -> int:
    """Return one axis, counted from the first."""
    try:
        found = operator.index(axis)
    except TypeError:
        raise TypeError(f"{name}: {argument} must be an integer, not {axis!r}") from None
    if not -ndim <= found < ndim:
        raise ValueError(f"{name}: {argument} {axis} is out of range for an input of {ndim} axes")
    return found % ndim


def axes_of(name: str, x: Array, axes: Axes, channel_axis: int | None) -> tuple[int, ...]:
    """Return the axes to filter, in the order in which they are given: without any, all but that of the channels."""
    channels = None if channel_axis is None else axis_of(name, "channel_axis", channel_axis, x.ndim)
    if axes is None:
        return tuple(axis for axis in range(x.ndim) if axis != channels)
    given = axes if isinstance(axes, Iterable) else (axes,)
    found = tuple(axis_of(name, "axes", axis, x.ndim) for axis in given)
    if len(set(found)) < len(found):
        raise ValueError(f"{name}: axes must differ, got {axes!r}")
    if channels in found:
        raise ValueError(f"{name}: axes {axes!r} include channel_axis {channel_axis}")
    return found


def per_axis(name: str, argument: str, value: Any, count: int) -> list[Any]:
    """Return one value for each of `count` axes, of one for all or of one each."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return [value] * count
    found = list(value)
    if len(found) != count:
        raise ValueError(f"{name}: {argument} must be one, or one for each of {count} axes, not {value!r}")
    return found


def border_of(name: str, mode: Any) -> str:
    """Return the border's name in `conv2d`."""
    if isinstance(mode, str) and mode in MODES:
        return MODES[mode]
    raise ValueError(f"{name}: mode must be one of {', '.join(MODES)}, not {mode!r}")


def number_of(name: str, argument: str, value: Any) -> float:
    """Return a real number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: {argument} must be a real number, not {value!r}") from None


def count_of(name: str, argument: str, value: Any, least: int) -> int:
    """Return an integer that is at least `least`; SciPy takes floats for sizes too."""
    number = number_of(name, argument, value)
    if not math.isfinite(number) or int(number) < least:
        raise ValueError(f"{name}: {argument} must be an integer of at least {least}, not {value!r}")
    return int(number)


def reach_of(name: str, argument: str, value: Any, least: int) -> int:
    """Return how many taps there are to be, or on one side: a number for which there is time and memory."""
    count = count_of(name, argument, value, least)
    if count > MOST_TAPS:
        raise ValueError(f"{name}: {argument} must be at most {MOST_TAPS}, not {value!r}")
    return count


def weights_of(name: str, argument: str, weights: npt.ArrayLike, ndim: int) -> Array:
    """Return weights as float64, with `ndim` axes and none of them empty."""
    w = np.asarray(weights)
    if w.dtype.kind not in "biuf":
        raise TypeError(f"{name}: {argument} must hold real numbers, not {w.dtype}")
    if w.ndim != ndim or w.size == 0:
        raise ValueError(f"{name}: {argument} must have {ndim} axes, none of them empty, not shape {w.shape}")
    return w.astype(np.float64, copy=False)


def sides_of(name: str, sizes: tuple[int, ...], origin: Integers, flipped: bool) -> list[tuple[int, int]]:
    """Return how many elements a kernel reaches before and after its place, along each axis.

    The place is element ``size // 2 + origin``: the right one of two in the middle. A flipped kernel has its origin
    reversed too, so that of two in the middle it is the left one.
    """
    sides = []
    for size, value in zip(sizes, per_axis(name, "origin", origin, len(sizes)), strict=True):
        try:
            shift = operator.index(value)
        except TypeError:
            raise TypeError(f"{name}: origin must be an integer, not {value!r}") from None
        before = size // 2 + (shift if not flipped else -shift - (size % 2 == 0))
        if not 0 <= before < size:
            raise ValueError(f"{name}: origin {origin!r} lies outside of a kernel of shape {sizes}")
        sides.append((before, size - 1 - before))
    return sides
