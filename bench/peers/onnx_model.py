"""A one-node ONNX model of a case, for the libraries that read that format."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import TensorProto, helper, numpy_helper
from problem import MAXPOOL, TRANSPOSED

from .case import Case, require

# Old enough for any reader of the last years, new enough for all that Conv and the poolings are asked for here.
OPSET, IR_VERSION = 17, 8


def onnx_model(case: Case) -> bytes:
    """Serialise the case with its weights as initialisers; input 'x', output 'y'."""
    p = case.problem
    require(p.boundary == "zeros", "ONNX convolution pads with zeros")
    require(not p.bytes, "a float layer takes floats")
    x, weight, bias = case.data()
    element = TensorProto.DOUBLE if case.dtype == "float64" else TensorProto.FLOAT
    attributes: dict[str, Any] = {
        "kernel_shape": p.kernel,
        "strides": p.stride,
        "pads": (*p.padding, *p.padding),
    }
    initialisers = []
    if p.has_weights:
        initialisers = [numpy_helper.from_array(weight, "w")]
        if bias is not None:
            initialisers.append(numpy_helper.from_array(bias, "b"))
        inputs = ["x", *(tensor.name for tensor in initialisers)]
        attributes.update(group=p.groups, dilations=p.dilation)
        if p.operation == TRANSPOSED:
            attributes.update(output_padding=p.output_padding)
        node = helper.make_node("ConvTranspose" if p.operation == TRANSPOSED else "Conv", inputs, ["y"], **attributes)
    elif p.operation == MAXPOOL:
        attributes.update(dilations=p.dilation, ceil_mode=int(p.ceil_mode))
        node = helper.make_node("MaxPool", ["x"], ["y"], **attributes)
    elif p.covers_image:
        node = helper.make_node("GlobalAveragePool", ["x"], ["y"])
    else:
        attributes.update(count_include_pad=int(p.include_pad), ceil_mode=int(p.ceil_mode))
        node = helper.make_node("AveragePool", ["x"], ["y"], **attributes)
    graph = helper.make_graph(
        [node],
        p.name,
        [helper.make_tensor_value_info("x", element, x.shape)],
        [helper.make_tensor_value_info("y", element, case.out_shape)],
        initialisers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model.SerializeToString()  # type: ignore[no-any-return]
