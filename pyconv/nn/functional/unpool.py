"""Max pooling undone: maxima back to where they stood."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._interop import interchangeable
from ..._native import max_unpool as _max_unpool
from .halves import is_half

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..._types import Array, Layout, Pair

_LAYOUTS = {1: ("NCL", "NLC"), 2: ("NCHW", "NHWC"), 3: ("NCDHW", "NDHWC")}


def _each(name: str, argument: str, value: Any, rank: int, least: int) -> tuple[int, ...]:
    """Return an integer, or one for each axis, as a tuple."""
    wanted = f"{name}: {argument} must be an integer or {rank} of them, got {value!r}"
    try:
        values = tuple(map(operator.index, value if np.iterable(value) else (value,)))
    except TypeError:
        raise TypeError(wanted) from None
    if len(values) not in (1, rank):
        raise ValueError(wanted)
    if min(values) < least:
        raise ValueError(f"{name}: {argument} must be at least {least}, got {value!r}")
    return values * (rank if len(values) == 1 else 1)


def _size(
    name: str, spatial: Sequence[int], kernel: Any, stride: Any, padding: Any, output_size: Sequence[int] | None
) -> tuple[int, ...]:
    """Return the size of the result: `output_size` if it is one that the windows can come from."""
    rank = len(spatial)
    kernel = _each(name, "kernel_size", kernel, rank, 1)
    steps = kernel if stride is None else _each(name, "stride", stride, rank, 1)
    borders = _each(name, "padding", padding, rank, 0)
    usual = tuple((n - 1) * s + k - 2 * p for n, s, k, p in zip(spatial, steps, kernel, borders, strict=True))
    if output_size is None:
        size = usual
    else:
        if not np.iterable(output_size):
            raise TypeError(f"{name}: output_size must be a sequence of integers, got {output_size!r}")
        if len(output_size) not in (rank, rank + 2):
            raise ValueError(f"{name}: output_size must have {rank} or {rank + 2} elements, got {output_size!r}")
        size = tuple(map(operator.index, output_size[-rank:]))
        if any(abs(given - n) >= s for given, n, s in zip(size, usual, steps, strict=True)):
            raise ValueError(f"{name}: output_size {size} is a stride {steps} or more away from {usual}")
    if min(size) < 1:
        raise ValueError(f"{name}: the result would have size {size}: input of size {tuple(spatial)}, kernel {kernel}")
    return size


def _unpool(
    rank: int,
    input: Array,
    indices: Array,
    kernel_size: Pair,
    stride: Pair | None,
    padding: Pair,
    output_size: Sequence[int] | None,
    layout: Layout,
) -> Array:
    name = f"max_unpool{rank}d"
    for argument, array in (("input", input), ("indices", indices)):
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{name}: {argument} must be a numpy.ndarray, not {type(array).__name__}")
    known = input.dtype.kind in "iuf" and input.dtype.itemsize <= 8 and input.dtype.isnative
    if not known and not is_half(input):
        raise TypeError(f"{name}: input must hold integers or floats of up to 8 bytes, not {input.dtype}")
    if indices.dtype != np.int64:
        raise TypeError(f"{name}: indices must be int64, not {indices.dtype}")
    if layout not in ("NCHW", "NHWC", *_LAYOUTS[rank]):
        raise ValueError(f"{name}: layout must be 'NCHW' or 'NHWC', not {layout!r}")
    if input.ndim not in (rank + 1, rank + 2):
        raise ValueError(f"{name}: input must have {rank + 1} or {rank + 2} axes, not shape {input.shape}")
    if input.shape != indices.shape:
        raise ValueError(f"{name}: input has shape {input.shape} but indices {indices.shape}")
    if min(input.shape[-rank - 1 :]) < 1:
        raise ValueError(f"{name}: input of shape {input.shape} has an empty axis other than the batch")
    last = layout in ("NHWC", _LAYOUTS[rank][1])
    channel = -rank - 1
    if last:
        input, indices = np.moveaxis(input, -1, channel), np.moveaxis(indices, -1, channel)
    size = _size(name, input.shape[-rank:], kernel_size, stride, padding, output_size)
    result = np.empty((*input.shape[:-rank], *size), dtype=input.dtype)
    if not _max_unpool(np.ascontiguousarray(input), np.ascontiguousarray(indices), result, rank):
        found = int(indices.min()), int(indices.max())
        raise ValueError(f"{name}: indices from {found[0]} to {found[1]} do not all lie in planes of size {size}")
    return np.ascontiguousarray(np.moveaxis(result, channel, -1)) if last else result


@interchangeable
def max_unpool1d(
    input: Array,
    indices: Array,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    output_size: Sequence[int] | None = None,
    *,
    layout: Layout = "NCHW",
) -> Array:
    """As `max_unpool2d`, of (N, C, L) or (C, L).

    Examples
    --------
    >>> import numpy as np, pyconv.nn.functional as F
    >>> F.max_unpool1d(np.array([[7, 9]]), np.array([[1, 2]]), 2)
    array([[0, 7, 9, 0]])
    """
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size, layout)


@interchangeable
def max_unpool2d(
    input: Array,
    indices: Array,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    output_size: Sequence[int] | None = None,
    *,
    layout: Layout = "NCHW",
) -> Array:
    """Put maxima back to where they stood, zeros elsewhere, as `torch.nn.functional.max_unpool2d`.

    Where an index occurs twice in a plane, the last in memory order counts, for any number of threads (in torch it is
    either).

    Parameters
    ----------
    input, indices : ndarray, (N, C, OH, OW) or (C, OH, OW)
        What `max_pool2d` returned with `return_indices`; floats or integers, and int64.
    kernel_size, stride, padding : int or pair of int
        As of that call.
    output_size : sequence of int, optional
        The size of its input, (H, W) or (N, C, H, W), less than a stride away from ``(OH - 1)*sh + KH - 2*ph`` and so
        on, which it is if None.
    layout : 'NCHW' or 'NHWC'
        The order of the axes of `input`, `indices` and the result.

    Returns
    -------
    ndarray, (N, C, H, W) or (C, H, W)

    Raises
    ------
    ValueError
        An index outside its plane; shapes that differ; an impossible size.
    TypeError
        Other element types.

    Examples
    --------
    >>> import numpy as np, pyconv.nn.functional as F
    >>> maxima, indices = F.max_pool2d(np.array([[[1, 5, 2], [4, 3, 6]]]), (2, 1), return_indices=True)
    >>> F.max_unpool2d(maxima, indices, (2, 1))
    array([[[0, 5, 0],
            [4, 0, 6]]])
    """
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size, layout)


@interchangeable
def max_unpool3d(
    input: Array,
    indices: Array,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    output_size: Sequence[int] | None = None,
    *,
    layout: Layout = "NCHW",
) -> Array:
    """As `max_unpool2d`, of (N, C, D, H, W) or (C, D, H, W).

    Examples
    --------
    >>> import numpy as np, pyconv.nn.functional as F
    >>> F.max_unpool3d(np.array([[[[7]]]]), np.array([[[[2]]]]), 2, output_size=(1, 1, 3))
    array([[[[0, 0, 7]]]])
    """
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size, layout)
