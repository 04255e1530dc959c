"""The one place where definitions are put together: for the server, the command and the tests."""

from __future__ import annotations

from dataclasses import dataclass, field

import dagster as dg

from fluxion_pipeline.contracts.clock import Clock, now
from fluxion_pipeline.defs.assets import lote_assets, sink_assets
from fluxion_pipeline.defs.checks import asset_checks
from fluxion_pipeline.defs.cleaning import cleaning_asset
from fluxion_pipeline.defs.coverage import coverage_asset
from fluxion_pipeline.defs.cutover import cutover_asset
from fluxion_pipeline.defs.io_managers import io_managers
from fluxion_pipeline.defs.jobs import jobs, schedules
from fluxion_pipeline.defs.record import Record
from fluxion_pipeline.defs.sensors import alert_assets, alert_checks, sensors
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.settings import Settings


@dataclass(frozen=True)
class Overrides:
    """What a caller may put in the place of the usual: a clock, a record to read after the run, an app."""

    clock: Clock = now
    record: Record = field(default_factory=Record)
    app: App | None = None


def build_defs(settings: Settings, overrides: Overrides | None = None) -> dg.Definitions:
    """The definitions for a home: assets of the sinks that the mode writes, checks, jobs, schedules, the sensor of alerts."""
    given = overrides or Overrides()
    app = given.app or App(settings, given.clock)
    sinks = settings.db_mode.sinks
    all_jobs = jobs(sinks)
    return dg.Definitions(
        assets=[*lote_assets(app, given.record), *sink_assets(sinks), coverage_asset(app), cutover_asset(app), cleaning_asset(app), *alert_assets()],
        asset_checks=[*asset_checks(app, given.record), *alert_checks(app)],
        jobs=all_jobs,
        schedules=schedules(all_jobs, settings.home),
        sensors=sensors(app),
        resources=io_managers(app, given.record),
        executor=dg.in_process_executor,
    )
