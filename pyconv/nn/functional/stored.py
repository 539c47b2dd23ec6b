"""Convolution of integers, whose sums are exact, and conversions of numbers that are stored in few bits.

The arithmetic is in int32, int64 or float32; what stands here is the way there and back, a few images at a time, so
that what is between stays in the cache where it can.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..._native import conv as _conv
from ..._native import convert, fresh_like

if TYPE_CHECKING:
    from ..._types import Array, Overflow, Precision

_MAGNITUDES = {"uint8": 255, "int8": 128, "int16": 1 << 15, "int32": 1 << 31, "float16": 0, "bfloat16": 0}
_FLOAT = np.dtype(np.float32)
_CHUNK = 1 << 20  # bytes of float32 or sums between two conversions, about an L2; an image is never divided


@lru_cache(maxsize=64)
def magnitude_of(dtype: np.dtype[Any]) -> int:
    """Return the largest magnitude of an integer type, 0 for half floats, -1 for others; a name takes NumPy long."""
    return _MAGNITUDES.get(dtype.name, -1)


def _is_plain(array: Any) -> bool:
    """Whether it is an array whose memory is as NumPy makes it."""
    return isinstance(array, np.ndarray) and (array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative)


def dense(array: Array) -> Array:
    """Return an array whose memory is dense in some order of its axes: itself if it is."""
    if _is_plain(array):
        return array
    size, is_dense = array.itemsize, array.dtype.isnative and array.flags.aligned
    for stride, n in sorted(zip(array.strides, array.shape, strict=True)):
        is_dense = is_dense and (n == 1 or stride == size)
        size *= n
    return array if is_dense else np.array(array, dtype=array.dtype.newbyteorder("="), order="K")


def floats_of(array: Array) -> Array:
    """Return bytes or half floats as float32, in memory in the same order."""
    return convert(dense(array), _FLOAT, False)


class _Way(NamedTuple):
    """How a convolution is computed: `images` at a time in `arithmetic`, and what its sums become."""

    arithmetic: str  # float32; or int32 or int64, which take the input as it is
    images: int
    result: Any
    saturate: bool


def _refused(name: str, overflow: Overflow, types: dict[str, Any]) -> Exception:
    names = [array.dtype.name if isinstance(array, np.ndarray) else type(array).__name__ for array in types.values()]
    text = ", ".join(f"{key} is {of}" for key, of in zip(types, names, strict=True))
    if overflow != "widen":
        return TypeError(f"{name}: overflow={overflow!r} is for integers, but {text}")
    return TypeError(
        f"{name}: {text}; they must all be float32, float64, float16 or bfloat16, or all of uint8, int8, int16 and "
        "int32, or an input of uint8 with a float weight"
    )


def _way(name: str, input: Array, weight: Array, bias: Array | None, groups: int, overflow: Overflow) -> _Way:
    """Check the element types, and choose."""
    if overflow not in ("widen", "wrap", "saturate"):
        raise ValueError(f"{name}: overflow must be 'widen', 'wrap' or 'saturate', not {overflow!r}")
    x, w, b = (magnitude_of(a.dtype) if isinstance(a, np.ndarray) else a is None for a in (input, weight, bias))
    if min(x, w, b) <= 0:
        raise _refused(name, overflow, {"input": input, "weight": weight} | ({} if bias is None else {"bias": bias}))
    images = max(1, _CHUNK // (4 * max(1, prod(input.shape[1:]))))
    terms = prod(weight.shape[1:])
    bytes_only = max(x, w) < 1 << 8
    result = np.dtype("int32" if bytes_only else "int64") if overflow == "widen" else input.dtype
    saturate = overflow == "saturate"
    few = prod(weight.shape[1:2]) == 1 or (weight.shape[1] <= 4 and weight.shape[0] // max(1, groups) <= 16)
    most = 0 if bias is None or not bias.size else max(int(bias.max()), -int(bias.min()))
    if bytes_only and few and terms * x * w + most <= 1 << 24:
        return _Way("float32", images, result, saturate)  # every sum on the way is exact
    # Sums of 32 bits wrap: what wraps itself does not mind, nor does a clamp that sums cannot pass.
    exact = bytes_only and (not saturate or terms * x * w < (1 << 30) - (1 << 15))
    wraps = overflow == "wrap" and max(x, w) <= 1 << 15
    return _Way("int32" if exact or wraps else "int64", images, result, saturate)


def _operands(way: _Way, weight: Array, bias: Array | None) -> tuple[Array, Array | None]:
    """Weight and bias in the type of the arithmetic."""
    if bias is not None and way.arithmetic == "int32" and way.saturate:
        bias = np.clip(bias, -(1 << 30), 1 << 30)  # beyond it nothing brings a sum back into a range of 8 bits
    # The extension takes integers by the name of the floats of their size.
    kind = np.dtype("float64" if way.arithmetic == "int64" else "float32")
    return tuple(None if a is None else a.astype(way.arithmetic).view(kind) for a in (weight, bias))  # type: ignore[return-value]


def _check_value(name: str, value: float, dtype: np.dtype[Any]) -> None:
    limits = np.iinfo(dtype)
    if value != int(value) or not limits.min <= value <= limits.max:
        raise ValueError(f"{name}: padding_value={value!r} is no {dtype}")


def _check_out(name: str, out: Any, shape: tuple[int, ...], dtype: Any, inputs: dict[str, Array | None]) -> None:
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{name}: out must be a numpy.ndarray, not {type(out).__name__}")
    if out.dtype != dtype:
        raise TypeError(f"{name}: out is {out.dtype} but the result is {dtype}")
    if out.shape != shape:
        raise ValueError(f"{name}: out has shape {out.shape} but the result has shape {shape}")
    if not out.flags.writeable:
        raise ValueError(f"{name}: out is not writeable")
    for key, array in inputs.items():
        if array is not None and np.may_share_memory(out, array):
            raise ValueError(f"{name}: out shares memory with {key}")


def conv(
    rank: int,
    input: Array,
    weight: Array,
    bias: Array | None,
    geometry: tuple[Any, ...],
    border: tuple[Any, ...],
    out: Array | None,
    activation: Any,
    residual: Array | None,
    overflow: Overflow,
    explains: bool = False,
) -> Any:
    """Convolve integers, or say how; `geometry` ends with groups, and layout begins `border`."""
    name = f"conv{rank}d"
    way = _way(name, input, weight, bias, geometry[3], overflow)
    integers = way.arithmetic != "float32"
    if residual is not None or activation is not None:
        raise TypeError(f"{name}: residual and activation are for floats, but weight is {weight.dtype}")
    if border[1] == "constant":
        _check_value(name, border[2], input.dtype)
    w, b = _operands(way, weight, bias)
    batch = input.shape[0] if input.ndim == rank + 2 else None

    def native(x: Array) -> Any:
        call = (rank, x, w, b, *geometry, None, *border, None, "strict", None, None, explains, integers)
        return _conv(*call)

    if explains:
        images = input if batch is None else input[: way.images]
        return native(images if integers else np.empty_like(images, dtype=np.float32))

    def computed(part: slice) -> Array:
        """Return the result for some images, in the type of the arithmetic."""
        x = input if batch is None else input[part]
        if integers:
            return native(x).view(way.arithmetic)  # type: ignore[no-any-return]
        y = native(floats_of(x))
        return convert(y, y.view(np.int32), False)

    result = out
    for first in range(0, max(1, batch or 0), way.images):
        part = slice(first, first + way.images)
        y = computed(part)
        shape = y.shape if batch is None else (batch, *y.shape[1:])
        if result is None and y.shape == shape:
            return y if y.dtype == way.result else convert(y, way.result, way.saturate)
        if result is None:
            result = fresh_like(y, way.result, shape[0])
        elif first == 0 and out is not None:
            _check_out(name, out, shape, way.result, {"input": input, "weight": weight, "bias": bias})
        target = result if batch is None else result[part]
        axes = zip(y.strides, target.strides, y.shape, strict=True)
        if y.dtype != way.result and all(n == 1 or s * target.itemsize == t * y.itemsize for s, t, n in axes):
            convert(y, target, way.saturate)
        else:
            target[...] = y if y.dtype == way.result else convert(y, way.result, way.saturate)
    return result


def explain(
    rank: int,
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    *,
    out: Array | None = None,
    layout: str = "NCHW",
    padding_mode: str = "zeros",
    padding_value: float = 0.0,
    precision: Precision | None = None,
    activation: Any = None,
    residual: Array | None = None,
    overflow: Overflow = "widen",
) -> Any:
    """Describe a call of `conv1d`, `conv2d` or `conv3d` on numbers of any type."""
    geometry: tuple[Any, ...] = (stride, padding, dilation, groups)
    border: tuple[Any, ...] = (layout, padding_mode, padding_value)
    call = (rank, input, weight, bias, *geometry, out, *border, None, precision, activation, residual, True)
    found = _conv(*call) if overflow == "widen" else None
    if found is not None:
        return found
    return conv(rank, input, weight, bias, geometry, border, out, activation, residual, overflow, True)
