"""Activations as layers. Arguments are those of the function of the same name in `functional`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import functional as F
from .arguments import one_of
from .module import Module

if TYPE_CHECKING:
    from .._types import Array


class _InPlace(Module):
    """An activation that can write its result into its input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""

    def _with_inplace(self, text: str) -> str:
        return f"{text}, inplace=True" if self.inplace else text


class ReLU(_InPlace):
    """``max(x, 0)`` of every element; see `functional.relu`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.ReLU(), nn.ReLU(inplace=True)
    (ReLU(), ReLU(inplace=True))
    """

    def forward(self, input: Array) -> Array:
        """Return the result, in `input` itself if the layer works in place."""
        return F.relu(input, self.inplace)


class SiLU(_InPlace):
    """``x * sigmoid(x)``; see `functional.silu`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.SiLU()
    SiLU()
    """

    def forward(self, input: Array) -> Array:
        """Return an array of the same shape."""
        return F.silu(input, self.inplace)


class Hardswish(_InPlace):
    """``x * min(max(x + 3, 0), 6) / 6``; see `functional.hardswish`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.Hardswish(inplace=True)  # printed as torch prints it
    Hardswish()
    """

    def forward(self, input: Array) -> Array:
        """Return an array of the same shape."""
        return F.hardswish(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class Hardtanh(_InPlace):
    """``min(max(x, min_val), max_val)``; see `functional.hardtanh`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.Hardtanh(0.0, 6.0)
    Hardtanh(min_val=0.0, max_val=6.0)
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        if not min_val < max_val:
            raise ValueError(f"Hardtanh: min_val must be less than max_val, got {min_val} and {max_val}")
        self.min_val = min_val
        self.max_val = max_val

    def forward(self, input: Array) -> Array:
        """Return an array of the same shape."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"min_val={self.min_val}, max_val={self.max_val}")


class ReLU6(Hardtanh):
    """``min(max(x, 0), 6)``; see `functional.relu6`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.ReLU6()
    ReLU6()
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class LeakyReLU(_InPlace):
    """``x``, or ``negative_slope * x`` where it is negative; see `functional.leaky_relu`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.LeakyReLU(0.2)
    LeakyReLU(negative_slope=0.2)
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input: Array) -> Array:
        """Return an array of the same shape."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"negative_slope={self.negative_slope}")


class ELU(_InPlace):
    """``x``, or ``alpha * (exp(x) - 1)`` where it is negative; see `functional.elu`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.ELU()
    ELU(alpha=1.0)
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Array) -> Array:
        """Return an array of the same shape."""
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"alpha={self.alpha}")


class GELU(Module):
    """``x * P(x)`` with P the normal distribution; see `functional.gelu`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.GELU("tanh")
    GELU(approximate='tanh')
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = one_of("approximate", approximate, ("none", "tanh"))

    def forward(self, input: Array) -> Array:
        """Return an array of the same shape."""
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class Sigmoid(Module):
    """``1 / (1 + exp(-x))``; see `functional.sigmoid`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.Sigmoid()
    Sigmoid()
    """

    def forward(self, input: Array) -> Array:
        """Return an array of the same shape."""
        return F.sigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent; see `functional.tanh`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.Tanh()
    Tanh()
    """

    def forward(self, input: Array) -> Array:
        """Return an array of the same shape."""
        return F.tanh(input)


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


class LogSoftmax(Softmax):
    """The logarithm of `Softmax`; see `functional.log_softmax`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.LogSoftmax(dim=1)
    LogSoftmax(dim=1)
    """

    def forward(self, input: Array) -> Array:
        """Return an array of the same shape."""
        return F.log_softmax(input, self.dim)
