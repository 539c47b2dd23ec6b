"""OpenVINO's CPU plugin: the model is compiled once for latency, in float32; input and output buffers stay."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import openvino

from .case import Array, Case, Prepared, require
from .onnx_model import onnx_model


class OpenVino:
    version: str = openvino.__version__.partition("-")[0]

    def __init__(self, threads: int) -> None:
        self.core = openvino.Core()
        self.config = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            # Its default may be bfloat16 where the CPU has it.
            "INFERENCE_PRECISION_HINT": "f32",
        }

    def prepare(self, case: Case) -> Prepared:
        require(case.dtype == "float32", "the CPU plugin computes in float32")
        model = self.core.read_model(onnx_model(case))
        request = self.core.compile_model(model, "CPU", self.config).create_infer_request()
        # The tensors borrow this memory: it must live as long as the request.
        x, out = case.data()[0], np.empty(case.out_shape, case.dtype)
        request.set_input_tensor(openvino.Tensor(x, shared_memory=True))
        request.set_output_tensor(openvino.Tensor(out, shared_memory=True))

        def to_nchw(_: Any, borrowed: tuple[Array, Array] = (x, out)) -> Array:
            return borrowed[1]

        return Prepared({"infer": partial(request.infer, share_inputs=True, share_outputs=True)}, to_nchw)
