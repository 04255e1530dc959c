"""What Dagster's histories have that is new: evaluations of checks, runs that ended, ticks that were due.

The history of a check is internal to Dagster (1.13): this module is the only one that asks for it. A
check's line is written when its run is planned and again when it is evaluated, so a line counts once
its run has ended, and those after it wait. The first look takes only how things stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord, AssetCheckExecutionRecordStatus
from dagster._utils.schedules import cron_string_iterator

from fluxion_pipeline.alerts.evidence import CheckSeen, RunSeen, TicksSeen
from fluxion_pipeline.contracts.clock import UTC, ZONE_NAME, tick_text
from fluxion_pipeline.defs.checks import PLACES
from fluxion_pipeline.defs.jobs import CRONS, CUT_TAG

Finished = Callable[[AssetCheckExecutionRecord], bool]
Excused = Callable[[datetime], bool]

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
PAGE, PAGES = 100, 20
OVERLAP = timedelta(minutes=5)
"""Runs are looked up this far back again, since the order in which they are stored is not that of their clocks."""
REMEMBERED = 500
STUCK = timedelta(hours=3)
"""A run that has not ended by then is not waited for any longer: its process is gone."""
LATE = timedelta(minutes=20)
"""A tick may be this late: a queue, a restart."""
TICKS = 500


@dataclass(frozen=True)
class Seen:
    """How far was looked; kept with the alerts, in one transaction with what came of it.

    Attributes:
        storage: which storage it speaks of.
        checks: check → the last line taken.
        until: up to when runs were looked at, a timestamp.
        runs: the newest runs taken.
        ticks: schedule → up to when its ticks were looked at, a timestamp.
    """

    storage: str
    checks: Mapping[str, int] = field(default_factory=dict)
    until: float = 0.0
    runs: tuple[str, ...] = ()
    ticks: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Seen:
        """As it was kept."""
        return cls(**{**data, "runs": tuple(data["runs"])})


@dataclass(frozen=True)
class News:
    """What is new, and how far was looked."""

    checks: tuple[CheckSeen, ...]
    runs: tuple[RunSeen, ...]
    ticks: tuple[TicksSeen, ...]
    seen: Seen


def look(instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey], seen: Seen | None, now: datetime, excused: Excused = lambda _: False) -> News:
    """Look for what is new since the last look.

    Args:
        instance: where.
        keys: the checks that are there.
        seen: what the last look came to; None, or of another storage: this is the first one.
        now: the instant, aware.
        excused: whether nothing was meant to run at a tick's instant.
    """
    storage = str(getattr(instance.run_storage, "get_run_storage_id", str)())
    before = seen if seen is not None and seen.storage == storage else None
    ended = _runs(instance, before)
    taken = {r.dagster_run.run_id for r in ended} | set(before.runs if before else ())
    lines = _lines(instance, list(keys), before, _finished(instance, taken, now, first=before is None))
    canceled = {r.dagster_run.run_id for r in ended if r.dagster_run.status is dg.DagsterRunStatus.CANCELED}
    checks = tuple(c for found in lines.values() for c in map(_check, found) if c.passed is not None or c.run_id not in canceled)
    ticks, until = _ticks(instance, before, now, excused)
    marks = {**(before.checks if before else {}), **{_name(key): found[-1].id for key, found in lines.items() if found}}
    known = [*(before.runs if before else ()), *(r.dagster_run.run_id for r in ended)][-REMEMBERED:]
    last = max([before.until if before else now.timestamp(), *(r.update_timestamp.timestamp() for r in ended)])
    runs = [r for r in ended if r.dagster_run.status is not dg.DagsterRunStatus.CANCELED]
    told = tuple(_run(instance, r) for r in (runs if before else _newest(runs)))
    return News(checks, told, ticks, Seen(storage, marks, last, tuple(known), until))


# ── runs ────────────────────────────────────────────────────────────────────────────────────────
def _runs(instance: dg.DagsterInstance, before: Seen | None) -> list[dg.RunRecord]:
    """The runs that ended since, oldest first; at the first look the newest ones."""
    if before is None:
        return list(reversed(instance.get_run_records(dg.RunsFilter(statuses=ENDED), limit=PAGE)))
    since = datetime.fromtimestamp(before.until, UTC) - OVERLAP
    found = instance.get_run_records(dg.RunsFilter(statuses=ENDED, updated_after=since), limit=REMEMBERED, order_by="update_timestamp", ascending=True)
    return [r for r in found if r.dagster_run.run_id not in before.runs]


def _newest(runs: Iterable[dg.RunRecord]) -> list[dg.RunRecord]:
    return list({r.dagster_run.job_name: r for r in runs}.values())


def _run(instance: dg.DagsterInstance, record: dg.RunRecord) -> RunSeen:
    run = record.dagster_run
    failed = run.status is dg.DagsterRunStatus.FAILURE
    at = datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp.replace(tzinfo=UTC)
    steps = []
    if failed:
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
            event = entry.get_dagster_event()
            steps.append((str(event.step_key), _cause(event)))
    return RunSeen(run.run_id, run.job_name, at, failed, tuple(steps))


def _cause(event: dg.DagsterEvent) -> str:
    """What a person told of the failure, or else its innermost error."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error else ""


# ── checks ──────────────────────────────────────────────────────────────────────────────────────
def _name(key: dg.AssetCheckKey) -> str:
    return f"{key.asset_key.to_user_string()}:{key.name}"


def _finished(instance: dg.DagsterInstance, taken: set[str], now: datetime, *, first: bool) -> Finished:
    """Whether a line's run has ended, and was taken: a run that ended between two questions waits for the next look."""
    known: dict[str, bool] = {}

    def ended(line: AssetCheckExecutionRecord) -> bool:
        if not line.run_id or line.run_id in taken or now.timestamp() - line.create_timestamp > STUCK.total_seconds():
            return True
        if line.run_id not in known:
            record = instance.get_run_record_by_id(line.run_id)
            old = record is not None and record.end_time is not None and now.timestamp() - record.end_time > OVERLAP.total_seconds()
            known[line.run_id] = record is None or (record.dagster_run.status in ENDED and (first or old))
        return known[line.run_id]

    return ended


def _lines(
    instance: dg.DagsterInstance, keys: list[dg.AssetCheckKey], before: Seen | None, finished: Finished
) -> dict[dg.AssetCheckKey, list[AssetCheckExecutionRecord]]:
    """The lines of each check that are new, oldest first, up to the first whose run has not ended."""
    storage = instance.event_log_storage
    found = {}
    for key, newest in storage.get_latest_asset_check_execution_by_key(keys).items():
        after = before.checks.get(_name(key), 0) if before else None
        if after is not None and newest.id <= after:
            continue
        lines: list[AssetCheckExecutionRecord] = []
        cursor = None
        for _ in range(PAGES):
            page = storage.get_asset_check_execution_history(key, limit=PAGE, cursor=cursor)
            lines += [line for line in page if after is None or line.id > after]
            if len(page) < PAGE or page[-1].id <= (after or 0) or after is None:
                break
            cursor = page[-1].id
        found[key] = _to_take(list(reversed(lines)), finished, only_newest=after is None)
    return found


def _to_take(lines: list[AssetCheckExecutionRecord], finished: Finished, *, only_newest: bool) -> list[AssetCheckExecutionRecord]:
    taken = []
    for line in lines:
        if not finished(line):
            break
        taken.append(line)
    evaluated = [line for line in taken if line.status is not AssetCheckExecutionRecordStatus.PLANNED]
    return (evaluated[-1:] or taken[-1:]) if only_newest else taken


def _check(line: AssetCheckExecutionRecord) -> CheckSeen:
    asset, name, at = line.key.asset_key.to_user_string(), line.key.name, datetime.fromtimestamp(line.create_timestamp, UTC)
    event = line.event.dagster_event if line.event else None
    if line.status is AssetCheckExecutionRecordStatus.PLANNED or event is None:
        return CheckSeen(asset, name, line.id, line.run_id, at, None)
    evaluation = event.asset_check_evaluation_data
    values = {k: v.value for k, v in evaluation.metadata.items()}
    places = values.get(PLACES)
    return CheckSeen(
        asset,
        name,
        line.id,
        line.run_id,
        datetime.fromtimestamp(line.event.timestamp, UTC) if line.event else at,
        evaluation.passed,
        evaluation.severity is dg.AssetCheckSeverity.ERROR,
        str(values.get("veredicto", "")),
        evaluation.description or "",
        {k: v for k, v in values.items() if isinstance(v, (int, float)) and not isinstance(v, bool)},
        {str(k): str(v) for k, v in places.items()} if isinstance(places, dict) else {},
    )


# ── ticks ───────────────────────────────────────────────────────────────────────────────────────
def _ticks(instance: dg.DagsterInstance, before: Seen | None, now: datetime, excused: Excused) -> tuple[tuple[TicksSeen, ...], dict[str, float]]:
    """The pipeline's schedules whose ticks were due since the last look."""
    found, until = [], {}
    for job, cron in CRONS.items():
        name = f"{job}_programado"
        since = before.ticks.get(name, now.timestamp()) if before else now.timestamp()
        due = _due(cron, since, now - LATE)
        until[name] = due[-1].timestamp() if due else since
        if due:
            there = _cuts_run(instance, name, due[0])
            missing = [t for t in due if tick_text(t) not in there and not excused(t)]
            found.append(TicksSeen(name, job, missing[0].astimezone(UTC) if missing else now, len(due), tuple(map(tick_text, missing))))
    return tuple(found), until


def _due(cron: str, since: float, until: datetime) -> list[datetime]:
    due: list[datetime] = []
    for tick in cron_string_iterator(since + 1, cron, ZONE_NAME):
        if tick > until or len(due) >= TICKS:
            break
        due.append(tick)
    return due


def _cuts_run(instance: dg.DagsterInstance, schedule: str, since: datetime) -> set[str]:
    runs = instance.get_runs(
        dg.RunsFilter(tags={"dagster/schedule_name": schedule}, created_after=since.astimezone(UTC) - timedelta(minutes=1)), limit=2 * TICKS
    )
    return {run.tags[CUT_TAG] for run in runs if CUT_TAG in run.tags}
