"""Correlation and convolution with kernels of any shape, and of lines along one axis."""

from __future__ import annotations

import math
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._interop import array_like
from .._native import conv
from .arguments import axes_of, axis_of, border_of, image_of, number_of, per_axis, sides_of, weights_of
from .numbers import Overflow, Range, Rounding, as_work, delivered, target_of, work_type
from .passes import Pass, dense, memory_order, own_memory, sum_of_passes

if TYPE_CHECKING:
    import numpy.typing as npt

    from .._types import Array, Precision
    from .arguments import Axes, Integers, Output

Sides = list[tuple[int, int]]


def _beyond(x: Array, axis: int, start: int, border: str, fill: float) -> Array:
    """Return x moved by `start` along an axis: element i is the one at i + start, in the image or beyond its edge."""
    n = x.shape[axis]
    at = np.arange(start, start + n)
    if border == "constant":
        moved = np.take(x, np.clip(at, 0, n - 1), axis)
        np.moveaxis(moved, axis, 0)[(at < 0) | (at >= n)] = fill
        return moved
    if border == "symmetric":
        at %= 2 * n
        at = np.minimum(at, 2 * n - 1 - at)
    elif border == "mirror":
        at %= max(2 * n - 2, 1)
        at = np.minimum(at, 2 * n - 2 - at) if n > 1 else at * 0
    elif border == "wrap":
        at %= n
    else:
        at = np.clip(at, 0, n - 1)
    return np.take(x, at, axis)


class _Kernels(NamedTuple):
    """Kernels (K, *sizes) along ascending axes, how far they reach, and what lies beyond the edge."""

    axes: list[int]
    kernels: Array
    sides: Sides
    border: str
    fill: float

    def range_on(self, image: np.dtype) -> Range:
        """Return the range of results."""
        numbers = Range.of(image)
        if self.border == "constant":
            numbers = numbers.extended(self.fill)
        return reduce(Range.either, (numbers.filtered(kernel) for kernel in self.kernels))


def _correlate(x: Array, k: _Kernels, out: Array | None, precision: str | None) -> Array:
    """Correlate a dense image along neighbouring axes.

    The result is (outer, K, *sizes) or, of one kernel and with channels behind its axes, (outer, *sizes, channels).
    """
    outer, inner = math.prod(x.shape[: k.axes[0]]), math.prod(x.shape[k.axes[-1] + 1 :])
    sizes = x.shape[k.axes[0] : k.axes[-1] + 1]
    count, last = len(k.kernels), inner > 1
    kernels = k.kernels[:, None]
    shape = (outer, *sizes, inner) if last else (outer, count, *sizes)
    result: Array = conv(
        len(sizes),
        x.reshape((outer, *sizes, inner) if last else (outer, 1, *sizes)),
        np.repeat(kernels, inner, axis=0) if last else kernels,
        padding=k.sides,
        groups=inner,
        layout="NHWC" if last else "NCHW",
        padding_mode=k.border,
        padding_value=k.fill,
        precision=precision,
        out=None if out is None else out.reshape(shape),
    )
    return result


def _correlate_many(x: Array, k: _Kernels, precision: str | None) -> Array:
    """Correlate along more axes than the extension knows: add up what the taps along the first make of the others."""
    if len(k.axes) <= 3:
        return _correlate(x, k, None, precision).reshape(x.shape)
    total = np.zeros(x.shape, x.dtype)
    for tap in range(k.kernels.shape[1]):
        moved = _beyond(x, k.axes[0], tap - k.sides[0][0], k.border, k.fill)
        rest = k._replace(axes=k.axes[1:], kernels=k.kernels[:, tap], sides=k.sides[1:])
        total += _correlate_many(moved, rest, precision)
    return total


def _kernels_of(
    name: str,
    x: Array,
    weights: npt.ArrayLike,
    mode: Any,
    cval: Any,
    origin: Any,
    axes: Axes,
    channel_axis: int | None,
    flipped: bool = False,
    bank: bool = False,
) -> _Kernels:
    """Check what describes a kernel or, with an axis in front, a bank of them; axes of one tap are left out."""
    filtered = axes_of(name, x, axes, channel_axis)
    if not filtered:
        raise ValueError(f"{name}: there is no axis to filter in an input of shape {x.shape}")
    w = weights_of(name, "kernels" if bank else "weights", weights, len(filtered) + bank)
    if not isinstance(mode, str):
        raise ValueError(f"{name}: mode must be one name for all axes, not {mode!r}")
    border, fill = border_of(name, mode), number_of(name, "cval", cval)
    kernels = w if bank else w[None]
    if flipped:
        kernels = np.flip(kernels, tuple(range(1, kernels.ndim)))
    # Origins come in the order of `axes`; a kernel has its axes in the order of the image's, as in SciPy.
    origins = per_axis(name, "origin", origin, len(filtered))
    origins = [origins[i] for i in np.argsort(filtered)]
    sides = sides_of(name, kernels.shape[1:], origins, flipped)
    kept = [i for i, size in enumerate(kernels.shape[1:]) if size > 1] or [len(filtered) - 1]
    return _Kernels(
        [sorted(filtered)[i] for i in kept],
        kernels.reshape(len(kernels), *(kernels.shape[1 + i] for i in kept)),
        [sides[i] for i in kept],
        border,
        fill,
    )


def _single(
    name: str,
    input: npt.ArrayLike,
    weights: npt.ArrayLike,
    output: Output,
    mode: Any,
    cval: float,
    origin: Integers,
    axes: Axes,
    channel_axis: int | None,
    rounding: str,
    overflow: str,
    precision: Precision | None,
    flipped: bool,
) -> Array:
    """Correlate with one kernel."""
    x = image_of(name, input)
    k = _kernels_of(name, x, weights, mode, cval, origin, axes, channel_axis, flipped)
    if len(k.axes) == 1:
        one = Pass(k.axes[0], k.kernels.reshape(-1), k.sides[0], k.border, k.fill)
        return sum_of_passes(name, x, [[one]], output, rounding, overflow)
    target = target_of(name, x.shape, x.dtype, output, rounding, overflow)
    numbers = k.range_on(x.dtype)
    work = work_type(x.dtype, target.dtype, numbers)
    # The kernel's axes side by side: as memory has them, or last.
    order = memory_order(x, k.axes)
    place = [order.index(axis) for axis in k.axes]
    if place[-1] - place[0] >= len(place):
        order = (*(axis for axis in range(x.ndim) if axis not in k.axes), *k.axes)
        place = [order.index(axis) for axis in k.axes]
    image = dense(x.transpose(order))
    if target.array is not None:
        target = target._replace(array=target.array.transpose(order))
    memory = own_memory(target.array, work, x) if len(place) <= 3 else None
    k = k._replace(axes=place, kernels=k.kernels.astype(work))
    chosen = "strict" if numbers.integral else precision  # what is exact stays so
    if x.size == 0:
        found = image.astype(work)
    elif len(place) > 3:
        found = _correlate_many(image.astype(work), k, chosen)
    else:
        found = _correlate(as_work(image, work), k, memory, chosen).reshape(image.shape)
        found = found if memory is None else memory
    result = delivered(found, target, numbers)
    return output if isinstance(output, np.ndarray) else result.transpose(np.argsort(order))


@array_like
def correlate(
    input: npt.ArrayLike,
    weights: npt.ArrayLike,
    output: Output = None,
    mode: str = "reflect",
    cval: float = 0.0,
    origin: Integers = 0,
    *,
    axes: Axes = None,
    channel_axis: int | None = None,
    rounding: Rounding = "truncate",
    overflow: Overflow = "wrap",
    precision: Precision | None = None,
) -> Array:
    """Correlate an image with a kernel, as `scipy.ndimage.correlate`.

    With p the image and what lies beyond its edge, and c = ``size // 2 + origin`` along each axis::

        result[i, j, ...] = sum over s, t, ... of  weights[s, t, ...] * p[i + s - c, j + t - c, ...]

    The result has the size of the input; of a kernel of even size more lies on the left. A kernel may be larger than
    the image. `convolve` flips it.

    Floating-point images compute in their own type (SciPy in float64 always; ask for it with ``output=np.float64``),
    one fused multiply-add a tap, or in fast mode as `pyconv.nn.functional.conv2d`. Integers that become integers are
    exact with integer weights, and else rounded once, from sums in float64, or in float32 of bytes whose results are
    about as small. Nothing is copied for a border, for axes that are not filtered, or for bytes. Every weight takes
    part: zero times infinity is NaN, where SciPy leaves zeros out.

    Parameters
    ----------
    input : array_like
        Of any number of axes; integers, float16, float32 or float64.
    weights : array_like
        One axis for each that is filtered, in the order that the image has them.
    output : ndarray or dtype, optional
        Receives the result, and is returned, or says its type, else the input's. It may be the input.
    mode : 'reflect', 'mirror', 'nearest', 'wrap', 'constant', 'grid-mirror', 'grid-wrap' or 'grid-constant'
        What lies beyond the edge, by SciPy's names: (b a | a b c | c b), (c b | a b c | b a), (a a | a b c | c c),
        (b c | a b c | a b) and `cval`; 'grid-mirror' is 'reflect', the other two are as without 'grid-'.
    cval : float
        For 'constant'.
    origin : int or sequence of int
        Moves the kernel's place, for all axes or for each of `axes`.
    axes : int or sequence of int, optional
        The axes to filter; all, if not given.
    channel_axis : int, optional
        The axis of an image's colours, which are filtered each by itself: -1 for (height, width, 3).
    rounding : 'truncate' or 'nearest'
        How a result becomes an integer: towards zero, as in SciPy, or to the nearest one, halves to even. A result that
        misses an integer by a rounding error is that integer, so that what is all alike stays so.
    overflow : 'wrap' or 'saturate'
        Integers out of range: modulo 2 to the number of bits, as in SciPy on most machines, or the nearest one in
        range. NaN becomes 0; infinities too where numbers wrap.
    precision : 'fast', 'strict' or None
        As in `pyconv.nn.functional.conv2d`; what is exact is always strict.

    Returns
    -------
    ndarray, shape of `input`

    Raises
    ------
    ValueError
        Shapes that do not fit together, an unknown name, an origin that leaves the kernel, an axis out of range.
    TypeError
        Complex, boolean or other element types; arguments that are no numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import image
    >>> image.correlate(np.array([1, 2, 4, 8]), [-1, 1])
    array([0, 1, 2, 4])
    >>> photo = np.full((480, 640, 3), 200, np.uint8)
    >>> bright = image.correlate(photo, np.ones((3, 3)) / 6, channel_axis=-1, rounding="nearest", overflow="saturate")
    >>> bright[0, 0]
    array([255, 255, 255], dtype=uint8)
    """
    options = mode, cval, origin, axes, channel_axis, rounding, overflow, precision
    return _single("correlate", input, weights, output, *options, flipped=False)


@array_like
def convolve(
    input: npt.ArrayLike,
    weights: npt.ArrayLike,
    output: Output = None,
    mode: str = "reflect",
    cval: float = 0.0,
    origin: Integers = 0,
    *,
    axes: Axes = None,
    channel_axis: int | None = None,
    rounding: Rounding = "truncate",
    overflow: Overflow = "wrap",
    precision: Precision | None = None,
) -> Array:
    """Convolve an image with a kernel, in the mathematical sense, as `scipy.ndimage.convolve`.

    `correlate` with the kernel flipped, and its origin with it: one pixel of 1 becomes the kernel itself. Of a kernel
    of even size more lies on the right.

    Raises
    ------
    ValueError, TypeError
        As `correlate`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import image
    >>> image.convolve(np.array([0, 0, 1, 0, 0]), [1, 2, 3])
    array([0, 1, 2, 3, 0])
    """
    options = mode, cval, origin, axes, channel_axis, rounding, overflow, precision
    return _single("convolve", input, weights, output, *options, flipped=True)


def _line(
    name: str,
    input: npt.ArrayLike,
    weights: npt.ArrayLike,
    axis: int,
    output: Output,
    mode: str,
    cval: float,
    origin: int,
    rounding: str,
    overflow: str,
    flipped: bool,
) -> Array:
    """Filter along one axis."""
    x = image_of(name, input)
    axis = axis_of(name, "axis", axis, x.ndim)
    w = weights_of(name, "weights", weights, 1)
    sides = sides_of(name, w.shape, origin, flipped)[0]
    one = Pass(axis, w[::-1] if flipped else w, sides, border_of(name, mode), number_of(name, "cval", cval))
    return sum_of_passes(name, x, [[one]], output, rounding, overflow)


@array_like
def correlate1d(
    input: npt.ArrayLike,
    weights: npt.ArrayLike,
    axis: int = -1,
    output: Output = None,
    mode: str = "reflect",
    cval: float = 0.0,
    origin: int = 0,
    *,
    rounding: Rounding = "truncate",
    overflow: Overflow = "wrap",
) -> Array:
    """Correlate the lines along one axis with weights (K,), as `scipy.ndimage.correlate1d`.

    One fused multiply-add a tap in either mode. Arguments, types and errors as `correlate`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import image
    >>> image.correlate1d(np.array([[2, 8, 0, 4], [1, 9, 9, 0]]), [1, 3])
    array([[ 8, 26,  8, 12],
           [ 4, 28, 36,  9]])
    """
    return _line("correlate1d", input, weights, axis, output, mode, cval, origin, rounding, overflow, flipped=False)


@array_like
def convolve1d(
    input: npt.ArrayLike,
    weights: npt.ArrayLike,
    axis: int = -1,
    output: Output = None,
    mode: str = "reflect",
    cval: float = 0.0,
    origin: int = 0,
    *,
    rounding: Rounding = "truncate",
    overflow: Overflow = "wrap",
) -> Array:
    """Convolve the lines along one axis with weights (K,), as `scipy.ndimage.convolve1d`.

    `correlate1d` with the weights flipped, and their origin with them.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import image
    >>> image.convolve1d(np.array([[2, 8, 0, 4], [1, 9, 9, 0]]), [1, 3])
    array([[14, 24,  4, 16],
           [12, 36, 27,  0]])
    """
    return _line("convolve1d", input, weights, axis, output, mode, cval, origin, rounding, overflow, flipped=True)


@array_like
def filter_bank(
    input: npt.ArrayLike,
    kernels: npt.ArrayLike,
    output: Output = None,
    mode: str = "reflect",
    cval: float = 0.0,
    origin: Integers = 0,
    *,
    axes: Axes = None,
    channel_axis: int | None = None,
    rounding: Rounding = "truncate",
    overflow: Overflow = "wrap",
    precision: Precision | None = None,
) -> Array:
    """Correlate an image with several kernels of one size, (K, *sizes), reading it once: a result (K, *image).

    Result k is that of `correlate` with kernel k: to the bit in strict mode, if all kernels compute in one type. At
    most three axes with more than one tap. Arguments, types and errors as `correlate`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import image
    >>> across = np.outer([1, 2, 1], [-1, 0, 1])
    >>> image.filter_bank(np.eye(16, dtype=np.float32), [across, across.T]).shape
    (2, 16, 16)
    """
    name = "filter_bank"
    x = image_of(name, input)
    k = _kernels_of(name, x, kernels, mode, cval, origin, axes, channel_axis, bank=True)
    if len(k.axes) > 3:
        raise ValueError(f"{name}: kernels of shape {k.kernels.shape} spread over more than three axes")
    count, outer = len(k.kernels), x.ndim - len(k.axes)
    target = target_of(name, (count, *x.shape), x.dtype, output, rounding, overflow)
    numbers = k.range_on(x.dtype)
    work = work_type(x.dtype, target.dtype, numbers)
    # The axes to filter last, and the results of each image side by side.
    order = [*(axis for axis in range(x.ndim) if axis not in k.axes), *k.axes]
    results = [axis + 1 for axis in order]
    results.insert(outer, 0)
    image = dense(x.transpose(order))
    if target.array is not None:
        target = target._replace(array=target.array.transpose(results))
    memory = own_memory(target.array, work, x)
    k = k._replace(axes=list(range(outer, x.ndim)), kernels=k.kernels.astype(work))
    shape = (*image.shape[:outer], count, *image.shape[outer:])
    if x.size == 0:
        found = np.empty(shape, work)
    else:
        found = _correlate(as_work(image, work), k, memory, "strict" if numbers.integral else precision).reshape(shape)
        found = found if memory is None else memory
    result = delivered(found, target, numbers)
    return output if isinstance(output, np.ndarray) else result.transpose(np.argsort(results))
