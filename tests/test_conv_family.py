"""Convolutions of one to three dimensions and their transposes, named paddings, borders of every kind."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from problems import same_bits, targets

import pyconv
import pyconv.nn.functional as F
from pyconv import nn, reference

RANKS = (1, 2, 3)
MODES = ["zeros", "reflect", "replicate", "circular", "symmetric", "constant", "mirror", "wrap"]
quick = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


def function(module, name, rank):
    return getattr(module, f"{name}{rank}d")


def integers(rng, shape, dtype="float32"):
    return rng.integers(-4, 5, shape).astype(dtype)


def last(x, rank):
    """Channels last, in memory too."""
    return np.ascontiguousarray(np.moveaxis(x, -rank - 1, -1))


def check(name, rank, x, w, b, **arguments):
    """Exactly the reference's numbers, on every target, in either layout, batched or not."""
    ours, expected = function(F, name, rank), function(reference, name, rank)(x, w, b, **arguments)
    for _ in targets():
        assert same_bits(ours(x, w, b, **arguments), expected)
    turned = ours(last(x, rank), w, b, **arguments, layout="NHWC")
    assert same_bits(turned, last(expected, rank))
    view = ours(np.moveaxis(last(x, rank), -1, -rank - 1), w, b, **arguments)
    assert same_bits(np.ascontiguousarray(view), expected)
    if x.ndim == rank + 2 and len(x):
        assert same_bits(np.ascontiguousarray(ours(x[-1], w, b, **arguments)), expected[-1])
    into = np.full_like(expected, np.nan)
    assert ours(x, w, b, **arguments, out=into) is into
    assert same_bits(into, expected)


def extents(draw, rank, least, most):
    return tuple(draw(st.integers(least, most)) for _ in range(rank))


@settings(quick, max_examples=120)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_any_convolution(data, seed):
    draw, rng = data.draw, np.random.default_rng(seed)
    rank, groups = draw(st.sampled_from(RANKS)), draw(st.sampled_from([1, 1, 2, 3]))
    per_group = (draw(st.integers(1, 5)), draw(st.integers(1, 6)))
    size, kernel = extents(draw, rank, 1, 9), extents(draw, rank, 1, 4)
    stride, dilation = extents(draw, rank, 1, 3), extents(draw, rank, 1, 2)
    mode = draw(st.sampled_from(MODES))
    names = ["valid", "same_upper", "SAME_LOWER", "causal", *(["same"] if set(stride) == {1} else [])]
    sides = st.tuples(st.integers(0, 5), st.integers(0, 5))
    padding = draw(st.one_of(st.sampled_from(names), st.tuples(*[sides] * rank), st.integers(0, 4)))
    x = integers(rng, (*draw(st.sampled_from([(), (1,), (2,)])), groups * per_group[0], *size))
    w = integers(rng, (groups * per_group[1], per_group[0], *kernel))
    b = draw(st.sampled_from([None, integers(rng, len(w))]))
    arguments = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "padding_mode": mode}
    if mode == "constant":
        arguments["padding_value"] = draw(st.integers(-5, 5))
    call, reference_call = function(F, "conv", rank), function(reference, "conv", rank)
    try:
        reference_call(x, w, b, **arguments)
    except ValueError:  # both refuse the same calls: kernels too large, borders too wide
        with pytest.raises(ValueError, match=rf"conv{rank}d: "):
            call(x, w, b, **arguments)
        return
    check("conv", rank, x, w, b, **arguments)


@settings(quick, max_examples=120)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_any_transposed_convolution(data, seed):
    draw, rng = data.draw, np.random.default_rng(seed)
    rank, groups = draw(st.sampled_from(RANKS)), draw(st.sampled_from([1, 1, 2, 3]))
    per_group = (draw(st.integers(1, 5)), draw(st.integers(1, 18)))
    size, kernel = extents(draw, rank, 1, 6), extents(draw, rank, 1, 5)
    stride, dilation = extents(draw, rank, 1, 4), extents(draw, rank, 1, 3)
    more = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    sides = st.tuples(st.integers(0, 3), st.integers(0, 3))
    padding = draw(st.one_of(st.integers(0, 3), st.tuples(*[sides] * rank)))
    x = integers(rng, (*draw(st.sampled_from([(), (1,), (2,)])), groups * per_group[0], *size))
    w = integers(rng, (groups * per_group[0], per_group[1], *kernel))
    b = draw(st.sampled_from([None, integers(rng, groups * per_group[1])]))
    arguments = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "output_padding": more}
    try:
        function(reference, "conv_transpose", rank)(x, w, b, **arguments)
    except ValueError:
        with pytest.raises(ValueError, match="leaves nothing of the result"):
            function(F, "conv_transpose", rank)(x, w, b, **arguments)
        return
    check("conv_transpose", rank, x, w, b, **arguments)


@pytest.mark.parametrize("rank", RANKS)
def test_a_transpose_is_the_adjoint(rng, rank):
    """<conv(x), y> = <x, conv_transpose(y)>, exactly on integers."""
    kernel, stride, dilation, padding = (3, 2, 4)[:rank], (2, 1, 3)[:rank], (1, 2, 1)[:rank], (1, 0, 2)[:rank]
    x, w = integers(rng, (2, 6, *(9, 8, 11)[:rank])), integers(rng, (4, 3, *kernel))
    forward = function(F, "conv", rank)(x, w, None, stride, padding, dilation, 2)
    y = integers(rng, forward.shape)
    lost = [
        (n + 2 * p - d * (k - 1) - 1) % s
        for n, p, d, k, s in zip(x.shape[2:], padding, dilation, kernel, stride, strict=True)
    ]
    back = function(F, "conv_transpose", rank)(y, w, None, stride, padding, lost, 2, dilation)
    assert back.shape == x.shape
    assert np.sum(forward * y, dtype=np.float64) == np.sum(x * back, dtype=np.float64)


@pytest.mark.fast
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (4, 2), (3, 1), (5, 3), (2, 3)])
def test_random_numbers_of_transposes(rng, kernel, stride, dtype):
    """Within the bound of a chain, whose length is at most that of all taps."""
    x = rng.standard_normal((2, 20, 9, 11)).astype(dtype)
    w = rng.standard_normal((20, 33, kernel, kernel)).astype(dtype)
    expected = reference.conv_transpose2d(x, w, None, stride, 1, dtype=np.float64)
    magnitudes = reference.conv_transpose2d(abs(x), abs(w), None, stride, 1, dtype=np.float64)
    first = None
    for _ in targets():
        result = F.conv_transpose2d(x, w, None, stride, 1)
        first = result if first is None else first
        assert same_bits(result, first)
    unit = np.finfo(dtype).eps / 2 * (2 if dtype == "float64" else 1)
    assert np.all(abs(first - expected) <= 20 * kernel**2 * 4 * unit * magnitudes)  # 4: Winograd's, at stride 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("size", "arguments"),
    [
        ((1, 1), {}),
        ((1, 3), {"stride": 2, "output_padding": 1}),
        ((1, 1), {"padding": (1, 0), "dilation": (2, 3)}),
        ((1, 1), {"stride": 5, "groups": 4}),
    ],
)
def test_a_single_input_meets_one_tap_for_each_output(rng, size, arguments, dtype):
    """No zeros around it are multiplied, as the work and infinite weights show."""
    x, b = integers(rng, (2, 12, *size), dtype), integers(rng, (20,), dtype)
    w = integers(rng, (12, 20 // arguments.get("groups", 1), 4, 3), dtype)
    expected = reference.conv_transpose2d(x, w, b, **arguments)
    for _ in targets():
        assert np.array_equal(F.conv_transpose2d(x, w, b, **arguments), expected)
    if size == (1, 1):
        assert not np.isnan(F.conv_transpose2d(abs(x) + 1, np.full_like(w, np.inf), **arguments)).any()
        taps = np.count_nonzero(reference.conv_transpose2d(abs(x) + 1, abs(w) + 1, **arguments)[0, 0])
        assert pyconv.explain(F.conv_transpose2d, x, w, **arguments).flops == 2 * 2 * 12 * w.shape[1] * taps


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("depth", "mode"), [(2, "zeros"), (7, "reflect"), (23, "constant")])
def test_weights_that_are_streamed_for_several_slices(rng, depth, mode, dtype):
    """4 MB of them: slices share a strip, and their sums wait together."""
    x = integers(rng, (2, 130, depth, 3, 5), dtype)
    w, b = integers(rng, (300, 130, 3, 3, 3), dtype), integers(rng, 300, dtype)
    arguments = {"padding": (1, 1, 1), "padding_mode": mode, "padding_value": 3.0}
    expected = reference.conv3d(x, w, b, **arguments)
    added = integers(rng, expected.shape, dtype)
    for _ in targets():
        if pyconv.isa() != "scalar":
            assert same_bits(F.conv3d(x, w, b, **arguments), expected)
    assert same_bits(F.conv3d(x, w, b, **arguments, residual=added), expected + added)
    assert same_bits(F.conv3d(last(x, 3), w, b, **arguments, layout="NHWC"), last(expected, 3))
    chosen = pyconv.explain(F.conv3d, x, w, b, **arguments)
    assert chosen.workspace_bytes_per_thread <= 512 << 10


@pytest.mark.parametrize("mode", ["zeros", "constant", "symmetric"])
@pytest.mark.parametrize(
    ("channels", "groups", "kernel"),
    [
        (8, 8, (2, 1)),
        (8, 8, (3, 3)),
        (8, 8, (1, 9)),
        (6, 1, (3, 3)),
        (33, 1, (1, 1)),
        (2, 2, (31, 31)),
        (70, 1, (3, 3)),
    ],
)
def test_one_slice_that_lies_in_the_padding(rng, channels, groups, kernel, mode):
    """A step of 3 meets the slice before the image's only one, and none besides: in every algorithm and layout."""
    x = integers(rng, (2, channels, 1, 40, 21))
    w, b = integers(rng, (channels, channels // groups, 1, *kernel)), integers(rng, channels)
    sides = tuple((k // 2, k // 2) for k in kernel)
    for dtype in (np.float32, np.float16):
        arguments = {
            "stride": (3, 1, 1), "padding": ((1, 0), *sides), "groups": groups, "padding_mode": mode,
            "padding_value": 2.0,
        }  # fmt: skip
        expected = reference.conv3d(x, w, b, **arguments)
        assert expected.shape[2] == 1
        given = [a.astype(dtype) for a in (x, w, b)]
        for _ in targets():
            assert same_bits(F.conv3d(*given, **arguments), expected.astype(dtype))
            result = F.conv3d(last(given[0], 3), *given[1:], **arguments, layout="NHWC")
            assert same_bits(result, last(expected, 3).astype(dtype))


def test_phases_are_ordinary_convolutions():
    """Of stride 2, 4x4 is four of 2x2, in channel lanes; of stride 1 the kernel is turned around."""
    x, w = np.ones((1, 32, 8, 8), np.float32), np.ones((32, 32, 4, 4), np.float32)
    chosen = pyconv.explain(F.conv_transpose2d, x, w, stride=2, padding=1)
    assert chosen.algorithm == "channel_lanes"
    assert "4 phases" in chosen.tile
    assert chosen.flops == 2 * 32 * 32 * 4 * 16 * 16
    assert "winograd" in chosen.refused
    assert pyconv.explain(F.conv_transpose2d, x, w[..., :3, :3], padding=1, precision="fast").algorithm == "winograd"


@pytest.mark.fast
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular", "symmetric", "constant"])
@pytest.mark.parametrize(("channels", "kernel"), [((16, 16), 3), ((1, 1), 3), ((1, 1), 31), ((64, 64), 1)])
def test_no_border_is_copied(mode, channels, kernel):
    """Planning a border needs no more than a thread may have, far less than the image; no array is made beside it."""
    image = np.broadcast_to(np.float32(0), (1, channels[0], 2000, 3000))
    weight = np.zeros((channels[1], channels[0], kernel, kernel), np.float32)
    arguments = {"padding": kernel // 2 + 1, "padding_mode": mode, "padding_value": 2.0}
    with pyconv.threads(1):
        chosen = pyconv.explain(F.conv2d, image, weight, **arguments)
    assert chosen.workspace_bytes <= 1 << 20


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize(("n", "k", "s", "d"), list(itertools.product((7, 8), (2, 3, 6), (1, 2, 3), (1, 2))))
def test_named_paddings(rng, rank, n, k, s, d):
    """Sizes by ONNX's formulas, and the same numbers as with the padding given for each side."""
    x, w = integers(rng, (2, *(n,) * rank)), integers(rng, (3, 2, *(k,) * rank))
    call, reach = function(F, "conv", rank), d * (k - 1)
    total = max((-(-n // s) - 1) * s + reach + 1 - n, 0)
    for name, sides in (
        ("same_upper", (total // 2, total - total // 2)),
        ("same_lower", (total - total // 2, total // 2)),
        ("causal", (reach, 0)),
    ):
        result = call(x, w, stride=s, dilation=d, padding=name)
        assert result.shape == (3, *(-(-n // s),) * rank)
        assert same_bits(result, call(x, w, stride=s, dilation=d, padding=(sides,) * rank))
    if s == 1:  # torch's, with the extra of an even kernel on the right
        assert same_bits(
            call(x, w, dilation=d, padding="same"),
            call(x, w, dilation=d, padding=((reach // 2, reach - reach // 2),) * rank),
        )


def test_scipys_and_torchs_names_agree(rng):
    x, w = integers(rng, (1, 2, 9, 10)), integers(rng, (2, 2, 3, 3))
    for ours, scipys in (("reflect", "mirror"), ("circular", "wrap")):
        a, b = (F.conv2d(x, w, padding=4, padding_mode=mode) for mode in (ours, scipys))
        assert same_bits(a, b)
        with pytest.raises(ValueError, match=f"padding 11 is too large .* '{ours}'"):
            F.conv2d(x, w, padding=11, padding_mode=ours)
        assert F.conv2d(x, w, padding=11, padding_mode=scipys).shape == (1, 2, 29, 30)


def test_causal_sees_no_future(rng):
    x, w = integers(rng, (1, 3, 20)), integers(rng, (4, 3, 5))
    before = F.conv1d(x, w, padding="causal", dilation=2)
    x[..., 12:] += 1
    after = F.conv1d(x, w, padding="causal", dilation=2)
    assert np.array_equal(before[..., :12], after[..., :12])
    assert not np.array_equal(before[..., 12:], after[..., 12:])


def test_infinities_and_nan_survive(rng):
    """Zero weights are not skipped, padding is data, and a transposed tap that meets an infinity says so."""
    x = np.zeros((1, 2, 6), np.float32)
    x[0, 0, 3] = np.inf
    assert np.isnan(F.conv1d(x, np.zeros((1, 2, 3), np.float32), padding=1)[0, 0, 2:5]).all()
    assert np.isnan(F.conv_transpose1d(x, np.zeros((2, 1, 3), np.float32), stride=2)[0, 0, 6:9]).all()
    weight = np.full((1, 2, 3), np.inf, np.float32)
    assert np.isnan(F.conv1d(np.ones((1, 2, 6), np.float32), weight, padding=1)[0, 0, [0, -1]]).all()


def test_a_result_that_no_tap_meets_can_be_explained():
    x, w = np.ones((1, 2, 1), np.float32), np.ones((2, 3, 2), np.float32)
    arguments = {"stride": 4, "dilation": 3, "padding": 2, "output_padding": 1}
    assert np.array_equal(F.conv_transpose1d(x, w, np.arange(3.0, dtype="f"), **arguments)[0, :, 0], [0, 1, 2])
    assert "no taps" in pyconv.explain(F.conv_transpose1d, x, w, **arguments).tile


@pytest.mark.parametrize("rank", RANKS)
def test_empty_batches(rank):
    x = np.zeros((0, 4, *(5,) * rank), np.float32)
    assert function(F, "conv", rank)(x, np.zeros((6, 4, *(3,) * rank), np.float32)).shape == (0, 6, *(3,) * rank)
    for module in (F, reference):
        up = function(module, "conv_transpose", rank)(x, np.zeros((4, 6, *(3,) * rank), np.float32), stride=2)
        assert up.shape == (0, 6, *(11,) * rank)


def f32(*shape):
    return np.ones(shape, np.float32)


PICTURE, DOT, UP = f32(2, 3, 3), f32(1, 2, 1, 1), f32(2, 1, 2, 2)


@pytest.mark.parametrize(
    ("error", "call", "message"),
    [
        (
            ValueError,
            lambda: F.conv1d(f32(1, 2, 3, 4), f32(1, 2, 3)),
            r"conv1d: input .*\(C, L\) or \(N, C, L\), not \(1, 2, 3, 4\)",
        ),
        (
            ValueError,
            lambda: F.conv3d(f32(1, 2, 3, 4), f32(1, 2, 3)),
            r"conv3d: weight .*kd, kh, kw\), not \(1, 2, 3\)",
        ),
        (ValueError, lambda: F.conv3d(f32(2, 3, 4), f32(1, 2, 3, 3, 3)), r"conv3d: input .*\(C, D, H, W\)"),
        (
            ValueError,
            lambda: F.conv1d(f32(2, 3), f32(1, 3, 1)),
            r"input has 2 channels but weight expects 3 .*\(2, 3\).*\(1, 3, 1\)",
        ),
        (
            ValueError,
            lambda: F.conv1d(f32(2, 3), f32(1, 2, 5)),
            r"kernel \(5,\) .* larger than the padded input \(3,\)",
        ),
        (ValueError, lambda: F.conv1d(f32(2, 3), f32(1, 2, 1), stride=(1, 2)), "stride must be one integer, not 2"),
        (
            ValueError,
            lambda: F.conv3d(f32(2, 3, 3, 3), f32(1, 2, 1, 1, 1), stride=(1, 2)),
            "stride must be one integer or three, not 2",
        ),
        (ValueError, lambda: F.conv2d(PICTURE, DOT, padding=((1, 2), 1)), "padding must have a pair"),
        (ValueError, lambda: F.conv2d(PICTURE, DOT, padding=((1, 2), (1, -1))), "padding must not be negative"),
        (TypeError, lambda: F.conv2d(PICTURE, DOT, padding=((1, 2), (1, 0.5))), "padding must be an integer"),
        (ValueError, lambda: F.conv2d(PICTURE, DOT, padding="full"), "padding must be 'same', 'valid'"),
        (ValueError, lambda: F.conv1d(f32(2, 3), f32(1, 2, 1), layout="NCDHW"), "layout must be .*'NCL' or 'NLC'"),
        (
            TypeError,
            lambda: F.conv1d(f32(2, 3), f32(1, 2, 1).astype("float64")),
            "weight is float64 but input is float32",
        ),
        (TypeError, lambda: F.conv1d(f32(2, 3).astype(complex), f32(1, 2, 1)), "complex128"),
        (TypeError, lambda: F.conv_transpose1d(f32(2, 3).astype(object), f32(2, 1, 1)), "object"),
        (ValueError, lambda: F.conv1d(f32(2, 0), f32(1, 2, 1), padding=1), r"\(2, 0\) has an empty axis"),
        (ValueError, lambda: F.conv1d(f32(2, 3), f32(0, 2, 1)), r"weight of shape \(0, 2, 1\) has an empty axis"),
        (ValueError, lambda: F.conv1d(f32(0, 3), f32(1, 0, 1)), r"weight of shape \(1, 0, 1\) has an empty axis"),
        (
            ValueError,
            lambda: F.conv_transpose2d(PICTURE, UP, output_padding=1),
            "output_padding 1 must be smaller than stride 1 or dilation 1",
        ),
        (ValueError, lambda: F.conv_transpose2d(PICTURE, UP, output_padding=-1), "output_padding must not be negative"),
        (ValueError, lambda: F.conv_transpose2d(PICTURE, UP, padding="same"), "padding must be integers"),
        (ValueError, lambda: F.conv_transpose2d(PICTURE, UP, padding=2), "padding leaves nothing of the result"),
        (
            ValueError,
            lambda: F.conv_transpose2d(f32(2, 3, 3), f32(3, 1, 2, 2)),
            "input has 2 channels but weight expects 3",
        ),
        (
            ValueError,
            lambda: F.conv_transpose2d(f32(3, 3, 3), f32(3, 1, 2, 2), groups=2),
            "3 channels of weight .* groups=2",
        ),
        (ValueError, lambda: F.conv_transpose2d(f32(2, 3, 3), f32(2, 3, 2, 2), f32(2)), r"bias must have shape \(3,\)"),
        (ValueError, lambda: F.conv_transpose2d(f32(2, 3, 3), f32(2, 3, 2, 2), out=f32(3, 4, 5)), "out has shape"),
    ],
)
def test_mistakes_are_named(error, call, message):
    with pytest.raises(error, match=message):
        call()


def test_dilation_permits_output_padding():
    """Smaller than the stride or the dilation: torch has 1 at stride 1 and dilation 2."""
    assert F.conv_transpose1d(f32(1, 3), f32(1, 1, 2), output_padding=1, dilation=2).shape == (1, 6)


# ---- layers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("transposed", [False, True])
def test_layers_are_the_functions(rng, rank, transposed):
    options = {"stride": 2, "padding": ((1, 0),) * rank, "dilation": 2, "groups": 2}
    name = "ConvTranspose" if transposed else "Conv"
    layer = function(nn, name, rank)(4, 6, 3, **options)
    x = rng.standard_normal((2, 4, *(7,) * rank)).astype(np.float32)
    expected = function(F, "conv_transpose" if transposed else "conv", rank)(x, layer.weight, layer.bias, **options)
    assert same_bits(layer(x), expected)
    assert same_bits(layer.eval()(x), expected)
    assert same_bits(layer(x), expected)
    layer.weight *= 2
    layer.bias *= 2
    assert same_bits(layer(x), 2 * expected)
    assert pyconv.explain(layer, x).flops > 0
    bound = 1 / np.sqrt((3 if transposed else 2) * 3**rank)
    assert abs(layer.weight / 2).max() <= bound
    assert layer.weight.shape == ((4, 3) if transposed else (6, 2)) + (3,) * rank


@pytest.mark.parametrize("rank", RANKS)
def test_the_size_of_a_transposed_result(rng, rank):
    """Each size that a convolution maps to one may be asked for, and no other."""
    layer, x = function(nn, "ConvTranspose", rank)(2, 3, 3, stride=3, padding=1), f32(1, 2, *(4,) * rank)
    for mode in (True, False):
        layer.train(mode)
        for n in (10, 11, 12):
            assert layer(x, output_size=(n,) * rank).shape == (1, 3, *(n,) * rank)
            assert layer(x, output_size=(1, 3, *(n,) * rank)).shape == (1, 3, *(n,) * rank)
        assert same_bits(layer(x, (10,) * rank), layer(x))
        for n in (9, 13):
            with pytest.raises(ValueError, match=r"output_size .* out of range .* gives 10 to 12"):
                layer(x, output_size=(n,) * rank)
    with pytest.raises(ValueError, match="output_size must have"):
        layer(x, output_size=(10,) * (rank + 3))


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("name", ["Conv", "ConvTranspose"])
def test_lazy_layers(rank, name):
    kind = function(nn, name, rank)
    layer = function(nn, f"Lazy{name}", rank)(6, 3, groups=2, bias=False, layout="NHWC").eval()
    assert repr(layer).startswith(f"Lazy{name}{rank}d(0, 6, kernel_size=")
    assert not list(layer.parameters())
    with pytest.raises(ValueError, match=r"divisible by groups, got 3 and 2"):
        layer(f32(1, *(5,) * rank, 3))
    with pytest.raises(ValueError, match=rf"input must have {rank + 1} or {rank + 2} axes"):
        layer(f32(3))
    assert layer(f32(1, *(5,) * rank, 4)).shape[-1] == 6
    assert type(layer) is kind
    assert layer.in_channels == 4
    assert repr(layer) == repr(kind(4, 6, 3, groups=2, bias=False, layout="NHWC"))


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("name", ["Conv", "ConvTranspose"])
def test_lazy_layers_load(rng, rank, name):
    """Arrays say how many channels there are, by themselves and in a network."""
    from_layer = function(nn, name, rank)(4, 6, 3, groups=2)
    lazy = function(nn, f"Lazy{name}", rank)
    net = nn.Sequential(lazy(6, 3, groups=2), nn.ReLU())
    net.load_state_dict({f"0.{key}": a for key, a in from_layer.state_dict().items()})
    layer = lazy(6, 3, groups=2)
    layer.load_state_dict(from_layer.state_dict())
    x = integers(rng, (1, 4, *(5,) * rank))
    assert repr(net[0]) == repr(layer) == repr(from_layer)
    assert same_bits(layer(x), from_layer(x))
    assert same_bits(net(x), np.maximum(from_layer(x), 0))


def test_constructors_refuse():
    for call, message in (
        (lambda: nn.ConvTranspose2d(2, 3, 3, padding_mode="reflect"), "padding_mode must be 'zeros'"),
        (lambda: nn.Conv1d(2, 3, (3, 3)), "kernel_size must be an int or a sequence of one"),
        (lambda: nn.Conv3d(2, 3, 3, padding=((1, 1), (1, 1))), "padding must have a pair .* 3 axes"),
        (lambda: nn.Conv1d(2, 3, 3, layout="NCDHW"), "layout must be one of"),
        (lambda: nn.Conv1d(3, 4, 3, groups=2), "in_channels must be divisible by groups, got 3 and 2"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="padding must be integers"):
        nn.ConvTranspose2d(2, 3, 3, padding="same")


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("name", ["Conv", "ConvTranspose", "LazyConv", "LazyConvTranspose"])
def test_torchs_layers(rng, rank, name):
    """The same printed form, parameters and numbers."""
    torch = pytest.importorskip("torch")
    for options in (
        {},
        {"stride": 2, "padding": 1, "bias": False},
        {"dilation": 2, "groups": 2, "stride": 3},
        {"output_padding": 1, "stride": 2} if "Transpose" in name else {"padding_mode": "reflect", "padding": 1},
    ):
        arguments = (6, 3) if "Lazy" in name else (4, 6, 3)
        ours, theirs = (function(m, name, rank)(*arguments, **options) for m in (nn, torch.nn))
        assert repr(ours) == repr(theirs)
        x = integers(rng, (2, 4, *(6,) * rank))
        if "Lazy" in name:
            theirs(torch.from_numpy(x))
            ours(x)
            assert repr(ours) == repr(theirs)
        theirs.load_state_dict({n: torch.from_numpy(np.round(8 * a)) for n, a in ours.state_dict().items()})
        ours.load_state_dict({n: a.numpy() for n, a in theirs.state_dict().items()})
        assert np.array_equal(ours(x), theirs(torch.from_numpy(x)).detach().numpy())


@settings(quick, max_examples=60)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_torchs_functions(data, seed):
    torch = pytest.importorskip("torch")
    draw, rng = data.draw, np.random.default_rng(seed)
    rank, groups, transposed = draw(st.sampled_from(RANKS)), draw(st.sampled_from([1, 2])), draw(st.booleans())
    size, kernel = extents(draw, rank, 1, 8), extents(draw, rank, 1, 4)
    stride, dilation, padding = extents(draw, rank, 1, 3), extents(draw, rank, 1, 2), extents(draw, rank, 0, 2)
    a, b = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    x = integers(rng, (2, groups * a, *size), "float64")
    w = integers(rng, ((groups * a, b) if transposed else (groups * b, a)) + kernel, "float64")
    arguments = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    name = "conv_transpose" if transposed else "conv"
    if transposed:
        arguments["output_padding"] = tuple(draw(st.integers(0, s - 1)) for s in stride)
    try:
        theirs = function(torch.nn.functional, name, rank)(*map(torch.from_numpy, (x, w)), **arguments).numpy()
    except RuntimeError:
        with pytest.raises(ValueError, match=r"larger than the padded|leaves nothing"):
            function(F, name, rank)(x, w, **arguments)
        return
    assume(theirs.size)
    assert same_bits(function(F, name, rank)(x, w, **arguments) + 0, theirs + 0)
