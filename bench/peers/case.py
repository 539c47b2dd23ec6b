"""What a worker is asked to do, and what a library's side of it looks like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from problem import Problem

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
        """Input (NCHW, contiguous), weight and bias."""
        return self.problem.data(self.batch, self.dtype)

    @property
    def out_shape(self) -> tuple[int, int, int, int]:
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
    windows = (x, p.kernel, p.stride, p.padding)
    if p.kind == "maxpool2d":
        return {"max_pool2d": partial(functional.max_pool2d, *windows, p.dilation, p.ceil_mode, **options)}
    return {"avg_pool2d": partial(functional.avg_pool2d, *windows, p.ceil_mode, p.include_pad, **options)}


def require(condition: bool, reason: str) -> None:
    """Raise Unsupported with `reason` unless `condition` holds."""
    if not condition:
        raise Unsupported(reason)


def channels_last(x: Array) -> Array:
    """The same (N, C, H, W) array over memory in the order N, H, W, C."""
    moved: Array = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    return moved
