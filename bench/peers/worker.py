"""The process in which one library is measured: JSON requests on standard input, one JSON answer a line.

`start` names the side; `prepare` builds a case and keeps the fastest way of running it; `save` writes the result for
comparison; `time` times it; `release` forgets it. The parent stops every worker but the one it asks (see workers.py),
so nothing here need worry about company.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from itertools import repeat
from time import perf_counter
from typing import Any, TextIO

import numpy as np

from . import PEERS
from .case import Case, Peer, Prepared, Unsupported

# A sample is one division of a time by a number of calls: long enough for the clock, short enough to have many.
SAMPLE_SECONDS = 2e-3
# What the trial of each way costs when a library offers several.
TRIAL_SECONDS = 20e-3


def sample(call: Callable[[], Any], count: int) -> float:
    """Seconds a call, of `count` in a row."""
    start = perf_counter()
    for _ in repeat(None, count):
        call()
    return (perf_counter() - start) / count


def samples(call: Callable[[], Any], seconds: float) -> tuple[list[float], int]:
    """Samples over about `seconds` after a warm-up of a fifth of it, and the number of calls in each."""
    count, warm_until = 1, perf_counter() + seconds / 5
    call()
    one = sample(call, 1)
    while perf_counter() < warm_until:
        count = max(1, min(int(SAMPLE_SECONDS / max(one, 1e-9)), 2 * count))
        one = sample(call, count)
    count = max(1, int(SAMPLE_SECONDS / max(one, 1e-9)))
    taken, until = [sample(call, count)], perf_counter() + seconds
    while perf_counter() < until:
        taken.append(sample(call, count))
    return taken, count


def fastest(calls: dict[str, Callable[[], Any]]) -> str:
    """The name of the fastest way, by a short trial; a single one needs none."""
    if len(calls) == 1:
        return next(iter(calls))
    return min(calls, key=lambda name: min(samples(calls[name], TRIAL_SECONDS)[0]))


class Worker:
    """The state between requests: a library and the case that it has prepared."""

    peer: Peer
    prepared: Prepared
    call: Callable[[], Any]

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        operation = getattr(self, f"do_{request.pop('op')}")
        return operation(**request)  # type: ignore[no-any-return]

    def do_start(self, side: str, threads: int) -> dict[str, Any]:
        module, name, _ = PEERS[side]
        try:
            peer = getattr(importlib.import_module(f"{__package__}.{module}"), name)
        except ImportError as error:
            return {"missing": str(error)}
        self.peer = peer(threads)
        return {"version": self.peer.version}

    def do_prepare(self, case: dict[str, Any]) -> dict[str, Any]:
        try:
            self.prepared = self.peer.prepare(Case.from_json(case))
        except Unsupported as reason:
            return {"unsupported": str(reason)}
        how = fastest(self.prepared.calls)
        self.call = self.prepared.calls[how]
        return {"how": how, "about": self.prepared.about}

    def do_save(self, path: str) -> dict[str, Any]:
        np.save(path, self.prepared.to_nchw(self.call()))
        return {}

    def do_time(self, seconds: float) -> dict[str, Any]:
        taken, count = samples(self.call, seconds)
        return {"us": [1e6 * t for t in taken], "calls": count}

    def do_release(self) -> dict[str, Any]:
        del self.prepared, self.call
        gc.collect()
        return {}

    def do_ceilings(self) -> dict[str, Any]:
        """Rough ceilings for a roofline where the C program, which measures them properly, is not at hand."""
        n = 1024
        a, b = np.ones((n, n), np.float32), np.ones((n, n), np.float32)
        product = np.empty((n, n), np.float32)
        source, target = np.ones(1 << 26, np.uint8), np.zeros(1 << 26, np.uint8)
        multiply = min(samples(lambda: np.matmul(a, b, out=product), 0.1)[0])
        copy = min(samples(lambda: np.copyto(target, source), 0.1)[0])
        return {"matmul_gflops": 2e-9 * n**3 / multiply, "copy_gbps": 2e-9 * source.nbytes / copy}


def die_with_parent() -> None:
    """A stopped process does not see its input close: let the kernel end it."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def private_stdout() -> TextIO:
    """Keep the pipe for answers; what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def main() -> None:
    die_with_parent()
    answers = private_stdout()
    worker = Worker()
    gc.disable()
    for line in sys.stdin:
        try:
            reply = worker.answer(json.loads(line))
        except Exception as error:  # a library's failure is one line of the table, not the end of the run
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
