"""The operators: values against the reference, and the same bits whatever computes them."""

from __future__ import annotations

import functools
import zlib

import numpy as np
import pytest
from problems import (
    TRANSFORMS,
    Problem,
    accepting,
    check_batch,
    check_values,
    explain_conv2d,
    repro,
    same_bits,
    targets,
)

import pyconv
import pyconv.nn.functional as F
from pyconv import _native, reference

# One line a problem, chosen for what it stresses. Every algorithm that accepts a problem runs it.
CONV_PROBLEMS = """
x=1,1,3,3 w=1,1,3,3
x=1,1,32,32 w=6,1,3,3
x=2,6,15,15 w=16,6,3,3
x=1,3,32,32 w=5,3,5,5
x=1,3,37,41 w=1,3,3,3 padding=1
x=1,3,30,31 w=17,3,7,7 stride=2 padding=3
x=1,3,16,16 w=8,3,4,4 stride=4
x=3,16,9,9 w=33,16,3,3 padding=1
x=1,5,7,7 w=64,5,3,3 padding=1
x=1,40,7,7 w=40,40,3,3 padding=1 bias=False
x=1,24,8,9 w=20,24,1,1
x=2,33,6,7 w=18,33,1,1 stride=2
x=1,40,16,32 w=50,40,1,1
x=2,33,15,18 w=70,33,1,1 stride=2
x=1,9,10,11 w=40,9,1,1 stride=1,3
x=1,9,6,4 w=20,9,1,1 stride=1,4
x=1,64,20,20 w=2,64,1,1
x=1,130,5,5 w=48,130,1,1
x=1,16,13,11 w=16,16,3,3 stride=2 padding=1
x=1,8,12,14 w=16,8,3,3 dilation=2 padding=2
x=1,3,17,15 w=4,3,3,2 stride=2,3 padding=2,1 dilation=1,2
x=1,7,1,40 w=9,7,1,5 padding=0,2
x=1,7,40,1 w=9,7,5,1 padding=2,0
x=2,32,14,14 w=32,1,3,3 padding=1 groups=32
x=1,17,19,23 w=17,1,5,5 padding=2 groups=17
x=1,8,15,15 w=8,1,3,3 stride=2 padding=1 groups=8
x=1,6,15,14 w=6,1,7,7 padding=3 groups=6 bias=False
x=1,4,9,9 w=12,1,3,3 padding=1 groups=4
x=1,32,9,10 w=64,4,3,3 padding=1 groups=8
x=1,12,8,8 w=6,4,3,3 groups=3
x=2,1,40,45 w=1,1,9,9 padding=4
x=1,1,33,70 w=1,1,3,3 padding=1
x=1,1,20,20 w=3,1,2,4 padding=same
x=1,1,11 w=1,1,1,1 dilation=2
x=2,3,4,11 w=3,1,3,3 padding=2,0 dilation=3,2 groups=3
x=1,2,11,12 w=3,2,4,2 padding=same dilation=2,3
x=1,2,9,9 w=3,2,3,3 padding=valid
x=1,2,3,3 w=4,2,5,5 padding=4
x=1,1,2,2 w=1,1,2,2 padding=3 stride=3
x=4,3,10,10 w=7,3,3,3 padding=1 padding_mode=reflect
x=1,3,5,6 w=7,3,5,5 padding=4,5 padding_mode=reflect
x=1,3,9,8 w=20,3,3,3 padding=2 padding_mode=replicate
x=1,4,6,6 w=4,1,5,5 padding=6 padding_mode=replicate groups=4
x=1,3,9,8 w=20,3,3,3 padding=2 stride=2 padding_mode=circular
x=1,1,9,8 w=1,1,3,3 padding=same padding_mode=circular
x=1,1,7,9 w=1,1,5,4 padding=same padding_mode=reflect
x=3,12,12 w=8,3,3,3 padding=1
x=1,9,9 w=1,1,5,5 padding=2
x=2,16,9,9 w=24,16,3,3 padding=1 layout=NHWC
x=1,3,20,20 w=16,3,7,7 stride=2 padding=3 layout=NHWC
x=1,32,10,11 w=32,1,3,3 padding=1 groups=32 layout=NHWC
x=1,20,6,6 w=10,20,1,1 layout=NHWC
x=5,9,9 w=6,5,2,3 padding=same layout=NHWC
x=2,3,9,110 w=3,1,1,7 padding=same groups=3 layout=NHWC
x=2,6,30,17 w=6,1,5,1 padding=same groups=6 layout=NHWC
x=1,3,8,8 w=4,3,3,3 padding=1 padding_mode=reflect layout=NHWC
""".strip().splitlines()


@functools.cache
def baseline(line: str, dtype: str, exact: bool):
    """The data of a problem and its result on the default target with one thread, checked against the reference."""
    problem = Problem.parse(line)._replace(dtype=dtype)
    seed = zlib.crc32(line.encode())
    data = problem.arrays(np.random.default_rng(seed), exact)
    with pyconv.threads(1):
        result = _native.conv(2, *data, **problem.arguments)
    check_values(problem, data, result, exact, repro(problem, seed))
    check_batch(problem, data, result, seed)
    return problem, seed, data, result


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("line", CONV_PROBLEMS)
def test_conv2d(line, dtype, isa, num_threads):
    for exact in (True, False):
        problem, seed, data, expected = baseline(line, dtype, exact)
        for algorithm in (None, *accepting(*data, **problem.arguments)):
            result = _native.conv(2, *data, **problem.arguments, algorithm=algorithm)
            assert same_bits(result, expected), f"{algorithm=} {isa=} {num_threads=}; {repro(problem, seed)}"


def test_every_direct_algorithm_is_tested():
    reached = set()
    for line in CONV_PROBLEMS:
        problem, _, data, _ = baseline(line, "float32", True)
        reached |= set(accepting(*data, **problem.arguments))
    assert reached == set(pyconv.algorithms()) - TRANSFORMS


def test_the_choice_depends_on_one_image_alone(isa, num_threads):
    for line in CONV_PROBLEMS:
        problem, seed, (x, w, b), _ = baseline(line, "float32", True)
        chosen = explain_conv2d(x, w, b, **problem.arguments)["algorithm"]
        images = np.stack([x] * 4) if x.ndim == 3 else np.concatenate([x] * 4)
        assert explain_conv2d(images, w, b, **problem.arguments)["algorithm"] == chosen, repro(problem, seed)
        pyconv.set_isa("scalar")
        assert explain_conv2d(x, w, b, **problem.arguments)["algorithm"] == chosen, repro(problem, seed)
        pyconv.set_isa(isa)


@pytest.mark.parametrize("line", ["x=2,16,40,40 w=32,16,3,3 padding=1", "x=1,64,48,48 w=64,1,3,3 padding=1 groups=64"])
def test_large_problems_use_the_threads(line, isa, num_threads):
    problem, seed, data, expected = baseline(line, "float32", False)
    explained = explain_conv2d(*data, **problem.arguments)
    assert (explained["threads"], explained["isa"]) == (num_threads, isa)
    assert same_bits(_native.conv(2, *data, **problem.arguments), expected), repro(problem, seed)


def test_planes_a_power_of_two_apart(isa, num_threads, rng):
    """1x1 layers whose planes fall into the same sets of every cache go through panels, on every target."""
    x = rng.integers(-8, 9, (34, 256, 256)).astype(np.float32)
    w = rng.integers(-8, 9, (20, 34, 1, 1)).astype(np.float32)
    assert np.array_equal(F.conv2d(x, w), np.tensordot(w[:, :, 0, 0], x, 1))


def test_workspace_is_bounded(num_threads):
    lines = [
        *CONV_PROBLEMS,
        "x=1,2048,7,7 w=512,2048,1,1",
        "x=1,512,7,7 w=512,512,3,3 padding=1",
        "x=1,1,1024,1024 w=1,1,9,9",
    ]
    for line in lines:
        problem = Problem.parse(line)
        x = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), problem.x, (0,) * len(problem.x))  # one element
        x = np.moveaxis(x, -3, -1) if problem.layout == "NHWC" else x
        w = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), problem.w, (0,) * 4)
        explained = explain_conv2d(x, w, **problem.arguments)
        assert explained["workspace_bytes_per_thread"] <= 512 * 1024, line
        assert explained["workspace_bytes"] <= num_threads * 512 * 1024, line


def test_functional_passes_everything_on(rng):
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in ((2, 4, 9, 8), (6, 2, 3, 2), (6,)))
    expected = reference.conv2d(x, w, b, (2, 1), (1, 2), (1, 2), 2)
    np.testing.assert_allclose(F.conv2d(x, w, b, (2, 1), (1, 2), (1, 2), 2), expected, rtol=1e-5, atol=1e-5)
    by_name = F.conv2d(input=x, weight=w, bias=b, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2)
    np.testing.assert_allclose(by_name, expected, rtol=1e-5, atol=1e-5)
    last = F.conv2d(x.transpose(0, 2, 3, 1), w, b, (2, 1), (1, 2), (1, 2), 2, layout="NHWC")
    np.testing.assert_allclose(last, expected.transpose(0, 2, 3, 1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("as_argument", [int, np.int64, lambda n: (n,), lambda n: [n, n], lambda n: np.array([n, n])])
def test_conv2d_takes_numbers_in_every_form(rng, as_argument):
    x, w = (rng.integers(-4, 5, s).astype(np.float32) for s in ((1, 2, 9, 9), (3, 2, 2, 2)))
    expected = reference.conv2d(x, w, None, 2, 1, 2)
    assert np.array_equal(F.conv2d(x, w, None, as_argument(2), as_argument(1), as_argument(2)), expected)


VIEWS = {
    "sliced": lambda a: np.repeat(np.repeat(a, 2, -1), 3, -2)[..., ::3, ::2],
    "reversed": lambda a: a[..., ::-1, ::-1].copy()[..., ::-1, ::-1],
    "reversed channels": lambda a: np.flip(np.flip(a, -3).copy(), -3),
    "reversed batch": lambda a: a[::-1].copy()[::-1],
    "transposed": lambda a: a.swapaxes(-1, -2).copy().swapaxes(-1, -2),
    "channels last": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, -3, -1)), -1, -3),
    "part of a larger one": lambda a: np.pad(a, 1)[(slice(1, -1),) * a.ndim],
    "Fortran order": np.asfortranarray,
    "repeated by stride 0": lambda a: np.broadcast_to(a[:, :1], a.shape),
    "read-only": lambda a: _read_only(a.copy()),
    "unaligned": lambda a: _unaligned(a),
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
}


def _read_only(array):
    array.flags.writeable = False
    return array


def _unaligned(array):
    memory = np.zeros(array.nbytes + 1, dtype=np.uint8)
    view = memory[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    assert not view.flags.aligned
    return view


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("line", ["x=2,6,7,8 w=5,6,3,3 padding=1", "x=2,5,9,8 w=5,1,3,3 padding=1 groups=5"])
def test_conv2d_reads_any_view(name, line):
    problem = Problem.parse(line)
    x, w, b = problem.arrays(np.random.default_rng(0), exact=True)
    view, expected_from = VIEWS[name](x), np.ascontiguousarray(VIEWS[name](x)).astype(np.float32)
    before = view.copy()
    if name == "other byte order":
        with pytest.raises(TypeError, match="input"):
            _native.conv(2, view, w, b, **problem.arguments)
        return
    result = _native.conv(2, view, w, b, **problem.arguments)
    assert np.array_equal(result, reference.conv2d(expected_from, w, b, **problem.arguments))
    assert np.array_equal(view, before)
    if name != "unaligned" and w.shape[1] == 6:
        weights = VIEWS[name](w)
        expected = reference.conv2d(x, np.ascontiguousarray(weights), b, **problem.arguments)
        assert np.array_equal(_native.conv(2, x, weights, b[::-1].copy()[::-1], **problem.arguments), expected)


def is_channels_last(array):
    """Whether an NCHW array has NHWC memory."""
    return np.moveaxis(array, -3, -1).flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(2, 6, 7, 8), (6, 7, 8)])
def test_memory_order_of_the_result(rng, shape, dtype):
    x = rng.integers(-4, 5, shape).astype(dtype)
    w = rng.integers(-4, 5, (5, 6, 3, 3)).astype(dtype)
    last = np.ascontiguousarray(np.moveaxis(x, -3, -1))
    plain, from_view, nhwc = F.conv2d(x, w), F.conv2d(np.moveaxis(last, -1, -3), w), F.conv2d(last, w, layout="NHWC")
    assert plain.flags.c_contiguous
    assert is_channels_last(from_view)
    assert nhwc.flags.c_contiguous
    assert np.array_equal(from_view, plain)
    assert np.array_equal(np.moveaxis(nhwc, -1, -3), plain)
    pooled = F.max_pool2d(np.moveaxis(last, -1, -3), 2, return_indices=True)
    assert all(is_channels_last(array) for array in pooled)
    assert np.array_equal(pooled[1], F.max_pool2d(x, 2, return_indices=True)[1])
    assert is_channels_last(F.avg_pool2d(np.moveaxis(last, -1, -3), 2))
    assert is_channels_last(F.adaptive_avg_pool2d(np.moveaxis(last, -1, -3), 3))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_empty_batch(layout):
    shape = (0, 6, 7, 3) if layout == "NHWC" else (0, 3, 6, 7)
    x, w = np.zeros(shape, np.float32), np.zeros((4, 3, 3, 3), np.float32)
    assert F.conv2d(x, w, layout=layout).shape == ((0, 4, 5, 4) if layout == "NHWC" else (0, 4, 4, 5))
    values, indices = F.max_pool2d(x, 2, return_indices=True, layout=layout)
    assert values.shape == indices.shape == (0, 3, 3, 3)
    assert (values.dtype, indices.dtype) == (np.float32, np.int64)
    assert F.avg_pool2d(x, 2, layout=layout).shape == (0, 3, 3, 3)
    assert F.adaptive_avg_pool2d(x, 3, layout=layout).shape == (0, 3, 3, 3)
    assert F.linear(np.zeros((0, 3), np.float32), np.zeros((2, 3), np.float32)).shape == (0, 2)


@pytest.mark.parametrize("line", CONV_PROBLEMS[::5])
def test_out_receives_the_result(line):
    problem, seed, data, expected = baseline(line, "float32", True)
    out = np.full_like(expected, np.nan)
    assert F.conv2d(*data, **problem.arguments, out=out) is out
    assert np.array_equal(out, expected), repro(problem, seed)


def test_out_may_be_a_view(rng):
    x, w = (rng.integers(-4, 5, s).astype(np.float32) for s in ((2, 3, 6, 6), (4, 3, 3, 3)))
    expected = reference.conv2d(x, w)
    memory = np.full((2, 4, 9, 9), 7, np.float32)
    out = memory[:, :, 1:9:2, 2:6]
    assert F.conv2d(x, w, out=out) is out
    assert np.array_equal(out, expected)
    out[...] = 7
    assert (memory == 7).all(), "wrote outside of out"
    last = np.empty((2, 4, 4, 4), np.float32).transpose(0, 3, 1, 2)
    assert np.array_equal(F.conv2d(x, w, out=last), expected)


def test_out_may_stand_beside_the_input(rng):
    memory = np.zeros(36 + 16, np.float32)
    x, out = memory[:36].reshape(1, 1, 6, 6), memory[36:].reshape(1, 1, 4, 4)
    x[...] = rng.integers(-4, 5, x.shape)
    w = rng.integers(-4, 5, (1, 1, 3, 3)).astype(np.float32)
    assert np.array_equal(F.conv2d(x, w, out=out), reference.conv2d(x, w))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_infinities_and_nan_follow_the_formula(dtype, isa):
    x = np.ones((1, 2, 6, 7), dtype)
    x[0, 0, 2, 3], x[0, 1, 4, 4], x[0, 1, 0, 0] = np.inf, np.nan, -np.inf
    w = np.zeros((3, 2, 3, 3), dtype)
    w[1, 0, 0, 0], w[2, 1] = np.inf, 1.0
    expected = reference.conv2d(x, w, padding=1)
    assert np.isnan(expected[0, 0, 2, 3])  # zero weight times infinity
    assert np.isnan(expected[0, 1, 0, 6])  # zero padding times infinite weight
    for algorithm in accepting(x, w, padding=1):
        np.testing.assert_array_equal(_native.conv(2, x, w, padding=1, algorithm=algorithm), expected, algorithm)


def test_denormals_are_kept(isa):
    tiny = np.float32(1e-40)
    x, w = np.full((1, 1, 4, 20), tiny), np.ones((1, 1, 1, 1), np.float32)
    for algorithm in accepting(x, w):
        assert np.array_equal(_native.conv(2, x, w, algorithm=algorithm), x), algorithm


# ---- max pooling ----

POOL_PROBLEMS = [
    ((1, 1, 2, 2), {"kernel_size": 2}),
    ((2, 3, 8, 9), {"kernel_size": 2}),
    ((1, 64, 14, 14), {"kernel_size": 2}),
    ((1, 5, 15, 17), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((1, 17, 13, 40), {"kernel_size": 3, "stride": 1, "padding": 1}),
    ((1, 4, 11, 10), {"kernel_size": (2, 5), "stride": (3, 1), "padding": (1, 2)}),
    ((1, 4, 11, 10), {"kernel_size": (4, 3), "stride": 2, "padding": (2, 1), "ceil_mode": True}),
    ((1, 3, 10, 12), {"kernel_size": 3, "stride": 1, "padding": 2, "dilation": (2, 3)}),
    ((1, 3, 9, 11), {"kernel_size": 2, "stride": 3, "padding": 1, "dilation": 3, "ceil_mode": True}),
    ((2, 7, 6, 33), {"kernel_size": (1, 33)}),
    ((3, 5, 5), {"kernel_size": 5}),
    ((3, 7, 6), {"kernel_size": 9, "stride": 2, "padding": 4}),
]


def awkward(rng, shape, dtype):
    """Numbers with many ties, zeros of both signs, infinities and NaN."""
    x = rng.integers(-2, 3, shape).astype(dtype)
    x[x == 0] *= -1.0  # some -0 ...
    x[rng.random(shape) < 0.2] = 0.0  # ... among the +0
    x[rng.random(shape) < 0.08] = np.nan
    x[rng.random(shape) < 0.3] = -np.inf
    x[rng.random(shape) < 0.03] = np.inf
    return x


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "arguments"), POOL_PROBLEMS)
def test_max_pool2d(shape, arguments, dtype, layout, isa, num_threads, rng, seed):
    note = f"{shape=} {arguments=} {isa=} {num_threads=} PYCONV_TEST_SEED={seed}"
    for x in (rng.standard_normal(shape).astype(dtype), awkward(rng, shape, dtype)):
        given = np.ascontiguousarray(np.moveaxis(x, -3, -1)) if layout == "NHWC" else x
        expected, expected_at = reference.max_pool2d(given, **arguments, return_indices=True, layout=layout)
        values, at = F.max_pool2d(given, **arguments, return_indices=True, layout=layout)
        np.testing.assert_array_equal(values, expected, note)
        np.testing.assert_array_equal(np.signbit(values[values == 0]), np.signbit(expected[expected == 0]), note)
        np.testing.assert_array_equal(at, expected_at, note)
        assert (values.dtype, at.dtype) == (dtype, np.int64)
        alone = F.max_pool2d(given, **arguments, layout=layout)
        np.testing.assert_array_equal(alone, expected, note)
        np.testing.assert_array_equal(np.signbit(alone[alone == 0]), np.signbit(expected[expected == 0]), note)


@pytest.mark.parametrize("name", [name for name in VIEWS if name != "other byte order"])
def test_max_pool2d_reads_any_view(name, rng):
    x = rng.standard_normal((2, 3, 8, 9)).astype(np.float32)
    view = VIEWS[name](x)
    expected = reference.max_pool2d(np.ascontiguousarray(view), 3, 2, 1, return_indices=True)
    result = F.max_pool2d(view, 3, 2, 1, return_indices=True)
    np.testing.assert_array_equal(result[0], expected[0])
    np.testing.assert_array_equal(result[1], expected[1])


def test_max_pool2d_out(rng):
    x = rng.standard_normal((2, 3, 8, 8)).astype(np.float32)
    out = np.empty((2, 3, 4, 4), np.float32)
    assert F.max_pool2d(x, 2, out=out) is out
    assert np.array_equal(out, reference.max_pool2d(x, 2))


# ---- average pooling ----

AVERAGE_PROBLEMS = [
    ((1, 1, 2, 2), {"kernel_size": 2}),
    ((2, 3, 8, 9), {"kernel_size": 2}),
    ((1, 64, 14, 14), {"kernel_size": 2}),
    ((1, 5, 15, 17), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((1, 5, 15, 17), {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}),
    ((1, 17, 13, 40), {"kernel_size": 3, "stride": 1, "padding": 1}),
    ((1, 4, 11, 10), {"kernel_size": (2, 5), "stride": (3, 1), "padding": (1, 2)}),
    ((1, 4, 11, 10), {"kernel_size": (4, 3), "stride": 2, "padding": (2, 1), "ceil_mode": True}),
    ((1, 4, 8, 10), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
    ((1, 4, 8, 10), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}),
    ((1, 4, 8, 10), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "divisor_override": 5}),
    ((1, 4, 8, 10), {"kernel_size": 2, "divisor_override": -3, "count_include_pad": False}),
    ((2, 7, 6, 33), {"kernel_size": (1, 33)}),
    ((3, 5, 5), {"kernel_size": 5}),
    ((2, 35, 7, 7), {"kernel_size": 7}),
    ((3, 7, 6), {"kernel_size": 9, "stride": 2, "padding": 4}),
]
ADAPTIVE_PROBLEMS = [
    ((2, 5, 8, 12), {"output_size": (2, 3)}),
    ((2, 5, 8, 12), {"output_size": (3, 5)}),
    ((1, 19, 13, 11), {"output_size": 7}),
    ((1, 19, 13, 11), {"output_size": (None, 4)}),
    ((1, 19, 13, 11), {"output_size": (1, None)}),
    ((1, 40, 9, 10), {"output_size": 1}),
    ((2, 3, 4, 5), {"output_size": (9, 7)}),
    ((6, 7, 10), {"output_size": (3, 3)}),
    ((2, 3, 4, 5), {"output_size": (0, 3)}),
    ((1, 2, 400, 280), {"output_size": (2, 3)}),
]
AVERAGES = [
    *((F.avg_pool2d, reference.avg_pool2d, *problem) for problem in AVERAGE_PROBLEMS),
    *((F.adaptive_avg_pool2d, reference.adaptive_avg_pool2d, *problem) for problem in ADAPTIVE_PROBLEMS),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("pool", "expected_by", "shape", "arguments"), AVERAGES)
def test_averages(pool, expected_by, shape, arguments, dtype, isa, num_threads, rng, seed):
    """Integers have exact sums and a quotient rounded once, as the reference; and any numbers the bits of scalar code.

    The layouts agree bit for bit, too.
    """
    note = f"{shape=} {arguments=} {isa=} {num_threads=} PYCONV_TEST_SEED={seed}"
    for x in (rng.integers(-9, 10, shape).astype(dtype), rng.standard_normal(shape).astype(dtype)):
        averages = pool(x, **arguments)
        last = pool(np.ascontiguousarray(np.moveaxis(x, -3, -1)), **arguments, layout="NHWC")
        assert averages.dtype == last.dtype == dtype
        assert same_bits(np.moveaxis(last, -1, -3), averages), note
        if x[0].flat[0] == round(float(x[0].flat[0])):
            np.testing.assert_array_equal(averages, expected_by(x, **arguments), note)
        pyconv.set_isa("scalar")
        with pyconv.threads(1):
            assert same_bits(pool(x, **arguments), averages), note
        pyconv.set_isa(isa)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_averages_are_summed_in_the_order_that_is_documented(dtype, rng):
    """Rows from left to right, then the sums of rows from top to bottom."""
    x = rng.standard_normal((1, 3, 12, 20)).astype(dtype)
    total = np.zeros((1, 3, 3, 4), dtype)
    for i in range(4):
        row = np.zeros_like(total)
        for j in range(5):
            row += x[:, :, i::4, j::5]
        total += row
    assert same_bits(F.avg_pool2d(x, (4, 5)), total / dtype(20))
    assert same_bits(F.adaptive_avg_pool2d(x, (3, 4)), total / dtype(20))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (7, 7), (16, 20)])
def test_the_average_of_a_whole_image_has_16_sums(size, dtype, rng):
    x = rng.standard_normal((2, 35, *size)).astype(dtype)
    sums = np.zeros((2, 35, 16), dtype)
    for i, element in enumerate(np.moveaxis(x.reshape(2, 35, -1), 2, 0)):
        sums[:, :, i % 16] += element
    for half in (8, 4, 2, 1):
        sums = sums[:, :, :half] + sums[:, :, half:]
    expected = sums[..., None] / dtype(size[0] * size[1])
    assert same_bits(F.avg_pool2d(x, size), expected)
    assert same_bits(F.adaptive_avg_pool2d(x, 1), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_averages_of_infinities_and_nan(dtype, isa):
    x = np.ones((1, 2, 6, 40), dtype)
    x[0, 0, 2, 3], x[0, 1, 0, 0], x[0, 1, 1, 1], x[0, 1, 3, 38] = np.inf, np.inf, -np.inf, np.nan
    for pool, expected_by, arguments in (
        (F.avg_pool2d, reference.avg_pool2d, {"kernel_size": 2}),
        (F.avg_pool2d, reference.avg_pool2d, {"kernel_size": 3, "stride": 1, "padding": 1}),
        (F.avg_pool2d, reference.avg_pool2d, {"kernel_size": (6, 40)}),
        (F.adaptive_avg_pool2d, reference.adaptive_avg_pool2d, {"output_size": (4, 7)}),
    ):
        with np.errstate(invalid="ignore"):  # infinities of both signs
            expected = expected_by(x, **arguments)
        np.testing.assert_array_equal(pool(x, **arguments), expected)


@pytest.mark.parametrize("name", [name for name in VIEWS if name != "other byte order"])
@pytest.mark.parametrize(
    ("pool", "expected_by", "arguments"),
    [
        (F.avg_pool2d, reference.avg_pool2d, {"kernel_size": 3, "stride": 2, "padding": 1}),
        (F.adaptive_avg_pool2d, reference.adaptive_avg_pool2d, {"output_size": (3, 5)}),
        (F.adaptive_avg_pool2d, reference.adaptive_avg_pool2d, {"output_size": 1}),
    ],
)
def test_averages_read_any_view(name, pool, expected_by, arguments, rng):
    view = VIEWS[name](rng.integers(-9, 10, (2, 3, 8, 9)).astype(np.float32))
    np.testing.assert_array_equal(pool(view, **arguments), expected_by(np.ascontiguousarray(view), **arguments))


@pytest.mark.parametrize(
    ("pool", "argument", "size"), [(F.avg_pool2d, 2, (4, 4)), (F.adaptive_avg_pool2d, (3, 5), (3, 5))]
)
def test_averages_into_out(pool, argument, size, rng):
    x = rng.standard_normal((2, 3, 8, 8)).astype(np.float32)
    expected = pool(x, argument)
    out = np.full((2, 3, *size), np.nan, np.float32)
    assert pool(x, argument, out=out) is out
    assert same_bits(out, expected)
    last = np.full((2, *size, 3), np.nan, np.float32).transpose(0, 3, 1, 2)
    assert pool(x, argument, out=last) is last
    assert same_bits(np.ascontiguousarray(last), expected)
    memory = np.full((2, 3, 9, 11), 7, np.float32)
    view = memory[:, :, : 2 * size[0] : 2, 1 : 1 + size[1]]
    assert same_bits(np.ascontiguousarray(pool(x, argument, out=view)), expected)
    view[...] = 7
    assert (memory == 7).all(), "wrote outside of out"


# ---- the rest ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (3, 5, 37), (2, 1, 64, 65), ()])
def test_relu(shape, dtype, isa, rng):
    x = np.asarray(rng.standard_normal(shape), dtype)
    result = F.relu(x)
    assert result is not x
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, reference.relu(x))
    kept = x.copy()
    assert F.relu(x, True) is x
    np.testing.assert_array_equal(x, reference.relu(kept))


def test_relu_keeps_nan_and_infinity(isa):
    x = np.array([np.nan, np.inf, -np.inf, -1e-40, 1e-40, -0.0, 0.0, -np.nan] * 5, np.float32)
    np.testing.assert_array_equal(F.relu(x), np.maximum(x, 0))


def test_relu_of_views(rng):
    x = rng.standard_normal((4, 6, 8))
    kept = x.copy()
    np.testing.assert_array_equal(F.relu(x[::2, ::-1, 1::3]), reference.relu(x[::2, ::-1, 1::3]))
    assert np.array_equal(x, kept)
    F.relu(x[::2, :, 1::3], inplace=True)
    kept[::2, :, 1::3] = reference.relu(kept[::2, :, 1::3])
    assert np.array_equal(x, kept)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("rows", "features", "outputs"), [((), 5, 3), ((1,), 400, 10), ((4,), 33, 17), ((2, 3), 8, 64), ((3,), 1, 1)]
)
def test_linear(rows, features, outputs, dtype, isa, num_threads, rng):
    for exact, draw in ((True, lambda s: rng.integers(-4, 5, s)), (False, rng.standard_normal)):
        x, w, b = (draw(s).astype(dtype) for s in ((*rows, features), (outputs, features), (outputs,)))
        for bias in (b, None):
            result = F.linear(x, w, bias)
            expected = reference.linear(x, w, bias, dtype=np.float64)
            bound = reference.linear(abs(x), abs(w), None if bias is None else abs(bias), dtype=np.float64)
            bound *= (features + 1) * np.finfo(dtype).eps
            assert result.shape == expected.shape
            assert result.dtype == dtype
            assert (abs(result - expected) <= bound).all()
            assert not exact or np.array_equal(result, expected)


def test_linear_has_the_same_bits_everywhere(rng):
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in ((5, 300), (37, 300), (37,)))
    expected = F.linear(x, w, b)
    for name in pyconv.available_isas():
        pyconv.set_isa(name)
        for n in (1, 2, 3):
            with pyconv.threads(n):
                assert same_bits(F.linear(x, w, b), expected), (name, n)
                assert same_bits(np.stack([F.linear(row, w, b) for row in x]), expected), (name, n)
    pyconv.set_isa(None)


def test_linear_reads_any_view(rng):
    x, w = rng.standard_normal((4, 3, 10)), rng.standard_normal((6, 5))
    for input, weight in (
        (x[:, ::-1, ::2], w),
        (x[..., 5:], w[::-1]),
        (x.transpose(1, 0, 2)[..., :5], w),
        (x[..., :5], w.T.copy().T),
    ):
        np.testing.assert_allclose(F.linear(input, weight), reference.linear(input, weight), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "dim"), [((7,), 0), ((3, 5), 1), ((3, 5), 0), ((2, 3, 4), -2), ((1, 100), -1), ((2, 0, 3), 2)]
)
def test_softmax(shape, dim, dtype, isa, rng):
    x = (rng.standard_normal(shape) * 20).astype(dtype)
    result = F.softmax(x, dim)
    assert result.dtype == dtype
    assert result.flags.c_contiguous
    expected = reference.softmax(x, dim, dtype=np.float64)
    np.testing.assert_allclose(
        result, expected, rtol=(shape[dim] + 32) * np.finfo(dtype).eps, atol=np.finfo(dtype).tiny
    )


def test_softmax_has_the_same_bits_everywhere(rng):
    x = (rng.standard_normal((9, 41)) * 10).astype(np.float32)
    expected = F.softmax(x, 1)
    for name in pyconv.available_isas():
        pyconv.set_isa(name)
        assert same_bits(F.softmax(x, 1), expected), name
        assert same_bits(np.stack([F.softmax(row, 0) for row in x]), expected), name
    pyconv.set_isa(None)


def test_softmax_special_values(isa):
    x = np.array(
        [[np.inf, 0.0], [-np.inf, 0.0], [np.nan, 0.0], [-np.inf, -np.inf], [3e38, -3e38], [1e-40, 0.0]], np.float32
    )
    np.testing.assert_allclose(F.softmax(x, 1), reference.softmax(x, 1), rtol=1e-6)
    assert F.softmax(np.array(5.0), 0) == 1.0
    assert F.softmax(np.array([1, 1]), 0, dtype=np.float64).tolist() == [0.5, 0.5]
    assert F.softmax(np.zeros(2), 0, dtype=np.float32).dtype == np.float32


def test_flatten():
    x = np.arange(24.0).reshape(2, 3, 4)
    assert F.flatten(x).tolist() == list(range(24))
    assert F.flatten(x, 1).shape == (2, 12)
    assert F.flatten(x, -2, -1).shape == (2, 12)
    assert F.flatten(x, 0, 1).shape == (6, 4)
    assert np.shares_memory(F.flatten(x, 1), x)
    assert F.flatten(np.array(3.0)).shape == (1,)
    assert F.flatten(np.zeros((0, 3, 4)), 1).shape == (0, 12)
    last = np.ascontiguousarray(x.transpose(1, 2, 0)).transpose(2, 0, 1)
    assert np.array_equal(F.flatten(last, 1), F.flatten(x, 1))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("width", [9, 17, 40])
@pytest.mark.parametrize(
    "arguments", [{"padding": 1}, {"padding": 1, "count_include_pad": False}, {"stride": 2}, {"divisor_override": 7}]
)
def test_an_average_of_negative_zeros_is_positive(arguments, width, layout):
    """Whether the padding's zeros, which are positive, were added to them or not."""
    x = np.full((1, 5, 11, width) if layout == "NCHW" else (1, 11, width, 5), -0.0, dtype=np.float32)
    for target in targets():
        averages = F.avg_pool2d(x, 3, **{"stride": 1} | arguments, layout=layout)
        assert not averages.any(), target
        assert not np.signbit(averages).any(), target
