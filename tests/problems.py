"""Convolution problems as lines of text: tests are written in them, and a failure prints the line that repeats it.

    python tests/problems.py x=2,3,9,8 w=4,3,3,3 stride=2,1 padding=same dtype=float64

runs one problem on every instruction set, number of threads and direct algorithm, and says what differs. `x` and `w`
are shapes in NCHW order; what is left out has the default of `conv2d`, with a bias and float32.
"""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import pyconv
from pyconv import _native, reference

Array = npt.NDArray[Any]
THREADS = (1, 2, 3)

# Algorithms that are not direct: they sum otherwise than the chain, and refuse every problem in strict mode.
TRANSFORMS = {"winograd", "fft", "fft_lines"}


class Problem(NamedTuple):
    """One convolution without its data."""

    x: tuple[int, ...]
    w: tuple[int, ...]
    bias: bool = True
    stride: tuple[int, ...] = (1,)
    padding: tuple[int, ...] | str = (0,)
    dilation: tuple[int, ...] = (1,)
    groups: int = 1
    padding_mode: str = "zeros"
    layout: str = "NCHW"
    dtype: str = "float32"

    def __str__(self) -> str:
        pairs = zip(self._fields, self, strict=True)
        return " ".join(f"{k}={_text(v)}" for k, v in pairs if k in "xw" or v != self._field_defaults[k])

    @classmethod
    def parse(cls, line: str) -> Problem:
        """Read a line as `str` writes it."""
        return cls(**{key: _value(key, text) for key, text in (word.split("=") for word in line.split())})

    @property
    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of `_native.conv2d` and of `reference.conv2d`."""
        names = ("stride", "padding", "dilation", "groups", "padding_mode", "layout")
        values = {name: getattr(self, name) for name in names}
        return {name: v[0] if isinstance(v, tuple) and len(v) == 1 else v for name, v in values.items()}

    @property
    def chain(self) -> int:
        """Multiply-adds for one output element."""
        return int(np.prod(self.w[1:]))

    def arrays(self, rng: np.random.Generator, exact: bool) -> tuple[Array, Array, Array | None]:
        """Draw input, weight and bias; small integers if `exact`, so that every sum is exact in float32."""

        def draw(shape: tuple[int, ...]) -> Array:
            values = rng.integers(-4, 5, shape) if exact else rng.standard_normal(shape)
            return values.astype(self.dtype)

        x = draw(self.x)
        if self.layout == "NHWC":
            x = np.ascontiguousarray(np.moveaxis(x, -3, -1))
        return x, draw(self.w), draw(self.w[:1]) if self.bias else None


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _value(key: str, text: str) -> Any:
    if key == "bias":
        return text == "True"
    if key == "groups":
        return int(text)
    if key in ("padding_mode", "layout", "dtype") or text in ("same", "valid"):
        return text
    return tuple(map(int, text.split(",")))


def explain_conv2d(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """Say how the extension would compute a call."""
    return _native.conv(2, *args, **kwargs, explains=True)


def accepting(*arrays: Array | None, **arguments: Any) -> list[str]:
    """Name the algorithms that accept a problem; every other one has to say why not."""
    names = []
    for name in pyconv.algorithms():
        try:
            explain_conv2d(*arrays, **arguments, algorithm=name)
            names.append(name)
        except ValueError as error:
            if "refuses" not in str(error):
                raise
    assert names, "no algorithm accepts this problem"
    return names


def targets() -> Iterator[tuple[str, int]]:
    """Set each instruction set with each number of threads in turn, and restore the defaults."""
    try:
        for isa, threads in itertools.product(pyconv.available_isas(), THREADS):
            pyconv.set_isa(isa)
            with pyconv.threads(threads):
                yield isa, threads
    finally:
        pyconv.set_isa(None)


def same_bits(a: Array, b: Array) -> bool:
    """Whether two arrays agree in shape, type and every bit."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def check_in_threads(call: Callable[[], Array]) -> None:
    """Make one call again and again in four threads at once; every result must be the first one's."""
    right, wrong = call(), []

    def work() -> None:
        for _ in range(50):
            result = call()
            if not same_bits(result, right):
                wrong.append(result)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong, f"{len(wrong)} results differ"


def check_values(problem: Problem, data: tuple[Array, ...], result: Array, exact: bool, note: str) -> None:
    """Compare with the float64 reference: exactly, or within the bound of a chain of fused multiply-adds.

    A chain of n operations errs by at most n units of 2**-24 (2**-53) times the sum of the magnitudes of its terms
    (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1).
    """
    expected = reference.conv2d(*data, **problem.arguments, dtype=np.float64)
    assert result.shape == expected.shape, f"shape {result.shape}, expected {expected.shape}; {note}"
    assert result.dtype == problem.dtype, f"dtype {result.dtype}; {note}"
    if exact:
        assert np.array_equal(result, expected), f"{np.sum(result != expected)} elements differ; {note}"
        return
    magnitudes = reference.conv2d(*(a if a is None else abs(a) for a in data), **problem.arguments, dtype=np.float64)
    unit = np.finfo(problem.dtype).eps / 2
    if problem.dtype == "float64":
        unit *= 2  # the reference has rounded as well
    bound = (problem.chain + 1) * unit * magnitudes
    worst = np.max(abs(result - expected) / np.maximum(bound, np.finfo(np.float64).tiny), initial=0)
    assert worst <= 1, f"error is {worst:.3g} times the bound; {note}"


def repro(problem: Problem, seed: int) -> str:
    """Return the command that repeats a check."""
    return f"repeat with: python tests/problems.py {problem} seed={seed}"


def check(problem: Problem, seed: int) -> None:
    """Check one problem with everything that must not matter."""
    for exact in (True, False):
        data = problem.arrays(np.random.default_rng(seed), exact)
        first: Array | None = None
        names = [None, *accepting(*data, **problem.arguments)]
        for isa, threads in targets():
            for algorithm in names:
                note = f"algorithm={algorithm} isa={isa} threads={threads}; {repro(problem, seed)}"
                result = _native.conv(2, *data, **problem.arguments, algorithm=algorithm)
                if first is None:
                    first = result
                    check_values(problem, data, result, exact, note)
                assert same_bits(result, first), f"bits differ from the first run's; {note}"
        check_batch(problem, data, first, seed)


def check_batch(problem: Problem, data: tuple[Array, ...], result: Array | None, seed: int) -> None:
    """An image's result is the same alone as in its batch."""
    assert result is not None
    if len(problem.x) == 4:
        for image, its_result in zip(data[0], result, strict=True):
            alone = _native.conv(2, image, *data[1:], **problem.arguments)
            assert same_bits(alone, its_result), (
                f"an image alone differs from itself in a batch; {repro(problem, seed)}"
            )


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if not word.startswith("seed=")]
    seeds = [int(word[5:]) for word in sys.argv[1:] if word.startswith("seed=")]
    pyconv.set_precision("strict")
    check(Problem.parse(" ".join(words)), *(seeds or [0]))
    print("agrees")
