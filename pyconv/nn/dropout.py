"""Layers that do nothing in eval mode, or ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import functional as F
from . import init
from .module import Module

if TYPE_CHECKING:
    from .._types import Array, Generator


class Dropout(Module):
    """In training mode, zero elements at random, as `torch.nn.Dropout`; see `functional.dropout`.

    Without a `generator` of its own, it draws from the one that `nn.init.manual_seed` restarts.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> nn.Dropout(0.25).eval()(np.ones(3))
    array([1., 1., 1.])
    >>> nn.Dropout()
    Dropout(p=0.5, inplace=False)
    """

    def __init__(self, p: float = 0.5, inplace: bool = False, *, generator: Generator | None = None) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p must be from 0 to 1, got {p}")
        self.p = p
        self.inplace = inplace
        self.generator = generator

    def forward(self, input: Array) -> Array:
        """Return an array of the same shape; `input` itself in eval mode."""
        generator = self.generator
        if generator is None and self.training:
            generator = init._default_generator()
        return F.dropout(input, self.p, self.training, self.inplace, generator=generator)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Identity(Module):
    """Return the input; any arguments of the constructor are ignored, as in torch.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.Identity(54, unused=True)
    Identity()
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """Return `input`."""
        return input
