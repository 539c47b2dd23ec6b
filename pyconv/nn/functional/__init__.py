"""Operators on NumPy arrays, with the names and arguments of `torch.nn.functional`."""

from .activation import relu, softmax
from .conv import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
from .linear import linear
from .norm import batch_norm
from .pool import adaptive_avg_pool2d, avg_pool2d, max_pool2d
from .separable import filter2d_separable
from .shape import flatten

__all__ = [
    "adaptive_avg_pool2d",
    "avg_pool2d",
    "batch_norm",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "filter2d_separable",
    "flatten",
    "linear",
    "max_pool2d",
    "relu",
    "softmax",
]
