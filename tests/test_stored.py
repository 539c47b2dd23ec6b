"""Integers and half floats: exact sums and declared overflow, one rounding, the same bits everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import same_bits, targets

import pyconv
import pyconv.nn.functional as F
from pyconv import nn, reference
from pyconv._native import convert
from pyconv.reference.stored import limited

ml_dtypes = pytest.importorskip("ml_dtypes")

INTEGERS = ("uint8", "int8", "int16", "int32")
# Of input and weight: bytes, pairs of int16 that wrap, and sums of 64 bits.
TYPES = [("int8", "int8"), ("uint8", "uint8"), ("uint8", "int8"), ("int16", "uint8"), ("int8", "int32"), ("int32",) * 2]
POLICIES = ("widen", "wrap", "saturate")
HALVES = (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16))
CONVOLUTIONS = {1: (F.conv1d, reference.conv1d), 2: (F.conv2d, reference.conv2d), 3: (F.conv3d, reference.conv3d)}


def draw(rng, shape, dtype):
    """Numbers of the whole range or, half of the time, its ends alone."""
    limits = np.iinfo(dtype)
    if rng.integers(2):
        return rng.choice(np.array([limits.min, limits.max], dtype), shape)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def each_isa():
    """Set each instruction set in turn, and restore the default."""
    try:
        for isa in pyconv.available_isas():
            pyconv.set_isa(isa)
            yield isa
    finally:
        pyconv.set_isa(None)


def in_layouts(x):
    """An image in NCHW, as a view of NHWC, and with gaps."""
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    return x, last, np.repeat(x, 2, -1)[..., ::2]


SHAPES = [  # input, weight, arguments: every way that there is
    ((2, 3, 9, 20), (5, 3, 3, 3), {"padding": 1}),
    ((1, 40, 5, 6), (33, 40, 3, 2), {"padding": "same"}),
    ((3, 40, 6, 7), (48, 40, 1, 1), {}),
    ((2, 16, 17, 18), (16, 1, 3, 3), {"groups": 16, "padding": 1, "stride": 2}),
    ((1, 8, 20, 23), (16, 1, 5, 5), {"groups": 8, "padding": 2}),
    ((1, 12, 11, 12), (9, 4, 3, 3), {"groups": 3, "dilation": 2}),
    ((1, 300, 3, 5), (2, 300, 2, 3), {"padding": ((2, 0), (0, 1))}),
    ((2, 5, 31), (7, 5, 4), {"stride": 3, "padding": 2}),
    ((2, 5, 4, 6, 5), (3, 5, 3, 2, 3), {"padding": 1, "stride": (1, 2, 1)}),
]


@pytest.mark.parametrize(("x_type", "w_type"), TYPES)
@pytest.mark.parametrize(("x_shape", "w_shape", "arguments"), SHAPES)
def test_integers_are_exact(x_shape, w_shape, arguments, x_type, w_type, rng):
    convolve, expected = CONVOLUTIONS[len(x_shape) - 2]
    x, w, bias = draw(rng, x_shape, x_type), draw(rng, w_shape, w_type), draw(rng, w_shape[:1], "int32")
    sums = expected(x.astype("int32"), w.astype("int32"), **arguments)
    for b in (None, bias, (bias >> 20).astype("int16")):
        total = sums if b is None else sums + b.astype("int64").reshape(-1, *(1,) * (sums.ndim - 2))
        for policy in POLICIES:
            want = limited(total, x.dtype, w.dtype, policy)
            for isa in each_isa():
                for image in in_layouts(x):
                    result = convolve(image, w, b, **arguments, overflow=policy)
                    assert same_bits(np.ascontiguousarray(result), want), isa


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular", "symmetric", "constant"])
@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("dtype", ["int8", "int32"])
def test_borders(mode, channels, dtype, rng):
    x, w = draw(rng, (2, channels, 7, 9), dtype), draw(rng, (2, channels, 3, 3), "int8")
    options = {"padding": (2, 3), "padding_mode": mode, "stride": (1, 2)}
    if mode == "constant":
        options["padding_value"] = -7
    want = reference.conv2d(x, w, **options)
    for _ in each_isa():
        for image in in_layouts(x):
            assert np.array_equal(F.conv2d(image, w, **options), want)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_shape(data):
    whole = st.integers
    groups = data.draw(whole(1, 3))
    kernel, size = data.draw(st.tuples(whole(1, 4), whole(1, 4))), data.draw(st.tuples(whole(4, 19), whole(4, 19)))
    inside, outside = data.draw(whole(1, 9)), data.draw(whole(1, 20))
    types = data.draw(st.tuples(st.sampled_from(INTEGERS), st.sampled_from(INTEGERS)))
    rng = np.random.default_rng(data.draw(whole(0, 1000)))
    x = draw(rng, (data.draw(whole(0, 2)), groups * inside, *size), types[0])
    w = draw(rng, (groups * outside, inside, *kernel), types[1])
    options = {"stride": data.draw(whole(1, 3)), "padding": data.draw(whole(0, 3)), "groups": groups}
    options["overflow"] = data.draw(st.sampled_from(POLICIES))
    assert same_bits(F.conv2d(x, w, **options), reference.conv2d(x, w, **options))


def test_threads_isas_and_batches_agree(rng):
    x, w = draw(rng, (9, 24, 40, 40), "int8"), draw(rng, (40, 24, 3, 3), "uint8")
    depthwise = draw(rng, (24, 1, 3, 3), "int8")
    first = None
    for _ in targets():
        result = F.conv2d(x, w, padding=1), F.conv2d(x, depthwise, groups=24, overflow="saturate")
        first = first or result
        assert all(same_bits(a, b) for a, b in zip(result, first, strict=True))
    assert same_bits(F.conv2d(x[4], w, padding=1), first[0][4])
    assert same_bits(F.conv2d(x[4], depthwise, groups=24, overflow="saturate"), first[1][4])


def test_the_ends_of_ranges():
    x, w = np.full((1, 2, 1, 1), -128, np.int8), np.full((1, 2, 1, 1), -128, np.int8)
    assert [F.conv2d(x, w, overflow=policy).item() for policy in POLICIES] == [32768, 0, 127]
    for sum_, wrapped, clamped in [(127, 127, 127), (128, -128, 127), (-128, -128, -128), (-129, 127, -128)]:
        bias, zero = np.array([sum_], np.int32), np.zeros((1, 20, 1, 1), np.int8)  # not by way of floats
        results = [F.conv2d(zero, zero, bias, overflow=policy).item() for policy in POLICIES]
        assert results == [sum_, wrapped, clamped]
    low, one = np.full((1, 1, 1, 1), -(2**31), np.int32), np.full((1, 1, 1, 1), -1, np.int32)
    assert [F.conv2d(low, one, overflow=policy).item() for policy in POLICIES] == [2**31, -(2**31), 2**31 - 1]


@pytest.mark.parametrize("bias", [2**31 - 1, -(2**31)])
def test_saturation_by_a_bias_that_sums_of_32_bits_would_pass(bias):
    x = np.full((1, 64, 1, 1), 127 if bias > 0 else -128, np.int8)
    w = np.full((3, 64, 1, 1), 127, np.int8)
    result = F.conv2d(x, w, np.full(3, bias, np.int32), overflow="saturate")
    assert result.ravel().tolist() == [127 if bias > 0 else -128] * 3


def test_sums_that_pass_24_bits_are_not_made_of_floats():
    x = np.full((1, 1, 33, 33), 255, np.uint8)
    w = np.full((1, 1, 33, 33), 255, np.uint8)
    assert F.conv2d(x, w).item() == 33 * 33 * 255 * 255
    w[0, 0, 0, 0] = 254
    assert F.conv2d(x, w).item() == 33 * 33 * 255 * 255 - 255
    x, w = x[..., :1, :1], w[..., 1:2, :1]
    bias = np.array([2**30 + 1], np.int32)
    assert F.conv2d(x, w, bias).item() == 2**30 + 1 + 255 * 255


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize(("x_shape", "w_shape", "arguments"), SHAPES)
def test_halves_are_float32_rounded_once(x_shape, w_shape, arguments, dtype, rng):
    convolve, expected = CONVOLUTIONS[len(x_shape) - 2]
    x, w, b = (rng.standard_normal(s).astype(dtype) for s in (x_shape, w_shape, w_shape[:1]))
    wide = convolve(x.astype("f"), w.astype("f"), b.astype("f"), **arguments)
    want = wide.astype(dtype)
    for _ in each_isa():
        for image in in_layouts(x):
            assert same_bits(np.ascontiguousarray(convolve(image, w, b, **arguments)), want)
    small = [rng.integers(-1, 2, s).astype(dtype) for s in (x_shape, w_shape)]
    exact = expected(*(a.astype("d") for a in small), **arguments)
    assert np.array_equal(convolve(*small, **arguments).astype("d"), exact.astype(dtype).astype("d"))


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_halves_with_residual_and_activation(dtype, rng):
    x, w = (rng.standard_normal(s).astype(dtype) for s in ((5, 3, 100, 100), (8, 3, 3, 3)))
    residual = rng.standard_normal((5, 8, 98, 98)).astype(dtype)
    wide = F.conv2d(x.astype("f"), w.astype("f"), activation="relu", residual=residual.astype("f"))
    out = np.empty((5, 8, 98, 98), dtype)
    assert F.conv2d(x, w, activation="relu", residual=residual, out=out) is out
    assert same_bits(out, wide.astype(dtype))
    assert same_bits(F.conv2d(x, w, activation="relu", residual=residual), out)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_linear(dtype, rng):
    x, w, b = (rng.standard_normal(s).astype(dtype) for s in ((2, 7, 40), (24, 40), (24,)))
    want = F.linear(x.astype("f"), w.astype("f"), b.astype("f")).astype(dtype)
    assert same_bits(F.linear(x, w, b), want)
    assert same_bits(F.linear(x[::-1], w, b), want[::-1].copy())
    assert same_bits(F.linear(x, w), F.linear(x.astype("f"), w.astype("f")).astype(dtype))
    for wrong in ((x.astype("f"), w, b), (x, w.astype("f"), b), (x, w, b.astype("f"))):
        with pytest.raises(TypeError, match=r"^linear: "):
            F.linear(*wrong)


def test_every_half_becomes_its_float(isa):
    bits = np.arange(1 << 16, dtype=np.uint16)
    for dtype in HALVES:
        half = bits.view(dtype)
        wide = convert(half, np.dtype("f"), False)
        number = ~np.isnan(wide)
        assert np.array_equal(number, ~np.isnan(half.astype("f")))
        assert same_bits(wide[number], half.astype("f")[number])
        back = convert(wide, dtype, False).view(np.uint16)
        quiet = 0x0200 if dtype == np.float16 else 0x0040
        assert np.array_equal(back, np.where(number, bits, bits | quiet))


def test_every_float_rounds_to_the_nearest_half_and_to_even(isa, rng):
    bits = rng.integers(0, 1 << 32, 1 << 18, np.uint32)
    halfway = rng.integers(0, 1 << 32, 1 << 18, np.uint32) & 0xFFFFF000 | 0x1000  # between two float16, if normal
    tiny = (rng.integers(0, 1 << 12, 1 << 14).astype("f") * np.float32(2.0**-25)).view(np.uint32)
    x = np.concatenate([bits, halfway, halfway & 0xFFFF0000 | 0x8000, tiny, tiny | 0x80000000]).view("f")
    x = x[~np.isnan(x)]
    with np.errstate(over="ignore"):
        for dtype in HALVES:
            assert same_bits(convert(x, dtype, False), x.astype(dtype))


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize(
    ("shape", "kernel", "arguments"),
    [
        ((3, 50, 7, 9), (3, 3), {"padding": 1}),
        ((2, 45, 12, 11), (5, 5), {"padding": 2, "stride": 2}),
        ((1, 30, 5, 6), (1, 7), {"padding": (0, 3)}),
        ((2, 16, 17, 4), (7, 7), {"padding": ((5, 2), (3, 4)), "padding_mode": "circular"}),
        ((2, 70, 14, 20), (3, 3), {"padding": 1}),
        ((1, 70, 14, 14), (5, 5), {"padding": 2}),
        ((1, 44, 15, 19), (3, 5), {"padding": ((0, 1), (4, 2)), "dilation": (1, 2)}),
        ((2, 60, 27, 40), (3, 3), {"padding": 1, "stride": 2}),
        ((2, 7, 33, 45), (3, 3), {"padding": (1, 3)}),
        ((1, 3, 41, 70), (3, 3), {"padding": (2, 1), "stride": 2}),
        ((1, 3, 15, 19), (5, 5), {"padding": (0, 4)}),
        ((2, 5, 61, 90), (5, 5), {"padding": 2, "stride": 2}),
        ((2, 3, 70, 256), (3, 3), {"padding": ((3, 1), (0, 2))}),
        ((1, 1, 45, 1024), (3, 7), {"padding": (2, 3), "padding_mode": "constant", "padding_value": 2.5}),
        ((1, 2, 40, 33), (3, 3), {"padding": 5, "dilation": (2, 3)}),
        ((2, 2, 3, 20), (3, 1), {"padding": (6, 0), "dilation": (5, 1)}),
        ((1, 4, 100), (9,), {"padding": 4, "stride": 3}),
        ((1, 48, 12), (5,), {"padding": ((4, 0),), "padding_mode": "constant", "padding_value": -1}),
    ],
)
def test_depthwise_halves_are_read_and_written_by_the_kernels(shape, kernel, arguments, dtype, rng):
    """No image is converted as a whole: a band, or a few planes, at a time, to the bits of float32 rounded once."""
    convolve = CONVOLUTIONS[len(kernel)][0]
    x = (rng.standard_normal(shape) * 9).astype(dtype)
    w, b = rng.standard_normal((shape[1], 1, *kernel)).astype(dtype), rng.standard_normal(shape[1]).astype(dtype)
    arguments = {**arguments, "groups": shape[1]}
    told = pyconv.explain(convolve, x, w, b, **arguments)
    assert told.algorithm == ("panels" if shape[1] > 15 and shape[-1] < 13 else "rows")
    assert "half floats" in told.refused["reference"]
    floats = [a.astype(np.float32) for a in (x, w, b)]
    expected = convolve(*floats, **arguments, precision="strict").astype(dtype)
    out = np.empty_like(expected)
    for _ in each_isa():
        for threads in (1, 3):
            with pyconv.threads(threads):
                out.view(np.uint16)[...] = 0x7FFF
                assert convolve(x, w, b, **arguments, out=out) is out
                assert same_bits(out.view(np.uint16), expected.view(np.uint16))
                assert same_bits(convolve(x, w, b, **arguments).view(np.uint16), out.view(np.uint16))
    room = np.empty(x.size + out.size - 1, dtype)
    room[: x.size] = x.reshape(-1)
    with pytest.raises(ValueError, match="out shares memory with input"):
        convolve(room[: x.size].reshape(x.shape), w, b, **arguments, out=room[-out.size :].reshape(out.shape))
    room = np.empty(w.size + out.size - 1, dtype)
    room[: w.size] = w.reshape(-1)
    with pytest.raises(ValueError, match="out shares memory with weight"):
        convolve(x, room[: w.size].reshape(w.shape), b, **arguments, out=room[-out.size :].reshape(out.shape))
    with pytest.raises(TypeError, match=r"out must be a numpy\.ndarray, not list"):
        convolve(x, w, b, **arguments, out=[1])
    with pytest.raises(TypeError, match=f"out is float32 but the result is {dtype}"):
        convolve(x, w, b, **arguments, out=out.astype(np.float32))


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize(
    ("shape", "kernel", "arguments"),
    [
        ((2, 48, 14, 13), (3, 3), {"padding": 1}),
        ((1, 21, 9, 30), (3, 3), {"padding": (1, 4), "stride": 2}),
        ((1, 16, 15, 11), (5, 5), {"padding": 2, "dilation": 2}),
        ((2, 33, 17, 8), (7, 7), {"padding": 3}),
        ((1, 40, 12, 12), (2, 3), {"padding": 1, "padding_mode": "reflect"}),
        ((1, 35, 70), (9,), {"padding": 4}),
        ((1, 18, 4, 6, 7), (3, 3, 3), {"padding": 1}),
    ],
)
def test_depthwise_halves_with_channels_last(shape, kernel, arguments, dtype, rng):
    """Of every size, sums below the least normal bfloat16 too; a layer keeps its weights and has the same bits."""
    convolve, layer = CONVOLUTIONS[len(kernel)][0], getattr(nn, f"Conv{len(kernel)}d")
    arguments = {**arguments, "groups": shape[1]}
    for scale in (1, 2.0**-66):
        x, w = ((rng.standard_normal(s) * scale).astype(dtype) for s in (shape, (shape[1], 1, *kernel)))
        x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
        floats = [a.astype(np.float32) for a in (x, w)]
        expected = convolve(*floats, **arguments, precision="strict").astype(dtype).view(np.uint16)
        kept = layer(shape[1], shape[1], kernel, bias=False, dtype=dtype, **arguments).eval()
        kept.weight[...] = w
        for _ in each_isa():
            for threads in (1, 2):
                with pyconv.threads(threads):
                    assert same_bits(convolve(x, w, **arguments).view(np.uint16), expected)
                    for _ in range(2):
                        assert same_bits(kept(x).view(np.uint16), expected)
    assert dtype == np.float16 or (expected & 0x7F80 == 0).any()  # some of them are not normal


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(
    ("shape", "weight", "arguments"),
    [
        ((2, 24, 90, 91), (20, 24, 1, 1), {}),
        ((1, 40, 61, 70), (8, 40, 3, 3), {"padding": 1, "stride": 2}),
        ((1, 30, 67, 70), (31, 30, 3, 2), {"padding": ((2, 0), (1, 1)), "dilation": (3, 1)}),
        ((1, 9, 9000), (25, 9, 5), {"padding": 2}),
        ((1, 8, 31, 30, 20), (12, 8, 2, 3, 3), {"padding": 1}),
        ((1, 30, 70, 80), (30, 15, 3, 3), {"padding": 1, "groups": 2}),
        ((9, 60, 14, 15), (90, 60, 1, 1), {}),
    ],
)
def test_images_of_half_floats_are_converted_in_parts(shape, weight, arguments, channels_last, dtype, rng):
    """In bands, groups or some images at a time, the rest of them included: to the bits of the whole."""
    rank = len(weight) - 2
    convolve, layer = CONVOLUTIONS[rank][0], getattr(nn, f"Conv{rank}d")
    x, w, b = (rng.standard_normal(s).astype(dtype) for s in (shape, weight, weight[:1]))
    if channels_last:
        x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    whole = convolve(*(a.astype(np.float32) for a in (x, w, b)), **arguments, precision="strict")
    expected = whole.astype(dtype).view(np.uint16)
    kept = layer(shape[1], weight[0], weight[2:], dtype=dtype, precision="strict", **arguments).eval()
    kept.weight[...], kept.bias[...] = w, b
    residual = np.ones_like(expected, dtype)
    more = (whole + 1).astype(dtype).view(np.uint16)
    for threads in (1, 2):
        with pyconv.threads(threads):
            assert same_bits(convolve(x, w, b, **arguments, precision="strict").view(np.uint16), expected)
            assert same_bits(kept(x).view(np.uint16), expected)
            added = convolve(x, w, b, **arguments, residual=residual, precision="strict")
            assert same_bits(added.view(np.uint16), more)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize(
    ("shape", "weight", "arguments"),
    [
        ((3, 50, 7, 7), (50, 1, 3, 3), {"padding": 1, "groups": 50}),
        ((2, 16, 9, 10), (24, 16, 3, 3), {"stride": 2, "activation": "relu"}),
        ((12, 30), (5, 6, 4), {"groups": 2, "padding": "same", "activation": (-1, 4)}),
        ((2, 3, 5, 6, 7), (4, 3, 2, 2, 2), {}),
    ],
)
def test_small_images_of_half_floats_are_converted_at_once(shape, weight, arguments, dtype, rng):
    """What the extension does with them is what float32 gives, rounded once; `out` and a residual included."""
    groups = arguments.get("groups", 1)
    if len(weight) == 3:
        shape, weight = (groups * weight[1], shape[1]), (groups * weight[0], *weight[1:])
    convolve = CONVOLUTIONS[len(weight) - 2][0]
    x, w, b = (rng.standard_normal(s).astype(dtype) for s in (shape, weight, weight[:1]))
    floats = [a.astype(np.float32) for a in (x, w, b)]
    plain = convolve(*floats, **arguments, precision="strict")
    for residual in (None, rng.standard_normal(plain.shape).astype(dtype)):
        extra = {} if residual is None else {"residual": residual.astype(np.float32)}
        expected = convolve(*floats, **arguments, **extra, precision="strict").astype(dtype).view(np.uint16)
        out = np.full_like(plain, np.nan, dtype)
        assert convolve(x, w, b, **arguments, residual=residual, out=out) is out
        assert same_bits(out.view(np.uint16), expected)
        assert same_bits(convolve(x, w, b, **arguments, residual=residual).view(np.uint16), expected)
    with pytest.raises(ValueError, match="out has shape"):
        convolve(x, w, b, **arguments, out=np.empty((*plain.shape[:-1], 1), dtype))
    with pytest.raises(ValueError, match="residual has shape"):
        convolve(x, w, b, **arguments, residual=np.empty((*plain.shape[:-1], 1), dtype))
    room = np.empty(w.size + plain.size - 1, dtype)
    room[: w.size] = w.reshape(-1)
    with pytest.raises(ValueError, match="out shares memory with weight"):
        convolve(x, room[: w.size].reshape(w.shape), b, **arguments, out=room[-plain.size :].reshape(plain.shape))


@pytest.mark.fast
def test_explain():
    x, w = np.zeros((1, 64, 20, 20), np.int8), np.zeros((64, 64, 3, 3), np.int8)
    told = pyconv.explain(F.conv2d, x, w, padding=1)
    assert told.algorithm == "channel_lanes"
    assert told.refused["winograd"] == "the elements are integers"
    assert told.workspace_bytes_per_thread <= 1 << 20
    assert pyconv.explain(F.conv2d, x.astype("e"), w.astype("e"), padding=1).algorithm == "winograd"
    assert pyconv.explain(F.conv2d, x, w[:, :1], groups=64).algorithm == "panels"
    assert pyconv.explain(F.conv1d, x[0, :, :, 0], w[..., 0], overflow="wrap").algorithm == "channel_lanes"
    with pytest.raises(TypeError, match="conv2d: overflow='wrap' is for integers, but input is float32"):
        pyconv.explain(F.conv2d, x.astype("f"), w.astype("f"), overflow="wrap")


def test_workspace_is_bounded():
    for channels, kernel, size in [(2048, 3, 14), (8192, 1, 64), (3, 15, 2000), (512, 7, 56)]:
        x = np.broadcast_to(np.int8(0), (1, channels, size, size))
        for view in (x, np.broadcast_to(np.int8(0), (1, size, size, channels)).transpose(0, 3, 1, 2)):
            w = np.broadcast_to(np.int8(0), (64, channels, kernel, kernel))
            told = pyconv.explain(F.conv2d, view, w, padding=kernel // 2)
            assert told.workspace_bytes_per_thread <= 1 << 20


@pytest.mark.parametrize(
    ("error", "text", "arguments"),
    [
        (TypeError, "input is float32, weight is int8; they must all be", {"input": np.zeros((1, 2, 3, 3), "f")}),
        (TypeError, "input is int8, weight is int64", {"weight": np.zeros((1, 2, 1, 1), "int64")}),
        (TypeError, "input is int8, weight is float16", {"weight": np.zeros((1, 2, 1, 1), "float16")}),
        (TypeError, "bias is float32", {"bias": np.zeros(1, "f")}),
        (TypeError, "bias is list", {"bias": [1]}),
        (ValueError, "overflow must be 'widen', 'wrap' or 'saturate', not 'clip'", {"overflow": "clip"}),
        (TypeError, "residual and activation are for floats, but weight is int8", {"activation": "relu"}),
        (ValueError, "padding_value=0.5 is no int8", {"padding_mode": "constant", "padding_value": 0.5}),
        (ValueError, "padding_value=128 is no int8", {"padding_mode": "constant", "padding_value": 128}),
        (ValueError, "bias must have shape .1,. for weight of shape .1, 2, 1, 1.", {"bias": np.zeros(2, "int8")}),
        (ValueError, "input has 2 channels but weight expects 3", {"weight": np.zeros((1, 3, 1, 1), "int8")}),
        (ValueError, "larger than the padded input", {"weight": np.zeros((1, 2, 5, 5), "int8")}),
        (TypeError, "out is int8 but the result is int32", {"out": np.zeros((1, 1, 3, 3), "int8")}),
        (ValueError, "out has shape .1, 1, 2, 2. but the result has shape", {"out": np.zeros((1, 1, 2, 2), "int32")}),
    ],
)
def test_errors(error, text, arguments):
    defaults = {"input": np.zeros((1, 2, 3, 3), "int8"), "weight": np.zeros((1, 2, 1, 1), "int8")}
    with pytest.raises(error, match=f"^conv2d: .*{text}"):
        F.conv2d(**{**defaults, **arguments})


def test_out(rng):
    x, w = draw(rng, (9, 24, 60, 60), "int8"), draw(rng, (4, 24, 3, 3), "int8")
    for policy in POLICIES:
        want = F.conv2d(x, w, overflow=policy)
        out = np.empty_like(want)
        assert F.conv2d(x, w, overflow=policy, out=out) is out
        assert same_bits(out, want)
        last = np.moveaxis(np.empty((9, 58, 58, 4), want.dtype), -1, 1)
        assert np.array_equal(F.conv2d(x, w, overflow=policy, out=last), want)
    with pytest.raises(ValueError, match="conv2d: out shares memory with input"):
        F.conv2d(x, w[:, :, :1, :1].repeat(6, 0), overflow="wrap", out=x)
    with pytest.raises(TypeError, match="input is float16, weight is float16, bias is float32"):
        F.conv2d(x.astype("e"), w.astype("e"), np.zeros(4, "f"))
