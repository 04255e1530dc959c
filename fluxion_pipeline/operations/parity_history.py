"""What every proof came to, one line for each run and table, so that "equal for 14 days" is evidence and not memory.

Before this: ``parity``; after it: ``cutover``. PostgreSQL's ``pruebas`` holds only the newest proof of each table.
"""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from fluxion_pipeline.contracts.clock import local_day
from fluxion_pipeline.contracts.outcomes import Verdict
from fluxion_pipeline.errors import BusyError
from fluxion_pipeline.locks import hold
from fluxion_pipeline.parity.report import Level, ParityReport

FILE = "paridad.jsonl"


@dataclass(frozen=True)
class Proof:
    """One table's verdict in one run."""

    at: datetime
    table: str
    verdict: Verdict
    rows: int


def record(home: Path, report: ParityReport, at: datetime) -> None:
    """Add a run's verdicts; comparisons of less than every value are no proofs.

    A disk that is full keeps nobody from a verdict: a day without a line only counts as not proven.
    """
    deep = [t for t in report.tables if t.level in (Level.VALUES, Level.DIGEST)]
    lines = [{"at": at.isoformat(), "table": t.table, "verdict": t.verdict.value, "rows": t.rows_postgresql or 0} for t in deep]
    if lines and home.is_dir():
        with suppress(OSError, BusyError), _alone(home, "adding proofs"), (home / FILE).open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))


def forget(home: Path, before: datetime) -> int:
    """Drop the proofs of before an instant; how many lines went.

    Raises:
        BusyError: if somebody adds proofs for a minute.
        OSError: if the file can't be written anew; the old one stands.
    """
    path = home / FILE
    if not path.is_file():
        return 0
    with _alone(home, "forgetting old proofs"):
        lines = path.read_text("utf-8").splitlines(keepends=True)
        kept = [line for line in lines if (proof := _proof(line)) is not None and proof.at >= before]
        if len(kept) < len(lines):
            fresh = path.with_name(f"{FILE}.{os.getpid()}")
            fresh.write_text("".join(kept), "utf-8")
            fresh.replace(path)
    return len(lines) - len(kept)


def history(home: Path) -> tuple[Proof, ...]:
    """All proofs, oldest first; a line that a crash cut is passed over."""
    path = home / FILE
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    return tuple(sorted((proof for line in lines if (proof := _proof(line)) is not None), key=lambda p: p.at))


def days_equal(proofs: tuple[Proof, ...], table: str, at: datetime) -> int:
    """For how many local days in a row, today's included, each has a proof of a table that is equal, and none that differs."""
    by_day: dict[str, set[Verdict]] = {}
    for proof in proofs:
        if proof.table == table:
            by_day.setdefault(local_day(proof.at).isoformat(), set()).add(proof.verdict)
    count, day = 0, local_day(at)
    while (found := by_day.get(day.isoformat())) and Verdict.IGUAL in found and Verdict.DIFERENTE not in found:
        count, day = count + 1, day - timedelta(days=1)
    return count


def _alone(home: Path, purpose: str) -> AbstractContextManager[None]:
    return hold(home / "locks" / "paridad.lock", wait=60, purpose=purpose)


def _proof(line: str) -> Proof | None:
    try:
        data = json.loads(line)
        return Proof(datetime.fromisoformat(data["at"]), data["table"], Verdict(data["verdict"]), int(data["rows"]))
    except (ValueError, KeyError, TypeError):
        return None
