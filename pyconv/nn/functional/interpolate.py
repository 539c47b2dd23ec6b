"""Resampling of images to another size: a few taps along each axis, one axis after the other."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._interop import interchangeable
from ..._native import resample
from .checks import check_array, integer, one_of
from .halves import half_floats
from .pool import adaptive_avg_pool2d

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..._types import Array

_MODES = ("nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area")
_RANKS = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}


def _per_axis(name: str, value: Any, axes: int) -> list[Any]:
    values = list(value) if isinstance(value, (tuple, list, np.ndarray)) else [value] * axes
    if len(values) != axes:
        raise ValueError(f"interpolate: {name} must be one number or {axes}, got {value!r}")
    return values


def _sizes(
    input: Array, size: Any, scale_factor: Any, recompute_scale_factor: bool | None
) -> list[tuple[int, float | None]]:
    """Return for each spatial axis its new size and, where coordinates shall use it, the factor."""
    axes, shape = input.ndim - 2, input.shape[2:]
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor")
    if size is not None:
        if recompute_scale_factor:
            raise ValueError("interpolate: recompute_scale_factor needs scale_factor, not size")
        return [(integer("interpolate", "size", n, 1), None) for n in _per_axis("size", size, axes)]
    factors = _per_axis("scale_factor", scale_factor, axes)
    if not all(isinstance(factor, Real) for factor in factors):
        raise TypeError(f"interpolate: scale_factor must be one number or {axes}, got {scale_factor!r}")
    sizes = [
        math.floor(float(n) * factor) if 0 < factor < math.inf else 0 for n, factor in zip(shape, factors, strict=True)
    ]
    if min(sizes) < 1:
        raise ValueError(
            f"interpolate: scale_factor {scale_factor!r} leaves nothing of an input of shape {input.shape}"
        )
    return [(n, None if recompute_scale_factor else f) for n, f in zip(sizes, factors, strict=True)]


def _step(n: int, size: int, factor: float | None, corners: bool, kind: np.dtype[Any]) -> float:
    """Return the elements from place to place; as in torch, a number of the input's type, float32 where it is none."""
    number = np.float64 if kind == np.float64 else np.float32
    if corners:
        return float(number(n - 1) / number(size - 1)) if size > 1 else 0.0
    return float(number(1 / factor) if factor is not None else number(n) / number(size))


def _area(input: Array, sizes: list[int]) -> Array:
    """Average over the windows of an adaptive pooling, the depth of a volume by itself."""
    n, c, *spatial = input.shape
    *depth, h, w = (1, *spatial) if len(spatial) == 1 else spatial
    *new_depth, oh, ow = (1, *sizes) if len(sizes) == 1 else sizes
    images = adaptive_avg_pool2d(input.reshape(n, c * math.prod(depth), h, w), (oh, ow))
    if depth:
        images = adaptive_avg_pool2d(images.reshape(n, c, *depth, oh * ow), (*new_depth, None))
    return images.reshape(n, c, *sizes)


@interchangeable
@half_floats()
def interpolate(
    input: Array,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Array:
    """Resample images to another size, as `torch.nn.functional.interpolate`.

    Element i of an axis of n, resampled to m, comes from the place ``(i + 1/2) * n / m - 1/2``, or with `align_corners`
    from ``i * (n - 1) / (m - 1)``. 'linear', 'bilinear' and 'trilinear' (for one, two and three spatial axes) weigh the
    two neighbours of each axis, 'bicubic' four by Keys' convolution ("Cubic Convolution Interpolation for Digital Image
    Processing", IEEE Trans. ASSP 29, 1981) with a = -3/4. 'nearest-exact' takes the element at the place, 'nearest'
    that at ``floor(i * n / m)``; 'area' averages as `adaptive_avg_pool2d`.

    Parameters
    ----------
    input : ndarray, (N, C, L), (N, C, H, W) or (N, C, D, H, W), floats; 'nearest' any dtype
    size : int or sequence of int, optional
        The new spatial size.
    scale_factor : float or sequence of float, optional
        Instead of `size`: it becomes ``floor(n * scale_factor)``.
    mode : str
    align_corners : bool, optional
        For the linear and cubic modes alone.
    recompute_scale_factor : bool, optional
        Compute places from the new size, not from `scale_factor` as it was given.
    antialias : bool
        Not offered: must be False.

    Returns
    -------
    ndarray, (N, C, *size), in the memory order of the input: that of channels last stays so

    Raises
    ------
    ValueError
        Wrong rank, sizes below 1, neither or both of `size` and `scale_factor`, options that do not go together.
    TypeError
        Element types other than these; sizes or factors that are no numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> x = np.array([[[1.0, 2.0]]])
    >>> F.interpolate(x, scale_factor=2), F.interpolate(x, 4, mode="linear")
    (array([[[1., 1., 2., 2.]]]), array([[[1.  , 1.25, 1.75, 2.  ]]]))
    """
    one_of("interpolate", "mode", mode, _MODES)
    check_array("interpolate", "input", input, floats=not mode.startswith("nearest"))
    axes = input.ndim - 2
    if axes not in (1, 2, 3) or _RANKS.get(mode, axes) != axes:
        wanted = f"{_RANKS[mode] + 2}" if mode in _RANKS else "3, 4 or 5"
        raise ValueError(f"interpolate: input must have {wanted} axes for mode {mode!r}, not shape {input.shape}")
    if align_corners is not None and mode not in _RANKS:
        raise ValueError(f"interpolate: align_corners has no meaning in mode {mode!r}")
    if antialias:
        raise ValueError("interpolate: antialias is not offered")
    if 0 in input.shape[1:]:
        raise ValueError(f"interpolate: only the batch may be empty, got input of shape {input.shape}")
    sizes = _sizes(input, size, scale_factor, recompute_scale_factor)
    if mode == "area":
        return _area(input, [n for n, _ in sizes])
    if input.dtype.hasobject:
        raise TypeError(f"interpolate: input must hold numbers, not {input.dtype}")
    corners = bool(align_corners)
    steps = [_step(n, m, f, corners, input.dtype) for n, (m, f) in zip(input.shape[2:], sizes, strict=True)]
    return resample(input, "linear" if mode.endswith("linear") else mode, corners, [n for n, _ in sizes], steps)
