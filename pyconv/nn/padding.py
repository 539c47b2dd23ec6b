"""Padding as layers; see `functional.pad`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from . import functional as F
from .arguments import integers
from .module import Module

if TYPE_CHECKING:
    from .._types import Array, Pair


class _Pad(Module):
    """Padding of the last `_axes` axes, by a number on all sides or pairs (before, after), last axis first."""

    _axes: ClassVar[int]
    _mode: ClassVar[str]

    def __init__(self, padding: Pair) -> None:
        super().__init__()
        self.padding = integers("padding", padding, 2 * self._axes)

    def forward(self, input: Array) -> Array:
        """Return the padded array."""
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    _mode = "constant"

    def __init__(self, padding: Pair, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Array) -> Array:
        """Return the padded array."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Pair) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad1d(_ConstantPad):
    """Lay a constant around L, as `torch.nn.ConstantPad1d`; see `functional.pad`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> nn.ConstantPad1d(1, 0.5)
    ConstantPad1d(padding=(1, 1), value=0.5)
    >>> nn.ReflectionPad2d((2, 0, 0, 0))(np.array([[[1, 2, 3]]]))
    array([[[3, 2, 1, 2, 3]]])
    """

    _axes = 1


class ConstantPad2d(_ConstantPad):
    """Lay a constant around H and W, as `torch.nn.ConstantPad2d`; see `functional.pad`."""

    _axes = 2


class ConstantPad3d(_ConstantPad):
    """Lay a constant around D, H and W, as `torch.nn.ConstantPad3d`; see `functional.pad`."""

    _axes = 3


class ZeroPad1d(_ZeroPad):
    """Lay zeros around L, as `torch.nn.ZeroPad1d`; see `functional.pad`."""

    _axes = 1


class ZeroPad2d(_ZeroPad):
    """Lay zeros around H and W, as `torch.nn.ZeroPad2d`; see `functional.pad`."""

    _axes = 2


class ZeroPad3d(_ZeroPad):
    """Lay zeros around D, H and W, as `torch.nn.ZeroPad3d`; see `functional.pad`."""

    _axes = 3


class ReflectionPad1d(_Pad):
    """Lay mirror images around L, as `torch.nn.ReflectionPad1d`; see `functional.pad`."""

    _axes = 1
    _mode = "reflect"


class ReflectionPad2d(_Pad):
    """Lay mirror images around H and W, as `torch.nn.ReflectionPad2d`; see `functional.pad`."""

    _axes = 2
    _mode = "reflect"


class ReflectionPad3d(_Pad):
    """Lay mirror images around D, H and W, as `torch.nn.ReflectionPad3d`; see `functional.pad`."""

    _axes = 3
    _mode = "reflect"


class ReplicationPad1d(_Pad):
    """Lay the element at the edge around L, as `torch.nn.ReplicationPad1d`; see `functional.pad`."""

    _axes = 1
    _mode = "replicate"


class ReplicationPad2d(_Pad):
    """Lay the element at the edge around H and W, as `torch.nn.ReplicationPad2d`; see `functional.pad`."""

    _axes = 2
    _mode = "replicate"


class ReplicationPad3d(_Pad):
    """Lay the element at the edge around D, H and W, as `torch.nn.ReplicationPad3d`; see `functional.pad`."""

    _axes = 3
    _mode = "replicate"


class CircularPad1d(_Pad):
    """Lay the other end around L, as `torch.nn.CircularPad1d`; see `functional.pad`."""

    _axes = 1
    _mode = "circular"


class CircularPad2d(_Pad):
    """Lay the other end around H and W, as `torch.nn.CircularPad2d`; see `functional.pad`."""

    _axes = 2
    _mode = "circular"


class CircularPad3d(_Pad):
    """Lay the other end around D, H and W, as `torch.nn.CircularPad3d`; see `functional.pad`."""

    _axes = 3
    _mode = "circular"
