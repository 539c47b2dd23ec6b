"""Pooling as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._native import explain_max_pool2d
from . import functional as F
from .arguments import layout_name
from .module import Module

if TYPE_CHECKING:
    from .._types import Array, Layout, Pair


class MaxPool2d(Module):
    """Maximum over a moving window; see `functional.max_pool2d`. With `return_indices`, a pair (maxima, indices).

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> pool = nn.MaxPool2d(2)
    >>> pool
    MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    >>> pool(np.ones((1, 6, 28, 28), dtype=np.float32)).shape
    (1, 6, 14, 14)
    """

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        dilation: Pair = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
        *,
        layout: Layout = "NCHW",
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode
        self.layout = layout_name(layout)

    def _arguments(self) -> tuple[Any, ...]:
        return self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices

    def forward(self, input: Array) -> Any:
        """Return the maxima, or the maxima and their indices."""
        return F.max_pool2d(input, *self._arguments(), layout=self.layout)

    def _explain(self, input: Array) -> dict[str, Any]:
        return explain_max_pool2d(input, *self._arguments(), layout=self.layout)

    def extra_repr(self) -> str:
        text = (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )
        return text if self.layout == "NCHW" else f"{text}, layout={self.layout}"
