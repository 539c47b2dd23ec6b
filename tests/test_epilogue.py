"""Activation and residual fused into a convolution, against the same operations one after the other."""

from __future__ import annotations

import copy
import functools
import re

import numpy as np
import pytest
from problems import TRANSFORMS, Problem, accepting, same_bits, targets

import pyconv
import pyconv.nn.functional as F
from pyconv import _native, nn, reference

ACTIVATIONS = [None, "relu", "relu6", (-0.75, 1.25), (0.5, np.inf), "silu", "hardswish"]

PROBLEMS = {
    "dense": Problem((2, 19, 11, 13), (21, 19, 3, 3), padding=(1,)),
    "dense, NHWC": Problem((2, 19, 11, 13), (21, 19, 3, 3), padding=(1,), layout="NHWC"),
    "dense, k cut for the cache": Problem((1, 300, 5, 9), (40, 300, 3, 3), padding=(1,)),
    "1x1": Problem((2, 24, 7, 9), (37, 24, 1, 1)),
    "1x1, NHWC": Problem((2, 24, 7, 9), (37, 24, 1, 1), layout="NHWC"),
    "1x1, strided": Problem((1, 16, 9, 9), (33, 16, 1, 1), stride=(2,)),
    "strided": Problem((2, 8, 15, 14), (20, 8, 3, 3), stride=(2,), padding=(1,)),
    "first layer": Problem((1, 3, 30, 29), (17, 3, 7, 7), stride=(2,), padding=(3,)),
    "grouped": Problem((2, 12, 9, 10), (18, 4, 3, 3), groups=3, padding=(1,)),
    "grouped, NHWC": Problem((2, 12, 9, 10), (18, 4, 3, 3), groups=3, padding=(1,), layout="NHWC"),
    "depthwise": Problem((2, 19, 13, 15), (19, 1, 3, 3), groups=19, padding=(1,)),
    "depthwise, small maps": Problem((1, 21, 5, 7), (21, 1, 3, 3), groups=21, padding=(1,)),
    "depthwise, strided": Problem((1, 19, 21, 23), (19, 1, 5, 5), stride=(2,), groups=19, padding=(2,)),
    "depthwise, NHWC": Problem((2, 35, 9, 11), (35, 1, 3, 3), groups=35, padding=(1,), layout="NHWC"),
    "depthwise, two outputs each": Problem((2, 10, 9, 8), (20, 1, 3, 3), groups=10),
    "one-channel filter": Problem((1, 1, 41, 67), (1, 1, 5, 5), padding=(2,)),
    "one-channel filter, large": Problem((1, 1, 40, 300), (1, 1, 9, 9), padding="same", padding_mode="reflect"),
    "dilated": Problem((1, 9, 14, 15), (18, 9, 3, 2), dilation=(2, 3), padding=(2, 1)),
    "one pixel": Problem((3, 5, 1, 1), (7, 5, 1, 1)),
    "unbatched": Problem((6, 9, 8), (5, 6, 2, 3)),
    "unbatched, NHWC": Problem((6, 9, 8), (5, 6, 2, 3), layout="NHWC"),
}


def clamped(x, least, greatest):
    """``min(max(x, least), greatest)`` where NaN stays, and of equal zeros the bound is taken, as F.relu does."""
    least, greatest = x.dtype.type(least), x.dtype.type(greatest)
    x = np.where(x <= least, least, x)
    return np.where(x >= greatest, greatest, x)


def separate(x, activation, residual=None):
    """Residual and activation in NumPy, in the array's dtype, an operation at a time."""
    with np.errstate(all="ignore"):
        if residual is not None:
            x = x + residual
        if activation is None:
            return x
        if activation == "relu":
            return F.relu(x)
        if activation == "silu":
            return x / (1 + np.exp(-x))
        if activation == "hardswish":
            return (x * clamped(x + 3, 0, 6)) / 6
        return clamped(x, *((0, 6) if activation == "relu6" else activation))


def assert_fused(result, x, activation, residual, note=""):
    """`result` is what the separate operations make of `x`: to the last bit, silu within a few roundings."""
    expected = separate(x, activation, residual)
    if activation != "silu":
        assert same_bits(result, expected), f"{np.sum(result != expected)} elements differ; {note}"
        return
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    wide = (x if residual is None else x + residual).astype(np.longdouble)
    with np.errstate(all="ignore"):
        exact = wide / (1 + np.exp(-wide))
    # Where exp(-x) overflows, the quotient is less than |x| / max, and comes out as zero; the last term is a rounding
    # among the subnormal numbers.
    info = np.finfo(result.dtype)
    bound = 4 * info.eps * abs(exact) + 2 * abs(wide) / info.max + info.smallest_subnormal
    defined = np.isfinite(exact)
    assert (abs(result - exact)[defined] <= bound[defined]).all(), note
    assert np.array_equal(result[~defined], expected[~defined], equal_nan=True), note


def residual_for(rng, shape, dtype):
    return (4 * rng.standard_normal(shape)).astype(dtype)


# ---- every algorithm, instruction set, number of threads ----


def check_epilogues(rng, run, note):
    """Hold each epilogue of `run` to the separate operations on its plain result, and all targets to the same bits."""
    plain = run()
    added = residual_for(rng, plain.shape, plain.dtype)
    first = {}
    for isa, threads in targets():
        for activation in ACTIVATIONS:
            for residual in (None, added):
                this = f"{activation} residual={residual is not None} {note} {isa} threads={threads}"
                result = run(activation=activation, residual=residual)
                key = activation, residual is None
                if key in first:
                    assert same_bits(result, first[key]), f"bits differ from the first target's; {this}"
                    continue
                first[key] = result
                assert_fused(result, plain, activation, residual, this)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_separate_operations(rng, name, dtype):
    problem = PROBLEMS[name]._replace(dtype=dtype)
    x, w, bias = problem.arrays(rng, exact=False)
    for b in (bias, None):
        data = (x, w, b)
        for algorithm in accepting(*data, **problem.arguments):
            run = functools.partial(_native.conv, 2, *data, **problem.arguments, algorithm=algorithm)
            check_epilogues(rng, run, algorithm)


@pytest.mark.fast
@pytest.mark.skipif(
    TRANSFORMS.isdisjoint(pyconv.algorithms()), reason="this build has no algorithm but the direct ones"
)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("x", "w", "groups"),
    [
        ((2, 64, 13, 15), (64, 64, 3, 3), 1),
        ((1, 64, 28, 30), (70, 64, 3, 3), 1),
        ((1, 64, 7, 7), (72, 32, 3, 3), 2),
        ((3, 64, 4, 3), (64, 64, 3, 3), 1),
        ((2, 21, 30, 100), (21, 1, 11, 13), 21),
        ((1, 2, 30, 70), (40, 1, 11, 13), 2),
        ((2, 3, 5, 300), (3, 1, 1, 150), 3),
        ((1, 2, 200, 18), (4, 1, 90, 1), 2),
    ],
)
def test_transforms(rng, x, w, groups, dtype, layout):
    problem = Problem(x, w, groups=groups, padding=(1,), dtype=dtype, layout=layout)
    x, w, bias = problem.arrays(rng, exact=False)
    algorithm = "winograd" if w.shape[2:] == (3, 3) else "fft_lines" if 1 in w.shape[2:] else "fft"
    assert algorithm in TRANSFORMS
    for b in (bias, None):
        run = functools.partial(
            _native.conv, 2, x, w / 24, b, **problem.arguments, algorithm=algorithm, precision="fast"
        )
        check_epilogues(rng, run, algorithm)


@pytest.mark.fast
def test_fast_layers_fuse_what_they_compute(rng):
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in ((1, 64, 20, 20), (64, 64, 3, 3), 64))
    for precision in ("fast", "strict"):
        plain = F.conv2d(x, w, b, padding=1, precision=precision)
        fused = F.conv2d(x, w, b, padding=1, precision=precision, activation="relu", residual=x)
        assert same_bits(fused, F.relu(plain + x))


# ---- special values ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_special_values(dtype, activation):
    """Pairs of what is special, as the result of a convolution and as the residual."""
    info = np.finfo(dtype)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, info.max, -info.max, info.tiny, -info.tiny]
    special += [info.smallest_subnormal, -info.smallest_subnormal, -3, 3, 6, -6, 1e-3, -1e-3, -0.75, 1.25, -20, 20]
    special += [-80, -88, -89, -100, -104, -110, -700, -710, -746, -800, 88, 104, 746]
    values = np.array(special, dtype)
    grid = np.stack(np.meshgrid(values, values, indexing="ij"))
    x, added = grid[0][None, None], np.ascontiguousarray(grid[1])[None, None]
    w = np.ones((1, 1, 1, 1), dtype)
    for layout in ("NCHW", "NHWC"):
        view, residual = (a if layout == "NCHW" else np.moveaxis(a, 1, 3) for a in (x, added))
        plain = _native.conv(2, view, w, layout=layout)
        for isa, threads in targets():
            for r in (None, residual):
                result = _native.conv(2, view, w, layout=layout, activation=activation, residual=r)
                expected = separate(plain, activation, r)
                assert np.array_equal(np.isnan(result), np.isnan(expected)), (isa, threads)
                numbers = ~np.isnan(expected)
                with np.errstate(all="ignore"):
                    # Which NaN a NaN is, is left open.
                    assert_fused(result[numbers], plain[numbers], activation, None if r is None else r[numbers])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_negative_zero_becomes_the_bound_as_in_relu(dtype):
    x, w = np.full((1, 1, 3, 17), -0.0, dtype), np.ones((1, 1, 1, 1), dtype)
    minus = np.full(1, -0.0, dtype)
    assert np.signbit(F.conv2d(x, w, minus)).all()
    for activation in ("relu", "relu6", (0, 1), (-0.0, 0.0)):
        result = F.conv2d(x, w, minus, activation=activation)
        assert same_bits(result, separate(x, activation)), activation
    assert same_bits(F.conv2d(x, w, minus, activation="relu"), F.relu(x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_silu_along_the_axis(dtype):
    x = np.linspace(-120 if dtype == np.float32 else -760, 120, 20001).astype(dtype)[None, None, None]
    result = F.conv2d(x, np.ones((1, 1, 1, 1), dtype), activation="silu")
    assert_fused(result, x, "silu", None)


def test_nan_and_infinities_stay_where_they_are(rng):
    x, w = rng.standard_normal((1, 3, 9, 20)).astype(np.float32), rng.standard_normal((5, 3, 3, 3)).astype(np.float32)
    x[0, 1, 4, 5], x[0, 0, 2, 14] = np.nan, np.inf
    plain = F.conv2d(x, w)
    for activation in ACTIVATIONS:
        result = F.conv2d(x, w, activation=activation)
        assert np.array_equal(np.isnan(result), np.isnan(separate(plain, activation))), activation
        assert np.isnan(result).any()


# ---- the reference ----


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_the_reference_agrees(rng, activation, layout):
    x, w, b = (rng.standard_normal(s) for s in ((2, 4, 7, 6), (6, 2, 3, 3), 6))
    x = x if layout == "NCHW" else np.ascontiguousarray(np.moveaxis(x, 1, 3))
    arguments = {"groups": 2, "padding": 1, "layout": layout}
    residual = rng.standard_normal(reference.conv2d(x, w, b, **arguments).shape)
    for r in (None, residual):
        expected = reference.conv2d(x, w, b, **arguments, activation=activation, residual=r)
        result = F.conv2d(x, w, b, **arguments, activation=activation, residual=r)
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)
        if r is not None:
            alone = reference.conv2d(x[1], w, b, **arguments, activation=activation, residual=r[1])
            assert np.array_equal(alone, expected[1])


def test_the_reference_by_hand():
    x, w = np.array([[[-4.0, -1.0, 1.0, 8.0, np.nan]]]), np.ones((1, 1, 1, 1))

    def values(activation, residual=None):
        return reference.conv2d(x, w, activation=activation, residual=residual)[0, 0]

    np.testing.assert_array_equal(values("relu"), [0, 0, 1, 8, np.nan])
    np.testing.assert_array_equal(values("relu6"), [0, 0, 1, 6, np.nan])
    np.testing.assert_array_equal(values([-2, 0.5]), [-2, -1, 0.5, 0.5, np.nan])
    np.testing.assert_array_equal(values("hardswish"), [0, -2 / 6, 4 / 6, 8, np.nan])
    np.testing.assert_array_equal(values("relu", -x), [0, 0, 0, 0, np.nan])
    np.testing.assert_allclose(
        values("silu"), [-4 / (1 + np.e**4), -1 / (1 + np.e), np.e / (1 + np.e), 8 / (1 + np.e**-8), np.nan], 1e-15
    )


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (ValueError, {"activation": "tanh"}),
        (ValueError, {"activation": (1, 0)}),
        (ValueError, {"activation": (0, np.nan)}),
        (ValueError, {"activation": (0, 1, 2)}),
        (TypeError, {"activation": ("0", "1")}),
        (ValueError, {"residual": np.zeros((1, 2, 2))}),
        (TypeError, {"residual": np.zeros((1, 3, 3), np.float32)}),
    ],
)
def test_errors_of_the_reference(error, arguments):
    with pytest.raises(error):
        reference.conv2d(np.zeros((1, 3, 3)), np.zeros((1, 1, 1, 1)), **arguments)


# ---- arguments ----

X, W = np.zeros((2, 4, 5, 6), np.float32), np.zeros((6, 4, 3, 3), np.float32)
OUT = (2, 6, 3, 4)


def read_only(array):
    array.flags.writeable = False
    return array


class Surly:
    """A sequence that refuses to say its length."""

    def __len__(self):
        raise RuntimeError("no")

    def __getitem__(self, index):
        return 0.0


WRONG = {
    "unknown": (ValueError, "activation.*'gelu'", {"activation": "gelu"}),
    "capitals": (ValueError, "activation.*'ReLU'", {"activation": "ReLU"}),
    "empty": (ValueError, "activation.*''", {"activation": ""}),
    "bytes": (TypeError, "activation.*bytes", {"activation": b"relu"}),
    "two bytes": (TypeError, "activation.*bytes", {"activation": b"ab"}),
    "number": (TypeError, "activation.*float", {"activation": 6.0}),
    "flag": (TypeError, "activation.*bool", {"activation": True}),
    "function": (TypeError, "activation.*function", {"activation": F.relu}),
    "layer": (TypeError, "activation.*ReLU", {"activation": nn.ReLU()}),
    "set": (TypeError, "activation.*set", {"activation": {0, 1}}),
    "one bound": (ValueError, "activation.*1", {"activation": (0,)}),
    "three bounds": (ValueError, "activation.*3", {"activation": (0, 1, 2)}),
    "bounds of text": (TypeError, "activation.*str", {"activation": ("0", "6")}),
    "no greatest": (TypeError, "activation.*NoneType", {"activation": (0, None)}),
    "complex": (TypeError, "activation.*complex", {"activation": (0, 1j)}),
    "least above greatest": (ValueError, r"activation.*\(1, 0\.5\)", {"activation": (1, 0.5)}),
    "NaN": (ValueError, "activation.*NaN", {"activation": (np.nan, 1)}),
    "NaN last": (ValueError, "activation.*NaN", {"activation": (0, np.nan)}),
    "beyond float64": (ValueError, "activation.*float64", {"activation": (0, 10**400)}),
    "no length": (TypeError, "activation.*Surly", {"activation": Surly()}),
    "shape": (
        ValueError,
        r"residual.*\(2, 6, 3, 3\).*\(2, 6, 3, 4\)",
        {"residual": np.zeros((2, 6, 3, 3), np.float32)},
    ),
    "one image": (ValueError, r"residual.*\(6, 3, 4\).*\(2, 6, 3, 4\)", {"residual": np.zeros(OUT[1:], np.float32)}),
    "broadcast": (ValueError, r"residual.*\(1, 6, 3, 4\)", {"residual": np.zeros((1, *OUT[1:]), np.float32)}),
    "scalar": (ValueError, r"residual.*\(\)", {"residual": np.zeros((), np.float32)}),
    "turned": (ValueError, r"residual.*\(2, 3, 4, 6\)", {"residual": np.zeros((2, 3, 4, 6), np.float32)}),
    "float64": (TypeError, "residual.*float64", {"residual": np.zeros(OUT)}),
    "integers": (TypeError, "residual.*int64", {"residual": np.zeros(OUT, np.int64)}),
    "byte order": (TypeError, "residual.*>f4", {"residual": np.zeros(OUT, ">f4")}),
    "list": (TypeError, "residual.*list", {"residual": []}),
    "0": (TypeError, "residual.*int", {"residual": 0}),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors(name):
    error, text, arguments = WRONG[name]
    layer = _native.PackedConv(W)
    for call in (
        lambda: F.conv2d(X, W, **arguments),
        lambda: pyconv.explain(F.conv2d, X, W, **arguments),
        lambda: layer(X, **arguments),
    ):
        with pytest.raises(error, match=f"(?s){text}"):
            call()
    assert F.conv2d(X, W).shape == layer(X).shape == OUT


def test_both_are_named():
    with pytest.raises(TypeError):
        F.conv2d(X, W, None, 1, 0, 1, 1, "relu")


@pytest.mark.parametrize(
    "pair",
    [(0, 6), [0, 6], (0.0, np.float32(6)), np.array([0, 6]), range(0, 12, 6), (-np.inf, np.inf), (2, 2)],
    ids=str,
)
def test_pairs_of_many_kinds(rng, pair):
    x, w = rng.standard_normal((1, 2, 5, 5)), 5 * rng.standard_normal((3, 2, 2, 2))
    assert same_bits(F.conv2d(x, w, activation=pair), clamped(F.conv2d(x, w), pair[0], pair[1]))


def test_a_batch_of_none():
    for residual in (None, np.zeros((0, 6, 3, 4), np.float32)):
        for activation in ACTIVATIONS:
            result = F.conv2d(X[:0], W, activation=activation, residual=residual)
            assert result.shape == (0, *OUT[1:])
    with pytest.raises(ValueError, match=r"residual.*\(2, 6, 3, 4\).*\(0, 6, 3, 4\)"):
        F.conv2d(X[:0], W, residual=np.zeros(OUT, np.float32))


# ---- memory ----


def orders(rng, shape, dtype):
    """One residual in every way that memory may hold it."""
    values = residual_for(rng, shape, dtype)
    wide = np.zeros((*shape[:-1], 2 * shape[-1] + 1), dtype)
    wide[..., 1::2] = values
    unaligned = np.frombuffer(bytearray(b"." + values.tobytes()), np.uint8)[1:].view(dtype).reshape(shape)
    last = np.ascontiguousarray(np.moveaxis(values, -3, -1))
    return {
        "C": values,
        "channels last": np.moveaxis(last, -1, -3),
        "Fortran": np.asfortranarray(values),
        "every other": wide[..., 1::2],
        "backwards": np.ascontiguousarray(values[..., ::-1])[..., ::-1],
        "unaligned": unaligned,
        "read-only": read_only(values.copy()),
    }


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batched", [True, False])
def test_any_memory_order_of_the_residual(rng, batched, dtype, layout):
    x, w, b = (rng.standard_normal(s).astype(dtype) for s in ((2, 8, 9, 11), (18, 8, 3, 3), 18))
    turned = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, 3)), 3, 1)
    layer = _native.PackedConv(w, b, 1, 1, layout=layout)
    for image in (x, turned):
        image = image if batched else image[0]
        image = image if layout == "NCHW" else np.moveaxis(image, -3, -1)
        plain = F.conv2d(image, w, b, padding=1, layout=layout)
        expected = None
        for name, residual in orders(np.random.default_rng(0), plain.shape, dtype).items():
            before = residual.tobytes()
            result = F.conv2d(image, w, b, padding=1, layout=layout, activation="relu6", residual=residual)
            assert result.strides == plain.strides
            assert residual.tobytes() == before
            expected = separate(plain, "relu6", residual) if expected is None else expected
            assert same_bits(result, expected), name
            assert same_bits(layer(image, "relu6", residual), expected), name
            for out in orders(rng, plain.shape, dtype).values():
                if out.flags.writeable:
                    given = F.conv2d(
                        image, w, b, padding=1, layout=layout, activation="relu6", residual=residual, out=out
                    )
                    assert given is out
                    assert same_bits(out, expected), name


def test_a_repeated_residual(rng):
    x, w = rng.standard_normal((2, 4, 5, 6)), rng.standard_normal((6, 4, 3, 3))
    row = rng.standard_normal(4)
    repeated = np.broadcast_to(row, OUT)
    assert same_bits(F.conv2d(x, w, residual=repeated), F.conv2d(x, w) + row)


def test_the_residual_may_be_the_input(rng):
    x, w = rng.standard_normal((2, 6, 7, 7)), rng.standard_normal((6, 6, 3, 3))
    assert same_bits(F.conv2d(x, w, padding=1, activation="relu", residual=x), F.relu(F.conv2d(x, w, padding=1) + x))


def test_out_must_not_overlap_the_residual():
    size = int(np.prod(OUT))
    memory = np.zeros(3 * size, np.float32)
    residual = memory[size : 2 * size].reshape(OUT)
    for start in (1, size - 3, size, size + 5, 2 * size - 1):
        with pytest.raises(ValueError, match=r"out.*shares memory with residual"):
            F.conv2d(X, W, residual=residual, out=memory[start : start + size].reshape(OUT))
    for start in (0, 2 * size):
        F.conv2d(X, W, residual=residual, out=memory[start : start + size].reshape(OUT))
    strided = np.zeros((*OUT[:-1], 8), np.float32)
    with pytest.raises(ValueError, match=r"out.*shares memory with residual"):
        F.conv2d(X, W, residual=strided[..., ::2], out=strided[..., ::2])
    F.conv2d(X, W, residual=strided[..., ::2], out=strided[..., 1::2])


def test_explain_is_that_of_the_call_without(rng):
    x, w = X, W
    plain = pyconv.explain(F.conv2d, x, w)
    assert pyconv.explain(F.conv2d, x, w, activation="silu", residual=np.zeros(OUT, np.float32)) == plain
    assert pyconv.explain(F.conv2d, x, w, activation=(0, 1), out=np.zeros(OUT, np.float32)) == plain


# ---- packed layers ----


def test_one_packed_layer_serves_all(rng):
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in ((1, 5, 8, 9), (18, 5, 3, 3), 18))
    layer = _native.PackedConv(w, b)
    plain = F.conv2d(x, w, b)
    residual = residual_for(rng, plain.shape, np.float32)
    calls = [(a, r) for a in [*ACTIVATIONS, (-0.75, 1.5), (-0.5, 1.5), (0, 6)] for r in (None, residual)]
    for _ in range(3):
        for i in rng.permutation(len(calls)):
            activation, r = calls[i]
            assert_fused(layer(x, activation, r), plain, activation, r)
            assert_fused(layer(x, activation=activation, residual=r), plain, activation, r)
    assert same_bits(layer(x), plain)


# ---- Sequential ----


class Loud(nn.ReLU):
    """A subclass, which counts its calls."""

    calls = 0

    def forward(self, input):
        self.__dict__["calls"] = self.calls + 1
        return super().forward(input)


class Other(nn.Conv2d):
    """A subclass of the other layer."""

    def forward(self, input):
        return super().forward(input) - 1


def in_turn(net, x):
    """The layers of a Sequential, one after the other."""
    for module in net:
        x = in_turn(module, x) if isinstance(module, nn.Sequential) else module(x)
    return x


def counted(monkeypatch):
    """Return a list that grows by one at each call of a ReLU."""
    calls, forward = [], nn.ReLU.forward
    monkeypatch.setattr(nn.ReLU, "forward", lambda self, x: calls.append(1) or forward(self, x))
    return calls


NETS = {
    "pair": (lambda: (nn.Conv2d(3, 8, 3), nn.ReLU()), 0),
    "in place": (lambda: (nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True)), 0),
    "two pairs": (lambda: (nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3, groups=4), nn.ReLU()), 0),
    "two layers, then one": (lambda: (nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 1), nn.ReLU()), 0),
    "last": (lambda: (nn.ReLU(), nn.Conv2d(3, 8, 3)), 1),
    "twice": (lambda: (nn.Conv2d(3, 8, 3), nn.ReLU(), nn.ReLU()), 1),
    "apart": (lambda: (nn.Conv2d(3, 8, 3), nn.MaxPool2d(2), nn.ReLU()), 1),
    "nested": (lambda: (nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), nn.ReLU()), 1),
    "across": (lambda: (nn.Sequential(nn.Conv2d(3, 8, 3)), nn.ReLU()), 1),
    "subclass of ReLU": (lambda: (nn.Conv2d(3, 8, 3), Loud()), 1),
    "subclass of Conv2d": (lambda: (Other(3, 8, 3), nn.ReLU()), 1),
    "float64": (lambda: (nn.Conv2d(3, 8, 3, dtype=np.float64), nn.ReLU()), 0),
    "one layer": (lambda: (nn.Conv2d(3, 8, 3),), 0),
    "none": (lambda: (), 0),
}


@pytest.mark.parametrize("name", NETS)
def test_sequential(rng, name, monkeypatch):
    make, left = NETS[name]
    net = nn.Sequential(*make())
    dtype = next((p.dtype for p in net.parameters()), np.float32)
    x = rng.standard_normal((2, 3, 12, 11)).astype(dtype)
    x[0, 1, 3, 4], x[1, 2, 9, 9] = np.nan, -np.inf
    kept = x.copy()

    def both():
        given = x.copy()  # a ReLU in place at the front would change it
        return net(given), in_turn(net, x.copy())

    for _ in range(2):
        result, expected = both()
        assert np.array_equal(np.isnan(result), np.isnan(expected))
        assert same_bits(np.nan_to_num(result), np.nan_to_num(expected))
        net.eval()
    calls = counted(monkeypatch)
    net(x.copy())
    assert len(calls) == left
    calls.clear()
    net.train()
    net(x.copy())
    assert len(calls) == sum(isinstance(module, nn.ReLU) for module in net.modules())
    assert same_bits(x, kept)


@pytest.mark.parametrize("kind", [nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sequential_of_other_activations(rng, kind, dtype, isa, monkeypatch):
    net = nn.Sequential(nn.Conv2d(3, 8, 3, dtype=dtype), kind()).eval()
    x = (20 * rng.standard_normal((2, 3, 12, 11))).astype(dtype)
    expected = in_turn(net, x)
    monkeypatch.setattr(kind, "forward", None)  # nobody calls it
    assert same_bits(net(x), expected)


def test_sequential_calls_what_is_in_training_mode_or_replaced(rng, monkeypatch):
    x = rng.standard_normal((1, 3, 8, 8)).astype(np.float32)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()).eval()
    calls = counted(monkeypatch)
    net(x)
    assert not calls
    net[0].train()
    net(x)
    assert len(calls) == 1
    net[0].eval()
    net.training = True  # of the Sequential alone
    net(x)
    assert len(calls) == 2
    net.eval()
    net[1].forward = lambda input: input
    assert (net(x) < 0).any()
    del net[1].forward
    net[0].forward = lambda input: input
    assert same_bits(net(x), F.relu(x))


@pytest.mark.fast
def test_sequential_in_fast_mode(rng):
    x = rng.standard_normal((1, 64, 15, 17)).astype(np.float32)
    net = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 32, 3), nn.ReLU()).eval()
    for target in targets():
        assert same_bits(net(x), in_turn(net, x)), target


def test_sequential_explains_itself(rng):
    x = rng.standard_normal((1, 3, 12, 12)).astype(np.float32)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3, groups=8), nn.ReLU())
    net.append(nn.MaxPool2d(2)).append(nn.Flatten()).append(nn.Linear(128, 10))
    training = pyconv.explain(net, x)
    assert len(training) == 4
    assert pyconv.explain(net.eval(), x) == training
    net(x)
    assert pyconv.explain(net, x) == training


def test_sequential_sees_weights_changed_in_place(rng):
    x = rng.standard_normal((1, 3, 9, 9)).astype(np.float32)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()).eval()

    def current():
        held = net[0].__dict__["_parameters"]
        w, b = held["weight"].copy(), held["bias"].copy()
        return same_bits(net(x), F.relu(F.conv2d(x, w, b)))

    assert current()
    packed = net[0]._packed
    assert packed is not None
    net[0].weight[...] *= -2
    assert current()
    weight = net[0].weight
    assert current()
    weight += 1
    del weight
    assert current()
    net[0].bias[...] -= 3
    assert current()
    assert net[0]._packed is packed
    net[0].weight = net[0].weight * 2
    assert current()
    net.load_state_dict({name: array / 3 for name, array in net.state_dict().items()})
    assert current()
    twin = copy.deepcopy(net)
    twin[0].weight[...] = 0
    assert current()
    assert not same_bits(net(x), net[0](x))
    net[0].stride = (2, 1)
    assert same_bits(net(x), F.relu(F.conv2d(x, net[0].weight, net[0].bias, stride=(2, 1))))


def test_errors_in_a_sequential_are_those_of_the_layer():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()).eval()
    with pytest.raises(ValueError, match=re.escape("(1, 2, 5, 5)")):
        net(np.zeros((1, 2, 5, 5), np.float32))
