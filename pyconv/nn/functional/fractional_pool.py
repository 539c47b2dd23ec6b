"""Fractional max pooling: windows whose steps are drawn, and come out between two whole numbers on average."""

from __future__ import annotations

import operator
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._interop import interchangeable
from ..._native import pool as _pool
from .halves import half_floats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..._types import Array, Generator, Layout, Pair

    Ratio = float | Sequence[float]


def _each(name: str, argument: str, value: Any, rank: int, kind: type) -> tuple[Any, ...]:
    """Return a number, or one for each axis, as a tuple."""
    values = tuple(value) if np.iterable(value) and not isinstance(value, (str, bytes)) else (value,) * rank
    try:
        found = tuple(v if kind is float and isinstance(v, Real) else operator.index(v) for v in values)
    except TypeError:
        raise TypeError(f"{name}: {argument} must be {kind.__name__} or {rank} of them, got {value!r}") from None
    if len(values) != rank:
        raise ValueError(f"{name}: {argument} must be {kind.__name__} or {rank} of them, got {value!r}")
    return tuple(map(kind, found))


def _starts(samples: Array, spatial: Sequence[int], kernel: Sequence[int], size: Sequence[int]) -> Array:
    """Return where windows start, (planes, sum of size), by torch's arithmetic in the type of the samples."""
    real = samples.dtype.type
    starts = [np.zeros((len(samples), 3 - len(size)), dtype=np.int64)]  # pictures have depth 1
    for axis, (n, k, o) in enumerate(zip(spatial, kernel, size, strict=True)):
        sample = samples[:, 1 - axis if len(size) == 2 else axis, None]  # torch has the columns first, of pictures
        at = np.full((len(samples), o), n - k)
        if o > 1:
            step = real(n - k) / real(o - 1)
            at[:, :-1] = ((np.arange(o - 1, dtype=samples.dtype) + sample) * step).astype(np.int64)
            at[:, :-1] -= (sample * step).astype(np.int64)
        starts.append(at)
    return np.concatenate(starts, axis=1, dtype=np.int64)


def _fractional_max_pool(
    rank: int,
    input: Array,
    kernel_size: Pair,
    output_size: Pair | None,
    output_ratio: Ratio | None,
    return_indices: bool,
    samples: Array | None,
    generator: Generator | int | None,
    layout: Layout,
) -> Any:
    name = f"fractional_max_pool{rank}d"
    if not isinstance(input, np.ndarray) or input.dtype not in (np.float32, np.float64):
        kind = input.dtype if isinstance(input, np.ndarray) else type(input).__name__
        raise TypeError(f"{name}: input must be a numpy.ndarray of float32 or float64, not {kind}")
    if input.ndim not in (rank + 1, rank + 2):
        raise ValueError(f"{name}: input must have {rank + 1} or {rank + 2} axes, not shape {input.shape}")
    last = layout in ("NHWC", "NLC", "NDHWC")
    shape = input.shape if input.ndim == rank + 2 else (1, *input.shape)
    spatial, planes = (shape[1:-1], (shape[0], shape[-1])) if last else (shape[2:], shape[:2])
    kernel = _each(name, "kernel_size", kernel_size, rank, int)
    if (output_size is None) == (output_ratio is None):
        raise ValueError(f"{name}: exactly one of output_size and output_ratio must be given")
    if output_size is not None:
        size = _each(name, "output_size", output_size, rank, int)
    else:
        ratios = _each(name, "output_ratio", output_ratio, rank, float)
        if not all(0 < ratio < 1 for ratio in ratios):
            raise ValueError(f"{name}: output_ratio must be between 0 and 1, got {output_ratio!r}")
        size = tuple(int(n * ratio) for n, ratio in zip(spatial, ratios, strict=True))
    spare = rank == 3  # torch's volumes have to be an element larger than the windows need
    if min(*kernel, *size) < 1 or any(k + o - 1 + spare > n for n, k, o in zip(spatial, kernel, size, strict=True)):
        raise ValueError(
            f"{name}: output_size {size} with kernel_size {kernel} does not fit in the input of shape {input.shape}"
        )
    if samples is None:
        samples = np.random.default_rng(generator).random((*planes, rank), dtype=input.dtype)
    elif not isinstance(samples, np.ndarray) or samples.dtype != input.dtype:
        raise TypeError(f"{name}: _random_samples must be a numpy.ndarray of {input.dtype}")
    if samples.shape != (*planes, rank):
        raise ValueError(f"{name}: _random_samples must have shape {(*planes, rank)}, not {samples.shape}")
    if not np.all((samples >= 0) & (samples <= 1)):
        raise ValueError(f"{name}: _random_samples must lie between 0 and 1")
    starts = _starts(samples.reshape(-1, rank), spatial, kernel, size)
    return _pool(name, input, kernel, size, 0, 1, False, return_indices, True, None, None, layout, starts)


@interchangeable
@half_floats()
def fractional_max_pool2d(
    input: Array,
    kernel_size: Pair,
    output_size: Pair | None = None,
    output_ratio: Ratio | None = None,
    return_indices: bool = False,
    _random_samples: Array | None = None,
    *,
    generator: Generator | int | None = None,
    layout: Layout = "NCHW",
) -> Any:
    """Maximum over windows whose starts are drawn for each channel, as `torch.nn.functional.fractional_max_pool2d`.

    Of OH windows on H rows, with u drawn from [0, 1) and ``a = (H - KH) / (OH - 1)``, window i starts at row
    ``floor((i + u)*a) - floor(u*a)``, and the last at the end; columns likewise (B. Graham, "Fractional max-pooling",
    arXiv:1412.6071). Equal values, NaN and indices are as of `max_pool2d`.

    Parameters
    ----------
    input : ndarray, (N, C, H, W) or (C, H, W), floats
        The images.
    kernel_size : int or pair of int
        Height and width of the windows.
    output_size : int or pair of int, optional
        Height and width of the result, or instead of it:
    output_ratio : float or pair of float, optional
        Its share of the input's, between 0 and 1.
    return_indices : bool
        Also return where each maximum stood.
    _random_samples : ndarray, (N, C, 2), of the input's dtype, optional
        The u of each channel, of the columns first; drawn if None,
    generator : np.random.Generator or int, optional
        by this, or by a generator of this seed.
    layout : 'NCHW' or 'NHWC'
        The order of the axes of `input` and of the results.

    Returns
    -------
    ndarray, (N, C, OH, OW) or (C, OH, OW), and with `return_indices` another of int64

    Raises
    ------
    ValueError
        Sizes that do not fit; the text has the shapes.
    TypeError
        Element types that are no floats.

    Examples
    --------
    >>> import numpy as np, pyconv.nn.functional as F
    >>> F.fractional_max_pool2d(np.arange(25.0).reshape(1, 5, 5), 2, 3, _random_samples=np.full((1, 1, 2), 0.5))
    array([[[ 6.,  8.,  9.],
            [16., 18., 19.],
            [21., 23., 24.]]])
    """
    return _fractional_max_pool(
        2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples, generator, layout
    )


@interchangeable
@half_floats()
def fractional_max_pool3d(
    input: Array,
    kernel_size: Pair,
    output_size: Pair | None = None,
    output_ratio: Ratio | None = None,
    return_indices: bool = False,
    _random_samples: Array | None = None,
    *,
    generator: Generator | int | None = None,
    layout: Layout = "NCHW",
) -> Any:
    """As `fractional_max_pool2d`, of (N, C, D, H, W) or (C, D, H, W); samples are of depth, rows, columns.

    As in torch, n elements must be more than ``o + k - 1``, where in two dimensions they may be as many.

    Examples
    --------
    >>> import numpy as np, pyconv.nn.functional as F
    >>> F.fractional_max_pool3d(np.arange(64.0).reshape(1, 4, 4, 4), 2, output_ratio=0.7, generator=1).shape
    (1, 2, 2, 2)
    """
    return _fractional_max_pool(
        3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples, generator, layout
    )
