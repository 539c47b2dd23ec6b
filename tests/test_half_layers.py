"""Layers of half floats, and conversion of layers between element types."""

from __future__ import annotations

import copy
import io

import numpy as np
import pytest
from problems import same_bits

import pyconv
import pyconv.nn.functional as F
from pyconv import nn

ml_dtypes = pytest.importorskip("ml_dtypes")

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
HALVES = (np.dtype(np.float16), BFLOAT16)
LAYERS = {
    "Conv1d": lambda M, **kwargs: M.Conv1d(6, 4, 3, **kwargs),
    "Conv2d": lambda M, **kwargs: M.Conv2d(4, 6, 3, padding=1, groups=2, **kwargs),
    "Conv3d": lambda M, **kwargs: M.Conv3d(2, 3, 3, bias=False, **kwargs),
    "ConvTranspose1d": lambda M, **kwargs: M.ConvTranspose1d(6, 4, 3, stride=2, **kwargs),
    "ConvTranspose2d": lambda M, **kwargs: M.ConvTranspose2d(4, 6, 3, 2, 1, 1, **kwargs),
    "ConvTranspose3d": lambda M, **kwargs: M.ConvTranspose3d(2, 3, 2, bias=False, **kwargs),
    "Linear": lambda M, **kwargs: M.Linear(7, 5, **kwargs),
    "BatchNorm2d": lambda M, **kwargs: M.BatchNorm2d(4, **kwargs),
    "GroupNorm": lambda M, **kwargs: M.GroupNorm(2, 4, **kwargs),
    "LayerNorm": lambda M, **kwargs: M.LayerNorm((6, 7), **kwargs),
}


def shape_for(name):
    return {"1": (2, 6, 7), "3": (1, 2, 4, 6, 7)}.get(name[-2], (2, 4, 6, 7))


def drawn(layer, rng):
    for array in (*layer.parameters(), *layer.buffers()):
        array[...] = rng.random(array.shape) if array.dtype != np.int64 else 0


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, dtype, rng):
    """Alike whether they were made so, converted or loaded; in both modes float32 rounded once."""
    layer = LAYERS[name](nn, dtype=dtype)
    drawn(layer, rng)
    assert {a.dtype for a in layer.parameters()} == {dtype}
    wide = copy.deepcopy(layer).float()
    assert {a.dtype for a in wide.parameters()} == {np.dtype("f")}
    loaded = LAYERS[name](nn, dtype=dtype)
    loaded.load_state_dict(wide.state_dict())
    x = rng.standard_normal(shape_for(name)).astype(dtype)
    layers = [layer, loaded, copy.deepcopy(wide).to(dtype)]
    for mode in (False, True):  # training rounds running statistics
        expected = wide.train(mode)(x.astype("f")).astype(dtype)
        for each in layers:
            assert same_bits(each.train(mode)(x), expected)
    layer.eval()
    if "Norm" not in name:
        bits = layer(x)
        layer.weight[...] *= dtype.type(2)  # nothing is kept of what it was
        assert not same_bits(layer(x), bits)
        assert pyconv.explain(layer, x) == pyconv.explain(wide, x.astype("f"))
    with pytest.raises(TypeError, match="float"):
        layer(x.astype("d"))


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("name", LAYERS)
def test_torch_makes_them_alike(name, dtype, rng):
    torch = pytest.importorskip("torch")
    kind = getattr(torch, dtype.name)
    theirs, ours = LAYERS[name](torch.nn, dtype=kind).eval(), LAYERS[name](nn, dtype=kind).eval()
    ours.load_state_dict(theirs.state_dict())
    for key, array in ours.state_dict().items():
        assert str(theirs.state_dict()[key].dtype) == f"torch.{array.dtype}"
        assert np.array_equal(array.astype("d"), theirs.state_dict()[key].double().numpy()), key
    x = torch.from_numpy(rng.standard_normal(shape_for(name)).astype("f")).to(kind)
    result = ours(x)
    assert result.dtype == kind
    eps = float(ml_dtypes.finfo(dtype).eps)
    with torch.no_grad():
        expected = theirs(x).float().numpy()
    np.testing.assert_allclose(result.float().numpy(), expected, rtol=8 * eps, atol=8 * eps)


def test_output_size_and_layouts(rng):
    for mode in (True, False):
        layer = nn.ConvTranspose2d(4, 6, 3, 2, 1, layout="NHWC", dtype=np.float16).train(mode)
        x = rng.standard_normal((1, 5, 6, 4)).astype(np.float16)
        wide = copy.deepcopy(layer).float()
        expected = wide(x.astype("f"), output_size=(10, 11)).astype(np.float16)
        assert same_bits(layer(x, output_size=(10, 11)), expected)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_a_network(dtype, rng):
    """One layer after the other, as by themselves, also where those of float32 would be computed together."""
    layers = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.SiLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 5)]
    network = nn.Sequential(*layers).to(dtype).eval()
    drawn(network, rng)
    assert network[1].num_batches_tracked.dtype == np.int64
    x = result = rng.standard_normal((2, 3, 8, 8)).astype(dtype)
    for layer in layers:
        result = layer(result)
    assert same_bits(network(x), result)
    assert result.dtype == dtype
    fused = nn.utils.fuse_conv_bn_eval(layers[0], layers[1])
    assert fused.weight.dtype == dtype


def test_conversions(rng):
    shared = np.ones((2, 2), np.float32)
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.BatchNorm1d(2))
    network[0].weight = network[1].weight = shared
    for method, dtype in (("half", "float16"), ("bfloat16", BFLOAT16), ("float", "float32"), ("double", "float64")):
        assert getattr(network, method)() is network
        assert {a.dtype for a in network.parameters()} == {np.dtype(dtype)}
        assert network[2].running_mean.dtype == np.dtype(dtype)
        assert network[2].num_batches_tracked.dtype == np.int64
        assert network[0].weight is network[1].weight
    weight = network[0].weight
    assert network.double().cpu().to("cpu")[0].weight is weight  # nothing to do
    for arguments in (("cpu", np.float16), (np.dtype("float16"),), (np.ones(1, np.float16),), ("cpu",)):
        assert network.to(*arguments)[0].weight.dtype == np.float16
    assert network.to(device="cpu", dtype=np.float32, non_blocking=True)[0].weight.dtype == np.float32
    packed = nn.Linear(2, 2).eval()
    x = np.ones((1, 2), np.float32)
    packed(x)
    assert packed.double()(x.astype("d")).dtype == np.float64
    with pytest.raises(ValueError, match="device must be None or 'cpu', got 'cuda'"):
        network.to("cuda")
    with pytest.raises(TypeError, match="dtype must be float32, float64, float16 or bfloat16, got int64"):
        network.to(np.int64)
    with np.errstate(all="raise"):
        large = nn.Linear(1, 1)
        large.weight[...] = 1e30
        assert np.isinf(large.half().weight).all()


def test_torch_dtypes_convert():
    torch = pytest.importorskip("torch")
    layer = nn.Linear(2, 2).to(torch.float64)
    assert layer.weight.dtype == np.float64
    assert layer.to(torch.ones(1, dtype=torch.bfloat16)).weight.dtype == BFLOAT16
    assert layer.to(torch.device("cpu"), torch.half).weight.dtype == np.float16
    assert nn.BatchNorm1d(3, dtype=torch.float64).running_var.dtype == np.float64
    for wrong in (torch.int32, torch.complex64):
        with pytest.raises(TypeError, match="dtype must be"):
            nn.Linear(2, 2, dtype=wrong)
    with pytest.raises(TypeError, match="load_state_dict: a Parameter requires grad"):
        layer.load_state_dict(dict(torch.nn.Linear(2, 2).named_parameters()))


def test_lazy_layers_and_initial_values():
    nn.init.manual_seed(1)
    for dtype in HALVES:
        late = nn.LazyConv2d(4, 3, dtype=dtype)
        assert late(np.ones((1, 5, 4, 4), dtype)).dtype == dtype
        converted = nn.LazyConvTranspose1d(4, 3).to(dtype)
        assert converted(np.ones((1, 5, 4), dtype)).dtype == dtype
        weight = nn.Conv2d(64, 64, 3, dtype=dtype).weight.astype("d")
        assert 0.9 / 24 < abs(weight).max() <= 1.01 / 24
        assert abs(weight.mean()) < 1e-3


def test_saved_and_loaded():
    """NumPy's files know bfloat16 as two bytes."""
    layer, other = nn.Conv2d(3, 4, 3).bfloat16(), nn.Conv2d(3, 4, 3).bfloat16()
    file = io.BytesIO()
    np.savez(file, **layer.state_dict())
    file.seek(0)
    other.load_state_dict(np.load(file))
    assert same_bits(layer.weight, other.weight)
    with pytest.raises(TypeError, match=r"'weight' is \|V2, not float32"):
        nn.Conv2d(3, 4, 3).load_state_dict({"weight": np.zeros((4, 3, 3, 3), "V2")}, strict=False)


def test_functions_of_parameters_still_pack_for_floats():
    layer = nn.Conv2d(3, 4, 3).half().eval()
    x = np.ones((1, 3, 5, 5), np.float16)
    assert same_bits(layer(x), F.conv2d(x, layer.weight, layer.bias))
    layer.float()
    first = layer(x.astype("f"))
    assert layer._packed is not None
    assert same_bits(layer(x.astype("f")), first)
