"""Filters of images and other arrays, with the names, arguments and borders of `scipy.ndimage`.

Differences from SciPy: floating-point images compute in their own type, not in float64; filters of several axes round
integers once, at the end, not after each axis; `channel_axis` says which axis holds colours; `rounding` and `overflow`
say how integers are made; mistakes are ValueError or TypeError. Results are the same, bit for bit, on every
instruction set, for every number of threads and whatever axes are not filtered.

Examples
--------
>>> import numpy as np
>>> from pyconv import image
>>> photo = np.zeros((480, 640, 3), np.uint8)
>>> image.gaussian_filter(photo, 2, channel_axis=-1, rounding="nearest").shape
(480, 640, 3)
"""

from .correlate import convolve, convolve1d, correlate, correlate1d, filter_bank
from .edges import gaussian_gradient_magnitude, gaussian_laplace, laplace, prewitt, sobel
from .smooth import gaussian_filter, gaussian_filter1d, uniform_filter, uniform_filter1d

__all__ = [
    "convolve",
    "convolve1d",
    "correlate",
    "correlate1d",
    "filter_bank",
    "gaussian_filter",
    "gaussian_filter1d",
    "gaussian_gradient_magnitude",
    "gaussian_laplace",
    "laplace",
    "prewitt",
    "sobel",
    "uniform_filter",
    "uniform_filter1d",
]
