"""The asset ``operacion/limpieza`` and its check ``disco``: the daily job that keeps room to live.

What goes of lotes, rows and logs is decided in ``operations.cleaning``; here go Dagster's own runs and
events. A run that the alerts have not looked at yet stays.
"""

import shutil
from datetime import datetime, timedelta

import dagster as dg

from fluxion_pipeline import pause
from fluxion_pipeline.contracts.clock import UTC
from fluxion_pipeline.defs.assets import SCHEDULE_TAG
from fluxion_pipeline.defs.histories import ENDED, OVERLAP
from fluxion_pipeline.defs.names import CLEANING, OWNERS
from fluxion_pipeline.defs.record import failure
from fluxion_pipeline.defs.sensors import desk_of
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.operations import disk, mode
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.cleaning import JOB, clean
from fluxion_pipeline.operations.instance import folder
from fluxion_pipeline.settings import Settings

ABOUT = (
    "Lets go what the settings FLUXION_KEEP_* no longer keep: Dagster's runs and events, superseded images, old rejected rows and stock history,"
    " long logs. Nothing that is owed to a database, and no newest image."
)
PAGE = 200


def cleaning_asset(app: App) -> dg.AssetsDefinition:
    """``operacion/limpieza``."""

    @dg.asset(key=CLEANING, group_name="operacion", kinds={"parquet"}, owners=OWNERS, description=ABOUT)
    def operacion_limpieza(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        try:
            if SCHEDULE_TAG not in context.run.tags:
                pause.check(app.settings.home)
            mode.check_ready(app)
            found = clean(app)
        except FluxionError as error:
            raise failure(error) from error
        runs = drop_runs(context.instance, app, app.clock() - timedelta(days=app.settings.fluxion_keep_runs))
        disk.note(app.settings.home, disk.measure(app))
        if found.problems:
            raise failure(FluxionError("; ".join(f"{k}: {v}" for k, v in found.problems.items()), f"mend the cause, then: fluxion run {JOB}"))
        numbers = {
            "corridas_borradas": runs,
            "filas_terminadas": found.dropped.rows,
            "archivos_borrados": found.dropped.files,
            "bytes_borrados": found.dropped.bytes,
            "bytes_de_registros": found.logs,
        }
        sizes = {f"mb_{f.consumer}": round(f.bytes / 1e6, 1) for f in disk.forecast(disk.measures(app.settings.home))}
        plotted = {k: dg.MetadataValue.int(v) for k, v in numbers.items()} | {k: dg.MetadataValue.float(v) for k, v in sizes.items()}
        return dg.MaterializeResult(metadata=plotted)

    return operacion_limpieza


def drop_runs(instance: dg.DagsterInstance, app: App, before: datetime) -> int:
    """Delete the runs that ended before an instant, with their events and files, oldest first; how many."""
    seen = desk_of(app).seen()
    if seen is not None:
        before = min(before, datetime.fromtimestamp(float(seen["until"]), UTC) - OVERLAP)
    gone = 0
    while True:
        found = instance.get_run_records(dg.RunsFilter(statuses=ENDED, updated_before=before), limit=PAGE, order_by="update_timestamp", ascending=True)
        for record in found:
            _drop(instance, app.settings, record.dagster_run.run_id)
        gone += len(found)
        if len(found) < PAGE:
            return gone


def _drop(instance: dg.DagsterInstance, settings: Settings, run_id: str) -> None:
    """The events and files first: what a killed cleaning leaves is still found by its run."""
    instance.event_log_storage.delete_events(run_id)
    place = folder(settings)
    shutil.rmtree(place / "storage" / run_id, ignore_errors=True)
    for path in (place / "history" / "runs").glob(f"{run_id}.db*"):
        path.unlink(missing_ok=True)
    instance.run_storage.delete_run(run_id)
