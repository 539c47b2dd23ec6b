"""Batch normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .arguments import check_floats

if TYPE_CHECKING:
    import numpy.typing as npt

    from .arguments import Array


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
    layout: str = "NCHW",
    dtype: npt.DTypeLike | None = None,
) -> Array:
    """Normalise each channel c, by the running statistics or, in training, by those of the batch::

        out[n, c, ...] = (input[n, c, ...] - mean[c]) / sqrt(var[c] + eps) * weight[c] + bias[c]

    In training, with m values in a channel, the running statistics are updated in place::

        running_mean[c] = (1 - momentum) * running_mean[c] + momentum * mean[c]
        running_var[c] = (1 - momentum) * running_var[c] + momentum * var[c] * m / (m - 1)

    Parameters
    ----------
    input : ndarray, (N, C) or (N, C, ...), or with the channels last in layout 'NHWC'
    running_mean, running_var, weight, bias : ndarray, (C,), or None
    training, momentum, eps, layout
        As in `pyconv.nn.functional.batch_norm`.
    dtype : dtype, optional
        Of the result; the input's if None.

    Returns
    -------
    ndarray, shape of `input`

    Raises
    ------
    ValueError, TypeError
        Arguments that do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> batch_norm(np.array([[1.0, 2.0], [3.0, 6.0]]), None, None, training=True, eps=0)
    array([[-1., -1.],
           [ 1.,  1.]])
    """
    check_floats(input=input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if layout not in ("NCHW", "NHWC"):
        raise ValueError(f"layout must be 'NCHW' or 'NHWC', got {layout!r}")
    if input.ndim < 2:
        raise ValueError(f"input must have at least 2 axes, got shape {input.shape}")
    channel = 1 if layout == "NCHW" else input.ndim - 1
    x = np.moveaxis(input.astype(np.float64), channel, -1)  # vectors of C numbers stretch along the last axis
    for vector in (running_mean, running_var, weight, bias):
        if vector is not None and vector.shape != x.shape[-1:]:
            raise ValueError(f"expected vectors of shape {x.shape[-1:]} for input {input.shape}, got {vector.shape}")
    if (running_mean is None) != (running_var is None) or (running_mean is None and not training):
        raise ValueError("running_mean and running_var must both be given, or in training both be None")

    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        if training:
            pixels = x.reshape(-1, x.shape[-1])
            m = len(pixels)
            if m < 2:
                raise ValueError(f"training needs more than one value a channel, got input {input.shape}")
            mean = pixels.sum(0) / m
            var = ((pixels - mean) ** 2).sum(0) / m
            if running_mean is not None and running_var is not None:
                running_mean[...] = (1 - momentum) * running_mean.astype(np.float64) + momentum * mean
                running_var[...] = (1 - momentum) * running_var.astype(np.float64) + momentum * var * m / (m - 1)
        else:
            assert running_mean is not None
            assert running_var is not None
            mean, var = running_mean.astype(np.float64), running_var.astype(np.float64)
        result = (x - mean) / np.sqrt(var + eps)
        if weight is not None:
            result = result * weight
        if bias is not None:
            result = result + bias
        return np.asarray(np.moveaxis(result, -1, channel)).astype(input.dtype if dtype is None else dtype)
