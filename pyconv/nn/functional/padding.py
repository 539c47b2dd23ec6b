"""Padding: what lies beyond the edges of an array, written out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..._interop import interchangeable
from .checks import check_array, integer, one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..._types import Array

_MODES = ("constant", "reflect", "replicate", "circular", "symmetric")


def _cropped(input: Array, sides: list[tuple[int, int]]) -> Array:
    """Cut off what negative padding takes away."""
    return input[
        tuple(slice(max(-before, 0), n - max(-after, 0)) for n, (before, after) in zip(input.shape, sides, strict=True))
    ]


def _fill(out: Array, axis: int, before: int, n: int, after: int, mode: str) -> None:
    """Fill the borders of an axis that has n elements from `before` on."""
    x = np.moveaxis(out, axis, 0)
    inside = x[before : before + n]
    low, high = x[:before], x[before + n :]
    if mode == "replicate":
        low[...], high[...] = inside[:1], inside[n - 1 :]
    elif mode == "circular":
        low[...], high[...] = inside[n - before :], inside[:after]
    else:
        skipped = 1 if mode == "reflect" else 0  # whether the edge itself is not repeated
        turned = inside[::-1]
        low[...], high[...] = turned[n - before - skipped : n - skipped], turned[skipped : after + skipped]


def _places(at: Array, n: int, mode: str) -> Array:
    """Return which of an axis of n elements stand at places up to an axis further out."""
    if mode != "replicate":
        skipped = 1 if mode == "reflect" else 0
        at = np.where(at < 0, skipped - 1 - at, at)
        at = np.where(at >= n, 2 * n - 1 - skipped - at, at)
    return np.clip(at, 0, max(n - 1, 0))


@interchangeable
def pad(input: Array, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Array:
    """Lay a border around the last axes, as `torch.nn.functional.pad`.

    Parameters
    ----------
    input : ndarray, any dtype
        For modes other than 'constant', with one or two axes before those that are padded.
    pad : sequence of int
        Pairs (before, after), of the last axis first. A negative number cuts off: where the other is positive, before
        'constant' and 'circular' lay their border, and after the other modes, which see the whole axis.
    mode : 'constant', 'reflect', 'replicate', 'circular' or 'symmetric'
        The border is `value`; or the inside mirrored, without repeating the edge; the element at the edge; the other
        end of the axis; or, what torch lacks, the inside mirrored with the edge repeated, as `numpy.pad` has it. An
        axis of n elements takes at most n - 1, any number, n (of what is left, if a side is cut off) and n of these.
    value : float, optional
        Of 'constant'; 0 if None.

    Returns
    -------
    ndarray
        A new one, in memory order of `input`.

    Raises
    ------
    ValueError
        An odd number of sizes, more than there are axes, sizes that a mode does not allow or that leave less than
        nothing, an unknown mode; a `value` for a mode other than 'constant'.
    TypeError
        Sizes that are no integers.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> x = np.array([[1, 2, 3]])
    >>> F.pad(x, (2, 1)), F.pad(x, (2, 1), "reflect"), F.pad(x, (-1, 0))
    (array([[0, 0, 1, 2, 3, 0]]), array([[3, 2, 1, 2, 3, 2]]), array([[2, 3]]))
    """
    check_array("pad", "input", input)
    one_of("pad", "mode", mode, _MODES)
    sizes = [integer("pad", "pad", size) for size in pad]
    axes = len(sizes) // 2
    if len(sizes) % 2 or axes > input.ndim:
        raise ValueError(f"pad: pad must hold a pair of sizes for at most {input.ndim} axes, got {tuple(sizes)}")
    if mode != "constant":
        if value is not None and value != 0:
            raise ValueError(f"pad: value {value!r} has no meaning in mode {mode!r}")
        if axes not in (1, 2, 3) or input.ndim - axes not in (1, 2):
            raise ValueError(
                f"pad: in mode {mode!r} pad must be 2, 4 or 6 sizes for an input with one or two axes more, got "
                f"{tuple(sizes)} for shape {input.shape}"
            )
    pairs = list(zip(sizes[::2], sizes[1::2], strict=True))
    sides = [(0, 0)] * (input.ndim - axes) + pairs[::-1]
    shape = tuple(n + before + after for n, (before, after) in zip(input.shape, sides, strict=True))
    crops_first = mode in ("constant", "circular")
    left = [n + min(before, 0) + min(after, 0) for n, (before, after) in zip(input.shape, sides, strict=True)]
    # As in torch, one of several axes may be cut down to nothing, and in these modes not all.
    gone = not crops_first and axes and max(shape[-axes:]) == 0 < max(input.shape[-axes:])
    if gone or min((*shape, *left) if crops_first else shape, default=0) < 0:
        raise ValueError(f"pad: an input of shape {input.shape} is too small for pad {tuple(sizes)}")
    for axis, (before, after) in enumerate(sides):
        n = left[axis] if crops_first else input.shape[axis]
        room = {"constant": math.inf, "replicate": math.inf if n else 0, "reflect": max(n - 1, 0)}.get(mode, n)
        if max(before, after) > room:
            raise ValueError(
                f"pad: mode {mode!r} allows at most {room} on axis {axis} of an input of shape {input.shape}, "
                f"got {(before, after)}"
            )
        if not crops_first and min(before, after) < 0 < max(before, after):
            input = np.take(input, _places(np.arange(-before, n + after), n, mode), axis)
            sides[axis] = (0, 0)
    inside = _cropped(input, sides)
    sides = [(max(before, 0), max(after, 0)) for before, after in sides]
    out = np.empty_like(input, shape=shape, subok=False)
    if mode == "constant":
        try:
            out[...] = 0 if value is None else value
        except OverflowError:
            raise ValueError(f"pad: value {value!r} does not fit in {input.dtype}") from None
    out[tuple(slice(before, before + n) for (before, _), n in zip(sides, inside.shape, strict=True))] = inside
    if mode != "constant":
        for axis, (before, after) in enumerate(sides):
            if before or after:
                _fill(out, axis, before, inside.shape[axis], after, mode)
    return out
