"""The promise that one thread's workspace is at most 512 KB, or 1 MB where Winograd runs, whatever the layer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import explain_conv2d

import pyconv
import pyconv.nn as nn
import pyconv.nn.functional as F

pytestmark = pytest.mark.fast  # more algorithms to choose from
PROMISE = {"fast": 1 << 20, "strict": 512 << 10}


def zeros(*shape: int, dtype: type = np.float32) -> np.ndarray:
    """An array of any size that takes no memory: one zero, repeated."""
    return np.broadcast_to(np.zeros((), dtype), shape)


def promised(algorithm: str) -> int:
    """Bytes a thread."""
    return PROMISE["fast" if algorithm == "winograd" else "strict"]


def explained(image, channels, kernel, **arguments) -> pyconv.Explanation:
    """A layer with `channels` outputs on an image (C, H, W)."""
    mode = arguments.pop("padding_mode", "zeros")
    dtype = arguments.pop("dtype", np.float32)
    groups = arguments.get("groups", 1)
    layer = nn.Conv2d(image[0], channels, kernel, padding_mode=mode, dtype=dtype, bias=False, **arguments)
    assert layer.weight.shape[1] == image[0] // groups
    return pyconv.explain(layer, np.empty((1, *image), dtype))


@pytest.mark.parametrize("precision", ["fast", "strict"])
@pytest.mark.parametrize(
    ("image", "channels", "kernel", "arguments"),
    [
        ((2, 2000, 1024), 2, 3, {"groups": 2, "dilation": 60, "padding": 1, "padding_mode": "replicate"}),
        ((2, 1000, 224), 2, 3, {"groups": 2, "dilation": 60, "padding": 1, "padding_mode": "replicate"}),
        ((1, 1024, 1024), 1, 101, {"padding": 50, "padding_mode": "reflect"}),
        ((1, 1024, 1024), 1, 301, {"dtype": np.float64}),
        ((4096, 8, 8), 64, 3, {"padding": 1}),
        ((2048, 14, 14), 2048, 3, {"padding": 1}),
        ((64, 512, 512), 64, 3, {"padding": 1, "dtype": np.float64}),
        ((16, 512, 512), 4, 9, {"padding": 4, "stride": 3}),
        ((8192, 2, 2), 1000, 1, {}),
        ((3, 1000, 1000), 8, 200, {"stride": 8}),
    ],
)
def test_hard_layers(image, channels, kernel, arguments, precision):
    chosen = explained(image, channels, kernel, precision=precision, **arguments)
    assert chosen.workspace_bytes_per_thread <= promised(chosen.algorithm)
    assert precision == "fast" or chosen.algorithm != "winograd"


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_3x3_layer(data):
    draw = data.draw
    groups, dtype = draw(st.sampled_from([1, 1, 3])), draw(st.sampled_from([np.float32, np.float64]))
    channels = [groups * draw(st.one_of(st.integers(1, 70), st.integers(1, 3000))) for _ in range(2)]
    image = zeros(1, channels[0], draw(st.integers(1, 600)), draw(st.integers(1, 600)), dtype=dtype)
    weight = zeros(channels[1], channels[0] // groups, 3, 3, dtype=dtype)
    with pyconv.threads(draw(st.integers(1, 64))):
        chosen = pyconv.explain(F.conv2d, image, weight, padding=1, groups=groups, stride=draw(st.integers(1, 2)))
    assert chosen.workspace_bytes_per_thread <= promised(chosen.algorithm)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_layer(data):
    draw = data.draw
    groups = draw(st.sampled_from([1, 1, 2, 16]))
    per_group = draw(st.sampled_from([1, 1, 3, 16, 200]))
    channels = groups * draw(st.sampled_from([1, 2, 5, 16, 70]))
    kernel = (draw(st.integers(1, 40)), draw(st.integers(1, 40)))
    dilation = (draw(st.integers(1, 30)), draw(st.integers(1, 30)))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    image = (groups * per_group, *(draw(st.integers(r, r + 1500)) for r in reach))
    mode = draw(st.sampled_from(["zeros", "zeros", "reflect", "replicate", "circular"]))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    weight = zeros(channels, per_group, *kernel, dtype=dtype)
    arguments = {
        "stride": (draw(st.integers(1, 9)), draw(st.integers(1, 9))),
        "padding": (draw(st.integers(0, reach[0] // 2)), draw(st.integers(0, reach[1] // 2))),
        "dilation": dilation,
        "groups": groups,
    }
    native = explain_conv2d(zeros(1, *image, dtype=dtype), weight, padding_mode=mode, **arguments)
    assert native["workspace_bytes_per_thread"] <= promised(native["algorithm"])


@pytest.mark.parametrize("window", [2, 3, 64, (5, 300)])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d])
def test_pooling(pool, window, stride):
    chosen = pyconv.explain(pool, np.empty((1, 3, 900, 1900), np.float32), window, stride)
    assert chosen.workspace_bytes_per_thread <= PROMISE["strict"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, (1, 50), 1000])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_adaptive_pooling(size, layout):
    chosen = pyconv.explain(F.adaptive_avg_pool2d, zeros(1, 901, 1900, 901), size, layout=layout)
    assert chosen.workspace_bytes_per_thread <= PROMISE["strict"]
