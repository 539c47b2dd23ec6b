"""Fast and strict: who decides, when it takes effect, and what either promises."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from problems import TRANSFORMS, explain_conv2d, same_bits, targets

import pyconv
import pyconv.nn.functional as F
from pyconv import _native, nn, reference

needs_a_transform = pytest.mark.skipif(
    TRANSFORMS.isdisjoint(pyconv.algorithms()), reason="this build has no algorithm but the direct ones"
)
# A layer that the fast mode computes by a transform, where there is one.
SHAPES = (2, 64, 28, 30), (64, 64, 3, 3), (64,)
NOT_ONE = ["exact", "", "Fast", "auto", "strict ", 1, True, b"fast"]


def arrays(rng, dtype=np.float32):
    """Input, weight and bias."""
    return [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]


def layer(**arguments):
    """The same as a layer."""
    return nn.Conv2d(64, 64, 3, padding=1, **arguments)


def transformed(*call, **arguments):
    """Whether a call would be computed by a transform."""
    return pyconv.explain(*call, **arguments).algorithm in TRANSFORMS


@pytest.fixture(params=["fast", "strict"])
def process(request):
    """Either precision, set for the whole process."""
    before = pyconv.get_precision()
    pyconv.set_precision(request.param)
    yield request.param
    pyconv.set_precision(before)


# ---- the process's choice ----


@pytest.mark.fast
def test_set_and_get():
    assert pyconv.get_precision() == "fast"
    for name in ("strict", "fast", "strict"):
        pyconv.set_precision(name)
        assert pyconv.get_precision() == name
    pyconv.set_precision(None)
    assert pyconv.get_precision() == "fast"


@pytest.mark.parametrize("name", NOT_ONE)
def test_what_is_no_precision(name, process):
    x, w, _ = arrays(np.random.default_rng(0))
    for call in (
        lambda: pyconv.set_precision(name),
        lambda: F.conv2d(x, w, precision=name),
        lambda: pyconv.explain(F.conv2d, x, w, precision=name),
        lambda: _native.PackedConv(w, precision=name),
        lambda: nn.Conv2d(1, 1, 3, precision=name),
    ):
        error, text = (ValueError, repr(name)) if isinstance(name, str) else (TypeError, "None")
        with pytest.raises(error, match=text):
            call()
    assert pyconv.get_precision() == process


def test_it_is_the_whole_processes(process):
    seen = []
    other = threading.Thread(target=lambda: seen.append(pyconv.get_precision()))
    other.start()
    other.join()
    assert seen == [process]


# ---- who decides ----


@needs_a_transform
@pytest.mark.parametrize("own", ["fast", "strict", None])
def test_a_call_decides_for_itself(rng, own, process):
    x, w, b = arrays(rng)
    chain = F.conv2d(x, w, b, padding=1, precision="strict")
    fast = (own or process) == "fast"
    assert transformed(F.conv2d, x, w, b, padding=1, precision=own) == fast
    assert same_bits(F.conv2d(x, w, b, padding=1, precision=own), chain) != fast


@needs_a_transform
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("own", ["fast", "strict", None])
def test_a_layer_decides_for_itself(rng, own, process, training):
    x, module = arrays(rng)[0], layer(precision=own).train(training)
    chain = F.conv2d(x, module.weight, module.bias, padding=1, precision="strict")
    fast = (own or process) == "fast"
    for twin in (module, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert twin.precision == own
        assert transformed(twin, x) == fast
        assert same_bits(twin(x), chain) != fast


@needs_a_transform
@pytest.mark.fast
def test_a_layer_in_eval_mode_follows_between_calls(rng):
    """It keeps a plan and packed weights; neither may outlive the precision that they were made for."""
    x, module = arrays(rng)[0], layer().eval()
    fast, strict = (F.conv2d(x, module.weight, module.bias, padding=1, precision=p) for p in ("fast", "strict"))
    assert not same_bits(fast, strict)
    for name, expected in (("fast", fast), ("strict", strict), (None, fast), ("strict", strict), ("fast", fast)):
        pyconv.set_precision(name)
        for _ in range(2):
            assert same_bits(module(x), expected), name
            assert transformed(module, x) == (expected is fast), name
        assert (module._packed.explain(x)["algorithm"] in TRANSFORMS) == (expected is fast), name
    module.precision = "strict"
    assert same_bits(module(x), strict)
    module.precision = None
    assert same_bits(module(x), fast)


@needs_a_transform
def test_a_transform_cannot_be_forced_in_strict_mode(rng):
    kernels = {"winograd": (64, 3, 3), "fft": (1, 20, 20), "fft_lines": (1, 1, 300)}
    assert set(kernels) == TRANSFORMS
    for name in TRANSFORMS & set(pyconv.algorithms()):
        w = rng.standard_normal((64, *kernels[name])).astype(np.float32)
        x = rng.standard_normal((2, w.shape[1], 28, 310)).astype(np.float32)
        with pytest.raises(ValueError, match=f"'{name}' refuses.*strict"):
            _native.conv(2, x, w, algorithm=name)
        forced = explain_conv2d(x, w, algorithm=name, precision="fast")
        assert forced["algorithm"] == name


# ---- what either promises ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_bits_everywhere(rng, dtype, process):
    x, w, b = arrays(rng, dtype)
    expected = F.conv2d(x, w, b, padding=1)
    module = layer(dtype=dtype).eval()
    module.weight, module.bias = w, b
    for target in targets():
        assert same_bits(F.conv2d(x, w, b, padding=1), expected), target
        assert same_bits(np.stack([module(image) for image in x]), expected), target


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("kernel", "arguments"),
    [
        ((3, 3), {"stride": 3}),
        ((3, 3), {"stride": (1, 2)}),
        ((3, 3), {"dilation": 2, "stride": 2}),
        ((2, 2), {}),
        ((3, 2), {}),
        ((1, 1), {}),
        ((1, 2), {}),
        ((1, 3), {"stride": 2}),
        ((3, 1), {"dilation": (2, 1)}),
    ],
)
def test_no_other_layer_differs(rng, kernel, arguments, dtype):
    x, w, b = arrays(rng, dtype)
    w = w[:, :, : kernel[0], : kernel[1]]
    fast, strict = (F.conv2d(x, w, b, **arguments, precision=p) for p in ("fast", "strict"))
    assert same_bits(fast, strict)


def errors(x, w, **arguments):
    """Root mean squares of fast, which must run a transform, and of strict."""
    assert transformed(F.conv2d, x, w, **arguments, precision="fast")
    exact = reference.conv2d(x, w, **arguments, dtype=np.float64)
    results = (F.conv2d(x, w, **arguments, precision=p) for p in ("fast", "strict"))
    return [np.sqrt(np.mean((result - exact) ** 2)) for result in results]


@needs_a_transform
@pytest.mark.parametrize(
    ("channels", "size", "images", "stride"),
    [
        (24, 40, 4, 1),
        (64, 28, 2, 1),
        (512, 12, 1, 1),
        (16, 40, 4, 1),
        (160, 7, 8, 1),
        (200, 2, 60, 1),
        (32, 80, 4, 2),
        (256, 31, 4, 2),
    ],
    ids=["24", "64", "512", "16", "7x7", "2x2", "32, strided", "256, strided"],
)
def test_the_error_is_at_most_twice_that_of_the_chain(rng, channels, size, images, stride):
    """Root mean squares over tens of thousands of outputs, so that chance moves them by a few hundredths at most."""
    x = rng.standard_normal((images, channels, size, size)).astype(np.float32)
    w = (rng.standard_normal((64, channels, 3, 3)) * np.sqrt(2 / (9 * channels))).astype(np.float32)
    arguments = {"padding": 1, "stride": stride}
    fast, strict = errors(x, w, **arguments)
    assert 0 < fast <= (2 if stride == 1 else 1.2) * strict


@needs_a_transform
@pytest.mark.parametrize("after_relu", [False, True])
@pytest.mark.parametrize("channels", [24, 64, 192])
@pytest.mark.parametrize("kernel", [(1, 3), (1, 4), (5, 1), (1, 7), (7, 1), (12, 1), (1, 31), (5, 5)])
def test_the_error_of_other_kernels(rng, kernel, channels, after_relu):
    """At most twice that of the chain, on data of both signs and of one."""
    x = rng.standard_normal((2, channels, 24, 26)).astype(np.float32)
    x = np.maximum(x, 0) if after_relu else x
    w = rng.standard_normal((40, channels, *kernel)).astype(np.float32)
    arguments = {"padding": tuple(k // 2 for k in kernel)}
    fast, strict = errors(x, w, **arguments)
    assert 0 < fast <= 2 * strict


@needs_a_transform
@pytest.mark.parametrize(
    ("kernel", "channels", "arguments"),
    [
        ((3, 3, 3), 12, {"padding": 1}),
        ((3, 3, 3), 8, {"padding": 1}),
        ((3, 3, 3), 64, {"padding": (2, 1, 1), "dilation": (2, 1, 1), "stride": (2, 1, 1)}),
        ((3, 3, 3), 150, {"padding": 1, "padding_mode": "reflect"}),
        ((3, 3, 3), 700, {"padding": 1}),
        ((2, 5, 5), 20, {"padding": ((1, 0), (2, 2), (0, 3)), "padding_mode": "circular"}),
        ((3, 3, 3), 20, {"padding": (2, 1, 1), "padding_mode": "constant", "padding_value": 3.5}),
        ((3, 3, 3), 40, {"padding": (3, 1, 1), "stride": (1, 2, 2)}),
        ((5, 1, 1), 40, {"padding": (2, 0, 0)}),
        ((1, 3, 3), 40, {"padding": (2, 1, 1)}),
    ],
)
def test_the_error_of_kernels_with_a_depth(rng, kernel, channels, arguments):
    """Also where blocks are several slices deep, and where channels come part by part."""
    x = rng.standard_normal((1, channels, 7, 15, 16)).astype(np.float32)
    w = rng.standard_normal((40, channels, *kernel)).astype(np.float32)
    assert transformed(F.conv3d, x, w, **arguments, precision="fast")
    exact = reference.conv3d(x, w, **arguments, dtype=np.float64)
    fast, strict = (
        np.sqrt(np.mean((F.conv3d(x, w, **arguments, precision=p) - exact) ** 2)) for p in ("fast", "strict")
    )
    assert 0 < fast <= 2 * strict


@needs_a_transform
def test_channels_part_by_part(rng):
    """Many channels, whose transforms do not fit the workspace: chosen for the speed, the same bits however."""
    x = rng.standard_normal((1, 1100, 10, 9)).astype(np.float32)
    w = rng.standard_normal((200, 1100, 3, 3)).astype(np.float32)
    told = pyconv.explain(F.conv2d, x, w, padding=1, precision="fast")
    assert "channels at a time" in told.tile
    assert told.workspace_bytes <= (1 << 20) * told.threads + 4096 * told.threads
    exact = reference.conv2d(x, w, padding=1, dtype=np.float64)
    fast, strict = (F.conv2d(x, w, padding=1, precision=p) for p in ("fast", "strict"))
    assert 0 < np.sqrt(np.mean((fast - exact) ** 2)) <= 2 * np.sqrt(np.mean((strict - exact) ** 2))
    for target in targets():
        assert same_bits(F.conv2d(x, w, padding=1, precision="fast"), fast), target


@needs_a_transform
@pytest.mark.parametrize(
    ("taps", "channels"), [(5, 24), (5, 64), (6, 8), (6, 32), (7, 3), (7, 4), (7, 32), (8, 3), (8, 40)]
)
def test_the_error_at_stride_2(rng, taps, channels):
    """Of kernels that the stride takes apart, with the fewest channels that they have."""
    x = rng.standard_normal((2, channels, 72, 75)).astype(np.float32)
    w = rng.standard_normal((48, channels, taps, taps)).astype(np.float32)
    arguments = {"padding": taps // 2, "stride": 2}
    fast, strict = errors(x, w, **arguments)
    assert 0 < fast <= 2 * strict


@needs_a_transform
@pytest.mark.parametrize(
    ("taps", "channels", "runs"), [(7, 3, True), (5, 64, True), (5, 16, False), (4, 64, False), (7, 1, False)]
)
def test_which_layers_a_stride_takes_apart(rng, taps, channels, runs):
    """The stems of many networks, say; not where transforms cost what they save, or the error would be large."""
    x = rng.standard_normal((1, channels, 112, 112)).astype(np.float32)
    w = rng.standard_normal((64, channels, taps, taps)).astype(np.float32)
    assert transformed(F.conv2d, x, w, padding=taps // 2, stride=2, precision="fast") == runs


@needs_a_transform
@pytest.mark.fast
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("stride", [1, 2])
def test_memory_order_does_not_matter(rng, dtype, stride):
    x, w, b = arrays(rng, dtype)
    arguments = {"padding": (2, 1), "stride": stride}
    assert transformed(F.conv2d, x, w, b, **arguments)
    planar = F.conv2d(x, w, b, **arguments)
    last = F.conv2d(np.ascontiguousarray(x.transpose(0, 2, 3, 1)), w, b, **arguments, layout="NHWC")
    assert same_bits(np.ascontiguousarray(last.transpose(0, 3, 1, 2)), planar)


@needs_a_transform
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_layer(data):
    """Any size, border, number of channels, stride, groups, memory order: near the chain, the same bits everywhere."""
    draw = data.draw
    square = (draw(st.sampled_from([3, 3, 5, 5, 6, 7, 8])),) * 2
    taps = draw(st.sampled_from([square, square, (1, draw(st.integers(3, 31))), (draw(st.integers(3, 31)), 1)]))
    groups, dtype = draw(st.sampled_from([1, 1, 2])), draw(st.sampled_from([np.float32, np.float64]))
    ic, oc = draw(st.integers(8, 50)), draw(st.integers(8, 50))
    h, w = draw(st.integers(1, 30)), draw(st.integers(1, 30))
    padding = tuple(draw(st.integers(max(0, (k - n + 1) // 2), 3 + k // 2)) for n, k in zip((h, w), taps, strict=True))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.standard_normal((2, groups * ic, h, w)).astype(dtype)
    if draw(st.booleans()):
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    weight = rng.standard_normal((groups * oc, ic, *taps)).astype(dtype)
    bias = rng.standard_normal(groups * oc).astype(dtype)
    mode = draw(st.sampled_from(["zeros", "zeros", "reflect", "replicate", "circular"]))
    if mode in ("reflect", "circular"):
        padding = tuple(min(p, n - 1) for p, n in zip(padding, (h, w), strict=True))
    assume(all(n + 2 * p >= k for p, n, k in zip(padding, (h, w), taps, strict=True)))
    # A step that is never taken counts as 1, and the transforms want the same both ways.
    sizes = [n + 2 * p for n, p in zip((h, w), padding, strict=True)]
    strides = [1, 2] if taps == square and all(n >= k + 2 for n, k in zip(sizes, taps, strict=True)) else [1]
    stride = draw(st.sampled_from(strides if taps[0] in (3, 5) or taps != square else strides[-1:]))
    assume(stride == 2 or taps != square or taps[0] in (3, 5))
    # A dilated kernel runs by tiles where its border is of zeros.
    dilation = (1, 1)
    if stride == 1 and taps in ((3, 3), (5, 5)) and mode == "zeros":
        dilation = tuple(
            draw(st.integers(1, max(1, min(16, (n + 2 * p - 1) // (k - 1)))))
            for n, p, k in zip((h, w), padding, taps, strict=True)
        )
    arguments = {"padding": padding, "groups": groups, "padding_mode": mode, "stride": stride, "dilation": dilation}

    def call(x, precision, algorithm=None):
        return _native.conv(2, x, weight, bias, **arguments, precision=precision, algorithm=algorithm)

    fast, chain = call(x, "fast", "winograd"), call(x, "strict")
    assert np.abs(fast - chain).max() <= 64 * np.finfo(dtype).eps * np.abs(chain).max()
    for target in targets():
        assert same_bits(call(x[1], "fast", "winograd"), fast[1]), target
