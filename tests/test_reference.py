"""The reference against what is simpler still: loops over single elements, values worked out by hand, and SciPy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import ndimage, signal

from pyconv import reference as R


def naive_conv2d(x, w, b, stride, padding, dilation, groups):
    """The formula, one element at a time, zero padding; NCHW."""
    n, _, h, wd = x.shape
    o, cg, kh, kw = w.shape
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    oh = (h + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    ow = (wd + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    out = np.zeros((n, o, oh, ow))
    for image, k, y, z in itertools.product(range(n), range(o), range(oh), range(ow)):
        total = 0.0 if b is None else b[k]
        for c, i, j in itertools.product(range(cg), range(kh), range(kw)):
            row, column = y * sh + i * dh - ph, z * sw + j * dw - pw
            if 0 <= row < h and 0 <= column < wd:
                total += w[k, c, i, j] * x[image, k // (o // groups) * cg + c, row, column]
        out[image, k, y, z] = total
    return out


def naive_max_pool2d(x, kernel, stride, padding, dilation, ceil_mode):
    """The rules of max pooling, one element at a time."""
    n, c, h, w = x.shape
    sizes = []
    for size, k, s, p, d in zip((h, w), kernel, stride, padding, dilation, strict=True):
        count = (size + 2 * p - d * (k - 1) - 1) / s
        count = (math.ceil(count) if ceil_mode else math.floor(count)) + 1
        if ceil_mode and (count - 1) * s >= size + p:
            count -= 1
        sizes.append(count)
    values = np.full((n, c, *sizes), np.nan)
    indices = np.full((n, c, *sizes), -1)
    for image, channel, y, z in itertools.product(range(n), range(c), range(sizes[0]), range(sizes[1])):
        best = at = None
        for i, j in itertools.product(range(kernel[0]), range(kernel[1])):
            row = y * stride[0] + i * dilation[0] - padding[0]
            column = z * stride[1] + j * dilation[1] - padding[1]
            if 0 <= row < h and 0 <= column < w:
                value = x[image, channel, row, column]
                if at is None or value > best or math.isnan(value):
                    best, at = value, row * w + column
        values[image, channel, y, z], indices[image, channel, y, z] = best, at
    return values, indices


@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
@pytest.mark.parametrize("padding", [(0, 0), (1, 2)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1)])
@pytest.mark.parametrize(("channels", "outputs", "groups"), [(1, 1, 1), (4, 6, 1), (4, 6, 2), (3, 6, 3)])
def test_conv2d_is_the_formula(rng, stride, padding, dilation, channels, outputs, groups):
    x = rng.integers(-4, 5, (2, channels, 7, 6)).astype(np.float32)
    w = rng.integers(-4, 5, (outputs, channels // groups, 3, 2)).astype(np.float32)
    b = rng.integers(-4, 5, outputs).astype(np.float32)
    expected = naive_conv2d(x, w, b, stride, padding, dilation, groups)
    result = R.conv2d(x, w, b, stride, padding, dilation, groups)
    assert result.dtype == np.float32
    assert np.array_equal(result, expected)


def test_conv2d_sums_in_float64_and_rounds_once(rng):
    x, w = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, 8, 6, 6), (3, 8, 3, 3)))
    wide = R.conv2d(x, w, dtype=np.float64)
    assert wide.dtype == np.float64
    assert np.array_equal(R.conv2d(x, w), wide.astype(np.float32))


def test_conv2d_agrees_with_scipy(rng):
    image, kernel = rng.standard_normal((9, 11)), rng.standard_normal((3, 5))
    result = R.conv2d(image[None], kernel[None, None])[0]
    np.testing.assert_allclose(result, signal.correlate2d(image, kernel, "valid"), rtol=1e-12, atol=1e-12)
    flipped = R.conv2d(image[None], kernel[None, None, ::-1, ::-1])[0]
    np.testing.assert_allclose(flipped, signal.convolve2d(image, kernel, "valid"), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("mode", "scipy_mode"),
    [("zeros", "constant"), ("reflect", "mirror"), ("replicate", "nearest"), ("circular", "wrap")],
)
def test_padding_modes_agree_with_scipy(rng, mode, scipy_mode):
    image, kernel = rng.standard_normal((6, 7)), rng.standard_normal((5, 3))
    result = R.conv2d(image[None], kernel[None, None], padding="same", padding_mode=mode)[0]
    np.testing.assert_allclose(result, ndimage.correlate(image, kernel, mode=scipy_mode), rtol=1e-12, atol=1e-12)


def test_same_padding_puts_the_odd_one_right_and_below():
    x = np.arange(1.0, 5.0).reshape(1, 1, 4)
    assert R.conv2d(x, np.array([[[[1.0, 10.0]]]]), padding="same").tolist() == [[[21.0, 32.0, 43.0, 4.0]]]
    assert R.conv2d(x, np.ones((1, 1, 1, 2)), padding="same", dilation=3).tolist() == [[[3.0, 5.0, 2.0, 3.0]]]


def test_layouts_and_unbatched_agree(rng):
    x, w, b = rng.standard_normal((2, 4, 6, 5)), rng.standard_normal((6, 2, 3, 3)), rng.standard_normal(6)
    arguments = {"stride": (2, 1), "padding": 1, "groups": 2}
    expected = R.conv2d(x, w, b, **arguments)
    last = R.conv2d(x.transpose(0, 2, 3, 1), w, b, **arguments, layout="NHWC")
    assert np.array_equal(last, expected.transpose(0, 2, 3, 1))
    assert np.array_equal(R.conv2d(x[1], w, b, **arguments), expected[1])
    assert R.conv2d(x[:0], w, b, **arguments).shape == (0, *expected.shape[1:])


def test_padding_is_data_for_infinities():
    x = np.ones((1, 1, 3))
    w = np.array([[[[np.inf, 1.0, 0.0]]]])
    assert np.isnan(R.conv2d(x, w, padding=(0, 1))[0, 0, 0])
    assert np.isnan(R.conv2d(np.full((1, 1, 3), np.inf), np.zeros((1, 1, 1, 1)))).all()


@pytest.mark.parametrize("kernel", [(2, 2), (3, 2)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
@pytest.mark.parametrize("padding", [(0, 0), (1, 1)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1)])
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_max_pool2d_is_the_formula(rng, kernel, stride, padding, dilation, ceil_mode):
    x = rng.integers(-3, 3, (2, 2, 7, 8)).astype(np.float64)  # many ties
    x[rng.random(x.shape) < 0.1] = np.nan
    x[rng.random(x.shape) < 0.1] = -np.inf
    values, indices = naive_max_pool2d(x, kernel, stride, padding, dilation, ceil_mode)
    result = R.max_pool2d(x, kernel, stride, padding, dilation, ceil_mode, return_indices=True)
    np.testing.assert_array_equal(result[0], values)
    np.testing.assert_array_equal(result[1], indices)
    assert result[1].dtype == np.int64


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, np.float32])
def test_max_pool2d_keeps_the_type(dtype):
    x = np.arange(16).reshape(1, 4, 4).astype(dtype)
    result = R.max_pool2d(x, 2)
    assert result.dtype == dtype
    assert result.tolist() == [[[5, 7], [13, 15]]]


def test_max_pool2d_ceil_mode_drops_a_window_in_the_padding():
    x = np.arange(3.0).reshape(1, 1, 3)
    assert R.max_pool2d(x, (1, 2), 2, (0, 1), ceil_mode=True).tolist() == [[[0.0, 2.0]]]
    assert R.max_pool2d(x, (1, 2), 2, ceil_mode=True).tolist() == [[[1.0, 2.0]]]


def test_max_pool2d_layouts_agree(rng):
    x = rng.standard_normal((2, 3, 6, 5))
    values, indices = R.max_pool2d(x, 3, 2, 1, return_indices=True)
    last = R.max_pool2d(x.transpose(0, 2, 3, 1), 3, 2, 1, return_indices=True, layout="NHWC")
    assert np.array_equal(last[0], values.transpose(0, 2, 3, 1))
    assert np.array_equal(last[1], indices.transpose(0, 2, 3, 1))
    assert np.array_equal(R.max_pool2d(x[0], 3, 2, 1), values[0])


def naive_avg_pool2d(x, kernel, stride, padding, ceil_mode, count_include_pad):
    """The rules of average pooling: each window is cut off at the end of the padding, then at that of the image."""
    n, c, h, w = x.shape
    (oh, ow), values = naive_max_pool2d(x, kernel, stride, padding, (1, 1), ceil_mode)[0].shape[2:], []
    for y, z in itertools.product(range(oh), range(ow)):
        windows = []
        for size, k, s, p, o in zip((h, w), kernel, stride, padding, (y, z), strict=True):
            start = o * s - p
            end = min(start + k, size + p)
            windows.append((max(start, 0), min(end, size), end - start))
        (top, bottom, rows), (left, right, columns) = windows
        total = x[:, :, top:bottom, left:right].sum(axis=(2, 3))
        values.append(total / (rows * columns if count_include_pad else (bottom - top) * (right - left)))
    return np.stack(values, axis=-1).reshape(n, c, oh, ow)


@pytest.mark.parametrize("kernel", [(2, 2), (3, 2), (1, 5)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
@pytest.mark.parametrize("padding", [(0, 0), (0, 1)])
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("count_include_pad", [False, True])
def test_avg_pool2d_is_the_formula(rng, kernel, stride, padding, ceil_mode, count_include_pad):
    x = rng.integers(-9, 10, (2, 2, 7, 8)).astype(np.float64)
    expected = naive_avg_pool2d(x, kernel, stride, padding, ceil_mode, count_include_pad)
    assert np.array_equal(R.avg_pool2d(x, kernel, stride, padding, ceil_mode, count_include_pad), expected)


def test_avg_pool2d_divisors():
    x = np.array([[[1.0, 2.0, 3.0]]])
    assert R.avg_pool2d(x, (1, 2), 2, (0, 1)).tolist() == [[[0.5, 2.5]]]
    assert R.avg_pool2d(x, (1, 2), 2, (0, 1), count_include_pad=False).tolist() == [[[1.0, 2.5]]]
    assert R.avg_pool2d(x, (1, 2), 2, (0, 1), divisor_override=4).tolist() == [[[0.25, 1.25]]]
    assert R.avg_pool2d(x, (1, 2), 2, ceil_mode=True).tolist() == [[[1.5, 3.0]]]  # the 3 stands alone
    assert R.avg_pool2d(x, (1, 2), 2, ceil_mode=True, divisor_override=-2).tolist() == [[[-1.5, -1.5]]]


def test_adaptive_avg_pool2d_is_the_formula(rng):
    x = rng.integers(-9, 10, (2, 3, 7, 5)).astype(np.float64)
    columns = [x[..., :3], x[..., 2:]]  # floor(0), ceil(2.5) and floor(2.5), ceil(5)
    rows = [slice(0, 3), slice(2, 5), slice(4, 7)]
    expected = np.stack([[part[:, :, r].mean(axis=(2, 3)) for part in columns] for r in rows]).transpose(2, 3, 0, 1)
    np.testing.assert_allclose(R.adaptive_avg_pool2d(x, (3, 2)), expected, rtol=1e-15)
    assert np.array_equal(R.adaptive_avg_pool2d(x, (None, None)), x)
    assert np.array_equal(R.adaptive_avg_pool2d(x, (14, 5)), x.repeat(2, axis=2))
    assert R.adaptive_avg_pool2d(x, 0).shape == (2, 3, 0, 0)


def test_averages_in_the_other_layout_and_without_a_batch(rng):
    x = rng.integers(-9, 10, (2, 3, 6, 5)).astype(np.float32)
    for pool, argument in ((R.avg_pool2d, 2), (R.adaptive_avg_pool2d, (4, 3))):
        averages = pool(x, argument)
        assert averages.dtype == np.float32
        assert np.array_equal(pool(x.transpose(0, 2, 3, 1), argument, layout="NHWC"), averages.transpose(0, 2, 3, 1))
        assert np.array_equal(pool(x[0], argument), averages[0])


def test_linear_is_the_formula(rng):
    x, w, b = (rng.integers(-4, 5, shape).astype(np.float32) for shape in ((2, 3, 5), (4, 5), (4,)))
    expected = np.einsum("abi,oi->abo", x, w) + b
    assert np.array_equal(R.linear(x, w, b), expected)
    assert R.linear(x, w).dtype == np.float32


def naive_batch_norm(x, mean, var, weight, bias, eps):
    """The formula, one element at a time; NCHW."""
    out = np.empty_like(x)
    for at in np.ndindex(x.shape):
        c = at[1]
        out[at] = (x[at] - mean[c]) / math.sqrt(var[c] + eps) * weight[c] + bias[c]
    return out


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 5), (2, 3, 4, 2), (1, 3, 2, 3, 2)])
def test_batch_norm_is_the_formula(rng, shape):
    x, (mean, weight, bias), var = rng.standard_normal(shape), rng.standard_normal((3, 3)), rng.uniform(0.5, 2, 3)
    expected = naive_batch_norm(x, mean, var, weight, bias, 0.25)
    np.testing.assert_allclose(R.batch_norm(x, mean, var, weight, bias, eps=0.25), expected, rtol=1e-12, atol=1e-12)
    last = R.batch_norm(np.moveaxis(x, 1, -1), mean, var, weight, bias, eps=0.25, layout="NHWC")
    np.testing.assert_allclose(np.moveaxis(last, -1, 1), expected, rtol=1e-12, atol=1e-12)
    single = (v.astype(np.float32) for v in (x, mean, var))
    assert R.batch_norm(*single).dtype == np.float32


def test_batch_norm_in_training_by_hand():
    x = np.array([[[1.0, 2.0], [0.0, 0.0]], [[4.0, 5.0], [2.0, 2.0]]])  # two channels of four values
    mean, var = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    result = R.batch_norm(x, mean, var, None, None, True, 0.5, 0.0)
    np.testing.assert_allclose(result[:, 0], (x[:, 0] - 3) / math.sqrt(2.5), rtol=1e-15)
    np.testing.assert_allclose(result[:, 1], x[:, 1] - 1, rtol=1e-15)
    assert mean.tolist() == [2.0, 0.5]
    np.testing.assert_allclose(var, [10 / 3 / 2, (1 + 4 / 3) / 2], rtol=1e-15)


def test_softmax_by_hand():
    x = np.log(np.array([[1.0, 2.0, 1.0], [1.0, 1.0, 2.0]]))
    np.testing.assert_allclose(R.softmax(x, 1), [[0.25, 0.5, 0.25], [0.25, 0.25, 0.5]], rtol=1e-15)
    np.testing.assert_allclose(R.softmax(x, 0), [[0.5, 2 / 3, 1 / 3], [0.5, 1 / 3, 2 / 3]], rtol=1e-15)
    assert R.softmax(np.array([1000.0, 0.0]), 0).tolist() == [1.0, 0.0]
    assert np.isnan(R.softmax(np.array([-np.inf, -np.inf]), 0)).all()


def test_relu_and_flatten_by_hand():
    np.testing.assert_array_equal(R.relu(np.array([-np.inf, -1.0, 2.0, np.nan])), [0.0, 0.0, 2.0, np.nan])
    assert R.flatten(np.zeros((2, 3, 4, 5)), 1, 2).shape == (2, 12, 5)
    assert R.flatten(np.array(1.0)).shape == (1,)


X, W, B = np.zeros((1, 4, 5, 5)), np.zeros((6, 4, 3, 3)), np.zeros(4)


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (ValueError, lambda: R.conv2d(X[0, 0], W)),
        (ValueError, lambda: R.conv2d(X, W[0])),
        (ValueError, lambda: R.conv2d(X, W, np.zeros(5))),
        (ValueError, lambda: R.conv2d(X, W, groups=3)),
        (ValueError, lambda: R.conv2d(X, W[:, :3])),
        (ValueError, lambda: R.conv2d(X, W, stride=0)),
        (ValueError, lambda: R.conv2d(X, W, padding=-1)),
        (ValueError, lambda: R.conv2d(X, W, dilation=(1, 0))),
        (ValueError, lambda: R.conv2d(X, W, dilation=3)),
        (ValueError, lambda: R.conv2d(X, W, padding="full")),
        (ValueError, lambda: R.conv2d(X, W, padding="same", stride=2)),
        (ValueError, lambda: R.conv2d(X, W, padding=5, padding_mode="reflect")),
        (ValueError, lambda: R.conv2d(X, W, padding=6, padding_mode="circular")),
        (ValueError, lambda: R.conv2d(X, W, padding_mode="edge")),
        (ValueError, lambda: R.conv2d(X, W, layout="CHWN")),
        (ValueError, lambda: R.conv2d(X[:, :, :0], W)),
        (TypeError, lambda: R.conv2d(X, W.astype(np.float32))),
        (TypeError, lambda: R.conv2d(X.astype(int), W)),
        (TypeError, lambda: R.conv2d(X, W, stride="2")),
        (TypeError, lambda: R.conv2d(X, W, stride=1.5)),
        (ValueError, lambda: R.conv2d(X, W, stride=(1, 1, 1))),
        (ValueError, lambda: R.max_pool2d(X, 6)),
        (ValueError, lambda: R.max_pool2d(X, 2, padding=2)),
        (ValueError, lambda: R.max_pool2d(X, 0)),
        (ValueError, lambda: R.max_pool2d(X[:, :, :, :0], 1)),
        (ValueError, lambda: R.avg_pool2d(X, 6)),
        (ValueError, lambda: R.avg_pool2d(X, 2, padding=2)),
        (ValueError, lambda: R.avg_pool2d(X, 2, divisor_override=0)),
        (TypeError, lambda: R.avg_pool2d(X.astype(int), 2)),
        (ValueError, lambda: R.adaptive_avg_pool2d(X, -1)),
        (ValueError, lambda: R.adaptive_avg_pool2d(X, (1, 2, 3))),
        (ValueError, lambda: R.adaptive_avg_pool2d(X[:, :, :0], 2)),
        (TypeError, lambda: R.adaptive_avg_pool2d(X.astype(int), 2)),
        (ValueError, lambda: R.batch_norm(X, B, B[:3])),
        (ValueError, lambda: R.batch_norm(X, B, None, training=True)),
        (ValueError, lambda: R.batch_norm(X, None, None)),
        (ValueError, lambda: R.batch_norm(X, B, B, layout="CHWN")),
        (ValueError, lambda: R.batch_norm(X[0, 0, 0], B, B)),
        (ValueError, lambda: R.batch_norm(X[:, :, 0, 0], B, B, training=True)),
        (TypeError, lambda: R.batch_norm(X, B, B, B.astype(np.float32))),
        (ValueError, lambda: R.linear(X, W[0, 0])),
        (ValueError, lambda: R.linear(X, np.zeros((2, 5)), np.zeros(3))),
        (ValueError, lambda: R.flatten(X, 2, 1)),
        (ValueError, lambda: R.flatten(X, 0, 4)),
    ],
)
def test_errors(error, call):
    with pytest.raises(error):
        call()
