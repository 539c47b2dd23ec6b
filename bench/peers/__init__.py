"""The libraries that bench/compare.py runs, each in a worker process of its own.

`PEERS` maps the name of a side to (module in this package, class, pip package): a new library is one module and one
row.
"""

PEERS = {
    "pyconv": ("pyconv_peer", "Layer", "pyconv-simd"),
    "pyconv-out": ("pyconv_peer", "FunctionalOut", "pyconv-simd"),
    "pyconv-cl": ("pyconv_peer", "LayerChannelsLast", "pyconv-simd"),
    "pyconv-f16": ("pyconv_peer", "LayerFloat16", "pyconv-simd"),
    "pyconv-bf16": ("pyconv_peer", "LayerBFloat16", "pyconv-simd ml_dtypes"),
    "torch": ("torch_peer", "Torch", "torch"),
    "torch-cl": ("torch_peer", "TorchChannelsLast", "torch"),
    "onnxruntime": ("onnxruntime_peer", "OnnxRuntime", "onnxruntime onnx"),
    "openvino": ("openvino_peer", "OpenVino", "openvino onnx"),
    "ncnn": ("ncnn_peer", "Ncnn", "ncnn"),
    "opencv": ("opencv_peer", "OpenCv", "opencv-python-headless"),
    "scipy": ("scipy_peer", "SciPy", "scipy"),
}
OURS = ("pyconv", "pyconv-out", "pyconv-cl")
# Ours with numbers of another type, and how far their results may be from those of float32 (root mean square).
HALVES = {"pyconv-f16": 2e-3, "pyconv-bf16": 1.6e-2}
THEIRS = frozenset(PEERS) - {*OURS, *HALVES}
