"""The asset ``operacion/limpieza`` and its check ``disco``: the daily job that keeps room to live.

What goes of lotes, rows and logs is decided in ``operations.cleaning``, how Dagster's own history goes
is ``pruning``'s.
"""

from datetime import datetime, timedelta

import dagster as dg

from fluxion_pipeline import pause
from fluxion_pipeline.contracts.clock import UTC
from fluxion_pipeline.defs.assets import SCHEDULE_TAG
from fluxion_pipeline.defs.histories import OVERLAP
from fluxion_pipeline.defs.names import CLEANING, OWNERS
from fluxion_pipeline.defs.pruning import prune
from fluxion_pipeline.defs.record import failure
from fluxion_pipeline.defs.sensors import desk_of
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.operations import disk, mode
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.cleaning import JOB, clean

ABOUT = (
    "Lets go what the settings FLUXION_KEEP_* no longer keep: Dagster's runs, events, ticks and history of checks, superseded images, old rejected rows"
    " and stock history, long logs; puts images of old months together. Nothing that is owed to a database, and no newest image."
)


def cleaning_asset(app: App) -> dg.AssetsDefinition:
    """``operacion/limpieza``."""

    @dg.asset(key=CLEANING, group_name="operacion", kinds={"task"}, owners=OWNERS, description=ABOUT)
    def operacion_limpieza(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        try:
            if SCHEDULE_TAG not in context.run.tags:
                pause.check(app.settings.home)
            mode.check_ready(app)
            found = clean(app)
        except FluxionError as error:
            raise failure(error) from error
        gone = prune(context.instance, app.settings, _until(app))
        disk.note(app.settings.home, disk.measure(app))
        if found.problems:
            raise failure(FluxionError("; ".join(f"{k}: {v}" for k, v in found.problems.items()), f"mend the cause, then: fluxion run {JOB}"))
        numbers = {
            "corridas_borradas": gone.runs,
            "evaluaciones_borradas": gone.evaluations,
            "filas_terminadas": found.dropped.rows,
            "archivos_compactados": found.compacted,
            "archivos_borrados": found.dropped.files,
            "bytes_borrados": found.dropped.bytes,
            "bytes_de_registros": found.logs,
        }
        sizes = {f"mb_{f.consumer}": round(f.bytes / 1e6, 1) for f in disk.forecast(disk.measures(app.settings.home))}
        plotted = {k: dg.MetadataValue.int(v) for k, v in numbers.items()} | {k: dg.MetadataValue.float(v) for k, v in sizes.items()}
        return dg.MaterializeResult(metadata=plotted)

    return operacion_limpieza


def _until(app: App) -> datetime:
    """Up to when Dagster's history goes; what the alerts have not looked at yet stays."""
    before, seen = app.clock() - timedelta(days=app.settings.fluxion_keep_runs), desk_of(app).seen()
    return before if seen is None else min(before, datetime.fromtimestamp(float(seen["until"]), UTC) - OVERLAP)
