"""Is the chain ready to move to PostgreSQL? The evidence, gathered and judged.

Before this: parity and its history, coverage, status, timings; after it: ``cutover_page``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from fluxion_pipeline.contracts.clock import UTC
from fluxion_pipeline.contracts.outcomes import Mode, SinkName, Verdict
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.coverage import FACTS, Coverage, coverage
from fluxion_pipeline.operations.cutover_rules import Facts, Ruled, ruled
from fluxion_pipeline.operations.cutover_timings import Timing, Writing, reads, writes
from fluxion_pipeline.operations.parity_history import Proof, days_equal, history, record
from fluxion_pipeline.operations.status import Status, status
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.parity.report import Level, ParityReport

BACKUP = "respaldo.json"
SIZE = "SELECT pg_database_size(current_database())"


@dataclass(frozen=True)
class Cutover:
    """The report.

    Attributes:
        at: when.
        rules: each with whether it holds.
        parity: of now, every value.
        schema: of now.
        proofs: all that are remembered, oldest first.
        equal_days: table → days in a row.
        maps: coverage of the last 30 days.
        status: sinks, rejects, quarantine.
        timings: of both engines; empty where one is away.
        writing: what each sink's log says.
        sizes: bytes of each sink.
    """

    at: datetime
    rules: tuple[Ruled, ...]
    parity: ParityReport
    schema: ParityReport
    proofs: tuple[Proof, ...]
    equal_days: dict[str, int]
    maps: tuple[Coverage, ...]
    status: Status
    timings: tuple[Timing, ...]
    writing: dict[SinkName, Writing]
    sizes: dict[SinkName, int]

    @property
    def ready(self) -> bool:
        """Whether every rule holds."""
        return all(r.holds for r in self.rules)


def cutover(app: App) -> Cutover:
    """Prove, look and judge.

    Raises:
        FluxionError: if coverage can't be told: the source isn't there.
    """
    at = app.clock()
    parity, schema = prove(app.settings), prove(app.settings, None, Level.SCHEMA)
    record(app.settings.home, parity, at)
    proofs, seen = history(app.settings.home), status(app)
    equal = {t.table: days_equal(proofs, t.table, at) for t in parity.tables}
    maps = tuple(coverage(app, fact) for fact in FACTS)
    timings, writing, sizes = _measured(app)
    made, restored = _backup(app)
    wanted = sum(c.wanted for m in maps for c in m.cells.values())
    good = sum(min(c.good, c.wanted) for m in maps for c in m.cells.values())
    facts = Facts(
        dual=app.settings.db_mode is Mode.DUAL,
        different=sum(t.verdict is not Verdict.IGUAL for t in parity.tables),
        equal_days=min(equal.values(), default=0),
        oldest_hours=_oldest(parity, at),
        pending=sum(s.pending for s in seen.sinks),
        problems=sum(s.problem is not None for s in seen.sinks),
        drift=sum(t.verdict is not Verdict.IGUAL for t in schema.tables),
        share=good / wanted if wanted else 0.0,
        quarantined=seen.quarantined,
        slowest=max((t.milliseconds[SinkName.POSTGRESQL] for t in timings), default=None),
        backup_hours=None if made is None else (at - made) / timedelta(hours=1),
        restored=restored,
    )
    return Cutover(at, ruled(facts), parity, schema, proofs, equal, maps, seen, timings, writing, sizes)


def _oldest(parity: ParityReport, at: datetime) -> float | None:
    """Hours since the slice that waits longest was compared; None where a table isn't proven equal."""
    if parity.verdict is not Verdict.IGUAL:
        return None
    return max((max(at - t.oldest, timedelta()) / timedelta(hours=1) for t in parity.tables if t.oldest is not None), default=0.0)


def _measured(app: App) -> tuple[tuple[Timing, ...], dict[SinkName, Writing], dict[SinkName, int]]:
    if app.settings.db_mode is not Mode.DUAL:
        return (), {}, {}
    duck, postgres = app.sink(SinkName.DUCKDB), app.sink(SinkName.POSTGRESQL)
    try:
        ((size,),) = postgres.query(SIZE)
        sizes = {SinkName.DUCKDB: app.settings.duckdb_file.stat().st_size, SinkName.POSTGRESQL: int(size)}
        return reads((duck, postgres)), {SinkName.DUCKDB: writes(duck), SinkName.POSTGRESQL: writes(postgres)}, sizes
    except (FluxionError, OSError):  # the rule «ambos» names the cause
        return (), {}, {}


def _backup(app: App) -> tuple[datetime | None, bool]:
    """When the newest backup was made, and whether one was ever restored, as ``respaldo.json`` says."""
    path = app.settings.home / BACKUP
    try:
        data = json.loads(path.read_text("utf-8"))
        made, restored = datetime.fromisoformat(data["hecho_en"]), data.get("restaurado_en")
    except (OSError, ValueError, KeyError, TypeError):
        return None, False
    return (made if made.tzinfo else made.replace(tzinfo=UTC)), bool(restored)
