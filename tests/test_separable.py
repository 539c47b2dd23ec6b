"""filter2d_separable: against its reference and SciPy, the same bits everywhere, and its recognition by conv2d."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from problems import same_bits
from scipy import ndimage

import pyconv
import pyconv.nn.functional as F
from pyconv import nn, reference

# Input, columns of taps (KH), rows of taps (KW), further arguments.
CASES = [
    ((1, 1, 40, 50), 3, 3, {"padding": 1}),
    ((2, 3, 33, 70), 9, 5, {"padding": "same", "padding_mode": "reflect"}),
    ((2, 3, 33, 700), 4, 6, {"padding": "same", "padding_mode": "replicate"}),
    ((3, 21, 19), 7, 2, {"padding": (6, 1), "padding_mode": "circular"}),
    ((1, 17, 12, 13), 5, 5, {"stride": 2, "padding": 2}),
    ((1, 2, 61, 1024), 17, 31, {"padding": (8, 15)}),
    ((2, 5, 20, 23), 3, 4, {"stride": (1, 3), "dilation": (2, 3), "padding": (2, 4)}),
    ((1, 4, 9, 9), 9, 9, {}),
    ((1, 3, 8, 8), 1, 1, {}),
    ((0, 3, 8, 8), 3, 3, {}),
]


def draw(rng, shape, dtype, exact):
    return (rng.integers(-3, 4, shape) if exact else rng.standard_normal(shape)).astype(dtype)


def arrays(rng, shape, kh, kw, dtype, exact):
    """Draw input, row, column and bias; one kernel is for all channels, the other has one for each."""
    channels = shape[-3]
    return (
        draw(rng, shape, dtype, exact),
        draw(rng, (kw,), dtype, exact),
        draw(rng, (channels, kh), dtype, exact),
        draw(rng, (channels,), dtype, exact),
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("shape", "kh", "kw", "arguments"), CASES)
def test_filter2d_separable(shape, kh, kw, arguments, dtype, isa, num_threads, rng, seed):
    for exact in (True, False):
        data = arrays(rng, shape, kh, kw, dtype, exact)
        result = F.filter2d_separable(*data, **arguments)
        assert result.dtype == dtype
        expected = reference.filter2d_separable(*data, **arguments)
        if exact:
            np.testing.assert_array_equal(result, expected)
        else:
            bound = np.finfo(dtype).eps * (kh + kw + 1)
            size = [np.abs(a) for a in data]
            largest = reference.filter2d_separable(*size, **arguments)
            assert (np.abs(result - expected) <= bound * largest).all()
        with pyconv.threads(1):
            pyconv.set_isa("scalar")
            assert same_bits(F.filter2d_separable(*data, **arguments), result), seed
            pyconv.set_isa(isa)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("shape", "kh", "kw", "arguments"), CASES)
def test_layouts_give_the_same_bits(shape, kh, kw, arguments, dtype, isa, rng):
    x, row, column, bias = arrays(rng, shape, kh, kw, dtype, exact=False)
    expected = F.filter2d_separable(x, row, column, bias, **arguments)
    last = np.ascontiguousarray(np.moveaxis(x, -3, -1))
    result = F.filter2d_separable(last, row, column, bias, layout="NHWC", **arguments)
    assert same_bits(np.moveaxis(result, -1, -3), expected)
    view = F.filter2d_separable(np.moveaxis(last, -1, -3), row, column, bias, **arguments)
    assert same_bits(view, expected)
    for memory in (np.full_like(expected, np.nan), np.moveaxis(np.full_like(result, np.nan), -1, -3)):
        assert F.filter2d_separable(x, row, column, bias, out=memory, **arguments) is memory
        assert same_bits(memory, expected)


def test_an_image_does_not_depend_on_its_batch(rng, num_threads):
    x, row, column, bias = arrays(rng, (5, 3, 40, 41), 5, 7, "float32", exact=False)
    together = F.filter2d_separable(x, row, column, bias, padding="same")
    for one, image in zip(together, x, strict=True):
        assert same_bits(F.filter2d_separable(image, row, column, bias, padding="same"), one)


def test_two_convolutions_say_the_same(rng):
    """Without a border: each pass is a chain of its own, the first rounded to the input's type."""
    x, row, column, bias = arrays(rng, (2, 3, 30, 37), 5, 4, "float32", exact=False)
    result = F.filter2d_separable(x, row, column, bias, stride=(2, 3))
    down = F.conv2d(x, column[:, None, :, None], stride=(2, 1), groups=3)
    rows = np.broadcast_to(row, (3, 4))[:, None, None, :]
    assert same_bits(result, F.conv2d(down, rows, bias, stride=(1, 3), groups=3))


def test_epilogue(rng, isa):
    data = arrays(rng, (2, 3, 20, 21), 3, 3, "float32", exact=True)
    residual = draw(rng, (2, 3, 20, 21), "float32", exact=True)
    for activation in ("relu", (-5.0, 5.0)):
        options = {"padding": 1, "residual": residual, "activation": activation}
        expected = reference.filter2d_separable(*data, **options)
        np.testing.assert_array_equal(F.filter2d_separable(*data, **options), expected)


SCIPY_MODES = {"zeros": "constant", "reflect": "mirror", "replicate": "nearest", "circular": "wrap"}


@pytest.mark.parametrize(("mode", "ndimage_mode"), SCIPY_MODES.items())
def test_as_scipy(mode, ndimage_mode, rng):
    image = rng.standard_normal((37, 53))
    row, column = rng.standard_normal(7), rng.standard_normal(11)
    expected = ndimage.correlate1d(ndimage.correlate1d(image, column, 0, mode=ndimage_mode), row, 1, mode=ndimage_mode)
    result = F.filter2d_separable(image[None], row, column, padding="same", padding_mode=mode)
    np.testing.assert_allclose(result[0], expected, rtol=0, atol=1e-12)


def test_infinities_and_nan_follow_the_formula(isa):
    x = np.zeros((1, 6, 40), "float32")
    x[0, 2, 20] = np.inf
    with np.errstate(invalid="ignore"):
        ones = np.ones(3, "float32")
        assert np.isinf(F.filter2d_separable(x, ones, ones, padding=1)).sum() == 9
        some = F.filter2d_separable(x, ones, np.array([1, 0, 1], "float32"), padding=1)
        assert np.isnan(some).sum() == 3
        assert np.isinf(some).sum() == 6
        # The border is data: zero times infinity.
        edge = F.filter2d_separable(np.zeros_like(x), np.array([1, 0, 0], "float32"), ones * np.inf, padding=1)
        assert np.isnan(edge).all()


def test_explain(rng):
    x, row, column, bias = arrays(rng, (1, 3, 64, 64), 5, 7, "float32", exact=False)
    explained = pyconv.explain(F.filter2d_separable, x, row, column, bias, padding="same")
    assert explained.algorithm == "separable"
    assert explained.flops == 2 * 3 * 64 * 64 * (5 + 7)
    assert explained.refused["reference"] == "an algorithm listed before it accepts"
    assert "column" in explained.refused["rows"]


@pytest.mark.parametrize("mode", ["zeros", "reflect", "circular"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_workspace_is_bounded(dtype, mode):
    kernel = "float32" if dtype == "uint8" else dtype
    for shape, k in itertools.product([(1, 1, 1024, 4096), (1, 3, 512, 512), (1, 64, 512, 512)], (3, 31, 101)):
        for layout, stride in itertools.product(("NCHW", "NHWC"), (1, 2)):
            x = np.zeros((), dtype)
            x = np.broadcast_to(x, shape if layout == "NCHW" else (shape[0], *shape[2:], shape[1]))
            taps = np.zeros(k, kernel)
            options = {"padding": k // 2, "padding_mode": mode, "layout": layout, "stride": stride}
            explained = pyconv.explain(F.filter2d_separable, x, taps, taps, **options)
            assert explained.workspace_bytes_per_thread <= 1 << 20, (shape, k, layout, stride)
            assert explained.algorithm == "separable"


def test_what_does_not_fit_is_computed_all_the_same(isa):
    """Rows too long for the workspace: dilations and borders beyond the image, up to the largest that can be said."""
    x = np.arange(64, dtype="float32").reshape(1, 1, 1, 64)
    row, column = np.array([2.0, 3.0], "float32"), np.ones(1, "float32")
    for layout in ("NCHW", "NHWC"):
        image = x if layout == "NCHW" else x.reshape(1, 1, 64, 1)
        for power in (20, 40, 58):
            options = {"padding": (0, 1 << power), "dilation": (1, 1 << (power + 1)), "layout": layout}
            result = F.filter2d_separable(image, row, column, **options)
            assert (result == 0).all()
            assert result.size == 64
    wide = np.ones((1, 1, 3, 300_000), "float32")
    circular = F.filter2d_separable(wide, row, column, padding=(0, 1), padding_mode="circular")
    assert (circular == 5).all()


@pytest.mark.fast
def test_products_that_do_not_fit_stay_whole():
    x, w = np.ones((1, 1, 64, 64), "float32"), np.ones((1, 1, 8, 8), "float32")
    for d in (100_000, 1 << 40):
        options = {"padding": (0, 7 * d // 2), "dilation": (1, d)}
        assert pyconv.explain(F.conv2d, x, w, **options).algorithm != "separable"
        assert same_bits(F.conv2d(x, w, **options), F.conv2d(x, w, precision="strict", **options))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kernel_x": np.ones((2, 3), "float32")}, r"kernel_x of shape \(2, 3\) is for 2 channels, but input has 3"),
        ({"kernel_y": np.ones((1, 1, 3), "float32")}, r"kernel_y must have shape \(taps,\) or \(channels, taps\)"),
        ({"kernel_y": np.ones((0,), "float32")}, r"kernel_y must have shape .*not \(0,\)"),
        ({"kernel_y": np.ones(20, "float32")}, r"kernel \(20, 3\).* larger than the padded input \(9, 10\)"),
        (
            {"bias": np.ones(2, "float32")},
            r"bias must have shape \(3,\) for input of shape \(1, 3, 9, 10\), not \(2,\)",
        ),
        ({"input": np.ones((9, 10), "float32")}, r"input .*\(9, 10\)"),
        ({"input": np.ones((1, 0, 9, 10), "float32")}, r"\(1, 0, 9, 10\) has an empty axis"),
        ({"stride": 0}, "stride must be at least 1"),
        ({"padding": 9, "padding_mode": "reflect"}, "padding 9 is too large"),
        ({"padding_mode": "edge"}, "padding_mode must be"),
        ({"padding_mode": "constant"}, "padding_mode must not be 'constant'"),
        ({"out": np.ones((1, 3, 9, 9), "float32")}, "out"),
        ({"activation": "gelu"}, "activation"),
    ],
)
def test_mistakes_are_named(change, message):
    call = {
        "input": np.ones((1, 3, 9, 10), "float32"),
        "kernel_x": np.ones(3, "float32"),
        "kernel_y": np.ones(3, "float32"),
    }
    with pytest.raises(ValueError, match=message):
        F.filter2d_separable(**{**call, **change})


def test_element_types_must_agree():
    x, taps = np.ones((1, 3, 9, 10), "float32"), np.ones(3, "float32")
    for arguments in (
        (x, taps.astype("float64"), taps),
        (x, taps, taps.astype("int32")),
        (x.astype("int16"), taps, taps),
    ):
        with pytest.raises(TypeError, match="float"):
            F.filter2d_separable(*arguments)


# ---- conv2d recognises products ----

BOX = np.full((7, 7), 1 / 49)
BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
SOBEL = np.outer([1, 4, 6, 4, 1], [-1, -2, 0, 2, 1])
ROUNDED = np.outer(*2 * [np.exp(-(np.arange(-3.0, 4) ** 2) / 4)])


def weights(*kernels, dtype="float32"):
    return np.stack(kernels)[:, None].astype(dtype)


def algorithm(x, w, **options):
    return pyconv.explain(F.conv2d, x, w, groups=len(w), **options).algorithm


@pytest.mark.fast
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", [BOX, BINOMIAL, SOBEL], ids=["box", "binomial", "sobel"])
def test_conv2d_recognises_products(kernel, dtype, rng):
    w = weights(kernel, kernel * -0.5, dtype=dtype)
    x = rng.standard_normal((2, 2, 250, 263)).astype(dtype)
    assert algorithm(x, w) == "separable"
    assert algorithm(x, w, precision="strict") != "separable"
    assert algorithm(x[..., :20, :20], w) != "separable"  # too small to gain
    result = F.conv2d(x, w, groups=2, padding="same")
    expected = reference.conv2d(x, w, groups=2, padding="same", dtype="float64")
    chain = F.conv2d(x, w, groups=2, padding="same", precision="strict")
    assert not same_bits(result, chain)
    rms = [np.sqrt(np.mean((r - expected) ** 2)) for r in (result, chain)]
    assert rms[0] <= 2 * rms[1]
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert same_bits(F.conv2d(last, w, groups=2, padding="same"), result)


@pytest.mark.fast
@pytest.mark.parametrize(
    "kernels",
    [[ROUNDED], [BOX, ROUNDED], [np.zeros((7, 7))], [BOX * np.nan], [BOX * np.inf], [np.eye(7)], [np.ones((3, 3))]],
    ids=["rounded", "one of two", "zeros", "nan", "infinite", "no product", "small"],
)
def test_conv2d_leaves_others(kernels):
    w = weights(*kernels)
    assert algorithm(np.ones((1, len(w), 64, 64), "float32"), w) != "separable"


@pytest.mark.fast
def test_recognised_kernels_do_not_overflow():
    x = np.full((1, 1, 40, 40), 2.0**127, "float32")
    w = weights(np.full((16, 16), 2.0**-8))
    assert algorithm(x, w) == "separable"
    np.testing.assert_array_equal(F.conv2d(x, w), np.full((1, 1, 25, 25), 2.0**127, "float32"))


@pytest.mark.fast
def test_a_layer_recognises_products_as_long_as_they_are(rng):
    x = rng.standard_normal((1, 2, 50, 50)).astype("float32")
    layer = nn.Conv2d(2, 2, 7, padding=3, groups=2, bias=False).eval()
    plain = pyconv.explain(layer, x).algorithm
    assert plain != "separable"
    layer.load_state_dict({"weight": weights(BOX, BOX)})
    for _ in range(2):
        assert same_bits(layer(x), F.conv2d(x, weights(BOX, BOX), padding=3, groups=2))
    assert pyconv.explain(layer, x).algorithm == "separable"
    layer.weight[1, 0, 2, 3] += 1
    assert same_bits(layer(x), F.conv2d(x, layer.weight, padding=3, groups=2))
    assert pyconv.explain(layer, x).algorithm == plain
