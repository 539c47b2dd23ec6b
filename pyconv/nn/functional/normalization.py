"""Normalisation of each sample by itself: layers, groups of channels, neighbouring channels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..._interop import interchangeable
from ..._native import normalize, unary
from .checks import channel_axis, check_array, check_vector, integer
from .halves import half_floats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..._types import Array, Layout


@interchangeable
@half_floats(parameters=("weight", "bias"))
def layer_norm(
    input: Array,
    normalized_shape: Sequence[int],
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Array:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` over the last axes, as `torch.nn.functional.layer_norm`.

    Mean and variance are of one sample: a result does not depend on the rest of its batch. Sums run in 16 lanes over
    blocks, which are added in float64, and a second pass corrects both, so that a large mean costs no digits.

    Source: Ba, Kiros and Hinton, "Layer Normalization", 2016, https://arxiv.org/abs/1607.06450.

    Parameters
    ----------
    input : ndarray, (..., *normalized_shape), floats
    normalized_shape : sequence of int
        The last axes, over which mean and biased variance are taken.
    weight, bias : ndarray, normalized_shape, dtype of `input`, optional
        1 and 0 if None. They may be float32 beside half floats.
    eps : float
        Added to the variance.

    Returns
    -------
    ndarray, shape of `input`, in C order

    Raises
    ------
    ValueError
        Shapes that do not fit together.
    TypeError
        Element types that are no floats, or not all the same.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.layer_norm(np.array([[1.0, 3.0], [20.0, 60.0]]), (2,)).round(4)
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    check_array("layer_norm", "input", input, floats=True)
    shape = tuple(integer("layer_norm", "normalized_shape", n, 0) for n in normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ValueError(f"layer_norm: normalized_shape {shape} must be the last axes of input, of shape {input.shape}")
    check_vector("layer_norm", "weight", weight, shape, input)
    check_vector("layer_norm", "bias", bias, shape, input)
    if input.size == 0:
        return np.empty(input.shape, input.dtype)
    return normalize("layer_norm", input, math.prod(shape), 1, 1, weight, bias, eps)


@interchangeable
@half_floats(parameters=("weight", "bias"))
def group_norm(
    input: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
    *,
    layout: Layout = "NCHW",
) -> Array:
    """Normalise each group of channels of each sample by its mean and variance, as `torch.nn.functional.group_norm`.

    See `layer_norm` for the formula and how sums are formed. Source: Wu and He, "Group Normalization", ECCV 2018,
    https://arxiv.org/abs/1803.08494.

    Parameters
    ----------
    input : ndarray, (N, C) or (N, C, ...), floats
    num_groups : int
        Divides C.
    weight, bias : ndarray, (C,), dtype of `input`, optional
        1 and 0 if None. They may be float32 beside half floats.
    eps : float
        Added to the variance.
    layout : 'NCHW' or 'NHWC'
        Channels second, or last; then `input` and the result are turned on the way.

    Returns
    -------
    ndarray, shape of `input`, in C order

    Raises
    ------
    ValueError
        Shapes that do not fit together, and samples of a single value.
    TypeError
        Element types that are no floats, or not all the same.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.group_norm(np.array([[1.0, 3.0, 20.0, 60.0]]), 2).round(4)
    array([[-1.,  1., -1.,  1.]])
    """
    check_array("group_norm", "input", input, floats=True)
    channel = channel_axis("group_norm", layout, input.ndim)
    if input.ndim < 2:
        raise ValueError(f"group_norm: input must have at least 2 axes, not shape {input.shape}")
    channels, groups = input.shape[channel], integer("group_norm", "num_groups", num_groups, 1)
    if channels % groups:
        raise ValueError(f"group_norm: {channels} channels of input {input.shape} do not divide by num_groups {groups}")
    check_vector("group_norm", "weight", weight, (channels,), input)
    check_vector("group_norm", "bias", bias, (channels,), input)
    if input.size == 0:
        return np.empty(input.shape, input.dtype)
    if input.size == len(input) * groups and len(input) == 1:
        raise ValueError(f"group_norm: needs more than one value a group, got input of shape {input.shape}")
    x = input if channel == 1 else np.moveaxis(input, channel, 1)
    row = x.size // len(x) // groups
    result = normalize("group_norm", x, row, row * groups // channels, groups, weight, bias, eps)
    return result if channel == 1 else np.ascontiguousarray(np.moveaxis(result, 1, channel))


def _power(x: Array, exponent: float) -> Array:
    """Raise to a power: the usual ones by square roots, which are a tenth of the work."""
    if exponent not in (0.5, 0.75):
        return unary("pow", x, exponent)
    root: Array = np.sqrt(x)
    return root if exponent == 0.5 else np.asarray(root * np.sqrt(root))


@interchangeable
@half_floats()
def local_response_norm(input: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Array:
    """``x / (k + alpha * mean)**beta``, with the mean square of `size` neighbouring channels; as torch's.

    Channel c has the neighbours from ``c - size // 2`` on; those that do not exist count as zeros.

    Source: Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", NIPS
    2012.

    Parameters
    ----------
    input : ndarray, (N, C, ...), at least 3 axes, floats
    size : int
    alpha, beta, k : float

    Raises
    ------
    ValueError
        Fewer axes, a `size` below 1.
    TypeError
        Element types that are no floats.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> F.local_response_norm(np.array([[[3.0], [4.0]]]), size=2, alpha=2.0, beta=0.5, k=0.0)[0, :, 0]
    array([1. , 0.8])
    """
    check_array("local_response_norm", "input", input, floats=True)
    integer("local_response_norm", "size", size, 1)
    if input.ndim < 3:
        raise ValueError(f"local_response_norm: input must have at least 3 axes, not shape {input.shape}")
    with np.errstate(all="ignore"):
        squares = input * input
        total = np.zeros_like(squares)
        channels = input.shape[1]
        for shift in range(-min(size // 2, channels - 1), min((size - 1) // 2, channels - 1) + 1):
            first, last = max(-shift, 0), min(channels, channels - shift)
            total[:, first:last] += squares[:, first + shift : last + shift]
        total = total * input.dtype.type(alpha / size) + input.dtype.type(k)
        return np.asarray(input / _power(total, float(beta)))
