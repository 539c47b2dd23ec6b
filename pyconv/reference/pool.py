"""Pooling over one, two and three axes: windows at a regular step, windows that cut an axis into parts, and back."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from .arguments import check_floats, extent, from_nchw, to_nchw
from .windows import axes, every, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .arguments import Array

    Numbers = int | Sequence[int]
    OutputSize = int | Sequence[int | None]
    Ratio = float | Sequence[float]


def _pick(windows: Array) -> tuple[Array, Array]:
    """Return the winner along the last axis and its place: the last NaN, else the first of the largest."""
    nan = windows != windows
    last = windows.shape[-1] - 1 - nan[..., ::-1].argmax(-1)
    place = np.where(nan.any(-1), last, windows.argmax(-1))
    return np.take_along_axis(windows, place[..., None], -1)[..., 0], place


def _max_pool(
    rank: int,
    input: Array,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    layout: str = "NCHW",
) -> Any:
    """Take the maximum of each window, over the elements inside the image; for pictures::

        out[n, c, y, x] = max over i, j of  input[n, c, y*sh + i*dh - ph, x*sw + j*dw - pw]

    Elements are visited in memory order of a channels-first plane. A later one takes over if it is larger, or NaN; so
    the first of equal values wins, NaN wins over numbers, and of several NaN the last one. A dilated window that misses
    the image gives the lowest value and the index -1. `input` may have any real type; indices count the elements of a
    plane. Arguments as in `pyconv.nn.functional`.

    Raises
    ------
    ValueError
        Arguments that do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> values, indices = max_pool2d(np.array([[[1.0, 5.0, 5.0, np.nan]]]), (1, 2), return_indices=True)
    >>> values, indices
    (array([[[ 5., nan]]]), array([[[1, 3]]]))
    """
    images = to_nchw(input, layout, rank)
    laid_out = axes(rank, images.shape, kernel_size, stride, padding, dilation, ceil_mode)
    size = tuple(axis.place.shape[0] for axis in laid_out)
    number = np.arange(np.prod(images.shape[2:])).reshape(images.shape[2:])
    lowest = -np.inf if input.dtype.kind == "f" else np.iinfo(input.dtype).min
    best = np.full((*images.shape[:2], *size), lowest, dtype=input.dtype)
    where = np.full(best.shape, -1, dtype=np.int64)  # until an element inside the image is found
    for taps in itertools.product(*(range(axis.place.shape[1]) for axis in laid_out)):
        pairs = list(zip(laid_out, taps, strict=True))
        at = np.ix_(*(axis.place[:, tap] for axis, tap in pairs))
        value, is_inside = spread(images, at), every([axis.inside[:, tap] for axis, tap in pairs])
        takes_over = is_inside & ((where < 0) | (value > best) | (value != value))
        best = np.where(takes_over, value, best)
        where = np.where(takes_over, number[at], where)
    values, indices = (from_nchw(result, layout, input.ndim == rank + 2) for result in (best, where))
    return (values, indices) if return_indices else values


def max_pool1d(input: Array, kernel_size: Numbers, *args: Any, **kwargs: Any) -> Any:
    """As `max_pool2d`, over (N, C, L) or (C, L)."""
    return _max_pool(1, input, kernel_size, *args, **kwargs)


def max_pool2d(input: Array, kernel_size: Numbers, *args: Any, **kwargs: Any) -> Any:
    return _max_pool(2, input, kernel_size, *args, **kwargs)


def max_pool3d(input: Array, kernel_size: Numbers, *args: Any, **kwargs: Any) -> Any:
    """As `max_pool2d`, over (N, C, D, H, W) or (C, D, H, W)."""
    return _max_pool(3, input, kernel_size, *args, **kwargs)


max_pool2d.__doc__ = _max_pool.__doc__


def _avg_pool(
    rank: int,
    input: Array,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    layout: str = "NCHW",
) -> Array:
    """Take the average of each window; for pictures::

        out[n, c, y, x] = sum over i, j of  input[n, c, y*sh + i - ph, x*sw + j - pw]  / divisor

    What lies outside the image adds nothing. The divisor is the number of elements of the window that lie in the image
    or, with `count_include_pad`, in the image or its padding; or it is `divisor_override`. `input` is float32 or
    float64; arguments as in `pyconv.nn.functional`.

    Raises
    ------
    ValueError
        Arguments that do not fit together.
    TypeError
        Other element types.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[1.0, 2.0, 6.0]]])
    >>> avg_pool2d(x, (1, 2), padding=(0, 1)), avg_pool2d(x, (1, 2), padding=(0, 1), count_include_pad=False)
    (array([[[0.5, 4. ]]]), array([[[1., 4.]]]))
    """
    check_floats(input=input)
    if divisor_override == 0:
        raise ValueError("divisor_override must not be 0")
    images = to_nchw(input, layout, rank)
    laid_out = axes(rank, images.shape, kernel_size, stride, padding, 1, ceil_mode)
    size = tuple(axis.place.shape[0] for axis in laid_out)
    total, count = np.zeros((*images.shape[:2], *size)), np.zeros(size)
    for taps in itertools.product(*(range(axis.place.shape[1]) for axis in laid_out)):
        pairs = list(zip(laid_out, taps, strict=True))
        value = spread(images, np.ix_(*(axis.place[:, tap] for axis, tap in pairs))).astype(np.float64)
        is_inside = every([axis.inside[:, tap] for axis, tap in pairs])
        total += np.where(is_inside, value, 0)
        count += every([axis.padded[:, tap] for axis, tap in pairs]) if count_include_pad else is_inside
    averages = total / (count if divisor_override is None else divisor_override)
    return from_nchw(averages.astype(input.dtype), layout, input.ndim == rank + 2)


def avg_pool1d(input: Array, kernel_size: Numbers, *args: Any, **kwargs: Any) -> Array:
    """As `avg_pool2d`, over (N, C, L) or (C, L)."""
    return _avg_pool(1, input, kernel_size, *args, **kwargs)


def avg_pool2d(input: Array, kernel_size: Numbers, *args: Any, **kwargs: Any) -> Array:
    return _avg_pool(2, input, kernel_size, *args, **kwargs)


def avg_pool3d(input: Array, kernel_size: Numbers, *args: Any, **kwargs: Any) -> Array:
    """As `avg_pool2d`, over (N, C, D, H, W) or (C, D, H, W); windows larger than the image are errors."""
    if any(
        n < k
        for n, k in zip(
            to_nchw(input, kwargs.get("layout", "NCHW"), 3).shape[2:],
            extent("kernel_size", kernel_size, 3, 1),
            strict=True,
        )
    ):
        raise ValueError(f"kernel_size {kernel_size} is larger than input {input.shape}")
    return _avg_pool(3, input, kernel_size, *args, **kwargs)


avg_pool2d.__doc__ = _avg_pool.__doc__
_AVERAGES: dict[int, Callable[..., Array]] = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}


def _parts(rank: int, images: Array, output_size: OutputSize) -> list[list[slice]]:
    """Cut each axis into parts, as equal as whole elements allow."""
    if min(images.shape[1:]) < 1:
        raise ValueError(f"only the batch may be empty: input {images.shape}")
    sizes = [output_size] * rank if isinstance(output_size, int) else list(output_size)
    if len(sizes) != rank:
        raise ValueError(f"output_size must be an int or {rank}, got {output_size!r}")
    kept = [n if size is None else size for n, size in zip(images.shape[2:], sizes, strict=True)]
    counts = extent("output_size", kept, rank, 0)
    return [
        [slice(i * n // o, -(-(i + 1) * n // o)) for i in range(o)]
        for n, o in zip(images.shape[2:], counts, strict=True)
    ]


def _adaptive_avg_pool(rank: int, input: Array, output_size: OutputSize, *, layout: str = "NCHW") -> Array:
    """Average over the windows that cut an image into parts, as equal as whole pixels allow; for pictures::

        out[n, c, y, x] = mean of input[n, c, a : b, ...]  with  a = floor(y * H / OH),  b = ceil((y + 1) * H / OH)

    and likewise for the columns. `input` is float32 or float64; None in `output_size` keeps the size of the image.

    Raises
    ------
    ValueError
        Arguments that do not fit together.
    TypeError
        Other element types.

    Examples
    --------
    >>> import numpy as np
    >>> adaptive_avg_pool2d(np.array([[[1.0, 2.0, 6.0]]]), (1, 2))
    array([[[1.5, 4. ]]])
    """
    check_floats(input=input)
    images = to_nchw(input, layout, rank)
    parts = _parts(rank, images, output_size)
    averages = np.zeros((*images.shape[:2], *map(len, parts)), dtype=input.dtype)
    for at in np.ndindex(*averages.shape[2:]):
        window = spread(images, tuple(part[i] for part, i in zip(parts, at, strict=True)))
        spread(averages, at)[...] = window.mean(axis=tuple(range(2, rank + 2)), dtype=np.float64)
    return from_nchw(averages, layout, input.ndim == rank + 2)


def adaptive_avg_pool1d(input: Array, output_size: OutputSize, **kwargs: Any) -> Array:
    """As `adaptive_avg_pool2d`, over (N, C, L) or (C, L)."""
    return _adaptive_avg_pool(1, input, output_size, **kwargs)


def adaptive_avg_pool2d(input: Array, output_size: OutputSize, **kwargs: Any) -> Array:
    return _adaptive_avg_pool(2, input, output_size, **kwargs)


def adaptive_avg_pool3d(input: Array, output_size: OutputSize, **kwargs: Any) -> Array:
    """As `adaptive_avg_pool2d`, over (N, C, D, H, W) or (C, D, H, W)."""
    return _adaptive_avg_pool(3, input, output_size, **kwargs)


adaptive_avg_pool2d.__doc__ = _adaptive_avg_pool.__doc__


def _maxima_of(images: Array, parts: list[list[slice]]) -> tuple[Array, Array]:
    """Take the maximum of each box of slices, and its index."""
    number = np.arange(np.prod(images.shape[2:], dtype=int)).reshape(images.shape[2:])
    best = np.zeros((*images.shape[:2], *map(len, parts)), dtype=images.dtype)
    where = np.zeros(best.shape, dtype=np.int64)
    for at in np.ndindex(*best.shape[2:]):
        box = tuple(part[i] for part, i in zip(parts, at, strict=True))
        value, place = _pick(spread(images, box).reshape(*images.shape[:2], number[box].size))
        spread(best, at)[...] = value
        spread(where, at)[...] = number[box].ravel()[place]
    return best, where


def _adaptive_max_pool(
    rank: int, input: Array, output_size: OutputSize, return_indices: bool = False, *, layout: str = "NCHW"
) -> Any:
    """Take the maximum of the windows of `adaptive_avg_pool2d`, by the rules of `max_pool2d`; any real type.

    Raises
    ------
    ValueError
        Arguments that do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> adaptive_max_pool2d(np.array([[[1, 2, 6]]]), (1, 2), return_indices=True)
    (array([[[2, 6]]]), array([[[1, 2]]]))
    """
    images = to_nchw(input, layout, rank)
    found = _maxima_of(images, _parts(rank, images, output_size))
    values, indices = (from_nchw(result, layout, input.ndim == rank + 2) for result in found)
    return (values, indices) if return_indices else values


def adaptive_max_pool1d(input: Array, output_size: OutputSize, *args: Any, **kwargs: Any) -> Any:
    """As `adaptive_max_pool2d`, over (N, C, L) or (C, L)."""
    return _adaptive_max_pool(1, input, output_size, *args, **kwargs)


def adaptive_max_pool2d(input: Array, output_size: OutputSize, *args: Any, **kwargs: Any) -> Any:
    return _adaptive_max_pool(2, input, output_size, *args, **kwargs)


def adaptive_max_pool3d(input: Array, output_size: OutputSize, *args: Any, **kwargs: Any) -> Any:
    """As `adaptive_max_pool2d`, over (N, C, D, H, W) or (C, D, H, W)."""
    return _adaptive_max_pool(3, input, output_size, *args, **kwargs)


adaptive_max_pool2d.__doc__ = _adaptive_max_pool.__doc__


def _lp_pool(
    rank: int,
    input: Array,
    norm_type: float,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    ceil_mode: bool = False,
    *,
    layout: str = "NCHW",
) -> Array:
    """Take the root of the sum of powers of each window, ``(sum x**p) ** (1/p)``, no absolute values taken.

    A window that `ceil_mode` lets reach beyond the image has its sum scaled up to a whole one's. Of infinite `p` the
    largest absolute value, of minus infinity the smallest.

    Raises
    ------
    ValueError
        Arguments that do not fit together.
    TypeError
        Other element types.

    Examples
    --------
    >>> import numpy as np
    >>> lp_pool2d(np.array([[[3.0, 4.0, -3.0, 1.0]]]), 2, (1, 2)), lp_pool2d(np.array([[[-3.0, 1.0]]]), 1, (1, 2))
    (array([[[5.        , 3.16227766]]]), array([[[-2.]]]))
    """
    check_floats(input=input)
    if np.isinf(norm_type):
        sign = np.sign(norm_type)
        maxima = _max_pool(rank, sign * np.abs(input), kernel_size, stride, 0, 1, ceil_mode, layout=layout)
        return (sign * maxima).astype(input.dtype)  # type: ignore[no-any-return]
    with np.errstate(all="ignore"):
        powers = np.power(input.astype(np.float64), norm_type)
        sums = _AVERAGES[rank](powers, kernel_size, stride, 0, ceil_mode, layout=layout)
        sums *= np.prod(extent("kernel_size", kernel_size, rank, 1))
        return np.power(sums, 1 / norm_type).astype(input.dtype)


def lp_pool1d(input: Array, norm_type: float, kernel_size: Numbers, *args: Any, **kwargs: Any) -> Array:
    """As `lp_pool2d`, over (N, C, L) or (C, L)."""
    return _lp_pool(1, input, norm_type, kernel_size, *args, **kwargs)


def lp_pool2d(input: Array, norm_type: float, kernel_size: Numbers, *args: Any, **kwargs: Any) -> Array:
    return _lp_pool(2, input, norm_type, kernel_size, *args, **kwargs)


def lp_pool3d(input: Array, norm_type: float, kernel_size: Numbers, *args: Any, **kwargs: Any) -> Array:
    """As `lp_pool2d`, over (N, C, D, H, W) or (C, D, H, W)."""
    return _lp_pool(3, input, norm_type, kernel_size, *args, **kwargs)


lp_pool2d.__doc__ = _lp_pool.__doc__


def _fractional_max_pool(
    rank: int, input: Array, kernel_size: Numbers, output_size: Numbers, samples: Array, *, layout: str = "NCHW"
) -> tuple[Array, Array]:
    """Take the maxima of windows whose starts are drawn, and their indices: B. Graham, "Fractional max-pooling", 2014.

    On an axis of n elements, o windows of k start at ``floor((i + u)*a) - floor(u*a)`` with ``a = (n - k)/(o - 1)``,
    computed in the input's type, the last at n - k. `samples`, (N, C, rank), has u of each plane: of the columns first
    and of the rows next for pictures, of depth, rows and columns for volumes.

    Raises
    ------
    ValueError
        Arguments that do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> fractional_max_pool2d(np.arange(25.0).reshape(1, 5, 5), 2, 3, np.full((1, 1, 2), 0.5))[0]
    array([[[ 6.,  8.,  9.],
            [16., 18., 19.],
            [21., 23., 24.]]])
    """
    images = to_nchw(input, layout, rank)
    kernel, size = extent("kernel_size", kernel_size, rank, 1), extent("output_size", output_size, rank, 1)
    most = [n - k + (rank == 2) for n, k in zip(images.shape[2:], kernel, strict=True)]
    if any(o > m for o, m in zip(size, most, strict=True)):
        raise ValueError(
            f"output_size {output_size} with kernel_size {kernel_size} does not fit in input {input.shape}"
        )
    values = np.zeros((*images.shape[:2], *size), dtype=input.dtype)
    indices = np.zeros(values.shape, dtype=np.int64)
    real = input.dtype.type
    for plane in np.ndindex(*images.shape[:2]):
        parts = []
        for axis, (n, k, o) in enumerate(zip(images.shape[2:], kernel, size, strict=True)):
            if k + o - 1 > n:
                raise ValueError(f"output_size {output_size} of windows {kernel_size} is too large for {input.shape}")
            u = real(samples[plane][1 - axis if rank == 2 else axis])
            starts = [n - k]
            if o > 1:
                a = real(n - k) / real(o - 1)
                starts = [int((real(i) + u) * a) - int(u * a) for i in range(o - 1)] + starts
            parts.append([slice(s, s + k) for s in starts])
        values[plane], indices[plane] = (found[0, 0] for found in _maxima_of(images[plane][None, None], parts))
    return from_nchw(values, layout, input.ndim == rank + 2), from_nchw(indices, layout, input.ndim == rank + 2)


def fractional_max_pool2d(*args: Any, **kwargs: Any) -> tuple[Array, Array]:
    return _fractional_max_pool(2, *args, **kwargs)


def fractional_max_pool3d(*args: Any, **kwargs: Any) -> tuple[Array, Array]:
    """As `fractional_max_pool2d`, over (N, C, D, H, W) or (C, D, H, W)."""
    return _fractional_max_pool(3, *args, **kwargs)


fractional_max_pool2d.__doc__ = _fractional_max_pool.__doc__


def _max_unpool(
    rank: int,
    input: Array,
    indices: Array,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    output_size: Sequence[int] | None = None,
    *,
    layout: str = "NCHW",
) -> Array:
    """Put each element where `indices` says, into planes that are 0 elsewhere; of two the last stays.

    The planes have the size `output_size` or, for want of one, ``(n - 1) * stride - 2 * padding + kernel_size``.

    Raises
    ------
    ValueError
        An index outside its plane.

    Examples
    --------
    >>> import numpy as np
    >>> max_unpool2d(np.array([[[7.0, 8.0, 9.0]]]), np.array([[[3, 0, 3]]]), (1, 2), output_size=(1, 5))
    array([[[8., 0., 0., 9., 0.]]])
    """
    images, places = to_nchw(input, layout, rank), to_nchw(indices, layout, rank)
    kernel, pads = extent("kernel_size", kernel_size, rank, 1), extent("padding", padding, rank, 0)
    steps = extent("stride", kernel_size if stride is None else stride, rank, 1)
    usual = [(n - 1) * s - 2 * p + k for n, s, p, k in zip(images.shape[2:], steps, pads, kernel, strict=True)]
    size = usual if output_size is None else list(output_size)[-rank:]
    result = np.zeros((*images.shape[:2], int(np.prod(size))), dtype=input.dtype)
    for plane in np.ndindex(*images.shape[:2]):
        for value, place in zip(images[plane].ravel(), places[plane].ravel(), strict=True):
            if not 0 <= place < result.shape[2]:
                raise ValueError(f"index {place} lies outside a plane of {tuple(size)}")
            result[plane][place] = value
    return from_nchw(result.reshape(*images.shape[:2], *size), layout, input.ndim == rank + 2)


def max_unpool1d(*args: Any, **kwargs: Any) -> Array:
    """As `max_unpool2d`, over (N, C, L) or (C, L)."""
    return _max_unpool(1, *args, **kwargs)


def max_unpool2d(*args: Any, **kwargs: Any) -> Array:
    return _max_unpool(2, *args, **kwargs)


def max_unpool3d(*args: Any, **kwargs: Any) -> Array:
    """As `max_unpool2d`, over (N, C, D, H, W) or (C, D, H, W)."""
    return _max_unpool(3, *args, **kwargs)


max_unpool2d.__doc__ = _max_unpool.__doc__
