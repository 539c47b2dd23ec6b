"""Pooling as layers: constructors, attributes and printed forms are torch's, and `layout` is one more keyword."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..runtime import explanation
from . import functional as F
from .arguments import layout_name
from .module import Module

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._types import Array, Generator, Layout, OutputSize, Pair

    Ratio = float | Sequence[float]


def _each(value: Any, rank: int) -> tuple[Any, ...]:
    """Return a number, or one for each axis, as a tuple, as torch keeps them in some layers."""
    return tuple(value) if np.iterable(value) else (value,) * rank


class _Pool(Module):
    """A layer that calls one function of `functional`, and prints some of its attributes."""

    _function: ClassVar[Callable[..., Any]]
    _rank: ClassVar[int]
    _printed: ClassVar[tuple[str, ...]] = ()
    layout: Layout

    def extra_repr(self) -> str:
        text = ", ".join(f"{name}={getattr(self, name)}" for name in self._printed)
        return text if self.layout == "NCHW" else f"{text}, layout={self.layout}".removeprefix(", ")


class _PlannedPool(_Pool):
    """One of an input alone, whose calls `pyconv.explain` describes."""

    def _arguments(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def forward(self, input: Array) -> Any:
        """Return what the function does: an array, or with `return_indices` a pair."""
        return type(self)._function(input, *self._arguments(), layout=self.layout)

    def _explain(self, input: Array) -> dict[str, Any]:
        return explanation(type(self)._function, input, *self._arguments(), layout=self.layout)


class _MaxPool(_PlannedPool):
    _printed = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")

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
        self.layout = layout_name(layout, self._rank)

    def _arguments(self) -> tuple[Any, ...]:
        return self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices


class MaxPool1d(_MaxPool):
    """`functional.max_pool1d` as a layer."""

    _function = staticmethod(F.max_pool1d)
    _rank = 1


class MaxPool2d(_MaxPool):
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

    _function = staticmethod(F.max_pool2d)
    _rank = 2


class MaxPool3d(_MaxPool):
    """`functional.max_pool3d` as a layer."""

    _function = staticmethod(F.max_pool3d)
    _rank = 3


class _AvgPool(_PlannedPool):
    _printed = ("kernel_size", "stride", "padding")

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
        self.layout = layout_name(layout, self._rank)

    def _arguments(self) -> tuple[Any, ...]:
        windows = (self.kernel_size, self.stride, self.padding, self.ceil_mode)
        return *windows, self.count_include_pad, self.divisor_override


class AvgPool1d(_AvgPool):
    """`functional.avg_pool1d` as a layer."""

    _function = staticmethod(F.avg_pool1d)
    _rank = 1

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        *,
        layout: Layout = "NCHW",
    ) -> None:
        step = kernel_size if stride is None else stride
        windows = _each(kernel_size, 1), _each(step, 1), _each(padding, 1)
        super().__init__(windows[0], windows[1], windows[2], ceil_mode, count_include_pad, layout=layout)
        del self.divisor_override

    def _arguments(self) -> tuple[Any, ...]:
        return self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad


class AvgPool2d(_AvgPool):
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

    _function = staticmethod(F.avg_pool2d)
    _rank = 2


class AvgPool3d(_AvgPool):
    """`functional.avg_pool3d` as a layer."""

    _function = staticmethod(F.avg_pool3d)
    _rank = 3


class _LPPool(_PlannedPool):
    _printed = ("norm_type", "kernel_size", "stride", "ceil_mode")

    def __init__(
        self,
        norm_type: float,
        kernel_size: Pair,
        stride: Pair | None = None,
        ceil_mode: bool = False,
        *,
        layout: Layout = "NCHW",
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode
        self.layout = layout_name(layout, self._rank)

    def _arguments(self) -> tuple[Any, ...]:
        return self.norm_type, self.kernel_size, self.stride, self.ceil_mode


class LPPool1d(_LPPool):
    """`functional.lp_pool1d` as a layer."""

    _function = staticmethod(F.lp_pool1d)
    _rank = 1


class LPPool2d(_LPPool):
    """Power average over a moving window; see `functional.lp_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> pool = nn.LPPool2d(2, 3, stride=2)
    >>> pool
    LPPool2d(norm_type=2, kernel_size=3, stride=2, ceil_mode=False)
    >>> pool(np.ones((1, 1, 3, 3)))
    array([[[[3.]]]])
    """

    _function = staticmethod(F.lp_pool2d)
    _rank = 2


class LPPool3d(_LPPool):
    """`functional.lp_pool3d` as a layer."""

    _function = staticmethod(F.lp_pool3d)
    _rank = 3


class _AdaptiveAvgPool(_PlannedPool):
    _printed = ("output_size",)

    def __init__(self, output_size: OutputSize, *, layout: Layout = "NCHW") -> None:
        super().__init__()
        self.output_size = output_size
        self.layout = layout_name(layout, self._rank)

    def _arguments(self) -> tuple[Any, ...]:
        return (self.output_size,)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """`functional.adaptive_avg_pool1d` as a layer."""

    _function = staticmethod(F.adaptive_avg_pool1d)
    _rank = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
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

    _function = staticmethod(F.adaptive_avg_pool2d)
    _rank = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """`functional.adaptive_avg_pool3d` as a layer."""

    _function = staticmethod(F.adaptive_avg_pool3d)
    _rank = 3


class _AdaptiveMaxPool(_PlannedPool):
    _printed = ("output_size",)

    def __init__(self, output_size: OutputSize, return_indices: bool = False, *, layout: Layout = "NCHW") -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices
        self.layout = layout_name(layout, self._rank)

    def _arguments(self) -> tuple[Any, ...]:
        return self.output_size, self.return_indices


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """`functional.adaptive_max_pool1d` as a layer."""

    _function = staticmethod(F.adaptive_max_pool1d)
    _rank = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maximum over windows that give a result of `output_size`; see `functional.adaptive_max_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> nn.AdaptiveMaxPool2d((None, 1))(np.arange(6).reshape(1, 2, 3))
    array([[[2],
            [5]]])
    """

    _function = staticmethod(F.adaptive_max_pool2d)
    _rank = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """`functional.adaptive_max_pool3d` as a layer."""

    _function = staticmethod(F.adaptive_max_pool3d)
    _rank = 3


class _MaxUnpool(_Pool):
    _printed = ("kernel_size", "stride", "padding")

    def __init__(
        self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0, *, layout: Layout = "NCHW"
    ) -> None:
        super().__init__()
        self.kernel_size = _each(kernel_size, self._rank)
        self.stride = _each(kernel_size if stride is None else stride, self._rank)
        self.padding = _each(padding, self._rank)
        self.layout = layout_name(layout, self._rank)

    def forward(self, input: Array, indices: Array, output_size: Sequence[int] | None = None) -> Any:
        """Return planes with the elements of `input` where `indices` says."""
        windows = (self.kernel_size, self.stride, self.padding)
        return type(self)._function(input, indices, *windows, output_size, layout=self.layout)


class MaxUnpool1d(_MaxUnpool):
    """`functional.max_unpool1d` as a layer."""

    _function = staticmethod(F.max_unpool1d)
    _rank = 1


class MaxUnpool2d(_MaxUnpool):
    """Maxima back to where they stood; see `functional.max_unpool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> unpool = nn.MaxUnpool2d((2, 1))
    >>> unpool
    MaxUnpool2d(kernel_size=(2, 1), stride=(2, 1), padding=(0, 0))
    >>> unpool(*nn.MaxPool2d((2, 1), return_indices=True)(np.array([[[1, 5, 2], [4, 3, 6]]])))
    array([[[0, 5, 0],
            [4, 0, 6]]])
    """

    _function = staticmethod(F.max_unpool2d)
    _rank = 2


class MaxUnpool3d(_MaxUnpool):
    """`functional.max_unpool3d` as a layer."""

    _function = staticmethod(F.max_unpool3d)
    _rank = 3


class _FractionalMaxPool(_Pool):
    def __init__(
        self,
        kernel_size: Pair,
        output_size: Pair | None = None,
        output_ratio: Ratio | None = None,
        return_indices: bool = False,
        _random_samples: Array | None = None,
        *,
        generator: Generator | int | None = None,
        layout: Layout = "NCHW",
    ) -> None:
        super().__init__()
        name, rank = type(self).__name__, self._rank
        if (output_size is None) == (output_ratio is None):
            raise ValueError(f"{name}: exactly one of output_size and output_ratio must be given")
        self.kernel_size = _each(kernel_size, rank)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else _each(output_size, rank)
        self.output_ratio = None if output_ratio is None else _each(output_ratio, rank)
        if self.output_ratio is not None and not all(0 < ratio < 1 for ratio in self.output_ratio):
            raise ValueError(f"{name}: output_ratio must be between 0 and 1, got {output_ratio!r}")
        self.generator = np.random.default_rng(generator)
        self.layout = layout_name(layout, self._rank)

    def forward(self, input: Array) -> Any:
        """Return the maxima, or the maxima and their indices; draws new windows for each call."""
        return type(self)._function(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            self._random_samples,
            generator=self.generator,
            layout=self.layout,
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """Maximum over windows whose steps are drawn; see `functional.fractional_max_pool2d`.

    A seed or a generator makes the windows repeatable: the layer draws from its own generator, call after call.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> nn.FractionalMaxPool2d(2, output_ratio=0.6, generator=7)(np.ones((3, 10, 15), dtype=np.float32)).shape
    (3, 6, 9)
    """

    _function = staticmethod(F.fractional_max_pool2d)
    _rank = 2


class FractionalMaxPool3d(_FractionalMaxPool):
    """`functional.fractional_max_pool3d` as a layer."""

    _function = staticmethod(F.fractional_max_pool3d)
    _rank = 3
