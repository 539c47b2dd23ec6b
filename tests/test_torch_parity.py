"""The same call in torch gives the same array: values, shape, memory order, indices, names, printed form, refusals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import pyconv.nn.functional as F
from pyconv import nn

torch = pytest.importorskip("torch")
TF = torch.nn.functional

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")


def integers(rng, shape, dtype):
    return rng.integers(-4, 5, shape).astype(dtype)


def tensors(*arrays):
    return [None if a is None else torch.from_numpy(a) for a in arrays]


def assert_equal(ours, theirs):
    """Same shape, type and values, and NaN where they have it."""
    theirs = theirs.detach().numpy()
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


CONV_CALLS = [
    {},
    {"stride": 2},
    {"stride": (2, 3), "padding": (1, 2)},
    {"padding": 3, "dilation": 2},
    {"padding": (0, 2), "dilation": (1, 3)},
    {"padding": "same"},
    {"padding": "same", "dilation": (1, 2)},
    {"padding": "valid", "stride": 2},
    {"groups": 2},
    {"groups": 4, "padding": 1},
    {"stride": [2], "padding": (1,), "dilation": [1]},
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (2, 4), (5, 1)])
@pytest.mark.parametrize("arguments", CONV_CALLS)
def test_conv2d(rng, arguments, kernel, dtype):
    for shape, biased in itertools.product([(2, 4, 11, 12), (4, 11, 12), (0, 4, 11, 12)], (True, False)):
        x = integers(rng, shape, dtype)
        w = integers(rng, (8, 4 // arguments.get("groups", 1), *kernel), dtype)
        b = integers(rng, 8, dtype) if biased else None
        assert_equal(F.conv2d(x, w, b, **arguments), TF.conv2d(*tensors(x, w, b), **arguments))


def test_conv2d_by_position(rng):
    x, w, b = (integers(rng, shape, np.float32) for shape in ((1, 4, 9, 9), (6, 2, 3, 3), (6,)))
    arguments = ((2, 1), (1, 0), (1, 2), 2)
    assert_equal(F.conv2d(x, w, b, *arguments), TF.conv2d(*tensors(x, w, b), *arguments))


@pytest.mark.parametrize("shape", [(3, 64, 14, 14), (1, 3, 32, 32)])
def test_conv2d_of_random_numbers(rng, shape):
    x = rng.standard_normal(shape)
    w = rng.standard_normal((32, shape[1], 3, 3)) / (3 * shape[1] ** 0.5)
    for dtype, tolerance in ((np.float64, 1e-13), (np.float32, 1e-5)):
        a, b = x.astype(dtype), w.astype(dtype)
        theirs = TF.conv2d(*tensors(a, b), padding=1).numpy()
        np.testing.assert_allclose(F.conv2d(a, b, padding=1), theirs, rtol=0, atol=tolerance)


@pytest.mark.parametrize("shape", [(2, 4, 7, 8), (4, 7, 8), (1, 4, 6, 6), (2, 1, 5, 5)])
@pytest.mark.parametrize("kernel", [1, 3])
def test_memory_order_follows_the_input(rng, shape, kernel):
    x, w = integers(rng, shape, np.float32), integers(rng, (6, shape[-3], kernel, kernel), np.float32)
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, -3, -1)), -1, -3)
    for given in (x, last):
        ours, theirs = F.conv2d(given, w), TF.conv2d(*tensors(given, w))
        assert_equal(ours, theirs)
        if shape[-3] > 1 and len(shape) == 4:  # with one channel the two orders are the same; torch has none unbatched
            assert ours.strides == tuple(4 * n for n in theirs.stride())
        ours, theirs = F.max_pool2d(given, 2), TF.max_pool2d(*tensors(given), 2)
        assert_equal(ours, theirs)
        if shape[-3] > 1 and len(shape) == 4:
            assert ours.strides == tuple(4 * n for n in theirs.stride())


def test_infinity_and_nan(rng):
    x, w = rng.standard_normal((1, 3, 8, 8)), rng.standard_normal((4, 3, 3, 3))
    x[0, 0, 2, 2], x[0, 1, 5, 5], x[0, 2, 0, 7] = np.inf, np.nan, -np.inf
    w[1], w[2, 0] = 0.0, 0.0
    ours, theirs = F.conv2d(x, w, padding=1), TF.conv2d(*tensors(x, w), padding=1).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    assert np.isnan(ours[0, 1, 2, 2])


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel_size": 3, "padding": 2},
        {"kernel_size": (5, 2), "padding": (1, 3), "stride": 2, "bias": False},
        {"kernel_size": 3, "padding": "same", "dilation": 2, "groups": 2},
        {"kernel_size": (2, 4), "padding": "same"},
        {"kernel_size": 2, "padding": "valid", "dtype": "float64"},
    ],
)
def test_conv2d_layer(rng, arguments, mode):
    kind = arguments.get("dtype", "float32")
    rest = {k: v for k, v in arguments.items() if k != "dtype"}
    theirs = torch.nn.Conv2d(4, 6, **rest, padding_mode=mode, dtype=getattr(torch, kind))
    ours = nn.Conv2d(4, 6, **rest, padding_mode=mode, dtype=kind)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.from_numpy(integers(rng, tuple(parameter.shape), kind)))
    assert ours.load_state_dict(theirs.state_dict()) == ([], [])
    for shape, training in itertools.product([(2, 4, 8, 9), (4, 6, 7)], (True, False)):
        x = integers(rng, shape, kind)
        assert_equal(ours.train(training)(x), theirs(torch.from_numpy(x)))


def test_initial_values_have_the_same_spread():
    for ours, theirs in (
        (nn.Conv2d(8, 64, 5, groups=4), torch.nn.Conv2d(8, 64, 5, groups=4)),
        (nn.Linear(50, 200), torch.nn.Linear(50, 200)),
    ):
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert a.shape == tuple(b.shape)
            # Both are samples of U(-c, c): the largest of n comes within 20/n of c but for e**-20.
            assert abs(a).max() == pytest.approx(b.abs().max().item(), rel=20 / a.size)


POOL_CALLS = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": (2, 3), "stride": (1, 2)},
    {"kernel_size": 3, "stride": 1, "padding": 1, "dilation": 2},
    {"kernel_size": (3, 2), "stride": 2, "padding": (1, 1), "ceil_mode": True},
    {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True},
    {"kernel_size": 2, "stride": 2, "dilation": (3, 1), "padding": (1, 0), "ceil_mode": True},
    {"kernel_size": [4], "stride": [4], "ceil_mode": True},
]


def awkward(rng, shape, dtype):
    """Ties, NaN, infinities."""
    x = rng.integers(-3, 4, shape).astype(dtype)
    x[rng.random(shape) < 0.08] = np.nan
    x[rng.random(shape) < 0.3] = -np.inf
    x[rng.random(shape) < 0.03] = np.inf
    return x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [awkward, lambda rng, shape, dtype: rng.standard_normal(shape).astype(dtype)])
@pytest.mark.parametrize("arguments", POOL_CALLS)
def test_max_pool2d(rng, arguments, make, dtype):
    for shape in ((2, 3, 9, 11), (3, 8, 10), (1, 20, 7, 7), (0, 3, 8, 8)):
        x = make(rng, shape, dtype)
        assert_equal(F.max_pool2d(x, **arguments), TF.max_pool2d(torch.from_numpy(x), **arguments))
        ours = F.max_pool2d(x, **arguments, return_indices=True)
        theirs = TF.max_pool2d(torch.from_numpy(x), **arguments, return_indices=True)
        for a, b in zip(ours, theirs, strict=True):
            assert_equal(a, b)


AVERAGE_CALLS = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
    {"kernel_size": (2, 3), "stride": (1, 2)},
    {"kernel_size": (3, 2), "stride": 2, "padding": (1, 1), "ceil_mode": True},
    {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True},
    {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True, "count_include_pad": False},
    {"kernel_size": 3, "padding": 1, "divisor_override": 4, "count_include_pad": False},
    {"kernel_size": [4], "stride": [], "ceil_mode": True, "divisor_override": -3},
    {"kernel_size": 7},
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("arguments", AVERAGE_CALLS)
def test_avg_pool2d(rng, arguments, dtype):
    for shape in ((2, 3, 9, 11), (3, 8, 10), (1, 20, 7, 7), (0, 3, 8, 8)):
        x = integers(rng, shape, dtype)
        assert_equal(F.avg_pool2d(x, **arguments), TF.avg_pool2d(torch.from_numpy(x), **arguments))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 2, 3, (1, 5), (None, 4), [7, None], (None, None), 13, (0, 3)])
def test_adaptive_avg_pool2d(rng, size, dtype):
    """Torch divides by the rows, and then by the columns."""
    for shape in ((2, 3, 9, 11), (3, 8, 10), (1, 20, 7, 7), (0, 3, 8, 8)):
        x = integers(rng, shape, dtype)
        ours, theirs = F.adaptive_avg_pool2d(x, size), TF.adaptive_avg_pool2d(torch.from_numpy(x), size).numpy()
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=2 * np.finfo(dtype).eps)


def test_max_pool2d_of_nothing_but_minus_infinity():
    x = np.full((1, 1, 5, 5), -np.inf, np.float32)
    ours = F.max_pool2d(x, 3, 2, 1, return_indices=True)
    theirs = TF.max_pool2d(torch.from_numpy(x), 3, 2, 1, return_indices=True)
    assert_equal(ours[0], theirs[0])
    assert_equal(ours[1], theirs[1])


def test_max_pool2d_takes_the_first_zero():
    for zeros in itertools.product([0.0, -0.0], repeat=4):
        x = np.array(zeros).reshape(1, 1, 2, 2)
        values, indices = F.max_pool2d(x, 2, return_indices=True)
        their_values, their_indices = TF.max_pool2d(torch.from_numpy(x), 2, return_indices=True)
        assert indices.item() == their_indices.item() == 0
        assert np.signbit(values.item()) == np.signbit(their_values.item()) == np.signbit(zeros[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_rest(rng, dtype):
    x, w, b = (integers(rng, shape, dtype) for shape in ((2, 3, 7), (5, 7), (5,)))
    assert_equal(F.linear(x, w, b), TF.linear(*tensors(x, w, b)))
    assert_equal(F.linear(x[0, 0], w), TF.linear(*tensors(x[0, 0], w)))
    assert_equal(F.relu(x), TF.relu(torch.from_numpy(x)))
    special = np.array([np.nan, np.inf, -np.inf], dtype)
    assert_equal(F.relu(special), TF.relu(torch.from_numpy(special)))
    for dim in (0, 1, 2, -1, -2):
        theirs = TF.softmax(torch.from_numpy(x), dim).numpy()
        np.testing.assert_allclose(F.softmax(x, dim), theirs, rtol=8 * np.finfo(dtype).eps)
    whole, kind = np.arange(3), getattr(torch, np.dtype(dtype).name)
    theirs = TF.softmax(torch.from_numpy(whole), 0, dtype=kind).numpy()
    np.testing.assert_allclose(F.softmax(whole, 0, dtype=dtype), theirs, rtol=8 * np.finfo(dtype).eps)
    for start, end in ((0, -1), (1, -1), (0, 1), (2, 2), (-2, -1)):
        assert_equal(F.flatten(x, start, end), torch.flatten(torch.from_numpy(x), start, end))
    assert_equal(F.flatten(np.array(1.0, dtype)), torch.flatten(torch.tensor(1.0, dtype=kind)))


NORM_SHAPES = [(6, 4), (3, 4, 7), (2, 4, 5, 6), (2, 4, 3, 2, 5), (0, 4, 3, 3)]


def assert_normalised(ours, theirs, dtype):
    """Numbers of size 1 that both have rounded, in the batch's statistics as well; NaN where they have it."""
    theirs = theirs.detach().numpy()
    assert ours.dtype == theirs.dtype
    tolerance = 200 * np.finfo(dtype).eps
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", NORM_SHAPES, ids=str)
def test_batch_norm(rng, shape, dtype):
    x, mean, weight, bias = (rng.standard_normal(s).astype(dtype) for s in (shape, *[shape[1]] * 3))
    var = rng.uniform(0.5, 2, shape[1]).astype(dtype)
    for training, w, b, momentum in itertools.product((False, True), (weight, None), (bias, None), (0.1, 0.7)):
        running = mean.copy(), var.copy()
        theirs = tensors(x, mean.copy(), var.copy(), w, b)
        ours = F.batch_norm(x, *running, w, b, training, momentum, 1e-3)
        assert_normalised(ours, TF.batch_norm(*theirs, training, momentum, 1e-3), dtype)
        for array, tensor in zip(running, theirs[1:3], strict=True):
            assert_normalised(array, tensor, dtype)
    if len(shape) == 4 and shape[0]:
        last = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
        theirs = TF.batch_norm(*tensors(last, mean, var))
        assert F.batch_norm(last, mean, var).strides == tuple(x.itemsize * n for n in theirs.stride())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "arguments",
    [{}, {"momentum": None}, {"affine": False}, {"bias": False}, {"track_running_stats": False}, {"eps": 0.1}],
    ids=str,
)
@pytest.mark.parametrize("shape", NORM_SHAPES[:4], ids=str)
def test_batch_norm_layers(rng, shape, arguments, dtype):
    name = {2: "BatchNorm1d", 3: "BatchNorm1d", 4: "BatchNorm2d", 5: "BatchNorm3d"}[len(shape)]
    ours = getattr(nn, name)(4, **arguments, dtype=dtype)
    theirs = getattr(torch.nn, name)(4, **arguments, dtype=getattr(torch, dtype))
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for walk in ("named_parameters", "named_buffers"):
        assert [name for name, _ in getattr(ours, walk)()] == [name for name, _ in getattr(theirs, walk)()]
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.from_numpy(rng.standard_normal(parameter.shape)))
    ours.load_state_dict(theirs.state_dict())
    for _ in range(3):
        x = rng.standard_normal(shape).astype(dtype)
        assert_normalised(ours(x), theirs(torch.from_numpy(x)), dtype)
    for key, tensor in theirs.state_dict().items():
        assert_normalised(ours.state_dict()[key], tensor, dtype)
    assert_normalised(ours.eval()(x), theirs.eval()(torch.from_numpy(x)), dtype)
    ours.load_state_dict(theirs.state_dict())
    for module in (ours, theirs):
        module.reset_running_stats()
        module.reset_parameters()
    for key, tensor in theirs.state_dict().items():
        assert_equal(ours.state_dict()[key], tensor)


def lenet(nn):
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Sequential(nn.Conv2d(6, 16, 5, bias=False), nn.ReLU(inplace=True), nn.MaxPool2d(2, 2, ceil_mode=True)),
        nn.Flatten(),
        nn.Linear(400, 10),
        nn.Softmax(dim=1),
    )


def test_a_network(rng):
    theirs, ours = lenet(torch.nn).eval(), lenet(nn).eval()
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for walk in ("named_parameters", "named_modules", "named_children"):
        assert [name for name, _ in getattr(ours, walk)()] == [name for name, _ in getattr(theirs, walk)()]
    assert repr(ours[1:3]) == repr(theirs[1:3])
    ours.load_state_dict(theirs.state_dict())
    x = rng.standard_normal((4, 1, 28, 28)).astype(np.float32)
    with torch.no_grad():
        np.testing.assert_allclose(ours(x), theirs(torch.from_numpy(x)).numpy(), rtol=1e-5, atol=1e-7)


def normalised(nn):
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 16, 3, stride=2, groups=16), nn.BatchNorm2d(16, affine=False), nn.ReLU()),
        *(nn.Conv2d(16, 8, 1), nn.BatchNorm2d(8, eps=0.01)),
    )


@pytest.mark.fast
def test_a_network_with_batch_norms(rng):
    """Trained a little in torch, so that the running statistics are not those of the beginning."""
    theirs, ours = normalised(torch.nn), normalised(nn)
    assert repr(ours) == repr(theirs)
    x = rng.standard_normal((4, 3, 15, 15)).astype(np.float32)
    with torch.no_grad():
        for layer in theirs:
            for parameter in layer.parameters():
                parameter += torch.from_numpy(0.1 * rng.standard_normal(parameter.shape))
        for _ in range(3):
            theirs(torch.from_numpy(x))
        theirs.eval()
        expected = theirs(torch.from_numpy(x)).numpy()
        fused = torch.nn.utils.fusion.fuse_conv_bn_eval(theirs[0], theirs[1])
    ours.load_state_dict(theirs.state_dict())
    np.testing.assert_allclose(ours.eval()(x), expected, rtol=1e-4, atol=1e-5)
    mine = nn.utils.fuse_conv_bn_eval(ours[0], ours[1])
    assert list(mine.state_dict()) == list(fused.state_dict())
    for name, tensor in fused.state_dict().items():
        np.testing.assert_allclose(mine.state_dict()[name], tensor.numpy(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "layer",
    [
        lambda nn: nn.MaxPool2d(3, 2, 1, 2, True, True),
        lambda nn: nn.MaxPool2d((3, 2), stride=(1, 2)),
        lambda nn: nn.AvgPool2d(3, 2, 1, True, False, 5),
        lambda nn: nn.AvgPool2d((3, 2)),
        lambda nn: nn.AdaptiveAvgPool2d(7),
        lambda nn: nn.AdaptiveAvgPool2d((None, 7)),
        lambda nn: nn.Flatten(0, 2),
        lambda nn: nn.Linear(3, 4, bias=False),
        lambda nn: nn.Softmax(-1),
        lambda nn: nn.Softmax(),
        lambda nn: nn.ReLU(True),
        lambda nn: nn.Conv2d(4, 8, (3, 2), (2, 1), (1, 0), (1, 2), 4, False, "replicate"),
        lambda nn: nn.Sequential(nn.Sequential(), nn.ReLU()),
    ],
)
def test_printed_forms(layer):
    assert repr(layer(nn)) == repr(layer(torch.nn))


@pytest.mark.parametrize(
    "call",
    [
        lambda F, x, w: F.conv2d(x, w, stride=0),
        lambda F, x, w: F.conv2d(x, w, padding=-1),
        lambda F, x, w: F.conv2d(x, w, dilation=0),
        lambda F, x, w: F.conv2d(x, w, groups=3),
        lambda F, x, w: F.conv2d(x, w, dilation=9),
        lambda F, x, w: F.conv2d(x, w, padding="same", stride=2),
        lambda F, x, w: F.conv2d(x[0, 0], w),
        lambda F, x, w: F.conv2d(x, w[0]),
        lambda F, x, w: F.conv2d(x[:, :3], w),
        lambda F, x, w: F.conv2d(x, w, w[0, 0, 0]),
        lambda F, x, w: F.conv2d(x[:, :, :0], w),
        lambda F, x, w: F.max_pool2d(x, 2, padding=2),
        lambda F, x, w: F.max_pool2d(x, 0),
        lambda F, x, w: F.max_pool2d(x, 20),
        lambda F, x, w: F.max_pool2d(x, 2, dilation=0),
        lambda F, x, w: F.avg_pool2d(x, 2, padding=2),
        lambda F, x, w: F.avg_pool2d(x, 0),
        lambda F, x, w: F.avg_pool2d(x, 20),
        lambda F, x, w: F.avg_pool2d(x, 2, divisor_override=0),
        lambda F, x, w: F.adaptive_avg_pool2d(x, -1),
        lambda F, x, w: F.adaptive_avg_pool2d(x, (3, 3, 3)),
        lambda F, x, w: F.adaptive_avg_pool2d(x[:, :, :0], 3),
        lambda F, x, w: F.linear(x, w[0, 0, :, :2]),
        lambda F, x, w: F.batch_norm(x, None, None),
        lambda F, x, w: F.batch_norm(x, w[0, :, 0, 0], None),
        lambda F, x, w: F.batch_norm(x, w[0, :, 0, 0], None, training=True),
        lambda F, x, w: F.batch_norm(x, w[:, 0, 0, 0], w[:, 0, 0, 0]),
        lambda F, x, w: F.batch_norm(x, w[0, :, 0, 0], w[0, :, 0, 0], w[:, 0, 0, 0]),
        lambda F, x, w: F.batch_norm(x[:, :, 0, 0], None, None, training=True),
        lambda F, x, w: F.batch_norm(x, None, None, training=True, eps=0.0),
        lambda F, x, w: F.batch_norm(x, w[0, :, 0, 0], w[0, :, 0, 0], eps=-1.0),
    ],
)
def test_refusals(call):
    x, w = np.zeros((1, 4, 8, 8)), np.zeros((6, 4, 3, 3))
    with pytest.raises((RuntimeError, ValueError)):
        call(TF, *tensors(x, w))
    with pytest.raises(ValueError, match=r"\w"):
        call(F, x, w)
