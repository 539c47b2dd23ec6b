"""Arguments that several operators share: pairs, layouts, element types, sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Array = npt.NDArray[Any]


def extent(name: str, value: int | Sequence[int], rank: int, least: int) -> tuple[int, ...]:
    """Return an int, or one for each of `rank` axes, as a tuple."""
    wanted = f"{name} must be an int or {rank} of them, got {value!r}"
    if isinstance(value, str) or np.ndim(value) > 1:
        raise TypeError(wanted)
    values = np.atleast_1d(value)
    if values.dtype.kind not in "iu":
        raise TypeError(wanted)
    if len(values) not in (1, rank):
        raise ValueError(wanted)
    if values.min() < least:
        raise ValueError(f"{name} must be at least {least}, got {value!r}")
    return tuple(int(v) for v in np.broadcast_to(values, rank))


def pair(name: str, value: int | Sequence[int], least: int) -> tuple[int, int]:
    """Return an int or a pair as (rows, columns)."""
    rows, columns = extent(name, value, 2, least)
    return rows, columns


def check_floats(**arrays: Array | None) -> None:
    """Raise unless all the arrays are float32 or all are float64."""
    dtypes = {name: array.dtype for name, array in arrays.items() if array is not None}
    if len(set(dtypes.values())) != 1 or not set(dtypes.values()) <= {np.dtype(np.float32), np.dtype(np.float64)}:
        raise TypeError("expected all float32 or all float64, got " + ", ".join(f"{n} {d}" for n, d in dtypes.items()))


def to_nchw(input: Array, layout: str, rank: int = 2) -> Array:
    """View images of `rank` spatial axes, batched or not, in either layout, as (N, C, *spatial)."""
    if layout not in ("NCHW", "NHWC"):
        raise ValueError(f"layout must be 'NCHW' or 'NHWC', got {layout!r}")
    if input.ndim not in (rank + 1, rank + 2):
        raise ValueError(f"input must have {rank + 1} or {rank + 2} axes, got shape {input.shape}")
    batched = input if input.ndim == rank + 2 else input[None]
    return batched if layout == "NCHW" else np.moveaxis(batched, -1, 1)


def from_nchw(result: Array, layout: str, batched: bool) -> Array:
    """Undo `to_nchw`."""
    axes = result if layout == "NCHW" else np.moveaxis(result, 1, -1)
    return axes if batched else axes[0]


def taps(padded: Array, offset: tuple[int, ...], stride: tuple[int, ...], size: tuple[int, ...]) -> Array:
    """View the elements that stand `offset` rows and columns into each window, for `size` windows; any axes."""
    steps = zip(offset, stride, size, strict=True)
    index: Any = (..., *(slice(start, start + step * (count - 1) + 1, step) for start, step, count in steps))
    view: Array = padded[index]
    return view
