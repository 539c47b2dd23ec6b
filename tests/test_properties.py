"""Random problems: every algorithm, instruction set, number of threads and layout, on any shape and any view."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from problems import Problem, check

import pyconv
import pyconv.nn.functional as F
from pyconv import _native, nn, reference

settings.register_profile("pyconv", deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
settings.load_profile("pyconv")


@st.composite
def problems(draw):
    """A valid problem, small enough for the scalar kernels."""
    mode = draw(st.sampled_from(["zeros", "zeros", "zeros", "reflect", "replicate", "circular"]))
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 8]))
    depthwise = draw(st.booleans())
    per_group = (1, draw(st.integers(1, 2))) if depthwise else (draw(st.integers(1, 9)), draw(st.integers(1, 20)))
    kernel, dilation, stride, size = ([draw(st.integers(1, n)) for _ in range(2)] for n in (5, 3, 3, 14))
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    if stride == [1, 1] and draw(st.integers(0, 3)) == 0:
        padding = "same"
        most = [total - total // 2 for total in reach]
        padded = [n + total for n, total in zip(size, reach, strict=True)]
    else:
        padding = tuple(draw(st.integers(0, 4)) for _ in range(2))
        most = padding
        padded = [n + 2 * p for n, p in zip(size, padding, strict=True)]
    assume(all(total < n for total, n in zip(reach, padded, strict=True)))
    if mode in ("reflect", "circular"):
        assume(all(p <= n - (mode == "reflect") for p, n in zip(most, size, strict=True)))
    batch = draw(st.sampled_from([(), (1,), (2,), (3,)]))
    return Problem(
        x=(*batch, groups * per_group[0], *size),
        w=(groups * per_group[1], per_group[0], *kernel),
        bias=draw(st.booleans()),
        stride=tuple(stride),
        padding=padding,
        dilation=tuple(dilation),
        groups=groups,
        padding_mode=mode,
        layout=draw(st.sampled_from(["NCHW", "NHWC"])),
        dtype=draw(st.sampled_from(["float32", "float64"])),
    )


@settings(max_examples=150)
@given(problem=problems(), seed=st.integers(0, 2**32 - 1))
def test_conv2d(problem, seed):
    check(problem, seed)


@st.composite
def views(draw, array):
    """The same values behind other strides."""
    order = draw(st.permutations(range(array.ndim)))
    steps = [draw(st.sampled_from([1, 1, 2, -1, -2])) for _ in range(array.ndim)]
    memory = np.full([n * abs(s) + 1 for n, s in zip(array.shape, steps, strict=True)], np.nan, array.dtype)
    memory = np.ascontiguousarray(memory.transpose(order)).transpose(np.argsort(order))
    index = tuple(
        slice(None, n * s, s) if s > 0 else slice(-1, -1 + n * s, s) for n, s in zip(array.shape, steps, strict=True)
    )
    view = memory[index]
    view[...] = array
    return view


@settings(max_examples=150)
@given(problem=problems(), seed=st.integers(0, 2**32 - 1), pick=st.data())
def test_conv2d_of_views(problem, seed, pick):
    x, w, b = problem.arrays(np.random.default_rng(seed), exact=True)
    expected = reference.conv2d(x, w, b, **problem.arguments)
    x, w, b = (a if a is None else pick.draw(views(a)) for a in (x, w, b))
    result = _native.conv(2, x, w, b, **problem.arguments)
    np.testing.assert_array_equal(result, expected)
    out = pick.draw(views(np.zeros_like(expected)))
    assert _native.conv(2, x, w, b, **problem.arguments, out=out) is out
    np.testing.assert_array_equal(out, expected)


@settings(max_examples=150)
@given(problem=problems(), seed=st.integers(0, 2**32 - 1), pick=st.data())
def test_layer_in_eval_mode(problem, seed, pick):
    """A layer with packed weights follows whatever happens to its weight."""
    layer = nn.Conv2d(
        problem.w[1] * problem.groups, problem.w[0], problem.w[2:], problem.stride if len(problem.stride) > 1 else 1,
        problem.padding, problem.dilation, problem.groups, problem.bias, problem.padding_mode,
        dtype=problem.dtype, layout=problem.layout,
    ).eval()  # fmt: skip
    held = []
    actions = {
        "call": lambda: None,
        "hold": lambda: held.append(layer.weight),
        "release": held.clear,
        "write": lambda: layer.weight.__setitem__(..., layer.weight + 1),
        "write to held": lambda: [array.__setitem__((0, 0, 0, 0), array[0, 0, 0, 0] + 1) for array in held],
        "replace": lambda: setattr(layer, "weight", -layer.weight),
        "train and eval": lambda: layer.train().eval(),
    }
    rng = np.random.default_rng(seed)
    for name in pick.draw(st.lists(st.sampled_from(list(actions)), min_size=1, max_size=8)):
        actions[name]()
        x, w, b = problem.arrays(rng, exact=True)
        if name == "replace":
            layer.weight, layer.bias = w, b
        held_inside = layer.__dict__["_parameters"]
        expected = reference.conv2d(x, held_inside["weight"], held_inside["bias"], **problem.arguments)
        np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=300)
@given(
    shape=st.tuples(st.integers(0, 2), st.integers(1, 19), st.integers(1, 12), st.integers(1, 20)),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.none() | st.tuples(st.integers(1, 4), st.integers(1, 4)),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    ceil_mode=st.booleans(),
    layout=st.sampled_from(["NCHW", "NHWC"]),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 2**32 - 1),
    pick=st.data(),
)
def test_max_pool2d(shape, kernel, stride, dilation, ceil_mode, layout, dtype, seed, pick):
    window = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    padding = tuple(pick.draw(st.integers(0, n // 2)) for n in window)
    assume(all(n + 2 * p >= k for n, p, k in zip(shape[2:], padding, window, strict=True)))
    # A window that leaps over the whole image has no element inside, and no index to give.
    assume(all(n >= d for n, d in zip(shape[2:], dilation, strict=True)))
    rng = np.random.default_rng(seed)
    x = rng.integers(-3, 4, shape).astype(dtype)
    x[rng.random(shape) < 0.1] = np.nan
    x[rng.random(shape) < 0.2] = -np.inf
    x = pick.draw(views(np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if layout == "NHWC" else x))
    arguments = (kernel, stride, padding, dilation, ceil_mode)
    expected = reference.max_pool2d(x, *arguments, return_indices=True, layout=layout)
    for isa in pyconv.available_isas():
        pyconv.set_isa(isa)
        values, indices = F.max_pool2d(x, *arguments, return_indices=True, layout=layout)
        np.testing.assert_array_equal(values, expected[0])
        np.testing.assert_array_equal(indices, expected[1])
        np.testing.assert_array_equal(F.max_pool2d(x, *arguments, layout=layout), expected[0])
    pyconv.set_isa(None)


@settings(max_examples=300)
@given(
    shape=st.tuples(st.integers(0, 2), st.integers(1, 19), st.integers(1, 12), st.integers(1, 20)),
    layout=st.sampled_from(["NCHW", "NHWC"]),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 2**32 - 1),
    pick=st.data(),
)
def test_averages(shape, layout, dtype, seed, pick):
    x = np.random.default_rng(seed).integers(-9, 10, shape).astype(dtype)
    x = pick.draw(views(np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if layout == "NHWC" else x))
    if pick.draw(st.booleans()):
        pool, expected_by = F.adaptive_avg_pool2d, reference.adaptive_avg_pool2d
        arguments = (pick.draw(st.tuples(st.none() | st.integers(0, 14), st.none() | st.integers(0, 22))),)
    else:
        pool, expected_by = F.avg_pool2d, reference.avg_pool2d
        kernel = pick.draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
        padding = tuple(pick.draw(st.integers(0, k // 2)) for k in kernel)
        assume(all(n + 2 * p >= k for n, p, k in zip(shape[2:], padding, kernel, strict=True)))
        stride = pick.draw(st.none() | st.tuples(st.integers(1, 4), st.integers(1, 4)))
        divisor = pick.draw(st.none() | st.integers(1, 9) | st.integers(-9, -1))
        arguments = (kernel, stride, padding, pick.draw(st.booleans()), pick.draw(st.booleans()), divisor)
    expected = expected_by(x, *arguments, layout=layout)
    for isa in pyconv.available_isas():
        pyconv.set_isa(isa)
        np.testing.assert_array_equal(pool(x, *arguments, layout=layout), expected)
    pyconv.set_isa(None)


@settings(max_examples=100)
@given(
    shape=st.lists(st.integers(0, 5), min_size=1, max_size=4), dim=st.integers(-4, 3), seed=st.integers(0, 2**32 - 1)
)
def test_softmax_sums_to_one(shape, dim, seed):
    assume(-len(shape) <= dim < len(shape) and shape[dim] > 0)
    x = np.random.default_rng(seed).standard_normal(shape) * 100
    np.testing.assert_allclose(F.softmax(x, dim).sum(dim), 1.0, rtol=1e-13)


@given(shape=st.lists(st.integers(0, 4), max_size=4), start=st.integers(-5, 5), end=st.integers(-5, 5))
def test_flatten(shape, start, end):
    x = np.arange(np.prod(shape)).reshape(shape)
    try:
        expected = reference.flatten(x, start, end)
    except ValueError:
        with pytest.raises(ValueError, match="_dim"):
            F.flatten(x, start, end)
    else:
        assert np.array_equal(F.flatten(x, start, end), expected)
