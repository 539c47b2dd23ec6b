"""Packed weights in eval mode: whatever one does to a parameter, the next call uses the parameter as it is."""

from __future__ import annotations

import copy
import gc
import sys
import threading
import weakref

import numpy as np
import pytest
from problems import check_in_threads, same_bits

from pyconv import _native, nn, reference

MAKERS = {
    "conv": lambda: nn.Conv2d(3, 20, 3, padding=1),
    "conv, depthwise": lambda: nn.Conv2d(6, 6, 3, padding=1, groups=6),
    "conv, few outputs": lambda: nn.Conv2d(3, 2, 3),
    "conv, no bias": lambda: nn.Conv2d(3, 16, 1, bias=False),
    "conv, float64": lambda: nn.Conv2d(3, 16, 3, dtype=np.float64),
    "linear": lambda: nn.Linear(12, 20),
}


@pytest.fixture(params=MAKERS)
def layer(request):
    """A layer in eval mode that has packed its weights."""
    module = MAKERS[request.param]().eval()
    module(data(module))
    return module


def data(layer):
    shape = (2, layer.in_channels, 7, 8) if isinstance(layer, nn.Conv2d) else (4, layer.in_features)
    # Through __dict__, so as not to tell the layer that somebody looked.
    dtype = layer.__dict__["_parameters"]["weight"].dtype
    return (np.arange(np.prod(shape)) % 7 - 3).reshape(shape).astype(dtype)


def by_reference(layer, change=np.array):
    """The result in float64, from copies of the parameters, each changed by a function."""
    held = layer.__dict__["_parameters"]
    arrays = [None if a is None else change(a) for a in (data(layer), held["weight"], held["bias"])]
    if isinstance(layer, nn.Conv2d):
        rest = layer.stride, layer.padding, layer.dilation, layer.groups
        return reference.conv2d(*arrays, *rest, dtype=np.float64)
    return reference.linear(*arrays, dtype=np.float64)


def assert_current(layer):
    """Call the layer; the result must be that of its parameters as they are, within the bound of test_functional."""
    result = layer(data(layer))
    chain = 1 + layer.__dict__["_parameters"]["weight"][0].size
    bound = chain * np.finfo(result.dtype).eps * by_reference(layer, np.abs)
    error = abs(result - by_reference(layer))
    assert (error <= bound).all(), f"largest error {error.max():.3g}: stale weights"


def test_unchanged(layer):
    assert_current(layer)
    packed = layer._packed
    assert packed is not None
    for _ in range(3):
        assert_current(layer)
    assert layer._packed is packed
    assert layer.eval()._packed is packed


def test_written_through_the_attribute(layer):
    for factor in (2, -1, 0.5):
        layer.weight[...] *= factor
        assert_current(layer)
    layer.weight *= 3
    assert_current(layer)
    layer.weight.flat[-1] += 1
    assert_current(layer)


def test_written_through_a_reference_kept_for_long(layer):
    weight = layer.weight
    for i in range(3):
        weight.flat[i] += 5
        assert_current(layer)
        assert_current(layer)


def test_written_after_a_call_and_then_let_go(layer):
    """The hard one: at the next call nothing but the earlier access tells that somebody could have written."""
    weight = layer.weight
    assert_current(layer)
    weight += 1
    del weight
    gc.collect()
    assert_current(layer)


def test_written_after_packing_by_one_who_held_it_before():
    for make in MAKERS.values():
        layer = make()
        weight = layer.weight
        layer.eval()
        assert_current(layer)
        weight += 1
        del weight
        assert_current(layer)


def test_written_through_a_view(layer):
    view = layer.weight[1:, ::2]
    assert_current(layer)
    view += 1
    assert_current(layer)
    view += 1
    del view
    assert_current(layer)


def test_written_through_a_buffer(layer):
    memory = memoryview(layer.weight).cast("B")
    assert_current(layer)
    memory[3] ^= 0x01
    assert_current(layer)
    memory[7] ^= 0x01
    memory.release()
    del memory
    assert_current(layer)


def test_written_through_the_array_that_it_is_a_view_of(layer):
    weight = layer.weight
    base = np.stack([weight, weight])
    layer.weight = base[1]
    del weight
    assert_current(layer)
    base += 1
    assert_current(layer)
    base += 1
    assert_current(layer)


def test_written_through_foreign_memory(layer):
    weight = layer.weight
    memory = bytearray(weight.tobytes())
    layer.weight = np.frombuffer(memory, weight.dtype).reshape(weight.shape)
    del weight
    assert_current(layer)
    memory[3] ^= 0x01
    assert_current(layer)


def test_written_through_a_weak_reference(layer):
    weak = weakref.ref(layer.weight)
    assert_current(layer)
    assert_current(layer)
    array = weak()
    array += 1
    del array
    assert_current(layer)


def test_written_through_any_walk(layer):
    walks = (
        lambda: next(layer.parameters()),
        lambda: next(iter(dict(layer.named_parameters()).values())),
        lambda: layer.state_dict()["weight"],
        lambda: nn.Sequential(layer).state_dict()["0.weight"],
        lambda: next(nn.Sequential(layer).parameters()),
        lambda: getattr(layer, "weight"),  # noqa: B009
    )
    for walk in walks:
        array = walk()
        assert_current(layer)
        array += 1
        del array
        assert_current(layer)
        array = walk()
        array -= 3
        del array
        assert_current(layer)


def test_replaced(layer):
    layer.weight = layer.weight + 1
    assert_current(layer)
    layer.register_parameter("weight", layer.weight * 2)
    assert_current(layer)
    layer.load_state_dict({name: array * 3 for name, array in layer.state_dict().items()})
    assert_current(layer)
    layer.reset_parameters()
    assert_current(layer)


def test_replaced_by_another_type(layer):
    other = np.float64 if layer.weight.dtype == np.float32 else np.float32
    for name, array in layer.state_dict().items():
        setattr(layer, name, array.astype(other))
    assert_current(layer)
    assert layer(data(layer)).dtype == other


def test_replaced_by_an_array_in_another_order(layer):
    layer.weight = np.asfortranarray(layer.weight)
    assert_current(layer)
    layer.weight = np.ascontiguousarray(layer.weight[::-1])[::-1]
    assert_current(layer)
    layer.weight[0] += 1
    assert_current(layer)


def test_the_bias_is_read_at_each_call(layer):
    if layer.bias is None:
        return
    bias = layer.bias
    bias += 1
    assert_current(layer)
    bias[-1] -= 5
    assert_current(layer)
    del bias
    layer.bias = layer.bias * 2
    assert_current(layer)
    layer.bias = None
    assert_current(layer)


def test_two_layers_with_one_weight(layer):
    twin = copy.deepcopy(layer)
    twin.weight = layer.weight
    assert_current(layer)
    assert_current(twin)
    layer.weight[...] += 1
    assert_current(twin)
    assert_current(layer)


def test_a_shallow_copy_shares_the_arrays(layer):
    twin = copy.copy(layer)
    assert_current(layer)
    twin.weight[...] += 1
    assert_current(layer)
    assert_current(twin)
    twin.weight = -twin.weight
    twin.weight[...] += 1
    assert_current(layer)
    assert_current(twin)


def test_a_shallow_copy_let_go_before_the_next_call(layer):
    assert_current(layer)
    twin = copy.copy(layer)
    twin.weight[...] += 1
    del twin
    assert_current(layer)


def test_nan_in_the_weights_is_not_taken_for_a_change_nor_a_change_for_none(layer):
    layer.weight.flat[0] = np.nan
    assert np.isnan(layer(data(layer))).any()
    layer.weight.flat[0] = 0.0
    assert_current(layer)
    layer.weight[...] = -0.0
    assert_current(layer)


def test_arguments_may_change(layer):
    if isinstance(layer, nn.Conv2d):
        layer.stride = (2, 1)
        assert_current(layer)
        layer.padding = (1, 0)
        assert_current(layer)


def test_training_and_back(layer):
    layer.train()
    assert layer._packed is None
    layer.weight[...] += 1
    assert_current(layer)
    layer.eval()
    assert_current(layer)
    layer.training = True
    layer.weight[...] += 1
    assert_current(layer)


def test_other_images_other_plans(layer):
    for n in (1, 5, 2):
        x = np.repeat(data(layer)[:1], n, 0)
        if x.ndim == 4:
            x = np.pad(x, [(0, 0), (0, 0), (0, n), (n, 0)])
        alone = layer.train()(x)
        assert np.array_equal(layer.eval()(x), alone)
        assert np.array_equal(layer(x), alone)


def test_instruction_sets_and_threads_may_change_between_calls(layer, isa, num_threads):
    before = layer(data(layer))
    for name in ("scalar", isa, None):
        _native.set_isa(name)
        assert layer(data(layer)).tobytes() == before.tobytes()
    _native.set_isa(isa)


def test_pool_of_threads_on_one_layer(layer):
    x = data(layer)
    check_in_threads(lambda: layer(x))
    layer.weight[...] += 1
    assert_current(layer)


def test_references_are_given_back(layer):
    weight = layer.weight
    for _ in range(100):
        layer(data(layer))
    layer.train()
    held = layer.__dict__["_parameters"]
    del held["weight"]
    fresh = np.zeros(1)
    assert sys.getrefcount(weight) == sys.getrefcount(fresh), "somebody still holds the weight"


def test_threads_that_pack_again_do_not_meet(rng):
    """Weights that somebody holds, and not in C order, are copied at every call: meanwhile another call may begin."""
    layer = nn.Conv2d(64, 64, 3, padding=1).eval()
    layer.weight = held = np.asfortranarray(rng.standard_normal((64, 64, 3, 3)).astype("float32"))
    images = [rng.standard_normal((1, 64, size, size)).astype("float32") for size in (1, 16)]
    expected = [layer(x) for x in images]
    wrong = []

    def work(x, right):
        for _ in range(100):
            if not same_bits(layer(x), right):
                wrong.append(x.shape)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(images, expected, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert held is layer.weight
