"""Batch norms folded into the convolution before them: the same numbers, and never those of arrays since changed."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
from problems import TRANSFORMS, check_in_threads, same_bits, targets

import pyconv
import pyconv.nn.functional as F
from pyconv import nn, reference
from pyconv.nn.utils import fuse_conv_bn_eval

pytestmark = pytest.mark.fast  # strict mode does not fold

PAIRS = {
    "3x3, few channels": ({"in_channels": 3, "out_channels": 5, "kernel_size": 3, "padding": 1}, {}),
    "1x1": ({"in_channels": 20, "out_channels": 17, "kernel_size": 1, "bias": False}, {}),
    "strided": ({"in_channels": 8, "out_channels": 12, "kernel_size": 3, "stride": 2}, {"bias": False}),
    "depthwise": ({"in_channels": 9, "out_channels": 9, "kernel_size": 3, "groups": 9, "padding": "same"}, {}),
    "grouped": ({"in_channels": 6, "out_channels": 8, "kernel_size": (5, 2), "groups": 2}, {"affine": False}),
    "reflected": ({"in_channels": 4, "out_channels": 6, "kernel_size": 5, "padding": 2, "padding_mode": "reflect"}, {}),
    "asked to be fast": ({"in_channels": 2, "out_channels": 3, "kernel_size": 2, "precision": "fast"}, {"eps": 0.5}),
}


def spread(bn, rng):
    """The batch norm with numbers of its own in its arrays."""
    for array in (bn.weight, bn.bias, bn.running_mean):
        if array is not None:
            array[...] = rng.standard_normal(array.shape)
    bn.running_var[...] = rng.uniform(0.3, 3, bn.running_var.shape)
    return bn


def make(rng, pair="3x3, few channels", *rest, dtype=np.float32, layout="NCHW"):
    """A Sequential in eval mode of a convolution, a batch norm and what else there is, and an input for it."""
    arguments, options = PAIRS[pair]
    conv = nn.Conv2d(**arguments, dtype=dtype, layout=layout)
    bn = spread(nn.BatchNorm2d(conv.out_channels, **options, dtype=dtype, layout=layout), rng)
    x = rng.standard_normal((2, 13, 11, conv.in_channels)).astype(dtype)
    x = x if layout == "NHWC" else np.ascontiguousarray(np.moveaxis(x, -1, 1))
    return nn.Sequential(conv, bn, *rest).eval(), x


def arrays(net):
    """Copies of weight and bias, and of mean, variance, weight and bias, taken where no layer notices."""
    conv, bn = net.__dict__["_modules"]["0"].__dict__, net.__dict__["_modules"]["1"].__dict__
    held = [conv["_parameters"][name] for name in ("weight", "bias")]
    held += [bn["_buffers"][name] for name in ("running_mean", "running_var")]
    held += [bn["_parameters"][name] for name in ("weight", "bias")]
    return [None if a is None else a.copy() for a in held]


def assert_current(net, x):
    """Call the net; the result must be the float64 reference's of its arrays as they are.

    Folding rounds each weight and the bias once more, and then the chain of multiply-adds rounds at each step; what
    float64 rounds besides, here and in the reference, is twenty more.
    """
    w, b, mean, var, gamma, beta = arrays(net)
    conv, bn = net.__dict__["_modules"]["0"], net.__dict__["_modules"]["1"]
    rest = (conv.stride, conv.padding, conv.dilation, conv.groups)
    options = {"layout": conv.layout, "padding_mode": conv.padding_mode, "dtype": np.float64}

    def double(array):
        return None if array is None else array.astype(np.float64)

    def chain(x, w, b, mean, gamma, beta):
        y = reference.conv2d(x, w, b, *rest, **options)
        vectors = map(double, (mean, var, gamma, beta))
        return reference.batch_norm(y, *vectors, eps=bn.eps, layout=conv.layout)

    def size(array):
        return None if array is None else abs(array)

    expected = chain(x, w, b, mean, gamma, beta)
    terms = chain(abs(x), abs(w), size(b), -abs(mean), size(gamma), size(beta))
    if isinstance(net[-1], nn.ReLU):
        expected = np.maximum(expected, 0)
    result = net(x)
    assert result.dtype == x.dtype
    roundings = w[0].size + 2.5 + (20 if x.dtype == np.float64 else 0)
    bound = roundings * np.finfo(x.dtype).eps / 2 * terms
    error = abs(result - expected)
    assert (error <= bound).all(), f"largest error {error.max():.3g}, {np.max(error / bound):.3g} times the bound"
    return result


def folding(net, x, monkeypatch):
    """Whether a call of the net calls no batch norm by itself."""
    calls, forward = [], nn.BatchNorm2d.forward
    with monkeypatch.context() as patch:
        patch.setattr(nn.BatchNorm2d, "forward", lambda self, x: calls.append(1) or forward(self, x))
        net(x)
    return not calls


def in_turn(net, x):
    """The layers one after the other."""
    for module in net:
        x = module(x)
    return x


# ---- values ----


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pair", PAIRS)
def test_values(rng, pair, dtype, layout, monkeypatch):
    net, x = make(rng, pair, dtype=dtype, layout=layout)
    assert folding(net, x, monkeypatch)
    result = assert_current(net, x)
    fused = fuse_conv_bn_eval(*net)
    assert same_bits(fused(x), result)
    assert same_bits(fused.train()(x), result)
    net.append(nn.ReLU()).eval()
    assert folding(net, x, monkeypatch)
    assert same_bits(assert_current(net, x), F.relu(result))
    assert same_bits(net(x[:0]), result[:0])


@pytest.mark.skipif(
    TRANSFORMS.isdisjoint(pyconv.algorithms()), reason="this build has no algorithm but the direct ones"
)
def test_winograd(rng):
    net = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()).eval()
    spread(net[1], rng)
    x = rng.standard_normal((2, 64, 15, 17)).astype(np.float32)
    assert pyconv.explain(net, x)[0].algorithm in TRANSFORMS
    expected = F.relu(fuse_conv_bn_eval(net[0], net[1])(x))
    for target in targets():
        assert same_bits(net(x), expected), target
    np.testing.assert_allclose(expected, in_turn(net, x), rtol=1e-4, atol=1e-4)


def test_the_same_bits_everywhere(rng):
    net, x = make(rng, "1x1", nn.ReLU())
    expected = net(x)
    for target in targets():
        assert same_bits(net(x), expected), target
        assert same_bits(net(x[1:]), expected[1:]), target
    turned = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    assert same_bits(net(turned), expected)
    assert net(turned).strides == np.moveaxis(np.moveaxis(expected, 1, -1).copy(), -1, 1).strides


def test_a_deep_net(rng, monkeypatch):
    net = nn.Sequential(
        *(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=8), nn.BatchNorm2d(8)),
        nn.Sequential(nn.Conv2d(8, 4, 1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)),
        *(nn.MaxPool2d(2), nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Flatten()),
    ).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            spread(module, rng)
    x = rng.standard_normal((2, 3, 12, 12)).astype(np.float32)
    assert folding(net, x, monkeypatch)
    np.testing.assert_allclose(net(x), in_turn(net, x), rtol=1e-4, atol=1e-4)


# ---- when it is not done ----


class Loud(nn.BatchNorm2d):
    """A subclass."""

    def forward(self, input):
        return super().forward(input) + 1


class Other(nn.Conv2d):
    """A subclass of the other layer."""


APART = {
    "pooling between": lambda: (nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.BatchNorm2d(4)),
    "a ReLU between": lambda: (nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)),
    "the other way round": lambda: (nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)),
    "subclass of BatchNorm2d": lambda: (nn.Conv2d(3, 4, 3), Loud(4), nn.ReLU()),
    "subclass of Conv2d": lambda: (Other(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()),
    "no statistics": lambda: (nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.ReLU()),
    "another layout": lambda: (nn.Conv2d(3, 10, 3), nn.BatchNorm2d(10, layout="NHWC"), nn.ReLU()),
    "strict layer": lambda: (nn.Conv2d(3, 4, 3, precision="strict"), nn.BatchNorm2d(4), nn.ReLU()),
    "nested": lambda: (nn.Sequential(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4), nn.ReLU()),
}


@pytest.mark.parametrize("name", APART)
def test_what_stays_apart(rng, name, monkeypatch):
    net = nn.Sequential(*APART[name]()).eval()
    x = rng.standard_normal((2, 3, 12, 12)).astype(np.float32)
    assert not folding(net, x, monkeypatch)
    assert same_bits(net(x), in_turn(net, x))


def test_strict_mode_computes_each_layer_by_itself(rng, monkeypatch):
    net, x = make(rng, "3x3, few channels", nn.ReLU())
    folded = net(x)
    pyconv.set_precision("strict")
    try:
        assert not folding(net, x, monkeypatch)
        strict = net(x)
        assert same_bits(strict, in_turn(net, x))
        net[0].precision = "fast"  # the layer's own wish goes before
        assert folding(net, x, monkeypatch)
        assert same_bits(net(x), folded)
    finally:
        pyconv.set_precision("fast")
    assert not same_bits(strict, folded)


def test_layers_in_training_mode_or_replaced(rng, monkeypatch):
    net, x = make(rng, "3x3, few channels", nn.ReLU())
    folded = net(x)
    for module in (net[0], net[1], net):
        net.eval()
        module.training = True
        assert not folding(net, x, monkeypatch)
        # A batch norm in training moved its running statistics; the fold has to follow.
        net.eval()
        assert_current(net, x)
    assert not same_bits(net(x), folded)
    net[1].forward = lambda input: input
    assert same_bits(net(x), F.relu(net[0](x)))
    del net[1].forward
    assert folding(net, x, monkeypatch)
    net[0].forward = lambda input: input
    with pytest.raises(ValueError, match="running_mean"):
        net(x)


def test_training_and_eval_in_turn(rng):
    net, x = make(rng, "strided", nn.ReLU())
    for _ in range(3):
        assert_current(net, x)
        mean = arrays(net)[2]
        assert same_bits(net.train()(x), F.relu(F.batch_norm(net[0](x), None, None, net[1].weight, None, True)))
        assert not same_bits(arrays(net)[2], mean)
        assert_current(net.eval(), x)


# ---- changes ----

NAMES = ["0.weight", "0.bias", "1.running_mean", "1.running_var", "1.weight", "1.bias"]


def owner(net, name):
    return net[int(name[0])], name[2:]


def through_the_attribute(net, name):
    module, own = owner(net, name)
    getattr(module, own)[...] += 1


def through_augmented_assignment(net, name):
    module, own = owner(net, name)
    setattr(module, own, getattr(module, own) * 3)


def through_a_view(net, name):
    module, own = owner(net, name)
    view = getattr(module, own)[1:]
    view += 1


def through_memory(net, name):
    module, own = owner(net, name)
    memory = memoryview(getattr(module, own)).cast("B")
    memory[3] ^= 1


def through_a_walk(net, name):
    both = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    both[name] += 1


def through_state_dict(net, name):
    net.state_dict()[name] += 1


def by_loading(net, name):
    state = {key: array.copy() for key, array in net.state_dict().items()}
    state[name] += 1
    net.load_state_dict(state)


def by_loading_into_the_layer(net, name):
    module, own = owner(net, name)
    module.load_state_dict({own: getattr(module, own) + 1}, strict=False)


def by_loading_into_a_read_only_array(net, name):
    module, own = owner(net, name)
    frozen = getattr(module, own).copy()
    frozen.flags.writeable = False
    setattr(module, own, frozen)
    by_loading(net, name)


def by_another_order(net, name):
    module, own = owner(net, name)
    setattr(module, own, np.ascontiguousarray(getattr(module, own)[::-1])[::-1] + 1)


def by_registering(net, name):
    module, own = owner(net, name)
    register = module.register_buffer if own.startswith("running") else module.register_parameter
    register(own, getattr(module, own) + 1)


def through_a_shallow_copy(net, name):
    module, own = owner(net, name)
    twin = copy.copy(module)
    getattr(twin, own)[...] += 1


def through_a_weak_reference(net, name):
    module, own = owner(net, name)
    weak = weakref.ref(getattr(module, own))
    array = weak()
    array += 1


WAYS = [value for key, value in list(globals().items()) if key.startswith(("through_", "by_"))]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_changed_arrays(rng, name, way):
    net, x = make(rng, "3x3, few channels", nn.ReLU())
    before = assert_current(net, x)
    for _ in range(2):
        way(net, name)
        gc.collect()
        changed = assert_current(net, x)
        if way is not through_memory:  # of which one bit need not reach the result
            assert not same_bits(changed, before)
        before = assert_current(net, x)


@pytest.mark.parametrize("name", NAMES)
def test_written_while_held_and_then_let_go(rng, name):
    net, x = make(rng)
    module, own = owner(net, name)
    array = getattr(module, own)
    weak = weakref.ref(array)
    for _ in range(3):
        array.flat[-1] += 1
        assert_current(net, x)
    array += 1
    del array
    assert_current(net, x)
    array = weak()
    array += 1
    del array
    assert_current(net, x)
    base = np.stack([getattr(module, own)] * 2)
    setattr(module, own, base[1])
    assert_current(net, x)
    base += 1
    assert_current(net, x)


@pytest.mark.parametrize("name", ["0.bias", "1.weight", "1.bias"])
def test_taken_away(rng, name):
    net, x = make(rng)
    assert_current(net, x)
    module, own = owner(net, name)
    setattr(module, own, None)
    assert_current(net, x)
    setattr(module, own, np.full(5, 2, np.float32))
    assert_current(net, x)


def test_other_changes(rng):
    net, x = make(rng, "strided")
    assert_current(net, x)
    net[1].eps = 0.7
    assert_current(net, x)
    net[0].stride = (1, 2)
    assert_current(net, x)
    net[0].padding = (1, 0)
    assert_current(net, x)
    net[1] = spread(nn.BatchNorm2d(12), rng).eval()
    assert_current(net, x)
    twin = nn.Sequential(net[0], spread(nn.BatchNorm2d(12), rng)).eval()  # two batch norms behind one convolution
    for _ in range(2):
        assert_current(net, x)
        assert_current(twin, x)
    net[0].reset_parameters()
    net[1].reset_parameters()
    assert_current(net, x)
    assert_current(twin, x)


def test_another_type(rng):
    net, x = make(rng)
    assert_current(net, x)
    for name in NAMES:
        module, own = owner(net, name)
        setattr(module, own, getattr(module, own).astype(np.float64))
    assert_current(net, x.astype(np.float64))


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_copies(rng, copier):
    net, x = make(rng)
    before = net(x)
    twin = copier(net)
    assert same_bits(assert_current(twin, x), before)
    twin[1].running_var[...] *= 4
    twin[0].weight[...] *= 3
    assert not same_bits(assert_current(twin, x), before)
    assert same_bits(net(x), before)


def test_what_is_folded_is_kept(rng):
    net, x = make(rng, "3x3, few channels", nn.ReLU())
    net(x)
    net(x)
    packed = net[0]._packed
    derived = packed.derived
    assert derived is not None
    alone = net[0](x)
    for i in range(3):
        net(np.pad(x, [(0, 0), (0, 0), (0, i), (i, 0)]))
        assert same_bits(net[0](x), alone)  # the convolution by itself goes on with its own weights
    assert net[0]._packed is packed
    assert packed.derived is derived
    net[1].running_mean[...] += 1
    net(x)
    assert packed.derived is not derived
    net.train()
    assert net[0]._packed is None


def test_pool_of_threads(rng):
    net, x = make(rng, "1x1", nn.ReLU())
    check_in_threads(lambda: net(x))
    net[0].weight[...] += 1
    assert_current(net, x)


def test_pool_of_threads_with_two_batch_norms(rng):
    net, x = make(rng, "1x1")
    twin = nn.Sequential(net[0], spread(nn.BatchNorm2d(17), rng)).eval()
    check_in_threads(lambda: np.stack([net(x), twin(x)]))


# ---- errors ----


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("0.bias", np.ones(1, np.float32)),
        ("0.bias", np.ones(5)),
        ("0.weight", np.ones((6, 3, 3, 3), np.float32)),
        ("0.weight", np.ones((5, 3, 3, 3))),
        ("1.weight", np.ones(1, np.float32)),
        ("1.bias", np.ones((5, 1), np.float32)),
        ("1.running_mean", np.ones(4, np.float32)),
        ("1.running_var", np.ones(5)),
        ("1.running_var", np.ones(5, np.int32)),
    ],
)
def test_errors_are_those_of_the_layers(rng, name, value):
    net, x = make(rng)
    net(x)
    module, own = owner(net, name)
    setattr(module, own, value)
    with pytest.raises((ValueError, TypeError)) as alone:
        in_turn(net, x)
    with pytest.raises(alone.type, match=own.removeprefix("running_")):
        net(x)


def test_the_same_bytes_in_another_shape_or_type(rng):
    net, x = make(rng)
    bias = net[1].bias
    net(x)
    net[1].bias = bias.reshape(5, 1)
    with pytest.raises(ValueError, match=r"bias.*\(5, 1\)"):
        net(x)
    net[1].bias = bias.view(np.int32)
    with pytest.raises(TypeError, match=r"bias.*int32"):
        net(x)
    net[1].bias = bias
    assert_current(net, x)


def test_errors_about_the_input(rng):
    net, x = make(rng)
    with pytest.raises(ValueError, match=r"expected 4D.*\(5, 13, 11\)"):
        net(x[0])
    with pytest.raises(ValueError, match=r"\(2, 2, 13, 11\)"):
        net(x[:, :2])
    with pytest.raises(TypeError, match="float64"):
        net(x.astype(np.float64))
    with pytest.raises(TypeError, match="list"):
        net(x.tolist())
    net[1].eps = -1.0
    with pytest.raises(ValueError, match=r"eps.*-1"):
        net(x)


# ---- fuse_conv_bn_eval ----


def test_fuse_gives_a_layer_of_its_own(rng):
    net, x = make(rng, "strided")
    conv, bn = net
    before = net(x)
    kept = arrays(net)
    fused = nn.utils.fuse_conv_bn_eval(conv, bn)
    assert type(fused) is nn.Conv2d
    assert not fused.training
    assert (fused.stride, fused.bias.shape, fused.weight.dtype) == (conv.stride, (12,), np.float32)
    conv.weight[...] = 0
    bn.running_mean[...] = 0
    assert same_bits(fused(x), before)
    fused.weight[...] = 0
    scale = kept[4] / np.sqrt(kept[3].astype(np.float64) + bn.eps)
    np.testing.assert_allclose(fused(x)[0, :, 0, 0], (kept[1] - kept[2]) * scale, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("error", "text", "conv", "bn"),
    [
        (ValueError, "conv.*eval", nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2).eval()),
        (ValueError, "bn.*eval", nn.Conv2d(1, 2, 1).eval(), nn.BatchNorm2d(2)),
        (ValueError, "running", nn.Conv2d(1, 2, 1).eval(), nn.BatchNorm2d(2, track_running_stats=False).eval()),
        (ValueError, "layout.*NCHW.*NHWC", nn.Conv2d(1, 2, 1).eval(), nn.BatchNorm2d(2, layout="NHWC").eval()),
        (ValueError, r"\(2,\).*\(2, 1, 1, 1\).*\(3,\)", nn.Conv2d(1, 2, 1).eval(), nn.BatchNorm2d(3).eval()),
        (TypeError, "float64.*float32", nn.Conv2d(1, 2, 1).eval(), nn.BatchNorm2d(2, dtype=np.float64).eval()),
        (TypeError, "conv.*Linear", nn.Linear(1, 2).eval(), nn.BatchNorm2d(2).eval()),
        (TypeError, "bn.*BatchNorm1d", nn.Conv2d(1, 2, 1).eval(), nn.BatchNorm1d(2).eval()),
    ],
)
def test_errors_of_fuse(error, text, conv, bn):
    with pytest.raises(error, match=text):
        fuse_conv_bn_eval(conv, bn)


# ---- explain ----


def test_explain(rng):
    net, x = make(rng, "strided", nn.ReLU(), nn.MaxPool2d(2))
    before = arrays(net)
    folded = pyconv.explain(net, x)
    assert folded == [pyconv.explain(net[0], x), pyconv.explain(net[3], in_turn(net[:3], x))]
    net(x)
    assert pyconv.explain(net, x) == folded
    assert pyconv.explain(net.train(), x) == folded
    assert all(same_bits(a, b) for a, b in zip(arrays(net), before, strict=True) if a is not None)
    assert net[1].num_batches_tracked == 0
    net.append(nn.Linear(1, 1))
    with pytest.raises((TypeError, ValueError)):
        pyconv.explain(net, x)
    assert net[1].num_batches_tracked == 0
