"""The pooling family in one to three dimensions: against the reference and torch; its errors by type and text."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pyconv
import pyconv.nn.functional as F
from pyconv import nn, reference

INTEGERS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]
SHAPES = {1: [(2, 3, 23), (5, 40), (0, 2, 9)], 2: [(2, 3, 9, 11), (3, 8, 10)], 3: [(2, 3, 5, 9, 7), (2, 6, 6, 8)]}
MAX_CALLS = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 5, "stride": 1, "padding": 2},
    {"kernel_size": 3, "stride": 1, "padding": 1, "dilation": 2},
    {"kernel_size": 3, "stride": 3, "padding": 1, "ceil_mode": True},
    {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True},
]
AVERAGE_CALLS = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
    {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True},
    {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True, "count_include_pad": False},
]


def ours(kind, rank, module=F):
    return getattr(module, f"{kind}{rank}d")


def last(x, rank):
    """The same images, channels last, dense."""
    return np.ascontiguousarray(np.moveaxis(x, -rank - 1, -1))


def first(x, rank):
    return np.moveaxis(x, -1, -rank - 1)


def awkward(rng, shape, dtype):
    """Ties, zeros of both signs, infinities and NaN; of integers ties and the lowest."""
    x = rng.integers(-2, 3, shape).astype(dtype)
    if np.dtype(dtype).kind == "f":
        x[rng.random(shape) < 0.1] = -0.0
        x[rng.random(shape) < 0.08] = np.nan
        x[rng.random(shape) < 0.3] = -np.inf
    else:
        x[rng.random(shape) < 0.3] = np.iinfo(dtype).min
    return x


def assert_same(result, expected):
    for a, b in zip(*((r if isinstance(r, tuple) else (r,)) for r in (result, expected)), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, *INTEGERS])
@pytest.mark.parametrize("arguments", MAX_CALLS)
def test_maxima(rank, dtype, arguments, rng):
    for shape in SHAPES[rank]:
        x = awkward(rng, shape, dtype)
        expected = ours("max_pool", rank, reference)(x, **arguments, return_indices=True)
        assert_same(ours("max_pool", rank)(x, **arguments, return_indices=True), expected)
        assert_same(ours("max_pool", rank)(x, **arguments), expected[0])
        turned = ours("max_pool", rank)(last(x, rank), **arguments, return_indices=True, layout="NHWC")
        assert_same(tuple(first(part, rank) for part in turned), expected)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint16, np.int64])
@pytest.mark.parametrize("size", [1, 3, 4, 12, None])
def test_adaptive_maxima(rank, dtype, size, rng):
    output_size = [size] * rank if size is None else size
    for shape in SHAPES[rank]:
        x = awkward(rng, shape, dtype)
        expected = ours("adaptive_max_pool", rank, reference)(x, output_size, return_indices=True)
        assert_same(ours("adaptive_max_pool", rank)(x, output_size, return_indices=True), expected)
        assert_same(ours("adaptive_max_pool", rank)(x, output_size), expected[0])
        turned = ours("adaptive_max_pool", rank)(last(x, rank), output_size, True, layout="NHWC")
        assert_same(tuple(first(part, rank) for part in turned), expected)


@pytest.mark.parametrize(
    ("shape", "arguments"),
    [
        ((1, 1100, 11, 10), (5, 5)),  # more channels and taps than are looked at together
        ((2, 37, 30, 91), (3, 2, 1)),  # channels first, so much that boxes of it are turned
        ((1, 17, 9, 24, 37), (3, 2, 1, 1, True)),
        ((1, 16, 20, 21, 22), (3, 4, 1, 3)),
        ((1, 5, 6, 40, 41), (4, 3, 2)),  # fewer channels than a vector
        ((2, 3, 3000), (17, 16, 3)),
        ((3, 70, 13, 13), (13, 13)),  # one window
        ((1, 64, 30, 30), (9, 1, 4)),
    ],
)
def test_indices_of_large_images(shape, arguments, isa, num_threads, rng):
    rank = len(shape) - 2
    for dtype in (np.float32, np.float64):
        x = awkward(rng, shape, dtype)
        expected = ours("max_pool", rank, reference)(x, *arguments, return_indices=True)
        assert_same(ours("max_pool", rank)(x, *arguments, return_indices=True), expected)
        turned = ours("max_pool", rank)(last(x, rank), *arguments, return_indices=True, layout="NHWC")
        assert_same(tuple(first(part, rank) for part in turned), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_of_slices(dtype, isa, num_threads, rng):
    """Windows of 2x2 in slices that each count once: all planes, and their rows, follow each other."""
    for shape, window in (
        ((2, 5, 8, 8, 8), (2, 2, 2)),
        ((1, 3, 6, 7, 9), (3, 2, 2)),
        ((1, 2, 4, 30, 71), (2, 2, 2)),
        ((3, 7, 2, 5, 3), (2, 2, 2)),
    ):
        x = awkward(rng, shape, dtype)
        assert_same(F.max_pool3d(x, window), reference.max_pool3d(x, window))
        y = rng.standard_normal(shape).astype(dtype)
        averages = F.avg_pool3d(y, window)
        assert first(F.avg_pool3d(last(y, 3), window, layout="NHWC"), 3).tobytes() == averages.tobytes()
        np.testing.assert_allclose(averages, reference.avg_pool3d(y, window), rtol=1e-5, atol=1e-6)
        whole = rng.integers(-9, 10, shape).astype(dtype) * 3
        assert_same(F.avg_pool3d(whole, window), reference.avg_pool3d(whole, window))


def test_windows_over_an_axis_of_one_element(rng):
    """Where padding counts, and where it does not."""
    for shape in ((2, 9, 1, 40), (1, 3, 35, 1), (2, 4, 1, 1, 9), (1, 2, 1, 16, 16)):
        rank = len(shape) - 2
        x = awkward(rng, shape, np.float32)
        for k, s, p in ((3, 1, 1), (2, 2, 1), (3, 2, 1)):
            whole = rng.integers(-9, 10, shape) * 2520.0
            assert_same(ours("max_pool", rank)(x, k, s, p), ours("max_pool", rank, reference)(x, k, s, p))
            for include in (True, False) if rank < 3 else ():
                arguments = {"kernel_size": k, "stride": s, "padding": p, "count_include_pad": include}
                expected = ours("avg_pool", rank, reference)(whole, **arguments)
                assert_same(ours("avg_pool", rank)(whole, **arguments), expected)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("arguments", AVERAGE_CALLS)
def test_averages(rank, dtype, arguments, rng):
    for shape in SHAPES[rank]:
        x = rng.integers(-9, 10, shape).astype(dtype)
        if np.prod(arguments["kernel_size"]) ** rank & 1:
            x *= 2 * 3 * 5 * 7 * 9  # so that quotients are exact
        expected = ours("avg_pool", rank, reference)(x, **arguments)
        assert_same(ours("avg_pool", rank)(x, **arguments), expected)
        assert_same(first(ours("avg_pool", rank)(last(x, rank), **arguments, layout="NHWC"), rank), expected)
    if rank > 1:
        x = rng.integers(-9, 10, SHAPES[rank][0]).astype(dtype)
        divided = ours("avg_pool", rank)(x, **arguments, divisor_override=-4)
        assert_same(divided, ours("avg_pool", rank, reference)(x, **arguments, divisor_override=-4))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 4, 12, 0, None])
def test_adaptive_averages(rank, size, rng):
    output_size = [size] * rank if size is None else size
    for shape in SHAPES[rank]:
        x = rng.integers(-9, 10, shape) * 5040.0
        expected = ours("adaptive_avg_pool", rank, reference)(x, output_size)
        averages = ours("adaptive_avg_pool", rank)(x, output_size)
        np.testing.assert_allclose(averages, expected, rtol=1e-15, atol=0)  # a sum that is exact, divided once
        turned = ours("adaptive_avg_pool", rank)(last(x, rank), output_size, layout="NHWC")
        assert first(turned, rank).tobytes() == averages.tobytes()


def test_a_window_larger_than_the_image_that_padding_makes_fit():
    """Torch takes it in one and two dimensions, and refuses it in three."""
    assert F.avg_pool1d(np.ones((1, 2)), 3, padding=1).tolist() == [[2 / 3]]
    assert F.avg_pool2d(np.ones((1, 2, 2)), 3, padding=1).tolist() == [[[4 / 9]]]
    assert F.max_pool3d(np.ones((1, 2, 2, 2)), 3, padding=1).tolist() == [[[[1.0]]]]
    for module in (F, reference):
        with pytest.raises(ValueError, match=r"avg_pool3d|kernel_size"):
            module.avg_pool3d(np.ones((1, 2, 2, 2)), 3, padding=1)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_window_larger_than_the_padded_image_that_rounding_up_makes_fit(rank, rng):
    """By less than the stride; avg_pool3d looks at the image alone even so."""
    for n, k, s, p in (
        (2, 3, 2, 0),
        (2, 4, 3, 0),
        (2, 4, 9, 0),
        (1, 5, 3, 1),
        (3, 9, 5, 1),
        (1, 4, 4, 1),
        (5, 40, 40, 2),
    ):
        x = rng.integers(-9, 10, (2, 3, *[n] * rank)).astype(np.float32)
        arguments = {"kernel_size": k, "stride": s, "padding": p, "ceil_mode": True}
        values, at = ours("max_pool", rank)(x, **arguments, return_indices=True)
        assert_same((values, at), ours("max_pool", rank, reference)(x, **arguments, return_indices=True))
        assert_same(values[..., 0], x.reshape(2, 3, *[1] * (rank - 1), -1).max(-1))
        for module in (F, reference):
            with pytest.raises(ValueError, match="larger"):  # by the whole stride
                ours("max_pool", rank, module)(x, k, k - n - 2 * p, p, ceil_mode=True)
            if rank == 3:
                with pytest.raises(ValueError, match="larger"):
                    module.avg_pool3d(x, **arguments)
                with pytest.raises(ValueError, match="larger"):
                    module.lp_pool3d(x, 2, k, s, True)
        for include in (True, False) if rank < 3 else ():
            averages = ours("avg_pool", rank)(x, **arguments, count_include_pad=include)
            assert_same(averages, ours("avg_pool", rank, reference)(x, **arguments, count_include_pad=include))
            sums = x.reshape(2, 3, *[1] * (rank - 1), -1).sum(-1)
            assert_same(averages[..., 0], sums / np.float32(((n + 2 * p) if include else n) ** rank))
        if rank < 3 and p == 0:
            powers = ours("lp_pool", rank)(x, 2, k, s, True)
            expected = ours("lp_pool", rank, reference)(x, 2, k, s, True)
            np.testing.assert_allclose(powers, expected, rtol=1e-6)
    with pytest.raises(ValueError, match="larger"):
        ours("max_pool", rank)(x, 1 << 62, (1 << 62) - 99, ceil_mode=True)
    assert_same(ours("max_pool", rank)(x, 1 << 62, (1 << 62) - 4, ceil_mode=True)[..., 0], values[..., 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.uint16])
def test_a_window_that_misses_the_image(dtype):
    """Its taps lie on both sides: the lowest value, and no index."""
    lowest = -np.inf if np.dtype(dtype).kind == "f" else np.iinfo(dtype).min
    for rank in (1, 2, 3):
        x = np.ones((1, 9, *[1] * rank), dtype)
        for arguments in ((2, 1, 1, 2), (2, 1, 2, 4), (3, 9, 4, 5, True)):
            for module in (F, reference):
                for given, options in ((x, {}), (last(x, rank), {"layout": "NHWC"})):
                    values, at = ours("max_pool", rank, module)(given, *arguments, return_indices=True, **options)
                    assert (values == lowest).all()
                    assert (at == -1).all()
                    assert_same(ours("max_pool", rank, module)(given, *arguments, **options), values)
        with pytest.raises(ValueError, match="indices from -1"):
            ours("max_unpool", rank)(*ours("max_pool", rank)(x, 2, 1, 1, 2, return_indices=True), 2)


def test_layouts_of_each_rank(rng):
    for rank, (one, other) in {1: ("NCL", "NLC"), 2: ("NCHW", "NHWC"), 3: ("NCDHW", "NDHWC")}.items():
        x = rng.standard_normal(SHAPES[rank][0])
        for call in (
            lambda x, layout, rank=rank: ours("max_pool", rank)(x, 2, layout=layout),
            lambda x, layout, rank=rank: ours("lp_pool", rank)(x, 3, 2, layout=layout),
            lambda x, layout, rank=rank: ours("adaptive_avg_pool", rank)(x, 2, layout=layout),
        ):
            assert_same(call(x, one), call(x, "NCHW"))
            assert_same(first(call(last(x, rank), other), rank), call(x, "NCHW"))


def test_a_large_volume_and_huge_windows(rng, isa):
    """Cut into bands and strips, whatever the workspace allows; same bits on each instruction set."""
    for shape, arguments in (
        ((1, 2, 60, 300), {"kernel_size": 31, "stride": 1, "padding": 15}),
        ((1, 70, 20, 33), {"kernel_size": (9, 33), "stride": 1}),
        ((1, 1, 1, 3000), {"kernel_size": (1, 1999), "stride": 3}),
        ((1, 1, 700, 40), {"kernel_size": (501, 2), "stride": 1}),
    ):
        for dtype in (np.float32, np.int16):
            x = rng.integers(-1000, 1000, shape).astype(dtype)
            windows = np.lib.stride_tricks.sliding_window_view(
                np.pad(x, [(0, 0), (0, 0), *[(arguments.get("padding", 0),) * 2] * 2], constant_values=-2000),
                np.broadcast_to(arguments["kernel_size"], 2),
                axis=(2, 3),
            )[:, :, :: arguments["stride"], :: arguments["stride"]]
            values, at = F.max_pool2d(x, **arguments, return_indices=True)
            assert np.array_equal(values, windows.max((-1, -2)))
            assert np.array_equal(F.max_pool2d(x, **arguments), values)
            assert np.array_equal(
                np.take_along_axis(x.reshape(1, shape[1], -1), at.reshape(1, shape[1], -1), 2).ravel(), values.ravel()
            )


def test_lp_pools(rng):
    """Facts: no absolute value; infinity; partial windows are scaled; any power within a few ULP of NumPy's."""
    assert F.lp_pool1d(np.array([[-3.0, 1.0]]), 1, 2).tolist() == [[-2.0]]
    assert F.lp_pool1d(np.array([[-3.0, 1.0]]), math.inf, 2).tolist() == [[3.0]]
    assert F.lp_pool1d(np.array([[-3.0, 1.0]]), -math.inf, 2).tolist() == [[1.0]]
    assert F.lp_pool1d(np.array([[3.0, 4.0, 5.0]]), 1, 2, ceil_mode=True).tolist() == [[7.0, 10.0]]
    assert np.isnan(F.lp_pool1d(np.array([[-3.0, 1.0]]), 3, 2)).all()
    for rank, p, dtype in [(r, p, t) for r in (1, 2, 3) for p in (1, 2, 3, 4, 2.5, 0.7, -1, -2.5) for t in "fd"]:
        x = (rng.random(SHAPES[rank][0]) + 0.2).astype(dtype)
        for arguments in ({"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "ceil_mode": True}):
            expected = ours("lp_pool", rank, reference)(x, p, **arguments)
            result = ours("lp_pool", rank)(x, p, **arguments)
            assert result.dtype == x.dtype
            np.testing.assert_allclose(result, expected, rtol=100 * np.finfo(dtype).eps)
    special = np.array([[0.0, 0.0, np.inf, 1.0, np.nan, 1.0, -2.0, -2.0]])
    for p in (2.5, 3, 100, -1.5):
        with np.errstate(all="ignore"):
            expected = ours("lp_pool", 1, reference)(special, p, 2)
        np.testing.assert_allclose(F.lp_pool1d(special, p, 2), expected, rtol=1e-12)


def test_unpooling_puts_maxima_back(rng):
    for rank in (1, 2, 3):
        for dtype in (np.float32, np.float64, np.int8, np.uint16):
            x = (rng.permutation(np.prod(SHAPES[rank][0])) % 101).reshape(SHAPES[rank][0]).astype(dtype)
            size = x.shape[-rank:]
            values, at = ours("max_pool", rank)(x, 2, return_indices=True)
            expected = ours("max_unpool", rank, reference)(values, at, 2, output_size=size)
            result = ours("max_unpool", rank)(values, at, 2, output_size=size)
            assert_same(result, expected)
            assert_same(ours("max_unpool", rank)(values, at, 2, output_size=x.shape), expected)
            turned = ours("max_unpool", rank)(last(values, rank), last(at, rank), 2, output_size=size, layout="NHWC")
            assert_same(first(turned, rank), expected)
            assert_same(ours("max_pool", rank)(result, 2), values)
    assert F.max_unpool2d(np.ones((0, 2, 3, 3)), np.ones((0, 2, 3, 3), np.int64), 2).shape == (0, 2, 6, 6)


def test_unpooling_of_one_place_twice(num_threads, rng):
    """The last wins, whatever the number of threads."""
    x = rng.standard_normal((2, 9, 60, 60))
    at = rng.integers(0, 3, x.shape)
    assert_same(F.max_unpool2d(x, at, 2), reference.max_unpool2d(x, at, 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fractional_pools(dtype, rng, num_threads):
    for rank, shape in ((2, (2, 3, 17, 12)), (3, (2, 2, 7, 11, 9))):
        x = awkward(rng, shape, dtype)
        samples = rng.random((*shape[:2], rank), dtype=dtype)
        size = tuple(n // 2 for n in shape[2:])
        expected = ours("fractional_max_pool", rank, reference)(x, 2, size, samples)
        pool = ours("fractional_max_pool", rank)
        assert_same(pool(x, 2, size, return_indices=True, _random_samples=samples), expected)
        assert_same(pool(x, 2, size, _random_samples=samples), expected[0])
        turned = pool(last(x, rank), 2, size, None, True, samples, layout="NHWC")
        assert_same(tuple(first(part, rank) for part in turned), expected)
        assert_same(pool(x[0], 2, size, _random_samples=samples[:1]), expected[0][0])
        drawn = pool(x, 2, output_ratio=0.5, generator=3)
        assert_same(drawn, pool(x, 2, size, generator=np.random.default_rng(3)))
        assert drawn.shape[2:] == size
        edges = samples.round()  # 0 and 1
        assert_same(
            pool(x, 3, size[0], _random_samples=edges)
            if rank == 2 and size[0] < 9
            else pool(x, 2, size, _random_samples=edges),
            ours("fractional_max_pool", rank, reference)(
                x, *((3, size[0]) if rank == 2 and size[0] < 9 else (2, size)), edges
            )[0],
        )
        assert pool(x[:0], 2, size).shape == (0, shape[1], *size)


@pytest.mark.parametrize("module", [F, reference])
def test_fractional_pools_that_just_fit(module):
    """As many elements as the windows need are enough in two dimensions, and as in torch not in three."""
    for k, o in ((2, 4), (5, 1), (1, 5)):
        for rank in (2, 3):
            x, samples = np.arange(5.0**rank).reshape(1, 1, *[5] * rank), np.full((1, 1, rank), 0.3)

            def call(x=x, k=k, o=o, samples=samples, rank=rank):
                options = {"return_indices": True} if module is F else {}
                pool = ours("fractional_max_pool", rank, module)
                return pool(x, k, o, **options, **{"_random_samples" if module is F else "samples": samples})

            if rank == 2:
                assert call()[1].ravel()[-1] == 24
            else:
                with pytest.raises(ValueError, match="does not fit"):
                    call()
                assert call(np.pad(x, [(0, 0), (0, 0), (0, 1), (0, 1), (0, 1)]))[0].shape[2:] == (o,) * 3


def test_out(rng):
    for dtype in (np.int32, np.float32):
        x = rng.integers(0, 9, (2, 3, 4, 6, 5)).astype(dtype)
        out = np.zeros((2, 3, 2, 3, 2), dtype)
        assert F.max_pool3d(x, 2, out=out) is out
        assert_same(out, reference.max_pool3d(x, 2))
        wrong = np.zeros((2, 3, 2, 3, 2), np.float32 if dtype == np.int32 else np.int32)
        with pytest.raises(TypeError, match="out"):
            F.max_pool3d(x, 2, out=wrong)
        assert_same(F.adaptive_max_pool3d(x, (2, 3, 2), out=out), reference.adaptive_max_pool3d(x, (2, 3, 2)))


def test_any_view(rng):
    x = rng.integers(0, 99, (9, 4, 3, 12)).astype(np.uint8)
    for view in (x[::2, :, :, 1::2], x.transpose(0, 2, 1, 3), x[:, ::-1], x.transpose(0, 3, 1, 2), x[..., None, :, 0]):
        expected = reference.max_pool2d(np.ascontiguousarray(view), (1, 2), return_indices=True)
        assert_same(F.max_pool2d(view, (1, 2), return_indices=True), expected)
    swapped = x.astype(">i4")
    with pytest.raises(TypeError, match="input"):
        F.max_pool2d(swapped, 2)


def test_explain():
    x = np.ones((1, 2, 8, 8, 8), np.float32)
    assert pyconv.explain(F.max_pool3d, x, 2).algorithm == "max_pool"
    assert pyconv.explain(F.max_pool3d, x.astype(np.int8), kernel_size=2).tile == "rows, any element"
    assert pyconv.explain(F.avg_pool1d, x[0, :, 0, 0], 3, padding=1).algorithm == "average_pool"
    assert pyconv.explain(F.lp_pool3d, x, 2, 2) == pyconv.explain(F.avg_pool3d, x, 2)
    assert pyconv.explain(nn.AdaptiveMaxPool3d(1), x) == pyconv.explain(F.adaptive_max_pool3d, x, 1)
    assert pyconv.explain(nn.LPPool3d(2, 2), x) == pyconv.explain(F.lp_pool3d, x, 2, 2)
    with pytest.raises(TypeError, match="explain"):
        pyconv.explain(nn.MaxUnpool2d(2), x)


X = np.ones((2, 3, 6, 8), np.float32)
I = np.zeros((2, 3, 6, 8), np.int64)


@pytest.mark.parametrize(
    ("error", "text", "call"),
    [
        (ValueError, r"max_pool1d: input.*\(2, 3, 6, 8\)", lambda: F.max_pool1d(X, 2)),
        (ValueError, r"avg_pool3d: input.*\(3, 6, 8\)", lambda: F.avg_pool3d(X[0], 2)),
        (ValueError, r"max_pool3d: kernel_size", lambda: F.max_pool3d(X, (2, 2))),
        (
            ValueError,
            r"avg_pool3d.*window 7 x 2 x 2.*\(2, 3, 6, 8\)",
            lambda: F.avg_pool3d(X, (7, 2, 2), padding=(3, 1, 1)),
        ),
        (TypeError, r"avg_pool2d.*int32", lambda: F.avg_pool2d(X.astype(np.int32), 2)),
        (TypeError, r"avg_pool1d.*uint8", lambda: F.avg_pool1d(X[0].astype(np.uint8), 2)),
        (TypeError, r"adaptive_avg_pool3d.*int8", lambda: F.adaptive_avg_pool3d(X.astype(np.int8), 1)),
        (TypeError, r"max_pool1d.*bool", lambda: F.max_pool1d(X[0] > 0, 2)),
        (TypeError, r"adaptive_max_pool2d.*bool", lambda: F.adaptive_max_pool2d(X > 0, 2)),
        (TypeError, r"max_pool2d.*complex64", lambda: F.max_pool2d(X.astype(np.complex64), 2)),
        (ValueError, r"adaptive_max_pool2d: output_size.*not 3", lambda: F.adaptive_max_pool2d(X, (1, 1, 1))),
        (ValueError, r"adaptive_max_pool2d: output_size.*negative", lambda: F.adaptive_max_pool2d(X, -1)),
        (ValueError, r"layout.*NLC", lambda: F.max_pool2d(X, 2, layout="NLC")),
        (ValueError, r"lp_pool2d: norm_type.*0", lambda: F.lp_pool2d(X, 0, 2)),
        (TypeError, r"lp_pool2d: norm_type.*str", lambda: F.lp_pool2d(X, "2", 2)),
        (TypeError, r"lp_pool2d: input.*int64", lambda: F.lp_pool2d(I, 2, 2)),
        (TypeError, r"lp_pool2d: input.*list", lambda: F.lp_pool2d(X.tolist(), 2, 2)),
        (ValueError, r"kernel_size", lambda: F.lp_pool2d(X, 2, 0)),
        (ValueError, r"max_unpool2d: indices from 288 to 288.*\(12, 16\)", lambda: F.max_unpool2d(X, I + 288, 2)),
        (ValueError, r"max_unpool2d: indices from -1", lambda: F.max_unpool2d(X, I - 1, 2)),
        (ValueError, r"max_unpool2d.*\(2, 3, 6, 8\).*\(2, 3, 6, 7\)", lambda: F.max_unpool2d(X, I[..., 1:], 2)),
        (TypeError, r"max_unpool2d: indices.*int32", lambda: F.max_unpool2d(X, I.astype(np.int32), 2)),
        (TypeError, r"max_unpool2d: indices.*list", lambda: F.max_unpool2d(X, I.tolist(), 2)),
        (TypeError, r"max_unpool2d: input.*complex64", lambda: F.max_unpool2d(X.astype(np.complex64), I, 2)),
        (ValueError, r"max_unpool2d: output_size \(14, 16\)", lambda: F.max_unpool2d(X, I, 2, output_size=(14, 16))),
        (ValueError, r"max_unpool2d: output_size.*2 or 4", lambda: F.max_unpool2d(X, I, 2, output_size=(14, 16, 1))),
        (TypeError, r"max_unpool2d: output_size", lambda: F.max_unpool2d(X, I, 2, output_size=12)),
        (ValueError, r"max_unpool2d: stride", lambda: F.max_unpool2d(X, I, 2, 0)),
        (ValueError, r"max_unpool2d: kernel_size", lambda: F.max_unpool2d(X, I, (2, 2, 2))),
        (ValueError, r"max_unpool1d: input.*\(2, 3, 6, 8\)", lambda: F.max_unpool1d(X, I, 2)),
        (ValueError, r"max_unpool2d: layout", lambda: F.max_unpool2d(X, I, 2, layout="NLC")),
        (ValueError, r"would have size \(-5, 1\)", lambda: F.max_unpool2d(X, I, 2, 1, (6, 4))),
        (ValueError, r"max_unpool2d.*empty.*|.*\(2, 3, 6, 0\)", lambda: F.max_unpool2d(X[..., :0], I[..., :0], 2)),
        (ValueError, r"exactly one", lambda: F.fractional_max_pool2d(X, 2)),
        (ValueError, r"exactly one", lambda: F.fractional_max_pool2d(X, 2, 2, 0.5)),
        (ValueError, r"output_ratio.*1\.5", lambda: F.fractional_max_pool2d(X, 2, output_ratio=1.5)),
        (ValueError, r"\(6, 8\).*\(2, 2\).*\(2, 3, 6, 8\)", lambda: F.fractional_max_pool2d(X, 2, (6, 8))),
        (TypeError, r"output_size", lambda: F.fractional_max_pool2d(X, 2, 2.5)),
        (ValueError, r"fractional_max_pool3d: input", lambda: F.fractional_max_pool3d(X[0], 2, 2)),
        (TypeError, r"fractional_max_pool2d: input.*int64", lambda: F.fractional_max_pool2d(I, 2, 2)),
        (ValueError, r"_random_samples.*\(2, 3, 2\)", lambda: F.fractional_max_pool2d(X, 2, 2, None, False, X[0, 0])),
        (ValueError, r"between 0 and 1", lambda: F.fractional_max_pool2d(X, 2, 2, None, False, X[:, :, 0, :2] + 1)),
        (TypeError, r"_random_samples", lambda: F.fractional_max_pool2d(X, 2, 2, None, False, I[:, :, 0, :2])),
        (ValueError, r"FractionalMaxPool2d: exactly one", lambda: nn.FractionalMaxPool2d(2)),
        (ValueError, r"FractionalMaxPool3d: output_ratio", lambda: nn.FractionalMaxPool3d(2, output_ratio=1)),
        (ValueError, r"layout", lambda: nn.MaxPool1d(2, layout="NDHWC")),
    ],
)
def test_errors(error, text, call):
    with pytest.raises(error, match=text):
        call()


class TestTorch:
    """The same numbers, indices, attributes and printed forms as torch."""

    torch = pytest.importorskip("torch")

    @pytest.mark.parametrize("rank", [1, 2, 3])
    @pytest.mark.parametrize("arguments", MAX_CALLS)
    def test_maxima(self, rank, arguments, rng):
        for dtype in (np.float32, np.float64, np.uint8, np.int32, np.int64):
            if rank == 1 and np.dtype(dtype).kind != "f":
                continue  # torch has none
            for shape in SHAPES[rank][:2]:
                x = awkward(rng, shape, dtype)
                theirs = ours("max_pool", rank, self.torch.nn.functional)(
                    self.torch.from_numpy(x), **arguments, return_indices=True
                )
                assert_same(
                    ours("max_pool", rank)(x, **arguments, return_indices=True), tuple(part.numpy() for part in theirs)
                )

    @pytest.mark.parametrize("rank", [1, 2, 3])
    @pytest.mark.parametrize("arguments", AVERAGE_CALLS)
    def test_averages(self, rank, arguments, rng):
        for shape in SHAPES[rank][:2]:
            x = rng.integers(-9, 10, shape).astype(np.float32)
            theirs = ours("avg_pool", rank, self.torch.nn.functional)(self.torch.from_numpy(x), **arguments)
            np.testing.assert_allclose(ours("avg_pool", rank)(x, **arguments), theirs.numpy(), rtol=1e-6, atol=0)

    @pytest.mark.parametrize("rank", [1, 2, 3])
    @pytest.mark.parametrize("size", [1, 3, 4, 12])
    def test_adaptive(self, rank, size, rng):
        for shape in SHAPES[rank][:2]:
            x = awkward(rng, shape, np.float32)
            theirs = ours("adaptive_max_pool", rank, self.torch.nn.functional)(self.torch.from_numpy(x), size, True)
            assert_same(ours("adaptive_max_pool", rank)(x, size, True), tuple(part.numpy() for part in theirs))
            x = rng.standard_normal(shape)
            theirs = ours("adaptive_avg_pool", rank, self.torch.nn.functional)(self.torch.from_numpy(x), size)
            np.testing.assert_allclose(ours("adaptive_avg_pool", rank)(x, size), theirs.numpy(), rtol=1e-12, atol=1e-14)

    @pytest.mark.parametrize("rank", [1, 2, 3])
    def test_lp(self, rank, rng):
        for p in (1, 2, 3, 2.5, math.inf, -math.inf):
            for arguments in ({"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "ceil_mode": True}):
                if rank == 1 or arguments["kernel_size"] == 2:
                    x = rng.standard_normal(SHAPES[rank][0])
                    theirs = ours("lp_pool", rank, self.torch.nn.functional)(self.torch.from_numpy(x), p, **arguments)
                    np.testing.assert_allclose(ours("lp_pool", rank)(x, p, **arguments), theirs.numpy(), rtol=1e-10)

    def test_fractional_and_unpool(self, rng):
        for dtype in (np.float32, np.float64):
            for rank, shape in ((2, (2, 3, 17, 12)), (3, (2, 2, 7, 11, 9))):
                x, samples = awkward(rng, shape, dtype), rng.random((*shape[:2], rank), dtype=dtype)
                call = [2, tuple(n // 2 for n in shape[2:]), None, True]
                theirs = ours("fractional_max_pool", rank, self.torch.nn.functional)(
                    self.torch.from_numpy(x), *call, _random_samples=self.torch.from_numpy(samples)
                )
                assert_same(ours("fractional_max_pool", rank)(x, *call, samples), tuple(p.numpy() for p in theirs))
                values, at = ours("max_pool", rank)(x, 2, return_indices=True)
                back = ours("max_unpool", rank, self.torch.nn.functional)(
                    self.torch.from_numpy(values), self.torch.from_numpy(at), 2, output_size=shape[2:]
                )
                assert_same(ours("max_unpool", rank)(values, at, 2, output_size=shape[2:]), back.numpy())

    @pytest.mark.parametrize(
        "make",
        [
            *(
                lambda nn, kind=kind, rank=rank, arguments=arguments: getattr(nn, f"{kind}{rank}d")(*arguments)
                for kind, arguments in (
                    ("MaxPool", (3, 2, 1, 1, True, True)),
                    ("MaxPool", (2,)),
                    ("AvgPool", (3, 2, 1, True, False)),
                    ("AvgPool", (3,)),
                    ("LPPool", (2, 3)),
                    ("LPPool", (1.5, 3, 2, True)),
                    ("AdaptiveAvgPool", (3,)),
                    ("AdaptiveMaxPool", (3, True)),
                    ("MaxUnpool", (3,)),
                    ("MaxUnpool", (3, 2, 1)),
                )
                for rank in (1, 2, 3)
            ),
            lambda nn: nn.MaxUnpool2d((3, 2), (2, 1)),
            lambda nn: nn.FractionalMaxPool2d(2, 3, return_indices=True),
            lambda nn: nn.FractionalMaxPool2d((2, 3), output_ratio=(0.5, 0.6)),
            lambda nn: nn.FractionalMaxPool3d(2, output_ratio=0.5),
        ],
    )
    def test_layers(self, make):
        mine, theirs = make(nn), make(self.torch.nn)
        assert repr(mine) == repr(theirs)
        for name, value in vars(theirs).items():
            if not name.startswith("_") and name != "training":
                assert getattr(mine, name) == value, name


def test_layers_compute(rng):
    for rank in (1, 2, 3):
        x = rng.standard_normal(SHAPES[rank][0])
        assert_same(
            ours("MaxPool", rank, nn)(2, return_indices=True)(x), ours("max_pool", rank)(x, 2, return_indices=True)
        )
        assert_same(ours("AvgPool", rank, nn)(3, 2, 1, True, False)(x), ours("avg_pool", rank)(x, 3, 2, 1, True, False))
        assert_same(ours("LPPool", rank, nn)(2, 3, 2)(x), ours("lp_pool", rank)(x, 2, 3, 2))
        assert_same(ours("AdaptiveMaxPool", rank, nn)(3, True)(x), ours("adaptive_max_pool", rank)(x, 3, True))
        assert_same(ours("AdaptiveAvgPool", rank, nn)(3)(x), ours("adaptive_avg_pool", rank)(x, 3))
        values, at = ours("max_pool", rank)(x, 2, return_indices=True)
        size = x.shape[-rank:]
        assert_same(
            ours("MaxUnpool", rank, nn)(2)(values, at, output_size=size),
            ours("max_unpool", rank)(values, at, 2, output_size=size),
        )
    samples = rng.random((2, 3, 2))
    x = rng.standard_normal((2, 3, 9, 11))
    layer = nn.FractionalMaxPool2d(2, (4, 5), _random_samples=samples)
    assert_same(layer(x), F.fractional_max_pool2d(x, 2, (4, 5), _random_samples=samples))
    assert dict(layer.named_buffers()).keys() == {"_random_samples"}
    seeded = [nn.FractionalMaxPool3d(2, output_ratio=0.6, generator=5)(x) for _ in range(2)]
    assert_same(*seeded)
