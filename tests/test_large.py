"""Arrays of more than 2**31 elements: offsets are 64-bit everywhere.

Zeros that nobody has written to take no memory, so only the results and what a call touches count; tests are left out
where that is more than the machine has free.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

import pyconv.nn.functional as F

LIMIT = 2**31


def need(gigabytes: float) -> None:
    """Leave the test out unless so much memory is free."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if free < gigabytes * 1e9:
        pytest.skip(f"needs {gigabytes} GB of free memory")


def test_an_image_of_bytes(rng):
    """The last rows of a plane of 2.2e9 pixels."""
    need(3)
    x = np.zeros((1, 1, 46400, 46400), np.uint8)
    assert x.size > LIMIT
    x[..., -50:, :] = rng.integers(0, 9, (50, 46400))
    w = rng.integers(-3, 4, (1, 1, 3, 3)).astype(np.float32)
    result = F.conv2d(x, w, stride=(46397, 1))
    assert result.shape == (1, 1, 2, 46398)
    assert not result[..., 0, :].any()
    np.testing.assert_array_equal(result[..., 1:, :], F.conv2d(x[..., -3:, :].copy(), w))


def test_a_long_signal(rng):
    """The last samples of one axis of 2.2e9."""
    need(3)
    x = np.zeros((1, LIMIT + 1000), np.uint8)
    x[0, -3000:] = rng.integers(0, 9, 3000)
    w = rng.integers(-3, 4, (2, 1, 5)).astype(np.float32)
    result = F.conv1d(x, w, stride=1000)
    np.testing.assert_array_equal(result[:, -3:], F.conv1d(x[:, (result.shape[1] - 3) * 1000 :].copy(), w, stride=1000))
    assert result[:, -3:].any()
    assert not result[:, :-4].any()


def test_the_last_channel_and_the_last_image(rng):
    """Planes and images that begin beyond 2**31 elements, floats, of which few are touched."""
    need(3)
    w = rng.integers(-3, 4, (1, 3, 1, 1)).astype(np.float32)
    x = np.zeros((2, 3, 21000, 21000), np.float32)
    assert x.size > LIMIT
    x[1, 2, -1] = rng.integers(-9, 9, 21000)
    result = F.conv2d(x, w, stride=(20999, 1))
    assert not result[0].any()
    np.testing.assert_array_equal(result[1, 0, 1], x[1, 2, -1] * w[0, 2, 0, 0])


def test_a_large_result_of_bytes(rng):
    """Maxima of 2.2e9 bytes."""
    need(5)
    x = np.zeros((1, 1, 46400, 46400), np.uint8)
    x[..., -2:, :] = rng.integers(0, 9, (2, 46400))
    result = F.max_pool2d(x, (2, 1), stride=1)
    assert result.size > LIMIT
    np.testing.assert_array_equal(result[0, 0, -1], x[0, 0, -2:].max(0))
    np.testing.assert_array_equal(result[0, 0, -2], x[0, 0, -2])
    assert not result[0, 0, :-2:1000].any()


def test_a_large_result(rng):
    """A result of 2.2e9 elements: 8.6 GB, which takes a while to write."""
    need(40)
    x = rng.integers(-4, 5, (1, 1, 2, 32800)).astype(np.float32)
    w = rng.integers(-4, 5, (32800, 1, 1, 1)).astype(np.float32)
    result = F.conv2d(x, w)
    assert result.size > LIMIT
    for channel in (0, 1, 20000, 32799):
        np.testing.assert_array_equal(result[0, channel], w[channel, 0, 0, 0] * x[0, 0])
