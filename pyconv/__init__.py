"""pyconv: convolution and pooling on CPUs, with torch's names, on NumPy arrays.

`pyconv.nn.functional` computes, `pyconv.nn` has layers, `pyconv.reference` says in plain NumPy what every function
means.

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
    from . import reference

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
    # The reference is for tests and readers: loaded at first use, so that it costs nobody else an import.
    if name == "reference":
        import importlib

        return importlib.import_module(".reference", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
