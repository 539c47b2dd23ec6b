"""OpenCV's filter2D and sepFilter2D, plane by plane, into an array that stays. Filters only."""

from __future__ import annotations

import cv2
import numpy as np

from .case import Array, Case, Prepared, require
from .planes import filters, keeps_size


class OpenCv:
    version: str = cv2.__version__

    def __init__(self, threads: int) -> None:
        cv2.setNumThreads(threads)

    def prepare(self, case: Case) -> Prepared:
        planes = filters(case)
        require(keeps_size(case), "filter2D keeps the size")
        x, _, bias = case.data()
        out = np.empty(case.out_shape, case.dtype)
        offsets = [0.0] * case.problem.oc if bias is None else [float(b) for b in bias]

        depth = -1  # the input's
        if case.problem.bytes:
            depth = cv2.CV_32F if case.dtype == "float32" else cv2.CV_64F

        def run() -> Array:
            for n, c, k, kernel in planes:
                cv2.filter2D(x[n, c], depth, kernel, out[n, k], (-1, -1), offsets[k], cv2.BORDER_CONSTANT)
            return out

        calls = {"filter2D": run}
        if case.problem.separable:
            columns, rows = case.problem.factors(case.dtype)

            def run_separable() -> Array:
                for n, c, k, _ in planes:
                    cv2.sepFilter2D(
                        x[n, c], depth, rows[k], columns[k], out[n, k], (-1, -1), offsets[k], cv2.BORDER_CONSTANT
                    )
                return out

            calls["sepFilter2D"] = run_separable
        return Prepared(calls)
