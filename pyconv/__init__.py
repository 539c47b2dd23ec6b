"""pyconv: convolution and pooling on CPUs, with torch's names, on NumPy arrays.

`pyconv.nn.functional` computes, `pyconv.nn` has layers, `pyconv.image` filters with SciPy's names,
`pyconv.reference` says in plain NumPy what every function means.

Examples
--------
>>> import numpy as np
>>> import pyconv.nn.functional as F
>>> image = np.ones((1, 1, 4, 4), dtype=np.float32)
>>> kernel = np.ones((1, 1, 3, 3), dtype=np.float32)
>>> F.conv2d(image, kernel)[0, 0]
array([[9., 9.],
       [9., 9.]], dtype=float32)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import nn
from ._native import __version__
from .runtime import (
    Explanation,
    algorithms,
    available_isas,
    cached_bytes,
    compiler,
    explain,
    get_cache_limit,
    get_num_threads,
    get_precision,
    isa,
    set_cache_limit,
    set_isa,
    set_num_threads,
    set_precision,
    threads,
)

if TYPE_CHECKING:
    from . import image, reference

__all__ = [
    "Explanation",
    "__version__",
    "algorithms",
    "available_isas",
    "cached_bytes",
    "compiler",
    "explain",
    "get_cache_limit",
    "get_num_threads",
    "get_precision",
    "image",
    "isa",
    "nn",
    "reference",
    "set_cache_limit",
    "set_isa",
    "set_num_threads",
    "set_precision",
    "threads",
]


def __getattr__(name: str) -> Any:
    # Loaded at first use, so that they cost nobody else an import: the reference is for tests and readers.
    if name in ("image", "reference"):
        import importlib

        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
