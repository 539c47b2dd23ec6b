"""ncnn: a network of one layer, its memory from pools so that results cost no page faults; one image a run."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import ncnn
import numpy as np
from problem import AVGPOOL, CONV, TRANSPOSED

from .case import Array, Case, Prepared, require


class Ncnn:
    version: str = ncnn.__version__

    def __init__(self, threads: int) -> None:
        self.threads = threads
        ncnn.set_omp_num_threads(threads)

    def prepare(self, case: Case) -> Prepared:
        require(case.dtype == "float32", "ncnn computes in float32")
        net = self._network(case)
        require(not case.problem.bytes, "a float layer takes floats")
        images = [ncnn.Mat(image).clone() for image in case.data()[0]]

        def run() -> list[Any]:
            results = []
            for image in images:
                extractor = net.create_extractor()
                extractor.input("x", image)
                results.append(extractor.extract("y")[1])
            return results

        def to_nchw(results: list[Any]) -> Array:
            return np.stack([np.array(result) for result in results]).reshape(case.out_shape)

        return Prepared({"extract": run}, to_nchw)

    def _network(self, case: Case) -> Any:
        net = ncnn.Net()
        self.pools = (ncnn.PoolAllocator(), ncnn.PoolAllocator())
        net.opt.blob_allocator, net.opt.workspace_allocator = self.pools
        net.opt.num_threads = self.threads
        # float32 throughout, as every other side; Winograd stays on, as it comes.
        for narrow in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage", "int8_inference"):
            setattr(net.opt, f"use_{narrow}", False)
        with tempfile.TemporaryDirectory() as folder:
            param, weights = Path(folder, "layer.param"), Path(folder, "layer.bin")
            param.write_text(f"7767517\n2 2\nInput x 0 1 x\n{layer_line(case)}\n")
            weights.write_bytes(weight_bytes(case))
            require(net.load_param(str(param)) == 0 and net.load_model(str(weights)) == 0, "ncnn refuses the layer")
        return net


def layer_line(case: Case) -> str:
    """The layer in ncnn's text format: numbered parameters, those of the height from 11 on, of the depth from 21."""
    p = case.problem
    if p.has_weights:
        require(p.boundary == "zeros", "ncnn's convolution pads with zeros")
        kind = "Convolution" if p.operation == CONV else "Deconvolution"
        kind += "DepthWise" if p.groups > 1 else ""
        fields = [f"0={p.oc}", f"5={int(p.bias)}", f"6={p.weight_elements}"]
        fields += [f"7={p.groups}"] if p.groups > 1 else []
        spatial = [(1, p.kernel), (2, p.dilation), (3, p.stride), (4, p.padding)]
    else:
        require(set(p.dilation) == {1}, "ncnn's pooling has no dilation")
        kind, average = "Pooling", p.operation == AVGPOOL
        fields = [f"0={int(average)}", f"4={int(p.covers_image)}", f"5={int(not p.ceil_mode)}"]
        fields += [f"6={int(p.include_pad)}"] if average else []
        spatial = [(1, p.kernel), (2, p.stride), (3, p.padding)]
    fields += [f"{10 * axis + number}={size}" for number, sizes in spatial for axis, size in enumerate(sizes[::-1])]
    # Right, bottom and behind have numbers of their own: padding of a pooling, output padding of a transposed layer.
    ends = (p.padding, 14) if kind == "Pooling" else (p.output_padding, 18)
    fields += [f"{number}={size}" for number, size in enumerate(ends[0][::-1], ends[1])]
    return f"{kind}{'' if p.rank == 2 else f'{p.rank}D'} layer 1 1 x y {' '.join(fields)}"


def weight_bytes(case: Case) -> bytes:
    p = case.problem
    if not p.has_weights:
        return b""
    _, weight, bias = case.data()
    if p.operation == TRANSPOSED:  # each group's outputs first
        weight = weight.reshape(p.groups, p.ic // p.groups, p.oc // p.groups, *p.kernel).swapaxes(1, 2)
    # Four zero bytes say "float32 follows"; the bias comes without them.
    return bytes(4) + weight.tobytes() + (b"" if bias is None else bias.tobytes())
