"""The IO managers: one for the lotes, one for each engine.

A sink's IO manager takes what was landed and brings its sink up to date; it never writes another
database. ``load_input`` gives a table back as a pandas DataFrame, with columns and values chosen by
the input's metadata: ``{"columns": [...], "where": {"ubicacion_codigo": [...]}}``.
"""

from __future__ import annotations

from typing import Any

import dagster as dg
import pandas as pd

from fluxion_pipeline.contracts.outcomes import Fact, SinkName
from fluxion_pipeline.defs.record import Record
from fluxion_pipeline.errors import FluxionError, SinkAway
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.bring_up import bring_up, written
from fluxion_pipeline.operations.land import LandingReport


class LoteIOManager(dg.IOManager):
    """The lotes are on disk already when the asset ends: a table asset that is run alone finds what is owed there."""

    def __init__(self, record: Record) -> None:
        """Remember where this process's reports are."""
        self.record = record

    def handle_output(self, context: dg.OutputContext, obj: LandingReport) -> None:
        """Nothing is left to be stored."""

    def load_input(self, context: dg.InputContext) -> LandingReport:
        """What this run landed; nothing, for a table that is materialized alone."""
        fact = {"catalogo": Fact.CATALOGO, "inventario": Fact.INVENTARIO, "ventas": Fact.VENTAS}[context.asset_key.path[-1]]
        found = self.record.reports.get(context.step_context.run_id)
        return found if found is not None else LandingReport(fact)


class SinkIOManager(dg.IOManager):
    """Brings one sink up to date."""

    def __init__(self, app: App, sink: SinkName, record: Record) -> None:
        """Connect to nothing yet."""
        self.app, self.sink, self.record = app, sink, record

    def handle_output(self, context: dg.OutputContext, obj: LandingReport) -> None:
        """Make everything that the sink owes equal to the newest images; report this asset's table.

        The first table of a run brings all of the sink's tables up to date, in the transactions that
        belong together; the others of the run find nothing owed. A sink that was found away is not
        waited for again by the other tables of the run.
        """
        run_id, table = context.run_id, context.asset_key.path[-1]
        down = self.record.sinks_down.get((run_id, self.sink))
        if down is not None:
            raise down
        try:
            bring_up(self.app, self.sink, run_id=run_id)
            wrote = written(self.app, self.sink, table, run_id)
        except FluxionError as error:
            if isinstance(error, SinkAway):
                self.record.sinks_down[run_id, self.sink] = error
            self.record.errors.append(error)
            raise
        context.add_output_metadata(
            {
                "dagster/row_count": wrote.rows,
                "filas_insertadas": wrote.inserted,
                "filas_cambiadas": wrote.changed,
                "filas_borradas": wrote.deleted,
                "filas_iguales": wrote.unchanged,
                "segundos": round(wrote.seconds, 3),
            }
        )

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """The upstream table as a DataFrame: text, dates and exact decimals (``decimal.Decimal``)."""
        chosen: dict[str, Any] = dict(context.definition_metadata or {})
        table = self.app.sink(self.sink).read(context.asset_key.path[-1], chosen.get("columns"), chosen.get("where"))
        return table.to_pandas()


def io_managers(app: App, record: Record) -> dict[str, dg.IOManager]:
    """The IO managers by their keys: ``lotes``, ``duckdb``, ``postgresql``, and ``io_manager``, the mode's primary."""
    sinks = {name.value: SinkIOManager(app, name, record) for name in SinkName}
    return {"lotes": LoteIOManager(record), **sinks, "io_manager": sinks[app.settings.db_mode.primary.value]}
