"""Draw and tabulate a run of pyconv_bench or of compare.py, compare two runs, or sum up many.

    python bench/report.py run.json --png roofline.png > table.md
    python bench/report.py --compare old.json new.json
    python bench/report.py t1_n1.json t2_n1.json t2_n16.json --markdown RESULTS.md --png roofline.png

The picture is a roofline: for each convolution the flops it does for each byte it must move, against the GFLOP/s that
it reached, under the peaks and the copy bandwidth that the run measured. The table is Markdown. So is the document of
`--markdown`: a table for each problem file, with every run of compare.py beside the others, and a list of what is lost.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from math import atan, degrees, exp, log
from pathlib import Path
from typing import Any

from peers import OURS
from runs import Point, Run, read

# Points are told apart by shape too, for print and for readers who see colours differently.
MARKERS = "osD^vP*Xd<>ph"

LOSSES = Path(__file__).with_name("losses.txt")

Result = dict[str, Any]  # of compare.py: one problem in one setting
Layers = dict[str, dict[str, Result]]  # by problem and setting


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="report.py", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("runs", nargs="*", metavar="RUN.json", help="what to draw and tabulate")
    parser.add_argument("--png", metavar="FILE", help="write the roofline picture there; of the first run")
    parser.add_argument("--compare", nargs=2, metavar=("OLD.json", "NEW.json"), help="compare two runs")
    parser.add_argument("--markdown", metavar="FILE", help="write tables and losses of one or more runs of compare.py")
    parser.add_argument("--losses", metavar="FILE", default=LOSSES, help="causes for --markdown (bench/losses.txt)")
    options = parser.parse_args(arguments)
    if bool(options.runs) == bool(options.compare) or (len(options.runs) > 1 and not options.markdown):
        parser.error("give one run, one or more with --markdown FILE, or --compare OLD NEW")
    if options.markdown and options.compare:
        parser.error("--markdown does not go with --compare")
    try:
        if options.compare:
            old, new = (read(path) for path in options.compare)
            print(comparison(old, new))
            return 0
        runs = [read(path) for path in options.runs]
        if options.markdown:
            text = document(runs, read_causes(options.losses), options.png and Path(options.png).name)
            Path(options.markdown).write_text(text, encoding="utf-8")
        else:
            print(table(runs[0]))
        if options.png:
            draw(runs[0], options.png)
    except (OSError, ValueError) as error:
        print(f"report.py: {error}", file=sys.stderr)
        return 2
    return 0


# ---- tables ----


def table(run: Run) -> str:
    rows = bench_rows(run) if run.program == "pyconv_bench" else compare_rows(run)
    peaks = ", ".join(f"{p['isa']} {p['dtype']} x{p['threads']} {p['gflops']:.1f}" for p in run.peaks)
    copies = ", ".join(f"x{threads} {gbps:.1f}" for threads, gbps in sorted(run.copy_gbps.items()))
    about = f"{run.cpu}; {run.software}; {run.time}. Peak GFLOP/s: {peaks or 'not measured'}. Copy GB/s: {copies}."
    return f"{markdown(rows)}\n\n{about}"


def bench_rows(run: Run) -> list[list[str]]:
    rows = [["problem", "shape", "run", "algorithm, ISA", "tile", "us", "GFLOP/s", "of peak", "GB/s"]]
    for p in run.points:
        conv = p.flops > 0
        rows.append(
            [
                p.problem,
                p.shape,
                p.configuration,
                p.series,
                p.tile,
                f"{p.us:.2f}",
                f"{p.gflops:.1f}" if conv else "",
                "" if p.fraction is None else f"{100 * p.fraction:.0f} %",
                "" if conv else f"{p.gbps:.1f}",
            ]
        )
    return rows


def compare_rows(run: Run) -> list[list[str]]:
    sides = list(dict.fromkeys(side for r in run.results for side in r["sides"]))
    rows = [["problem", "shape", *(f"{side}, us" for side in sides), "best peer / pyconv"]]
    for r in run.results:
        states = [r["sides"].get(side, {}) for side in sides]
        cells = [f"{state['us_best']:.1f}" if "us_best" in state else "" for state in states]
        ratio = "" if r["ratio"] is None else f"{r['ratio']:.2f} {r['best_peer']}"
        rows.append([r["problem"], r["shape"], *cells, ratio])
    ratios = [r["ratio"] for r in run.results if r["ratio"] is not None]
    if ratios:
        rows.append(["geometric mean", "", *("" for _ in sides), f"{geometric_mean(ratios):.2f}"])
    return rows


def comparison(old: Run, new: Run) -> str:
    """A table of the times that both runs have, and their ratio: above 1 the new run is faster."""
    rows = [["problem", "shape", "run", "series", "old us", "new us", "old / new"]]
    ratios: dict[str, list[float]] = {}
    for before, after in pairs(old.points, new.points):
        ratio = before.us / after.us
        ratios.setdefault(after.variant, []).append(ratio)
        series = after.series if before.series == after.series else f"{before.series} -> {after.series}"
        times = [f"{before.us:.2f}", f"{after.us:.2f}", f"{ratio:.2f}"]
        rows.append([after.problem, after.shape, after.configuration, series, *times])
    if not ratios:
        raise ValueError("the two runs have no problem in common")
    means = [f"- {variant}: {geometric_mean(values):.3f} over {len(values)} rows" for variant, values in ratios.items()]
    machines = f"old: {old.cpu}, {old.software}, {old.time}\nnew: {new.cpu}, {new.software}, {new.time}"
    heading = "Geometric mean of old / new, above 1 is faster now:"
    return "\n".join([markdown(rows), "", heading, "", *means, "", machines])


def pairs(old: Iterable[Point], new: Iterable[Point]) -> Iterator[tuple[Point, Point]]:
    """Match points by key, and by algorithm too where a run has several algorithms under one key."""
    before, after = by_key(old), by_key(new)
    for key, points in after.items():
        known = before.get(key, {})
        for algo, p in points.items():
            if algo in known:
                yield known[algo], p
            elif len(known) == len(points) == 1:
                yield next(iter(known.values())), p


def by_key(points: Iterable[Point]) -> dict[tuple[str, ...], dict[str, Point]]:
    """Points by key and algorithm; the fastest, should a run have one twice."""
    found: dict[tuple[str, ...], dict[str, Point]] = {}
    for p in points:
        algos = found.setdefault(p.key, {})
        if p.algo not in algos or p.us < algos[p.algo].us:
            algos[p.algo] = p
    return found


def markdown(rows: list[list[str]]) -> str:
    head, *body = rows
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return "\n".join([line(head), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(line, body)])


def geometric_mean(values: Sequence[float]) -> float:
    return exp(sum(map(log, values)) / len(values))


# ---- the document ----


def document(runs: Sequence[Run], causes: Sequence[tuple[str, str]], picture: str | None = None) -> str:
    """A table for each problem file, its runs side by side; before them the means, behind them all losses.

    `picture` is a roofline of the first run, by its address beside the document.
    """
    files: dict[str, Layers] = {}
    for run in runs:
        if run.program != "compare.py":
            raise ValueError("--markdown takes runs of compare.py alone")
        for r in run.results:  # of a problem that was measured again, the later run counts
            files.setdefault(r["file"] or "single calls", {}).setdefault(r["problem"], {})[setting(r)] = r
    settings = list(dict.fromkeys(setting(r) for run in runs for r in run.results))
    every = {name: layer for layers in files.values() for name, layer in layers.items()}
    summary = [["file", "layers", *(cell for key in settings for cell in (key, "either layout"))]]
    for title, layers in (*files.items(), ("all", every)):
        first, faster = scores(layers, settings), scores(layers, settings, "ratio_either_layout")
        pairs_of_cells = (pair for both in zip(first, faster, strict=True) for pair in both)
        summary.append([title, str(len(layers)), *(f"{mean}, {ahead}" for mean, ahead in pairs_of_cells)])
    parts = [
        "# Results",
        "\n".join(machines(runs)),
        "GFLOP/s of the direct algorithm, or us for pooling, of pyconv and of the fastest peer. The ratio is that\n"
        "peer's time divided by pyconv's: above 1, pyconv is faster. bench/README.md says what is measured, and how\n"
        "to measure it again (report.py --markdown).",
        *([f"![Roofline: {settings[0]}]({picture})"] if picture else []),
        "Geometric mean of the ratio, and in how many layers it is 1 or more. The ratio is that of pyconv on channels\n"
        "first, to peers that are free to choose: torch runs in both layouts. Under `either layout` pyconv is too.",
        markdown(summary),
        *(f"## {title}\n\n{markdown(layer_rows(layers, settings))}" for title, layers in files.items()),
        "## Losses",
        "\n".join(losses(every, settings, causes)) or "None.",
    ]
    gaps = list(failures(every, settings))
    if gaps:
        parts += ["## Not timed", "\n".join(gaps)]
    return "\n\n".join(parts) + "\n"


def setting(r: Result) -> str:
    """What a run varies: ``2 threads, batch 16``, and type and layout unless they are the usual ones."""
    text = f"{r['threads']} thread{'' if r['threads'] == 1 else 's'}, batch {r['batch']}"
    return ", ".join([text, *(r[key] for key, usual in (("dtype", "f32"), ("layout", "nchw")) if r[key] != usual)])


def machines(runs: Sequence[Run]) -> Iterator[str]:
    """A line for each machine and set of versions, with the dates and the highest peaks of its runs."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.cpu, run.software), []).append(run)
    for (cpu, software), same in groups.items():
        times = sorted({run.time[:10] for run in same})
        highest: dict[tuple[str, int], tuple[float, str]] = {}
        for p in (p for run in same for p in run.peaks):
            kind = (p["dtype"], p["threads"])
            highest[kind] = max(highest.get(kind, (0.0, "")), (p["gflops"], p["isa"]))
        peaks = ", ".join(f"{isa} {dtype} x{n} {gflops:.1f}" for (dtype, n), (gflops, isa) in sorted(highest.items()))
        dates = times[0] if len(times) == 1 else f"{times[0]} to {times[-1]}"
        yield f"- {cpu}; {software}; {dates}. Peak GFLOP/s: {peaks or 'not measured'}."


def layer_rows(layers: Layers, settings: Sequence[str]) -> list[list[str]]:
    heads = (cell for name in settings for cell in (f"pyconv, {name}", "best peer", "ratio"))
    rows = [["layer", "shape", *heads]]
    for name, layer in layers.items():
        cells: list[str] = []
        for r in (layer.get(key) for key in settings):
            cells += ["", "", ""] if r is None else [speed(r, our_side(r)), peer(r), ratio_text(r)]
        rows.append([name, next(iter(layer.values()))["shape"], *cells])
    means, counts = zip(*scores(layers, settings), strict=True)
    rows.append(["geometric mean", "", *(cell for mean in means for cell in ("", "", mean))])
    rows.append(["ratio 1 or more", "", *(cell for count in counts for cell in ("", "", count))])
    return rows


def our_side(r: Result) -> str:
    return next((side for side in OURS if "us_best" in r["sides"].get(side, {})), OURS[0])


def speed(r: Result, side: str) -> str:
    state = r["sides"].get(side, {})
    if "us_best" not in state:
        return "-"
    return f"{state['gflops']:.1f}" if "gflops" in state else f"{state['us_best']:.1f} us"


def peer(r: Result) -> str:
    return "-" if r["best_peer"] is None else f"{r['best_peer']} {speed(r, r['best_peer'])}"


def ratio_text(r: Result) -> str:
    return "-" if r["ratio"] is None else f"{r['ratio']:.2f}"


def scores(layers: Layers, settings: Sequence[str], kind: str = "ratio") -> Iterator[tuple[str, str]]:
    """For each setting the geometric mean of the ratio, and how many ratios are 1 or more."""
    for key in settings:
        ratios = [layer[key].get(kind) for layer in layers.values() if key in layer]
        known = [ratio for ratio in ratios if ratio is not None]
        mean = f"{geometric_mean(known):.2f}" if known else "-"
        yield mean, f"{sum(ratio >= 1 for ratio in known)} of {len(known)}"


def losses(layers: Layers, settings: Sequence[str], causes: Sequence[tuple[str, str]]) -> Iterator[str]:
    """A line for each problem that a peer is faster on in any setting: where, by how much, and why if that is known."""
    for name, layer in layers.items():
        lost = [layer[key] for key in settings if key in layer and (layer[key]["ratio"] or 1) < 1]
        if lost:
            where = "; ".join(f"{r['ratio']:.3f} to {r['best_peer']}, {setting(r)}" for r in lost)
            cause = next((cause for pattern, cause in causes if fnmatchcase(name, pattern)), "no cause known yet")
            yield f"- `{name}` ({where}): {cause}"


def failures(layers: Layers, settings: Sequence[str]) -> Iterator[str]:
    """What was to be timed and was not: a ratio without that side says less than it seems to."""
    for name, layer in layers.items():
        for r in (layer[key] for key in settings if key in layer):
            for side, state in r["sides"].items():
                for word in ("wrong", "failed"):
                    if word in state:
                        yield f"- `{name}`, {setting(r)}: {side} {word}: {state[word]}"


def read_causes(path: str | Path) -> list[tuple[str, str]]:
    """The lines ``name: cause`` of a file, in which a name may hold `*`; ValueError names a line that is not one."""
    causes = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            name, _, cause = (part.strip() for part in line.partition(":"))
            if not (name and cause):
                raise ValueError(f"{path}:{number}: not a line of the form name: cause")
            causes.append((name, cause))
    return causes


# ---- the picture ----


def draw(run: Run, path: str) -> None:
    """Write the roofline of `run` as PNG."""
    points = [p for p in run.points if p.flops > 0]
    if not points:
        raise ValueError("no convolution in this run: a roofline needs flops")
    # Imported here: the tables need no matplotlib, and a server has no screen.
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(10, 6.2), layout="constrained")
    low, high = min(p.intensity for p in points) / 2, max(p.intensity for p in points) * 2
    axes.set(xscale="log", yscale="log", xlim=(low, high))
    draw_roofs(axes, run, {(p.threads, p.dtype) for p in points}, low, high)
    series = list(dict.fromkeys(p.series for p in points))
    for i, name in enumerate(series):
        mine = [p for p in points if p.series == name]
        axes.scatter(
            [p.intensity for p in mine],
            [p.gflops for p in mine],
            s=42,
            marker=MARKERS[i % len(MARKERS)],
            color=f"C{i % 10}",
            edgecolors="white",
            linewidths=0.6,
            zorder=3 + len(series) - i,  # the first series, which is ours, on top
            label=name,
        )
    ours = points if run.program == "pyconv_bench" else [p for p in points if p.variant == points[0].variant]
    name_extremes(axes, ours)
    axes.set_xlabel("arithmetic intensity: flops for each byte of input, weights and output")
    axes.set_ylabel("GFLOP/s of the direct algorithm")
    axes.set_title(f"{run.cpu}, {run.time[:10]}", fontsize=11)
    axes.grid(True, which="major", alpha=0.25)
    axes.legend(fontsize=9, loc="lower right")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw_roofs(axes: Any, run: Run, kinds: set[tuple[int, str]], low: float, high: float) -> None:
    """For each thread count: the slope of the copy bandwidth up to the highest peak, and every peak as a line."""
    for threads in sorted({threads for threads, _ in kinds}):
        peaks = [p for p in run.peaks if p["threads"] == threads and (threads, p["dtype"]) in kinds]
        # A rough peak has one dtype; better that than none.
        peaks = peaks or [p for p in run.peaks if p["threads"] == threads]
        if run.program == "compare.py":  # whose sides run whatever is best
            peaks = sorted(peaks, key=lambda p: float(p["gflops"]))[-1:]
        bandwidth = run.copy_gbps.get(threads)
        plural = "" if threads == 1 else "s"
        for names, gflops in distinct(peaks):
            start = max(low, gflops / bandwidth) if bandwidth else low
            axes.plot([start, high], [gflops] * 2, color="0.35", linewidth=1.2, zorder=1)
            label = f"{names} peak, {threads} thread{plural}: {gflops:.0f}"
            axes.annotate(label, (high, gflops), (-4, 3), textcoords="offset points", ha="right", fontsize=8)
        if bandwidth:
            knee = min(high, max((p["gflops"] for p in peaks), default=bandwidth * high) / bandwidth)
            axes.plot([low, knee], [low * bandwidth, knee * bandwidth], color="0.35", linewidth=1.2, zorder=1)
            axes.text(
                low * 1.05,
                low * 1.15 * bandwidth,
                f"copying, {threads} thread{plural}: {bandwidth:.0f} GB/s",
                fontsize=8,
                rotation=degrees(atan(bandwidth)),
                rotation_mode="anchor",
                transform_rotates_text=True,
            )


def distinct(peaks: list[dict[str, Any]]) -> list[tuple[str, float]]:
    """Names and heights of the lines to draw: peaks within 5 % share one, or their labels would collide."""
    lines: list[tuple[str, float]] = []
    for p in sorted(peaks, key=lambda p: float(p["gflops"])):
        name = f"{p['isa']} {p['dtype']}"
        if lines and p["gflops"] < 1.05 * lines[-1][1]:
            lines[-1] = (f"{lines[-1][0]}, {name}", p["gflops"])
        else:
            lines.append((name, p["gflops"]))
    return lines


def name_extremes(axes: Any, points: list[Point]) -> None:
    """Name the fastest and the slowest few: naming all would bury the picture."""
    ordered = sorted(points, key=lambda p: p.gflops)
    for p in dict.fromkeys([*ordered[:3], *ordered[-2:]]):
        axes.annotate(p.problem, (p.intensity, p.gflops), (5, -9), textcoords="offset points", fontsize=7, color="0.25")


if __name__ == "__main__":
    sys.exit(main())
