"""Worker processes as the parent sees them: started, asked, and stopped while another one is measured.

A library's threads may spin for a while after a call, and two teams that spin on the same cores slow each other
tenfold. So every worker gets SIGSTOP after its answer and SIGCONT before the next question: one process runs at a time.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

_BENCH = str(Path(__file__).resolve().parent)
# Its own folder first and the current one not at all: a checkout's pyconv/ must not hide the installed package.
_BOOT = "import sys; sys.path[0] = sys.argv.pop(1); from peers.worker import main; main()"


class WorkerError(Exception):
    """The worker died, or its library failed at the request; the text says how."""


class Worker:
    """One side in a process of its own. `version` is empty and `missing` says why if the library cannot be imported."""

    def __init__(self, side: str, threads: int) -> None:
        self.side = side
        self._log = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, _BENCH],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment(threads),
        )
        try:
            started = self.ask("start", side=side, threads=threads)
        except WorkerError as error:
            started = {"missing": str(error)}
        self.version: str = started.get("version", "")
        self.missing: str = started.get("missing", "")

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """Let the worker run until it has answered. WorkerError if it cannot."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.send_signal(signal.SIGCONT)
            process.stdin.write(json.dumps({"op": op, **fields}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            process.send_signal(signal.SIGSTOP)
        except OSError as error:
            raise WorkerError(f"{self.side} is gone: {error}") from error
        if not line:
            raise WorkerError(f"{self.side} died: {self._last_words()}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise WorkerError(reply["error"])
        return reply

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def _last_words(self) -> str:
        self._process.wait()
        self._log.seek(0)
        lines = self._log.read().strip().splitlines()
        return f"exit code {self._process.returncode}, {lines[-1] if lines else 'nothing on standard error'}"

    def close(self) -> None:
        process = self._process
        if self.alive:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, self._log):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def environment(threads: int) -> dict[str, str]:
    """What libraries read about threads when they are loaded."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, str(threads))}
