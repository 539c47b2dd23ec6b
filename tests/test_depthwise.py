"""Depthwise layers of 16 channels and more, channels last: the pointers by which they read an image in place."""

from __future__ import annotations

import numpy as np
import pytest
from problems import same_bits, targets

import pyconv
import pyconv.nn.functional as F
from pyconv import reference

CONV = {1: (F.conv1d, reference.conv1d), 2: (F.conv2d, reference.conv2d), 3: (F.conv3d, reference.conv3d)}
TRANSPOSED = {
    1: (F.conv_transpose1d, reference.conv_transpose1d),
    2: (F.conv_transpose2d, reference.conv_transpose2d),
    3: (F.conv_transpose3d, reference.conv_transpose3d),
}

# channels, size, kernel, arguments: borders that take whole slices, rows and columns; images of one slice, or smaller
# than a dilation; steps in some axes only; taps that come several at a time, and one by one
LAYERS = [
    (20, (4, 15, 9), (3, 3, 3), {"padding": 1}),
    (54, (5, 8, 7), (3, 3, 3), {"padding": (2, 1, 1), "stride": (1, 2, 2)}),
    (33, (1, 9, 6), (3, 3, 5), {"padding": (1, 3, 2)}),
    (16, (6, 7, 8), (1, 3, 3), {"padding": (3, 1, 1), "stride": (2, 1, 1)}),
    (48, (7, 4, 5), (3, 1, 1), {"padding": (1, 0, 0)}),
    (17, (6, 9, 8), (3, 3, 1), {"padding": (1, 1, 0)}),
    (24, (5, 6, 7), (2, 3, 1), {"dilation": (2, 1, 3)}),
    (37, (4, 6, 9), (3, 1, 4), {"padding": (1, 0, 2), "stride": (2, 1, 1)}),
    (18, (9, 8, 7), (7, 7, 7), {"padding": 3}),
    (40, (33, 29), (3, 3), {"padding": (6, 4), "dilation": (6, 4)}),
    (21, (5, 4), (3, 3), {"padding": 12, "dilation": 12}),
    (48, (19, 23), (5, 2), {"padding": 2, "stride": (2, 3), "dilation": (2, 1)}),
    (19, (30, 31), (9, 10), {"padding": (4, 5)}),
    (35, (16, 17), (4, 4), {"stride": 4}),
    (64, (200,), (3,), {"padding": 16, "dilation": 16}),
    (22, (150,), (15,), {"padding": 14, "dilation": 2}),
    (31, (90,), (5,), {"padding": 2, "stride": 3}),
]
TRANSPOSED_LAYERS = [
    (20, (9, 7), (4, 4), {"stride": 2, "padding": 1}),
    (33, (5, 6), (8, 8), {"stride": 4, "padding": 2}),
    (17, (6, 4), (3, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
    (16, (3, 5, 4), (4, 3, 4), {"stride": (2, 1, 2), "padding": 1}),
    (25, (40,), (4,), {"stride": 2, "padding": 1, "dilation": 3}),
]


def channels_last(x):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


def draw(rng, exact, dtype, *shape):
    return (rng.integers(-4, 5, shape) if exact else rng.standard_normal(shape)).astype(dtype)


def check(functions, layer, exact, dtype, rng, **more):
    function, definition = functions[len(layer[1])]
    channels, size, kernel, arguments = layer
    arguments = {**arguments, **more, "groups": channels}
    x, w = draw(rng, exact, dtype, 2, channels, *size), draw(rng, exact, dtype, channels, 1, *kernel)
    bias = draw(rng, exact, dtype, channels)
    assert pyconv.explain(function, channels_last(x), w, bias, **arguments).algorithm == "windows"
    double = [a.astype("float64") for a in (x, w, bias)]
    expected = definition(*double, **arguments)
    # one rounding for each tap, of a sum that is never larger than that of absolute values
    most = 0 if exact else w[0].size * np.finfo(dtype).eps * definition(*map(np.abs, double), **arguments)
    planes = function(x, w, bias, **arguments)
    for _ in targets():
        result = np.ascontiguousarray(function(channels_last(x), w, bias, **arguments))
        assert same_bits(result, planes)
    assert np.all(np.abs(planes - expected) <= most)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_layers(layer, exact, rng):
    for dtype in ("float32", "float64"):
        check(CONV, layer, exact, dtype, rng)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("layer", TRANSPOSED_LAYERS, ids=str)
def test_transposed_layers(layer, exact, rng):
    for dtype in ("float32", "float64"):
        check(TRANSPOSED, layer, exact, dtype, rng)


@pytest.mark.parametrize("padding_mode", ["reflect", "symmetric", "replicate", "circular"])
@pytest.mark.parametrize("layer", [LAYERS[0], LAYERS[8], (20, (3, 9, 8), (5, 4, 3), {"padding": (2, 3, 1)})], ids=str)
def test_borders(layer, padding_mode, rng):
    check(CONV, layer, True, "float32", rng, padding_mode=padding_mode)


def test_slices_of_padding_meet_infinite_weights(rng):
    """They are data: zero times infinity is NaN, in the outputs that see the padding and in no others."""
    x, w = draw(rng, True, "float32", 1, 16, 3, 5, 6), np.ones((16, 1, 3, 3, 3), np.float32)
    x += 10
    w[3, 0, 0, 1, 1] = np.inf
    for _ in targets():
        result = F.conv3d(channels_last(x), w, padding=1, groups=16)
        assert np.isnan(result[0, 3, 0]).all()
        assert np.isposinf(result[0, 3, 1:]).all()
        assert np.isfinite(np.delete(result, 3, axis=1)).all()


def test_zeros_of_padding_keep_their_sign():
    """A chain that starts from -0 stays there only if each product is -0 too."""
    x, w = np.ones((1, 16, 1, 2, 2), np.float32), np.zeros((16, 1, 3, 1, 1), np.float32)
    bias = np.full(16, -0.0, np.float32)
    for _ in targets():
        assert not np.signbit(F.conv3d(channels_last(x), w, bias, padding=(1, 0, 0), groups=16)).any()
        assert np.signbit(F.conv3d(channels_last(x), -w, bias, padding=(1, 0, 0), groups=16)).all()


def test_an_image_does_not_depend_on_its_batch(rng):
    x, w = draw(rng, False, "float32", 3, 20, 5, 9, 8), draw(rng, False, "float32", 20, 1, 3, 3, 3)
    whole = F.conv3d(channels_last(x), w, padding=1, groups=20)
    for n in range(3):
        alone = F.conv3d(channels_last(x[n : n + 1]), w, padding=1, groups=20)
        assert np.array_equal(whole[n : n + 1], alone)


@pytest.mark.parametrize(
    ("kernel", "size", "channels", "reason"),
    [
        ((11, 11), (20, 20), 16, "several at a time"),
        ((9, 1), (20, 20), 16, "summed row by row"),
        ((3, 1), (20, 20), 17, "summed row by row"),
        ((3, 3, 3), (4, 5, 6), 15, "fewer than 16 channels"),
        ((90, 90), (90, 90), 16, "too large"),
    ],
)
def test_what_it_leaves_to_others(kernel, size, channels, reason, rng):
    x, w = draw(rng, True, "float32", 1, channels, *size), draw(rng, True, "float32", channels, 1, *kernel)
    plan = pyconv.explain(CONV[len(size)][0], channels_last(x), w, groups=channels)
    assert plan.algorithm != "windows"
    assert reason in plan.refused["windows"]
