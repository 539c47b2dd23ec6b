"""Power-average pooling: averages by the extension, and the powers and roots that are not elementary operations.

NumPy's `power` differs in the last bit between CPUs; products, quotients and square roots do not, nor does the power of
the extension.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..._interop import interchangeable
from ..._native import unary
from ...runtime import explained_by, explanation
from .halves import half_floats
from .pool import avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..._types import Array, Layout, Pair

_MAXIMA: dict[int, Callable[..., Any]] = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}
_AVERAGES: dict[int, Callable[..., Any]] = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}
_MOST_FACTORS = 64


def _power(x: Array, p: float) -> Array:
    """Return x**p as IEEE 754 has it, but for its last bits, in the type of `x`."""
    with np.errstate(all="ignore"):
        if p == 0.5:
            return np.sqrt(x)
        if p == int(p) and abs(p) <= _MOST_FACTORS:
            result, factor, n = np.ones_like(x), x, int(abs(p))
            while n:
                result = result * factor if n & 1 else result
                factor, n = factor * factor, n >> 1
            return result if p > 0 else 1 / result
        return np.asarray(unary("pow", x.astype(np.float64), p).astype(x.dtype))


def _lp_pool(
    rank: int,
    input: Array,
    norm_type: float,
    kernel_size: Pair,
    stride: Pair | None,
    ceil_mode: bool,
    layout: Layout,
) -> Array:
    name = f"lp_pool{rank}d"
    if not isinstance(norm_type, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}: norm_type must be a number, not {type(norm_type).__name__}")
    p = float(norm_type)
    if p == 0 or p != p:
        raise ValueError(f"{name}: norm_type must be a number other than 0, not {norm_type}")
    if not isinstance(input, np.ndarray) or input.dtype not in (np.float32, np.float64):
        kind = input.dtype if isinstance(input, np.ndarray) else type(input).__name__
        raise TypeError(f"{name}: input must be a numpy.ndarray of float32 or float64, not {kind}")
    if math.isinf(p):
        sign = math.copysign(1, p)
        maxima = _MAXIMA[rank](sign * np.abs(input), kernel_size, stride, 0, 1, ceil_mode, layout=layout)
        return cast("Array", sign * maxima)
    averages = _AVERAGES[rank](_power(input, p), kernel_size, stride, 0, ceil_mode, layout=layout)
    sides = kernel_size if np.iterable(kernel_size) else (kernel_size,)
    elements = math.prod(sides) ** (rank if len(sides) == 1 else 1)
    return _power(averages * input.dtype.type(elements), 1 / p)


def _explained(rank: int) -> Callable[..., dict[str, Any]]:
    """Describe the average, which is what the extension computes."""

    def explain(
        input: Array,
        norm_type: float,
        kernel_size: Pair,
        stride: Pair | None = None,
        ceil_mode: bool = False,
        *,
        layout: Layout = "NCHW",
    ) -> dict[str, Any]:
        return explanation(_AVERAGES[rank], input, kernel_size, stride, 0, ceil_mode, layout=layout)

    return explain


@explained_by(_explained(1))
@interchangeable
@half_floats()
def lp_pool1d(
    input: Array,
    norm_type: float,
    kernel_size: Pair,
    stride: Pair | None = None,
    ceil_mode: bool = False,
    *,
    layout: Layout = "NCHW",
) -> Array:
    """Power average over windows of (N, C, L) or (C, L); otherwise as `lp_pool2d`.

    Examples
    --------
    >>> import numpy as np, pyconv.nn.functional as F
    >>> F.lp_pool1d(np.array([[3.0, 4.0, 6.0, 8.0]]), 2, 2)
    array([[ 5., 10.]])
    """
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode, layout)


@explained_by(_explained(2))
@interchangeable
@half_floats()
def lp_pool2d(
    input: Array,
    norm_type: float,
    kernel_size: Pair,
    stride: Pair | None = None,
    ceil_mode: bool = False,
    *,
    layout: Layout = "NCHW",
) -> Array:
    """Power average over windows, ``(sum x**p) ** (1/p)`` with ``p = norm_type``, as `torch.nn.functional.lp_pool2d`.

    No absolute values are taken: ``p=1`` of (-3, 1) is -2, and a root of a negative sum is NaN (take `np.abs` of the
    input for ONNX's LpPool). ``p=inf`` is the largest absolute value, ``-inf`` the smallest. Windows that `ceil_mode`
    lets reach beyond the image count as if what lies beyond were like the rest. Powers of whole `p` are products;
    others are computed in float64, to some 1e-14 relative, alike on every CPU.

    Parameters
    ----------
    input : ndarray, (N, C, H, W) or (C, H, W), floats
        The images.
    norm_type : float
        The power, not 0.
    kernel_size, stride, ceil_mode, layout
        As of `avg_pool2d`.

    Returns
    -------
    ndarray, (N, C, OH, OW) or (C, OH, OW)

    Raises
    ------
    ValueError
        A power of 0, and what `avg_pool2d` raises.
    TypeError
        Element types that are no floats.

    Examples
    --------
    >>> import numpy as np, pyconv.nn.functional as F
    >>> F.lp_pool2d(np.array([[[3.0, 4.0, -3.0, 1.0]]]), 2, (1, 2))[0, 0, 0]
    np.float64(5.0)
    """
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode, layout)


@explained_by(_explained(3))
@interchangeable
@half_floats()
def lp_pool3d(
    input: Array,
    norm_type: float,
    kernel_size: Pair,
    stride: Pair | None = None,
    ceil_mode: bool = False,
    *,
    layout: Layout = "NCHW",
) -> Array:
    """Power average over windows of (N, C, D, H, W) or (C, D, H, W); otherwise as `lp_pool2d`.

    Examples
    --------
    >>> import numpy as np, pyconv.nn.functional as F
    >>> F.lp_pool3d(np.full((1, 2, 2, 1), 2.0), 2, (2, 2, 1))
    array([[[[4.]]]])
    """
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode, layout)
