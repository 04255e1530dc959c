"""The IO managers: one for the lotes, one for each engine.

A sink's IO manager takes what was landed and brings its sink up to date; it never writes another
database. It gives a table back as a pandas DataFrame, of which a downstream asset chooses columns and
slices in the metadata of its input::

    @dg.asset(ins={"stock": dg.AssetIn(
        key=["duckdb", "inventario_actual"],
        metadata={"columns": ["producto_codigo", "stock"], "where": {"ubicacion_codigo": ["SUC001"]}},
    )})
    def faltantes(stock: pd.DataFrame) -> pd.DataFrame: ...

Dates and instants are chosen as ISO text, since metadata is JSON.
An input whose key is ``["duckdb", …]`` or ``["postgresql", …]`` is loaded by that engine's manager.
A user's own asset returns a DataFrame through them (docs/own-tables.md).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
import sqlalchemy as sa

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.defs.names import fact_of_lote, together
from fluxion_pipeline.defs.own_outputs import land_output
from fluxion_pipeline.defs.record import Owed, Record, failure
from fluxion_pipeline.errors import ContractError, FluxionError
from fluxion_pipeline.landing.own_tables import Rows
from fluxion_pipeline.landing.tables import table_of
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.bring_up import TableWrite, bring_up, written
from fluxion_pipeline.operations.drifts import noticed, sample
from fluxion_pipeline.operations.land import LandingReport

if TYPE_CHECKING:  # whoever returns or loads a frame has pandas; the others needn't wait for it
    import pandas as pd


class LoteIOManager(dg.IOManager):
    """The lotes are on disk already when the asset ends: a table asset that is run alone finds what is owed there."""

    def __init__(self, record: Record) -> None:
        """Remember where this process's reports are."""
        self.record = record

    def handle_output(self, context: dg.OutputContext, obj: LandingReport) -> None:
        """Nothing is left to be stored."""

    def load_input(self, context: dg.InputContext) -> LandingReport:
        """What this run landed; nothing, for a table that is materialized alone."""
        fact = fact_of_lote(context.asset_key)
        found = self.record.reports.get(context.step_context.run_id, {}).get(fact)
        return found if found is not None else LandingReport(fact)


class OwnIOManager(dg.IOManager):
    """Lands users' own tables; what comes after it brings the sinks up to date."""

    def __init__(self, app: App, record: Record) -> None:
        """Open nothing yet."""
        self.app, self.record = app, record

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame | Rows) -> None:
        """Land the rows.

        Raises:
            Failure: why nothing was landed.
        """
        land_output(self.app, self.record, context, obj)

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """Rows are read from a sink.

        Raises:
            Failure: always; it names the asset to depend on.
        """
        primary = self.app.settings.db_mode.primary
        raise failure(ContractError(f"{context.asset_key.to_user_string()} is a landing", f"read {primary}/{context.asset_key.path[-1]} in its place"))


class SinkIOManager(dg.IOManager):
    """Brings one sink up to date, and reads its tables."""

    def __init__(self, app: App, sink: SinkName, record: Record) -> None:
        """Connect to nothing yet."""
        self.app, self.sink, self.record = app, sink, record
        self._wrote: dict[tuple[str, int], dict[str, TableWrite]] = {}

    def handle_output(self, context: dg.OutputContext, obj: LandingReport | Owed | pd.DataFrame | Rows) -> None:
        """Make everything that the sink owes equal to the newest images; report this asset's table.

        A user's rows are landed first, whatever becomes of the sink: the other sinks owe them too.

        The first table of a run brings all of the sink's tables up to date, in the transactions that
        belong together; the others find nothing owed, unless more has landed meanwhile. A sink that
        could not be brought up to date isn't tried again by the other tables of the run.

        Raises:
            Failure: why the rows could not be landed, or the sink not be brought up to date.
        """
        run_id, table = context.run_id, context.asset_key.path[-1]
        here = run_id, self.sink
        if not isinstance(obj, (LandingReport, Owed)):
            land_output(self.app, self.record, context, obj)
        if here in self.record.down:
            raise failure(self.record.down[here])
        try:
            if self.record.brought.get(here) != self.record.landings(run_id):
                bring_up(self.app, self.sink, run_id=run_id)
                self.record.brought[here] = self.record.landings(run_id)
            wrote = self._written(run_id, table)
        except FluxionError as error:
            self.record.down[here] = error
            raise failure(error) from error
        found = [x for x in noticed(self.app.settings.home) if (x.sink, x.run_id, x.drift.table) == (self.sink, run_id, table)]
        drifted: dict[str, Any] = {"filas_de_deriva": sum(x.rows for x in found), "deriva": dg.MetadataValue.md(sample(found))} if found else {}
        numbers: dict[str, Any] = {
            **drifted,
            "dagster/row_count": wrote.rows,
            "filas_insertadas": wrote.inserted,
            "filas_cambiadas": wrote.changed,
            "filas_borradas": wrote.deleted,
            "filas_iguales": wrote.unchanged,
            "segundos": round(wrote.seconds, 3),
        }
        if run_id in self.record.began:
            numbers["retraso_segundos"] = round(time.monotonic() - self.record.began[run_id], 3)
        context.add_output_metadata(numbers)

    def _written(self, run_id: str, table: str) -> TableWrite:
        """What the run wrote of a table; the tables of one fact are asked for at once."""
        known = self._wrote.get((run_id, self.record.landings(run_id)), {})
        if table not in known:
            known |= written(self.app, self.sink, together(table), run_id)
            self._wrote = {(run_id, self.record.landings(run_id)): known}
        return known[table]

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """The upstream table, or the chosen part of it.

        Text is ``str``, decimals are exact (``decimal.Decimal``), dates are ``datetime.date``, whole
        numbers are ``Int64``, booleans ``boolean``, instants ``datetime64[us, UTC]``; what is NULL is
        ``None``, ``pd.NA`` or ``NaT``.

        Raises:
            Failure: if a chosen column isn't one of the table's, or the sink can't be read now.
        """
        chosen: Mapping[str, Any] = context.definition_metadata or {}
        table = context.asset_key.path[-1]
        try:
            return self._read(table, chosen.get("columns"), chosen.get("where") or self._partitions(context, table))
        except FluxionError as error:
            raise failure(error) from error

    def _partitions(self, context: dg.InputContext, table: str) -> Mapping[str, Sequence[Any]]:
        """Of a partitioned asset's table the slices of the partitions that are asked for."""
        whole = table_of(self.app.settings.home, table)
        if whole.own is None or not context.has_asset_partitions or len(whole.slice_columns) != 1:
            return {}
        return {whole.slice_columns[0]: list(context.asset_partition_keys)}

    def _read(self, table: str, columns: Sequence[str] | None, where: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
        known = {c.name: c.type for c in table_of(self.app.settings.home, table).table.columns}
        unknown = [c for c in (*(columns or ()), *where) if c not in known]
        if unknown:
            raise ContractError(f"{table} has no column «{unknown[0]}»", f"its columns are: {', '.join(sorted(known))}")
        typed = {c: [_typed(known[c], v) for v in values] for c, values in where.items()}
        frame: pd.DataFrame = self.app.sink(self.sink).read(table, columns, typed).to_pandas(types_mapper=_pandas_type)
        return frame


def _typed(kind: sa.types.TypeEngine[Any], value: Any) -> Any:
    """A chosen value as its column has it."""
    if isinstance(value, str) and isinstance(kind, sa.DateTime):
        return datetime.fromisoformat(value)
    if isinstance(value, str) and isinstance(kind, sa.Date):
        return date.fromisoformat(value)
    return value


def _pandas_type(arrow: Any) -> Any:
    """Types that keep whole numbers and booleans what they are where some are NULL."""
    import pandas as pd

    return {"int32": pd.Int64Dtype(), "int64": pd.Int64Dtype(), "bool": pd.BooleanDtype()}.get(str(arrow))


def io_managers(app: App, record: Record) -> dict[str, dg.IOManager]:
    """The IO managers by their keys: ``lotes``, ``tablas``, ``duckdb``, ``postgresql``, and ``io_manager``, the mode's primary."""
    sinks = {name.value: SinkIOManager(app, name, record) for name in SinkName}
    return {"lotes": LoteIOManager(record), "tablas": OwnIOManager(app, record), **sinks, "io_manager": sinks[app.settings.db_mode.primary.value]}
