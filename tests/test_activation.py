"""Elementwise functions and logarithms of softmax: accuracy, the same bits everywhere, views, special values."""

from __future__ import annotations

import numpy as np
import pytest
from problems import same_bits

import pyconv
import pyconv.nn.functional as F
from pyconv import _native, nn, reference

FUNCTIONS = {
    "relu6": (F.relu6, {}),
    "hardtanh": (F.hardtanh, {"min_val": -0.5, "max_val": 2.0}),
    "leaky_relu": (F.leaky_relu, {"negative_slope": 0.3}),
    "elu": (F.elu, {"alpha": 1.7}),
    "gelu": (F.gelu, {}),
    "gelu by tanh": (F.gelu, {"approximate": "tanh"}),
    "silu": (F.silu, {}),
    "hardswish": (F.hardswish, {}),
    "sigmoid": (F.sigmoid, {}),
    "tanh": (F.tanh, {}),
}
IN_PLACE = ["relu6", "hardtanh", "leaky_relu", "elu", "silu", "hardswish"]


def same(a, b):
    """Whether two arrays have the same bits; NaN is NaN, whatever its sign."""
    return same_bits(np.where(np.isnan(a), a.dtype.type(0), a), np.where(np.isnan(b), b.dtype.type(0), b)) and (
        np.array_equal(np.isnan(a), np.isnan(b))
    )


def numbers(rng, n, dtype):
    """Numbers of every size from 1e-6 to 12, of both signs."""
    return (rng.choice([-1, 1], n) * np.exp(rng.uniform(-14, 2.5, n))).astype(dtype)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_is_right_to_some_ulp(name, rng):
    """Against float64, which has digits to spare: relative to the result, also where that is small."""
    function, arguments = FUNCTIONS[name]
    x = numbers(rng, 4001, np.float32)
    expected = getattr(reference, function.__name__)(x.astype(np.float64), **arguments)
    # The tanh of a GELU has an argument of up to 200, whose roundings become relative ones of the result; x + 3 of a
    # hardswish rounds; everything else is within 5 ULP. Where exp(-x) overflows a result becomes 0, from 12 / FLT_MAX.
    slack = {"gelu by tanh": 4 * np.abs(x) * (1 + x * x), "hardswish": 4 / np.abs(x)}.get(name, 0)
    error = np.abs(function(x, **arguments) - expected)
    lost = 2.0**-52 * np.abs(x) if name == "gelu by tanh" else 0  # by 1 + tanh in the reference
    assert np.all(error <= (5 + slack) * 2.0**-23 * np.abs(expected) + 2.0**-124 + lost)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float64(name, rng):
    """Against the reference, which NumPy computes to about an ULP of what its steps lose."""
    function, arguments = FUNCTIONS[name]
    x = numbers(rng, 4001, np.float64)
    result, expected = function(x, **arguments), getattr(reference, function.__name__)(x, **arguments)
    # A tail of exp(-x x / 2) as NumPy computes it has an error of x x / 2 ULP.
    size = np.abs(expected) * (1 + x * x) + (np.abs(x) * 2.0**-1 if name in ("gelu by tanh", "hardswish") else 0)
    assert np.all(np.abs(result - expected) <= 8 * 2.0**-53 * size)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_set_of_bits(dtype, isa, num_threads, rng):
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 88.8, -88.8, -104.5, 750, -750], dtype)
    x = np.concatenate([special, numbers(rng, 70_001, dtype)])
    for name, (function, arguments) in FUNCTIONS.items():
        result = function(x, **arguments)
        with pyconv.threads(1):
            pyconv.set_isa("scalar")
            expected = function(x, **arguments)
            pyconv.set_isa(isa)
        assert same(result, expected), name
        assert same(function(x[:77], **arguments), expected[:77]), name
        if name in IN_PLACE:
            y = x.copy()
            assert function(y, **arguments, inplace=True) is y
            assert same(y, expected), name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values(dtype, isa):
    inf, nan = np.inf, np.nan
    x = np.array([0.0, inf, -inf, nan, 1e30, -1e30], dtype)
    expected = {
        "relu6": [0, 6, 0, nan, 6, 0],
        "hardtanh": [0, 2, -0.5, nan, 2, -0.5],
        "leaky_relu": [0, inf, -inf, nan, 1e30, -0.3e30],
        "elu": [0, inf, -1.7, nan, 1e30, -1.7],
        "gelu": [0, inf, 0, nan, 1e30, 0],
        "gelu by tanh": [0, inf, nan, nan, 1e30, 0],
        "silu": [0, inf, nan, nan, 1e30, 0],
        "hardswish": [0, inf, nan, nan, inf if dtype == np.float32 and 1e30 * 6 > 3.4e38 else 1e30, 0],
        "sigmoid": [0.5, 1, 0, nan, 1, 0],
        "tanh": [0, 1, -1, nan, 1, -1],
    }
    for name, (function, arguments) in FUNCTIONS.items():
        np.testing.assert_allclose(function(x, **arguments), expected[name], rtol=1e-6, atol=0, err_msg=name)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (7, 0, 2), (2, 3, 4), (2, 3, 4, 5), (2, 3, 4, 5, 6)])
def test_shapes_and_memory_order(shape, rng):
    x = rng.standard_normal(shape).astype(np.float32)
    assert F.tanh(x).shape == shape
    if len(shape) > 2 and x.size:
        last = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
        result = F.tanh(last)
        assert result.strides == last.strides
        assert same_bits(np.ascontiguousarray(result), F.tanh(x))
        holes = x[::2, ..., ::2]
        assert same_bits(F.tanh(holes), F.tanh(np.ascontiguousarray(holes)))
        kept, expected = x.copy(), F.silu(holes)
        F.silu(x[::2, ..., ::2], inplace=True)
        assert same_bits(x[::2, ..., ::2].copy(), expected)
        assert same_bits(x[1::2], kept[1::2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("power", [0.75, -0.75, 2, 3, -1, 0.3, 7.5, 0])
def test_powers(power, dtype, isa, rng):
    x = np.exp(rng.uniform(-9, 9, 301)).astype(dtype)
    result, expected = _native.unary("pow", x, power), x.astype(np.longdouble) ** np.longdouble(power)
    size = 1 if dtype == np.float32 else 1 + abs(power) * np.abs(np.log(x))  # the logarithm is in float64
    assert np.all(np.abs(result - expected) <= 3 * size * np.finfo(dtype).eps * expected)
    with np.errstate(all="ignore"):
        special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -1.0, -2.0], dtype)
        np.testing.assert_allclose(_native.unary("pow", special, power), special ** dtype(power), rtol=1e-6)


def test_unknown_functions():
    with pytest.raises(ValueError, match="'cosine'"):
        _native.unary("cosine", np.zeros(3))


# ---- log_softmax ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "dim"), [((1,), 0), ((5, 33), 1), ((3, 40, 7), 1), ((2, 9, 4, 5), -3), ((70, 200), 1)]
)
def test_log_softmax(shape, dim, dtype, isa, num_threads, rng):
    x = (20 * rng.standard_normal(shape)).astype(dtype)
    result = F.log_softmax(x, dim)
    # One rounding each of the difference, the sum's logarithm and the result, all of them no larger than the spread.
    size = np.ptp(x.astype(np.float64)) + np.log(x.size)
    np.testing.assert_allclose(result, reference.log_softmax(x, dim), rtol=0, atol=4 * np.finfo(dtype).eps * size)
    pyconv.set_isa("scalar")
    with pyconv.threads(1):
        assert same_bits(result, F.log_softmax(x, dim))
    pyconv.set_isa(isa)


def test_log_softmax_of_large_numbers_and_infinities(isa):
    x = np.array([[1e30, 1e30], [0.0, -np.inf], [-np.inf, -np.inf], [0.0, np.nan]])
    expected = [[-np.log(2)] * 2, [0, -np.inf], [np.nan] * 2, [np.nan] * 2]
    np.testing.assert_allclose(F.log_softmax(x, 1), expected, rtol=1e-15)


# ---- errors ----


@pytest.mark.parametrize("name", FUNCTIONS)
def test_wrong_types(name):
    function, arguments = FUNCTIONS[name]
    for wrong, text in ((np.zeros(3, int), "int64"), (np.zeros(3, complex), "complex128"), ([1.0], "list")):
        with pytest.raises(TypeError, match=f"{function.__name__}: input.*{text}"):
            function(wrong, **arguments)


@pytest.mark.parametrize(
    ("error", "text", "call"),
    [
        (ValueError, "hardtanh: min_val.*2 and 1", lambda x: F.hardtanh(x, 2, 1)),
        (ValueError, "hardtanh: min_val.*nan", lambda x: F.hardtanh(x, np.nan, 1)),
        (TypeError, "hardtanh: max_val.*str", lambda x: F.hardtanh(x, 1, "2")),
        (TypeError, "leaky_relu: negative_slope.*NoneType", lambda x: F.leaky_relu(x, None)),
        (TypeError, "elu: alpha.*complex", lambda x: F.elu(x, 1j)),
        (ValueError, "gelu: approximate.*'fast'", lambda x: F.gelu(x, "fast")),
        (TypeError, "log_softmax: name the axis", F.log_softmax),
        (ValueError, r"log_softmax: dim 2.*\(3,\)", lambda x: F.log_softmax(x, 2)),
        (ValueError, "approximate.*'fast'", lambda x: nn.GELU("fast")),
        (ValueError, "Hardtanh: min_val.*1.*1", lambda x: nn.Hardtanh(1, 1)),
    ],
)
def test_errors(error, text, call):
    with pytest.raises(error, match=text):
        call(np.zeros(3))


def test_read_only():
    x = np.zeros(3)
    x.flags.writeable = False
    for name in IN_PLACE:
        with pytest.raises(ValueError, match=f"{name}: input is not writeable"):
            FUNCTIONS[name][0](x, inplace=True)
