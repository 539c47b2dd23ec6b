"""Fixtures: instruction sets, thread counts, the precision, and random numbers that can be drawn again."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator

import numpy as np
import pytest

import pyconv


@pytest.fixture(params=pyconv.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every instruction set that this machine runs, one after the other."""
    pyconv.set_isa(request.param)
    assert pyconv.isa() == request.param
    yield request.param
    pyconv.set_isa(None)


@pytest.fixture(params=(1, 2, 3))
def num_threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """One, two and three threads, more than many a machine has cores."""
    before = pyconv.get_num_threads()
    pyconv.set_num_threads(request.param)
    yield request.param
    pyconv.set_num_threads(before)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """A number of the test's own, or PYCONV_TEST_SEED; pytest shows it with a failure."""
    chosen = int(os.environ.get("PYCONV_TEST_SEED", zlib.crc32(request.node.nodeid.encode())))
    print(f"repeat with PYCONV_TEST_SEED={chosen}")
    return chosen


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """A generator seeded with `seed`."""
    return np.random.default_rng(seed)


@pytest.fixture(autouse=True)
def _defaults_restored(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test may leave another instruction set, number of threads or precision behind.

    Tests compare with one chain of multiply-adds, so they compute in strict mode; those marked `fast`, in fast mode.
    """
    pyconv.set_precision("fast" if request.node.get_closest_marker("fast") else "strict")
    before = pyconv.isa(), pyconv.get_num_threads(), pyconv.get_precision()
    yield
    after = pyconv.isa(), pyconv.get_num_threads(), pyconv.get_precision()
    pyconv.set_isa(None)
    pyconv.set_num_threads(before[1])
    pyconv.set_precision(None)
    assert after == before
