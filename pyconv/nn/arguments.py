"""Constructor arguments that several layers share."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from .._interop import named_dtype

if TYPE_CHECKING:
    import numpy.typing as npt

    from .._types import Layout, Precision


_TUPLES = {1: "a sequence of one", 2: "a pair of ints", 3: "a triple of ints"}


def extent(name: str, value: Any, rank: int, least: int) -> tuple[int, ...]:
    """Return an int, or one for each of `rank` axes, as a tuple; raise if it is neither, or below `least`."""
    wanted = f"{name} must be an int or {_TUPLES[rank]}, got {value!r}"
    try:
        values = tuple(map(operator.index, value if np.iterable(value) else (value,) * rank))
    except TypeError:
        raise TypeError(wanted) from None
    if len(values) != rank:
        raise ValueError(wanted)
    if min(values) < least:
        raise ValueError(f"{name} must be at least {least}, got {value!r}")
    return values


def pair(name: str, value: Any, least: int) -> tuple[int, ...]:
    """Return `extent` as (rows, columns)."""
    return extent(name, value, 2, least)


def integers(name: str, value: Any, count: int) -> tuple[int, ...]:
    """Return an int `count` times, or a sequence of so many."""
    try:
        values = tuple(map(operator.index, value if np.iterable(value) else (value,) * count))
    except TypeError:
        raise TypeError(f"{name} must be an int or {count} of them, got {value!r}") from None
    if len(values) != count:
        raise ValueError(f"{name} must be an int or {count} of them, got {value!r}")
    return values


def positive(name: str, value: int) -> int:
    """Return a size; raise if it is not an int of at least 1."""
    if not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an int, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return int(value)


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """Return a name; raise if it is not among those allowed."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value


_LAYOUTS = {1: ("NCL", "NLC"), 2: (), 3: ("NCDHW", "NDHWC")}


def layout_name(value: Layout, rank: int = 2) -> Layout:
    """Return a layout; raise if it is none, or that of another rank."""
    one_of("layout", value, ("NCHW", "NHWC", *_LAYOUTS[rank]))
    return value


def precision_name(value: Precision | None) -> Precision | None:
    """Return a precision or None; raise if it is neither."""
    if value is not None:
        if not isinstance(value, str):
            raise TypeError(f"precision must be a string or None, got {value!r}")
        one_of("precision", value, ("fast", "strict"))
    return value


def cpu_device(device: Any) -> None:
    """Check torch's `device`: there is one."""
    if device is not None and str(device) != "cpu":
        raise ValueError(f"device must be None or 'cpu', got {device!r}")


def floating(dtype: Any) -> np.dtype[Any]:
    """Return a floating type, given as one of NumPy's or torch's; raise if it is none that layers compute."""
    result = named_dtype(dtype)
    if result.name not in ("float32", "float64", "float16", "bfloat16") or not result.isnative:
        raise TypeError(f"dtype must be float32, float64, float16 or bfloat16, got {result}")
    return result


def cpu_dtype(device: Any, dtype: npt.DTypeLike | None) -> np.dtype[Any]:
    """Check torch's `device` and `dtype` of a layer's arguments; return the latter, float32 if None."""
    cpu_device(device)
    return floating(np.float32 if dtype is None else dtype)
