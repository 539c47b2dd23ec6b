"""Checks of arguments that several operators share; each names the function, the argument and what it got."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..._types import Array, Layout


def check_array(function: str, name: str, value: Any, *, floats: bool = False) -> None:
    """Raise unless it is an ndarray and, with `floats`, float32 or float64 in native byte order."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{function}: {name} must be a numpy.ndarray, not {type(value).__name__}")
    if floats and (value.dtype not in (np.float32, np.float64) or not value.dtype.isnative):
        raise TypeError(f"{function}: {name} must be float32 or float64 in native byte order, not {value.dtype}")


def check_vector(function: str, name: str, value: Array | None, shape: tuple[int, ...], like: Array) -> None:
    """Raise unless it is None, or an array of this shape and the dtype of the input `like`."""
    if value is None:
        return
    check_array(function, name, value, floats=True)
    if value.dtype != like.dtype:
        raise TypeError(f"{function}: {name} is {value.dtype} but input is {like.dtype}; they must have the same dtype")
    if value.shape != shape:
        raise ValueError(
            f"{function}: {name} must have shape {shape} for an input of shape {like.shape}, not {value.shape}"
        )


def integer(function: str, name: str, value: Any, least: int | None = None) -> int:
    """Return an integer; raise if it is none, or below `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{function}: {name} must be an integer, not {type(value).__name__}") from None
    if least is not None and number < least:
        raise ValueError(f"{function}: {name} must be at least {least}, not {number}")
    return number


def integers(function: str, name: str, value: Any, count: int, least: int) -> tuple[int, ...]:
    """Return an integer, repeated, or a sequence of one or `count` of them."""
    if not isinstance(value, (tuple, list, np.ndarray)):
        return (integer(function, name, value, least),) * count
    numbers = tuple(integer(function, name, item, least) for item in value)
    if len(numbers) not in (1, count):
        raise ValueError(f"{function}: {name} must be one integer or {count}, not {value!r}")
    return numbers * (count // len(numbers))


def one_of(function: str, name: str, value: Any, allowed: tuple[str, ...]) -> None:
    """Raise unless it is one of these names."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{function}: {name} must be one of {', '.join(map(repr, allowed))}, not {value!r}")


def channel_axis(function: str, layout: Layout, axes: int) -> int:
    """Return the axis of the channels of a batch."""
    one_of(function, "layout", layout, ("NCHW", "NHWC"))
    return 1 if layout == "NCHW" else axes - 1
