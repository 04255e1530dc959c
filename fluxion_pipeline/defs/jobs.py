"""The jobs and their schedules: ``catalogo``, ``inventario``, ``ventas``.

Schedules keep the stores' time. A job's runs carry the tag ``fluxion/flujo``, by which the instance
queues a second run of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from fluxion_pipeline.contracts.clock import ZONE_NAME, tick_text
from fluxion_pipeline.contracts.outcomes import Fact, SinkName
from fluxion_pipeline.defs.names import GROUPS, TABLES, lote_key, sink_key

CRONS = {
    Fact.CATALOGO: "0 5 * * *",
    Fact.INVENTARIO: "0,30 6-22 * * *",
    Fact.VENTAS: "5 * * * *",
}
"""Catalogue daily before the stores open; stock every 30 minutes from 06:00 to 22:30; sales hourly."""

_WHAT = {
    Fact.CATALOGO: "Read the catalogue and the map of locations into every sink.",
    Fact.INVENTARIO: "Read the stock of every location into every sink.",
    Fact.VENTAS: "Read the sales of every location into every sink.",
}
FLOW_TAG = "fluxion/flujo"
CUT_TAG = "fluxion/corte"


def jobs(sinks: Sequence[SinkName]) -> list[dg.UnresolvedAssetJobDefinition]:
    """One job per fact: its lotes, then its tables in every sink, and their checks."""
    return [
        dg.define_asset_job(
            GROUPS[fact],
            selection=dg.AssetSelection.assets(lote_key(fact), *(sink_key(s, t) for s in sinks for t in TABLES[fact])),
            description=_WHAT[fact],
            tags={FLOW_TAG: GROUPS[fact]},
            executor_def=dg.in_process_executor,
        )
        for fact in TABLES
    ]


def schedules(all_jobs: Sequence[dg.UnresolvedAssetJobDefinition]) -> list[dg.ScheduleDefinition]:
    """One schedule per job, on by default."""
    return [_schedule(fact, next(j for j in all_jobs if j.name == GROUPS[fact])) for fact in TABLES]


def _schedule(fact: Fact, job: dg.UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{GROUPS[fact]}_programado",
        job=job,
        cron_schedule=CRONS[fact],
        execution_timezone=ZONE_NAME,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=_WHAT[fact],
    )
    def scheduled(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        tick = context.scheduled_execution_time
        return dg.RunRequest(run_key=tick.isoformat(), tags={CUT_TAG: tick_text(tick), FLOW_TAG: GROUPS[fact]})

    return scheduled
