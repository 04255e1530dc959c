"""What every proof came to, one line for each run and table, so that "equal for 14 days" is evidence and not memory.

Before this: ``parity``; after it: ``cutover``. PostgreSQL's ``pruebas`` holds only the newest proof of each table.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from fluxion_pipeline.contracts.clock import local_day
from fluxion_pipeline.contracts.outcomes import Verdict
from fluxion_pipeline.operations.linefile import LineFile
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
    LineFile(home, FILE).add(lines)


def forget(home: Path, before: datetime) -> int:
    """Drop the proofs of before an instant; how many lines went.

    Raises:
        BusyError: if somebody adds proofs for a minute.
        OSError: if the file can't be written anew; the old one stands.
    """
    return LineFile(home, FILE).keep(lambda line: (proof := _proof(line)) is not None and proof.at >= before)


def history(home: Path) -> tuple[Proof, ...]:
    """All proofs, oldest first; a line that a crash cut is passed over."""
    return tuple(sorted((proof for line in LineFile(home, FILE).lines() if (proof := _proof(line)) is not None), key=lambda p: p.at))


def different(home: Path, tables: Collection[str]) -> tuple[Proof, ...]:
    """Of the tables named, the newest proof of each whose newest one says that both databases differ, by table."""
    newest = {proof.table: proof for proof in history(home) if proof.table in tables}
    return tuple(newest[t] for t in sorted(newest) if newest[t].verdict is Verdict.DIFERENTE)


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


def _proof(line: str) -> Proof | None:
    try:
        data = json.loads(line)
        return Proof(datetime.fromisoformat(data["at"]), data["table"], Verdict(data["verdict"]), int(data["rows"]))
    except (ValueError, KeyError, TypeError):
        return None
