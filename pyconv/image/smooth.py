"""Gaussian and uniform filters: one pass of taps along each axis."""

from __future__ import annotations

import math
from decimal import Context, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .._interop import array_like
from .arguments import axes_of, axis_of, border_of, count_of, image_of, number_of, per_axis, reach_of, sides_of
from .numbers import Overflow, Rounding, target_of
from .passes import Pass, sum_of_passes

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from .._types import Array
    from .arguments import Axes, Integers, Mode, Numbers, Output


_VANISHES = 39  # standard deviations away a Gaussian is 0 in float64


@lru_cache(maxsize=64)
def gaussian_weights(sigma: float, order: int, radius: int) -> Array:
    """Return the taps of a Gaussian's derivative, from `radius` before to `radius` after, to correlate with.

    The exponential is `decimal`'s, whose last digit is right on every machine, as that of no mathematical library is.
    """
    exact = Context(prec=24)
    scale = exact.divide(Decimal("-0.5"), exact.multiply(Decimal(sigma), Decimal(sigma)))
    near = min(radius, math.ceil(_VANISHES * sigma))
    half = [float(exact.exp(exact.multiply(scale, Decimal(x * x)))) for x in range(near + 1)]
    half += [0.0] * (radius - near)
    total = math.fsum([*half, *half[1:]])
    # The derivative is a polynomial times the Gaussian: q becomes q' - q * x / sigma^2.
    q = [1.0]
    for _ in range(order):
        slope = [*(i * c for i, c in enumerate(q) if i), 0.0, 0.0]
        q = [a - b / (sigma * sigma) for a, b in zip(slope, [0.0, *q], strict=True)]
    taps = []
    for x in range(-radius, radius + 1):
        value = 0.0
        for c in reversed(q):
            value = value * -x + c  # mirrored, since it is for a correlation
        taps.append(half[abs(x)] / total * value)
    found = np.array(taps)
    found.flags.writeable = False
    return found


def gaussian_pass(
    name: str, axis: int, sigma: Any, order: Any, mode: Any, cval: Any, truncate: Any, radius: Any
) -> Pass | None:
    """Return the pass along one axis, or none for a sigma of 0."""
    width, cut = number_of(name, "sigma", sigma), number_of(name, "truncate", truncate)
    if not 0 <= width < math.inf:
        raise ValueError(f"{name}: sigma must be finite and not negative, not {sigma!r}")
    if not 0 <= cut < math.inf:
        raise ValueError(f"{name}: truncate must be finite and not negative, not {truncate!r}")
    derivative = count_of(name, "order", order, 0)
    reach = reach_of(name, "radius", int(min(cut * width, 1e18) + 0.5) if radius is None else radius, 0)
    border, fill = border_of(name, mode), number_of(name, "cval", cval)
    if width <= 1e-15:
        return None
    return Pass(axis, gaussian_weights(width, derivative, reach), (reach, reach), border, fill)


def gaussian_passes(
    name: str, axes: tuple[int, ...], sigma: Any, order: Any, mode: Any, cval: Any, truncate: Any, radius: Any
) -> list[Pass]:
    """Return the passes of `gaussian_filter`."""
    given = {"sigma": sigma, "order": order, "mode": mode, "radius": radius}
    each = [per_axis(name, argument, value, len(axes)) for argument, value in given.items()]
    passes = [
        gaussian_pass(name, axis, s, o, m, cval, truncate, r) for axis, s, o, m, r in zip(axes, *each, strict=True)
    ]
    return [p for p in passes if p]


@array_like
def gaussian_filter1d(
    input: npt.ArrayLike,
    sigma: float,
    axis: int = -1,
    order: int = 0,
    output: Output = None,
    mode: str = "reflect",
    cval: float = 0.0,
    truncate: float = 4.0,
    *,
    radius: int | None = None,
    rounding: Rounding = "truncate",
    overflow: Overflow = "wrap",
) -> Array:
    """Smooth along one axis, as `scipy.ndimage.gaussian_filter1d`: see `gaussian_filter`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import image
    >>> image.gaussian_filter1d(np.array([0.0, 0, 0, 1, 0, 0, 0]), 1, radius=1).round(2)
    array([0.  , 0.  , 0.27, 0.45, 0.27, 0.  , 0.  ])
    """
    name = "gaussian_filter1d"
    x = image_of(name, input)
    axis = axis_of(name, "axis", axis, x.ndim)
    one = gaussian_pass(name, axis, sigma, order, mode, cval, truncate, radius)
    return sum_of_passes(name, x, [[one] if one else []], output, rounding, overflow)


@array_like
def gaussian_filter(
    input: npt.ArrayLike,
    sigma: Numbers,
    order: Integers = 0,
    output: Output = None,
    mode: Mode = "reflect",
    cval: float = 0.0,
    truncate: float = 4.0,
    *,
    radius: int | Iterable[int] | None = None,
    axes: Axes = None,
    channel_axis: int | None = None,
    rounding: Rounding = "truncate",
    overflow: Overflow = "wrap",
) -> Array:
    """Smooth an image with a Gaussian, or take a derivative of it, as `scipy.ndimage.gaussian_filter`.

    Along each axis ``2 * radius + 1`` taps of the Gaussian, divided by their sum, or of its derivative, two axes a pass
    over memory (Marr and Hildreth, "Theory of Edge Detection", Proc. R. Soc. B 207, 1980). Results between axes keep
    the type that is computed in: an integer image is rounded once, where SciPy rounds after each axis.

    Parameters
    ----------
    sigma : float or sequence of float
        Standard deviation in pixels, for all axes or for each of `axes`; an axis of 0 is left as it is.
    order : int or sequence of int
        0 smooths; 1, 2, ... is that derivative of the smoothed image.
    truncate : float
        The radius in standard deviations.
    radius : int or sequence of int, optional
        The radius in pixels, whatever `truncate`.
    mode : str or sequence of str
        As in `correlate`, for all axes or for each.
    input, output, cval, axes, channel_axis, rounding, overflow
        As in `correlate`, its types and errors too.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import image
    >>> dot = np.zeros((5, 5), np.uint8)
    >>> dot[2, 2] = 255
    >>> image.gaussian_filter(dot, 0.8, rounding="nearest")[2]
    array([ 3, 29, 63, 29,  3], dtype=uint8)
    """
    name = "gaussian_filter"
    x = image_of(name, input)
    along = axes_of(name, x, axes, channel_axis)
    passes = gaussian_passes(name, along, sigma, order, mode, cval, truncate, radius)
    return sum_of_passes(name, x, [passes], output, rounding, overflow)


def _uniform(
    name: str,
    x: Array,
    axes: tuple[int, ...],
    size: Any,
    output: Output,
    mode: Any,
    cval: Any,
    origin: Any,
    rounding: str,
    overflow: str,
) -> Array:
    """Average. Of integers that become integers, the sum is taken and divided once."""
    each = [
        per_axis(name, argument, value, len(axes))
        for argument, value in {"size": size, "mode": mode, "origin": origin}.items()
    ]
    whole = x.dtype.kind != "f" and target_of(name, x.shape, x.dtype, output, rounding, overflow).dtype.kind != "f"
    fill, divisor = number_of(name, "cval", cval), 1
    passes = []
    for axis, length, border, shift in zip(axes, *each, strict=True):
        n = reach_of(name, "size", length, 1)
        sides, beyond = sides_of(name, (n,), shift, False)[0], border_of(name, border)
        if n > 1:
            passes.append(Pass(axis, np.full(n, 1.0 if whole else 1 / n), sides, beyond, fill * divisor))
            divisor *= n if whole else 1
    return sum_of_passes(name, x, [passes], output, rounding, overflow, divisor)


@array_like
def uniform_filter1d(
    input: npt.ArrayLike,
    size: int,
    axis: int = -1,
    output: Output = None,
    mode: str = "reflect",
    cval: float = 0.0,
    origin: int = 0,
    *,
    rounding: Rounding = "truncate",
    overflow: Overflow = "wrap",
) -> Array:
    """Average `size` neighbours along one axis, as `scipy.ndimage.uniform_filter1d`: see `uniform_filter`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import image
    >>> image.uniform_filter1d(np.array([2, 8, 0, 4, 1, 9, 9, 0]), 3)
    array([4, 3, 4, 1, 4, 6, 6, 3])
    """
    name = "uniform_filter1d"
    x = image_of(name, input)
    along = (axis_of(name, "axis", axis, x.ndim),)
    return _uniform(name, x, along, size, output, mode, cval, origin, rounding, overflow)


@array_like
def uniform_filter(
    input: npt.ArrayLike,
    size: Integers = 3,
    output: Output = None,
    mode: Mode = "reflect",
    cval: float = 0.0,
    origin: Integers = 0,
    *,
    axes: Axes = None,
    channel_axis: int | None = None,
    rounding: Rounding = "truncate",
    overflow: Overflow = "wrap",
) -> Array:
    """Average the `size` neighbours along each axis, as `scipy.ndimage.uniform_filter`.

    Every mean is a sum of its own, so that no error runs along a line, as it does from one sum to the next in SciPy: an
    infinity or NaN reaches its neighbours alone. Time grows with `size`. Integers are summed, divided once and rounded
    once, where SciPy rounds after each axis. Other arguments, types and errors as `correlate`; `size`, `mode` and
    `origin` are for all axes or for each of `axes`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import image
    >>> image.uniform_filter(np.arange(16.0).reshape(4, 4), size=(1, 3))[0].round(2)
    array([0.33, 1.  , 2.  , 2.67])
    """
    name = "uniform_filter"
    x = image_of(name, input)
    along = axes_of(name, x, axes, channel_axis)
    return _uniform(name, x, along, size, output, mode, cval, origin, rounding, overflow)
