"""SciPy: `ndimage.correlate` (of separable filters `correlate1d` too) into an array that stays, `signal.correlate2d`,
`signal.fftconvolve` and `signal.oaconvolve`. Filters only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
from scipy import ndimage, signal

from .case import Array, Case, Prepared, require
from .planes import filters, keeps_size


class SciPy:
    version: str = scipy.__version__

    def __init__(self, threads: int) -> None:
        """None of them uses threads."""

    def prepare(self, case: Case) -> Prepared:
        planes = filters(case)
        same, valid = keeps_size(case), case.problem.padding == (0, 0)
        require(same or valid, "neither 'same' nor 'valid'")
        x, _, bias = case.data()
        out = np.empty(case.out_shape, case.dtype)
        mode = "same" if same else "valid"

        def by(filter_plane: Callable[[Array, Array, Array], Any]) -> Callable[[], Array]:
            def run() -> Array:
                for n, c, k, kernel in planes:
                    filter_plane(x[n, c], kernel, out[n, k])
                    if bias is not None:
                        out[n, k] += bias[k]
                return out

            return run

        def by_ndimage(plane: Array, kernel: Array, result: Array) -> None:
            ndimage.correlate(plane, kernel, result, "constant")

        def by_correlate2d(plane: Array, kernel: Array, result: Array) -> None:
            result[...] = signal.correlate2d(plane, kernel, mode)

        def by_fft(plane: Array, kernel: Array, result: Array) -> None:
            result[...] = signal.fftconvolve(plane, kernel[::-1, ::-1], mode)

        def by_overlap_add(plane: Array, kernel: Array, result: Array) -> None:
            result[...] = signal.oaconvolve(plane, kernel[::-1, ::-1], mode)

        calls = {
            "signal.correlate2d": by(by_correlate2d),
            "signal.fftconvolve": by(by_fft),
            "signal.oaconvolve": by(by_overlap_add),
        }
        if same:
            calls["ndimage.correlate"] = by(by_ndimage)
        if same and case.problem.separable:
            columns, rows = case.problem.factors(case.dtype)

            def by_correlate1d() -> Array:
                for n, c, k, _ in planes:
                    ndimage.correlate1d(x[n, c], columns[k], 0, out[n, k], "constant")
                    ndimage.correlate1d(out[n, k], rows[k], 1, out[n, k], "constant")
                    if bias is not None:
                        out[n, k] += bias[k]
                return out

            calls["ndimage.correlate1d"] = by_correlate1d
        return Prepared(calls)
