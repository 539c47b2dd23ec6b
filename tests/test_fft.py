"""Large kernels by FFT: when, near the chain, the same bits everywhere, and numbers that are not finite."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import same_bits, targets

import pyconv
import pyconv.nn.functional as F
from pyconv import _native, nn, reference

pytestmark = pytest.mark.fast  # the library as users find it
RNG = np.random.default_rng(7)


def planes(rng, *shape, dtype=np.float32):
    """Random pixels."""
    return rng.standard_normal(shape).astype(dtype)


def algorithm(image, kernel, channels=1, outputs=1, **arguments) -> str:
    """What computes `kernel` on an image of the size `image`."""
    weight = planes(RNG, channels * outputs, 1, *kernel)
    return pyconv.explain(F.conv2d, planes(RNG, 1, channels, *image), weight, groups=channels, **arguments).algorithm


@pytest.mark.parametrize(
    ("expected", "image", "kernel", "arguments"),
    [
        ("fft", (1024, 1024), (31, 31), {"padding": 15}),
        ("fft", (256, 300), (15, 15), {}),
        ("fft", (56, 56), (31, 31), {"padding": 15, "channels": 8}),
        ("fft", (200, 200), (9, 40), {"padding_mode": "reflect", "padding": 4}),
        ("fft_lines", (1, 16000), (1, 1025), {}),
        ("fft_lines", (900, 500), (301, 1), {}),
        ("rows", (1024, 1024), (7, 7), {"padding": 3}),
        ("rows", (14, 14), (7, 7), {"padding": 3, "channels": 8}),
        ("rows", (1024, 1024), (1, 31), {}),
        ("rows", (1024, 1024), (31, 31), {"precision": "strict"}),
        ("rows", (1024, 1024), (31, 31), {"stride": 2}),
        ("rows", (1024, 1024), (31, 31), {"dilation": 2}),
        ("pixel_lanes", (1, 16000), (1, 1025), {"precision": "strict"}),
    ],
)
def test_choice(expected, image, kernel, arguments):
    assert algorithm(image, kernel, **arguments) == expected


@pytest.mark.parametrize(
    ("channels", "outputs", "image", "kernel"),
    [
        (1, 1, (400, 500), (31, 31)),
        (1, 1, (400, 500), (12, 12)),
        (1, 16, (120, 140), (9, 9)),
        (16, 1, (56, 56), (31, 31)),
        (16, 1, (40, 42), (21, 21)),
        (1, 1, (300, 310), (5, 60)),
        (1, 1, (8, 20000), (1, 1025)),
        (1, 1, (600, 70), (201, 1)),
        (4, 3, (2, 4000), (1, 257)),
    ],
)
@pytest.mark.parametrize("data", ["normal", "positive", "photograph"])
def test_the_error_is_at_most_twice_that_of_the_chain(rng, channels, outputs, image, kernel, data):
    x = planes(rng, 1, channels, *image)
    w = planes(rng, channels * outputs, 1, *kernel)
    if data != "normal":
        x = np.abs(x) if data == "positive" else rng.integers(0, 256, x.shape).astype(np.float32)
        w = np.abs(w)
    arguments = {"groups": channels}
    assert pyconv.explain(F.conv2d, x, w, **arguments).algorithm.startswith("fft")
    exact = reference.conv2d(x, w, **arguments, dtype=np.float64)
    fast, chain = (
        np.sqrt(np.mean((F.conv2d(x, w, **arguments, precision=precision) - exact) ** 2))
        for precision in ("fast", "strict")
    )
    assert 0 < fast <= 2 * chain


def test_double(rng):
    """Roots of unity are as exact as the element type."""
    for kernel, image in (((31, 29), (90, 100)), ((1, 700), (3, 3000)), ((300, 1), (700, 40))):
        x, w = planes(rng, 2, *image, dtype=np.float64), planes(rng, 2, 1, *kernel, dtype=np.float64)
        fast, chain = (F.conv2d(x, w, groups=2, precision=precision) for precision in ("fast", "strict"))
        assert pyconv.explain(F.conv2d, x, w, groups=2).algorithm.startswith("fft")
        assert 0 < np.abs(fast - chain).max() <= 32 * np.finfo(np.float64).eps * np.abs(chain).max()


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_layer(data):
    """Any size, border, groups, memory order and type: near the chain, the same bits everywhere."""
    draw = data.draw
    name = draw(st.sampled_from(["fft", "fft_lines"]))
    kernel = (draw(st.integers(1, 45)), draw(st.integers(1, 45)))
    if name == "fft_lines":
        kernel = draw(st.sampled_from([(1, draw(st.integers(1, 400))), (draw(st.integers(1, 400)), 1)]))
    size = [draw(st.integers(1, 300 if k > 1 else 40)) for k in kernel]
    groups, outputs = draw(st.sampled_from([1, 1, 2, 5])), draw(st.sampled_from([1, 1, 3]))
    mode = draw(st.sampled_from(["zeros", "zeros", "reflect", "replicate", "circular"]))
    padding = []
    for i, k in enumerate(kernel):
        low = draw(st.integers(0, k))
        if mode in ("reflect", "circular"):
            size[i] = max(size[i], 2)
            low = min(low, size[i] - 1)
        size[i] = max(size[i], k - 2 * low)
        padding.append(low)
    if mode in ("reflect", "circular"):
        size = [max(n, p + 1) for n, p in zip(size, padding, strict=True)]
    dtype = draw(st.sampled_from([np.float32, np.float32, np.float64]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = planes(rng, 2, groups, *size, dtype=dtype)
    if draw(st.booleans()):
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    weight = planes(rng, groups * outputs, 1, *kernel, dtype=dtype)
    bias = planes(rng, groups * outputs, dtype=dtype)
    activation = draw(st.sampled_from([None, "relu", "silu"]))
    arguments = {"padding": tuple(padding), "groups": groups, "padding_mode": mode, "activation": activation}

    def call(x, precision, algorithm=None):
        return _native.conv(2, x, weight, bias, **arguments, precision=precision, algorithm=algorithm)

    fast, chain = call(x, "fast", name), call(x, "strict")
    largest = np.abs(_native.conv(2, np.abs(x), np.abs(weight), **{**arguments, "activation": None})).max()
    assert np.abs(fast - chain).max() <= 16 * np.finfo(dtype).eps * (1 + largest)
    for target in targets():
        assert same_bits(call(x[1], "fast", name), fast[1]), target


@pytest.mark.parametrize("kernel", [(21, 25), (1, 500), (200, 1)])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -2e32])
def test_numbers_that_would_spread(rng, kernel, value):
    """A NaN, an infinity, or a number whose sums could become one reaches the outputs that read it, and no other."""
    x, w = planes(rng, 2, 1, 460, 1200), planes(rng, 1, 1, *kernel)
    x[0, 0, 230, 610] = value
    with np.errstate(all="ignore"):
        fast, chain = (F.conv2d(x, w, precision=precision) for precision in ("fast", "strict"))
    assert pyconv.explain(F.conv2d, x, w).algorithm.startswith("fft")
    reads = np.abs(chain) > 1e20 if np.isfinite(value) else ~np.isfinite(chain)
    assert reads.sum() == w.size
    assert same_bits(fast[reads], chain[reads])
    np.testing.assert_allclose(fast[~reads], chain[~reads], rtol=0, atol=1e-3)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize(("size", "kernel", "padding"), [(14, 27, 13), (28, 29, 14), (20, 23, (30, 4)), (30, 21, 10)])
def test_zeros_that_wrap_around(rng, size, kernel, padding, layout):
    """A border of zeros may lie outside the tile: what is read there wraps around to other zeros."""
    planar, w = planes(rng, 1, 17, size, size + 1), planes(rng, 17, 1, kernel, kernel)
    for pixel in (0, np.nan):
        planar[:, 3:5, 4, 6] = pixel
        x = planar if layout == "NCHW" else np.ascontiguousarray(np.moveaxis(planar, 1, -1))
        fast, chain = (
            _native.conv(2, x, w, padding=padding, groups=17, layout=layout, algorithm=name, precision="fast")
            for name in ("fft", "reference")
        )
        assert np.array_equal(np.isnan(fast), np.isnan(chain))
        np.testing.assert_allclose(fast, chain, rtol=0, atol=2e-6 * np.nanmax(np.abs(chain)), equal_nan=True)
        if layout == "NCHW":
            assert same_bits(fast[:, 3:5], chain[:, 3:5]) == np.isnan(pixel)
    if padding == kernel // 2:
        assert pyconv.explain(F.conv2d, x, w, padding=padding, groups=17, layout=layout).algorithm == "fft"


@pytest.mark.parametrize("kernel", [(21, 25), (1, 300)])
@pytest.mark.parametrize(("pixel", "weight"), [(1e30, 1e15), (1e25, 1e8), (1e11, 1e25), (1e20, 1e-36)])
def test_large_and_small_numbers(rng, kernel, pixel, weight):
    """What overflows or underflows in a chain does so here, and nothing else."""
    x, w = planes(rng, 1, 1, 230, 600), planes(rng, 1, 1, *kernel)
    if weight > 1:
        x[0, 0, 0, 0], w[0, 0, -1, -1] = pixel, weight  # no output reads one with the other
    else:
        x, w = x * np.float32(pixel), w * np.float32(weight)
    with np.errstate(all="ignore"):
        fast, chain = (F.conv2d(x, w, precision=precision) for precision in ("fast", "strict"))
    assert pyconv.explain(F.conv2d, x, w).algorithm.startswith("fft")
    assert np.isfinite(chain).all()
    assert np.abs(fast - chain).max() <= 2e-6 * np.abs(chain).max()


@pytest.mark.parametrize("kernel", [(21, 25), (1, 300)])
@pytest.mark.parametrize("value", [np.inf, np.nan, 1e38])
def test_weights_that_are_not_finite(rng, kernel, value):
    x, w = planes(rng, 1, 2, 80, 400), planes(rng, 2, 1, *kernel)
    w[1, 0, 0, 3] = value
    with np.errstate(all="ignore"):
        fast, chain = (F.conv2d(x, w, groups=2, precision=precision) for precision in ("fast", "strict"))
    assert same_bits(fast[:, 1], chain[:, 1])
    assert np.isfinite(fast[:, 0]).all()


@pytest.mark.parametrize("kernel", [(31, 31), (1, 257)])
def test_layers_bytes_and_out(rng, kernel):
    """Through a layer, from an image of bytes, and into memory of one's own."""
    image = rng.integers(0, 256, (1, 3, 70, 500), dtype=np.uint8)
    layer = nn.Conv2d(3, 3, kernel, groups=3).eval()
    expected = F.conv2d(image.astype(np.float32), layer.weight, layer.bias, groups=3)
    assert pyconv.explain(layer, image).algorithm.startswith("fft")
    for _ in range(2):
        assert same_bits(layer(image), expected)
    out = np.full_like(expected, np.nan)
    assert F.conv2d(image, layer.weight, layer.bias, groups=3, out=out) is out
    assert same_bits(out, expected)
    last = np.ascontiguousarray(np.moveaxis(image, 1, -1))
    result = F.conv2d(last, layer.weight, layer.bias, groups=3, layout="NHWC")
    assert same_bits(np.ascontiguousarray(np.moveaxis(result, -1, 1)), expected)


def test_bounded_workspace():
    """Of bytes, channels last, which are gathered through a row of elements."""
    for size, kernel in (((4000, 32), (1025, 1)), ((4, 4000), (1, 1025)), ((200, 200), (31, 31))):
        image, w = np.zeros((1, *size, 32), np.uint8), np.zeros((32, 1, *kernel), np.float32)
        explained = pyconv.explain(F.conv2d, image, w, groups=32, layout="NHWC")
        assert explained.algorithm.startswith("fft")
        assert explained.workspace_bytes_per_thread <= 512 << 10


def test_against_scipy(rng):
    """The same values as SciPy's direct filter on an image of integers, to the error of the transforms."""
    ndimage = pytest.importorskip("scipy.ndimage")
    image = rng.integers(0, 256, (300, 280)).astype(np.float64)
    kernel = rng.integers(-5, 6, (23, 19)).astype(np.float64)
    result = _native.conv(2, image[None, None], kernel[None, None], padding="same", padding_mode="replicate")
    expected = ndimage.correlate(image, kernel, mode="nearest")
    assert np.abs(result[0, 0] - expected).max() <= 1e-9
