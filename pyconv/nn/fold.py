"""Patches as columns, and back, as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import functional as F
from .module import Module

if TYPE_CHECKING:
    from .._types import Array, Pair


class Unfold(Module):
    """Copy windows into columns; see `functional.unfold`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.Unfold(3)
    Unfold(kernel_size=3, dilation=1, padding=0, stride=1)
    """

    def __init__(self, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def _windows(self) -> tuple[Pair, Pair, Pair, Pair]:
        return self.kernel_size, self.dilation, self.padding, self.stride

    def forward(self, input: Array) -> Array:
        """Return the columns."""
        return F.unfold(input, *self._windows())

    def extra_repr(self) -> str:
        names = ("kernel_size", "dilation", "padding", "stride")
        return ", ".join(f"{name}={value}" for name, value in zip(names, self._windows(), strict=True))


class Fold(Unfold):
    """Add columns up to an image; see `functional.fold`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.Fold((4, 5), 3)
    Fold(output_size=(4, 5), kernel_size=3, dilation=1, padding=0, stride=1)
    """

    def __init__(
        self, output_size: Pair, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = output_size

    def forward(self, input: Array) -> Array:
        """Return the image."""
        return F.fold(input, self.output_size, *self._windows())

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, {super().extra_repr()}"
