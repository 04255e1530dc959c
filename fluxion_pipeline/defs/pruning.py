"""Lets go Dagster's own history: runs with their events and files, evaluations of checks, ticks of schedules and sensors.

Dagster deletes a run with its events, and ticks; of the history of checks it deletes nothing, so the
lines go from its table (1.13). Each check's newest line and newest verdict stay, however old.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime

import dagster as dg
import sqlalchemy as sa
from dagster._core.instance.utils import RUNLESS_RUN_ID
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

from fluxion_pipeline.contracts.clock import UTC
from fluxion_pipeline.defs.histories import ENDED
from fluxion_pipeline.operations.instance import folder
from fluxion_pipeline.settings import Settings

PAGE = 200


@dataclass(frozen=True)
class Gone:
    """How many runs and evaluations of checks went."""

    runs: int
    evaluations: int


def prune(instance: dg.DagsterInstance, settings: Settings, before: datetime) -> Gone:
    """Delete what ended before an instant, oldest first."""
    for state in instance.all_instigator_state():
        instance.purge_ticks(state.instigator_origin_id, state.selector_id, before.timestamp())
    return Gone(_runs(instance, settings, before), _evaluations(instance, before))


def _runs(instance: dg.DagsterInstance, settings: Settings, before: datetime) -> int:
    gone = 0
    while True:
        found = instance.get_run_records(dg.RunsFilter(statuses=ENDED, updated_before=before), limit=PAGE, order_by="update_timestamp", ascending=True)
        for record in found:
            _drop(instance, settings, record)
        gone += len(found)
        if len(found) < PAGE:
            return gone


def _drop(instance: dg.DagsterInstance, settings: Settings, record: dg.RunRecord) -> None:
    """The events and files first: what a killed cleaning leaves is still found by its run."""
    run_id = record.dagster_run.run_id
    instance.event_log_storage.delete_events(run_id)
    place = folder(settings)
    shutil.rmtree(place / "storage" / run_id, ignore_errors=True)
    for path in (place / "history" / "runs").glob(f"{run_id}.db*"):
        path.unlink(missing_ok=True)
    instance.run_storage.delete_run(run_id)


def _evaluations(instance: dg.DagsterInstance, before: datetime) -> int:
    """Lines of checks, and the events of those that no run made (the sensor's)."""
    storage, lines, events = instance.event_log_storage, AssetCheckExecutionsTable.c, SqlEventLogStorageTable.c
    if not isinstance(storage, SqlEventLogStorage):
        return 0
    at = before.astimezone(UTC).replace(tzinfo=None)
    newest = sa.select(sa.func.max(lines.id)).group_by(lines.asset_key, lines.check_name)
    verdicts = newest.where(lines.execution_status != AssetCheckExecutionRecordStatus.PLANNED.value)
    with storage.index_connection() as connection:
        gone = connection.execute(
            AssetCheckExecutionsTable.delete().where(lines.create_timestamp < at, lines.id.not_in(newest), lines.id.not_in(verdicts))
        ).rowcount
        kept = sa.select(lines.evaluation_event_storage_id).where(lines.evaluation_event_storage_id.is_not(None))
        runless = (events.run_id == RUNLESS_RUN_ID, events.dagster_event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION.value)
        connection.execute(SqlEventLogStorageTable.delete().where(*runless, events.timestamp < at, events.id.not_in(kept)))
    return int(gone)
