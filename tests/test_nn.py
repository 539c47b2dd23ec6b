"""Layers and modules."""

from __future__ import annotations

import copy
import io
import math
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import pyconv.nn.functional as F
from pyconv import nn, reference


def lenet():
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 6, 5, padding=2),
            act1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            features=nn.Sequential(nn.Conv2d(6, 16, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2, stride=2)),
            flat=nn.Flatten(),
            head=nn.Linear(400, 10),
            out=nn.Softmax(dim=1),
        )
    )


def image(rng, *shape, dtype=np.float32):
    return rng.standard_normal(shape).astype(dtype)


# ---- layers ----


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel_size": 3},
        {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 2), "dilation": (2, 1), "groups": 2, "bias": False},
        {"kernel_size": (2, 4), "padding": "same", "groups": 4},
        {"kernel_size": 1, "padding": "valid", "dtype": np.float64},
    ],
)
def test_conv2d(rng, arguments, mode, layout, training):
    layer = nn.Conv2d(4, 8, **arguments, padding_mode=mode, layout=layout).train(training)
    x = image(rng, 2, 6, 7, 4, dtype=layer.weight.dtype)
    x = x if layout == "NHWC" else x.transpose(0, 3, 1, 2)
    rest = {k: v for k, v in arguments.items() if k not in ("kernel_size", "bias", "dtype")}
    expected = reference.conv2d(x, layer.weight, layer.bias, **rest, padding_mode=mode, layout=layout)
    for _ in range(2):
        result = layer(x)
        assert result.dtype == layer.weight.dtype
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(layer(x[0]), expected[0], rtol=1e-5, atol=1e-5)


def test_eval_and_training_give_the_same_bits(rng, isa, num_threads):
    for layer, x in (
        (nn.Conv2d(3, 20, 3, padding=1), image(rng, 2, 3, 19, 21)),
        (nn.Conv2d(8, 8, 3, groups=8), image(rng, 1, 8, 12, 12)),
        (nn.Linear(33, 17), image(rng, 5, 33)),
    ):
        assert layer.train()(x).tobytes() == layer.eval()(x).tobytes()


def test_linear(rng):
    layer, x = nn.Linear(6, 4), image(rng, 2, 3, 6)
    for training in (True, False):
        np.testing.assert_allclose(layer.train(training)(x), x @ layer.weight.T + layer.bias, rtol=1e-5, atol=1e-5)
    without = nn.Linear(6, 4, bias=False, dtype=np.float64)
    assert without.bias is None
    assert without(x.astype(np.float64)).dtype == np.float64


def test_the_other_layers_are_their_functions(rng):
    x = image(rng, 2, 3, 9, 9)
    assert np.array_equal(nn.ReLU()(x), F.relu(x))
    assert np.array_equal(nn.Softmax(1)(x), F.softmax(x, 1))
    assert np.array_equal(nn.Flatten()(x), x.reshape(2, -1))
    assert np.array_equal(nn.Flatten(0, 1)(x), x.reshape(6, 9, 9))
    pool = nn.MaxPool2d(3, 2, 1, 1, True, True)
    values, indices = F.max_pool2d(x, 3, 2, 1, 1, True, True)
    assert np.array_equal(pool(x)[0], values)
    assert np.array_equal(pool(x)[1], indices)
    averages = nn.AvgPool2d(3, 2, 1, True, False, 5)
    assert np.array_equal(averages(x), F.avg_pool2d(x, 3, 2, 1, True, False, 5))
    assert np.array_equal(nn.AvgPool2d(2)(x), F.avg_pool2d(x, 2))
    assert np.array_equal(nn.AdaptiveAvgPool2d((4, None))(x), F.adaptive_avg_pool2d(x, (4, None)))
    for make in (lambda **layout: nn.AvgPool2d(2, **layout), lambda **layout: nn.AdaptiveAvgPool2d(5, **layout)):
        assert np.array_equal(make(layout="NHWC")(x.transpose(0, 2, 3, 1)), make()(x).transpose(0, 2, 3, 1))
    last = nn.MaxPool2d(2, layout="NHWC")
    assert np.array_equal(last(x.transpose(0, 2, 3, 1)), F.max_pool2d(x, 2).transpose(0, 2, 3, 1))


def test_relu_in_place(rng):
    x = image(rng, 4)
    assert nn.ReLU(inplace=True)(x) is x
    assert (x >= 0).all()


@pytest.mark.parametrize("training", [True, False])
def test_layers_check_the_type(training):
    with pytest.raises(TypeError, match=r"float64.*float32|float32.*float64"):
        nn.Conv2d(1, 1, 3).train(training)(np.zeros((1, 1, 5, 5)))
    with pytest.raises(TypeError, match=r"float64.*float32|float32.*float64"):
        nn.Linear(3, 1).train(training)(np.zeros((1, 3)))
    with pytest.raises(ValueError, match=r"\(1, 2, 5, 5\)"):
        nn.Conv2d(1, 1, 3).train(training)(np.zeros((1, 2, 5, 5), np.float32))


@pytest.mark.parametrize(
    ("error", "text", "make"),
    [
        (ValueError, "in_channels", lambda: nn.Conv2d(0, 1, 1)),
        (TypeError, "out_channels", lambda: nn.Conv2d(1, 1.5, 1)),
        (ValueError, "kernel_size", lambda: nn.Conv2d(1, 1, 0)),
        (ValueError, "kernel_size", lambda: nn.Conv2d(1, 1, (1, 2, 3))),
        (TypeError, "kernel_size", lambda: nn.Conv2d(1, 1, "3")),
        (ValueError, "stride", lambda: nn.Conv2d(1, 1, 1, stride=(1, 0))),
        (ValueError, "padding", lambda: nn.Conv2d(1, 1, 1, padding=-1)),
        (ValueError, "padding.*'full'", lambda: nn.Conv2d(1, 1, 1, padding="full")),
        (ValueError, "same", lambda: nn.Conv2d(1, 1, 1, stride=2, padding="same")),
        (ValueError, "dilation", lambda: nn.Conv2d(1, 1, 1, dilation=0)),
        (ValueError, "groups", lambda: nn.Conv2d(1, 1, 1, groups=0)),
        (ValueError, "in_channels.*groups", lambda: nn.Conv2d(3, 4, 1, groups=2)),
        (ValueError, "out_channels.*groups", lambda: nn.Conv2d(4, 3, 1, groups=2)),
        (ValueError, "padding_mode", lambda: nn.Conv2d(1, 1, 1, padding_mode="edge")),
        (ValueError, "layout", lambda: nn.Conv2d(1, 1, 1, layout="NCWH")),
        (ValueError, "precision.*exact", lambda: nn.Conv2d(1, 1, 1, precision="exact")),
        (TypeError, "precision", lambda: nn.Conv2d(1, 1, 1, precision=1)),
        (ValueError, "device.*cuda", lambda: nn.Conv2d(1, 1, 1, device="cuda")),
        (TypeError, "dtype.*int32", lambda: nn.Conv2d(1, 1, 1, dtype=np.int32)),
        (ValueError, "in_features", lambda: nn.Linear(0, 1)),
        (TypeError, "dtype.*complex64", lambda: nn.Linear(1, 1, dtype=np.complex64)),
        (ValueError, "layout", lambda: nn.MaxPool2d(2, layout="N")),
        (ValueError, "layout", lambda: nn.AvgPool2d(2, layout="N")),
        (ValueError, "layout", lambda: nn.AdaptiveAvgPool2d(2, layout="N")),
    ],
)
def test_constructors_check_their_arguments(error, text, make):
    with pytest.raises(error, match=text):
        make()


def test_positions_of_arguments_are_torchs():
    layer = nn.Conv2d(4, 8, 3, 2, 1, 2, 2, False, "reflect", "cpu", np.float64)
    assert (layer.stride, layer.padding, layer.dilation, layer.groups) == ((2, 2), (1, 1), (2, 2), 2)
    assert (layer.bias, layer.padding_mode, layer.weight.dtype) == (None, "reflect", np.float64)
    assert nn.Linear(2, 3, False, None, np.float64).weight.dtype == np.float64


# ---- initial values ----


def test_initial_values_are_torchs_distribution():
    nn.init.manual_seed(1)
    layer = nn.Conv2d(16, 64, 3, groups=2)
    bound = 1 / math.sqrt(8 * 9)
    assert 0.99 * bound < abs(layer.weight).max() <= bound * (1 + 1e-6)
    assert abs(layer.bias).max() <= bound * (1 + 1e-6)
    # U(-b, b) has variance b**2 / 3; the sample's is off by about (2 / sqrt(5 n)) of it, so 10 % is eight deviations.
    assert abs(layer.weight.var() / (bound**2 / 3) - 1) < 0.1
    assert abs(layer.weight.mean()) < 8 * bound / math.sqrt(3 * layer.weight.size)
    linear = nn.Linear(100, 300)
    assert 0.0999 < abs(linear.weight).max() <= 0.1 + 1e-6
    assert abs(linear.bias).max() <= 0.1 + 1e-6
    assert layer.weight.dtype == np.float32


def test_the_seed_decides():
    def draw(seed):
        nn.init.manual_seed(seed)
        return nn.Conv2d(2, 3, 3).weight

    assert np.array_equal(draw(3), draw(3))
    assert not np.array_equal(draw(3), draw(4))
    nn.init.manual_seed(None)


def test_init_functions():
    generator = np.random.default_rng(0)
    a = np.empty((200, 100, 3, 2))
    assert nn.init.calculate_fan_in_and_fan_out(a) == (600, 1200)
    assert nn.init.kaiming_uniform_(a, generator=generator) is a
    assert abs(a).max() == pytest.approx(math.sqrt(6 / 600), rel=1e-3)
    assert nn.init.kaiming_normal_(a, mode="fan_out", nonlinearity="relu", generator=generator).std() == pytest.approx(
        math.sqrt(2 / 1200), rel=0.02
    )
    assert abs(nn.init.xavier_uniform_(a, gain=2, generator=generator)).max() == pytest.approx(
        2 * math.sqrt(6 / 1800), rel=1e-3
    )
    assert nn.init.xavier_normal_(a, generator=generator).std() == pytest.approx(math.sqrt(2 / 1800), rel=0.02)
    assert nn.init.normal_(a, 3, 0.5, generator).mean() == pytest.approx(3, abs=0.02)
    assert (nn.init.uniform_(a, 2, 3, generator) >= 2).all()
    assert (nn.init.ones_(a) == 1).all()
    assert (nn.init.zeros_(a) == 0).all()
    assert nn.init.calculate_gain("leaky_relu", 0.2) == pytest.approx(math.sqrt(2 / 1.04))
    with pytest.raises(ValueError, match="nonlinearity"):
        nn.init.calculate_gain("step")
    with pytest.raises(ValueError, match="mode"):
        nn.init.kaiming_uniform_(a, mode="fan")
    with pytest.raises(ValueError, match=r"\(3,\)"):
        nn.init.calculate_fan_in_and_fan_out(np.empty(3))


# ---- modules ----


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.scale = np.ones(2)
        self.same = self.conv
        self.stack = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        self.register_buffer("mean", np.zeros(3))

    def forward(self, x):
        return self.conv(x)


def test_names():
    net = Net()
    names = ["scale", "conv.weight", "conv.bias", "stack.0.weight", "stack.0.bias"]
    assert [name for name, _ in net.named_parameters()] == names
    assert len(list(net.parameters())) == 5
    assert [name for name, _ in net.named_parameters(recurse=False)] == ["scale"]
    assert [name for name, _ in net.conv.named_parameters(prefix="a.b")] == ["a.b.weight", "a.b.bias"]
    assert [name for name, _ in net.named_buffers()] == ["mean"]
    assert [name for name, _ in net.named_children()] == ["conv", "stack"]
    assert [name for name, _ in net.named_modules()] == ["", "conv", "stack", "stack.0", "stack.1"]
    assert [name for name, _ in net.named_modules(remove_duplicate=False)] == [
        "",
        "conv",
        "same",
        "stack",
        "stack.0",
        "stack.1",
    ]
    own, children = ["scale", "mean"], ["conv.weight", "conv.bias", "same.weight", "same.bias"]
    assert list(net.state_dict()) == [*own, *children, "stack.0.weight", "stack.0.bias"]
    assert list(net.state_dict("net.")) == [f"net.{name}" for name in net.state_dict()]
    assert next(net.parameters()) is net.scale
    assert {"scale", "mean", "conv", "forward"} <= set(dir(net))


def test_assigning_arrays():
    net = Net()
    net.scale = np.zeros(5)
    assert net.scale.shape == (5,)
    net.extra = np.ones(1)
    assert "extra" in dict(net.named_parameters())
    net.mean = np.ones(3)
    assert [name for name, _ in net.named_buffers()] == ["mean"]
    net.scale = None
    assert net.scale is None
    assert "scale" not in dict(net.named_parameters())
    net.plain = 3
    net.plain = np.ones(1)
    assert "plain" in dict(net.named_parameters())
    net.extra = nn.ReLU()
    assert "extra" not in dict(net.named_parameters())
    assert "extra" in dict(net.named_children())
    del net.extra
    assert not hasattr(net, "extra")
    net.mean = None
    assert net.mean is None
    assert list(net.named_buffers()) == []
    assert "mean" not in net.state_dict()
    net.mean = np.ones(2)
    assert [name for name, _ in net.named_buffers()] == ["mean"]
    net.register_buffer("absent", None)
    assert net.absent is None
    del net.plain, net.mean
    with pytest.raises(AttributeError, match=r"'Net'.*'mean'"):
        _ = net.mean
    with pytest.raises(AttributeError):
        del net.mean


def test_assigning_what_does_not_fit():
    net = Net()
    with pytest.raises(TypeError, match=r"scale.*list"):
        net.scale = [1.0]
    with pytest.raises(TypeError, match=r"conv.*int"):
        net.conv = 3
    with pytest.raises(TypeError, match=r"mean.*float"):
        net.mean = 1.0
    with pytest.raises(ValueError, match="forward"):
        net.forward = np.ones(1)
    for name in ("", "a.b", 3):
        with pytest.raises(ValueError, match="name"):
            net.register_parameter(name, np.ones(1))
    with pytest.raises(TypeError, match="ndarray"):
        net.register_parameter("a", [1.0])
    with pytest.raises(TypeError, match="ndarray"):
        net.register_buffer("a", [1.0])
    with pytest.raises(TypeError, match="Module"):
        net.add_module("a", np.ones(1))


def test_init_must_come_first():
    class Forgetful(nn.Module):
        def __init__(self):
            self.size = 3
            self.weight = np.ones(1)

    with pytest.raises(AttributeError, match=r"super\(\).__init__"):
        Forgetful()


def test_forward_must_be_defined():
    with pytest.raises(NotImplementedError, match="Module"):
        nn.Module()(1)


def test_modes():
    net = Net()
    assert net.training
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    assert net.stack.train() is net.stack
    assert [module.training for module in net.modules()] == [False, False, True, True, True]
    with pytest.raises(ValueError, match="bool"):
        net.train(1)


def test_apply():
    seen = []
    net = Net()
    assert net.apply(lambda module: seen.append(type(module).__name__)) is net
    assert seen == ["Conv2d", "Linear", "ReLU", "Sequential", "Net"]


# ---- state ----


def test_state_dict_is_references_and_loading_copies(rng):
    a, b = lenet(), lenet()
    state = a.state_dict()
    assert all(array is dict(a.named_parameters())[name] for name, array in state.items())
    kept = b.conv1.weight
    assert b.load_state_dict(state) == ([], [])
    assert b.conv1.weight is kept
    assert all(np.array_equal(x, y) and x is not y for x, y in zip(a.parameters(), b.parameters(), strict=True))
    x = image(rng, 2, 1, 28, 28)
    assert np.array_equal(a(x), b(x))


def test_state_goes_through_a_file(rng):
    a, b, file = lenet(), lenet(), io.BytesIO()
    np.savez(file, **a.state_dict())
    file.seek(0)
    with np.load(file) as state:
        b.load_state_dict(state)
    x = image(rng, 1, 1, 28, 28)
    assert np.array_equal(a(x), b(x))


def test_loading_checks_everything_first():
    layer = nn.Linear(3, 2)
    before = {name: array.copy() for name, array in layer.state_dict().items()}
    ones = {"weight": np.ones((2, 3)), "bias": np.ones(2)}
    for state, error, text in (
        ({"weight": ones["weight"]}, ValueError, r"missing.*bias"),
        ({**ones, "more": np.ones(1)}, ValueError, r"unexpected.*more"),
        ({**ones, "bias": np.ones(3)}, ValueError, r"bias.*\(3,\).*\(2,\)"),
        ({**ones, "bias": np.ones(2, complex)}, TypeError, r"bias.*complex128.*float32"),
    ):
        with pytest.raises(error, match=text):
            layer.load_state_dict(state)
        assert all(np.array_equal(layer.state_dict()[name], array) for name, array in before.items())
    result = layer.load_state_dict({"bias": [5, 6], "more": 1}, strict=False)
    assert (result.missing_keys, result.unexpected_keys) == (["weight"], ["more"])
    assert layer.bias.tolist() == [5, 6]
    assert layer.bias.dtype == np.float32
    with pytest.raises(ValueError, match="bias"):
        layer.load_state_dict({"bias": np.ones(3)}, strict=False)


def test_loading_into_read_only_arrays():
    layer = nn.Linear(3, 2)
    frozen = np.zeros((2, 3), np.float32)
    frozen.flags.writeable = False
    layer.weight = frozen
    layer.load_state_dict({"weight": np.ones((2, 3)), "bias": np.ones(2)})
    assert (layer.weight == 1).all()
    assert (frozen == 0).all()


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_copies_are_independent(rng, copier):
    net, x = lenet().eval(), image(rng, 1, 1, 28, 28)
    before = net(x)
    twin = copier(net)
    assert not twin.training
    assert np.array_equal(twin(x), before)
    twin.conv1.weight[...] = 0
    assert not np.array_equal(twin(x), before)
    assert np.array_equal(net(x), before)


# ---- printed forms ----


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (nn.Conv2d(1, 6, 3), "Conv2d(1, 6, kernel_size=(3, 3), stride=(1, 1))"),
        (
            nn.Conv2d(4, 6, (3, 1), 2, 1, 2, 2, False, "reflect"),
            "Conv2d(4, 6, kernel_size=(3, 1), stride=(2, 2), padding=(1, 1), dilation=(2, 2), groups=2, bias=False, "
            "padding_mode=reflect)",
        ),
        (nn.Conv2d(1, 1, 3, padding="same"), "Conv2d(1, 1, kernel_size=(3, 3), stride=(1, 1), padding=same)"),
        (nn.Conv2d(1, 1, 3, layout="NHWC"), "Conv2d(1, 1, kernel_size=(3, 3), stride=(1, 1), layout=NHWC)"),
        (
            nn.Conv2d(1, 1, 3, precision="strict"),
            "Conv2d(1, 1, kernel_size=(3, 3), stride=(1, 1), precision=strict)",
        ),
        (nn.Linear(2, 3, bias=False), "Linear(in_features=2, out_features=3, bias=False)"),
        (nn.MaxPool2d((2, 3)), "MaxPool2d(kernel_size=(2, 3), stride=(2, 3), padding=0, dilation=1, ceil_mode=False)"),
        (nn.AvgPool2d(3, 2, (1, 0), True), "AvgPool2d(kernel_size=3, stride=2, padding=(1, 0))"),
        (nn.AvgPool2d(2, layout="NHWC"), "AvgPool2d(kernel_size=2, stride=2, padding=0, layout=NHWC)"),
        (nn.AdaptiveAvgPool2d((None, 3)), "AdaptiveAvgPool2d(output_size=(None, 3))"),
        (nn.Flatten(), "Flatten(start_dim=1, end_dim=-1)"),
        (nn.Softmax(1), "Softmax(dim=1)"),
        (nn.ReLU(), "ReLU()"),
        (nn.Sequential(), "Sequential()"),
        (
            nn.Sequential(nn.ReLU(), nn.Sequential(nn.ReLU(True))),
            "Sequential(\n  (0): ReLU()\n  (1): Sequential(\n    (0): ReLU(inplace=True)\n  )\n)",
        ),
    ],
)
def test_repr(module, text):
    assert repr(module) == text


# ---- Sequential ----


def test_sequential_is_a_sequence():
    a, b, c, d = nn.ReLU(), nn.Flatten(), nn.Softmax(1), nn.ReLU(True)
    net = nn.Sequential(a, b)
    assert net.append(c) is net
    assert list(net) == [a, b, c]
    assert len(net) == 3
    assert (net[0], net[-1]) == (a, c)
    assert list(net[1:]) == [b, c]
    assert isinstance(net[1:], nn.Sequential)
    net[1] = d
    assert list(net) == [a, d, c]
    del net[0]
    assert [name for name, _ in net.named_children()] == ["0", "1"]
    net.extend([a, b])
    assert list(net) == [d, c, a, b]
    del net[1:3]
    assert list(net) == [d, b]
    with pytest.raises(IndexError, match="2"):
        _ = net[2]
    with pytest.raises(TypeError, match="list"):
        nn.Sequential([a, b])
    with pytest.raises(TypeError, match="int"):
        net.append(3)


def test_sequential_with_names():
    net = lenet()
    assert [name for name, _ in net.named_children()] == ["conv1", "act1", "pool1", "features", "flat", "head", "out"]
    assert net[0] is net.conv1
    assert [name for name, _ in net[:2].named_children()] == ["conv1", "act1"]
    odd = nn.Sequential({"1": nn.ReLU()})
    assert len(odd.append(nn.Flatten())) == 2


def test_lenet_against_the_reference(rng):
    net, x = lenet(), image(rng, 3, 1, 28, 28)
    R, p = reference, net.state_dict()
    y = R.max_pool2d(R.relu(R.conv2d(x, p["conv1.weight"], p["conv1.bias"], padding=2)), 2)
    y = R.max_pool2d(R.relu(R.conv2d(y, p["features.0.weight"], p["features.0.bias"])), 2)
    expected = R.softmax(R.linear(R.flatten(y, 1), p["head.weight"], p["head.bias"]), 1)
    for training in (True, False):
        np.testing.assert_allclose(net.train(training)(x), expected, rtol=1e-5)
