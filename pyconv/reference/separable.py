"""Filters that are the product of a column and a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .conv import conv2d

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .arguments import Array


def filter2d_separable(
    input: Array,
    kernel_x: Array,
    kernel_y: Array,
    bias: Array | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    *,
    layout: str = "NCHW",
    padding_mode: str = "zeros",
    activation: str | Sequence[float] | None = None,
    residual: Array | None = None,
    dtype: np.dtype | type | None = None,
) -> Array:
    """Filter each channel with ``outer(kernel_y, kernel_x)``: the product itself, since only its cost tells them apart.

    Parameters
    ----------
    input, bias, stride, padding, dilation, layout, padding_mode, activation, residual, dtype
        As in `conv2d`.
    kernel_x, kernel_y : ndarray, (KW,) or (C, KW), (KH,) or (C, KH)
        The row and the column, for all channels or for each.

    Returns
    -------
    ndarray, the shape that `conv2d` gives

    Raises
    ------
    ValueError, TypeError
        Arguments that do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(9.0).reshape(1, 3, 3)
    >>> filter2d_separable(image, np.array([1.0, -1.0]), np.array([1.0, 1.0]))
    array([[[-2., -2.],
            [-2., -2.]]])
    """
    channels = input.shape[-1 if layout == "NHWC" else -3]
    for name, kernel in (("kernel_x", kernel_x), ("kernel_y", kernel_y)):
        if kernel.ndim not in (1, 2) or (kernel.ndim == 2 and len(kernel) != channels):
            raise ValueError(f"{name} must have shape (taps,) or ({channels}, taps), got {kernel.shape}")
    rows, columns = (np.broadcast_to(k.astype(np.float64), (channels, k.shape[-1])) for k in (kernel_x, kernel_y))
    weight = columns[:, None, :, None] * rows[:, None, None, :]
    return conv2d(
        input.astype(np.float64),
        weight,
        None if bias is None else bias.astype(np.float64),
        stride,
        padding,
        dilation,
        channels,
        layout=layout,
        padding_mode=padding_mode,
        activation=activation,
        residual=None if residual is None else residual.astype(np.float64),
        dtype=input.dtype if dtype is None else dtype,
    )
