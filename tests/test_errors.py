"""What is refused, with which error, and that the text says which argument and which shapes."""

from __future__ import annotations

import re

import numpy as np
import pytest
from problems import accepting, explain_conv2d

import pyconv
import pyconv.nn.functional as F
from pyconv import _native

X, W, B = np.zeros((2, 4, 5, 6), np.float32), np.zeros((6, 4, 3, 3), np.float32), np.zeros(6, np.float32)
OUT = (2, 6, 3, 4)


def read_only(shape):
    array = np.zeros(shape, np.float32)
    array.flags.writeable = False
    return array


CONV_ERRORS = {
    "input of rank 2": (ValueError, r"input.*\(5, 6\)", lambda: F.conv2d(X[0, 0], W)),
    "input of rank 5": (ValueError, r"input.*\(1, 2, 4, 5, 6\)", lambda: F.conv2d(X[None], W)),
    "weight of rank 3": (ValueError, r"weight.*\(4, 3, 3\)", lambda: F.conv2d(X, W[0])),
    "bias of rank 2": (ValueError, r"bias.*\(1, 6\)", lambda: F.conv2d(X, W, B[None])),
    "bias too short": (ValueError, r"bias.*\(5,\)", lambda: F.conv2d(X, W, B[:5])),
    "channels": (ValueError, r"(?s)(?=.*\(2, 3, 5, 6\))(?=.*\(6, 4, 3, 3\))", lambda: F.conv2d(X[:, :3], W)),
    "channels last": (
        ValueError,
        r"(?s)(?=.*\(2, 4, 5, 6\))(?=.*\(6, 4, 3, 3\))",
        lambda: F.conv2d(X, W, layout="NHWC"),
    ),
    "groups do not divide": (ValueError, "groups", lambda: F.conv2d(X, W, groups=3)),
    "groups do not divide outputs": (ValueError, "groups", lambda: F.conv2d(X, W[:5, :2], groups=2)),
    "groups 0": (ValueError, "groups", lambda: F.conv2d(X, W, groups=0)),
    "groups negative": (ValueError, "groups", lambda: F.conv2d(X, W, groups=-1)),
    "groups a float": (TypeError, "groups", lambda: F.conv2d(X, W, groups=1.0)),
    "stride 0": (ValueError, "stride", lambda: F.conv2d(X, W, stride=0)),
    "stride negative": (ValueError, "stride", lambda: F.conv2d(X, W, stride=(1, -1))),
    "stride of three": (ValueError, "stride", lambda: F.conv2d(X, W, stride=(1, 1, 1))),
    "stride of none": (ValueError, "stride", lambda: F.conv2d(X, W, stride=())),
    "stride a float": (TypeError, "stride", lambda: F.conv2d(X, W, stride=1.5)),
    "stride a string": (TypeError, "stride", lambda: F.conv2d(X, W, stride="2")),
    "stride beyond 64 bits": ((ValueError, OverflowError), "stride", lambda: F.conv2d(X, W, stride=2**70)),
    "dilation 0": (ValueError, "dilation", lambda: F.conv2d(X, W, dilation=0)),
    "dilation a string": (TypeError, "dilation", lambda: F.conv2d(X, W, dilation="1")),
    "padding negative": (ValueError, "padding", lambda: F.conv2d(X, W, padding=-1)),
    "padding of three": (ValueError, "padding", lambda: F.conv2d(X, W, padding=(1, 1, 1))),
    "padding unknown": (ValueError, "padding.*full", lambda: F.conv2d(X, W, padding="full")),
    "padding a float": (TypeError, "padding", lambda: F.conv2d(X, W, padding=0.5)),
    "same with stride": (ValueError, "same.*stride|stride.*same", lambda: F.conv2d(X, W, padding="same", stride=2)),
    "layout unknown": (ValueError, "layout.*CHWN", lambda: F.conv2d(X, W, layout="CHWN")),
    "precision unknown": (ValueError, "precision.*exact", lambda: F.conv2d(X, W, precision="exact")),
    "precision a number": (TypeError, "precision.*int", lambda: F.conv2d(X, W, precision=1)),
    "kernel too large": (ValueError, r"kernel.*3.*\(5, 6\)", lambda: F.conv2d(X, W, dilation=3)),
    "no rows": (ValueError, r"\(2, 4, 0, 6\)", lambda: F.conv2d(X[:, :, :0], W, padding=2)),
    "no outputs": (ValueError, r"\(0, 4, 3, 3\)", lambda: F.conv2d(X, W[:0])),
    "no channels": (ValueError, r"\(2, 0, 5, 6\)|\(6, 0, 3, 3\)", lambda: F.conv2d(X[:, :0], W[:, :0])),
    "kernel 0": (ValueError, r"\(6, 4, 0, 3\)", lambda: F.conv2d(X, W[:, :, :0])),
    "weight of another type": (TypeError, "float64.*float32", lambda: F.conv2d(X, W.astype(np.float64))),
    "bias of another type": (TypeError, "bias.*float64|float64.*bias", lambda: F.conv2d(X, W, B.astype(np.float64))),
    "integers": (TypeError, "int64", lambda: F.conv2d(X.astype(np.int64), W.astype(np.int64))),
    "signed bytes": (TypeError, "int8", lambda: F.conv2d(X.astype(np.int8), W)),
    "weights of longer integers": (TypeError, "weight.*uint16", lambda: F.conv2d(X.astype("u1"), W.astype("u2"))),
    "booleans": (TypeError, "bool", lambda: F.conv2d(X.astype(bool), W)),
    "half": (TypeError, "float16", lambda: F.conv2d(X.astype(np.float16), W)),
    "complex": (TypeError, "complex64", lambda: F.conv2d(X.astype(np.complex64), W)),
    "objects": (TypeError, "object", lambda: F.conv2d(X.astype(object), W)),
    "a list": (TypeError, "input", lambda: F.conv2d(X.tolist(), W)),
    "no input": (TypeError, "input", lambda: F.conv2d(None, W)),
    "a weight that is a list": (TypeError, "weight", lambda: F.conv2d(X, W.tolist())),
    "a bias that is a number": (TypeError, "bias", lambda: F.conv2d(X, W, 1.0)),
    "out of the wrong shape": (
        ValueError,
        r"(?s)(?=.*out)(?=.*\(2, 6, 3, 3\))",
        lambda: F.conv2d(X, W, out=np.zeros((2, 6, 3, 3), np.float32)),
    ),
    "out of the wrong rank": (ValueError, "out", lambda: F.conv2d(X, W, out=np.zeros(OUT[1:], np.float32))),
    "out of the wrong type": (TypeError, "out.*float64", lambda: F.conv2d(X, W, out=np.zeros(OUT))),
    "out read-only": (ValueError, "out.*(read-only|writ)", lambda: F.conv2d(X, W, out=read_only(OUT))),
    "out a list": (TypeError, "out", lambda: F.conv2d(X, W, out=[])),
}


@pytest.mark.parametrize("name", CONV_ERRORS)
def test_conv2d(name):
    error, text, call = CONV_ERRORS[name]
    with pytest.raises(error, match=text):
        call()


def test_out_must_not_overlap():
    memory = np.zeros(2000, np.float32)
    x, w = memory[:240].reshape(2, 4, 5, 6), memory[240 : 240 + 216].reshape(6, 4, 3, 3)
    bias = memory[460:466]
    for start in (0, 100, 239, 250, 400, 461):
        out = memory[start : start + 144].reshape(OUT)
        with pytest.raises(ValueError, match=r"out.*(overlap|shares memory)"):
            F.conv2d(x, w, bias, out=out)
    same = np.zeros((1, 1, 4, 4), np.float32)
    with pytest.raises(ValueError, match=r"overlap|shares memory"):
        F.conv2d(same, np.ones((1, 1, 1, 1), np.float32), out=same)
    with pytest.raises(ValueError, match=r"overlap|shares memory"):
        F.max_pool2d(same, 1, out=same)
    with pytest.raises(ValueError, match=r"overlap|shares memory"):
        F.avg_pool2d(same, 1, out=same)


def test_out_must_not_repeat_elements():
    out = np.lib.stride_tricks.as_strided(np.zeros(12, np.float32), OUT, (0, 0, 16, 4))
    with pytest.raises(ValueError, match=r"out"):
        F.conv2d(X, W, out=out)


@pytest.mark.parametrize("power", [20, 28, 30, 31, 32, 40, 59, 60, 61, 62])
def test_sizes_beyond_memory(power):
    for call in (
        lambda: F.conv2d(X, W, padding=2**power),
        lambda: F.conv2d(X, W, dilation=2**power),
        lambda: F.max_pool2d(X, 2**power),
        lambda: F.avg_pool2d(X, 2**power),
        lambda: F.adaptive_avg_pool2d(X, (2**power, 2**power)),
    ):
        with pytest.raises((ValueError, MemoryError)):
            call()


def test_views_beyond_memory():
    view = np.broadcast_to(np.zeros((), np.float32), (1, 64, 1 << 20, 1 << 20))  # one element; 256 TiB once copied
    for call in (
        lambda: F.conv2d(view, np.zeros((1, 64, 1, 1), np.float32)),
        lambda: F.max_pool2d(view, 2),
        lambda: F.avg_pool2d(view, 2),
        lambda: F.adaptive_avg_pool2d(view, 1),
        lambda: F.relu(view),
        lambda: F.softmax(view, dim=3),
        lambda: F.linear(view, np.zeros((1, 1 << 20), np.float32)),
    ):
        with pytest.raises(MemoryError, match="256"):
            call()
    assert pyconv.explain(F.conv2d, view, np.zeros((1, 64, 1, 1), np.float32)).algorithm  # which copies nothing
    assert pyconv.explain(F.max_pool2d, view, 2).algorithm
    assert pyconv.explain(F.adaptive_avg_pool2d, view, 1).algorithm


@pytest.mark.parametrize(
    ("mode", "padding"), [("reflect", 5), ("reflect", (0, 6)), ("circular", 6), ("circular", (0, 7))]
)
def test_padding_beyond_what_the_mode_allows(mode, padding):
    with pytest.raises(ValueError, match=rf"(?s)(?=.*padding)(?=.*{mode})"):
        _native.conv(2, X, W, padding=padding, padding_mode=mode)


def test_unknown_padding_mode_and_algorithm():
    with pytest.raises(ValueError, match=r"padding_mode.*edge"):
        _native.conv(2, X, W, padding_mode="edge")
    with pytest.raises(ValueError, match="nonesuch"):
        _native.conv(2, X, W, algorithm="nonesuch")


def test_an_algorithm_says_why_it_refuses():
    depthwise = np.zeros((4, 1, 3, 3), np.float32)
    for arguments in ({"weight": W}, {"weight": depthwise, "groups": 4}):
        able = accepting(X, **arguments)
        for name, reason in explain_conv2d(X, **arguments)["refused"].items():
            assert reason
            if name not in able:
                with pytest.raises(ValueError, match=f"{name}.*refuses.*{re.escape(reason)}"):
                    _native.conv(2, X, **arguments, algorithm=name)


@pytest.mark.parametrize(
    ("error", "text", "call"),
    [
        (ValueError, r"input.*\(5, 6\)", lambda: F.max_pool2d(X[0, 0], 2)),
        (ValueError, r"kernel_size|window", lambda: F.max_pool2d(X, 0)),
        (ValueError, r"kernel_size", lambda: F.max_pool2d(X, (2, 2, 2))),
        (TypeError, r"kernel_size", lambda: F.max_pool2d(X, 2.0)),
        (TypeError, r"kernel_size", lambda: F.max_pool2d(X, None)),
        (ValueError, "stride", lambda: F.max_pool2d(X, 2, 0)),
        (TypeError, "stride", lambda: F.max_pool2d(X, 2, "2")),
        (ValueError, "dilation", lambda: F.max_pool2d(X, 2, dilation=0)),
        (ValueError, "padding", lambda: F.max_pool2d(X, 2, padding=-1)),
        (ValueError, "padding", lambda: F.max_pool2d(X, 2, padding=2)),
        (TypeError, "padding", lambda: F.max_pool2d(X, 2, padding="same")),
        (ValueError, r"\(2, 4, 5, 6\)", lambda: F.max_pool2d(X, 7)),
        (ValueError, r"\(2, 4, 0, 6\)", lambda: F.max_pool2d(X[:, :, :0], 1)),
        (ValueError, r"\(2, 0, 5, 6\)", lambda: F.max_pool2d(X[:, :0], 2)),
        (ValueError, "layout", lambda: F.max_pool2d(X, 2, layout="HWCN")),
        (TypeError, "bool", lambda: F.max_pool2d(X.astype(bool), 2)),
        (TypeError, "complex64", lambda: F.max_pool2d(X.astype(np.complex64), 2)),
        (TypeError, "object", lambda: F.max_pool2d(X.astype(object), 2)),
        (TypeError, "input", lambda: F.max_pool2d(X.tolist(), 2)),
        (ValueError, "out", lambda: F.max_pool2d(X, 2, out=np.zeros((2, 4, 2, 2), np.float32))),
        (TypeError, "out", lambda: F.max_pool2d(X, 2, out=np.zeros((2, 4, 2, 3)))),
    ],
)
def test_max_pool2d(error, text, call):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize(
    ("error", "text", "call"),
    [
        (ValueError, r"avg_pool2d: input.*\(5, 6\)", lambda: F.avg_pool2d(X[0, 0], 2)),
        (ValueError, r"avg_pool2d: kernel_size", lambda: F.avg_pool2d(X, (2, 0))),
        (TypeError, r"kernel_size.*float", lambda: F.avg_pool2d(X, 2.0)),
        (ValueError, r"stride", lambda: F.avg_pool2d(X, 2, 0)),
        (ValueError, r"padding.*negative", lambda: F.avg_pool2d(X, 2, padding=-1)),
        (ValueError, r"padding must be at most half the kernel_size", lambda: F.avg_pool2d(X, 3, padding=2)),
        (ValueError, r"window 7 x 7.*\(2, 4, 5, 6\)", lambda: F.avg_pool2d(X, 7)),
        (ValueError, r"\(2, 4, 0, 6\)", lambda: F.avg_pool2d(X[:, :, :0], 1)),
        (ValueError, r"divisor_override.*0", lambda: F.avg_pool2d(X, 2, divisor_override=0)),
        (TypeError, r"divisor_override.*float", lambda: F.avg_pool2d(X, 2, divisor_override=2.5)),
        (ValueError, r"layout.*HWCN", lambda: F.avg_pool2d(X, 2, layout="HWCN")),
        (TypeError, r"int64", lambda: F.avg_pool2d(X.astype(np.int64), 2)),
        (TypeError, r"input", lambda: F.avg_pool2d(X.tolist(), 2)),
        (ValueError, r"out", lambda: F.avg_pool2d(X, 2, out=np.zeros((2, 4, 2, 2), np.float32))),
        (TypeError, r"out", lambda: F.avg_pool2d(X, 2, out=np.zeros((2, 4, 2, 3)))),
        (ValueError, r"adaptive_avg_pool2d: input.*\(5, 6\)", lambda: F.adaptive_avg_pool2d(X[0, 0], 2)),
        (ValueError, r"output_size.*negative", lambda: F.adaptive_avg_pool2d(X, (3, -1))),
        (ValueError, r"output_size.*not 1", lambda: F.adaptive_avg_pool2d(X, (3,))),
        (ValueError, r"output_size.*not 3", lambda: F.adaptive_avg_pool2d(X, (3, 3, 3))),
        (TypeError, r"output_size.*None", lambda: F.adaptive_avg_pool2d(X, None)),
        (TypeError, r"output_size.*float", lambda: F.adaptive_avg_pool2d(X, (2, 1.5))),
        (TypeError, r"output_size.*str", lambda: F.adaptive_avg_pool2d(X, "33")),
        (ValueError, r"\(2, 4, 5, 0\)", lambda: F.adaptive_avg_pool2d(X[..., :0], 2)),
        (ValueError, r"layout.*CNHW", lambda: F.adaptive_avg_pool2d(X, 2, layout="CNHW")),
        (TypeError, r"int64", lambda: F.adaptive_avg_pool2d(X.astype(np.int64), 2)),
        (ValueError, r"out", lambda: F.adaptive_avg_pool2d(X, 3, out=np.zeros((2, 4, 2, 2), np.float32))),
    ],
)
def test_averages(error, text, call):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize(
    ("error", "text", "call"),
    [
        (ValueError, r"(?s)(?=.*\(3, 5\))(?=.*\(2, 4\))", lambda: F.linear(np.zeros((3, 5)), np.zeros((2, 4)))),
        (ValueError, r"weight.*\(2, 4, 1\)", lambda: F.linear(np.zeros((3, 4)), np.zeros((2, 4, 1)))),
        (ValueError, r"bias.*\(3,\)", lambda: F.linear(np.zeros((3, 4)), np.zeros((2, 4)), np.zeros(3))),
        (ValueError, "input", lambda: F.linear(np.array(1.0), np.zeros((2, 4)))),
        (TypeError, "float32", lambda: F.linear(np.zeros((3, 4)), np.zeros((2, 4), np.float32))),
        (TypeError, "int64", lambda: F.linear(np.zeros((3, 4), int), np.zeros((2, 4), int))),
        (TypeError, "bias", lambda: F.linear(np.zeros((3, 4)), np.zeros((2, 4)), np.zeros(2, np.float32))),
        (TypeError, "int64", lambda: F.relu(np.zeros(3, int))),
        (TypeError, "complex", lambda: F.relu(np.zeros(3, complex))),
        (TypeError, "input", lambda: F.relu([1.0])),
        (ValueError, "read-only|writ", lambda: F.relu(read_only(3), inplace=True)),
        (TypeError, "dim", lambda: F.softmax(np.zeros(3))),
        (ValueError, r"dim 1.*\(3,\)", lambda: F.softmax(np.zeros(3), 1)),
        (ValueError, r"dim -3.*\(3, 2\)", lambda: F.softmax(np.zeros((3, 2)), -3)),
        (TypeError, "int64", lambda: F.softmax(np.zeros(3, int), 0)),
        (TypeError, "int32", lambda: F.softmax(np.zeros(3), 0, dtype=np.int32)),
        (ValueError, r"start_dim 2.*end_dim 1.*\(2, 4, 5, 6\)", lambda: F.flatten(X, 2, 1)),
        (ValueError, r"end_dim 4.*\(2, 4, 5, 6\)", lambda: F.flatten(X, 0, 4)),
        (ValueError, r"start_dim -5", lambda: F.flatten(X, -5)),
    ],
)
def test_the_rest(error, text, call):
    with pytest.raises(error, match=text):
        call()


def test_errors_leave_nothing_behind():
    for _ in range(3):
        with pytest.raises(ValueError, match="stride"):
            F.conv2d(X, W, stride=0)
    assert F.conv2d(X, W, B).shape == OUT
