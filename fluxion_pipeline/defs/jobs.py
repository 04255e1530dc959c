"""The jobs and their schedules: ``catalogo``, ``inventario``, ``ventas``, and ``recuperacion``, which reads sales again; ``limpieza``.

Schedules keep the stores' time. A job's runs carry the tag ``fluxion/flujo``, by which the instance
queues a second run of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from fluxion_pipeline.contracts.clock import ZONE_NAME, tick_text
from fluxion_pipeline.contracts.outcomes import Fact, SinkName
from fluxion_pipeline.defs.names import CLEANING, COVERAGE, GROUPS, TABLES, lote_key, sink_key
from fluxion_pipeline.operations.cleaning import JOB
from fluxion_pipeline.operations.land import RECOVERY
from fluxion_pipeline.pause import standing

CRONS = {
    GROUPS[Fact.CATALOGO]: "0 5 * * *",
    GROUPS[Fact.INVENTARIO]: "0,30 6-22 * * *",
    GROUPS[Fact.VENTAS]: "5 * * * *",
    RECOVERY: "0 3 * * *",
    JOB: "15 2 * * *",
}
"""Catalogue daily before the stores open; stock every 30 minutes from 06:00 to 22:30; sales hourly;
at night the cleaning, then the recovery, when yesterday can be closed."""

_WHAT = {
    GROUPS[Fact.CATALOGO]: "Read the catalogue and the map of locations into every sink.",
    GROUPS[Fact.INVENTARIO]: "Read the stock of every location into every sink.",
    GROUPS[Fact.VENTAS]: "Read the sales of every location into every sink.",
    RECOVERY: "Read again every business day that isn't closed, however old, then the last 3 closed ones (on Sundays 31), into every sink.",
    JOB: "Let go what the settings FLUXION_KEEP_* no longer keep, and measure the room that is left.",
}
FLOW_TAG = "fluxion/flujo"
CUT_TAG = "fluxion/corte"
HOURS = 6 * 3600
"""Seconds that a recovery may take: after days without a store there is much to read."""


def jobs(sinks: Sequence[SinkName]) -> list[dg.UnresolvedAssetJobDefinition]:
    """One job per fact: its lotes, then its tables in every sink, and their checks; the recovery, which is one of sales; and the cleaning."""
    recovery = {"ops": {"__".join(lote_key(Fact.VENTAS).path): {"config": {"recuperar": True}}}}
    return [
        *(_job(GROUPS[fact], _assets(fact, sinks)) for fact in TABLES),
        _job(RECOVERY, _assets(Fact.VENTAS, sinks), {"dagster/max_runtime": str(HOURS)}, recovery),
        _job(JOB, [CLEANING]),
    ]


def _job(
    name: str, assets: Sequence[dg.AssetKey], tags: Mapping[str, str] | None = None, config: dict[str, Any] | None = None
) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        name,
        selection=dg.AssetSelection.assets(*assets),
        description=_WHAT[name],
        tags={FLOW_TAG: name, **(tags or {})},
        config=config,
        executor_def=dg.in_process_executor,
    )


def _assets(fact: Fact, sinks: Sequence[SinkName]) -> list[dg.AssetKey]:
    """What a run of a fact makes: of sales the picture of the coverage too, hourly and after each recovery."""
    tables = [sink_key(s, t) for s in sinks for t in TABLES[fact]]
    return [lote_key(fact), *tables, *([COVERAGE] if fact is Fact.VENTAS else [])]


def schedules(all_jobs: Sequence[dg.UnresolvedAssetJobDefinition], home: Path) -> list[dg.ScheduleDefinition]:
    """One schedule per job, on by default; while the home is paused they skip."""
    return [_schedule(job, home) for job in all_jobs]


def _schedule(job: dg.UnresolvedAssetJobDefinition, home: Path) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{job.name}_programado",
        job=job,
        cron_schedule=CRONS[job.name],
        execution_timezone=ZONE_NAME,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=_WHAT[job.name],
    )
    def scheduled(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        paused = standing(home)
        if paused is not None:
            return dg.SkipReason(paused.text)
        tick = context.scheduled_execution_time
        return dg.RunRequest(run_key=tick.isoformat(), tags={CUT_TAG: tick_text(tick), FLOW_TAG: job.name})

    return scheduled
