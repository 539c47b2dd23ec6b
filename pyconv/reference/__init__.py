"""What the operators mean, in NumPy alone: the specification that the compiled kernels are tested against.

Written to be read beside the formulas, and importing nothing else of pyconv. Sums are kept in float64, and rounded
once to the input's type at the end, or to `dtype` where one is asked for.
"""

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
