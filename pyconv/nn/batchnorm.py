"""Batch normalisation as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from . import functional as F
from . import init
from .arguments import cpu_dtype, layout_name, positive
from .module import Module

if TYPE_CHECKING:
    import numpy.typing as npt

    from .._types import Array, Layout


class _BatchNorm(Module):
    """What the layers of one, two and three dimensions share; they differ in the inputs that they take."""

    weight: Array | None
    bias: Array | None
    running_mean: Array | None
    running_var: Array | None
    num_batches_tracked: Array | None
    _ranks: ClassVar[tuple[int, ...]] = ()

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: object = None,
        dtype: npt.DTypeLike | None = None,
        *,
        bias: bool = True,
        layout: Layout = "NCHW",
    ) -> None:
        super().__init__()
        self.num_features = positive("num_features", num_features)
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.layout = layout_name(layout)
        kind = cpu_dtype(device, dtype)
        self.register_parameter("weight", np.empty(num_features, kind) if affine else None)
        self.register_parameter("bias", np.empty(num_features, kind) if affine and bias else None)
        self.register_buffer("running_mean", np.empty(num_features, kind) if track_running_stats else None)
        self.register_buffer("running_var", np.empty(num_features, kind) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", np.empty((), np.int64) if track_running_stats else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget every batch: mean 0, variance 1, no batch counted."""
        for name, value in (("running_mean", 0.0), ("running_var", 1.0), ("num_batches_tracked", 0)):
            array = getattr(self, name)
            if array is not None:
                init.constant_(array, value)

    def reset_parameters(self) -> None:
        """Set the weight to 1, the bias to 0, and forget every batch."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _vectors(self) -> tuple[Array | None, ...]:
        """Return running mean, running variance, weight and bias, in the order in which functions take them."""
        arrays, parameters = self._buffers, self._parameters
        return arrays["running_mean"], arrays["running_var"], parameters["weight"], parameters["bias"]

    def _tracked(self) -> bool:
        """Whether eval mode normalises by running statistics, which can be folded into the layer before."""
        return self._buffers["running_mean"] is not None and self._buffers["running_var"] is not None

    def forward(self, input: Array) -> Array:
        """Return an array of the same shape; in training mode, update the running statistics."""
        if isinstance(input, np.ndarray) and input.ndim not in self._ranks:
            wanted = " or ".join(f"{rank}D" for rank in self._ranks)
            raise ValueError(f"{type(self).__name__}: expected {wanted} input, got shape {input.shape}")
        mean, var, weight, bias = self._vectors()
        training = self.training or (mean is None and var is None)
        tracks = self.training and self.track_running_stats
        if self.training and not tracks:
            mean = var = None
        count = self._buffers["num_batches_tracked"] if tracks and np.size(input) else None
        momentum = self.momentum
        if momentum is None:
            momentum = 0.0 if count is None else 1 / (int(count) + 1)
        result = F.batch_norm(input, mean, var, weight, bias, training, momentum, self.eps, layout=self.layout)
        if count is not None:
            count += 1
        return result

    def extra_repr(self) -> str:
        text = (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self._parameters['bias'] is not None}, track_running_stats={self.track_running_stats}"
        )
        return text if self.layout == "NCHW" else f"{text}, layout={self.layout}"


class BatchNorm2d(_BatchNorm):
    """Normalise each channel of a batch of images, as `torch.nn.BatchNorm2d`; see `functional.batch_norm`.

    In training mode by the batch's own mean and variance, in eval mode by running averages of those of the batches
    before. In a `Sequential` in eval mode it is folded into the `Conv2d` before it, which rounds otherwise; see there.

    Source: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
    Shift", ICML 2015, https://arxiv.org/abs/1502.03167.

    Parameters
    ----------
    num_features : int
        Channels of input and result.
    eps : float
        Added to the variance.
    momentum : float or None
        How much of the running statistics a batch replaces. None makes them the average over all batches, of which an
        empty one, unlike torch's, is not counted.
    affine : bool
        Whether to have a weight and a bias.
    track_running_stats : bool
        Whether to have running statistics; without, eval mode normalises by the batch, too.
    device : None or 'cpu'
        For torch's sake.
    dtype : float32, float64, float16 or bfloat16
        Of parameters, statistics, input and result; float32 if None.
    bias : bool
        Whether, if `affine`, to have a bias.
    layout : 'NCHW' or 'NHWC'
        Order of the axes of input and result: channels second, or last.

    Attributes
    ----------
    weight, bias : ndarray, (num_features,), or None
        1 and 0 at first.
    running_mean, running_var : ndarray, (num_features,), or None
        0 and 1 at first.
    num_batches_tracked : ndarray of int64, (), or None
        Batches seen in training mode.

    Raises
    ------
    ValueError, TypeError
        Arguments out of range, or of the wrong type; when called, an input that has not 4 axes, and what
        `functional.batch_norm` raises.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> layer = nn.BatchNorm2d(2)
    >>> layer
    BatchNorm2d(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    >>> x = np.arange(16, dtype=np.float32).reshape(2, 2, 2, 2)
    >>> layer(x).mean(axis=(0, 2, 3)).round(4) + 0.0
    array([0., 0.], dtype=float32)
    >>> layer.running_mean
    array([0.55, 0.95], dtype=float32)
    """

    _ranks = (4,)


class BatchNorm1d(_BatchNorm):
    """Normalise each channel of an array (N, C) or (N, C, L), as `torch.nn.BatchNorm1d`; arguments of `BatchNorm2d`.

    In layout 'NHWC' the channels are last: (N, C) or (N, L, C).

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> nn.BatchNorm1d(2, eps=0).eval()(np.array([[3.0, -1.0]], dtype=np.float32))
    array([[ 3., -1.]], dtype=float32)
    """

    _ranks = (2, 3)


class BatchNorm3d(_BatchNorm):
    """Normalise each channel of an array (N, C, D, H, W), as `torch.nn.BatchNorm3d`; arguments of `BatchNorm2d`.

    In layout 'NHWC' the channels are last: (N, D, H, W, C).

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> nn.BatchNorm3d(2, affine=False)(np.ones((1, 2, 1, 1, 3), dtype=np.float32))[0, :, 0, 0]
    array([[0., 0., 0.],
           [0., 0., 0.]], dtype=float32)
    """

    _ranks = (5,)
