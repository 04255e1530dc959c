"""How a command is measured: wall clock, and the peak memory of its largest process.

What a database server does on its side takes time but isn't counted as the command's memory.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


class BenchError(Exception):
    """A contender did not do its work, so that there is nothing to measure."""


@dataclass(frozen=True)
class Run:
    """One measured command: wall seconds, peak MB, what it printed, its own CPU seconds."""

    seconds: float
    megabytes: float
    output: str
    cpu: float = 0.0


@dataclass(frozen=True)
class Result:
    """One line of the table: medians over the rounds."""

    name: str
    seconds: float
    megabytes: float
    note: str = ""


def run(command: Sequence[str | Path], environment: Mapping[str, str], folder: Path, good: Collection[int] = (0,)) -> Run:
    """Run a command to its end.

    Raises:
        BenchError: if its exit code isn't one of ``good``, with the end of what it printed.
    """
    with tempfile.TemporaryFile() as log:
        started = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], cwd=folder, env={**os.environ, **environment}, stdout=log, stderr=subprocess.STDOUT)
        peak: list[float] = []
        watching = threading.Thread(target=_watch, args=(process.pid, peak), daemon=True)
        watching.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        output = log.read().decode(errors="replace")
    if process.returncode not in good:
        raise BenchError(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{output[-3000:]}")
    watching.join()
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return Run(seconds, max(peak, default=usage.ru_maxrss / unit), output, usage.ru_utime + usage.ru_stime)


def _watch(process: int, peak: list[float]) -> None:
    """Peak MB of a process until it ends: the system's own count takes the bench's memory, from before the program was loaded, for the program's."""
    status = Path(f"/proc/{process}/status")
    with suppress(OSError, StopIteration):
        while True:
            peak.append(int(next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1]) / 1024)
            del peak[:-1]
            time.sleep(0.01)


def median(name: str, runs: Sequence[Run], note: str = "") -> Result:
    """The medians of several runs."""
    return Result(name, statistics.median(r.seconds for r in runs), max(r.megabytes for r in runs), note)


def table(results: Sequence[Result], ours: Result) -> str:
    """The results as one aligned table; ratios are to ours."""
    lines = [("", "seconds", "peak MB", "× ours", "")]
    lines += [(r.name, f"{r.seconds:.2f}", f"{r.megabytes:,.0f}", f"{r.seconds / ours.seconds:.2f}", r.note) for r in results]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    return "\n".join(f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}  {e}".rstrip() for a, b, c, d, e in lines)
