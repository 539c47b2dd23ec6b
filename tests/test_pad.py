"""Padding where sides are negative, too: which comes first, and what is too much; against the reference and torch."""

from __future__ import annotations

import numpy as np
import pytest

import pyconv.nn.functional as F
from pyconv import reference

X = np.arange(1, 6)[None]


@pytest.mark.parametrize(
    ("sizes", "mode", "expected"),
    [
        ((-2, 3), "constant", [3, 4, 5, 0, 0, 0]),
        ((2, -4), "constant", [0, 0, 1]),
        ((-5, 2), "constant", [0, 0]),
        ((-2, 3), "circular", [3, 4, 5, 3, 4, 5]),  # what is cut off does not come back
        ((1, -3), "circular", [2, 1, 2]),
        ((-3, 4), "reflect", [4, 5, 4, 3, 2, 1]),  # and here it does
        ((4, -4), "reflect", [5, 4, 3, 2, 1]),
        ((-6, 4), "reflect", [3, 2, 1]),
        ((-3, 5), "symmetric", [4, 5, 5, 4, 3, 2, 1]),
        ((-4, 2), "replicate", [5, 5, 5]),
        ((-7, 4), "replicate", [5, 5]),
        ((3, -6), "replicate", [1, 1]),
        ((-2, -2), "reflect", [3]),
    ],
)
def test_one_side_is_cut_off_and_the_other_padded(sizes, mode, expected):
    assert F.pad(X, sizes, mode).tolist() == [expected]
    if "constant" not in mode:
        assert reference.pad(X, sizes, mode).tolist() == [expected]


@pytest.mark.parametrize(
    ("sizes", "mode"),
    [
        ((-6, 7), "constant"),
        ((9, -6), "constant"),
        ((-3, -3), "constant"),
        ((-4, 2), "circular"),
        ((2, -4), "circular"),
        ((-6, 1), "circular"),
        ((-3, 5), "reflect"),
        ((-3, 6), "symmetric"),
        ((-6, 1), "replicate"),
        ((-6, 0), "replicate"),
        ((-2, -3), "reflect"),
    ],
)
def test_too_much(sizes, mode):
    with pytest.raises(ValueError, match=r"^pad: .*\(1, 5\)"):
        F.pad(X, sizes, mode)


def test_an_axis_of_several_may_vanish():
    x = np.ones((2, 3, 4))
    for mode in ("constant", "reflect", "replicate", "circular"):
        assert F.pad(x, (0, -4, 1, 1), mode).shape == (2, 5, 0)
    for mode in ("reflect", "replicate"):
        with pytest.raises(ValueError, match="too small"):
            F.pad(x, (0, -4, -1, -2), mode)
    for mode in ("constant", "circular"):
        assert F.pad(x, (0, -4, -1, -2), mode).shape == (2, 0, 0)


def test_any_sides_are_as_torch_has_them(rng):
    torch = pytest.importorskip("torch")
    agreed = 0
    for _ in range(1000):
        mode = str(rng.choice(["constant", "reflect", "replicate", "circular"]))
        axes = int(rng.integers(1, 4))
        shape = tuple(rng.integers(1, 7, axes + rng.integers(1, 3)).tolist())
        sizes = tuple((rng.integers(-4, 6, 2 * axes) * rng.integers(0, 2, 2 * axes)).tolist())
        x = rng.integers(0, 99, shape).astype(np.float32)
        sides = list(zip(shape[::-1], sizes[::2], sizes[1::2], strict=False))
        left = [n + min(a, 0) + min(b, 0) for n, a, b in sides]
        if mode == "circular" and any(max(a, b) > m for m, (_, a, b) in zip(left, sides, strict=True)):
            continue  # torch copies memory that nobody wrote
        try:
            expected = torch.nn.functional.pad(torch.from_numpy(x), sizes, mode).numpy()
        except RuntimeError:
            with pytest.raises(ValueError, match=r"^pad: "):
                F.pad(x, sizes, mode)
            continue
        assert np.array_equal(F.pad(x, sizes, mode), expected), (shape, sizes, mode)
        agreed += 1
    assert agreed > 300
