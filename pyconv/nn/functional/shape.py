"""Operators that only change the shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._interop import interchangeable
from .checks import check_array, integer

if TYPE_CHECKING:
    from ..._types import Array


@interchangeable
def flatten(input: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    """Make the axes from `start_dim` to `end_dim`, both included, into one, in C order.

    The result is a view where the strides of `input` allow one, as `numpy.reshape` does it; an array of no axes gives
    one element.

    Raises
    ------
    ValueError
        If an axis is out of range, or `start_dim` comes after `end_dim`.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.flatten(np.zeros((2, 3, 4, 5)), 1).shape
    (2, 60)
    """
    check_array("flatten", "input", input)
    axes = max(input.ndim, 1)
    for name, dim in (("start_dim", start_dim), ("end_dim", end_dim)):
        if not -axes <= dim < axes:
            raise ValueError(f"flatten: {name} {dim} is out of range for an input of shape {input.shape}")
    first, last = start_dim % axes, end_dim % axes
    if first > last:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}, input of shape {input.shape}")
    if input.ndim == 0:
        return input.reshape(1)
    size = 1
    for n in input.shape[first : last + 1]:
        size *= n
    return input.reshape(*input.shape[:first], size, *input.shape[last + 1 :])


@interchangeable
def pixel_shuffle(input: Array, upscale_factor: int) -> Array:
    """Turn groups of r * r channels into r x r pixels, as `torch.nn.functional.pixel_shuffle`.

    Source: Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
    Neural Network", CVPR 2016, https://arxiv.org/abs/1609.05158.

    Parameters
    ----------
    input : ndarray, (..., C * r**2, H, W), any dtype
    upscale_factor : int
        r.

    Returns
    -------
    ndarray, (..., C, H * r, W * r)

    Raises
    ------
    ValueError
        Fewer than 3 axes, a number of channels that does not divide, a factor below 1.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.pixel_shuffle(np.arange(4).reshape(4, 1, 1), 2)
    array([[[0, 1],
            [2, 3]]])
    """
    check_array("pixel_shuffle", "input", input)
    r = integer("pixel_shuffle", "upscale_factor", upscale_factor, 1)
    if input.ndim < 3 or input.shape[-3] % (r * r):
        raise ValueError(f"pixel_shuffle: input must have shape (..., C * {r * r}, H, W), not {input.shape}")
    *batch, c, h, w = input.shape
    n = len(batch)
    parts = input.reshape(*batch, c // (r * r), r, r, h, w)
    turned: Array = parts.transpose(*range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return turned.reshape(*batch, c // (r * r), h * r, w * r)


@interchangeable
def pixel_unshuffle(input: Array, downscale_factor: int) -> Array:
    """Turn r x r pixels into r * r channels: undo `pixel_shuffle`, as `torch.nn.functional.pixel_unshuffle`.

    Parameters, errors: ``(..., C, H * r, W * r)`` becomes ``(..., C * r**2, H, W)``, and has to divide.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.pixel_unshuffle(np.arange(4).reshape(1, 2, 2), 2).ravel()
    array([0, 1, 2, 3])
    """
    check_array("pixel_unshuffle", "input", input)
    r = integer("pixel_unshuffle", "downscale_factor", downscale_factor, 1)
    if input.ndim < 3 or input.shape[-2] % r or input.shape[-1] % r:
        raise ValueError(f"pixel_unshuffle: input must have shape (..., C, H * {r}, W * {r}), not {input.shape}")
    *batch, c, h, w = input.shape
    n = len(batch)
    parts = input.reshape(*batch, c, h // r, r, w // r, r)
    turned: Array = parts.transpose(*range(n + 1), n + 2, n + 4, n + 1, n + 3)
    return turned.reshape(*batch, c * r * r, h // r, w // r)
