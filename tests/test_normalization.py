"""Layer norm, group norm and local response norm: values, the same bits whatever computes them, errors."""

from __future__ import annotations

import numpy as np
import pytest
from problems import same_bits

import pyconv
import pyconv.nn.functional as F
from pyconv import nn, reference

DTYPES = [np.float32, np.float64]


def draw(rng, shape, dtype):
    return rng.standard_normal(shape).astype(dtype)


def tolerance(x, *vectors):
    """Some roundings of the largest deviation, divided and scaled; the mean itself is found to more digits."""
    scale = max((float(np.abs(v).max(initial=0)) for v in vectors if v is not None), default=1.0)
    return 16 * np.finfo(x.dtype).eps * (1 + scale) * 8


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("affine", ["both", "weight", "neither"])
@pytest.mark.parametrize(
    ("shape", "last"), [((5,), (5,)), ((3, 7), (7,)), ((2, 3, 1), (1,)), ((2, 5, 6, 7), (6, 7)), ((9, 3000), (3000,))]
)
def test_layer_norm(shape, last, affine, dtype, isa, num_threads, rng):
    x = draw(rng, shape, dtype)
    weight = None if affine == "neither" else draw(rng, last, dtype)
    bias = draw(rng, last, dtype) if affine == "both" else None
    result = F.layer_norm(x, last, weight, bias, 1e-3)
    expected = reference.layer_norm(x, last, weight, bias, 1e-3)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance(x, weight, bias))
    pyconv.set_isa("scalar")
    with pyconv.threads(1):
        assert same_bits(result, F.layer_norm(x, last, weight, bias, 1e-3))
        if len(shape) > len(last):
            assert same_bits(result[-1], F.layer_norm(x[-1], last, weight, bias, 1e-3)), "depends on the batch"
    pyconv.set_isa(isa)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "groups"), [((3, 6), 2), ((2, 6, 5), 3), ((1, 4, 5, 7), 4), ((2, 32, 17, 19), 8), ((2, 4, 2, 3, 3), 1)]
)
def test_group_norm(shape, groups, dtype, isa, num_threads, rng):
    x = draw(rng, shape, dtype)
    weight, bias = draw(rng, shape[1], dtype), draw(rng, shape[1], dtype)
    for vectors in ((weight, bias), (None, bias), (None, None)):
        result = F.group_norm(x, groups, *vectors, eps=1e-2)
        expected = reference.group_norm(x, groups, *vectors, eps=1e-2)
        np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance(x, weight, bias))
        last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
        turned = F.group_norm(last, groups, *vectors, eps=1e-2, layout="NHWC")
        assert same_bits(turned, np.ascontiguousarray(np.moveaxis(result, 1, -1)))
        pyconv.set_isa("scalar")
        with pyconv.threads(1):
            if x[-1].size > groups:
                assert same_bits(result[-1:], F.group_norm(x[-1:], groups, *vectors, eps=1e-2))
        pyconv.set_isa(isa)


def test_integers_are_exact(isa):
    """Rows of mean 3 and variance 4, in every lane and in the rest of a row."""
    for n in (2, 16, 30, 64, 1026, 4096):
        x = np.tile([1.0, 5.0], n // 2).astype(np.float32)
        np.testing.assert_array_equal(F.layer_norm(x, (n,), eps=0), np.tile([-1.0, 1.0], n // 2))
        np.testing.assert_array_equal(F.group_norm(x.reshape(1, 2, n // 2), 1, eps=0).ravel(), np.tile([-1, 1], n // 2))


@pytest.mark.parametrize("mean", [1e3, 1e5])
def test_a_large_mean_costs_no_digits(mean, isa, rng):
    x = (mean + rng.standard_normal((3, 5000))).astype(np.float32)
    np.testing.assert_allclose(F.layer_norm(x, (5000,)), reference.layer_norm(x, (5000,)), rtol=0, atol=3e-6)


def test_constant_rows_and_special_values(isa):
    x = np.full((2, 37), 0.1, np.float32)
    assert np.abs(F.layer_norm(x, (37,))).max() <= 1e-5
    for value in (np.inf, np.nan):
        x[1, 5] = value
        result = F.layer_norm(x, (37,))
        assert np.isnan(result[1]).all()
        assert np.isfinite(result[0]).all()


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_nothing_to_normalise(shape):
    assert F.layer_norm(np.zeros(shape), shape[1:]).shape == shape
    assert F.group_norm(np.zeros((0, 4, 3)), 2).shape == (0, 4, 3)


def test_views(rng):
    x = draw(rng, (4, 6, 8), np.float32)
    view = x[::2, :, ::-2]
    assert same_bits(F.layer_norm(view, (4,)), F.layer_norm(view.copy(), (4,)))
    assert same_bits(F.group_norm(view, 3), F.group_norm(view.copy(), 3))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 20])
@pytest.mark.parametrize("beta", [0.75, 0.5, 1.0, 0.3])
def test_local_response_norm(size, beta, dtype, isa, rng):
    x = draw(rng, (2, 7, 3, 4), dtype)
    result = F.local_response_norm(x, size, 0.3, beta, 1.5)
    expected = reference.local_response_norm(x, size, 0.3, beta, 1.5)
    np.testing.assert_allclose(result, expected, rtol=(16 + size) * np.finfo(dtype).eps)
    pyconv.set_isa("scalar")
    assert same_bits(result, F.local_response_norm(x, size, 0.3, beta, 1.5))
    pyconv.set_isa(isa)


X = np.zeros((2, 6, 5), np.float32)


@pytest.mark.parametrize(
    ("error", "text", "call"),
    [
        (ValueError, r"layer_norm: normalized_shape \(6,\).*\(2, 6, 5\)", lambda: F.layer_norm(X, (6,))),
        (ValueError, r"layer_norm: normalized_shape \(\)", lambda: F.layer_norm(X, ())),
        (TypeError, "layer_norm: normalized_shape.*float", lambda: F.layer_norm(X, (5.0,))),
        (ValueError, r"layer_norm: weight.*\(5,\).*\(6,\)", lambda: F.layer_norm(X, (5,), X[0, :, 0])),
        (TypeError, "layer_norm: bias is float64.*float32", lambda: F.layer_norm(X, (5,), None, np.zeros(5))),
        (TypeError, "layer_norm: input.*int64", lambda: F.layer_norm(X.astype(int), (5,))),
        (ValueError, r"group_norm: 6 channels.*\(2, 6, 5\).*4", lambda: F.group_norm(X, 4)),
        (ValueError, "group_norm: num_groups.*0", lambda: F.group_norm(X, 0)),
        (ValueError, r"group_norm: input.*\(5,\)", lambda: F.group_norm(X[0, 0], 1)),
        (ValueError, r"group_norm: bias.*\(6,\).*\(5,\)", lambda: F.group_norm(X, 2, None, X[0, 0])),
        (ValueError, r"group_norm: needs more than one value.*\(1, 6\)", lambda: F.group_norm(X[:1, :, 0], 6)),
        (ValueError, "group_norm: layout.*'NWHC'", lambda: F.group_norm(X, 2, layout="NWHC")),
        (ValueError, r"local_response_norm: input.*\(6, 5\)", lambda: F.local_response_norm(X[0], 2)),
        (ValueError, "local_response_norm: size.*0", lambda: F.local_response_norm(X, 0)),
        (ValueError, "num_channels.*5 and 2", lambda: nn.GroupNorm(2, 5)),
    ],
)
def test_errors(error, text, call):
    with pytest.raises(error, match=text):
        call()


def test_a_size_beyond_all_channels_costs_no_more(rng):
    x = rng.standard_normal((2, 3, 4))
    expected = x / (1 + 1e3 * np.square(x).sum(1, keepdims=True) / 10**12) ** 0.75
    np.testing.assert_allclose(F.local_response_norm(x, 10**12, 1e3), expected, rtol=1e-12)
    for size in (5, 6, 7):
        assert same_bits(F.local_response_norm(x, size, float(size)), F.local_response_norm(x, 10**9, 1e9))
