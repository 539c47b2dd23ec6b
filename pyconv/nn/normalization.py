"""Normalisation of each sample by itself, as layers."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from . import functional as F
from . import init
from .arguments import cpu_dtype, layout_name, positive
from .module import Module

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from .._types import Array, Layout


class _Affine(Module):
    """A layer with a weight of ones and a bias of zeros, or None."""

    weight: Array | None
    bias: Array | None

    def _make(self, shape: tuple[int, ...], affine: bool, bias: bool, kind: np.dtype[np.generic]) -> None:
        self.register_parameter("weight", np.empty(shape, kind) if affine else None)
        self.register_parameter("bias", np.empty(shape, kind) if affine and bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class LayerNorm(_Affine):
    """Normalise over the last axes, as `torch.nn.LayerNorm`; see `functional.layer_norm`.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The last axes.
    eps : float
        Added to the variance.
    elementwise_affine : bool
        Whether to have a weight and a bias.
    bias : bool
        Whether, if so, to have a bias.
    device : None or 'cpu'
        For torch's sake.
    dtype : float32, float64, float16 or bfloat16
        Of parameters, input and result; float32 if None.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> nn.LayerNorm(3)
    LayerNorm((3,), eps=1e-05, elementwise_affine=True, bias=True)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: object = None,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        super().__init__()
        sizes = normalized_shape if np.iterable(normalized_shape) else (normalized_shape,)
        self.normalized_shape = tuple(map(operator.index, sizes))
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._make(self.normalized_shape, elementwise_affine, bias, cpu_dtype(device, dtype))

    def forward(self, input: Array) -> Array:
        """Return an array of the same shape."""
        held = self._parameters
        return F.layer_norm(input, self.normalized_shape, held["weight"], held["bias"], self.eps)

    def extra_repr(self) -> str:
        bias = self._parameters["bias"] is not None
        affine = self.elementwise_affine
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={affine}, bias={bias}"


class GroupNorm(_Affine):
    """Normalise groups of channels of each sample, as `torch.nn.GroupNorm`; see `functional.group_norm`.

    Parameters
    ----------
    num_groups, num_channels : int
        The first divides the second.
    eps : float
        Added to the variance.
    affine : bool
        Whether to have a weight and a bias for each channel.
    device : None or 'cpu'
        For torch's sake.
    dtype : float32, float64, float16 or bfloat16
        Of parameters, input and result; float32 if None.
    bias : bool
        Whether, if `affine`, to have a bias.
    layout : 'NCHW' or 'NHWC'
        Channels second, or last.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.GroupNorm(2, 6)
    GroupNorm(2, 6, eps=1e-05, affine=True, bias=True)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: object = None,
        dtype: npt.DTypeLike | None = None,
        *,
        bias: bool = True,
        layout: Layout = "NCHW",
    ) -> None:
        super().__init__()
        self.num_groups = positive("num_groups", num_groups)
        self.num_channels = positive("num_channels", num_channels)
        if num_channels % num_groups:
            raise ValueError(f"num_channels must be divisible by num_groups, got {num_channels} and {num_groups}")
        self.eps = eps
        self.affine = affine
        self.layout = layout_name(layout)
        self._make((num_channels,), affine, bias, cpu_dtype(device, dtype))

    def forward(self, input: Array) -> Array:
        """Return an array of the same shape."""
        held = self._parameters
        return F.group_norm(input, self.num_groups, held["weight"], held["bias"], self.eps, layout=self.layout)

    def extra_repr(self) -> str:
        bias = self._parameters["bias"] is not None
        text = f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={bias}"
        return text if self.layout == "NCHW" else f"{text}, layout={self.layout}"


class LocalResponseNorm(Module):
    """Divide by the mean square of neighbouring channels; see `functional.local_response_norm`.

    Examples
    --------
    >>> from pyconv import nn
    >>> nn.LocalResponseNorm(2)
    LocalResponseNorm(2, alpha=0.0001, beta=0.75, k=1.0)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Array) -> Array:
        """Return an array of the same shape."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
