"""Memory kept for reuse: bounded, given back, and never shared between results that live."""

import contextlib
import gc

import numpy as np
import pytest

import pyconv
import pyconv.nn.functional as F

IMAGE = np.ones((1, 8, 96, 96), dtype=np.float32)
WEIGHT = np.ones((8, 8, 3, 3), dtype=np.float32)


@pytest.fixture(autouse=True)
def restored():
    limit = pyconv.get_cache_limit()
    pyconv.set_cache_limit(0)
    pyconv.set_cache_limit(limit)
    yield
    pyconv.set_cache_limit(limit)


@pytest.mark.parametrize("size", [96, 130, 300, 316, 500])
def test_a_released_result_is_used_again(size):
    """From a fraction of a megabyte to eight, on both sides of a huge page's multiples."""
    image = np.ones((1, 8, size, size), dtype=np.float32)
    first = F.conv2d(image, WEIGHT)
    address = first.ctypes.data
    del first
    kept = pyconv.cached_bytes()
    assert kept > 0
    assert F.conv2d(image, WEIGHT).ctypes.data == address
    assert pyconv.cached_bytes() == kept


def test_results_that_live_do_not_share_memory():
    results = [F.conv2d(IMAGE, np.full_like(WEIGHT, k)) for k in range(5)]
    for k, result in enumerate(results):
        assert np.all(result == 72 * k)
        assert not any(np.shares_memory(result, other) for other in results[:k])


def test_a_view_keeps_its_memory():
    view = F.conv2d(IMAGE, WEIGHT)[0, :2]
    F.conv2d(IMAGE, np.zeros_like(WEIGHT))
    assert np.all(view == 72)


def test_what_is_kept_stays_below_the_limit():
    size = F.conv2d(IMAGE, WEIGHT).nbytes
    pyconv.set_cache_limit(2 * size + 3 * 4096)
    results = [F.conv2d(IMAGE, WEIGHT) for _ in range(8)]
    del results
    assert size <= pyconv.cached_bytes() <= pyconv.get_cache_limit()
    pyconv.set_cache_limit(0)
    assert pyconv.cached_bytes() == 0
    F.conv2d(IMAGE, WEIGHT)
    assert pyconv.cached_bytes() == 0


def test_many_sizes_do_not_accumulate():
    pyconv.set_cache_limit(1 << 20)
    for n in range(64, 128):
        F.conv2d(np.ones((1, 8, n, n), dtype=np.float32), WEIGHT)
        assert pyconv.cached_bytes() <= 1 << 20


def test_negative_limits_are_refused():
    with pytest.raises(ValueError, match="negative"):
        pyconv.set_cache_limit(-1)


def _calls_that_come_again():
    """Calls that operators refuse at first: of half floats, of arrays of another library, of neither."""
    x, w = np.ones((1, 4, 9, 9), np.float16), np.ones((4, 4, 3, 3), np.float16)
    yield lambda: F.conv_transpose2d(x, w)
    yield lambda: F.max_pool2d(x, 2, return_indices=True)
    yield lambda: F.softmax(x, 1)
    yield lambda: F.conv2d(x, w[:, :3])
    try:
        import torch
    except ImportError:
        return
    a, b = torch.from_numpy(x), torch.from_numpy(w)
    yield lambda: F.conv2d(a.float(), b.float())
    yield lambda: F.adaptive_max_pool2d(a, 3, return_indices=True)
    yield lambda: F.relu(a)


def test_no_call_leaves_cycles():
    """Large arrays would live in them until garbage is collected, which nothing hurries."""
    for call in _calls_that_come_again():
        for _ in range(2):  # the first may import
            gc.collect()
            gc.disable()
            try:
                with contextlib.suppress(ValueError):
                    call()
                left = gc.collect()
            finally:
                gc.enable()
        assert left == 0
