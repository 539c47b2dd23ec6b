"""Look for cliffs: random layers, and their neighbours that cost much more an operation.

    python bench/sweep.py --pyconv-bench build/pyconv_bench --layers 50 --seed 7

A neighbour has one channel, row or column more or less, or one group's width. Both are timed by pyconv_bench with the
same options; the price of a layer is its time for each multiply-add (for each element read and written, of pooling). A
pair whose prices differ by `--limit` or more is timed again, three times, and listed with the best of all its times if
it still does, dearest first. Layers under `--least` microseconds are left out: there a call is most of the time.

No layer is timed on zeros, and nothing passes or fails here: the list is where to look. The seed is printed, so that a
list can be repeated after a change.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from problem import Problem

# Family: kernel, stride, dilation, groups ("each" is depthwise), channels in and out, rows and columns.
FAMILIES: dict[str, tuple[int, int, int, str | int, tuple[int, int], tuple[int, int]]] = {
    "1x1": (1, 1, 1, 1, (8, 700), (5, 80)),
    "1x1 s2": (1, 2, 1, 1, (16, 700), (10, 80)),
    "3x3": (3, 1, 1, 1, (4, 400), (5, 80)),
    "3x3 s2": (3, 2, 1, 1, (4, 300), (10, 120)),
    "3x3 d2": (3, 1, 2, 1, (8, 200), (12, 80)),
    "5x5": (5, 1, 1, 1, (4, 100), (8, 60)),
    "7x7 s2": (7, 2, 1, 1, (1, 4), (60, 260)),
    "few inputs": (3, 1, 1, 1, (1, 5), (40, 250)),
    "depthwise 3x3": (3, 1, 1, "each", (16, 600), (5, 120)),
    "depthwise 3x3 s2": (3, 2, 1, "each", (16, 600), (8, 120)),
    "depthwise 5x5": (5, 1, 1, "each", (16, 600), (6, 80)),
    "depthwise 7x7": (7, 1, 1, "each", (16, 400), (7, 60)),
    "grouped 3x3": (3, 1, 1, 32, (64, 512), (7, 60)),
    "filter": (5, 1, 1, 1, (1, 1), (200, 900)),
    "max 3x3 s2": (3, 2, 1, "pool", (16, 256), (10, 120)),
    "max 2x2": (2, 2, 1, "pool", (16, 256), (10, 120)),
    "max 5x5": (5, 1, 1, "pool", (16, 256), (8, 60)),
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sweep.py", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--pyconv-bench", required=True, metavar="PROGRAM")
    parser.add_argument("--layers", type=int, default=40, help="how many random layers (default 40)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--limit", type=float, default=1.5, help="prices that differ by this factor (default 1.5)")
    parser.add_argument("--least", type=float, default=20, metavar="US", help="shortest time that counts (default 20)")
    parser.add_argument("--families", default=",".join(FAMILIES), help="comma-separated")
    parser.add_argument("--options", default="", help="for pyconv_bench, as in --options '--layout nhwc --isa avx2'")
    options = parser.parse_args(arguments)
    unknown = set(options.families.split(",")) - set(FAMILIES)
    if unknown:
        parser.error(f"no such family: {', '.join(sorted(unknown))}; there are {', '.join(FAMILIES)}")
    rng = random.Random(options.seed)
    pairs = 0
    found: list[tuple[float, str]] = []
    for number in range(options.layers):
        family = rng.choice(options.families.split(","))
        first = layer(rng, family)
        layers = [first, *neighbours(first)]
        times = measure(options, layers, 0.02)
        for i in range(1, len(layers)):
            pair = [first, layers[i]]
            best = [times[0], times[i]]
            if min(best) < options.least:
                continue
            pairs += 1
            for _ in range(3):
                if ratio(pair, best) < options.limit:
                    break
                best = [min(old, new) for old, new in zip(best, measure(options, pair, 0.05), strict=True)]
            if ratio(pair, best) >= options.limit:
                cheap, dear = sorted(zip(pair, best, strict=True), key=lambda one: price(*one))
                texts = [f"{p.shape} ({us:.0f} us)" for p, us in (dear, cheap)]
                found.append((ratio(pair, best), f"{family}: {texts[0]} beside {texts[1]}"))
        print(f"\r{number + 1}/{options.layers}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for factor, text in sorted(found, reverse=True):
        print(f"{factor:.2f}  {text}")
    print(f"# seed {options.seed}: {len(found)} of {pairs} pairs differ by {options.limit} or more an operation")
    return 0


def layer(rng: random.Random, family: str) -> Problem:
    kernel, stride, dilation, groups, channels, size = FAMILIES[family]
    pool = groups == "pool"
    ic = rng.randint(*channels)
    if isinstance(groups, int) and groups > 1:
        ic -= ic % groups
    oc = ic if pool or groups == "each" or groups != 1 else max(1, round(rng.uniform(0.3, 3) * max(ic, 12)))
    if family == "filter":
        oc = 1
    high = rng.randint(*size)
    wide = max(size[0], min(size[1], high + rng.choice((0, 0, rng.randint(-9, 9)))))
    return Problem(
        kind="maxpool2d" if pool else "conv2d",
        name="x",
        ic=ic,
        oc=oc,
        groups=ic if groups == "each" else groups if isinstance(groups, int) else 1,
        size=(high, wide),
        kernel=(kernel, kernel),
        stride=(stride, stride),
        padding=(dilation * (kernel // 2), dilation * (kernel // 2)) if (kernel, stride) != (2, 2) else (0, 0),
        dilation=(dilation, dilation),
    )


def neighbours(p: Problem) -> Iterator[Problem]:
    for step in (1, -1):
        for axis in (0, 1):
            size = (p.size[0] + step * (axis == 0), p.size[1] + step * (axis == 1))
            yield replace(p, size=size)
        if p.ic == p.oc and (p.groups == p.ic or not p.has_weights):
            if p.ic + step > 0:
                yield replace(p, ic=p.ic + step, oc=p.ic + step, groups=p.ic + step if p.groups > 1 else 1)
        elif p.groups > 1:
            if p.ic + step * p.groups > 0:
                yield replace(p, ic=p.ic + step * p.groups, oc=p.oc + step * p.groups)
        else:
            if p.ic + step > 0:
                yield replace(p, ic=p.ic + step)
            if p.oc + step > 0:
                yield replace(p, oc=p.oc + step)


def price(p: Problem, us: float) -> float:
    return us / (p.flops or p.moved_bytes(1, 4))


def ratio(pair: list[Problem], us: list[float]) -> float:
    prices = [price(p, t) for p, t in zip(pair, us, strict=True)]
    return max(prices) / min(prices)


def line(p: Problem, name: str) -> str:
    words = {"name": name, "ih": p.size[0], "iw": p.size[1], "k": p.kernel[0], "s": p.stride[0], "p": p.padding[0]}
    words |= {"ic": p.ic, "oc": p.oc, "g": p.groups, "d": p.dilation[0]} if p.has_weights else {"c": p.ic}
    return " ".join([p.kind, *(f"{key}={value}" for key, value in words.items())])


def measure(options: argparse.Namespace, layers: list[Problem], seconds: float) -> list[float]:
    """Best time of each, in microseconds."""
    text = "\n".join(line(p, f"x{i}") for i, p in enumerate(layers))
    command = [options.pyconv_bench, "-", "--seconds", str(seconds), "--reps", "2", "--json", "-"]
    run = subprocess.run(
        [*command, *options.options.split()], input=text, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if run.returncode:
        sys.exit(f"sweep.py: {run.stderr.strip() or run.stdout.strip()}")
    return [result["us_best"] for result in json.loads(run.stdout)["results"]]


if __name__ == "__main__":
    sys.exit(main())
