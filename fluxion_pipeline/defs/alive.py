"""The doctor's checks of Dagster: its home, its daemon, its schedules. Nothing is started or made."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
import yaml
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorStatus

from fluxion_pipeline.defs.jobs import CRONS
from fluxion_pipeline.defs.leftovers import SILENT_AFTER
from fluxion_pipeline.defs.sensors import SENSOR
from fluxion_pipeline.defs.storage import opened
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.operations import instance
from fluxion_pipeline.operations.doctor import Finding, State
from fluxion_pipeline.settings import Settings

NAMES = ("dagster", "daemon", "schedules")


def diagnose(settings: Settings) -> Iterator[Finding]:
    """Run the checks; never raises for what it finds."""
    place = instance.folder(settings)
    if place.exists() and not place.is_dir():
        yield Finding("dagster", State.FAILED, f"{place} is no folder", f"{settings.home}/dagster is used without it: unset DAGSTER_HOME")
        return
    if not (place / "dagster.yaml").exists():
        yield from (Finding(name, State.SKIPPED, f"{place} is not made yet: the first run does it") for name in NAMES)
        return
    try:
        with instance.prepared(settings), opened(settings) as home:
            yield Finding("dagster", State.OK, f"DAGSTER_HOME {place}, {home.get_runs_count()} runs")
            yield _daemon(home)
            yield _schedules(home)
    except (FluxionError, OSError, dg.DagsterError, yaml.YAMLError, sa.exc.SQLAlchemyError) as error:
        remedy = getattr(error, "remedy", "") or f"the next run writes it anew: mv {place}/dagster.yaml {place}/dagster.yaml.old"
        yield Finding("dagster", State.FAILED, f"{place} can't be opened: {str(error).splitlines()[0]}", remedy)


def _daemon(home: dg.DagsterInstance) -> Finding:
    beats = [beat.timestamp for beat in home.get_daemon_heartbeats().values()]
    if not beats:
        return Finding("daemon", State.SKIPPED, "none ever ran here: schedules and alerts need fluxion ui")
    age = time.time() - max(beats)
    if age > SILENT_AFTER:
        return Finding("daemon", State.FAILED, f"its last heartbeat was {age / 60:.0f} minutes ago: no schedule runs, no alert is sent", "fluxion ui")
    return Finding("daemon", State.OK, f"its last heartbeat was {age:.0f} s ago")


def _schedules(home: dg.DagsterInstance) -> Finding:
    """What a person has turned off, schedules and the sensor of alerts; what nobody has touched is on."""
    off = _off(home, InstigatorType.SCHEDULE, {f"{job}_programado" for job in CRONS}) + _off(home, InstigatorType.SENSOR, {SENSOR})
    if off:
        where = f"-w {shlex.quote(str(Path(home.root_directory) / 'workspace.yaml'))}"
        remedy = " && ".join(f"DAGSTER_HOME={shlex.quote(home.root_directory)} dagster {kind} start {name} {where}" for kind, name in off)
        return Finding("schedules", State.FAILED, f"turned off: {', '.join(name for _, name in off)}", remedy)
    return Finding("schedules", State.OK, f"{len(CRONS)} are on, and the sensor of alerts")


def _off(home: dg.DagsterInstance, kind: InstigatorType, known: set[str]) -> list[tuple[str, str]]:
    states = home.all_instigator_state(instigator_type=kind)
    return sorted((kind.value.lower(), s.instigator_name) for s in states if s.status is InstigatorStatus.STOPPED and s.instigator_name in known)
