"""Half floats through the operators and layers: float32 rounded once, as torch takes them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from problems import same_bits

import pyconv
import pyconv.nn.functional as F

ml_dtypes = pytest.importorskip("ml_dtypes")

HALVES = (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16))
pytestmark = pytest.mark.parametrize("dtype", HALVES, ids=str)

# Of an input (2, 4, 6, 7) and a vector of 4 that is not negative.
CALLS = {
    "relu": lambda M, x, v: M.relu(x),
    "relu6": lambda M, x, v: M.relu6(x),
    "hardtanh": lambda M, x, v: M.hardtanh(x, -0.3, 0.7),
    "leaky_relu": lambda M, x, v: M.leaky_relu(x, 0.2),
    "elu": lambda M, x, v: M.elu(x),
    "gelu": lambda M, x, v: M.gelu(x),
    "gelu tanh": lambda M, x, v: M.gelu(x, approximate="tanh"),
    "silu": lambda M, x, v: M.silu(x),
    "hardswish": lambda M, x, v: M.hardswish(x),
    "sigmoid": lambda M, x, v: M.sigmoid(x),
    "tanh": lambda M, x, v: M.tanh(x),
    "softmax": lambda M, x, v: M.softmax(x, 1),
    "log_softmax": lambda M, x, v: M.log_softmax(x, dim=-1),
    "max_pool1d": lambda M, x, v: M.max_pool1d(x[0], 3, 2, 1),
    "max_pool2d": lambda M, x, v: M.max_pool2d(x, 2, return_indices=True),
    "max_pool3d": lambda M, x, v: M.max_pool3d(x, 2),
    "avg_pool1d": lambda M, x, v: M.avg_pool1d(x[0], 3, 2, 1),
    "avg_pool2d": lambda M, x, v: M.avg_pool2d(x, 3, 2, 1, True, False),
    "adaptive_avg_pool1d": lambda M, x, v: M.adaptive_avg_pool1d(x[0], 4),
    "adaptive_avg_pool2d": lambda M, x, v: M.adaptive_avg_pool2d(x, (4, None)),
    "adaptive_max_pool1d": lambda M, x, v: M.adaptive_max_pool1d(x[0], 4, True),
    "adaptive_max_pool2d": lambda M, x, v: M.adaptive_max_pool2d(x, 4),
    "adaptive_max_pool3d": lambda M, x, v: M.adaptive_max_pool3d(x, 4),
    "fractional_max_pool2d": lambda M, x, v: M.fractional_max_pool2d(x, 2, 3, None, True, x[:, :, 0, :2] * 0),
    "fractional_max_pool3d": lambda M, x, v: M.fractional_max_pool3d(x, 2, 2, None, True, x[0, None, :2, 0, :3] * 0)[0],
    "lp_pool1d": lambda M, x, v: M.lp_pool1d(abs(x[0]), 1.0, 2),
    "lp_pool2d": lambda M, x, v: M.lp_pool2d(x, float("inf"), 2),
    "max_unpool2d": lambda M, x, v: M.max_unpool2d(*M.max_pool2d(x, 2, return_indices=True), 2, output_size=(6, 7)),
    "layer_norm": lambda M, x, v: M.layer_norm(x, (7,), x[0, 0, 0], x[0, 0, 1]),
    "group_norm": lambda M, x, v: M.group_norm(x, 2, v, -v),
    "batch_norm": lambda M, x, v: M.batch_norm(x, -v, v + v, v, v),
    "interpolate nearest": lambda M, x, v: M.interpolate(x, (9, 4)),
    "interpolate linear": lambda M, x, v: M.interpolate(x, scale_factor=1.5, mode="bilinear"),
    "interpolate area": lambda M, x, v: M.interpolate(x, 4, mode="area"),
    "mse_loss": lambda M, x, v: M.mse_loss(x, x + x),
    "dropout in eval mode": lambda M, x, v: M.dropout(x, 0.5, False),
    "pad": lambda M, x, v: M.pad(x, (1, 1, 2, 2), "reflect"),
    "unfold": lambda M, x, v: M.unfold(x, 2),
    "pixel_shuffle": lambda M, x, v: M.pixel_shuffle(x, 2),
    "conv_transpose1d": lambda M, x, v: M.conv_transpose1d(x[0, :, :4], x[0, :, :3, :2], v[:3]),
    "conv_transpose2d": lambda M, x, v: M.conv_transpose2d(x, x[[0, 1, 0, 1]], v, stride=2, padding=1),
    "conv_transpose3d": lambda M, x, v: M.conv_transpose3d(x[None], x[:, None, :2, :2, :3], stride=2, output_padding=1),
}
OURS_ALONE = {
    "avg_pool3d": lambda M, x, v: M.avg_pool3d(x, 2),
    "local_response_norm": lambda M, x, v: M.local_response_norm(x, 3),
    "interpolate cubic": lambda M, x, v: M.interpolate(x, 9, mode="bicubic"),  # torch rounds weights
    "adaptive_avg_pool3d": lambda M, x, v: M.adaptive_avg_pool3d(x, 4),  # torch rounds partial sums
    "filter2d_separable": lambda M, x, v: M.filter2d_separable(x, v[:3], v[:2]),
    "last": lambda M, x, v: M.avg_pool2d(x, 2, layout="NHWC"),
}


def drawn(dtype, rng):
    return rng.standard_normal((2, 4, 6, 7)).astype(dtype), rng.random(4).astype(dtype)


def parts(result):
    return result if isinstance(result, tuple) else (result,)


def rounded(result, dtype):
    return tuple(part.astype(dtype) if part.dtype == np.float32 else part for part in parts(result))


@pytest.mark.parametrize("call", [*CALLS.values(), *OURS_ALONE.values()], ids=[*CALLS, *OURS_ALONE])
def test_halves_are_float32_rounded_once(call, dtype, rng):
    x, v = drawn(dtype, rng)
    for given in (x, np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1), x.repeat(2, -1)[..., ::2]):
        given = given.view()
        given.flags.writeable = False
        expected = rounded(call(F, given.astype("f"), v.astype("f")), dtype)
        for a, b in zip(parts(call(F, given, v)), expected, strict=True):
            assert same_bits(np.ascontiguousarray(a), np.ascontiguousarray(b))


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_torch_takes_them_alike(call, dtype, rng):
    torch = pytest.importorskip("torch")
    eps = float(ml_dtypes.finfo(dtype).eps)
    x, v = (torch.from_numpy(a.astype("f")).to(getattr(torch, dtype.name)) for a in drawn(dtype, rng))
    ours = call(F, x, v)
    for a, b in zip(parts(ours), parts(call(torch.nn.functional, x, v)), strict=True):
        assert type(a) is torch.Tensor
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        a, b = a.float().numpy(), b.float().numpy()
        np.testing.assert_allclose(a, b, rtol=4 * eps, atol=4 * eps * max(1, float(abs(b).max())))


def test_images_of_many_bytes(dtype, rng):
    """Their float32 lies in memory that the library hands out again, which is not NumPy's own."""
    x = rng.standard_normal((1, 16, 96, 97)).astype(dtype)
    w = rng.standard_normal((16, 2, 2, 2)).astype(dtype)
    wide, kernel = x.astype("f"), w.astype("f")
    x.flags.writeable = False  # as what is read from a file often is
    for call in (
        lambda x, w, out: F.conv_transpose2d(x, w, stride=2, out=out),
        lambda x, w, out: F.avg_pool2d(x, 3, 1, out=out),
        lambda x, w, out: F.adaptive_max_pool2d(x, 90, out=out),
    ):
        expected = call(wide, kernel, None).astype(dtype)
        out = np.full_like(expected, np.nan)
        assert call(x, w, out) is out
        assert same_bits(out.view(np.uint16), expected.view(np.uint16))
        assert same_bits(call(x, w, None).view(np.uint16), expected.view(np.uint16))
    out.flags.writeable = False
    with pytest.raises(ValueError, match="out is not writeable"):
        F.adaptive_max_pool2d(x, 90, out=out)
    with pytest.raises(ValueError, match="input is not writeable"):
        F.dropout(x, 0.5, inplace=True)


def test_what_is_written_to(dtype, rng):
    x, v = drawn(dtype, rng)
    for function in (F.relu, F.silu, F.hardtanh):
        mine = x.copy()
        assert function(mine, inplace=True) is mine
        assert same_bits(mine, function(x))
    out = np.empty((2, 4, 3, 3), dtype)
    assert F.max_pool2d(x, 2, out=out) is out
    assert same_bits(out, F.max_pool2d(x, 2))
    out = np.empty((2, 4, 12, 14), dtype)
    assert F.conv_transpose2d(x, x[[0, 1, 0, 1], :, :2, :2], stride=2, out=out) is out
    assert same_bits(out, F.conv_transpose2d(x, x[[0, 1, 0, 1], :, :2, :2], stride=2))
    assert F.dropout(x, 0.5, False) is x
    dropped = F.dropout(x, 0.5, generator=3)
    assert same_bits(dropped, F.dropout(x.astype("f"), 0.5, generator=3).astype(dtype))
    mean, var = v.copy(), v.copy()
    wide = v.astype("f"), v.astype("f")
    result = F.batch_norm(x, mean, var, training=True)
    assert same_bits(result, F.batch_norm(x.astype("f"), *wide, training=True).astype(dtype))
    assert same_bits(mean, wide[0].astype(dtype))
    assert same_bits(var, wide[1].astype(dtype))


def test_norms_take_parameters_of_float32(dtype, rng):
    x, v = drawn(dtype, rng)
    wide = v.astype("f") + np.float32(1e-4)
    xf = x.astype("f")
    assert same_bits(F.group_norm(x, 2, wide, wide), F.group_norm(xf, 2, wide, wide).astype(dtype))
    row = xf[0, 0, 0] + np.float32(1e-4)
    assert same_bits(F.layer_norm(x, (7,), row), F.layer_norm(xf, (7,), row).astype(dtype))
    mean = wide.copy()
    result = F.batch_norm(x, mean, wide.copy(), training=True)
    expected = wide.copy()
    assert same_bits(result, F.batch_norm(xf, expected, wide.copy(), training=True).astype(dtype))
    assert same_bits(mean, expected)


def test_softmax_of_another_type(dtype):
    x = np.array([1.0, 2.0, 4.0], dtype)
    assert same_bits(F.softmax(x, 0, dtype=np.float32), F.softmax(x.astype("f"), 0))
    assert same_bits(F.softmax(x.astype("f"), 0, dtype=dtype), F.softmax(x, 0))
    assert same_bits(F.log_softmax(x.astype("d"), 0, dtype=dtype), F.log_softmax(x, 0))


def test_infinities_nan_and_what_overflows(dtype):
    x = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0], dtype)
    assert same_bits(F.relu(x)[[0, 1, 3]], np.array([np.inf, 0, 0], dtype))
    assert np.isnan(F.relu(x)[2])
    most = np.full((1, 1, 1), ml_dtypes.finfo(dtype).max, dtype)
    assert np.isinf(F.conv_transpose1d(most, np.full((1, 1, 1), 3, dtype)).astype("f")).all()


def test_empty_batches(dtype):
    x = np.empty((0, 4, 6, 7), dtype)
    for result in (F.relu(x), F.softmax(x, 1), F.layer_norm(x, (7,)), F.dropout(x)):
        assert result.shape == x.shape
        assert result.dtype == dtype
    assert F.max_pool2d(x, 2).shape == (0, 4, 3, 3)
    assert F.conv_transpose2d(x, np.ones((4, 2, 2, 2), dtype)).shape == (0, 2, 7, 8)


def test_explain(dtype):
    x, w = np.ones((1, 4, 8, 8), dtype), np.ones((4, 3, 2, 2), dtype)
    for function, *arguments in (
        (F.conv_transpose2d, x, w),
        (F.max_pool2d, x, 2),
        (F.lp_pool2d, x, 2, 2),
        (F.linear, x, w[0, 0, :1].repeat(4, 1)),
        (F.filter2d_separable, x, w[0, 0, 0], w[0, 0, 0]),
    ):
        wide = [a.astype("f") if isinstance(a, np.ndarray) else a for a in arguments]
        assert pyconv.explain(function, *arguments) == pyconv.explain(function, *wide)


def test_errors(dtype, rng):
    x, v = drawn(dtype, rng)
    other = HALVES[dtype == HALVES[0]]
    name = dtype.name
    for text, call in {
        f"conv_transpose2d: weight is float32 but input is {name}": lambda: F.conv_transpose2d(
            x, np.ones((4, 1, 2, 2), "f")
        ),
        f"conv_transpose2d: bias is {other}": lambda: F.conv_transpose2d(x, x[[0, 1, 0, 1]], v.astype(other)),
        f"max_pool2d: out is float32 but input is {name}": lambda: F.max_pool2d(x, 2, out=np.empty((2, 4, 3, 3), "f")),
        f"max_pool2d: out is int32 but input is {name}": lambda: F.max_pool2d(x, 2, out=np.empty((2, 4, 3, 3), "i")),
        f"mse_loss: target is {other}": lambda: F.mse_loss(x, x.astype(other)),
        "group_norm: weight is float64": lambda: F.group_norm(x, 2, v.astype("d")),
        "out must be": lambda: F.max_pool2d(x.astype("f"), 2, out=np.empty((2, 4, 3, 3), dtype)),
        "weight must be": lambda: F.conv_transpose2d(x.astype("f"), x[[0, 1, 0, 1]]),
        "must be an integer": lambda: F.max_pool2d(x, 2.5),
        "kernel_size": lambda: F.max_pool2d(x),
    }.items():
        with pytest.raises(TypeError, match=text):
            call()
    frozen = x.copy()
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="relu: input is not writeable"):
        F.relu(frozen, inplace=True)
    with pytest.raises(TypeError, match=r"relu: input must be float32 or float64 in native byte order"):
        F.relu(x.astype(dtype).view(np.int16))


def test_bfloat16_is_not_needed(dtype):
    """Without ml_dtypes everything else works, and a tensor of bfloat16 is a TypeError that says what is missing."""
    pytest.importorskip("torch")
    program = (
        "import sys\n"
        "sys.modules['ml_dtypes'] = None\n"
        "import numpy as np, torch, pyconv.nn.functional as F\n"
        "assert F.relu(np.ones(3, np.float16)).dtype == np.float16\n"
        "assert F.relu(torch.ones(3).half()).dtype == torch.float16\n"
        "try:\n"
        "    F.relu(torch.ones(3).bfloat16())\n"
        "except TypeError as error:\n"
        "    assert 'needs the package ml_dtypes' in str(error), error\n"
        "else:\n"
        "    raise AssertionError\n"
    )
    if dtype == np.float16:
        subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
