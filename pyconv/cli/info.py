"""`pyconv info`: what this installation is and what it runs on."""

import argparse
import json
import os
import platform
from pathlib import Path

import numpy as np

import pyconv
from pyconv.cli.errors import UserError


def run(args: argparse.Namespace) -> int:
    """Print the facts, as aligned lines or as one JSON object."""
    facts = collect()
    if args.json:
        print(json.dumps(facts, indent=2))
        return 0
    available = facts["isas_available"]
    assert isinstance(available, list)
    forced = facts["PYCONV_ISA"]
    origin = f"forced by PYCONV_ISA={forced}" if forced else "the best of those available"
    lines = {
        "pyconv": facts["version"],
        "ISA": f"{facts['isa']} ({origin}: {', '.join(available)})",
        "threads": facts["threads"],
        "compiler": facts["compiler"],
        "Python": facts["python"],
        "NumPy": facts["numpy"],
        "CPU": facts["cpu"],
    }
    for name, fact in lines.items():
        print(f"{name:<9} {fact}")
    return 0


def collect() -> dict[str, object]:
    """Return the facts by name. Raises UserError if PYCONV_ISA names no target that runs here."""
    return {
        "version": pyconv.__version__,
        "isa": chosen_isa(),
        "isas_available": list(pyconv.available_isas()),
        "PYCONV_ISA": os.environ.get("PYCONV_ISA") or None,
        "threads": pyconv.get_num_threads(),
        "compiler": pyconv.compiler(),
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "numpy": np.__version__,
        "cpu": cpu_model(),
        "machine": platform.machine(),
        "system": platform.system(),
    }


def chosen_isa() -> str:
    """Return the instruction set in use. Raises UserError if PYCONV_ISA names none that runs here."""
    try:
        return pyconv.isa()
    except (ValueError, RuntimeError) as error:
        raise UserError(" ".join(str(error).split())) from None


def cpu_model() -> str:
    """Return the CPU's name as the system tells it, or the machine type where it does not."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        text = ""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name" and value.strip():
            return value.strip()
    return platform.processor() or platform.machine()
