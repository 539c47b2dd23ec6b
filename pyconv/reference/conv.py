"""Cross-correlation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .activation import activate
from .arguments import check_floats, from_nchw, pair, taps, to_nchw

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from .arguments import Array

# Our name for what lies beyond the edge, and np.pad's.
_PAD_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _padding(
    padding: int | Sequence[int] | str, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> list[tuple[int, int]]:
    """Return the (top, bottom) and (left, right) padding."""
    if not isinstance(padding, str):
        rows, columns = pair("padding", padding, 0)
        return [(rows, rows), (columns, columns)]
    if padding == "valid":
        return [(0, 0), (0, 0)]
    if padding != "same":
        raise ValueError(f"padding must be 'same', 'valid', an int or a pair of ints, got {padding!r}")
    if stride != (1, 1):
        raise ValueError(f"padding='same' needs stride 1, got {stride}")
    totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    return [(total // 2, total - total // 2) for total in totals]  # the odd one goes below and to the right


def conv2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    *,
    layout: str = "NCHW",
    padding_mode: str = "zeros",
    activation: str | Sequence[float] | None = None,
    residual: Array | None = None,
    dtype: npt.DTypeLike | None = None,
) -> Array:
    """Cross-correlate images with kernels.

    With P the padded input, G = `groups`, and c running over the C/G channels of the group g that o belongs to::

        out[n, o, y, x] = bias[o] + sum over c, i, j of  weight[o, c, i, j] * P[n, g*C/G + c, y*sh + i*dh, x*sw + j*dw]

    and then ``activation(out + residual)``.

    Parameters
    ----------
    input : ndarray, (N, C, H, W) or (C, H, W), or (N, H, W, C) or (H, W, C) with layout 'NHWC'
    weight : ndarray, (O, C/G, KH, KW)
    bias : ndarray, (O,), optional
    stride, padding, dilation, groups, layout
        As in `pyconv.nn.functional.conv2d`.
    padding_mode : 'zeros', 'reflect', 'replicate' or 'circular'
        What P holds around the image.
    activation : 'relu', 'relu6', 'silu', 'hardswish', a pair (least, greatest) of numbers, or None
        See `activate`.
    residual : ndarray, shape of the result, optional
    dtype : dtype, optional
        Of the result; the input's if None. float64 gives the sums as they were accumulated.

    Returns
    -------
    ndarray, (N, O, OH, OW), or with its axes as the input's

    Raises
    ------
    ValueError, TypeError
        Arguments that do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(9.0).reshape(1, 3, 3)
    >>> conv2d(image, np.array([[[[1.0, 0.0], [0.0, -1.0]]]]))
    array([[[-4., -4.],
            [-4., -4.]]])
    """
    check_floats(input=input, weight=weight, bias=bias, residual=residual)
    images = to_nchw(input, layout)
    if weight.ndim != 4:
        raise ValueError(f"weight must have 4 axes, got shape {weight.shape}")
    n, c, h, w = images.shape
    o, c_group, kh, kw = weight.shape
    if groups < 1 or c % groups or o % groups:
        raise ValueError(f"groups must divide {c} input and {o} output channels, got {groups}")
    if c_group != c // groups:
        raise ValueError(f"weight {weight.shape} does not fit input {input.shape} with groups {groups}")
    if bias is not None and bias.shape != (o,):
        raise ValueError(f"bias must have shape ({o},), got {bias.shape}")
    if min(c, h, w, o, kh, kw) < 1:
        raise ValueError(f"only the batch may be empty: input {input.shape}, weight {weight.shape}")
    (sh, sw), (dh, dw) = pair("stride", stride, 1), pair("dilation", dilation, 1)
    pads = _padding(padding, (kh, kw), (sh, sw), (dh, dw))
    if padding_mode not in _PAD_MODES:
        raise ValueError(f"padding_mode must be one of {', '.join(_PAD_MODES)}, got {padding_mode!r}")
    limits = {"reflect": (h - 1, w - 1), "circular": (h, w)}
    if padding_mode in limits and any(max(p) > m for p, m in zip(pads, limits[padding_mode], strict=True)):
        raise ValueError(f"padding {pads} is too large for padding_mode {padding_mode!r} and input {input.shape}")

    mode: Any = _PAD_MODES[padding_mode]
    padded = np.pad(images.astype(np.float64), [(0, 0), (0, 0), *pads], mode=mode)
    oh = (padded.shape[2] - dh * (kh - 1) - 1) // sh + 1
    ow = (padded.shape[3] - dw * (kw - 1) - 1) // sw + 1
    if min(oh, ow) < 1:
        raise ValueError(
            f"weight {weight.shape} with dilation {(dh, dw)} is larger than the padded input {padded.shape}"
        )

    # One product of a (O/G, C/G) matrix with the (C/G, OH*OW) pixels under one tap, for each tap, image and group.
    result = np.zeros((n, groups, o // groups, oh * ow))
    if bias is not None:
        result += bias.reshape(groups, o // groups, 1)
    matrices = weight.astype(np.float64).reshape(groups, o // groups, c_group, kh, kw)
    with np.errstate(invalid="ignore", over="ignore"):  # infinities are data
        for i in range(kh):
            for j in range(kw):
                pixels = taps(padded, (i * dh, j * dw), (sh, sw), (oh, ow)).reshape(n, groups, c_group, oh * ow)
                result += matrices[..., i, j] @ pixels
        result = from_nchw(result.reshape(n, o, oh, ow), layout, input.ndim == 4)
        if residual is not None:
            if residual.shape != result.shape:
                raise ValueError(f"residual has shape {residual.shape} but the result has shape {result.shape}")
            result = result + residual
        return activate(result, activation).astype(input.dtype if dtype is None else dtype)
