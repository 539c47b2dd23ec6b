"""Which problems are image filters: one plane in, one filter, one plane out, as often as needed."""

from __future__ import annotations

from problem import CONV

from .case import Array, Case, require

# A user would not run a filter library plane by plane for more.
MAX_PLANES = 8


def filters(case: Case) -> list[tuple[int, int, int, Array]]:
    """Return (image, input channel, output channel, kernel) for each plane of the result, or raise Unsupported."""
    p = case.problem
    depthwise = p.groups == p.ic == p.oc
    require(p.operation == CONV and p.rank == 2 and (depthwise or p.ic == 1), "not a filter of single planes")
    require(p.oc <= MAX_PLANES, f"more than {MAX_PLANES} planes")
    require(p.stride == p.dilation == (1, 1) and p.boundary == "zeros", "not a plain filter")
    weight = case.data()[1]
    return [(n, k if depthwise else 0, k, weight[k, 0]) for n in range(case.batch) for k in range(p.oc)]


def keeps_size(case: Case) -> bool:
    p = case.problem
    return all(k % 2 == 1 and pad == k // 2 for k, pad in zip(p.kernel, p.padding, strict=True))
