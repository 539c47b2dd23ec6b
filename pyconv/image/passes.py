"""Filters that go along the axes one after the other.

A filter of one axis of an array in memory order is, without a copy, a filter of images: (outer, n, inner) is a batch of
images whose columns it goes down, or for the last axis one image along whose rows it goes. Two passes over neighbouring
axes are one call of `filter2d_separable`, in which what lies between them stays in the cache. Each pass is one chain of
fused multiply-adds an output, rounded to the type that is computed in, so that no result shows how axes were combined.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .._native import conv, filter2d_separable
from .arguments import Output
from .numbers import Range, as_work, delivered, target_of, work_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._types import Array

# Elements of the axes behind the two of a pair: pixels of so many channels are read as such. More, and the rows that
# lie between the passes leave L1.
_CHANNELS = 32

# Taps, and bytes of a row that wraps around, of one pass: `filter2d_separable` takes 4096 and about 200 KB.
_TAPS = 1024
_WRAPPED = 1 << 16

# Taps from which on they are folded: so many times the length of the axis, and so many more.
_REPEATS = 4
_FEW = 64


class Pass(NamedTuple):
    """One axis of a filter: weights, how far they reach before and after, and the border as `conv2d` names it."""

    axis: int
    weights: Array
    sides: tuple[int, int]
    border: str
    fill: float

    @property
    def mode(self) -> str:
        """The border, where one of zeros is named so."""
        return "zeros" if self.border == "constant" and self.fill == 0 else self.border


def dense(x: Array) -> Array:
    """Return x in the order of its axes, copied if need be; `np.ascontiguousarray` would give a number an axis."""
    return x if x.flags.c_contiguous else x.copy()


def memory_order(x: Array, axes: Sequence[int]) -> tuple[int, ...]:
    """Return the axes as dense memory has them, if those to filter keep their order; else as they are."""
    same = tuple(range(x.ndim))
    if x.flags.c_contiguous:
        return same
    order = tuple(sorted(same, key=lambda axis: -abs(x.strides[axis])))
    kept = [axis for axis in order if axis in axes]
    return order if kept == sorted(axes) and x.transpose(order).flags.c_contiguous else same


def own_memory(out: Array | None, found: np.dtype, x: Array) -> Array | None:
    """Return `out` if the extension can write its result there: right type, dense, and apart from the image."""
    if out is None or out.dtype != found or not out.flags.c_contiguous or not out.flags.aligned:
        return None
    return None if np.may_share_memory(out, x) else out


def folded(p: Pass, n: int) -> Pass:
    """Return a pass over n elements that means the same, with hardly more taps than the axis has elements, twice.

    What lies further beyond the edge is all alike or repeats, so weights that always meet the same element are one.
    """
    if n == 0 or len(p.weights) <= _REPEATS * n + _FEW:
        return p
    before, after = p.sides
    at = np.arange(-before, after + 1)
    period = {"symmetric": 2 * n, "mirror": max(2 * n - 2, 1), "wrap": n}.get(p.border)
    if period is None:  # the edge for good, or the fill
        before, after = min(before, n), min(after, n)
        at = np.clip(at, -before, after)
    else:
        before, after = period // 2, period - 1 - period // 2
        at = (at + before) % period - before
    return p._replace(weights=np.bincount(at + before, p.weights), sides=(before, after))


def in_order(passes: Sequence[Pass]) -> list[Pass]:
    """Return passes by axis, so that neighbours pair.

    Only numbers beyond the edge make the order matter: the second pass puts them beside the results of the first.
    """
    if any(p.border == "constant" and p.fill for p in passes):
        return list(passes)
    return sorted(passes, key=lambda p: p.axis)


def _plain(p: Pass, shape: tuple[int, ...], itemsize: int) -> bool:
    """Whether `filter2d_separable` does this pass."""
    wraps = p.border == "wrap" and math.prod(shape[p.axis :]) * itemsize > _WRAPPED
    return len(p.weights) <= _TAPS and not wraps and p.mode != "constant"


def _pair(first: Pass, second: Pass, shape: tuple[int, ...], itemsize: int) -> bool:
    """Whether the two are one call."""
    return (
        second.axis == first.axis + 1
        and first.mode == second.mode
        and math.prod(shape[second.axis + 1 :]) <= _CHANNELS
        and _plain(first, shape, itemsize)
        and _plain(second, shape, itemsize)
    )


def _down_and_across(
    x: Array, shape: tuple[int, ...], down: Pass | None, across: Pass | None, out: Array | None, residual: Array | None
) -> Array:
    """Filter images of this shape, (N, H, W, C), along one or both of H and W."""
    given: Pass = down or across  # type: ignore[assignment]
    work = given.weights.dtype
    one = np.ones(1, work)
    last = shape[3] > 1
    images = shape if last else (shape[0], 1, *shape[1:3])
    result = filter2d_separable(
        x.reshape(images),
        across.weights if across else one,
        down.weights if down else one,
        padding=(down.sides if down else (0, 0), across.sides if across else (0, 0)),
        padding_mode=given.mode,
        layout="NHWC" if last else "NCHW",
        out=None if out is None else out.reshape(images),
        residual=None if residual is None else residual.reshape(images),
    )
    return result.reshape(x.shape)


def _along(x: Array, p: Pass, out: Array | None, residual: Array | None) -> Array:
    """Filter along one axis."""
    outer, n, inner = math.prod(x.shape[: p.axis]), x.shape[p.axis], math.prod(x.shape[p.axis + 1 :])
    across = inner <= _CHANNELS
    shape = (1, outer, n, inner) if across else (outer, n, inner, 1)
    if _plain(p, x.shape, p.weights.itemsize):
        return _down_and_across(x, shape, None if across else p, p if across else None, out, residual)
    last = shape[3] > 1
    images = shape if last else (shape[0], 1, *shape[1:3])
    kernel = p.weights[None, :] if across else p.weights[:, None]
    result: Array = conv(
        2,
        x.reshape(images),
        np.ascontiguousarray(np.broadcast_to(kernel, (shape[3], 1, *kernel.shape))),
        padding=((0, 0), p.sides) if across else (p.sides, (0, 0)),
        groups=shape[3],
        padding_mode=p.border,
        padding_value=p.fill,
        precision="strict",  # the images are one only as far as memory goes
        layout="NHWC" if last else "NCHW",
        out=None if out is None else out.reshape(images),
        residual=None if residual is None else residual.reshape(images),
    )
    return result.reshape(x.shape)


def filter_passes(x: Array, passes: Sequence[Pass], out: Array | None = None, residual: Array | None = None) -> Array:
    """Filter a dense image, floating or of bytes, with weights of the type to compute in; add `residual`."""
    done = x
    itemsize = passes[0].weights.itemsize
    # Pairs are counted from the last axis, whose neighbours in memory are neighbours in the image.
    calls: list[tuple[Pass, ...]] = []
    index = len(passes)
    while index:
        count = 2 if index > 1 and _pair(passes[index - 2], passes[index - 1], x.shape, itemsize) else 1
        calls.insert(0, tuple(passes[index - count : index]))
        index -= count
    for call in calls:
        ends = (out, residual) if call is calls[-1] else (None, None)
        if len(call) == 2:
            first, second = call
            outer, inner = math.prod(x.shape[: first.axis]), math.prod(x.shape[second.axis + 1 :])
            shape = (outer, x.shape[first.axis], x.shape[second.axis], inner)
            done = _down_and_across(done, shape, first, second, *ends)
        else:
            done = _along(done, call[0], *ends)
    return done


def range_after(passes: Sequence[Pass], numbers: Range) -> Range:
    """Return what the passes make of a range."""
    for p in passes:
        if p.border == "constant":
            numbers = numbers.extended(p.fill)
        numbers = numbers.filtered(p.weights)
    return numbers


def sum_of_passes(
    name: str,
    x: Array,
    terms: Sequence[Sequence[Pass]],
    output: Output,
    rounding: str,
    overflow: str,
    divisor: int = 1,
) -> Array:
    """Return the sum over `terms` of the image after the term's passes, divided by `divisor`, as a filter's result."""
    target = target_of(name, x.shape, x.dtype, output, rounding, overflow)
    terms = [[folded(p, x.shape[p.axis]) for p in term] for term in terms]
    least = Range.of(x.dtype)
    numbers = reduce(Range.plus, (range_after(term, least) for term in terms))
    work = work_type(x.dtype, target.dtype, numbers)
    order = memory_order(x, [p.axis for term in terms for p in term])
    image = dense(x.transpose(order))
    if target.array is not None:
        target = target._replace(array=target.array.transpose(order))

    if x.size == 0 or not terms[0]:
        found = image.astype(work)
    else:
        image = as_work(image, work)
        place = {axis: index for index, axis in enumerate(order)}
        memory = own_memory(target.array, work, x) if divisor == 1 else None
        sums: Array | None = None
        for term in terms:
            passes = [p._replace(axis=place[p.axis], weights=p.weights.astype(work)) for p in in_order(term)]
            found = sums = filter_passes(image, passes, memory if term is terms[-1] else None, sums)
        found = found if memory is None else memory
    result = delivered(found, target, numbers, divisor)
    return output if isinstance(output, np.ndarray) else result.transpose(np.argsort(order))
