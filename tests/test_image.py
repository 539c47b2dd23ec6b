"""pyconv.image: SciPy's results on every border, origin, size and type; integers; the same bits wherever it runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problems import same_bits
from scipy import ndimage

import pyconv
from pyconv import image
from pyconv.image.arguments import MODES
from pyconv.image.numbers import _saturate, _wrap
from pyconv.image.smooth import gaussian_weights
from pyconv.reference import image as reference

settings.register_profile("pyconv", deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
settings.load_profile("pyconv")

INTEGERS = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "int64"]
FLOATS = ["float16", "float32", "float64"]
FILTERS_WITH_AXES = ["correlate", "convolve", "gaussian_filter", "uniform_filter", "laplace", "gaussian_laplace"]


def scipy_mode(mode):
    """SciPy's filters document the names with grid-, but some of them take them for those of its interpolations."""
    return {"grid-wrap": "wrap", "grid-constant": "constant"}.get(mode, mode)


def arranged(x, how):
    """The same values in another order of memory."""
    if how == "fortran":
        return np.asfortranarray(x)
    if how == "first axis last":
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0)
    if how == "backwards":
        return np.ascontiguousarray(x[::-1])[::-1]
    if how == "every other":
        wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
        wide[..., ::2] = x
        return wide[..., ::2]
    return x


@st.composite
def cases(draw, dtypes):
    """An array, its axes to filter, and the arguments that all functions have."""
    rank = draw(st.integers(1, 4))
    shape = tuple(draw(st.integers(1, 8)) for _ in range(rank))
    axes = tuple(sorted(draw(st.permutations(range(rank)))[: draw(st.integers(1, rank))]))
    dtype = draw(st.sampled_from(dtypes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = (rng.integers(0, 100, shape) if dtype in INTEGERS else rng.standard_normal(shape)).astype(dtype)
    how = draw(st.sampled_from(["", "fortran", "first axis last", "backwards", "every other"]))
    options = {"mode": draw(st.sampled_from(sorted(MODES))), "cval": draw(st.sampled_from([0.0, 2.0, -1.5]))}
    # SciPy 1.17's kernels of any shape go wrong where they reach 4 times the size of a reflected axis.
    sizes = tuple(draw(st.integers(1, 4 if len(axes) > 2 else 8 if shape[axis] == 2 else 11)) for axis in axes)
    origins = [draw(st.integers(-(size // 2), (size - 1) // 2)) for size in sizes]
    return arranged(x, how), axes, sizes, origins, options, rng


def by_scipy(name, x, *arguments, **options):
    """What SciPy gives in float64, its boundary names understood."""
    modes = options["mode"]
    options["mode"] = scipy_mode(modes) if isinstance(modes, str) else [scipy_mode(mode) for mode in modes]
    return getattr(ndimage, name)(x.astype(np.float64), *arguments, **options)


def eps_of(dtype):
    return 2.0**-10 if dtype == np.float16 else float(np.finfo(dtype).eps)


def flipped(origins, sizes):
    """Origins of a convolution that are legal when those of a correlation are."""
    return [-o - (size % 2 == 0) for o, size in zip(origins, sizes, strict=True)]


@settings(max_examples=250)
@given(case=cases(FLOATS), name=st.sampled_from(["correlate", "convolve", "correlate1d", "convolve1d"]))
def test_kernels_of_any_shape_as_scipy(case, name):
    x, axes, sizes, origins, options, rng = case
    weights = rng.standard_normal(sizes)
    place = flipped(origins, sizes) if name.startswith("convolve") else origins
    if name.endswith("1d"):
        arguments = rng.standard_normal(sizes[0]), axes[0]
        options["origin"] = place[0]
    else:
        arguments = (weights,)
        options |= {"origin": place, "axes": axes}
    result = getattr(image, name)(x, *arguments, **options)
    assert result.dtype == x.dtype
    # One chain in the input's type: an error of half an ulp of the sum of magnitudes at each of its steps.
    magnitudes = [np.abs(arguments[0]), *arguments[1:]]
    largest = by_scipy(name, np.abs(x), *magnitudes, **{**options, "cval": abs(options["cval"])})
    work = np.promote_types(x.dtype, np.float32)
    bound = (np.finfo(work).eps * (arguments[0].size + 2) + (eps_of(x.dtype) if work != x.dtype else 0)) * largest
    assert (np.abs(result - by_scipy(name, x, *arguments, **options)) <= bound + 1e-7 * (x.dtype == "float16")).all()


@settings(max_examples=200)
@given(case=cases(INTEGERS), name=st.sampled_from(["correlate", "convolve", "sobel", "prewitt", "laplace"]))
def test_integers_as_scipy(case, name):
    """To the bit, wrapped like SciPy's, whatever lies between: of integers and integer weights every sum is exact."""
    x, axes, sizes, origins, options, rng = case
    options["cval"] = math.ceil(options["cval"])
    arguments = ()
    if name in ("sobel", "prewitt"):
        arguments = (axes[0],)
    else:
        options["axes"] = axes
    if name in ("correlate", "convolve"):
        arguments = (rng.integers(-3, 4, sizes),)
        options["origin"] = flipped(origins, sizes) if name == "convolve" else origins
    result = getattr(image, name)(x, *arguments, **options)
    exact = by_scipy(name, x, *arguments, **options)
    np.testing.assert_array_equal(result, exact.astype(np.int64).astype(x.dtype))
    clipped = getattr(image, name)(x, *arguments, overflow="saturate", **options)
    info = np.iinfo(x.dtype)
    np.testing.assert_array_equal(clipped, np.clip(exact, info.min, info.max).astype(x.dtype))


SMOOTHING = ["gaussian_filter", "uniform_filter", "sobel", "prewitt", "laplace", "gaussian_laplace"]


@settings(max_examples=250)
@given(
    case=cases(["float32", "float64", "uint8", "int16"]),
    name=st.sampled_from([*SMOOTHING, "gaussian_gradient_magnitude"]),
    data=st.data(),
)
def test_filters_of_passes_as_scipy(case, name, data):
    x, axes, sizes, origins, options, rng = case
    count = x.ndim if name in ("sobel", "prewitt", "gaussian_gradient_magnitude") else len(axes)
    if data.draw(st.booleans()) and not name.startswith("gaussian_"):
        options["mode"] = [data.draw(st.sampled_from(sorted(MODES))) for _ in range(count)]
    if count == len(axes):
        options["axes"] = axes
    gain, taps = 4.0**x.ndim, 4 * x.ndim
    if name == "uniform_filter":
        arguments, gain, taps = (sizes,), 1, sum(sizes) + 1
        options["origin"] = origins
    elif name.startswith("gaussian"):
        sigma = rng.uniform(0.4, 2.0, count)
        orders = [0] * count
        if name == "gaussian_filter":
            orders = [data.draw(st.integers(0, 3)) for _ in range(count)]
        radius = [math.floor(4 * s + 0.5) for s in sigma]
        most = max(max(orders), 2 if name != "gaussian_filter" else 0)
        arguments = (list(sigma), orders) if name == "gaussian_filter" else (list(sigma),)
        gain = math.prod(
            max(np.abs(gaussian_weights(float(s), order, r)).sum() for order in range(most + 1))
            for s, r in zip(sigma, radius, strict=True)
        )
        gain, taps = gain * count, sum(2 * r + 1 for r in radius) + count
        if data.draw(st.booleans()):
            options["truncate"] = 4.0
    elif name in ("sobel", "prewitt"):
        arguments = (axes[0],)
        options.pop("axes", None)
    else:
        arguments = ()
    dtype = np.dtype("float64" if x.dtype.kind != "f" else x.dtype)
    result = getattr(image, name)(x, *arguments, output=dtype, **options)
    assert result.dtype == dtype
    expected = by_scipy(name, x, *arguments, **options)
    largest = max(abs(options["cval"]), np.abs(x.astype(float)).max())
    if name == "gaussian_gradient_magnitude":
        taps *= 2
    # SciPy's means come from a running sum, whose error grows along a line.
    bound = eps_of(dtype) * (taps + 8) * gain * max(largest, 1e-3)
    assert np.abs(result - expected).max() <= bound


def test_against_the_reference(rng):
    for shape, size in [
        ((30,), (7,)),
        ((2,), (15,)),
        ((17, 23), (4, 6)),
        ((6, 7, 8), (3, 4, 2)),
        ((3, 2, 5), (9, 8, 7)),
    ]:
        x, w = rng.integers(-9, 10, shape), rng.integers(-3, 4, size)
        origins = [int(rng.integers(-(k // 2), (k - 1) // 2 + 1)) for k in size]
        for mode in MODES:
            expected = reference.correlate(x, w, mode, 2.0, origins)
            for dtype in ("float32", "float64", "int16"):
                np.testing.assert_array_equal(image.correlate(x.astype(dtype), w, None, mode, 2.0, origins), expected)
            place = flipped(origins, size)
            expected = reference.convolve(x, w, mode, 2.0, place)
            np.testing.assert_array_equal(image.convolve(x, w, None, mode, 2.0, place), expected)


@pytest.mark.parametrize("order", range(5))
def test_gaussian_weights(order):
    for sigma in (0.3, 1.0, 2.7, 11.0):
        radius = int(4 * sigma + 0.5)
        dot = np.zeros(2 * radius + 1)
        dot[radius] = 1
        ours = gaussian_weights(sigma, order, radius)
        tolerance = 1e-14 * np.abs(ours).max()
        np.testing.assert_allclose(ours, reference.gaussian_weights(sigma, order, radius), rtol=0, atol=tolerance)
        response = ndimage.gaussian_filter1d(dot, sigma, order=order, mode="constant")
        np.testing.assert_allclose(ours[::-1], response, rtol=0, atol=tolerance)
    ours = image.gaussian_filter(np.eye(9), 1, order, radius=2, truncate=9)
    np.testing.assert_allclose(ours, ndimage.gaussian_filter(np.eye(9), 1, order, radius=2), rtol=0, atol=1e-13)


# ---- integers ----


def test_types_of_results():
    small, words = np.full((3, 3), 200, np.uint8), np.full((3, 3), 200, np.int16)
    for x in (small, words, words.astype(np.float32), words.astype(np.float16), words.astype(">i2")):
        assert image.gaussian_filter(x, 1).dtype == x.dtype.newbyteorder("=")
        assert image.correlate(x, np.ones((3, 3)), output="float64").dtype == np.float64
        np.testing.assert_array_equal(image.correlate(x, np.ones((3, 3)), output=np.int32), np.full((3, 3), 1800))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_rounding_and_overflow(dtype, rng):
    info = np.iinfo(dtype)
    x = rng.integers(info.min // 2, info.max // 2 + 1, (40, 41), dtype=dtype)
    x[:5] = info.max
    half = np.array([[0.5, 0.5]])
    sums = x.astype(object) + x.astype(object)[:, [0, *range(40)]]
    if info.bits < 64:
        down = [[math.trunc(s / 2) for s in row] for row in sums]
        np.testing.assert_array_equal(image.correlate(x, half), down)
        even = [[round(s / 2) for s in row] for row in sums]
        np.testing.assert_array_equal(image.correlate(x, half, rounding="nearest"), even)
        wrapped = [[(3 * s - info.min) % 2**info.bits + info.min for s in row] for row in sums]
        np.testing.assert_array_equal(image.correlate(x, half * 6), wrapped)
    capped = image.correlate(x, half * 4, overflow="saturate")
    assert (capped[:5] == info.max).all()
    least = image.correlate(x, half * -4, overflow="saturate")
    assert (least[:5] == info.min).all()


@pytest.mark.parametrize("work", ["float32", "float64"])
@pytest.mark.parametrize("dtype", [*INTEGERS, "uint64"])
def test_numbers_out_of_range(dtype, work):
    info = np.iinfo(dtype)
    top = float(info.max)
    numbers = [0, 1, -1, 300, -300, info.min, top, top + 1, 3 * top, -3 * top - 7, 1e30, -1e30, np.inf, -np.inf, np.nan]
    block, stored = np.array(numbers, work), np.empty(len(numbers), dtype)
    values = block.tolist()
    with np.errstate(invalid="ignore"):
        _wrap(block.copy(), stored)
        whole = [int(v) if math.isfinite(v) else 0 for v in values]
        assert stored.tolist() == [(v - info.min) % 2**info.bits + info.min for v in whole]
        _saturate(block.copy(), stored)
        expected = [
            0 if math.isnan(v) else info.max if v > info.max else info.min if v < info.min else int(v) for v in values
        ]
        assert stored.tolist() == expected


def test_infinities_become_integers(rng):
    x = np.array([[np.nan, 1.0, np.inf, 300.0, -np.inf]])
    assert image.correlate(x, [[1.0]], output=np.uint8).tolist() == [[0, 1, 0, 44, 0]]
    assert image.correlate(x, [[1.0]], output=np.uint8, overflow="saturate").tolist() == [[0, 1, 255, 255, 0]]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32"])
def test_what_is_all_alike_stays_so(dtype):
    for value in (1, 7, 100, np.iinfo(dtype).max):
        x = np.full((21, 23), value, dtype)
        for sigma in (0.3, 0.7, 1, 1.9, 3.3, 6):
            assert (image.gaussian_filter(x, sigma) == value).all()
        for size in (2, 3, 5, 6, 7, 13):
            assert (image.uniform_filter(x, size) == value).all()
            assert (image.correlate(x, np.full((size, size), 1 / size**2)) == value).all()


def test_integers_round_once(rng):
    """SciPy rounds between axes; here the result is the rounded real one, wherever a float64 can tell."""
    for dtype in ("uint8", "uint16", "int32"):
        x = rng.integers(0, 256, (50, 60)).astype(dtype)
        for run in (
            lambda m, x, **k: m.gaussian_filter(x, 1.3, **k),
            lambda m, x, **k: m.correlate(x, np.outer([1, 2, 1], [1, 3, 1, 2]) / 28, **k),
            lambda m, x, **k: m.uniform_filter(x, (3, 4), **k),
        ):
            real = run(ndimage, x.astype(float))
            clear = np.abs(real - np.rint(real)) > 1e-3
            np.testing.assert_array_equal(run(image, x)[clear], np.trunc(real)[clear])
            clear = np.abs(real - np.floor(real) - 0.5) > 1e-3
            np.testing.assert_array_equal(run(image, x, rounding="nearest")[clear], np.rint(real)[clear])


# ---- where results go ----


def test_output(rng):
    x = rng.standard_normal((2, 30, 31)).astype("float32")
    w = rng.standard_normal((3, 4))
    for run in (
        lambda **k: image.correlate(x, w, axes=(1, 2), **k),
        lambda **k: image.gaussian_filter(x, (2, 1), axes=(1, 2), **k),
        lambda **k: image.laplace(x, axes=(1, 2), **k),
        lambda **k: image.uniform_filter(x, 4, mode=("wrap", "reflect", "constant"), cval=3.0, **k),
        lambda **k: image.gaussian_gradient_magnitude(x, 1, **k),
        lambda **k: image.gaussian_filter(x, 0, **k),
    ):
        expected = run()
        for out in (
            np.full(x.shape, np.nan, "float32"),
            np.full(x.shape, np.nan, "float32", order="F"),
            np.full((2, 30, 62), np.nan, "float32")[..., ::2],
        ):
            assert run(output=out) is out
            assert same_bits(np.ascontiguousarray(out), expected)
        double = np.full(x.shape, np.nan)
        assert run(output=double) is double
        np.testing.assert_allclose(double, expected, rtol=0, atol=1e-4)
    for run in (image.gaussian_filter, image.uniform_filter):
        expected, place = run(x, 2), x.copy()
        assert run(place, 2, output=place) is place
        assert same_bits(place, expected)


def test_memory_order_is_kept_where_it_may(rng):
    last = rng.standard_normal((20, 21, 3)).astype("float32")
    first = last.transpose(2, 0, 1)
    assert image.gaussian_filter(first, 2, channel_axis=0).strides == first.strides


@pytest.mark.parametrize("name", FILTERS_WITH_AXES)
def test_empty(name):
    arguments = {"correlate": (np.ones((2, 3)),), "convolve": (np.ones((2, 3)),), "laplace": ()}.get(name, (2,))
    for shape in ((0, 5, 4), (3, 0, 4), (0, 0, 0)):
        for dtype in ("float32", "uint8"):
            result = getattr(image, name)(np.zeros(shape, dtype), *arguments, axes=(0, 1))
            assert (result.shape, result.dtype) == (shape, dtype)
    assert image.filter_bank(np.zeros((0, 4)), np.ones((3, 2, 2))).shape == (3, 0, 4)
    assert image.gaussian_filter(np.float32(3), 1) == 3


# ---- the same bits ----


def calls(rng):
    """Filters of every way through the code, on arrays that they take in."""
    kernel, large, cube = (rng.standard_normal(size) for size in ((5, 4), (15, 15), (3, 2, 3)))
    bank = rng.standard_normal((3, 3, 3))
    return [
        lambda x, **k: image.correlate(x, kernel, **k),
        lambda x, **k: image.convolve(x, large, mode="mirror", **k),
        lambda x, **k: image.correlate(x, np.outer([1, 2, 4, 8, 4, 2, 1], [1, 2, 4, 8, 4, 2, 1]) / 16, **k),
        lambda x, **k: image.gaussian_filter(x, (1.3, 2), mode="wrap", **k),
        lambda x, **k: image.uniform_filter(x, (4, 3), mode="constant", cval=2.0, **k),
        lambda x, **k: image.gaussian_laplace(x, 1, mode=("nearest", "reflect"), **k),
        lambda x, **k: image.filter_bank(x, bank, **k),
    ], cube


@pytest.mark.fast
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int16"])
def test_same_bits_everywhere(dtype, rng):
    functions, cube = calls(rng)
    x = (rng.standard_normal((70, 300)) * 100).astype(dtype)
    solid = (rng.standard_normal((8, 9, 40)) * 100).astype(dtype)
    functions = [*(lambda f=f: f(x) for f in functions), lambda: image.correlate(solid, cube)]
    expected = [f() for f in functions]
    for isa in pyconv.available_isas():
        pyconv.set_isa(isa)
        for threads in (1, 3):
            with pyconv.threads(threads):
                for f, right in zip(functions, expected, strict=True):
                    assert same_bits(f(), right), isa
    pyconv.set_isa(None)


@pytest.mark.fast
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_an_image_does_not_depend_on_the_others(dtype, rng):
    """Axes that are not filtered hold images: anywhere, in any number, in memory of any order."""
    functions, cube = calls(rng)
    shape = (64, 90)
    images = (rng.standard_normal((2, *shape)) * 100).astype(dtype)
    for f in functions:
        alone = np.stack([f(one) for one in images])
        bank = alone.ndim - 3
        for channel in (0, 1, 2):
            x = np.moveaxis(images, 0, channel)
            result = f(np.ascontiguousarray(x), channel_axis=channel)
            assert same_bits(np.ascontiguousarray(np.moveaxis(result, channel + bank, 0)), alone), channel
            axes = [axis for axis in range(3) if axis != channel]
            assert same_bits(f(x, axes=axes), result)
    volumes = (rng.standard_normal((2, 3, 6, 7, 8)) * 100).astype(dtype)
    result = image.correlate(volumes, cube, axes=(0, 2, 4))
    for j, k in ((0, 0), (2, 6), (1, 3)):
        assert same_bits(np.ascontiguousarray(result[:, j, :, k]), image.correlate(volumes[:, j, :, k], cube))


def test_lines_anywhere(rng):
    """One axis of an array, with few or many elements behind it, is each of its lines by itself."""
    x = rng.standard_normal((3, 2, 9, 35)).astype("float32")
    w = rng.standard_normal(6)
    for axis in range(4):
        for run in (
            lambda x, axis: image.correlate1d(x, w, axis),
            lambda x, axis: image.gaussian_filter1d(x, 1.5, axis, mode="mirror"),
            lambda x, axis: image.uniform_filter1d(x, 3, axis, mode="constant", cval=1.0, origin=-1),
            lambda x, axis: image.convolve1d(x, w, axis, mode="wrap", origin=1),
        ):
            lines = np.moveaxis(x, axis, -1)
            expected = np.stack([run(line, 0) for line in lines.reshape(-1, lines.shape[-1])]).reshape(lines.shape)
            assert same_bits(np.ascontiguousarray(np.moveaxis(run(x, axis), axis, -1)), expected)


@pytest.mark.fast
@pytest.mark.parametrize("dtype", ["float32", "uint8", "int16"])
def test_filter_bank(dtype, rng):
    x = (rng.standard_normal((2, 33, 40)) * 100).astype(dtype)
    for size in ((3, 3), (4, 1), (1, 1), (15, 17)):
        kernels = rng.standard_normal((5, *size))
        options = {"mode": "nearest", "origin": (-1 if size[0] > 2 else 0, 0), "precision": "strict"}
        result = image.filter_bank(x, kernels, channel_axis=0, **options)
        for kernel, one in zip(kernels, result, strict=True):
            assert same_bits(np.ascontiguousarray(one), image.correlate(x, kernel, channel_axis=0, **options))
        out = np.empty(result.shape, dtype)
        assert image.filter_bank(x, kernels, out, channel_axis=0, **options) is out
        assert same_bits(out, np.ascontiguousarray(result))


@pytest.mark.fast
def test_precision(rng):
    x, w = rng.standard_normal((128, 128)).astype("float32"), rng.standard_normal((21, 21))
    strict, fast = image.correlate(x, w, precision="strict"), image.correlate(x, w, precision="fast")
    assert not same_bits(strict, fast)
    assert same_bits(image.correlate(x, w), fast)
    np.testing.assert_allclose(fast, strict, rtol=0, atol=1e-3)


def test_long_lines_and_kernels(rng):
    """What does not fit between two passes, or has thousands of taps."""
    wide = rng.standard_normal((2, 20_000))
    for mode in ("wrap", "reflect"):
        ours, theirs = (m.gaussian_filter(wide, (0.5, 3), mode=mode) for m in (image, ndimage))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-14)
    for mode in ("mirror", "wrap", "nearest", "constant"):
        for shape, axis in (((2, 60), 1), ((30, 40), 0), ((2, 10, 3), 1)):
            x = rng.standard_normal(shape)
            ours, theirs = (m.uniform_filter1d(x, 4999, axis, mode=mode, cval=1.0) for m in (image, ndimage))
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-11)


def test_infinities_stay_where_they_are():
    x = np.zeros((9, 9), "float32")
    x[4, 4] = np.inf
    assert np.isinf(image.uniform_filter(x, 3)).sum() == 9
    assert np.isfinite(image.uniform_filter(x, 3)).sum() == 72
    laplace = image.laplace(x)
    assert (np.isinf(laplace).sum(), np.isnan(laplace).sum()) == (5, 0)
    assert np.isnan(image.correlate(x, np.zeros((3, 3)))).sum() == 9


# ---- mistakes ----

IMAGE = np.ones((6, 7), "float32")
ONES = np.ones((3, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: image.correlate(IMAGE, np.ones(3)), r"correlate: weights must have 2 axes.*\(3,\)"),
        (lambda: image.correlate(IMAGE, np.ones((3, 0))), r"correlate: weights .*none of them empty.*\(3, 0\)"),
        (lambda: image.filter_bank(IMAGE, ONES), r"filter_bank: kernels must have 3 axes"),
        (lambda: image.filter_bank(np.ones((4,) * 4), np.ones((2, 3, 3, 3, 3))), r"filter_bank: .* three axes"),
        (lambda: image.correlate(IMAGE, ONES, mode="edge"), r"correlate: mode must be one of reflect, .*'edge'"),
        (lambda: image.correlate(IMAGE, ONES, mode=["wrap", "wrap"]), r"correlate: mode must be one name"),
        (lambda: image.sobel(IMAGE, mode=["wrap"]), r"sobel: mode must be one, or one for each of 2 axes"),
        (
            lambda: image.correlate(IMAGE, ONES, origin=2),
            r"correlate: origin 2 lies outside .*\(3, 3\)|origin \[2, 2\]",
        ),
        (lambda: image.correlate(IMAGE, np.ones((4, 4)), origin=2), "outside of a kernel"),
        (lambda: image.convolve(IMAGE, np.ones((4, 4)), origin=-3), "outside of a kernel"),
        (lambda: image.correlate1d(IMAGE, [1, 2, 3], origin=-2), r"correlate1d: origin -2 lies outside"),
        (lambda: image.uniform_filter(IMAGE, 4, origin=2), r"uniform_filter: origin 2 lies outside"),
        (lambda: image.correlate(IMAGE, ONES, origin=(1, 0, 0)), r"correlate: origin must be one"),
        (lambda: image.correlate(IMAGE, ONES, axes=(0, 0)), r"correlate: axes must differ, got \(0, 0\)"),
        (lambda: image.correlate(IMAGE, ONES, axes=(0, 2)), r"correlate: axes 2 is out of range .* 2 axes"),
        (lambda: image.correlate(IMAGE, ONES, channel_axis=3), r"correlate: channel_axis 3 is out of range"),
        (lambda: image.laplace(IMAGE, axes=(0, 1), channel_axis=-1), r"laplace: axes \(0, 1\) include channel_axis -1"),
        (lambda: image.correlate(np.float32(1), 2.0), r"correlate: there is no axis"),
        (lambda: image.sobel(IMAGE, 2), r"sobel: axis 2 is out of range"),
        (lambda: image.sobel(IMAGE, 1, channel_axis=1), r"sobel: axis 1 is the channel_axis"),
        (lambda: image.gaussian_filter(IMAGE, -1), r"gaussian_filter: sigma must be finite and not negative, not -1"),
        (lambda: image.gaussian_filter(IMAGE, np.nan), r"gaussian_filter: sigma"),
        (lambda: image.gaussian_filter(IMAGE, (1, 2, 3)), r"gaussian_filter: sigma must be one, or one for each of 2"),
        (lambda: image.gaussian_filter(IMAGE, 1, -1), r"gaussian_filter: order .* at least 0"),
        (lambda: image.gaussian_filter(IMAGE, 1, radius=-1), r"gaussian_filter: radius .* at least 0"),
        (lambda: image.gaussian_filter(IMAGE, 1, truncate=-1), r"gaussian_filter: truncate"),
        (lambda: image.gaussian_laplace(IMAGE, 0), r"gaussian_laplace: sigma must be positive"),
        (lambda: image.uniform_filter(IMAGE, 0), r"uniform_filter: size .* at least 1"),
        (lambda: image.correlate(IMAGE, ONES, np.ones((6, 6))), r"correlate: output has shape \(6, 6\).*\(6, 7\)"),
        (lambda: image.correlate(IMAGE, ONES, rounding="up"), r"correlate: rounding must be"),
        (lambda: image.laplace(IMAGE, overflow="clip"), r"laplace: overflow must be"),
        (lambda: image.correlate(IMAGE, ONES, precision="exact"), r"precision must be"),
    ],
)
def test_values_that_are_mistakes(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: image.correlate(IMAGE.astype(complex), ONES), r"correlate: input must hold .*complex128; filter real"),
        (lambda: image.gaussian_filter(IMAGE > 0, 1), r"gaussian_filter: input must hold .*bool; convert"),
        (lambda: image.sobel(np.array([["a"]])), r"sobel: input must hold"),
        (lambda: image.correlate(IMAGE, ONES * 1j), r"correlate: weights must hold real numbers, not complex128"),
        (lambda: image.correlate(IMAGE, ONES, bool), r"correlate: output must hold"),
        (lambda: image.correlate(IMAGE, ONES, "colour"), r"correlate: output must be an array or a dtype"),
        (lambda: image.correlate(IMAGE, ONES, cval=1j), r"correlate: cval must be a real number"),
        (lambda: image.correlate(IMAGE, ONES, origin=0.5), r"correlate: origin must be an integer"),
        (lambda: image.correlate1d(IMAGE, [1], axis=0.5), r"correlate1d: axis must be an integer"),
        (lambda: image.gaussian_filter(IMAGE, "wide"), r"gaussian_filter: sigma must be a real number"),
    ],
)
def test_types_that_are_mistakes(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_read_only():
    locked = np.zeros_like(IMAGE)
    locked.flags.writeable = False
    with pytest.raises(ValueError, match="laplace: output is not writable"):
        image.laplace(IMAGE, locked)
    image.laplace(locked)


def test_names_and_arguments_are_scipys():
    """Whoever comes from scipy.ndimage changes the import."""
    import inspect

    for name in image.__all__:
        if name == "filter_bank":
            continue
        ours, theirs = (list(inspect.signature(getattr(m, name)).parameters) for m in (image, ndimage))
        theirs = [each for each in theirs if each != "kwargs"]
        assert set(theirs) <= set(ours), name
        positional = [each for each in theirs if each not in ("axes", "radius")]
        assert ours[: len(positional)] == positional, name


@pytest.mark.parametrize("mode", ["reflect", "mirror", "nearest", "wrap", "constant"])
def test_kernels_far_longer_than_the_image(mode, rng):
    """Weights that always meet the same element are one: the same sums, exactly, and time only for the image."""
    for n in (1, 2, 3, 7):
        x = rng.integers(-9, 10, (n, 3))
        weights = rng.integers(-3, 4, 4 * n + 65 + int(rng.integers(100))).astype(float)
        size = len(weights)
        for origin in (0, 20, -31):
            before = size // 2 + origin
            names = {"reflect": "symmetric", "mirror": "reflect", "nearest": "edge"}
            fill = {"constant_values": 2} if mode == "constant" else {}
            padded = np.pad(x, ((before, size - 1 - before), (0, 0)), names.get(mode, mode), **fill)
            expected = np.array([(padded[i : i + size] * weights[:, None]).sum(0) for i in range(n)])
            assert np.array_equal(image.correlate1d(x, weights, 0, mode=mode, cval=2, origin=origin), expected)
    wide = image.gaussian_filter(np.arange(6.0).reshape(2, 3), 1e4, mode=mode, cval=2.5)
    np.testing.assert_allclose(wide, 2.5, rtol=1e-3)


def test_as_many_taps_as_there_is_time_for():
    x = np.zeros((3, 3))
    for call in (
        lambda: image.gaussian_filter(x, 1e7),
        lambda: image.gaussian_filter(x, 1e300),
        lambda: image.gaussian_filter1d(x, 1, radius=1 << 40),
        lambda: image.gaussian_laplace(x, 1e7),
        lambda: image.uniform_filter(x, 1 << 40),
    ):
        with pytest.raises(ValueError, match=r"(radius|size) must be at most 1048576, not"):
            call()
    x[1, 1] = 1
    assert image.gaussian_filter(x, 1, radius=1 << 20).sum() == pytest.approx(1, abs=1e-9)
