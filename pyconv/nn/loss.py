"""Losses as layers; see the functions of the same name in `functional`. All have torch's arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import functional as F
from .functional.loss import how
from .module import Module

if TYPE_CHECKING:
    from .._types import Array


class NLLLoss(Module):
    """The negative logarithm of what the right class was given; see `functional.nll_loss`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> nn.NLLLoss()(np.array([[-1.0, -2.0]]), np.array([1]))
    array(2.)
    """

    def __init__(
        self,
        weight: Array | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = how("NLLLoss", size_average, reduce, reduction)

    def forward(self, input: Array, target: Array) -> Array:
        """Return the loss."""
        weight = self._buffers["weight"]
        return F.nll_loss(input, target, weight, ignore_index=self.ignore_index, reduction=self.reduction)


class CrossEntropyLoss(NLLLoss):
    """The cross entropy between a softmax and the target; see `functional.cross_entropy`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> nn.CrossEntropyLoss(reduction="none")(np.zeros((1, 4)), np.array([2])).round(4)
    array([1.3863])
    """

    def __init__(
        self,
        weight: Array | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, ignore_index, reduce, reduction)
        self.label_smoothing = label_smoothing

    def forward(self, input: Array, target: Array) -> Array:
        """Return the loss."""
        return F.cross_entropy(
            input,
            target,
            self._buffers["weight"],
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class MSELoss(Module):
    """The square of the difference; see `functional.mse_loss`.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> nn.MSELoss(reduction="sum")(np.array([1.0, 2.0]), np.array([3.0, 2.0]))
    array(4.)
    """

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = how("MSELoss", size_average, reduce, reduction)

    def forward(self, input: Array, target: Array) -> Array:
        """Return the loss."""
        return F.mse_loss(input, target, reduction=self.reduction)
