"""Arrays of other libraries: taken in place, and given back as the same kind."""

from __future__ import annotations

import inspect
import subprocess
import sys
import types

import numpy as np
import pytest
from problems import same_bits

import pyconv
import pyconv.nn.functional as F
from pyconv import _interop, image, nn

X = np.random.default_rng(0).standard_normal((2, 4, 9, 8)).astype(np.float32)
W = np.random.default_rng(1).standard_normal((6, 4, 3, 3)).astype(np.float32)


class Foreign:
    """An array of another library: it exports its memory by DLPack, and that is all it can do."""

    def __init__(self, array, device=(1, 0)):
        self.array, self.device = array, device

    def __dlpack__(self, **kwargs):
        return self.array.__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return self.device


@pytest.fixture
def library(monkeypatch):
    """The library that `Foreign` belongs to, as if a user had imported it."""
    module = types.ModuleType("elsewhere")
    module.from_dlpack = Foreign
    monkeypatch.setitem(sys.modules, "elsewhere", module)
    monkeypatch.setattr(Foreign, "__module__", "elsewhere.arrays")


class Namespaced(Foreign):
    """One that names its library itself, as the array API standard has it."""

    def __array_namespace__(self):
        return types.SimpleNamespace(from_dlpack=Namespaced)


class Plain:
    """An object that can only become an ndarray."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


class OnGPU:
    """As arrays of CuPy before DLPack."""

    __cuda_array_interface__ = {"version": 3}  # noqa: RUF012 (as it stands there)

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("implicit copy")


CALLS = {
    "conv2d": lambda x: F.conv2d(x, W, padding=1),
    "by name": lambda x: F.conv2d(input=x, weight=W),
    "max_pool2d": lambda x: F.max_pool2d(x, 2),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, 3),
    "linear": lambda x: F.linear(x, W[:, 0, :1, :1].repeat(8, 1).reshape(6, 8)),
    "filter2d_separable": lambda x: F.filter2d_separable(x, W[:4, 0, 0], W[:4, 0, 1]),
    "batch_norm": lambda x: F.batch_norm(x, np.zeros(4, np.float32), np.ones(4, np.float32)),
    "softmax along channels": lambda x: F.softmax(x, 1),
    "gelu": F.gelu,
    "flatten": lambda x: F.flatten(x, 1),
    "pad": lambda x: F.pad(x, (1, 2), "constant", 2.0),
    "interpolate": lambda x: F.interpolate(x, 5),
    "layer_norm": lambda x: F.layer_norm(x, (9, 8)),
    "group_norm": lambda x: F.group_norm(x, 2),
    "unfold": lambda x: F.unfold(x, 3),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x, 2),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("kind", [Foreign, Namespaced])
def test_the_result_is_of_the_same_kind(call, kind, library):
    result = call(kind(X))
    assert type(result) is kind
    assert same_bits(np.from_dlpack(result), call(X))


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_has_no_library_gives_an_ndarray(call):
    result = call(Plain(X))
    assert type(result) is np.ndarray
    assert same_bits(result, call(X))


def test_every_operator_takes_them():
    for name in F.__all__:
        operator = getattr(F, name)
        required = [p for p in inspect.signature(operator).parameters.values() if p.default is p.empty]
        with pytest.raises(TypeError, match=f"{name}: a Foreign is on device CUDA:0"):
            operator(Foreign(X, (2, 0)), *[X] * (len(required) - 1))
    assert pyconv.explain(F.conv2d, X, W).algorithm


def test_nothing_is_copied(library):
    x = X.copy()
    view = _interop._view("here", Foreign(x))
    assert np.shares_memory(view, x)
    result = F.flatten(Foreign(x), 1)
    assert np.shares_memory(result.array, x)


def test_tuples_and_out(library):
    values, indices = F.max_pool2d(Foreign(X), 2, return_indices=True)
    expected = F.max_pool2d(X, 2, return_indices=True)
    assert type(values) is type(indices) is Foreign
    assert same_bits(np.from_dlpack(values), expected[0])
    assert same_bits(np.from_dlpack(indices), expected[1])
    memory = np.empty_like(expected[0])
    out = Plain(memory)
    assert F.max_pool2d(Plain(X), 2, out=out) is out
    assert same_bits(memory, expected[0])
    assert F.max_pool2d(X, 2, out=out) is out


def test_only_a_weight(library):
    """Any argument may be one; then the result is, too."""
    result = F.conv2d(X, Foreign(W))
    assert type(result) is Foreign
    assert same_bits(np.from_dlpack(result), F.conv2d(X, W))


def test_in_place():
    x = Plain(X.copy())
    assert F.relu(x, inplace=True) is x
    assert same_bits(x.array, F.relu(X))


LAYERS = {
    "training": lambda: nn.Conv2d(4, 6, 3),
    "packed": lambda: nn.Conv2d(4, 6, 3).eval(),
    "pool": lambda: nn.MaxPool2d(2),
    "norm": lambda: nn.BatchNorm2d(4).eval(),
    "linear": lambda: nn.Linear(8, 3).eval(),
    "fused": lambda: nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten()).eval(),
    "activation": nn.GELU,
}


@pytest.mark.fast
@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_layers(make, library):
    layer = make()
    for _ in range(2):
        result = layer(Foreign(X))
        assert type(result) is Foreign
        assert same_bits(np.from_dlpack(result), layer(X))
    assert same_bits(np.from_dlpack(layer(input=Foreign(X))), layer(X))


def test_training_happens_once(library):
    a, b = nn.Sequential(nn.BatchNorm2d(4)), nn.Sequential(nn.BatchNorm2d(4))
    a(Foreign(X))
    b(X)
    assert same_bits(a[0].running_mean, b[0].running_mean)
    assert a[0].num_batches_tracked == 1


@pytest.mark.parametrize(
    ("device", "text"),
    [((2, 1), "CUDA:1"), ((10, 0), "ROCm:0"), ((14, 2), "oneAPI:2"), ((99, 0), "type 99:0")],
)
def test_other_devices(device, text):
    for call in (F.relu, lambda x: F.conv2d(x, W), lambda x: F.conv2d(X, x), nn.Conv2d(4, 6, 3).eval()):
        with pytest.raises(TypeError, match=f"Foreign is on device .*{text}"):
            call(Foreign(X, device))


def test_memory_that_a_gpu_reads_too(library):
    assert same_bits(np.from_dlpack(F.relu(Foreign(X, (3, 0))).array), F.relu(X))


def test_cuda_without_dlpack():
    with pytest.raises(TypeError, match="relu: a OnGPU is on device CUDA"):
        F.relu(OnGPU())


@pytest.mark.parametrize("value", [[1.0], 1.0, np.float32(1), None, "text", Foreign], ids=repr)
def test_what_is_no_array(value):
    for call in (F.relu, F.flatten, lambda x: F.softmax(x, 0), lambda x: F.pad(x, (1, 1)), lambda x: F.conv2d(x, W)):
        with pytest.raises(TypeError, match=r"input must be a numpy\.ndarray, not"):
            call(value)


def test_errors_are_those_of_arrays(library):
    with pytest.raises(ValueError, match=r"(?s)(?=.*\(2, 4, 9, 8\)).*\(6, 3, 3, 3\)"):
        F.conv2d(Foreign(X), W[:, :3])
    with pytest.raises(TypeError, match=r"float64 but .*float32"):
        F.conv2d(Foreign(X), W.astype(np.float64))


# ---- torch ----


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.mark.fast
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_tensors(call, torch):
    result = call(torch.from_numpy(X))
    assert type(result) is torch.Tensor
    assert same_bits(result.numpy(), call(X))


def test_tensors_throughout(torch):
    result = F.conv2d(torch.from_numpy(X), torch.from_numpy(W), torch.zeros(6), padding=(1, 0))
    assert same_bits(result.numpy(), F.conv2d(X, W, np.zeros(6, np.float32), padding=(1, 0)))
    last = torch.from_numpy(X).to(memory_format=torch.channels_last)
    assert F.conv2d(last, torch.from_numpy(W)).is_contiguous(memory_format=torch.channels_last)
    x = torch.from_numpy(X.copy())
    assert F.relu(x, inplace=True) is x
    assert float(x.min()) == 0
    out = torch.empty(2, 6, 7, 6)
    assert F.conv2d(torch.from_numpy(X), torch.from_numpy(W), out=out) is out
    assert same_bits(out.numpy(), F.conv2d(X, W))
    mean = torch.zeros(4)
    F.batch_norm(x, mean, torch.ones(4), training=True)
    assert float(mean.abs().min()) > 0


def test_results_share_memory_with_tensors(torch):
    x = torch.zeros(2, 3)
    F.flatten(x)[4] = 7
    assert x[1, 1] == 7


def test_layers_of_tensors(torch):
    for make in LAYERS.values():
        layer = make()
        result = layer(torch.from_numpy(X))
        assert type(result) is torch.Tensor
        assert same_bits(result.numpy(), layer(X))
    loss = nn.CrossEntropyLoss()(torch.zeros(3, 4), torch.tensor([0, 1, 3]))
    assert loss.shape == ()


def test_gradients(torch):
    x = torch.from_numpy(X).requires_grad_()
    for call in (F.relu, lambda x: F.conv2d(x, W), nn.Conv2d(4, 6, 3).eval()):
        with pytest.raises(TypeError, match=r"Tensor requires grad.*detach\(\)"):
            call(x)
    with pytest.raises(TypeError, match=r"conv2d: a Parameter requires grad.*detach\(\)"):
        F.conv2d(X, torch.nn.Parameter(torch.from_numpy(W)))
    assert F.relu(x.detach()).shape == X.shape


def test_other_types_of_tensors(torch):
    with pytest.raises(TypeError, match="int64"):
        F.relu(torch.zeros(3, dtype=torch.int64))
    with pytest.raises(TypeError, match=r"a Tensor cannot be read as an ndarray.*meta"):
        F.relu(torch.zeros(3, device="meta"))


def test_torch_is_not_imported():
    program = (
        "import sys, numpy as np, pyconv.nn.functional as F\n"
        "class Plain:\n"
        "    def __array__(self, dtype=None, copy=None): return np.ones(3)\n"
        "assert F.relu(Plain()).sum() == 3\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_dtypes_of_tensors(torch):
    result = F.softmax(torch.ones(4), 0, dtype=torch.float64)
    assert result.dtype == torch.float64
    assert result.tolist() == [0.25] * 4


def test_tensors_of_bfloat16(torch):
    """In and out without a copy, though NumPy lacks the type."""
    pytest.importorskip("ml_dtypes")
    x, w = torch.from_numpy(X).bfloat16(), torch.from_numpy(W).bfloat16()
    result = F.conv2d(x, w, padding=1)
    assert result.dtype == torch.bfloat16
    assert torch.equal(result, F.conv2d(x.float(), w.float(), padding=1).bfloat16())
    last = x.to(memory_format=torch.channels_last)
    assert F.conv2d(last, w).is_contiguous(memory_format=torch.channels_last)
    maxima, indices = F.max_pool2d(x, 2, return_indices=True)
    assert (maxima.dtype, indices.dtype) == (torch.bfloat16, torch.int64)
    out = torch.empty_like(result)
    assert F.conv2d(x, w, padding=1, out=out) is out
    assert torch.equal(out, result)
    assert F.flatten(x, 1).data_ptr() == x.data_ptr()
    assert F.relu(x, inplace=True) is x
    assert float(x.min()) == 0
    with pytest.raises(TypeError, match=r"Tensor requires grad.*detach\(\)"):
        F.relu(x.requires_grad_())
    assert F.softmax(torch.ones(4), 0, dtype=torch.bfloat16).dtype == torch.bfloat16


SCALARS = {
    "stride": lambda x, t: F.conv2d(x, W, stride=t(2), padding=(t(1), t(0))),
    "kernel_size": lambda x, t: F.max_pool2d(x, t(2), t(1)),
    "norm_type": lambda x, t: F.lp_pool2d(x, t(2.0), t(2)),
    "negative_slope": lambda x, t: F.leaky_relu(x, t(0.1)),
    "bounds": lambda x, t: F.hardtanh(x, t(-0.5), t(0.5)),
    "eps": lambda x, t: F.batch_norm(x, np.zeros(4, np.float32), np.ones(4, np.float32), eps=t(0.1)),
    "momentum": lambda x, t: F.batch_norm(x, None, None, training=True, momentum=t(0.5)),
    "dim": lambda x, t: F.softmax(x, dim=t(1)),
    "scale_factor": lambda x, t: F.interpolate(x, scale_factor=t(2.0)),
    "size": lambda x, t: F.interpolate(x, t(5)),
    "pad": lambda x, t: F.pad(x, (t(1), t(2)), value=t(3.0)),
    "patches": lambda x, t: F.unfold(x, t(3)),
}


@pytest.mark.parametrize("call", SCALARS.values(), ids=SCALARS)
def test_tensors_as_numbers(call, torch):
    """They do not make the result a tensor."""
    expected = call(X, lambda number: number)
    given = call(X, torch.tensor)
    assert type(given) is np.ndarray
    assert same_bits(given, expected)
    both = call(torch.from_numpy(X), torch.tensor)
    assert type(both) is torch.Tensor
    assert same_bits(both.numpy(), expected)


def test_a_first_argument_without_axes_is_an_array(torch):
    assert type(F.relu(torch.tensor(-1.0))) is torch.Tensor
    assert float(F.mse_loss(torch.tensor(3.0), torch.tensor(1.0))) == 4


def test_filters_of_images(torch):
    x = torch.from_numpy(X)
    for name, call in {
        "gaussian_filter": lambda x: image.gaussian_filter(x, 1, axes=(2, 3)),
        "sobel": image.sobel,
        "correlate1d": lambda x: image.correlate1d(x, [1, 2, 1]),
        "laplace": lambda x: image.laplace(x, output=np.float64),
        "uniform_filter1d": lambda x: image.uniform_filter1d(x, 3),
        "filter_bank": lambda x: image.filter_bank(x, np.ones((2, 3, 3)), axes=(2, 3)),
    }.items():
        result = call(x)
        assert type(result) is torch.Tensor, name
        assert same_bits(result.numpy(), call(X)), name
    out = torch.empty(x.shape)
    assert image.sobel(x, output=out) is out
    assert same_bits(out.numpy(), image.sobel(X))
    assert type(image.gaussian_filter(X, torch.tensor(1.0))) is np.ndarray
    assert type(image.sobel(X.tolist())) is np.ndarray
    with pytest.raises(TypeError, match="sobel: a Tensor requires grad"):
        image.sobel(torch.zeros(3, 3, requires_grad=True))
    for name in image.__all__:
        with pytest.raises(TypeError, match=f"{name}: a Foreign is on device CUDA:0"):
            getattr(image, name)(Foreign(X, (2, 0)), 1, 1)


def test_tensors_that_are_no_number(torch):
    """Whatever torch raises on the way, here it is a ValueError or a TypeError."""
    for odd in (torch.ones(2), torch.empty(0), torch.tensor(1j), torch.empty(2, device="meta")):
        for call in (
            lambda x, odd=odd: F.softmax(x, odd),
            lambda x, odd=odd: F.flatten(x, odd),
            lambda x, odd=odd: F.dropout(x, odd),
            lambda x, odd=odd: F.max_pool2d(x, odd),
            lambda x, odd=odd: F.conv2d(x, W, stride=odd),
            lambda x, odd=odd: F.fractional_max_pool2d(x, odd, (1, 2, 3)),
            lambda x, odd=odd: F.leaky_relu(x, odd),
        ):
            for x in (X, torch.from_numpy(X)):
                with pytest.raises((ValueError, TypeError)):
                    call(x)
    with pytest.raises(TypeError, match="requires grad"):
        F.local_response_norm(X, 2, torch.tensor(1.0, requires_grad=True))
