"""Layers around convolution: printed as torch prints them, the same attributes, and the same results."""

from __future__ import annotations

import numpy as np
import pytest

from pyconv import nn

torch = pytest.importorskip("torch")

IMAGES = (2, 4, 6, 5)

# The line that makes the layer in either library, and the shape of an input.
LAYERS = [
    ("ReLU6()", IMAGES),
    ("ReLU6(inplace=True)", IMAGES),
    ("Hardtanh(-2.0, 0.5)", IMAGES),
    ("Hardtanh(inplace=True)", IMAGES),
    ("LeakyReLU(0.2)", IMAGES),
    ("LeakyReLU(0.2, inplace=True)", IMAGES),
    ("ELU(2.0)", IMAGES),
    ("ELU(inplace=True)", IMAGES),
    ("GELU()", IMAGES),
    ("GELU('tanh')", IMAGES),
    ("SiLU()", IMAGES),
    ("SiLU(inplace=True)", IMAGES),
    ("Hardswish()", IMAGES),
    ("Hardswish(inplace=True)", IMAGES),
    ("Sigmoid()", IMAGES),
    ("Tanh()", IMAGES),
    ("Softmax(dim=1)", IMAGES),
    ("LogSoftmax(dim=-1)", IMAGES),
    ("LayerNorm(5)", IMAGES),
    ("LayerNorm((6, 5), eps=0.1, bias=False)", IMAGES),
    ("LayerNorm([6, 5], elementwise_affine=False)", IMAGES),
    ("GroupNorm(2, 4)", IMAGES),
    ("GroupNorm(4, 4, eps=0.1, affine=False)", IMAGES),
    ("GroupNorm(1, 4, bias=False)", (3, 4)),
    ("LocalResponseNorm(3)", IMAGES),
    ("LocalResponseNorm(2, alpha=0.5, beta=0.5, k=2.0)", IMAGES),
    ("Dropout()", IMAGES),
    ("Dropout(0.2, inplace=True)", IMAGES),
    ("Identity(3, name=4)", IMAGES),
    ("Upsample(scale_factor=2)", IMAGES),
    ("Upsample((3, 9), mode='bilinear', align_corners=True)", IMAGES),
    ("Upsample(scale_factor=(0.5, 2), mode='bicubic')", IMAGES),
    ("Upsample(scale_factor=1.7, mode='nearest-exact', recompute_scale_factor=True)", IMAGES),
    ("PixelShuffle(2)", IMAGES),
    ("PixelUnshuffle(2)", (2, 3, 4, 6)),
    ("Unfold((2, 3), padding=1)", IMAGES),
    ("Fold((4, 5), 2, stride=2, padding=(0, 1))", (2, 12, 6)),
    *((f"{kind}Pad{rank}d({padding})", IMAGES[:2] + (6, 5, 7)[:rank])
      for kind in ("Zero", "Reflection", "Replication", "Circular")
      for rank in (1, 2, 3)
      for padding in (2, tuple(range(1, 2 * rank + 1)) if rank == 1 else (1, 2, 0, 3, 2, 1)[: 2 * rank])),
    *((f"ConstantPad{rank}d(1, 2.5)", IMAGES[:2] + (6, 5, 7)[:rank]) for rank in (1, 2, 3)),
]  # fmt: skip


@pytest.mark.parametrize(("line", "shape"), LAYERS, ids=[line for line, _ in LAYERS])
def test_layer(line, shape, rng):
    ours, theirs = (eval(f"nn.{line}", {"nn": library}).eval() for library in (nn, torch.nn))
    assert repr(ours) == repr(theirs)
    for name, value in vars(theirs).items():
        if not name.startswith("_") and name not in ("min_value", "max_value", "name"):
            assert getattr(ours, name) == value, name
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, array in ours.state_dict().items():
        array[...] = rng.standard_normal(array.shape)
        theirs.state_dict()[name].copy_(torch.from_numpy(array))
    x = rng.standard_normal(shape).astype(np.float32)
    expected = theirs(torch.from_numpy(x.copy())).detach().numpy()
    np.testing.assert_allclose(ours(x), expected, rtol=2e-5, atol=4e-6)


@pytest.mark.parametrize("line", ["CrossEntropyLoss()", "NLLLoss()", "MSELoss()"])
def test_printed_losses(line):
    assert repr(eval(f"nn.{line}")) == line == repr(eval(f"nn.{line}", {"nn": torch.nn}))


def test_losses(rng):
    x, target = rng.standard_normal((5, 4)), rng.integers(0, 4, 5)
    weight, t = rng.random(4), torch.from_numpy
    for reduction in ("none", "mean", "sum"):
        for name, options in (("NLLLoss", {}), ("CrossEntropyLoss", {"label_smoothing": 0.2})):
            ours = getattr(nn, name)(weight, ignore_index=2, reduction=reduction, **options)
            theirs = getattr(torch.nn, name)(t(weight), ignore_index=2, reduction=reduction, **options)
            assert list(ours.state_dict()) == list(theirs.state_dict())
            np.testing.assert_allclose(ours(x, target), theirs(t(x), t(target)), rtol=1e-13, atol=1e-13)
        ours, theirs = nn.MSELoss(reduction=reduction), torch.nn.MSELoss(reduction=reduction)
        np.testing.assert_allclose(ours(x, 2 * x), theirs(t(x), t(2 * x)), rtol=1e-13)
