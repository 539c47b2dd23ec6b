"""Images of uint8: the bits of their numbers as floats, whatever reads them."""

from __future__ import annotations

import numpy as np
import pytest
from problems import Problem, same_bits

import pyconv
import pyconv.nn.functional as F
from pyconv import _native, nn

LINES = [
    "x=1,1,33,40 w=1,1,3,3 padding=1",
    "x=2,1,20,1024 w=1,1,5,5 padding=2",
    "x=2,3,33,41 w=3,1,5,5 groups=3 padding=2 stride=2",
    "x=2,20,17,18 w=20,1,3,3 groups=20 padding=1",
    "x=1,3,40,37 w=16,3,7,7 stride=2 padding=3",
    "x=1,3,19,20 w=2,3,3,3 padding=1 dilation=2",
    "x=3,24,9,11 w=32,24,1,1",
    "x=3,24,1,1 w=32,24,1,1",
    "x=1,32,21,22 w=32,32,3,3 padding=1",
    "x=4,16,13 w=5,4,2,3 padding=same",
    "x=0,3,9,9 w=2,3,3,3",
]


def arrays(line, dtype, rng):
    problem = Problem.parse(line)._replace(dtype=dtype)
    _, w, b = problem.arrays(rng, exact=False)
    return problem, rng.integers(0, 256, problem.x, np.uint8), w, b


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("line", LINES)
def test_conv2d(line, dtype, mode, isa, num_threads, rng):
    problem, x, w, b = arrays(line, dtype, rng)
    arguments = {**problem.arguments, "padding_mode": mode}
    for precision in ("strict", "fast"):
        floats = _native.conv(2, x.astype(dtype), w, b, **arguments, precision=precision)
        result = _native.conv(2, x, w, b, **arguments, precision=precision)
        assert same_bits(result, floats)
    last = np.ascontiguousarray(np.moveaxis(x, -3, -1))
    turned = _native.conv(2, last, w, b, **{**arguments, "layout": "NHWC"}, precision="fast")
    assert same_bits(np.moveaxis(turned, -1, -3), floats)
    assert same_bits(_native.conv(2, np.moveaxis(last, -1, -3), w, b, **arguments, precision="fast"), floats)


@pytest.mark.fast
@pytest.mark.parametrize("line", LINES)
def test_every_algorithm_that_accepts(line, rng):
    problem, x, w, b = arrays(line, "float32", rng)
    for algorithm in pyconv.algorithms():
        options = {**problem.arguments, "algorithm": algorithm}
        try:
            floats = _native.conv(2, x.astype("float32"), w, b, **options)
        except ValueError:
            continue
        if algorithm == "windows":
            with pytest.raises(ValueError, match="holds bytes"):
                _native.conv(2, x, w, b, **options)
        else:
            assert same_bits(_native.conv(2, x, w, b, **options), floats), algorithm


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect", "circular"])
@pytest.mark.parametrize("arguments", [{}, {"stride": 2}, {"stride": (2, 1), "dilation": (3, 2)}])
def test_filter2d_separable(arguments, padding_mode, isa, num_threads, rng):
    x = rng.integers(0, 256, (2, 3, 40, 1023), np.uint8)
    row, column = rng.standard_normal(5).astype("float32"), rng.standard_normal((3, 7)).astype("float32")
    options = {"padding": (3, 2), "padding_mode": padding_mode, **arguments}
    expected = F.filter2d_separable(x.astype("float32"), row, column, **options)
    assert same_bits(F.filter2d_separable(x, row, column, **options), expected)
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    result = F.filter2d_separable(last, row, column, layout="NHWC", **options)
    assert same_bits(result.transpose(0, 3, 1, 2), expected)


def test_filters_whose_rows_are_too_long_to_hold(rng):
    x = rng.integers(0, 256, (1, 64, 5, 300), np.uint8)
    taps = rng.standard_normal(301).astype("float32")
    options = {"padding": "same", "layout": "NHWC"}
    image = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    expected = F.filter2d_separable(image.astype("float32"), taps[:7], taps, **options)
    assert same_bits(F.filter2d_separable(image, taps[:7], taps, **options), expected)


def test_views_and_epilogues(rng):
    w = rng.standard_normal((4, 3, 3, 3)).astype("float32")
    photo = rng.integers(0, 256, (50, 60, 4), np.uint8)[::2, ::-1, :3]  # every other row, mirrored, without alpha
    x = np.moveaxis(photo, -1, 0)
    floats = x.astype("float32")
    residual = rng.standard_normal((4, 25, 60)).astype("float32")
    options = {"padding": 1, "residual": residual, "activation": "relu"}
    expected = F.conv2d(floats, w, **options)
    assert same_bits(F.conv2d(x, w, **options), expected)
    out = np.full((4, 25, 60), np.nan, "float32")
    assert F.conv2d(x, w, out=out, **options) is out
    assert same_bits(out, expected)


def test_a_layer_takes_both(rng):
    layer = nn.Conv2d(3, 8, 5, padding=2, padding_mode="reflect").eval()
    x = rng.integers(0, 256, (2, 3, 30, 31), np.uint8)
    for _ in range(2):
        floats = layer(x.astype("float32"))
        assert same_bits(layer(x), floats)
    assert layer(x).dtype == np.float32


def test_no_copy_of_the_image_is_made(num_threads):
    """Megapixels take no more memory than a strip does."""
    x, w = np.zeros((1, 3, 2048, 2048), np.uint8), np.zeros((16, 3, 3, 3), "float32")
    for layout in ("NCHW", "NHWC"):
        image = x if layout == "NCHW" else np.moveaxis(x, 1, -1)
        for precision in ("fast", "strict"):
            explained = pyconv.explain(F.conv2d, image, w, padding=1, layout=layout, precision=precision)
            assert explained.workspace_bytes_per_thread <= 600 << 10


@pytest.mark.fast
def test_many_channels_take_no_more_workspace():
    for channels, groups, kernel in [(24576, 1536, 3), (6000, 6000, 3), (8192, 1, 1), (2048, 1, 5)]:
        x = np.broadcast_to(np.uint8(0), (1, 20, 20, channels))
        w = np.broadcast_to(
            np.float32(0), (groups * 16 if groups < channels else groups, channels // groups, kernel, kernel)
        )
        for precision in ("fast", "strict"):
            options = {"padding": kernel // 2, "groups": groups, "layout": "NHWC", "precision": precision}
            explained = pyconv.explain(F.conv2d, x, w, **options)
            limit = 1 << 20 if explained.algorithm == "winograd" else 512 << 10
            assert explained.workspace_bytes_per_thread <= limit, (channels, explained)


def test_other_types_are_refused():
    w = np.zeros((1, 1, 3, 3), "float32")
    for dtype in ("int8", "uint16", "int32", "bool", "float16"):
        with pytest.raises(TypeError, match=f"input must be float32 or float64.*uint8.*, not {dtype}"):
            F.conv2d(np.zeros((1, 9, 9), dtype), w)
    x = np.zeros((1, 9, 9), np.uint8)
    with pytest.raises(TypeError, match="weight must be float32 or float64"):
        F.conv2d(x, w.astype("uint32"))
    with pytest.raises(TypeError, match="bias is float64 but weight is float32"):
        F.conv2d(x, w, np.zeros(1))
    with pytest.raises(TypeError, match="out is float64 but weight is float32"):
        F.conv2d(x, w, out=np.zeros((1, 7, 7)))
    with pytest.raises(TypeError, match="residual must be float32 or float64"):
        F.conv2d(x, w, residual=np.zeros((1, 7, 7), np.uint8))
    with pytest.raises(TypeError, match="kernel_y is float64 but kernel_x is float32"):
        F.filter2d_separable(x, w[0, 0, 0], np.zeros(3))
    with pytest.raises(TypeError, match="input must be float32 or float64"):
        F.avg_pool2d(x, 2)
