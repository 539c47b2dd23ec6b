"""Batch normalisation: a scale and a shift for each channel in NumPy, then the extension, one multiply-add an element.

A 1x1 convolution of each channel by itself is exactly ``fma(x, scale, shift)``. So it is computed as one: in a single
pass over the input, on every thread, in whatever memory order, and with the same bits everywhere.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from ..._interop import interchangeable
from ..._native import conv
from .halves import half_floats

if TYPE_CHECKING:
    from ..._types import Array, Layout

_RUNNING = ("running_mean", "running_var")

# Elements of the float64 copy from which a batch's variance is summed, a piece at a time, unless one image has more.
_PIECE = 1 << 16


def _check_vectors(function: str, other: str, like: Array, channels: int, **vectors: Array | None) -> None:
    """Raise unless each vector has one number for each channel, of the dtype of the array `like` called `other`."""
    for name, vector in vectors.items():
        if vector is None:
            continue
        if not isinstance(vector, np.ndarray):
            raise TypeError(f"{function}: {name} must be a numpy.ndarray, not {type(vector).__name__}")
        if vector.dtype != like.dtype:
            raise TypeError(
                f"{function}: {name} is {vector.dtype} but {other} is {like.dtype}; they must have the same dtype"
            )
        if vector.shape != (channels,):
            raise ValueError(
                f"{function}: {name} must have shape ({channels},) for {other} of shape {like.shape}, "
                f"not {vector.shape}"
            )


def _check_eps(eps: float, training: bool) -> None:
    """Raise unless it is a number that may be added to a variance."""
    if not isinstance(eps, Real):
        raise TypeError(f"batch_norm: eps must be a number, not {type(eps).__name__}")
    if not (eps > 0 or (eps == 0 and not training)):
        least = "positive in training" if training else "at least 0"
        raise ValueError(f"batch_norm: eps must be {least}, not {eps}")


def _scale_and_shift(
    mean: Array, var: Array, weight: Array | None, bias: Array | None, eps: float
) -> tuple[Array, Array]:
    """Return in float64 what normalising does to a number: it becomes ``x * scale + shift``."""
    with np.errstate(all="ignore"):  # a variance of zero, or NaN, is data
        scale = (1.0 if weight is None else weight) / np.sqrt(var.astype(np.float64) + eps)
        return scale, (0.0 if bias is None else bias) - mean * scale


def folded(weight: Array, bias: Array | None, vectors: tuple[Array | None, ...], eps: float) -> tuple[Array, Array]:
    """Return the weight and bias of a convolution with a batch norm in eval mode behind it, computed in float64.

    `vectors` are the norm's running mean, running variance, weight and bias.
    """
    mean, var, gamma, beta = vectors
    _check_eps(eps, False)
    _check_vectors("Conv2d", "weight", weight, len(weight), bias=bias)
    named = {"running_mean": mean, "running_var": var, "weight": gamma, "bias": beta}
    _check_vectors("batch_norm", "the convolution's weight", weight, len(weight), **named)
    assert mean is not None
    assert var is not None
    scale, shift = _scale_and_shift(mean, var, gamma, beta, eps)
    with np.errstate(all="ignore"):
        scaled = weight * scale.reshape(-1, 1, 1, 1)
        shifted = shift if bias is None else bias * scale + shift
        return scaled.astype(weight.dtype, copy=False), shifted.astype(weight.dtype, copy=False)


def _batch_statistics(input: Array, channel: int) -> tuple[Array, Array]:
    """Return the mean of each channel, and the sum of the squared deviations from it, in float64."""
    axes = tuple(axis for axis in range(input.ndim) if axis != channel)
    mean = input.mean(axis=axes, dtype=np.float64)
    centre = np.expand_dims(mean, axes)
    squares = np.zeros_like(mean)
    images = max(1, _PIECE * len(input) // input.size)
    for first in range(0, len(input), images):
        deviations = input[first : first + images] - centre
        squares += np.square(deviations, out=deviations).sum(axis=axes)
    return mean, squares


def _check(input: Array, layout: Layout, training: bool, momentum: float, eps: float) -> int:
    """Raise if an argument is wrong by itself; return the axis of the channels."""
    if not isinstance(input, np.ndarray):
        raise TypeError(f"batch_norm: input must be a numpy.ndarray, not {type(input).__name__}")
    if input.dtype not in (np.float32, np.float64) or not input.dtype.isnative:
        raise TypeError(f"batch_norm: input must be float32 or float64 in native byte order, not {input.dtype}")
    if layout not in ("NCHW", "NHWC"):
        raise ValueError(f"batch_norm: layout must be 'NCHW' or 'NHWC', not {layout!r}")
    if input.ndim < 2:
        axes = "(N, C) or (N, C, ...)" if layout == "NCHW" else "(N, C) or (N, ..., C)"
        raise ValueError(f"batch_norm: input must have shape {axes}, not {input.shape}")
    if not isinstance(momentum, Real):
        raise TypeError(f"batch_norm: momentum must be a number, not {type(momentum).__name__}")
    _check_eps(eps, training)
    return 1 if layout == "NCHW" else input.ndim - 1


def _check_out(out: Array, input: Array, others: tuple[Array | None, ...]) -> None:
    """Raise unless the result may be written to `out`."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"batch_norm: out must be a numpy.ndarray, not {type(out).__name__}")
    if out.dtype != input.dtype:
        raise TypeError(f"batch_norm: out is {out.dtype} but input is {input.dtype}; they must have the same dtype")
    if out.shape != input.shape:
        raise ValueError(f"batch_norm: out has shape {out.shape} but the result has shape {input.shape}")
    if not out.flags.writeable:
        raise ValueError("batch_norm: out is not writeable")
    if any(other is not None and np.shares_memory(out, other) for other in (input, *others)):
        raise ValueError("batch_norm: out shares memory with an input")


def _transformed(input: Array, scale: Array, shift: Array, channel: int, out: Array | None) -> Array:
    """Return ``fma(x, scale, shift)`` of every element, with the numbers of its channel."""
    last = channel == input.ndim - 1
    spatial = [n for axis, n in enumerate(input.shape) if axis not in (0, channel)] or [1]
    plane = math.prod(spatial[:-1]), spatial[-1]
    shape = (len(input), *plane, len(scale)) if last else (len(input), len(scale), *plane)
    direct = None if out is None else out.reshape(shape)
    if direct is not None and not np.may_share_memory(direct, out):
        direct = None  # depth and height do not lie together, so this is a copy
    with np.errstate(over="ignore"):
        kernels, bias = scale.astype(input.dtype).reshape(-1, 1, 1, 1), shift.astype(input.dtype)
    layout = "NHWC" if last else "NCHW"
    result: Array = conv(2, input.reshape(shape), kernels, bias, groups=len(scale), out=direct, layout=layout)
    if out is None:
        return result.reshape(input.shape)
    if direct is None:
        out[...] = result.reshape(input.shape)
    return out


@interchangeable
@half_floats(parameters=("weight", "bias", *_RUNNING), updates=_RUNNING)
def batch_norm(
    input: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    out: Array | None = None,
    layout: Layout = "NCHW",
) -> Array:
    """Normalise each channel over the batch, as `torch.nn.functional.batch_norm`.

    With the running statistics, or in training the mean and variance of this batch, in place of mean and var::

        out[n, c, ...] = (input[n, c, ...] - mean[c]) / sqrt(var[c] + eps) * weight[c] + bias[c]

    It is computed as ``fma(input, scale, shift)``, a single rounding for each element, from two numbers a channel that
    are computed in float64 and each rounded once to the dtype of `input`::

        scale = weight / sqrt(var + eps)
        shift = bias - mean * scale

    In eval mode the result has the same bits on every instruction set, for any number of threads, in either memory
    order and in any batch. In training, where NumPy sums the statistics in float64, it need not have. A `Sequential` in
    eval mode folds the scale into the weights of a `Conv2d`, which rounds otherwise; see there.

    Source: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
    Shift", ICML 2015, https://arxiv.org/abs/1502.03167.

    Parameters
    ----------
    input : ndarray, (N, C), (N, C, L), (N, C, H, W) or (N, C, D, H, W), floats
        Any strides; read-only arrays too. N may be 0.
    running_mean, running_var : ndarray, (C,), dtype of `input` (float32 if that is a half float, too), or None
        What eval mode normalises by. In training both are updated in place, to ``(1 - momentum) * running + momentum *
        batch``, where the batch's variance is the unbiased one, with one value less in the denominator; None updates
        nothing. An empty batch leaves them as they are.
    weight, bias : ndarray, (C,), dtype of `input` (or float32, likewise), optional
        Scale and shift after normalising; 1 and 0 if None.
    training : bool
        Normalise by the mean and the biased variance of this batch.
    momentum : float
        How much of the running statistics a batch replaces.
    eps : float
        Added to the variance; at least 0, in training more.
    out : ndarray, optional
        Receives the result, and is returned: right shape and dtype, writable, overlapping no input.
    layout : 'NCHW' or 'NHWC'
        Where the channels are, whatever the number of axes: second, or last as in (N, H, W, C).

    Returns
    -------
    ndarray, shape of `input`
        In its memory order.

    Raises
    ------
    ValueError
        In training, one value a channel only, or running statistics that are read-only; in eval mode, running
        statistics that are None; one of them without the other; vectors of another shape; an `eps` out of range; an
        `out` of the wrong shape, read-only, or overlapping an input.
    TypeError
        Element types that are no floats, or not all the same; a `momentum` or `eps` that is no number.

    Examples
    --------
    >>> import numpy as np
    >>> import pyconv.nn.functional as F
    >>> x = np.array([[1.0, 20.0], [3.0, 60.0]])
    >>> mean, var = np.zeros(2), np.ones(2)
    >>> F.batch_norm(x, mean, var, training=True, momentum=0.5).round(4)
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> mean, var
    (array([ 1., 20.]), array([  1.5, 400.5]))
    >>> F.batch_norm(x, np.array([1.0, 20.0]), np.array([4.0, 64.0]), eps=0)
    array([[0., 0.],
           [1., 5.]])
    """
    channel = _check(input, layout, training, momentum, eps)
    channels = input.shape[channel]
    running = {"running_mean": running_mean, "running_var": running_var}
    _check_vectors("batch_norm", "input", input, channels, **running, weight=weight, bias=bias)
    for name, vector in running.items():
        if vector is None and not training:
            raise ValueError(f"batch_norm: {name} must be given unless training is True")
        if training and vector is not None and not vector.flags.writeable:
            raise ValueError(f"batch_norm: {name} is not writeable, and training updates it")
    if (running_mean is None) != (running_var is None):
        raise ValueError("batch_norm: running_mean and running_var must both be given, or both be None")
    values = input.size // max(channels, 1)
    if training and values == 1:
        raise ValueError(f"batch_norm: training needs more than one value a channel, got input of shape {input.shape}")
    if out is not None:
        _check_out(out, input, (running_mean, running_var, weight, bias))
    if input.size == 0:
        return np.empty_like(input) if out is None else out
    if not training:
        assert running_mean is not None
        assert running_var is not None
        return _transformed(input, *_scale_and_shift(running_mean, running_var, weight, bias, eps), channel, out)

    with np.errstate(all="ignore"):  # infinities are data
        mean, squares = _batch_statistics(input, channel)
        scale, shift = _scale_and_shift(mean, squares / values, weight, bias, eps)
        result = _transformed(input, scale, shift, channel, out)
        for vector, batch in ((running_mean, mean), (running_var, squares / (values - 1))):
            if vector is not None:
                vector[...] = momentum * batch + (1 - momentum) * vector.astype(np.float64)
    return result
