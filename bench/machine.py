"""What a figure needs beside it: CPU, system, time, and the machine's measured ceilings."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any


def describe() -> dict[str, Any]:
    """The "machine" object of the JSON files, with the same keys as the C program's."""
    info = _cpuinfo()
    return {
        "cpu": info.get("model name") or platform.processor() or platform.machine(),
        "cpus": usable_cpus(),
        "system": f"{platform.system()} {platform.machine()}",
        "transparent_huge_pages": _first_line("/sys/kernel/mm/transparent_hugepage/enabled"),
        "flags": info.get("flags") or info.get("Features", ""),
        "python": platform.python_version(),
    }


def usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def ceilings(program: str | None, threads: int) -> dict[str, Any] | None:
    """FMA peaks and copy bandwidth by ``pyconv_bench --peak``, or None where that program is not to be found."""
    path = program or shutil.which("pyconv_bench")
    if path is None:
        return None
    command = [path, "--peak", "--threads", str(threads), "--json", "-"]
    measured = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {"copy_gbps": measured["copy_gbps"], "peaks": measured["peaks"], "peak_source": "pyconv_bench --peak"}


def rough_ceilings(measured: dict[str, float], threads: int) -> dict[str, Any]:
    """The same from a worker's `ceilings` answer: NumPy's matrix product stands in for the peak."""
    peak = {"isa": "numpy", "dtype": "f32", "threads": threads, "gflops": measured["matmul_gflops"]}
    return {
        "copy_gbps": {str(threads): measured["copy_gbps"]},
        "peaks": [peak],
        "peak_source": "numpy.matmul of 1024x1024, a lower bound; numpy.copyto on one thread",
    }


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _cpuinfo() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo; empty where there is none."""
    fields: dict[str, str] = {}
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return fields
    for line in text.partition("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        fields[key.strip()] = value.strip()
    return fields
