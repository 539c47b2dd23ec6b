"""Activations as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import functional as F
from .module import Module

if TYPE_CHECKING:
    from .._types import Array


class ReLU(Module):
    """``max(x, 0)`` of every element; see `functional.relu`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.ReLU(), nn.ReLU(inplace=True)
    (ReLU(), ReLU(inplace=True))
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Array) -> Array:
        """Return the result, in `input` itself if the layer works in place."""
        return F.relu(input, self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Softmax(Module):
    """``exp(x) / sum(exp(x))`` along the axis `dim`; see `functional.softmax`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.Softmax(dim=1)
    Softmax(dim=1)
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Array) -> Array:
        """Return an array of the same shape."""
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
