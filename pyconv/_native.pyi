"""The compiled extension: array views over the C library, nothing else."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]

__version__: str

def conv(
    rank: int,
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | Sequence[Sequence[int]] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    out: Array | None = None,
    layout: str = "NCHW",
    padding_mode: str = "zeros",
    padding_value: float = 0.0,
    algorithm: str | None = None,
    precision: str | None = None,
    activation: str | Sequence[float] | None = None,
    residual: Array | None = None,
    explains: bool = False,
    stored: bool = False,
) -> Any: ...  # the result or, with `explains`, a dict that says how; None for integers
def conv_transpose(
    rank: int,
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | Sequence[Sequence[int]] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
    out: Array | None = None,
    layout: str = "NCHW",
    algorithm: str | None = None,
    precision: str | None = None,
    explains: bool = False,
) -> Any: ...

class PackedConv:
    """A convolution whose weights stay packed between calls, and are packed again when they may have changed.

    The rank follows from the weight; with `output_padding` it is a transposed one. The object holds `weight`. It packs
    again at the next call after `touch()`, which says that somebody was given the array, and at every call while
    somebody else holds a reference to it. `version()` is a number that stays the same for as long as it would not pack
    again; it is for a layer that computes something else from its weights, and keeps that in `derived`, which goes when
    the object goes.
    """

    derived: Any

    def __init__(
        self,
        weight: Array,
        bias: Array | None = None,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | Sequence[Sequence[int]] | str = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        *,
        padding_mode: str = "zeros",
        padding_value: float = 0.0,
        output_padding: int | Sequence[int] | None = None,
        layout: str = "NCHW",
        precision: str | None = None,
    ) -> None: ...
    def __call__(
        self,
        input: Array,
        activation: str | Sequence[float] | None = None,
        residual: Array | None = None,
        output_padding: int | Sequence[int] | None = None,
    ) -> Array: ...
    def touch(self) -> None: ...
    def version(self) -> int: ...
    def explain(self, input: Array, output_padding: int | Sequence[int] | None = None) -> dict[str, Any]: ...

def filter2d_separable(
    input: Array,
    kernel_x: Array,
    kernel_y: Array,
    bias: Array | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | Sequence[Sequence[int]] | str = 0,
    dilation: int | Sequence[int] = 1,
    out: Array | None = None,
    layout: str = "NCHW",
    padding_mode: str = "zeros",
    activation: str | Sequence[float] | None = None,
    residual: Array | None = None,
) -> Array: ...
def explain_filter2d_separable(
    input: Array,
    kernel_x: Array,
    kernel_y: Array,
    bias: Array | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | Sequence[Sequence[int]] | str = 0,
    dilation: int | Sequence[int] = 1,
    out: Array | None = None,
    layout: str = "NCHW",
    padding_mode: str = "zeros",
    activation: str | Sequence[float] | None = None,
    residual: Array | None = None,
) -> dict[str, Any]: ...
def linear(input: Array, weight: Array, bias: Array | None = None) -> Array: ...
def explain_linear(input: Array, weight: Array) -> dict[str, Any]: ...

class PackedLinear:
    """As PackedConv, for a linear layer."""

    def __init__(self, weight: Array, bias: Array | None = None) -> None: ...
    def __call__(self, input: Array) -> Array: ...
    def touch(self) -> None: ...
    def explain(self, input: Array) -> dict[str, Any]: ...

# The size of windows or, for adaptive_*, of the result, which for fractional_* stands in place of a stride.
def pool(
    name: str,
    input: Array,
    size: int | Sequence[int | None],
    stride: int | Sequence[int] | None,
    padding: int | Sequence[int],
    dilation: int | Sequence[int],
    ceil_mode: bool,
    return_indices: bool,
    count_include_pad: bool,
    divisor_override: int | None,
    out: Array | None,
    layout: str,
    starts: Array | None = None,
    explain: bool = False,
) -> Any: ...
def max_unpool(input: Array, indices: Array, out: Array, rank: int) -> bool: ...

# Elementwise: 'relu', 'relu6', 'hardtanh', 'leaky_relu', 'elu', 'gelu', 'gelu tanh', 'silu', 'hardswish', 'sigmoid',
# 'tanh', 'pow', with parameters a and b where they have any.
def unary(function: str, input: Array, a: float = 0.0, b: float = 0.0, inplace: bool = False) -> Array: ...
def softmax(input: Array, logarithm: bool = False) -> Array: ...  # along the last axis, float32 or float64

# Rows of `row` elements by their mean and variance; each `segment` of a row has a weight and a bias, and after `groups`
# rows they repeat.
def normalize(
    function: str,
    input: Array,
    row: int,
    segment: int,
    groups: int,
    weight: Array | None,
    bias: Array | None,
    eps: float,
) -> Array: ...
def resample(
    input: Array, mode: str, corners: bool, size: list[int], step: list[float]
) -> Array: ...  # (N, C, *spatial), each axis from elements `step` apart
def convert(input: Array, out: Any, saturate: bool) -> Array: ...  # out: a dtype, or memory in the order of input's
def fresh_like(array: Array, dtype: Any, batch: int) -> Array: ...  # with `batch` on the first axis
def get_isa() -> str: ...
def set_isa(name: str | None) -> None: ...
def available_isas() -> list[str]: ...
def algorithms() -> list[str]: ...
def get_num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def get_num_threads_local() -> int: ...
def set_num_threads_local(n: int) -> None: ...
def get_precision() -> str: ...
def set_precision(name: str | None) -> None: ...
def cached_bytes() -> int: ...
def get_cache_limit() -> int: ...
def set_cache_limit(n: int) -> None: ...
def compiler() -> str: ...
