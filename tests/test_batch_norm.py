"""Batch normalisation as a function and as layers, against the reference."""

from __future__ import annotations

import copy
import itertools
import pickle

import numpy as np
import pytest
from problems import same_bits, targets

import pyconv.nn.functional as F
from pyconv import nn, reference

SHAPES = [(7, 5), (2, 1), (1, 3, 9), (5, 17, 1), (3, 4, 6, 5), (2, 33, 7, 1), (1, 6, 13, 11), (2, 3, 2, 5, 4)]


def channels_last(x):
    """The same numbers as an array with its channels last, in C order."""
    return np.ascontiguousarray(np.moveaxis(x, 1, -1))


def vectors(rng, channels, dtype):
    """Mean, variance, weight and bias; means far from zero, so that terms cancel."""
    mean, weight, bias = (3 * rng.standard_normal(channels) for _ in range(3))
    return tuple(v.astype(dtype) for v in (mean, rng.uniform(0.2, 3, channels), weight, bias))


def assert_close(result, expected, x, mean, var, weight=None, bias=None, *, eps=1e-5, summed=0):
    """Compare with the float64 reference of an input (N, C, ...), given the statistics that it is normalised by.

    ``fma(x, scale, shift)`` rounds scale, shift and the result: to first order that is 2 u (|x scale| + |mean scale| +
    |bias|), with u the unit roundoff; half a u more covers the second. Where the input is float64 itself, some ten more
    roundings come before, here and in the reference, and one for each of the values `summed` into a statistic.
    """
    assert result.dtype == x.dtype
    assert result.shape == x.shape
    info = np.finfo(x.dtype)
    scale = (1 if weight is None else abs(weight)) / np.sqrt(var.astype(np.float64) + eps)
    terms = (abs(np.moveaxis(x, 1, -1)) + abs(mean)) * scale + (0 if bias is None else abs(bias))
    roundings = 2.5 if x.dtype == np.float32 else 12 + 3 * summed
    bound = roundings * info.eps / 2 * np.moveaxis(terms, -1, 1) + info.tiny
    error = abs(result - expected)
    assert (error <= bound).all(), f"error is {np.max(error / bound):.3g} times the bound"


# ---- the function ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_eval(rng, shape, dtype):
    x = (2 * rng.standard_normal(shape) - 1).astype(dtype)
    mean, var, weight, bias = vectors(rng, shape[1], dtype)
    kept = [v.copy() for v in (x, mean, var, weight, bias)]
    for w, b, eps in itertools.product((weight, None), (bias, None), (1e-5, 0.5, 0)):
        result = F.batch_norm(x, mean, var, w, b, eps=eps)
        expected = reference.batch_norm(x, mean, var, w, b, eps=eps, dtype=np.float64)
        assert_close(result, expected, x, mean, var, w, b, eps=eps)
        last = F.batch_norm(channels_last(x), mean, var, w, b, eps=eps, layout="NHWC")
        assert same_bits(last, channels_last(result))
    assert all(map(same_bits, (x, mean, var, weight, bias), kept))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_training(rng, shape, dtype):
    x = (2 * rng.standard_normal(shape) - 1).astype(dtype)
    *start, weight, bias = vectors(rng, shape[1], dtype)
    count = x.size // shape[1]
    wide = np.moveaxis(x, 1, 0).reshape(shape[1], -1).astype(np.float64)
    expected = reference.batch_norm(x, None, None, weight, bias, True, dtype=np.float64)
    for layout, momentum in itertools.product(("NCHW", "NHWC"), (0.1, 1, 0.0)):
        ours, theirs = [v.copy() for v in start], [v.copy() for v in start]
        given = x if layout == "NCHW" else channels_last(x)
        result = F.batch_norm(given, *ours, weight, bias, True, momentum, layout=layout)
        assert same_bits(F.batch_norm(given, None, None, weight, bias, True, layout=layout), result)
        turned = result if layout == "NCHW" else np.moveaxis(result, -1, 1)
        assert_close(turned, expected, x, wide.mean(1), wide.var(1), weight, bias, summed=count)
        reference.batch_norm(x, *theirs, weight, bias, True, momentum)
        unit = (count + 4) * np.finfo(dtype).eps
        for array, other, largest in zip(ours, theirs, (abs(x).max(), 4 * wide.var(1).max()), strict=True):
            assert array.dtype == dtype
            np.testing.assert_allclose(array, other, rtol=unit, atol=unit * largest)


def test_training_by_hand():
    x = np.array([[1.0, -2.0], [4.0, 0.0], [4.0, 5.0]], np.float32)
    mean, var = np.array([1, -1], np.float32), np.array([2, 4], np.float32)
    result = F.batch_norm(x, mean, var, np.array([1, 2], np.float32), np.array([0, 1], np.float32), True, 0.25)
    np.testing.assert_allclose(result[:, 0], np.array([-2, 1, 1]) / np.sqrt(2 + 1e-5), rtol=1e-6)
    np.testing.assert_allclose(result[:, 1], np.array([-3, -1, 4]) * 2 / np.sqrt(26 / 3 + 1e-5) + 1, rtol=1e-6)
    np.testing.assert_array_equal(mean, np.array([1.5, -0.5], np.float32))  # batch: 3 and 1
    np.testing.assert_array_equal(var, np.array([2.25, 6.25], np.float32))  # batch, unbiased: 3 and 13


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_variance_of_numbers_far_from_zero(rng, dtype):
    """The square of the mean is a million times the variance, which a difference of sums would lose."""
    x = (1000 + rng.standard_normal((40, 2, 30, 70))).astype(dtype)  # more than one piece
    var = np.ones(2, dtype)
    F.batch_norm(x, np.zeros(2, dtype), var, training=True, momentum=1)
    unit = 4 * np.finfo(dtype).eps if dtype == np.float32 else x.size * np.finfo(dtype).eps
    np.testing.assert_allclose(var, x.astype(np.longdouble).var(axis=(0, 2, 3), ddof=1), rtol=unit)


@pytest.mark.parametrize("training", [False, True])
def test_special_values(training):
    x = np.array([[1.0, np.inf, np.nan, 3.0, 2.0], [2.0, 1.0, 1.0, 3.0, 5.0]])
    mean, var = np.zeros(5), np.array([1.0, 1.0, 1.0, 0.0, np.inf])
    arguments = (np.array([0, 1.0, 1.0, 1.0, 1.0]), np.ones(5), training)
    expected = reference.batch_norm(x, mean.copy(), var.copy(), *arguments)
    np.testing.assert_allclose(F.batch_norm(x, mean, var, *arguments), expected, rtol=1e-12, atol=1e-14)
    assert np.isnan(expected).any()
    assert np.isfinite(expected).any()


def orders(x):
    """One array in many memory orders."""
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1] + 1), x.dtype)
    wide[..., 1::2] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    return {
        "C": x,
        "channels last": np.moveaxis(channels_last(x), -1, 1),
        "Fortran": np.asfortranarray(x),
        "every other": wide[..., 1::2],
        "backwards": np.ascontiguousarray(x[:, ::-1])[:, ::-1],
        "read-only": frozen,
    }


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", [(4, 5), (2, 5, 7), (2, 3, 6, 5), (2, 3, 4, 5, 6)], ids=str)
def test_memory_orders(rng, shape, training):
    x = rng.standard_normal(shape).astype(np.float32)
    arrays = vectors(rng, shape[1], np.float32)
    expected = F.batch_norm(x, *(v.copy() for v in arrays), training)
    for name, given in orders(x).items():
        result = F.batch_norm(given, *(v.copy() for v in arrays), training)
        if training:  # NumPy sums in the order of the memory
            np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5, err_msg=name)
        else:
            assert same_bits(result, expected), name
        if name in ("C", "channels last"):
            assert result.strides == given.strides
        for out in orders(np.zeros_like(x)).values():
            if out.flags.writeable:
                assert F.batch_norm(given, *(v.copy() for v in arrays), training, out=out) is out
                assert same_bits(out, result), name


def test_the_same_bits_everywhere(rng):
    x = rng.standard_normal((3, 21, 17, 19)).astype(np.float32)
    arrays = vectors(rng, 21, np.float32)
    expected = F.batch_norm(x, *arrays)
    for target in targets():
        assert same_bits(F.batch_norm(x, *arrays), expected), target
        for image, its in zip(x, expected, strict=True):
            assert same_bits(F.batch_norm(image[None], *arrays)[0], its), target
        flat = F.batch_norm(x.reshape(3, 21, 17 * 19), *arrays)
        assert same_bits(flat, expected.reshape(flat.shape)), target


def test_vectors_of_any_strides(rng):
    x = rng.standard_normal((2, 4, 5, 5))
    arrays = vectors(rng, 4, np.float64)
    expected = F.batch_norm(x, *arrays)
    wide = [np.repeat(v, 3) for v in arrays]
    assert same_bits(F.batch_norm(x, *(v[::3] for v in wide)), expected)
    F.batch_norm(x, wide[0][::3], wide[1][::3], training=True)
    running = [v.copy() for v in arrays[:2]]
    F.batch_norm(x, *running, training=True)
    assert same_bits(wide[0][::3].copy(), running[0])
    assert np.array_equal(wide[0][1::3], arrays[0])


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4, 5), (2, 3, 0, 5), (2, 0, 4, 5)], ids=str)
def test_nothing(shape, training):
    x = np.zeros(shape, np.float32)
    mean, var = np.full(shape[1], 2, np.float32), np.full(shape[1], 3, np.float32)
    result = F.batch_norm(x, mean, var, training=training)
    assert same_bits(result, x)
    assert F.batch_norm(x, mean, var, training=training, out=result) is result
    assert (mean == 2).all()
    assert (var == 3).all()


X, V = np.zeros((2, 4, 5, 6), np.float32), np.ones(4, np.float32)


def read_only(array):
    array.flags.writeable = False
    return array


WRONG = {
    "list": (TypeError, "input.*list", lambda: F.batch_norm([[1.0]], V, V)),
    "integers": (TypeError, "input.*int64", lambda: F.batch_norm(X.astype(np.int64), V, V)),
    "half": (TypeError, "weight is float64", lambda: F.batch_norm(X.astype(np.float16), V, V, V.astype(float))),
    "byte order": (TypeError, "input.*>f4|input.*byte order", lambda: F.batch_norm(X.astype(">f4"), V, V)),
    "one axis": (ValueError, r"input.*\(4,\)", lambda: F.batch_norm(V, V, V)),
    "layout": (ValueError, "layout.*CHWN", lambda: F.batch_norm(X, V, V, layout="CHWN")),
    "layout None": (ValueError, "layout.*None", lambda: F.batch_norm(X, V, V, layout=None)),
    "mean missing": (ValueError, "running_mean.*training", lambda: F.batch_norm(X, None, V)),
    "variance missing": (ValueError, "running_var.*training", lambda: F.batch_norm(X, V, None)),
    "mean alone": (ValueError, "running_mean and running_var", lambda: F.batch_norm(X, V, None, training=True)),
    "mean": (ValueError, r"running_mean.*\(4,\).*\(2, 4, 5, 6\).*\(3,\)", lambda: F.batch_norm(X, V[:3], V)),
    "variance": (ValueError, r"running_var.*\(1, 4\)", lambda: F.batch_norm(X, V, V[None])),
    "weight": (ValueError, r"weight.*\(4,\).*\(5,\)", lambda: F.batch_norm(X, V, V, np.ones(5, np.float32))),
    "bias": (ValueError, r"bias.*\(\)", lambda: F.batch_norm(X, V, V, None, np.ones((), np.float32))),
    "channels last": (ValueError, r"running_mean.*\(6,\)", lambda: F.batch_norm(X, V, V, layout="NHWC")),
    "float64": (TypeError, "running_var.*float64.*float32", lambda: F.batch_norm(X, V, V.astype(np.float64))),
    "weight a list": (TypeError, "weight.*list", lambda: F.batch_norm(X, V, V, [1.0] * 4)),
    "eps negative": (ValueError, "eps.*-1", lambda: F.batch_norm(X, V, V, eps=-1)),
    "eps NaN": (ValueError, "eps.*nan", lambda: F.batch_norm(X, V, V, eps=np.nan)),
    "eps 0 in training": (ValueError, "eps.*training", lambda: F.batch_norm(X, V, V, training=True, eps=0)),
    "eps a string": (TypeError, "eps.*str", lambda: F.batch_norm(X, V, V, eps="1e-5")),
    "momentum None": (TypeError, "momentum.*None", lambda: F.batch_norm(X, V, V, training=True, momentum=None)),
    "one value": (ValueError, r"\(1, 4, 1, 1\)", lambda: F.batch_norm(X[:1, :, :1, :1], V, V, training=True)),
    "one row": (ValueError, r"\(1, 4\)", lambda: F.batch_norm(X[:1, :, 0, 0], None, None, training=True)),
    "frozen mean": (
        ValueError,
        "running_mean.*writeable",
        lambda: F.batch_norm(X, read_only(V.copy()), V, training=True),
    ),
    "frozen variance": (
        ValueError,
        "running_var.*writeable",
        lambda: F.batch_norm(X, V, read_only(V.copy()), training=True),
    ),
    "out a list": (TypeError, "out.*list", lambda: F.batch_norm(X, V, V, out=[])),
    "out of another type": (TypeError, "out.*float64", lambda: F.batch_norm(X, V, V, out=X.astype(np.float64))),
    "out of another shape": (
        ValueError,
        r"out.*\(1, 4, 5, 6\).*\(2, 4, 5, 6\)",
        lambda: F.batch_norm(X, V, V, out=X[:1].copy()),
    ),
    "out read-only": (ValueError, "out.*writeable", lambda: F.batch_norm(X, V, V, out=read_only(X.copy()))),
    "out the input": (ValueError, "out shares memory", lambda: F.batch_norm(X, V, V, out=X)),
    "out a vector": (ValueError, "out shares memory", lambda: F.batch_norm(X[:, :, 0, 0], V, V, out=OVERLAPPING)),
}
OVERLAPPING = np.lib.stride_tricks.as_strided(V, (2, 4), (0, 4), writeable=True)


@pytest.mark.parametrize("name", WRONG)
def test_errors(name):
    error, text, call = WRONG[name]
    with pytest.raises(error, match=f"(?s)^batch_norm: .*(?:{text})"):
        call()
    assert (V == 1).all()  # no statistic was updated before the error


def test_layout_and_out_are_named():
    with pytest.raises(TypeError):
        F.batch_norm(X, V, V, None, None, False, 0.1, 1e-5, "NHWC")


# ---- the layers ----

LAYERS = {
    (3, 5): nn.BatchNorm1d,
    (4, 5, 7): nn.BatchNorm1d,
    (2, 5, 6, 3): nn.BatchNorm2d,
    (2, 5, 2, 3, 4): nn.BatchNorm3d,
}


def filled(layer, rng):
    """The layer with numbers of its own in every array but the counter."""
    for array in (layer.weight, layer.bias, layer.running_mean):
        if array is not None:
            array[...] = rng.standard_normal(array.shape)
    if layer.running_var is not None:
        layer.running_var[...] = rng.uniform(0.5, 2, layer.running_var.shape)
    return layer


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", LAYERS, ids=str)
def test_layers(rng, shape, dtype, layout):
    layer = filled(LAYERS[shape](5, 0.01, 0.3, dtype=dtype, layout=layout), rng)
    x = rng.standard_normal(shape).astype(dtype)
    given = x if layout == "NCHW" else channels_last(x)
    for batches in (1, 2, 3):
        mean, var = layer.running_mean.copy(), layer.running_var.copy()
        rest = (layer.weight, layer.bias, True, 0.3, 0.01)
        expected = F.batch_norm(given, mean, var, *rest, layout=layout)
        assert same_bits(layer(given), expected)
        assert same_bits(layer.running_mean, mean)
        assert same_bits(layer.running_var, var)
        assert layer.num_batches_tracked == batches
    layer.eval()
    expected = reference.batch_norm(given, mean, var, layer.weight, layer.bias, eps=0.01, layout=layout)
    np.testing.assert_allclose(layer(given), expected, rtol=1e-5, atol=1e-5)
    assert layer.num_batches_tracked == 3
    assert same_bits(layer.running_mean, mean)


def test_a_cumulative_average(rng):
    layer = nn.BatchNorm2d(3, momentum=None, dtype=np.float64)
    batches = rng.standard_normal((5, 2, 3, 4, 4))
    for x in batches:
        layer(x)
        layer(x[:0])  # not counted
    assert layer.num_batches_tracked == 5
    np.testing.assert_allclose(layer.running_mean, batches.mean(axis=(0, 1, 3, 4)), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(layer.running_var, batches.var(axis=(1, 3, 4), ddof=1).mean(0), rtol=1e-12)
    layer.reset_running_stats()
    assert layer.num_batches_tracked == 0
    assert (layer.running_mean == 0).all()
    assert (layer.running_var == 1).all()


def test_which_arrays_there_are():
    every = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    for arguments, names in (
        ({}, every),
        ({"bias": False}, [every[0], *every[2:]]),
        ({"affine": False}, every[2:]),
        ({"track_running_stats": False}, every[:2]),
        ({"affine": False, "track_running_stats": False}, []),
    ):
        layer = nn.BatchNorm2d(4, **arguments)
        assert list(layer.state_dict()) == names
        for name in every:
            assert (getattr(layer, name) is not None) == (name in names), name
        assert [name for name, _ in layer.named_parameters()] == [n for n in names if n in ("weight", "bias")]
    assert nn.BatchNorm2d(4).num_batches_tracked.dtype == np.int64
    assert nn.BatchNorm2d(4).num_batches_tracked.shape == ()
    layer = nn.BatchNorm1d(3, 0.5, None, False, False, "cpu", np.float64)
    assert (layer.eps, layer.momentum, layer.affine, layer.track_running_stats) == (0.5, None, False, False)


def test_without_running_statistics_the_batch_decides(rng):
    x = rng.standard_normal((3, 4, 5, 5))
    expected = F.batch_norm(x, None, None, training=True)
    layer = nn.BatchNorm2d(4, track_running_stats=False, affine=False, dtype=np.float64)
    for training in (True, False):
        assert same_bits(layer.train(training)(x), expected)
    tracking = nn.BatchNorm2d(4, affine=False, dtype=np.float64)
    tracking.track_running_stats = False  # as in torch, eval mode still uses what is there, and training leaves it
    assert same_bits(tracking(x), expected)
    assert tracking.num_batches_tracked == 0
    assert (tracking.running_mean == 0).all()
    np.testing.assert_allclose(tracking.eval()(x), x / np.sqrt(1 + 1e-5), rtol=1e-14)


def test_a_call_that_fails_changes_nothing():
    layer = nn.BatchNorm2d(4)
    with pytest.raises(ValueError, match="more than one"):
        layer(np.ones((1, 4, 1, 1), np.float32))
    assert layer.num_batches_tracked == 0
    assert (layer.running_mean == 0).all()


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_copies(rng, copier):
    x = rng.standard_normal((2, 4, 3, 3)).astype(np.float32)
    layer = filled(nn.BatchNorm2d(4), rng)
    layer(x)
    twin = copier(layer.eval())
    assert same_bits(twin(x), layer(x))
    assert twin.num_batches_tracked == 1
    before = layer(x)
    twin.train()(x)
    assert layer.num_batches_tracked == 1
    assert same_bits(layer(x), before)


def test_loading(rng):
    ours, theirs = nn.BatchNorm2d(4), filled(nn.BatchNorm2d(4), rng)
    theirs(rng.standard_normal((2, 4, 3, 3)).astype(np.float32))
    assert ours.load_state_dict(theirs.state_dict()) == ([], [])
    assert ours.num_batches_tracked == 1
    assert ours.num_batches_tracked is not theirs.num_batches_tracked
    for name, array in theirs.state_dict().items():
        assert same_bits(ours.state_dict()[name], array)
    with pytest.raises(ValueError, match="num_batches_tracked"):
        nn.BatchNorm2d(4, track_running_stats=False).load_state_dict(theirs.state_dict())


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (
            nn.BatchNorm1d(3),
            "BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)",
        ),
        (
            nn.BatchNorm2d(3, 0.1, None, False, False, layout="NHWC"),
            "BatchNorm2d(3, eps=0.1, momentum=None, affine=False, bias=False, track_running_stats=False, layout=NHWC)",
        ),
    ],
)
def test_printed_form(module, text):
    assert repr(module) == text


@pytest.mark.parametrize(
    ("error", "text", "call"),
    [
        (ValueError, "num_features", lambda: nn.BatchNorm2d(0)),
        (TypeError, "num_features", lambda: nn.BatchNorm2d(1.5)),
        (ValueError, "device", lambda: nn.BatchNorm2d(1, device="cuda")),
        (TypeError, "dtype", lambda: nn.BatchNorm2d(1, dtype=np.int64)),
        (ValueError, "layout", lambda: nn.BatchNorm2d(1, layout="NCL")),
        (ValueError, r"BatchNorm1d.*2D or 3D.*\(2, 4, 5, 6\)", lambda: nn.BatchNorm1d(4)(X)),
        (ValueError, r"BatchNorm2d.*4D.*\(4, 5, 6\)", lambda: nn.BatchNorm2d(4)(X[0])),
        (ValueError, r"BatchNorm3d.*5D.*\(2, 4, 5, 6\)", lambda: nn.BatchNorm3d(4).eval()(X)),
        (ValueError, r"running_mean.*\(4,\).*\(3,\)", lambda: nn.BatchNorm2d(3)(X)),
        (ValueError, "eps", lambda: nn.BatchNorm2d(4, eps=-1).eval()(X)),
        (TypeError, "list", lambda: nn.BatchNorm2d(4)(X.tolist())),
        (TypeError, "float64.*float32", lambda: nn.BatchNorm2d(4, dtype=np.float64)(X)),
    ],
)
def test_errors_of_layers(error, text, call):
    with pytest.raises(error, match=text):
        call()
