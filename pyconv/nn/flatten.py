"""Changes of shape as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import functional as F
from .module import Module

if TYPE_CHECKING:
    from .._types import Array


class Flatten(Module):
    """Make the axes from `start_dim` to `end_dim` into one; by default all but the batch. See `functional.flatten`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> nn.Flatten()
    Flatten(start_dim=1, end_dim=-1)
    >>> nn.Flatten()(np.zeros((2, 16, 5, 5))).shape
    (2, 400)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Array) -> Array:
        """Return a view where the strides allow one."""
        return F.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
