"""Layers made into one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..batchnorm import BatchNorm2d
from ..conv import Conv2d
from ..functional.norm import folded

if TYPE_CHECKING:
    from ..module import Module


def fuse_conv_bn_eval(conv: Conv2d, bn: BatchNorm2d) -> Conv2d:
    """Return a convolution that computes ``bn(conv(x))``, as `torch.nn.utils.fusion.fuse_conv_bn_eval`.

    Its weights and bias are, computed in float64 and rounded once::

        conv.weight[o] * scale[o]                   scale = bn.weight / sqrt(bn.running_var + bn.eps)
        conv.bias[o] * scale[o] + shift[o]          shift = bn.bias - bn.running_mean * scale

    It differs from the two layers by rounding. Later changes to them do not reach it; a `Sequential` of the two in eval
    mode computes the same bits, and notices changes.

    Parameters
    ----------
    conv : Conv2d
    bn : BatchNorm2d
        Both in eval mode, of one layout, one dtype, and one number of channels, and `bn` with running statistics.

    Returns
    -------
    Conv2d
        A copy of `conv`, in eval mode, with weights of its own and a bias.

    Raises
    ------
    ValueError
        A layer in training mode, a `bn` without running statistics, layouts or numbers of channels that differ.
    TypeError
        Other layers, or dtypes that differ.

    Examples
    --------
    >>> import numpy as np
    >>> from pyconv import nn
    >>> conv, bn = nn.Conv2d(3, 8, 3, bias=False).eval(), nn.BatchNorm2d(8).eval()
    >>> fused = nn.utils.fuse_conv_bn_eval(conv, bn)
    >>> x = np.ones((1, 3, 8, 8), dtype=np.float32)
    >>> bool(np.allclose(fused(x), bn(conv(x)), atol=1e-5))
    True
    """
    import copy  # here, because nothing else of the package needs it

    wanted: tuple[tuple[str, Module, type[Module]], ...] = (("conv", conv, Conv2d), ("bn", bn, BatchNorm2d))
    for name, module, kind in wanted:
        if not isinstance(module, kind):
            raise TypeError(f"fuse_conv_bn_eval: {name} must be a {kind.__name__}, not {type(module).__name__}")
        if module.training:
            raise ValueError(f"fuse_conv_bn_eval: {name} must be in eval mode")
    if not bn._tracked():
        raise ValueError("fuse_conv_bn_eval: bn must have running statistics")
    if conv.layout != bn.layout:
        raise ValueError(f"fuse_conv_bn_eval: conv has layout {conv.layout!r}, bn {bn.layout!r}")
    weight, bias = conv._arguments()[:2]
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = folded(weight, bias, bn._vectors(), bn.eps)
    return fused
