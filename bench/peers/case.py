"""What a worker is asked to do, and what a library's side of it looks like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from problem import AVGPOOL, MAXPOOL, TRANSPOSED, Problem

Array = npt.NDArray[Any]


class Unsupported(Exception):
    """The library, or this way of calling it, does not do the problem; the text says why."""


@dataclass(frozen=True)
class Case:
    """One problem in one configuration.

    In `mode` 'layer' weights are prepared beforehand, in 'functional' they come with each call.
    """

    problem: Problem
    batch: int = 1
    dtype: str = "float32"
    layout: str = "nchw"
    mode: str = "layer"

    def data(self) -> tuple[Array, Array, Array | None]:
        """Input (channels first, contiguous), weight and bias."""
        return self.problem.data(self.batch, self.dtype)

    @property
    def out_shape(self) -> tuple[int, ...]:
        return (self.batch, self.problem.oc, *self.problem.out)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Case:
        return cls(**{**fields, "problem": Problem.from_json(fields["problem"])})


@dataclass
class Prepared:
    """Ways of running one case: the fastest one speaks for the library.

    Every call takes no argument and does the whole job; `to_nchw` turns what it returns into an array, untimed.
    """

    calls: dict[str, Callable[[], Any]]
    to_nchw: Callable[[Any], Array] = np.asarray
    about: dict[str, str] = field(default_factory=dict)


class Peer(Protocol):
    """A library. Constructing one imports it (ImportError: not installed) and sets its number of threads."""

    version: str

    def __init__(self, threads: int) -> None: ...

    def prepare(self, case: Case) -> Prepared:
        """Return the ways of running `case`, or raise Unsupported."""
        ...


def pooling(functional: Any, problem: Problem, x: Any, **options: Any) -> dict[str, Callable[[], Any]]:
    """Return the call of a pooling under its name; torch and pyconv take the same arguments."""
    p = problem
    name = f"{'max' if p.operation == MAXPOOL else 'avg'}_pool{p.rank}d"
    call = getattr(functional, name, None)
    if call is None:
        raise Unsupported(f"it has no {name}")
    windows = (x, p.kernel, p.stride, p.padding)
    if p.operation == AVGPOOL:
        return {name: partial(call, *windows, p.ceil_mode, p.include_pad, **options)}
    return {name: partial(call, *windows, p.dilation, p.ceil_mode, **options)}


def layer_of(nn: Any, problem: Problem, dtype: Any) -> Any:
    """A convolution layer of torch.nn or pyconv.nn, which take the same arguments, in eval mode."""
    p = problem
    options = {"bias": p.bias, "padding_mode": p.boundary, "dtype": dtype}
    if p.operation == TRANSPOSED:
        layer = getattr(nn, f"ConvTranspose{p.rank}d")
        geometry = (p.stride, p.padding, p.output_padding, p.groups)
        return layer(p.ic, p.oc, p.kernel, *geometry, dilation=p.dilation, **options).eval()
    layer = getattr(nn, f"Conv{p.rank}d")
    return layer(p.ic, p.oc, p.kernel, p.stride, p.padding, p.dilation, p.groups, **options).eval()


def functional_call(functional: Any, problem: Problem, x: Any, weight: Any, bias: Any, **options: Any) -> Any:
    """The same as a call of torch.nn.functional or pyconv.nn.functional, and its name."""
    p = problem
    require(p.boundary == "zeros", "the functional form pads with zeros")
    geometry: tuple[Any, ...] = (p.stride, p.padding, p.dilation, p.groups)
    if p.operation == TRANSPOSED:
        geometry = (p.stride, p.padding, p.output_padding, p.groups, p.dilation)
    name = f"{p.operation}{p.rank}d"
    return name, partial(getattr(functional, name), x, weight, bias, *geometry, **options)


def require(condition: bool, reason: str) -> None:
    """Raise Unsupported with `reason` unless `condition` holds."""
    if not condition:
        raise Unsupported(reason)


def channels_last(x: Array) -> Array:
    """The same (N, C, *spatial) array over memory in the order N, spatial, C."""
    moved: Array = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    return moved
