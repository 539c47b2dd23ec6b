"""Derivatives: Sobel's and Prewitt's, the Laplacian, and what Gaussians make of either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._interop import array_like
from .arguments import axes_of, axis_of, border_of, image_of, number_of, per_axis
from .numbers import Overflow, Range, Rounding, delivered, target_of, work_type
from .passes import Pass, sum_of_passes
from .smooth import gaussian_passes

if TYPE_CHECKING:
    import numpy.typing as npt

    from .._types import Array
    from .arguments import Axes, Mode, Numbers, Output


def _gradient(
    name: str,
    input: npt.ArrayLike,
    smooth: list[float],
    axis: int,
    output: Output,
    mode: Any,
    cval: Any,
    channel_axis: int | None,
    rounding: str,
    overflow: str,
) -> Array:
    """Take a difference along one axis, and smooth along the others."""
    x = image_of(name, input)
    axis = axis_of(name, "axis", axis, x.ndim)
    axes = axes_of(name, x, None, channel_axis)
    if axis not in axes:
        raise ValueError(f"{name}: axis {axis} is the channel_axis")
    modes = per_axis(name, "mode", mode, len(axes))
    fill = number_of(name, "cval", cval)
    borders = {each: border_of(name, m) for each, m in zip(axes, modes, strict=True)}
    passes = [Pass(axis, np.array([-1.0, 0.0, 1.0]), (1, 1), borders[axis], fill)]
    passes += [Pass(other, np.array(smooth), (1, 1), borders[other], fill) for other in axes if other != axis]
    return sum_of_passes(name, x, [passes], output, rounding, overflow)


@array_like
def sobel(
    input: npt.ArrayLike,
    axis: int = -1,
    output: Output = None,
    mode: Mode = "reflect",
    cval: float = 0.0,
    *,
    channel_axis: int | None = None,
    rounding: Rounding = "truncate",
    overflow: Overflow = "wrap",
) -> Array:
    """Take the difference of neighbours along `axis`, smoothed by (1, 2, 1) along the others, as `scipy.ndimage.sobel`.

    Integers keep their type, as in SciPy: ask for a wider one, such as ``output=np.int16``, of an image of bytes.
    `mode` is for all axes or for each but the channels; other arguments, types and errors as `correlate`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import image
    >>> step = np.array([[0, 0, 9, 9]] * 3, np.uint8)
    >>> image.sobel(step, output=np.int16)[1]
    array([ 0, 36, 36,  0], dtype=int16)
    """
    smooth = [1.0, 2.0, 1.0]
    return _gradient("sobel", input, smooth, axis, output, mode, cval, channel_axis, rounding, overflow)


@array_like
def prewitt(
    input: npt.ArrayLike,
    axis: int = -1,
    output: Output = None,
    mode: Mode = "reflect",
    cval: float = 0.0,
    *,
    channel_axis: int | None = None,
    rounding: Rounding = "truncate",
    overflow: Overflow = "wrap",
) -> Array:
    """As `sobel`, smoothed by (1, 1, 1), as `scipy.ndimage.prewitt`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import image
    >>> image.prewitt(np.array([[0, 0, 9, 9]] * 3))[1]
    array([ 0, 27, 27,  0])
    """
    smooth = [1.0, 1.0, 1.0]
    return _gradient("prewitt", input, smooth, axis, output, mode, cval, channel_axis, rounding, overflow)


@array_like
def laplace(
    input: npt.ArrayLike,
    output: Output = None,
    mode: Mode = "reflect",
    cval: float = 0.0,
    *,
    axes: Axes = None,
    channel_axis: int | None = None,
    rounding: Rounding = "truncate",
    overflow: Overflow = "wrap",
) -> Array:
    """Sum the second differences (1, -2, 1) along each axis, as `scipy.ndimage.laplace`.

    `mode` is for all axes or for each of `axes`; other arguments, types and errors as `correlate`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import image
    >>> image.laplace(np.array([[0, 0, 0], [0, 5, 0], [0, 0, 0]]))
    array([[  0,   5,   0],
           [  5, -20,   5],
           [  0,   5,   0]])
    """
    name = "laplace"
    x = image_of(name, input)
    along = axes_of(name, x, axes, channel_axis)
    fill, taps = number_of(name, "cval", cval), np.array([1.0, -2.0, 1.0])
    modes = per_axis(name, "mode", mode, len(along))
    terms = [[Pass(axis, taps, (1, 1), border_of(name, m), fill)] for axis, m in zip(along, modes, strict=True)]
    return sum_of_passes(name, x, terms or [[]], output, rounding, overflow)


def _derivatives(
    name: str, axes: tuple[int, ...], order: int, sigma: Any, mode: Any, cval: Any, truncate: Any, radius: Any
) -> list[list[Pass]]:
    """Return the passes of the derivative along each of the axes, of a smoothed image."""
    if not all(per_axis(name, "sigma", sigma, len(axes))):
        raise ValueError(f"{name}: sigma must be positive, not {sigma!r}")
    orders = [[order * (other == axis) for other in axes] for axis in axes]
    return [gaussian_passes(name, axes, sigma, each, mode, cval, truncate, radius) for each in orders]


@array_like
def gaussian_laplace(
    input: npt.ArrayLike,
    sigma: Numbers,
    output: Output = None,
    mode: Mode = "reflect",
    cval: float = 0.0,
    *,
    truncate: float = 4.0,
    radius: int | None = None,
    axes: Axes = None,
    channel_axis: int | None = None,
    rounding: Rounding = "truncate",
    overflow: Overflow = "wrap",
) -> Array:
    """Sum a Gaussian's second derivatives along each axis, as `scipy.ndimage.gaussian_laplace`.

    Arguments, types and errors as `gaussian_filter`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import image
    >>> image.gaussian_laplace(np.eye(3), 1)[1].round(2)
    array([ 0.04, -0.07,  0.04])
    """
    name = "gaussian_laplace"
    x = image_of(name, input)
    along = axes_of(name, x, axes, channel_axis)
    terms = _derivatives(name, along, 2, sigma, mode, cval, truncate, radius)
    return sum_of_passes(name, x, terms or [[]], output, rounding, overflow)


@array_like
def gaussian_gradient_magnitude(
    input: npt.ArrayLike,
    sigma: Numbers,
    output: Output = None,
    mode: Mode = "reflect",
    cval: float = 0.0,
    *,
    truncate: float = 4.0,
    radius: int | None = None,
    axes: Axes = None,
    channel_axis: int | None = None,
    rounding: Rounding = "truncate",
    overflow: Overflow = "wrap",
) -> Array:
    """Return the length of a smoothed image's gradient, as `scipy.ndimage.gaussian_gradient_magnitude`.

    The root of the sum of the squares of Gaussian derivatives along each axis. An axis that is not in `axes` is not
    smoothed either, unlike in SciPy. Arguments, types and errors as `gaussian_filter`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import image
    >>> ramp = np.add.outer(3 * np.arange(32.0), 4 * np.arange(32.0))
    >>> image.gaussian_gradient_magnitude(ramp, 1)[16, 16:18].round(2)
    array([5., 5.])
    """
    name = "gaussian_gradient_magnitude"
    x = image_of(name, input)
    along = axes_of(name, x, axes, channel_axis)
    terms = _derivatives(name, along, 1, sigma, mode, cval, truncate, radius)
    target = target_of(name, x.shape, x.dtype, output, rounding, overflow)
    work = work_type(x.dtype, target.dtype, Range.of(np.dtype(np.float64)))
    total = np.zeros(x.shape, work)
    for passes in terms:
        slope = sum_of_passes(name, x, [passes], work, rounding, overflow)
        np.multiply(slope, slope, out=slope)
        np.add(total, slope, out=total)
    np.sqrt(total, out=total)
    result = delivered(total, target, Range.of(work))
    return output if isinstance(output, np.ndarray) else result
