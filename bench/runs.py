"""The JSON of pyconv_bench and of compare.py, read into one shape: a run with ceilings and a list of points."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 1
PROGRAMS = ("pyconv_bench", "compare.py")


@dataclass(frozen=True)
class Point:
    """One time of one problem: a row of pyconv_bench, or one side of a row of compare.py."""

    problem: str
    shape: str
    kind: str
    dtype: str
    layout: str
    batch: int
    threads: int
    variant: str  # instruction set, or library
    algo: str  # pyconv_bench only
    us: float
    flops: int
    bytes: int
    fraction: float | None = None  # of the FMA peak
    tile: str = ""

    @property
    def gflops(self) -> float:
        return 1e-3 * self.flops / self.us

    @property
    def gbps(self) -> float:
        return 1e-3 * self.bytes / self.us

    @property
    def intensity(self) -> float:
        """Flops for each byte that must move at the least."""
        return self.flops / self.bytes

    @property
    def series(self) -> str:
        return f"{self.algo} {self.variant}".strip()

    @property
    def configuration(self) -> str:
        return f"{self.dtype} {self.layout} n{self.batch} x{self.threads}"

    @property
    def key(self) -> tuple[str, ...]:
        """What two runs are matched by: not the algorithm, for another may have been chosen since."""
        return (self.problem, self.shape, self.configuration, self.variant)


@dataclass(frozen=True)
class Run:
    program: str
    time: str
    cpu: str
    software: str
    copy_gbps: dict[int, float]
    peaks: list[dict[str, Any]]
    points: list[Point]
    results: list[dict[str, Any]]


def read(path: str | Path) -> Run:
    """Read a run; ValueError if the file is not one."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("program") not in PROGRAMS:
        raise ValueError(f"{path}: written neither by pyconv_bench nor by compare.py")
    if document.get("format") != FORMAT:
        raise ValueError(f"{path}: format {document.get('format')}, this program reads {FORMAT}")
    ours = document["program"] == "pyconv_bench"
    results = document["results"]
    points = [_bench_point(r) for r in results if "us_best" in r] if ours else _compare_points(results)
    software = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    if ours:
        software += f" ({document['compiler']})"
    return Run(
        program=document["program"],
        time=document["time"],
        cpu=document["machine"]["cpu"],
        software=software,
        copy_gbps={int(threads): gbps for threads, gbps in document["copy_gbps"].items()},
        peaks=document["peaks"],
        points=points,
        results=results,
    )


def _bench_point(r: dict[str, Any]) -> Point:
    return Point(
        **_common(r),
        threads=r["threads_asked"],
        variant=r["isa"],
        algo=r["algo"],
        us=r["us_best"],
        fraction=r.get("fraction"),
        tile=r["tile"],
    )


def _compare_points(results: list[dict[str, Any]]) -> list[Point]:
    return [
        Point(**_common(r), threads=r["threads"], variant=side, algo="", us=state["us_best"])
        for r in results
        for side, state in r["sides"].items()
        if "us_best" in state
    ]


def _common(r: dict[str, Any]) -> dict[str, Any]:
    return {key: r[key] for key in ("problem", "shape", "kind", "dtype", "layout", "batch", "flops", "bytes")}
