"""Padding, patches, resampling, shuffles: values against the reference, views, errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import same_bits

import pyconv
import pyconv.nn.functional as F
from pyconv import nn, reference


def integers(rng, shape, dtype=np.float32):
    return rng.integers(-9, 10, shape).astype(dtype)


# ---- pad ----

MODES = ["constant", "reflect", "replicate", "circular", "symmetric"]


@pytest.mark.parametrize("mode", MODES)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_pad(mode, data):
    axes = data.draw(st.integers(1, 3))
    spatial = data.draw(st.lists(st.integers(2, 6), min_size=axes, max_size=axes))
    shape = (*data.draw(st.sampled_from([(2,), (2, 3)])), *spatial)
    sizes = []
    for n in spatial[::-1]:
        most = {"reflect": n - 1, "circular": n, "symmetric": n}.get(mode, 8)
        sizes += [data.draw(st.integers(0, most)), data.draw(st.integers(0, most))]
    x = np.arange(np.prod(shape)).reshape(shape)
    result = F.pad(x, sizes, mode)
    np.testing.assert_array_equal(result, reference.pad(x, sizes, mode))
    numpy_mode = {"replicate": "edge", "circular": "wrap"}.get(mode, mode)
    pairs = [(0, 0)] * (x.ndim - axes) + [(a, b) for a, b in zip(sizes[::2], sizes[1::2], strict=True)][::-1]
    np.testing.assert_array_equal(result, np.pad(x, pairs, numpy_mode))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.uint16, np.int64, bool, np.complex64])
def test_pad_any_type(dtype, rng):
    x = integers(rng, (2, 3, 4), np.int64).astype(dtype)
    for mode in MODES:
        result = F.pad(x, (1, 2), mode)
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, reference.pad(x, (1, 2), mode))
    assert (F.pad(x, (1, 0), value=1)[..., 0] == 1).all()


def test_pad_cuts_off(rng):
    x = integers(rng, (2, 3, 5, 6))
    for sizes in ((-1, -2), (-1, 2), (0, 0, -2, 1), (-3, 1, 2, -1)):
        for mode in ("constant", "replicate", "circular"):
            if mode == "constant" or len(sizes) == 4:
                np.testing.assert_array_equal(F.pad(x, sizes, mode), reference.pad(x, sizes, mode))
    assert F.pad(x, (-3, -3)).shape == (2, 3, 5, 0)
    np.testing.assert_array_equal(F.pad(x[0], (-6, 2), "replicate"), x[0, :, :, -1:].repeat(2, -1))


def test_pad_keeps_the_memory_order(rng):
    x = integers(rng, (2, 5, 6, 3)).transpose(0, 3, 1, 2)
    result = F.pad(x, (1, 1, 2, 0), "reflect")
    assert result.transpose(0, 2, 3, 1).flags.c_contiguous
    assert same_bits(result.copy("C"), F.pad(x.copy("C"), (1, 1, 2, 0), "reflect"))
    assert not np.shares_memory(F.pad(x, (0, 0)), x)


# ---- unfold and fold ----

WINDOWS = [
    {"kernel_size": 1},
    {"kernel_size": 3},
    {"kernel_size": (2, 3), "stride": (2, 1), "padding": (1, 0)},
    {"kernel_size": (3, 1), "dilation": (2, 3), "padding": (3, 2), "stride": 2},
    {"kernel_size": [2], "stride": [3]},
]


@pytest.mark.parametrize("arguments", WINDOWS)
@pytest.mark.parametrize("shape", [(2, 3, 7, 6), (3, 7, 6), (0, 3, 7, 6), (1, 1, 5, 9)])
def test_unfold_and_fold(shape, arguments, rng):
    x = integers(rng, shape)
    columns = F.unfold(x, **arguments)
    np.testing.assert_array_equal(columns, reference.unfold(x, **arguments))
    image = F.fold(columns, shape[-2:], **arguments)
    assert image.shape == shape
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, reference.fold(columns, shape[-2:], **arguments))


def test_unfold_is_what_a_convolution_multiplies(rng):
    x, w = integers(rng, (2, 3, 8, 9)), integers(rng, (4, 3, 3, 2))
    columns = F.unfold(x, (3, 2), dilation=2, padding=1, stride=2)
    expected = F.conv2d(x, w, dilation=2, padding=1, stride=2)
    np.testing.assert_array_equal((w.reshape(4, -1) @ columns).reshape(expected.shape), expected)


def test_unfold_of_views_and_integers(rng):
    x = integers(rng, (2, 9, 8, 3), np.int16).transpose(0, 3, 1, 2)[:, ::-1]
    np.testing.assert_array_equal(F.unfold(x, 3), reference.unfold(x, 3))
    assert F.fold(F.unfold(x, 3), (9, 8), 3).dtype == np.int16


# ---- interpolate ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("mode", "rank"), [("linear", 1), ("bilinear", 2), ("trilinear", 3), ("bicubic", 2)])
@pytest.mark.parametrize("corners", [None, True, False])
def test_interpolate_linearly(mode, rank, corners, dtype, rng):
    for n, m in ((1, 4), (5, 1), (4, 7), (9, 4), (6, 6), (3, 12)):
        x = rng.standard_normal((2, 3, *[n] * rank)).astype(dtype)
        result = F.interpolate(x, m, mode=mode, align_corners=corners)
        expected = reference.interpolate(x, m, mode=mode, align_corners=corners)
        assert result.dtype == dtype
        # A place may be off by roundings of n, and with it the weights.
        np.testing.assert_allclose(result, expected, rtol=0, atol=64 * n * np.finfo(dtype).eps)
    factor = (1.5, 2.25, 0.75)[:rank]
    x = rng.standard_normal((1, 2, *[8] * rank)).astype(dtype)
    for again in (None, True):
        result = F.interpolate(x, scale_factor=factor, mode=mode, recompute_scale_factor=again)
        expected = reference.interpolate(x, scale_factor=factor, mode=mode, recompute_scale_factor=again)
        np.testing.assert_allclose(result, expected, rtol=0, atol=512 * np.finfo(dtype).eps)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_interpolate_nearest(mode, rank, rng):
    for n, m in ((1, 3), (4, 8), (5, 3), (7, 7), (2, 9)):
        x = integers(rng, (2, 2, *[n] * rank))
        np.testing.assert_array_equal(F.interpolate(x, m, mode=mode), reference.interpolate(x, m, mode=mode))
    x = integers(rng, (1, 1, *[4] * rank), np.uint8)
    assert F.interpolate(x, scale_factor=2, mode=mode).dtype == np.uint8


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_interpolate_by_areas(rank, rng):
    x = rng.standard_normal((2, 3, *[7, 5, 6][:rank]))
    for size in (3, 8, (2, 9, 4)[:rank]):
        expected = reference.interpolate(x, size, mode="area")
        np.testing.assert_allclose(F.interpolate(x, size, mode="area"), expected, rtol=0, atol=1e-14)


def test_interpolating_nothing_changes_nothing(rng):
    x = rng.standard_normal((2, 3, 5, 6))
    for mode in ("nearest", "nearest-exact", "bilinear", "bicubic", "area"):
        np.testing.assert_array_equal(F.interpolate(x, (5, 6), mode=mode), x)
        assert F.interpolate(x[:0], 4, mode=mode).shape == (0, 3, 4, 4)


def channels_last(x):
    """Return the same array with its channels next to each other in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


LARGE = [
    ((2, 3, 40), 777, "linear"),
    ((1, 2, 9000), 5000, "linear"),
    ((2, 3, 17, 29), (35, 58), "bilinear"),
    ((3, 40, 9, 13), (7, 50), "bilinear"),
    ((1, 2, 5, 4000), (9, 6000), "bilinear"),
    ((1, 6000, 3, 2), (4, 3), "bilinear"),
    ((2, 5, 19, 33), (38, 11), "bicubic"),
    ((1, 40, 8, 9), (17, 20), "bicubic"),
    ((1, 5, 11, 12), (24, 31), "nearest"),
    ((2, 30, 6, 70), (9, 41), "nearest-exact"),
    ((1, 2, 70, 6, 40), (130, 7, 50), "trilinear"),
    ((1, 20, 5, 6, 7), (9, 4, 15), "trilinear"),
    ((1, 3, 6, 9, 21), (13, 5, 40), "nearest"),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "size", "mode"), LARGE, ids=str)
def test_interpolate_has_the_same_bits_everywhere(shape, size, mode, dtype, isa, num_threads, rng):
    x = rng.standard_normal(shape).astype(dtype)
    result = F.interpolate(x, size, mode=mode)
    expected = reference.interpolate(x, size, mode=mode)
    # A place may be off by roundings of the axis, and with it the weights.
    np.testing.assert_allclose(result, expected, rtol=0, atol=16 * max(shape[2:]) * np.finfo(dtype).eps)
    last = F.interpolate(channels_last(x), size, mode=mode)
    assert same_bits(np.ascontiguousarray(last), result)
    assert np.moveaxis(last, 1, -1).flags.c_contiguous
    pyconv.set_isa("scalar")
    with pyconv.threads(1):
        assert same_bits(F.interpolate(x[-1:], size, mode=mode), result[-1:]), "depends on the batch"
    pyconv.set_isa(isa)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float16, np.int32, np.int64, np.complex64, np.complex128, "V3"])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_interpolate_any_type(mode, dtype, isa, rng):
    for channels in (1, 3, 40):
        x = rng.integers(0, 256, (2, channels, 5, 7 * np.dtype(dtype).itemsize), np.uint8)
        x = (x % 2 if dtype is bool else x).view(dtype)
        rows, columns = (
            np.array([int((i + (mode != "nearest") / 2) * n / m) for i in range(m)]) for n, m in ((5, 8), (7, 40))
        )
        expected = x[:, :, rows][..., columns]
        assert F.interpolate(x, (8, 40), mode=mode).tobytes() == expected.tobytes()
        last = F.interpolate(channels_last(x), (8, 40), mode=mode)
        assert np.ascontiguousarray(last).tobytes() == expected.tobytes()


def test_interpolate_passes_on_what_is_no_number(isa):
    x = np.zeros((1, 1, 6, 40), np.float32)
    x[0, 0, 2, 3], x[0, 0, 4, 30] = np.nan, np.inf
    for image in (x, channels_last(np.repeat(x, 20, 1))):
        result = F.interpolate(image, scale_factor=2, mode="bilinear")[0, -1]
        assert np.isnan(result[4:6, 6:8]).all()
        assert np.isinf(result[8:10, 60:62]).all()
        assert np.isfinite(result[:3]).all()
        assert np.isfinite(result[:, 10:55]).all()


def test_interpolate_views_and_byte_order(rng):
    x = rng.standard_normal((2, 6, 9, 10)).astype(np.float32)[:, ::2, 1:, ::-1]
    for mode in ("nearest", "bilinear"):
        assert same_bits(F.interpolate(x, 12, mode=mode), F.interpolate(x.copy(), 12, mode=mode))
    swapped = F.interpolate(x.astype(">f4"), 12)
    assert swapped.dtype == np.dtype(">f4")
    np.testing.assert_array_equal(swapped, F.interpolate(x, 12))


# ---- shuffles ----


@pytest.mark.parametrize("r", [1, 2, 3])
@pytest.mark.parametrize("batch", [(), (2,), (2, 3), (0,)])
def test_shuffles(r, batch, rng):
    x = integers(rng, (*batch, 2 * r * r, 3, 4))
    shuffled = F.pixel_shuffle(x, r)
    np.testing.assert_array_equal(shuffled, reference.pixel_shuffle(x, r))
    np.testing.assert_array_equal(F.pixel_unshuffle(shuffled, r), x)
    np.testing.assert_array_equal(reference.pixel_unshuffle(shuffled, r), x)


# ---- errors ----

X = np.zeros((2, 3, 5, 6), np.float32)


@pytest.mark.parametrize(
    ("error", "text", "call"),
    [
        (ValueError, r"pad: pad.*4 axes.*\(1, 2, 3\)", lambda: F.pad(X, (1, 2, 3))),
        (ValueError, "pad: pad.*4 axes", lambda: F.pad(X, (1,) * 10)),
        (TypeError, "pad: pad.*float", lambda: F.pad(X, (1.0, 2))),
        (ValueError, "pad: mode.*'mirror'", lambda: F.pad(X, (1, 1), "mirror")),
        (ValueError, r"pad: value 2 .*'reflect'", lambda: F.pad(X, (1, 1, 1, 1), "reflect", 2)),
        (ValueError, r"pad: in mode 'reflect'.*\(1, 1\).*\(2, 3, 5, 6\)", lambda: F.pad(X, (1, 1), "reflect")),
        (
            ValueError,
            r"'reflect' allows at most 5 on axis 3.*\(2, 3, 5, 6\)",
            lambda: F.pad(X, (6, 0, 0, 0), "reflect"),
        ),
        (ValueError, "'circular' allows at most 5 on axis 2", lambda: F.pad(X, (0, 0, 0, 6), "circular")),
        (ValueError, "'symmetric' allows at most 6 on axis 3", lambda: F.pad(X, (7, 0, 0, 0), "symmetric")),
        (ValueError, r"pad: an input of shape \(2, 3, 5, 6\) is too small", lambda: F.pad(X, (-4, -3))),
        (ValueError, r"unfold: input.*\(5, 6\)", lambda: F.unfold(X[0, 0], 2)),
        (ValueError, r"unfold: input.*\(2, 0, 5, 6\)", lambda: F.unfold(X[:, :0], 2)),
        (ValueError, r"unfold: kernel_size \(6, 6\).*\(5, 6\)", lambda: F.unfold(X, 6)),
        (ValueError, "unfold: stride.*0", lambda: F.unfold(X, 2, stride=0)),
        (ValueError, "unfold: padding.*-1", lambda: F.unfold(X, 2, padding=-1)),
        (ValueError, r"unfold: kernel_size.*\(1, 2, 3\)", lambda: F.unfold(X, (1, 2, 3))),
        (TypeError, "unfold: dilation.*float", lambda: F.unfold(X, 2, 1.5)),
        (ValueError, r"fold: input.*\(2, 3, 5, 6\)", lambda: F.fold(X, 4, 2)),
        (
            ValueError,
            r"fold: an input of shape \(2, 8, 9\).*\(4, 4\).*\(3, 3\)",
            lambda: F.fold(np.zeros((2, 8, 9)), 4, 3),
        ),
        (ValueError, "fold: .*9 columns", lambda: F.fold(np.zeros((2, 8, 8)), 4, 2)),
        (ValueError, "interpolate: give either", lambda: F.interpolate(X)),
        (ValueError, "interpolate: give either", lambda: F.interpolate(X, 2, 2)),
        (ValueError, "interpolate: size.*0", lambda: F.interpolate(X, 0)),
        (ValueError, r"interpolate: size.*\(1, 2, 3\)", lambda: F.interpolate(X, (1, 2, 3))),
        (TypeError, "interpolate: scale_factor.*'2'", lambda: F.interpolate(X, scale_factor="2")),
        (ValueError, r"interpolate: scale_factor 0.1.*\(2, 3, 5, 6\)", lambda: F.interpolate(X, scale_factor=0.1)),
        (ValueError, "interpolate: recompute", lambda: F.interpolate(X, 3, recompute_scale_factor=True)),
        (ValueError, "interpolate: mode.*'cubic'", lambda: F.interpolate(X, 3, mode="cubic")),
        (ValueError, r"interpolate: input.*3 axes.*\(2, 3, 5, 6\)", lambda: F.interpolate(X, 3, mode="linear")),
        (ValueError, "interpolate: align_corners", lambda: F.interpolate(X, 3, align_corners=True)),
        (ValueError, "interpolate: antialias", lambda: F.interpolate(X, 3, mode="bicubic", antialias=True)),
        (ValueError, r"interpolate: only the batch.*\(2, 0, 5, 6\)", lambda: F.interpolate(X[:, :0], 3)),
        (TypeError, "interpolate: input.*object", lambda: F.interpolate(X.astype(object), 3)),
        (TypeError, "interpolate: input.*int64", lambda: F.interpolate(X.astype(int), 3, mode="bilinear")),
        (ValueError, r"pixel_shuffle: .*\* 4.*\(2, 3, 5, 6\)", lambda: F.pixel_shuffle(X, 2)),
        (ValueError, "pixel_shuffle: upscale_factor.*0", lambda: F.pixel_shuffle(X, 0)),
        (ValueError, r"pixel_unshuffle: .*\* 2.*\(2, 3, 5, 6\)", lambda: F.pixel_unshuffle(X, 2)),
        (TypeError, "pixel_unshuffle: downscale_factor.*float", lambda: F.pixel_unshuffle(X, 1.5)),
        (ValueError, "padding.*4 of them.*3", lambda: nn.ZeroPad2d((1, 2, 3))),
        (TypeError, "padding.*1.5", lambda: nn.ReflectionPad1d(1.5)),
    ],
)
def test_errors(error, text, call):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("value", [300, -2, float("inf")])
def test_a_pad_of_numbers_that_do_not_fit(value):
    with pytest.raises(ValueError, match=f"pad: value {value} does not fit in uint8"):
        F.pad(np.zeros((1, 2), np.uint8), (1, 1), value=value)
