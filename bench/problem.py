"""Problem files: one named layer a line, the same files that the C program `pyconv_bench` reads.

The grammar is in bench/README.md and, as C, in bench/problem.c; `tests/test_bench.py` runs every file through this one.
A problem has no batch, dtype, layout or thread count: those belong to a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

CONV, TRANSPOSED, MAXPOOL, AVGPOOL = "conv", "conv_transpose", "maxpool", "avgpool"
BOUNDARIES = ("zeros", "reflect", "replicate", "circular")


@dataclass(frozen=True)
class Kind:
    """A kind of problem: an operation in 1 to 3 dimensions."""

    operation: str
    rank: int


KINDS = {
    f"{operation}{rank}d": Kind(operation, rank)
    for operation in (CONV, TRANSPOSED, MAXPOOL, AVGPOOL)
    for rank in (1, 2, 3)
}

_AXES = "dhw"
_SPATIAL = {"i": "size", "k": "kernel", "s": "stride", "p": "padding", "d": "dilation", "op": "output_padding"}
_NUMBERS = {
    CONV: {"ic", "oc", "g", "bias", "bytes"},
    TRANSPOSED: {"ic", "oc", "g", "bias"},
    MAXPOOL: {"c", "ceil"},
    AVGPOOL: {"c", "ceil", "include_pad"},
}

Sizes = tuple[int, ...]
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Problem:
    """One layer. Sizes are those of the last `rank` of depth, height, width; for pooling `ic == oc` counts channels."""

    kind: str
    name: str
    ic: int
    oc: int
    groups: int
    size: Sizes
    kernel: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    boundary: str = "zeros"
    bias: bool = False
    ceil_mode: bool = False
    include_pad: bool = True
    separable: bool = False
    bytes: bool = False
    output_padding: Sizes = ()  # of a transposed convolution, and of no other
    file: str = ""

    @property
    def operation(self) -> str:
        """One of CONV, TRANSPOSED, MAXPOOL, AVGPOOL."""
        return KINDS[self.kind].operation

    @property
    def rank(self) -> int:
        return KINDS[self.kind].rank

    @property
    def has_weights(self) -> bool:
        """Whether it is a convolution, transposed or not."""
        return self.operation in (CONV, TRANSPOSED)

    @property
    def out(self) -> Sizes:
        """The output's size; not positive where the kernel does not fit."""
        return tuple(self._out(axis) for axis in range(self.rank))

    def _out(self, axis: int) -> int:
        n, s, p = self.size[axis], self.stride[axis], self.padding[axis]
        reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        if self.operation == TRANSPOSED:
            return (n - 1) * s - 2 * p + reach + self.output_padding[axis]
        room = n + 2 * p - reach
        if room < 0:
            return 0
        count = (room + (s - 1 if self.ceil_mode else 0)) // s + 1
        if self.ceil_mode and (count - 1) * s >= n + p:
            count -= 1
        return count

    @property
    def covers_image(self) -> bool:
        """Whether there is one window, of the size of the image."""
        return prod(self.out) == 1 and self.kernel == self.size and not any(self.padding)

    @property
    def taps(self) -> int:
        """Weights of an output channel; of a convolution also the multiply-adds of one output."""
        if self.separable:
            return sum(self.kernel)
        return self.ic // self.groups * prod(self.kernel)

    @property
    def flops(self) -> int:
        """Of the direct algorithm on one image, two a multiply-add; 0 for pooling.

        A transposed convolution multiplies each input by each tap.
        """
        if not self.has_weights:
            return 0
        return 2 * self.oc * self.taps * prod(self.size if self.operation == TRANSPOSED else self.out)

    @property
    def weight_elements(self) -> int:
        return self.oc * self.taps if self.has_weights else 0

    def moved_bytes(self, batch: int, itemsize: int) -> int:
        """What must be read and written at the least: input, weights and output, once each."""
        read = self.ic * prod(self.size) * (1 if self.bytes else itemsize)
        written = self.oc * prod(self.out) * itemsize
        return batch * (read + written) + itemsize * self.weight_elements

    @property
    def shape(self) -> str:
        """For people: ``64x56x56 -> 64x56x56 3x3 p1``, without what has its usual value.

        ``5+7`` is separable, ``k5`` the kernel of a line.
        """
        text = f"{_by(self.ic, *self.size)} -> {_by(self.oc, *self.out)} " + ("k" if self.rank == 1 else "")
        text += ("+" if self.separable else "x").join(map(str, self.kernel))
        settings = (("s", self.stride, 1), ("p", self.padding, 0), ("d", self.dilation, 1))
        for key, sizes, usual in (*settings, ("op", self.output_padding, 0)):
            if set(sizes) - {usual}:
                text += f" {key}" + (str(sizes[0]) if len(set(sizes)) == 1 else _by(*sizes))
        text += "" if self.groups == 1 else f" g{self.groups}"
        text += " transposed" if self.operation == TRANSPOSED else ""
        return f"{text} uint8" if self.bytes else text

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Problem:
        restored: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
        return cls(**restored)

    def data(self, batch: int, dtype: str, seed: int = 0) -> tuple[Array, Array, Array | None]:
        """Input (channels first), weight and bias: the same random numbers, none of them zero, wherever made."""
        draw = _Draw(dtype, seed)
        shape = (batch, self.ic, *self.size)
        x = draw.rng.integers(1, 256, shape, np.uint8) if self.bytes else draw(*shape)
        if self.separable:
            column, row = self.factors(dtype, seed)
            weight = (column[:, None, :, None] * row[:, None, None, :]).astype(dtype)
        else:
            first, second = (self.ic, self.oc) if self.operation == TRANSPOSED else (self.oc, self.ic)
            weight = draw(first, second // self.groups, *self.kernel)
        return aligned(x), weight, draw(self.oc) if self.bias else None

    def factors(self, dtype: str, seed: int = 0) -> tuple[Array, Array]:
        """Of separable kernels: columns (C, KH) and rows (C, KW)."""
        draw = _Draw(dtype, seed + 1)
        return draw(self.oc, self.kernel[0]), draw(self.oc, self.kernel[1])


def _by(*sizes: int) -> str:
    return "x".join(map(str, sizes))


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
    rank, conv = KINDS[kind].rank, KINDS[kind].operation == CONV
    fields: dict[str, Any] = {"kind": kind, "name": "", "boundary": "zeros", "file": file}
    numbers = {"ic": 0, "oc": 0, "g": 1, "bias": 0, "ceil": 0, "include_pad": 1, "separable": 0, "bytes": 0}
    spatial = {field: [int(field == "dilation")] * rank for field in _SPATIAL.values()}
    for word in words[1:]:
        key, equals, text = word.partition("=")
        if not equals:
            raise ValueError(f"{word!r} is not key=value")
        if key == "name":
            fields["name"] = text
        elif key == "boundary" and conv:
            fields["boundary"] = text
        else:
            _set_number(kind, key, text, numbers, spatial)
    if KINDS[kind].operation != TRANSPOSED:
        del spatial["output_padding"]
    for axis in range(rank):
        usual = spatial["kernel"][axis] if KINDS[kind].operation in (MAXPOOL, AVGPOOL) else 1
        spatial["stride"][axis] = spatial["stride"][axis] or usual
    fields.update({key: tuple(sizes) for key, sizes in spatial.items()})
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
    if key in _NUMBERS[KINDS[kind].operation] or (key == "separable" and kind == "conv2d"):
        for target in ("ic", "oc") if key == "c" else (key,):
            numbers[target] = value
        return
    setting, letters = _spatial_key(kind, key)
    for axis in letters:
        spatial[setting][axis] = value


def _spatial_key(kind: str, key: str) -> tuple[str, list[int]]:
    """The setting and the axes that a key names: a bare word all of the rank, with a letter behind it one."""
    operation, rank = KINDS[kind].operation, KINDS[kind].rank
    word, letter = (key[:2], key[2:]) if key.startswith("op") else (key[:1], key[1:])
    axes = [axis for axis, name in enumerate(_AXES[-rank:]) if letter in ("", name)]
    refused = (word == "op" and operation != TRANSPOSED) or (word == "d" and operation == AVGPOOL)
    if word not in _SPATIAL or refused or not axes:
        raise ValueError(f"{kind} has no key {key!r}")
    return _SPATIAL[word], axes


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
        raise ValueError("i= and k= must be given, for each axis; s= and d= are at least 1")
    if any(more >= max(s, d) for more, s, d in zip(p.output_padding, p.stride, p.dilation, strict=False)):
        raise ValueError("op= must be smaller than s= or d=")
    if min(p.out) < 1:
        if p.operation == TRANSPOSED:
            raise ValueError("the padding leaves nothing of the result")
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
