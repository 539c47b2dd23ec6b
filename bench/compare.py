"""Compare pyconv with other libraries, from Python, on the problems of bench/problems.

    python bench/compare.py bench/problems/resnet50.txt --name 3x3 --rounds 5
    python bench/compare.py --overhead

Every library runs in a worker process of its own, and one process at a time. Within a problem the sides take turns over
several rounds, so that a noisy neighbour or a changing clock hits all of them; weights are prepared beforehand where a
library can; results are compared with pyconv's before anything is timed. A library that is not installed is left out.
`--help` lists the options, bench/README.md explains the columns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from math import exp, isfinite, log
from pathlib import Path
from typing import Any

import machine
import numpy as np
from peers import HALVES, OURS, PEERS, THEIRS
from peers.case import Case
from problem import Problem, load, parse_line
from workers import Worker, WorkerError

JSON_FORMAT = 1
DTYPES = {"f32": "float32", "f64": "float64"}
# Root mean square of the difference, relative to that of the result. Winograd and FFT round differently; a wrong
# stride or border is off by 0.1 and more.
TOLERANCE = {"f32": 1e-4, "f64": 1e-10}

# One call each of what small images are full of: (how it is called, problem).
OVERHEAD = (
    ("functional", "conv2d name=F.conv2d_3x3_image ic=1 oc=1 i=3 k=3"),
    ("layer", "conv2d name=Conv2d(1,6,3)_32x32 ic=1 oc=6 i=32 k=3 bias=1"),
    ("functional", "maxpool2d name=max_pool2d_2x2_image c=1 i=2 k=2"),
)

Result = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    try:
        cases = list(choose(options))
    except (OSError, ValueError) as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return 2
    if not cases:
        print("compare.py: no problem left to run; see --problems and --name", file=sys.stderr)
        return 2
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pyconv-compare-")))
        workers = start(options, stack)
        if not any(side in OURS for side in workers):
            print("compare.py: pyconv itself does not start: is it installed in this Python?", file=sys.stderr)
            return 2
        report = begin(options, workers)
        print(header(report, list(workers)))
        for case in cases:
            result = run(case, workers, options, folder)
            report["results"].append(result)
            print(row(result, list(workers)), flush=True)
        print(summary(report["results"]))
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 1 if any("wrong" in side for r in report["results"] for side in r["sides"].values()) else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="compare.py", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("files", nargs="*", metavar="FILE", help="problem files")
    parser.add_argument("--problems", action="append", default=[], metavar="FILE", help="another problem file")
    parser.add_argument("--name", default="", help="only problems whose name contains this")
    parser.add_argument(
        "--peers", default="all", help="comma-separated: all but half floats, or some of " + ", ".join(PEERS)
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--dtype", choices=DTYPES, default="f32")
    parser.add_argument("--layout", choices=("nchw", "nhwc"), default="nchw", help="of pyconv's input and output")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side on a problem (default 5)")
    parser.add_argument("--seconds", type=float, default=0.1, help="of each turn (default 0.1)")
    parser.add_argument("--json", metavar="FILE", help="write everything as JSON, for bench/report.py")
    parser.add_argument("--overhead", action="store_true", help="the cost of a call, on three tiny problems")
    parser.add_argument("--pyconv-bench", metavar="PROGRAM", help="the C program, to measure the machine's FMA peak")
    options = parser.parse_args(arguments)
    for name in ("threads", "batch", "rounds"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1")
    wanted = [s for s in PEERS if s not in HALVES] if options.peers == "all" else [*OURS[:1], *options.peers.split(",")]
    unknown = [side for side in wanted if side not in PEERS]
    if unknown:
        parser.error(f"unknown peer {', '.join(unknown)}; there are {', '.join(PEERS)}")
    if options.overhead and options.peers == "all":
        wanted = ["pyconv", "torch"]
    options.sides = list(dict.fromkeys(wanted))
    return options


def choose(options: argparse.Namespace) -> list[Case]:
    """The cases to run: the problems that were named, in this batch, dtype and layout."""
    common = {"batch": options.batch, "dtype": DTYPES[options.dtype], "layout": options.layout}
    if options.overhead:
        tiny = [(mode, parse_line(line)) for mode, line in OVERHEAD]
        return [Case(p, **common, mode=mode) for mode, p in tiny if p is not None and options.name in p.name]
    problems: list[Problem] = [p for path in [*options.files, *options.problems] for p in load(path)]
    return [Case(p, **common) for p in problems if options.name in p.name]


def start(options: argparse.Namespace, stack: ExitStack) -> dict[str, Worker]:
    """Start a worker for each side that can be imported; the others get a line on standard error."""
    workers: dict[str, Worker] = {}
    for side in options.sides:
        worker = Worker(side, options.threads)
        stack.callback(worker.close)
        if worker.missing:
            print(f"# {side} is left out: {worker.missing} (pip install {PEERS[side][2]})", file=sys.stderr)
        else:
            workers[side] = worker
    return workers


def begin(options: argparse.Namespace, workers: dict[str, Worker]) -> dict[str, Any]:
    """The report without its results: machine, versions, ceilings."""
    ceilings = machine.ceilings(options.pyconv_bench, options.threads)
    if ceilings is None:
        measured = next(iter(workers.values())).ask("ceilings")
        ceilings = machine.rough_ceilings(measured, options.threads)
    return {
        "program": "compare.py",
        "format": JSON_FORMAT,
        "time": machine.now(),
        "machine": machine.describe(),
        "versions": {side: worker.version for side, worker in workers.items()},
        **ceilings,
        "threads": options.threads,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "results": [],
    }


def run(case: Case, workers: dict[str, Worker], options: argparse.Namespace, folder: Path) -> Result:
    """Prepare the case in every worker, compare the results, time those that are right in turns."""
    sides: dict[str, dict[str, Any]] = {side: prepare(worker, case, folder) for side, worker in workers.items()}
    judge(sides, options.dtype, folder)
    samples: dict[str, list[float]] = {side: [] for side, state in sides.items() if state["runs"]}
    for _ in range(options.rounds):
        for side in list(samples):
            try:
                samples[side] += workers[side].ask("time", seconds=options.seconds)["us"]
            except WorkerError as error:
                del samples[side]
                sides[side]["failed"] = str(error)
    for side, us in samples.items():
        sides[side].update(us_best=min(us), us_median=statistics.median(us), samples=len(us))
    for side, worker in workers.items():
        if sides[side].pop("prepared", False) and worker.alive:
            worker.ask("release")
    return finish(case, sides, options)


def prepare(worker: Worker, case: Case, folder: Path) -> dict[str, Any]:
    if not worker.alive:
        return {"runs": False, "failed": "died earlier"}
    try:
        reply = worker.ask("prepare", case=asdict(case))
        if "unsupported" in reply:
            return {"runs": False, "unsupported": reply["unsupported"]}
        worker.ask("save", path=str(folder / f"{worker.side}.npy"))
    except WorkerError as error:
        return {"runs": False, "failed": str(error)}
    return {"runs": True, "prepared": True, "how": reply["how"], **reply["about"]}


def judge(sides: dict[str, dict[str, Any]], dtype: str, folder: Path) -> None:
    """Keep the sides whose result agrees with pyconv's, and say of the others how far off they are."""
    running = [side for side, state in sides.items() if state["runs"]]
    ours = next((side for side in running if side in OURS), None)
    if ours is None:
        for side in running:
            sides[side]["runs"] = False
        return
    expected = np.load(folder / f"{ours}.npy")
    for side in running:
        path = folder / f"{side}.npy"
        difference = relative_rms(np.load(path), expected)
        sides[side]["difference"] = difference if isfinite(difference) else None
        # Written so that NaN is a mismatch too.
        if not difference <= HALVES.get(side, TOLERANCE[dtype]):
            sides[side].update(runs=False, wrong=f"differs by {difference:.1e}")
    for side in running:
        (folder / f"{side}.npy").unlink()


def relative_rms(actual: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> float:
    if actual.shape != expected.shape:
        return float("inf")
    scale = float(np.sqrt(np.mean(np.square(expected, dtype=np.float64))))
    return float(np.sqrt(np.mean(np.square(actual.astype(np.float64) - expected)))) / scale


def finish(case: Case, sides: dict[str, dict[str, Any]], options: argparse.Namespace) -> Result:
    p = case.problem
    for state in sides.values():
        if state.pop("runs") and "us_best" in state and p.flops:
            state["gflops"] = 1e-3 * case.batch * p.flops / state["us_best"]
    timed = {side: state["us_best"] for side, state in sides.items() if "us_best" in state}
    theirs = {side: us for side, us in timed.items() if side in THEIRS}
    ours = next((timed[side] for side in OURS if side in timed), None)
    either = min(ours, timed.get("pyconv-cl", ours)) if ours is not None else None
    best = min(theirs, key=lambda side: theirs[side]) if theirs else None
    return {
        "problem": p.name,
        "file": p.file,
        "kind": p.kind,
        "shape": p.shape,
        "mode": case.mode,
        "dtype": options.dtype,
        "layout": case.layout,
        "batch": case.batch,
        "threads": options.threads,
        "flops": case.batch * p.flops,
        "bytes": p.moved_bytes(case.batch, np.dtype(case.dtype).itemsize),
        "sides": sides,
        "best_peer": best,
        "ratio": theirs[best] / ours if best is not None and ours is not None else None,
        "ratio_either_layout": theirs[best] / either if best is not None and either is not None else None,
    }


def header(report: dict[str, Any], sides: list[str]) -> str:
    m, peaks = report["machine"], report["peaks"]
    threads = f"{report['threads']} thread{'' if report['threads'] == 1 else 's'}"
    versions = ", ".join(f"{side} {version}" for side, version in report["versions"].items())
    peak = max((p["gflops"] for p in peaks if p["dtype"] == "f32"), default=0.0)
    columns = "".join(f" {side:>18}" for side in sides)
    return "\n".join(
        (
            f"# {m['cpu']}, {m['cpus']} CPUs usable, {threads}; {report['time']}; Python {m['python']}",
            f"# {versions}",
            f"# peak {peak:.1f} GFLOP/s ({report['peak_source']})",
            f"# best of {report['rounds']} rounds: us, and GFLOP/s of the direct algorithm; "
            "ratio = best peer's time / pyconv's",
            f"{'problem':<24} {'shape':<38}{columns} {'ratio':>6}  to",
        )
    )


def row(result: Result, sides: list[str]) -> str:
    cells = "".join(f" {cell(result['sides'].get(side, {})):>18}" for side in sides)
    ratio = "-" if result["ratio"] is None else f"{result['ratio']:.2f}"
    return f"{result['problem']:<24} {result['shape']:<38}{cells} {ratio:>6}  {result['best_peer'] or ''}".rstrip()


def cell(state: dict[str, Any]) -> str:
    if "us_best" in state:
        us = state["us_best"]
        text = f"{us:.1f}" if us >= 100 else f"{us:.2f}"
        return f"{text} {state['gflops']:6.1f}" if "gflops" in state else text
    return next((word for word in ("wrong", "failed") if word in state), "-")


def summary(results: list[Result]) -> str:
    ratios = [r["ratio"] for r in results if r["ratio"] is not None]
    lines = [f"# {len(results)} problems"]
    if ratios:
        mean, ahead = geometric_mean(ratios), sum(ratio >= 1 for ratio in ratios)
        lines[0] += f"; geometric mean of the ratio {mean:.2f}; pyconv at least as fast in {ahead} of {len(ratios)}"
        either = [r["ratio_either_layout"] for r in results if r["ratio_either_layout"] is not None]
        if any("us_best" in r["sides"].get("pyconv-cl", {}) for r in results):
            ahead = sum(ratio >= 1 for ratio in either)
            lines.append(f"# pyconv in its faster layout: {geometric_mean(either):.2f}, {ahead} of {len(either)}")
        means = (f"{side} {geometric_mean(r):.2f} ({len(r)})" for side, r in ratios_by_side(results).items())
        lines.append(f"# to each by itself (over how many): {', '.join(means)}")
    lines += filter(None, (slowest(results, side) for side in HALVES))
    for result in results:
        for side, state in result["sides"].items():
            for word in ("wrong", "failed"):
                if word in state:
                    lines.append(f"# {result['problem']}: {side} {word}: {state[word]}")
    return "\n".join(lines)


def slowest(results: list[Result], side: str) -> str:
    """How long numbers of another type take beside float32: in the mean, and the problems furthest from it."""
    timed = [
        (r["problem"], r["sides"]) for r in results if all("us_best" in r["sides"].get(s, {}) for s in (side, OURS[0]))
    ]
    times = {name: sides[side]["us_best"] / sides[OURS[0]]["us_best"] for name, sides in timed}
    if not times:
        return ""
    worst = sorted(times, key=lambda name: -times[name])[:8]
    mean = geometric_mean(list(times.values()))
    return f"# {side} takes {mean:.2f} of pyconv's time; most: " + ", ".join(f"{n} {times[n]:.2f}" for n in worst)


def ratios_by_side(results: list[Result]) -> dict[str, list[float]]:
    """For each peer, its time divided by pyconv's on the problems that both did."""
    ratios: dict[str, list[float]] = {}
    for result in results:
        timed = {side: state["us_best"] for side, state in result["sides"].items() if "us_best" in state}
        ours = next((timed[side] for side in OURS if side in timed), None)
        for side, us in timed.items():
            if side in THEIRS and ours is not None:
                ratios.setdefault(side, []).append(us / ours)
    return ratios


def geometric_mean(values: list[float]) -> float:
    return exp(sum(map(log, values)) / len(values))


if __name__ == "__main__":
    sys.exit(main())
