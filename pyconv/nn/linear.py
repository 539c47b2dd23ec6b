"""The fully connected layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._native import PackedLinear
from ..runtime import explanation
from . import functional as F
from . import init
from .arguments import cpu_dtype, positive
from .module import Module

if TYPE_CHECKING:
    import numpy.typing as npt

    from .._types import Array


class Linear(Module):
    """``input @ weight.T + bias``, as `torch.nn.Linear`. In eval mode the weights stay packed, as in `Conv2d`.

    Parameters
    ----------
    in_features, out_features : int
        Size of the last axis of input and result.
    bias : bool
        Whether to add a number to each output.
    device : None or 'cpu'
        For torch's sake.
    dtype : float32, float64, float16 or bfloat16
        Of weights, input and result; float32 if None.

    Attributes
    ----------
    weight : ndarray, (out_features, in_features)
    bias : ndarray, (out_features,), or None
        Both start uniform within 1 / sqrt(in_features).

    Raises
    ------
    ValueError, TypeError
        Arguments out of range, or of the wrong type; when called, what `functional.linear` raises.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> layer = nn.Linear(4, 2)
    >>> layer
    Linear(in_features=4, out_features=2, bias=True)
    >>> layer(np.ones((10, 4), dtype=np.float32)).shape
    (10, 2)
    """

    weight: Array
    bias: Array | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: object = None,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        super().__init__()
        self.in_features = positive("in_features", in_features)
        self.out_features = positive("out_features", out_features)
        kind = cpu_dtype(device, dtype)
        self.weight = np.empty((out_features, in_features), kind)
        self.register_parameter("bias", np.empty(out_features, kind) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features)
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Array) -> Array:
        """Return the result for an array (..., in_features)."""
        held = self._parameters
        if self.training:
            return F.linear(input, held["weight"], held["bias"])  # type: ignore[arg-type]
        packed = self._packed
        if packed is None:
            packed = PackedLinear(held["weight"], held["bias"])  # type: ignore[arg-type]
            self.__dict__["_packed"] = packed
        return packed(input)  # type: ignore[no-any-return]

    def _in_halves(self) -> bool:
        weight = self._parameters["weight"]
        return weight is not None and weight.itemsize == 2

    def _explain(self, input: Array) -> dict[str, Any]:
        held = self._parameters
        if self._in_halves():
            return explanation(F.linear, input, held["weight"], held["bias"])
        return PackedLinear(held["weight"], held["bias"]).explain(input)  # type: ignore[arg-type]

    def extra_repr(self) -> str:
        bias = self._parameters["bias"] is not None
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={bias}"
