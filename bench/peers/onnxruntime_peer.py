"""ONNX Runtime's CPU provider: the session is built once, input and output are bound to buffers that stay."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import onnxruntime

from .case import Array, Case, Prepared, Unsupported
from .onnx_model import onnx_model


class OnnxRuntime:
    version: str = onnxruntime.__version__

    def __init__(self, threads: int) -> None:
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = threads
        self.options.inter_op_num_threads = 1
        self.options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.options.log_severity_level = 3

    def prepare(self, case: Case) -> Prepared:
        model = onnx_model(case)
        try:
            session = onnxruntime.InferenceSession(model, self.options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions derive from nothing narrower
            raise Unsupported(str(error).splitlines()[0]) from error
        binding = session.io_binding()
        out = np.empty(case.out_shape, case.dtype)
        result = onnxruntime.OrtValue.ortvalue_from_numpy(out)
        binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(case.data()[0]))
        binding.bind_ortvalue_output("y", result)

        def to_nchw(_: Any) -> Array:
            return result.numpy()  # type: ignore[no-any-return]

        return Prepared({"run_with_iobinding": partial(session.run_with_iobinding, binding)}, to_nchw)
