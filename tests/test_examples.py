"""The examples run, each as a user would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, *arguments: str) -> str:
    """Run one example in a process of its own and return what it prints."""
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_lenet() -> None:
    out = run("lenet.py")
    assert "(11): Linear(in_features=84, out_features=10, bias=True)" in out
    assert "sum 1.0\n" in out
    assert "us an image" in out


def test_image_filter(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.zeros((40, 60), dtype=np.uint8)
    pixels[:, 30:] = 200
    image.fromarray(pixels).save(tmp_path / "step.png")
    out = run("image_filter.py", str(tmp_path / "step.png"), str(tmp_path / "edges.png"))
    assert out == f"{tmp_path / 'edges.png'}: 60 x 40 pixels\n"
    with image.open(tmp_path / "edges.png") as written:
        edges = np.asarray(written)
    # Bright on both sides of the step, dark elsewhere; the border sees the zeros beyond it.
    assert edges[2:-2, 29:31].min() > 200
    assert edges[2:-2, 2:28].max() == 0
    assert edges[2:-2, 32:-2].max() == 0


def test_torch_twin() -> None:
    pytest.importorskip("torch")
    out = run("torch_twin.py")
    assert float(out.split()[-1]) < 1e-5


def test_photo_filters(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.zeros((40, 60, 3), dtype=np.uint8)
    pixels[:, 30:] = 200
    outputs = [str(tmp_path / name) for name in ("blurred.png", "edges.png")]
    image.fromarray(pixels).save(tmp_path / "step.png")
    out = run("photo_filters.py", str(tmp_path / "step.png"), *outputs)
    assert out == "".join(f"{output}: 60 x 40 pixels\n" for output in outputs)
    with image.open(outputs[0]) as first, image.open(outputs[1]) as second:
        smooth, edges = np.asarray(first), np.asarray(second)
    # Far from the step all is as it was, the border too; on both sides of it the means of black and grey.
    assert (smooth[:, [0, 20, 39, 59]] == [[[0] * 3, [0] * 3, [200] * 3, [200] * 3]]).all()
    assert (smooth[:, 29].astype(int) + smooth[:, 30] == 200).all()
    assert (edges[:, 29:31] == 255).all()
    assert edges[:, :29].max() == edges[:, 31:].max() == 0
