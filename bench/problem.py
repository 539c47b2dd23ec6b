"""Problem files: one named layer a line, the same files that the C program `pyconv_bench` reads.

The grammar is in bench/README.md and, as C, in bench/problem.c; `tests/test_bench.py` runs every file through this one.
A problem has no batch, dtype, layout or thread count: those belong to a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

KINDS = ("conv2d", "maxpool2d", "avgpool2d")
BOUNDARIES = ("zeros", "reflect", "replicate", "circular")

_SPATIAL = {"i": "size", "k": "kernel", "s": "stride", "p": "padding", "d": "dilation"}
_KEYS = {
    "conv2d": {"ic", "oc", "g", "bias", "bytes", "separable"},
    "maxpool2d": {"c", "ceil"},
    "avgpool2d": {"c", "ceil", "include_pad"},
}

Pair = tuple[int, int]
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Problem:
    """One layer. Pairs are (height, width); for pooling `ic == oc` is the number of channels."""

    kind: str
    name: str
    ic: int
    oc: int
    groups: int
    size: Pair
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    boundary: str = "zeros"
    bias: bool = False
    ceil_mode: bool = False
    include_pad: bool = True
    separable: bool = False
    bytes: bool = False
    file: str = ""

    @property
    def out(self) -> Pair:
        """Output height and width; not positive where the kernel does not fit."""
        return self._out(0), self._out(1)

    def _out(self, axis: int) -> int:
        n, k, s = self.size[axis], self.kernel[axis], self.stride[axis]
        p, d = self.padding[axis], self.dilation[axis]
        room = n + 2 * p - d * (k - 1) - 1
        if room < 0:
            return 0
        count = (room + (s - 1 if self.ceil_mode else 0)) // s + 1
        if self.ceil_mode and (count - 1) * s >= n + p:
            count -= 1
        return count

    @property
    def covers_image(self) -> bool:
        """Whether there is one window, of the size of the image."""
        return self.out == (1, 1) and self.kernel == self.size and self.padding == (0, 0)

    @property
    def taps(self) -> int:
        """Multiply-adds of one output."""
        if self.separable:
            return self.kernel[0] + self.kernel[1]
        return self.ic // self.groups * self.kernel[0] * self.kernel[1]

    @property
    def flops(self) -> int:
        """Of the direct algorithm on one image, two a multiply-add; 0 for pooling."""
        return 2 * self.oc * self.out[0] * self.out[1] * self.taps if self.kind == "conv2d" else 0

    @property
    def weight_elements(self) -> int:
        return self.oc * self.taps if self.kind == "conv2d" else 0

    def moved_bytes(self, batch: int, itemsize: int) -> int:
        """What must be read and written at the least: input, weights and output, once each."""
        read = self.ic * self.size[0] * self.size[1] * (1 if self.bytes else itemsize)
        written = self.oc * self.out[0] * self.out[1] * itemsize
        return batch * (read + written) + itemsize * self.weight_elements

    @property
    def shape(self) -> str:
        """For people: ``64x56x56 -> 64x56x56 3x3 p1``, without what has its usual value; ``5+7`` is separable."""
        text = "{}x{}x{} -> {}x{}x{} ".format(self.ic, *self.size, self.oc, *self.out)
        text += ("{}+{}" if self.separable else "{}x{}").format(*self.kernel)
        for key, pair, usual in (("s", self.stride, 1), ("p", self.padding, 0), ("d", self.dilation, 1)):
            if pair != (usual, usual):
                text += f" {key}{pair[0]}" if pair[0] == pair[1] else f" {key}{pair[0]}x{pair[1]}"
        text += "" if self.groups == 1 else f" g{self.groups}"
        return f"{text} uint8" if self.bytes else text

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Problem:
        restored: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
        return cls(**restored)

    def data(self, batch: int, dtype: str, seed: int = 0) -> tuple[Array, Array, Array | None]:
        """Input (NCHW), weight and bias: the same random numbers, none of them zero, wherever they are made."""
        draw = _Draw(dtype, seed)
        shape = (batch, self.ic, *self.size)
        x = draw.rng.integers(1, 256, shape, np.uint8) if self.bytes else draw(*shape)
        if self.separable:
            column, row = self.factors(dtype, seed)
            weight = (column[:, None, :, None] * row[:, None, None, :]).astype(dtype)
        else:
            weight = draw(self.oc, self.ic // self.groups, *self.kernel)
        return aligned(x), weight, draw(self.oc) if self.bias else None

    def factors(self, dtype: str, seed: int = 0) -> tuple[Array, Array]:
        """Of separable kernels: columns (C, KH) and rows (C, KW)."""
        draw = _Draw(dtype, seed + 1)
        return draw(self.oc, self.kernel[0]), draw(self.oc, self.kernel[1])


class _Draw:
    def __init__(self, dtype: str, seed: int) -> None:
        self.dtype, self.rng = dtype, np.random.default_rng(seed)

    def __call__(self, *shape: int) -> Array:
        sign = 2.0 * self.rng.integers(0, 2, shape) - 1.0
        drawn: Array = (sign * self.rng.uniform(0.0625, 1.0, shape)).astype(self.dtype)
        return drawn


def aligned(x: Array) -> Array:
    """Return `x` on a 64-byte boundary, where libraries put their own tensors; NumPy puts its arrays beside one."""
    memory = np.empty(x.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    result = memory[start : start + x.nbytes].view(x.dtype).reshape(x.shape)
    result[...] = x
    return result


def parse_line(line: str, file: str = "") -> Problem | None:
    """Return the line's problem, None for a blank line or a comment; ValueError says what is wrong with any other."""
    words = line.partition("#")[0].split()
    if not words:
        return None
    kind = words[0]
    if kind not in KINDS:
        raise ValueError(f"unknown kind of problem {kind!r}")
    fields: dict[str, Any] = {"kind": kind, "name": "", "boundary": "zeros", "file": file}
    numbers = {"ic": 0, "oc": 0, "g": 1, "bias": 0, "ceil": 0, "include_pad": 1, "separable": 0, "bytes": 0}
    spatial = {"size": [0, 0], "kernel": [0, 0], "stride": [0, 0], "padding": [0, 0], "dilation": [1, 1]}
    for word in words[1:]:
        key, equals, text = word.partition("=")
        if not equals:
            raise ValueError(f"{word!r} is not key=value")
        if key == "name":
            fields["name"] = text
        elif key == "boundary" and kind == "conv2d":
            fields["boundary"] = text
        else:
            _set_number(kind, key, text, numbers, spatial)
    for axis in range(2):
        spatial["stride"][axis] = spatial["stride"][axis] or (1 if kind == "conv2d" else spatial["kernel"][axis])
    fields.update({key: tuple(pair) for key, pair in spatial.items()})
    fields.update(ic=numbers["ic"], oc=numbers["oc"], groups=numbers["g"])
    fields.update(bias=bool(numbers["bias"]), ceil_mode=bool(numbers["ceil"]))
    fields.update(include_pad=bool(numbers["include_pad"]), separable=bool(numbers["separable"]))
    fields.update(bytes=bool(numbers["bytes"]))
    problem = Problem(**fields)
    _validate(problem)
    return problem


def _set_number(kind: str, key: str, text: str, numbers: dict[str, int], spatial: dict[str, list[int]]) -> None:
    if not text.isdecimal():
        raise ValueError(f"{key}={text} is not a non-negative integer")
    value = int(text)
    if key in _KEYS[kind]:
        for target in ("ic", "oc") if key == "c" else (key,):
            numbers[target] = value
    elif key[:1] in _SPATIAL and key[1:] in ("", "h", "w") and (kind, key[0]) != ("avgpool2d", "d"):
        pair = spatial[_SPATIAL[key[0]]]
        for axis, letter in enumerate("hw"):
            if key[1:] in ("", letter):
                pair[axis] = value
    else:
        raise ValueError(f"{kind} has no key {key!r}")


def _validate(p: Problem) -> None:
    if not 1 <= len(p.name) <= 63:
        raise ValueError("name= must be given, with 1 to 63 characters")
    if p.boundary not in BOUNDARIES:
        raise ValueError(f"unknown boundary {p.boundary!r}")
    if p.ic < 1 or p.oc < 1:
        raise ValueError("ic= and oc= (or c=) must be given")
    if p.groups < 1 or p.ic % p.groups or p.oc % p.groups:
        raise ValueError(f"channels are not divisible by g={p.groups}")
    if p.separable and not p.ic == p.oc == p.groups:
        raise ValueError("separable=1 is for ic = oc = g")
    if min(*p.size, *p.kernel, *p.stride, *p.dilation) < 1:
        raise ValueError("ih=, iw= and k= must be given; s= and d= are at least 1")
    if min(p.out) < 1:
        raise ValueError("the dilated kernel is larger than the padded input")


def load(path: str | Path) -> Iterator[Problem]:
    """Yield a file's problems; ValueError names the file and the line."""
    path = Path(path)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            problem = parse_line(line, path.stem)
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from None
        if problem is not None:
            yield problem
