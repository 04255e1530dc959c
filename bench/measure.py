"""How work is measured: wall clock, CPU seconds with the server's, peak memory of the largest process, WAL.

What a database server does counts as CPU seconds of whoever asked for it, but not as its memory.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg2

from fluxion_pipeline.settings import Settings, load
from fluxion_pipeline.sinks.embedded.server import ServerAddress

_UNIT = 1024 * 1024 if sys.platform == "darwin" else 1024
"""Of the operating system's peak memory, in a MB."""


_COMPILE_EACH_TIME = "PYTHONDONTWRITEBYTECODE"
"""Where it is set a program in a folder of sources is compiled at each start, an installed one isn't: so it is unset for everyone."""


class BenchError(Exception):
    """A contender did not do its work, so that there is nothing to measure."""


@dataclass(frozen=True)
class Cost:
    """What something took: wall seconds, CPU seconds, peak MB, bytes of WAL, bytes landed; and what it printed."""

    seconds: float
    cpu: float
    megabytes: float
    wal: float
    landed: float = 0.0
    output: str = ""


@dataclass(frozen=True)
class Result:
    """One line of a table: medians over the rounds."""

    name: str
    cost: Cost
    note: str = ""


@dataclass(frozen=True)
class Server:
    """The PostgreSQL server that everybody writes.

    Attributes:
        address: libpq URI of a database of it.
        pid: of its first process.
    """

    address: str
    pid: int

    def wal(self) -> float:
        """Bytes of WAL written since ever."""
        with closing(psycopg2.connect(self.address)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
            ((found,),) = cursor.fetchall()
        return float(found)

    def cpu(self) -> float:
        """CPU seconds of all of its processes, those that have ended included."""
        first = psutil.Process(self.pid)
        spent = first.cpu_times()
        total = spent.user + spent.system + spent.children_user + spent.children_system
        for child in first.children():
            with suppress(psutil.Error):
                mine = child.cpu_times()
                total += mine.user + mine.system
        return float(total)


def run(command: Sequence[str | Path], environment: Mapping[str, str], folder: Path, good: Collection[int] = (0,), *, server: Server | None = None) -> Cost:
    """Run a command to its end; without a server its CPU seconds are the command's alone, and WAL isn't told.

    Raises:
        BenchError: if its exit code isn't one of ``good``, with the end of what it printed.
    """
    wal, spent = (server.wal(), server.cpu()) if server else (0.0, 0.0)
    with tempfile.TemporaryFile() as log:
        started = time.perf_counter()
        whole = {**os.environ, _COMPILE_EACH_TIME: "", **environment}
        process = subprocess.Popen([str(part) for part in command], cwd=folder, env=whole, stdout=log, stderr=subprocess.STDOUT)
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
    cpu = usage.ru_utime + usage.ru_stime + (server.cpu() - spent if server else 0.0)
    return Cost(seconds, cpu, max(peak, default=usage.ru_maxrss / _UNIT), server.wal() - wal if server else 0.0, 0.0, output)


def _watch(process: int, peak: list[float]) -> None:
    """Peak MB of a process until it ends: the system's own count takes the bench's memory, from before the program was loaded, for the program's."""
    status = Path(f"/proc/{process}/status")
    with suppress(OSError, StopIteration):
        while True:
            peak.append(int(next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1]) / 1024)
            del peak[:-1]
            time.sleep(0.01)


def timed(work: Callable[[], object], server: Server, landed: Callable[[], float]) -> Cost:
    """Do something in this process; its memory is the peak of the process until then."""
    wal, spent, bytes_ = server.wal(), server.cpu(), landed()
    started, mine = time.perf_counter(), time.process_time()
    work()
    seconds, mine = time.perf_counter() - started, time.process_time() - mine
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _UNIT
    return Cost(seconds, mine + server.cpu() - spent, peak, server.wal() - wal, landed() - bytes_)


def median(name: str, costs: Sequence[Cost], note: str = "") -> Result:
    """The medians of several measurements, and the largest of their peaks."""
    middle = [statistics.median(values) for values in zip(*((c.seconds, c.cpu, c.wal, c.landed) for c in costs), strict=True)]
    return Result(name, Cost(middle[0], middle[1], max(c.megabytes for c in costs), middle[2], middle[3]), note)


def less(name: str, whole: Result, parts: Sequence[Result], note: str = "") -> Result:
    """What is left of a whole without its parts."""
    seconds, cpu, wal = (getattr(whole.cost, f) - sum(getattr(p.cost, f) for p in parts) for f in ("seconds", "cpu", "wal"))
    return Result(name, Cost(seconds, cpu, whole.cost.megabytes, max(wal, 0.0)), note)


def together(name: str, parts: Sequence[Result], note: str = "") -> Result:
    """Stages one after the other: their sums, and the largest of their peaks."""
    seconds, cpu, wal, landed = (sum(getattr(p.cost, f) for p in parts) for f in ("seconds", "cpu", "wal", "landed"))
    return Result(name, Cost(seconds, cpu, max(p.cost.megabytes for p in parts), wal, landed), note)


def table(results: Sequence[Result], one: Result) -> str:
    """The results as one aligned table; ratios are to ``one``, by wall clock and by CPU seconds."""
    lines = [("", "seconds", "CPU s", "× s", "× CPU", "peak MB", "WAL kB", "landed kB", "")]
    for r in results:
        c, o = r.cost, one.cost
        figures = (f"{c.seconds:.2f}", f"{c.cpu:.2f}", f"{c.seconds / o.seconds:.2f}", f"{c.cpu / o.cpu:.2f}", f"{c.megabytes:,.0f}")
        lines.append((r.name, *figures, f"{c.wal / 1000:,.0f}", f"{c.landed / 1000:,.0f}", r.note))
    widths = [max(len(line[column]) for line in lines) for column in range(8)]
    return "\n".join(_aligned(line, widths) for line in lines)


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    name, *figures, note = line
    return "  ".join([f"{name:<{widths[0]}}", *(f"{f:>{w}}" for f, w in zip(figures, widths[1:], strict=True)), note]).rstrip()


def dual_settings(server: ServerAddress, home: Path, *, port: int | None = None, **more: str) -> Settings:
    """Settings of a home that writes both databases, PostgreSQL on a server or on a port that leads to it; ``more``: others by their names."""
    said = {
        "HOST": server.host,
        "PORT": str(port or server.port),
        "DB": server.database,
        "USER": server.user,
        "PASSWORD": server.password.get_secret_value(),
    }
    return load({"FLUXION_HOME": str(home), "DB_MODE": "dual", **more, **{f"POSTGRES_{k}": v for k, v in said.items()}})
