"""Constructor arguments that several layers share."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from .._types import Layout, Precision


def pair(name: str, value: Any, least: int) -> tuple[int, int]:
    """Return an int or a pair as (rows, columns); raise if it is neither, or below `least`."""
    wanted = f"{name} must be an int or a pair of ints, got {value!r}"
    try:
        values = tuple(map(operator.index, value if np.iterable(value) else (value, value)))
    except TypeError:
        raise TypeError(wanted) from None
    if len(values) != 2:
        raise ValueError(wanted)
    if min(values) < least:
        raise ValueError(f"{name} must be at least {least}, got {value!r}")
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


def layout_name(value: Layout) -> Layout:
    """Return a layout; raise if it is none."""
    one_of("layout", value, ("NCHW", "NHWC"))
    return value


def precision_name(value: Precision | None) -> Precision | None:
    """Return a precision or None; raise if it is neither."""
    if value is not None:
        if not isinstance(value, str):
            raise TypeError(f"precision must be a string or None, got {value!r}")
        one_of("precision", value, ("fast", "strict"))
    return value


def cpu_dtype(device: Any, dtype: npt.DTypeLike | None) -> np.dtype[Any]:
    """Check torch's `device` and `dtype`: there is one device, and there are two floating-point types."""
    if device is not None and str(device) != "cpu":
        raise ValueError(f"device must be None or 'cpu', got {device!r}")
    result = np.dtype(np.float32 if dtype is None else dtype)
    if result not in (np.float32, np.float64):
        raise TypeError(f"dtype must be float32 or float64, got {result}")
    return result
