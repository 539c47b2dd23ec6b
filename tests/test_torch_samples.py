"""PyTorch's own samples of its operators, and of errors, as its test suite draws them: what it computes, we compute.

A row of `ROWS` names an operator in ``op_db`` and our function. Every sample in float32 and float64 has to give the
shape, the dtype and the values that torch gives, and leave its arguments as torch leaves them; so has the reference of
that name. Every sample of an error has to raise ValueError or TypeError.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import pyconv.nn.functional as F
from pyconv import reference

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="torch's samples import it")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

pytestmark = pytest.mark.filterwarnings("ignore")

DTYPES = (torch.float32, torch.float64)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Samples are small: torch's threads, spinning beside ours, would take most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def few(sample: Any) -> tuple[float, float]:
    """The bound on rounding of what adds few numbers of the size of its input."""
    return 16, largest(sample.input)


def sums(sample: Any) -> tuple[float, float]:
    """That of a sum of products of input and weight, each with a rounding, over all but the weight's first axis."""
    weight = sample.args[0]
    return weight[0].numel() + 2 if len(weight) else 2, largest(sample.input) * largest(weight)


def transposed_sums(sample: Any) -> tuple[float, float]:
    """The same where a weight's first axis are the channels of the input."""
    weight = sample.args[0]
    return weight[:, 0].numel() + 2, largest(sample.input) * largest(weight)


def largest(tensor: Any) -> float:
    """The largest magnitude among the finite elements."""
    finite = tensor[torch.isfinite(tensor)] if tensor.is_floating_point() else tensor
    return float(finite.abs().max()) if finite.numel() else 0.0


class Row(NamedTuple):
    """An operator: its name in torch's table, our function, and how much a result may differ.

    `bound` returns a number of roundings and the size of what is rounded. What `left_out` holds, a reason and a
    condition, is not asked of us; neither are the errors that `not_errors` describes by part of torch's message.
    """

    name: str
    ours: Callable[..., Any]
    bound: Callable[[Any], tuple[float, float]] = few
    left_out: dict[str, Callable[[Any], bool]] = {}  # noqa: RUF012 (a field of a tuple, written nowhere)
    not_errors: dict[str, str] = {}  # noqa: RUF012


ROWS = [
    Row("nn.functional.conv1d", F.conv1d, sums),
    Row("nn.functional.conv2d", F.conv2d, sums),
    Row("nn.functional.conv3d", F.conv3d, sums),
    Row("nn.functional.conv_transpose1d", F.conv_transpose1d, transposed_sums),
    Row("nn.functional.conv_transpose2d", F.conv_transpose2d, transposed_sums),
    Row("nn.functional.conv_transpose3d", F.conv_transpose3d, transposed_sums),
    Row("nn.functional.linear", F.linear, sums),
    Row("nn.functional.avg_pool1d", F.avg_pool1d),
    Row("nn.functional.avg_pool2d", F.avg_pool2d),
    Row("nn.functional.avg_pool3d", F.avg_pool3d),
    Row("nn.functional.max_pool1d", F.max_pool1d),
    Row("nn.functional.max_pool2d", F.max_pool2d),
    Row("nn.functional.max_pool3d", F.max_pool3d),
    Row("nn.functional.adaptive_avg_pool1d", F.adaptive_avg_pool1d),
    Row("nn.functional.adaptive_avg_pool2d", F.adaptive_avg_pool2d),
    Row("nn.functional.adaptive_avg_pool3d", F.adaptive_avg_pool3d),
    Row("nn.functional.adaptive_max_pool1d", F.adaptive_max_pool1d),
    Row("nn.functional.adaptive_max_pool2d", F.adaptive_max_pool2d),
    Row("nn.functional.adaptive_max_pool3d", F.adaptive_max_pool3d),
    Row("nn.functional.max_unpool1d", F.max_unpool1d),
    Row("nn.functional.max_unpool2d", F.max_unpool2d),
    Row("nn.functional.max_unpool3d", F.max_unpool3d),
    Row("flatten", F.flatten),
    Row("nn.functional.relu", F.relu),
    Row("nn.functional.batch_norm", F.batch_norm, left_out={"an axis of no channels": lambda s: s.input.ndim < 2}),
    Row("softmax", F.softmax),
    Row("log_softmax", F.log_softmax),
    Row("sigmoid", F.sigmoid),
    Row("tanh", F.tanh),
    Row("nn.functional.relu6", F.relu6),
    Row("nn.functional.hardtanh", F.hardtanh),
    Row("nn.functional.leaky_relu", F.leaky_relu),
    Row("nn.functional.elu", F.elu),
    Row("nn.functional.gelu", F.gelu),
    Row("nn.functional.silu", F.silu),
    Row("nn.functional.hardswish", F.hardswish),
    Row("nn.functional.layer_norm", F.layer_norm),
    Row("nn.functional.group_norm", F.group_norm),
    Row("nn.functional.local_response_norm", F.local_response_norm),
    Row("nn.functional.pad", F.pad),
    Row("nn.functional.unfold", F.unfold),
    Row("nn.functional.pixel_shuffle", F.pixel_shuffle),
    Row("nn.functional.pixel_unshuffle", F.pixel_unshuffle),
    Row("nn.functional.interpolate", F.interpolate),
    Row("nn.functional.cross_entropy", F.cross_entropy),
    Row("nn.functional.nll_loss", F.nll_loss),
    Row("nn.functional.mse_loss", F.mse_loss),
    Row("nn.functional.dropout", F.dropout, left_out={"random numbers": lambda s: 0 < s.kwargs.get("p", 0.5) < 1}),
]


def operators(row: Row) -> list[Any]:
    """The entries of torch's table with this name: one for each variant."""
    found = [op for op in op_db if op.name == row.name and "complex" not in op.variant_test_name]
    assert found, f"torch knows no {row.name}"
    return found


def ours_of(value: Any) -> Any:
    """An argument of torch's as one of ours; arrays are copies."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().numpy() if value.is_contiguous() else value.detach().numpy().copy("K")
    if isinstance(value, torch.dtype):
        return np.dtype(str(value).removeprefix("torch."))
    if isinstance(value, list | tuple):
        return type(value)(ours_of(item) for item in value)
    return value


def call(function: Callable[..., Any], sample: Any) -> tuple[Any, list[Any]]:
    """The result of our function, and the arrays that it was given, as it left them."""
    args = [ours_of(value) for value in (sample.input, *sample.args)]
    kwargs = {name: ours_of(value) for name, value in sample.kwargs.items()}
    return function(*args, **kwargs), [*args, *kwargs.values()]


def compare(ours: Any, theirs: Any, roundings: float, size: float) -> None:
    """Arrays, alone or in tuples: the same type and shape, and values within so many roundings of numbers so large."""
    if isinstance(theirs, tuple | list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            compare(a, b, roundings, size)
        return
    if not isinstance(theirs, torch.Tensor):
        return
    theirs = theirs.detach().numpy()
    assert isinstance(ours, np.ndarray | np.generic)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    if theirs.dtype.kind == "f":
        eps = float(np.finfo(theirs.dtype).eps)
        np.testing.assert_allclose(ours, theirs, rtol=16 * eps, atol=roundings * eps * size)
    else:
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_samples(row: Row, dtype: Any, seed: int) -> None:
    torch.manual_seed(seed)
    meaning = getattr(reference, row.ours.__name__, None)
    for op in operators(row):
        drawn = op.sample_inputs("cpu", dtype, requires_grad=False)
        samples = [s for s in drawn if not any(condition(s) for condition in row.left_out.values())]
        assert samples
        for i, sample in enumerate(samples):
            # The reference takes its time: about a hundred samples of it will do.
            asked = [row.ours, meaning] if meaning and i % (len(samples) // 100 + 1) == 0 else [row.ours]
            bound = row.bound(sample)
            results = [call(function, sample) for function in asked]
            theirs = op.op(sample.input, *sample.args, **sample.kwargs)
            given = [sample.input, *sample.args, *sample.kwargs.values()]
            for ours, left in results:
                compare(ours, theirs, *bound)
                compare(left, given, *bound)


def error_samples() -> list[Any]:
    found = []
    for row in ROWS:
        for op in operators(row):
            errors = op.error_inputs("cpu") if op.error_inputs_func is not None else ()
            for i, error in enumerate(errors):
                if not any(part in error.error_regex for part in row.not_errors.values()):
                    found.append(pytest.param(row, error, id=f"{op.formatted_name}-{i}"))
    return found


@pytest.mark.parametrize(("row", "error"), error_samples())
def test_errors(row: Row, error: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        call(row.ours, error.sample_input)
