"""Pooling as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._native import explain_adaptive_avg_pool2d, explain_avg_pool2d, explain_max_pool2d
from . import functional as F
from .arguments import layout_name
from .module import Module

if TYPE_CHECKING:
    from .._types import Array, Layout, OutputSize, Pair


def _with_layout(text: str, layout: Layout) -> str:
    """Name the layout in a printed form, where it is not the usual one."""
    return text if layout == "NCHW" else f"{text}, layout={layout}"


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
        return _with_layout(text, self.layout)


class AvgPool2d(Module):
    """Average over a moving window; see `functional.avg_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> pool = nn.AvgPool2d(3, stride=2, padding=1)
    >>> pool
    AvgPool2d(kernel_size=3, stride=2, padding=1)
    >>> pool(np.ones((1, 6, 28, 28), dtype=np.float32)).shape
    (1, 6, 14, 14)
    """

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
        *,
        layout: Layout = "NCHW",
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override
        self.layout = layout_name(layout)

    def _arguments(self) -> tuple[Any, ...]:
        windows = (self.kernel_size, self.stride, self.padding, self.ceil_mode)
        return *windows, self.count_include_pad, self.divisor_override

    def forward(self, input: Array) -> Array:
        """Return the averages."""
        return F.avg_pool2d(input, *self._arguments(), layout=self.layout)

    def _explain(self, input: Array) -> dict[str, Any]:
        return explain_avg_pool2d(input, *self._arguments(), layout=self.layout)

    def extra_repr(self) -> str:
        text = f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
        return _with_layout(text, self.layout)


class AdaptiveAvgPool2d(Module):
    """Average over windows that give a result of `output_size`; see `functional.adaptive_avg_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> pool = nn.AdaptiveAvgPool2d((1, 1))
    >>> pool
    AdaptiveAvgPool2d(output_size=(1, 1))
    >>> pool(np.ones((1, 512, 7, 7), dtype=np.float32)).shape
    (1, 512, 1, 1)
    """

    def __init__(self, output_size: OutputSize, *, layout: Layout = "NCHW") -> None:
        super().__init__()
        self.output_size = output_size
        self.layout = layout_name(layout)

    def forward(self, input: Array) -> Array:
        """Return the averages."""
        return F.adaptive_avg_pool2d(input, self.output_size, layout=self.layout)

    def _explain(self, input: Array) -> dict[str, Any]:
        return explain_adaptive_avg_pool2d(input, self.output_size, layout=self.layout)

    def extra_repr(self) -> str:
        return _with_layout(f"output_size={self.output_size}", self.layout)
