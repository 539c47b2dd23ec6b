"""Losses and dropout: values against the reference, reductions, the same bits everywhere, errors."""

from __future__ import annotations

import numpy as np
import pytest
from problems import same_bits

import pyconv
import pyconv.nn.functional as F
from pyconv import nn, reference

REDUCTIONS = ["none", "mean", "sum"]
SHAPES = [(5,), (4, 5), (1, 1), (2, 3, 7), (2, 4, 5, 6), (3000, 4)]


def drawn(rng, shape, dtype):
    """Numbers, the classes of a target, and probabilities."""
    classes = shape[0] if len(shape) == 1 else shape[1]
    rest = shape[1:] if len(shape) == 1 else (shape[0], *shape[2:])
    return rng.standard_normal(shape).astype(dtype), rng.integers(0, classes, rest), rng.random(shape).astype(dtype)


def close(result, expected, terms):
    assert result.shape == expected.shape
    assert result.dtype == expected.dtype
    eps = np.finfo(expected.dtype).eps
    np.testing.assert_allclose(result, expected, rtol=32 * eps, atol=8 * eps * terms)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_classes(shape, reduction, dtype, rng):
    x, target, _ = drawn(rng, shape, dtype)
    classes = shape[0] if len(shape) == 1 else shape[1]
    weight = rng.random(classes).astype(dtype) + dtype(0.1)
    sum_of = target.size if reduction == "sum" else 1
    for w in (None, weight):
        for ignored in (-100, 0):
            if ignored == 0 and reduction == "mean" and (target == 0).all():
                continue
            options = {"ignore_index": ignored, "reduction": reduction}
            close(F.nll_loss(x, target, w, **options), reference.nll_loss(x, target, w, **options), sum_of)
            for smoothing in (0.0, 0.25, 1.0):
                options["label_smoothing"] = smoothing
                result, expected = (f.cross_entropy(x, target, w, **options) for f in (F, reference))
                close(result, expected, 4 * classes * sum_of)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_probabilities(shape, reduction, dtype, rng):
    x, target, p = drawn(rng, shape, dtype)
    classes = shape[0] if len(shape) == 1 else shape[1]
    for w in (None, rng.random(classes).astype(dtype)):
        for smoothing in (0.0, 0.25):
            options = {"reduction": reduction, "label_smoothing": smoothing}
            result, expected = (f.cross_entropy(x, p, w, **options) for f in (F, reference))
            close(result, expected, 4 * classes * (target.size if reduction == "sum" else 1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 4, 5), (70_000,)])
def test_mse(shape, reduction, dtype, rng):
    x, y, w = (np.asarray(rng.standard_normal(shape), dtype) for _ in range(3))
    sum_of = max(x.size, 1) if reduction == "sum" else 1
    close(F.mse_loss(x, y, reduction=reduction), reference.mse_loss(x, y, reduction=reduction), 4 * sum_of)
    if x.size:
        w = np.asarray(np.abs(w) + dtype(0.5))
        options = {"reduction": reduction, "weight": w}
        close(F.mse_loss(x, y, **options), reference.mse_loss(x, y, **options), 8 * sum_of)


def test_integers_are_exact(isa, num_threads):
    x = (np.arange(200_000) % 7).astype(np.float32)
    y = (np.arange(200_000) % 5).astype(np.float32)
    expected = ((x - y).astype(np.int64) ** 2).sum()
    assert F.mse_loss(x, y, reduction="sum") == np.float32(expected)
    assert F.mse_loss(x, y) == np.float32(expected / 200_000)
    logs = -np.arange(4.0).reshape(1, 4).repeat(9, 0)
    target = np.array([0, 1, 2, 3, 3, 2, 1, 0, 3])
    assert F.nll_loss(logs, target, reduction="sum") == target.sum()
    assert F.nll_loss(logs, target, ignore_index=3) == 6 / 6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_set_of_bits(dtype, isa, num_threads, rng):
    x, target, p = drawn(rng, (700, 133), dtype)
    weight = rng.random(133).astype(dtype)

    def losses():
        return [
            *(F.cross_entropy(x, t, weight, reduction=r, label_smoothing=0.1) for t in (target, p) for r in REDUCTIONS),
            *(F.mse_loss(x, p, reduction=r) for r in REDUCTIONS),
        ]

    results = losses()
    pyconv.set_isa("scalar")
    with pyconv.threads(1):
        assert all(map(same_bits, results, losses()))
    pyconv.set_isa(isa)


def test_older_names_of_reductions(rng):
    x, target, _ = drawn(rng, (4, 5), np.float64)
    for size_average, reduce, reduction in ((None, False, "none"), (False, None, "sum"), (True, True, "mean")):
        expected = F.nll_loss(x, target, reduction=reduction)
        assert same_bits(F.nll_loss(x, target, None, size_average, -100, reduce), expected)
        assert same_bits(nn.NLLLoss(None, size_average, -100, reduce)(x, target), expected)


def test_nothing_counts():
    x = np.zeros((3, 4))
    target = np.full(3, -100)
    assert np.isnan(F.cross_entropy(x, target))
    assert F.cross_entropy(x, target, reduction="sum") == 0
    assert F.nll_loss(x[:0], target[:0], reduction="sum") == 0


def test_infinite_logits(isa):
    x = np.array([[0.0, -np.inf], [np.inf, 0.0]])
    np.testing.assert_array_equal(F.cross_entropy(x, np.array([1, 1]), reduction="none"), [np.inf, np.nan])


# ---- dropout ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [0.25, 0.5, 0.9])
def test_dropout(p, dtype):
    x = np.ones((100, 1000), dtype)
    result = F.dropout(x, p, generator=np.random.default_rng(1))
    assert result.dtype == dtype
    assert set(np.unique(result)) == {dtype(0), dtype(1 / (1 - p))}
    deviation = np.sqrt(p * (1 - p) / x.size)
    assert abs((result == 0).mean() - p) < 6 * deviation
    assert same_bits(result, F.dropout(x, p, generator=np.random.default_rng(1)))
    assert not same_bits(result, F.dropout(x, p))
    y = x.copy()
    assert F.dropout(y, p, True, True, generator=np.random.default_rng(1)) is y
    assert same_bits(y, result)


def test_dropout_of_all_or_nothing():
    x = np.array([1.0, -np.inf, np.nan])
    assert F.dropout(x, 0.9, training=False) is x
    assert F.dropout(x, 0) is x
    np.testing.assert_array_equal(F.dropout(x, 1), [0, np.nan, np.nan])
    assert F.dropout(np.zeros((0, 3)), 0.5).shape == (0, 3)


def test_dropout_layers():
    x = np.ones(1000, np.float32)
    layer = nn.Dropout(0.5)
    nn.init.manual_seed(3)
    first = layer(x)
    nn.init.manual_seed(3)
    assert same_bits(first, layer(x))
    nn.init.manual_seed(None)
    assert layer.eval()(x) is x
    own = nn.Dropout(0.5, generator=np.random.default_rng(3))
    assert same_bits(own(x), F.dropout(x, 0.5, generator=np.random.default_rng(3)))
    assert nn.Identity()(x) is x


# ---- errors ----

X, T = np.zeros((3, 4), np.float32), np.array([0, 1, 3])


@pytest.mark.parametrize(
    ("error", "text", "call"),
    [
        (ValueError, "nll_loss: target holds 4.*0 to 3", lambda: F.nll_loss(X, T + 1)),
        (ValueError, "cross_entropy: target holds -1", lambda: F.cross_entropy(X, T - 1)),
        (ValueError, r"nll_loss: target of shape \(2,\).*\(3, 4\)", lambda: F.nll_loss(X, T[:2])),
        (TypeError, "nll_loss: target.*float32", lambda: F.nll_loss(X, X[:, 0])),
        (ValueError, r"cross_entropy: target.*\(3, 4\).*\(3,\)", lambda: F.cross_entropy(X, X[:, 0])),
        (TypeError, "cross_entropy: target is float64", lambda: F.cross_entropy(X, X.astype(float))),
        (ValueError, r"cross_entropy: weight.*\(4,\).*\(3,\)", lambda: F.cross_entropy(X, T, X[:, 0])),
        (TypeError, "cross_entropy: weight is float64", lambda: F.cross_entropy(X, T, np.ones(4))),
        (TypeError, "cross_entropy: input.*int64", lambda: F.cross_entropy(X.astype(int), T)),
        (ValueError, "cross_entropy: label_smoothing.*1.5", lambda: F.cross_entropy(X, T, label_smoothing=1.5)),
        (ValueError, "cross_entropy: reduction.*'avg'", lambda: F.cross_entropy(X, T, reduction="avg")),
        (ValueError, r"nll_loss: input.*\(\)", lambda: F.nll_loss(np.array(1.0), T)),
        (ValueError, r"mse_loss: target of shape \(3,\).*\(3, 4\)", lambda: F.mse_loss(X, X[:, 0])),
        (TypeError, "mse_loss: target is float64.*float32", lambda: F.mse_loss(X, X.astype(float))),
        (ValueError, r"mse_loss: weight.*\(4,\)", lambda: F.mse_loss(X, X, weight=X[0])),
        (ValueError, "MSELoss: reduction.*'avg'", lambda: nn.MSELoss(reduction="avg")),
        (ValueError, "dropout: p.*1.5", lambda: F.dropout(X, 1.5)),
        (ValueError, "Dropout: p.*-1", lambda: nn.Dropout(-1)),
        (TypeError, "dropout: input.*int64", lambda: F.dropout(T)),
    ],
)
def test_errors(error, text, call):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("p", [0.0, 0.25, 0.5, 1.0])
def test_dropout_is_the_reference(rng, p):
    """The same draws zero the same elements; a scale is rounded once."""
    for dtype in ("float32", "float64"):
        x = rng.standard_normal((3, 40)).astype(dtype)
        ours, expected = (
            f(x.copy(), p, generator=np.random.default_rng(7)) for f in (F.dropout, pyconv.reference.dropout)
        )
        assert ours.dtype == expected.dtype
        assert np.array_equal(ours, expected)


def test_dropout_takes_a_seed():
    x = np.ones((4, 50), np.float32)
    assert np.array_equal(F.dropout(x, generator=3), F.dropout(x, generator=np.random.default_rng(3)))
    with pytest.raises(TypeError):
        F.dropout(x, generator="three")
