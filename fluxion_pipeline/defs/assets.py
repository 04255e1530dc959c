"""The assets: readings that become lotes, and each table of each sink.

``lotes/*`` read and land; ``duckdb/*`` and ``postgresql/*`` are their tables, independent of each
other, written by their sink's IO manager. What is decided, and how, lives in the stages; here it is
only named, described and wired.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import dagster as dg
from pydantic import Field

from fluxion_pipeline import pause
from fluxion_pipeline.contracts.outcomes import Fact, SinkName
from fluxion_pipeline.contracts.tables import spec
from fluxion_pipeline.defs.freshness import freshness
from fluxion_pipeline.defs.names import COVERAGE, CUTOVER, GROUPS, OWNERS, TABLES, lote_key, sink_key
from fluxion_pipeline.defs.record import Record
from fluxion_pipeline.operations import mode
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.land import LandingReport, Request, read_and_land

TELL_EVERY = 5.0
"""Seconds between two lines about readings in a run's log."""

SCHEDULE_TAG = "dagster/schedule_name"
"""Dagster's own tag of a run that a schedule asked for."""


class ReadConfig(dg.Config):
    """What a run reads; without times: whatever the source has and the outbox hasn't."""

    ubicaciones: list[str] = Field(default=[], description="codigo, codigo_etl or id of the locations to read, as [SUC001, SUC007]; []: all active ones")
    espera: float = Field(default=300.0, ge=0, description="seconds to wait for another run of the same job")
    aceptar: bool = Field(default=False, description="true: apply readings that would be held back as sospechoso, those that are held back included")
    forzar: bool = Field(default=False, description="true: go on although the mode has changed and its primary sink can't be brought up to date")


class StockConfig(ReadConfig):
    """What a run of inventory reads."""

    tick: str | None = Field(default="", description="local tick, as 2026-01-31T0630; empty: all that is unread")


class SalesConfig(ReadConfig):
    """What a run of sales reads."""

    desde: str | None = Field(default="", description="first business day, as 2026-01-25; empty like hasta: all that is unread")
    hasta: str | None = Field(default="", description="last business day, included, as 2026-01-31: a week is one run")
    recuperar: bool = Field(default=False, description="true, without days: every day that isn't closed, however old, and the newest closed ones again")


def lote_assets(app: App, record: Record) -> list[dg.AssetsDefinition]:
    """``lotes/catalogo``, ``lotes/inventario``, ``lotes/ventas``."""

    def land(context: dg.AssetExecutionContext, config: ReadConfig, request: Request) -> dg.Output[LandingReport]:
        began = time.monotonic()
        with record.landing(context.run.run_id):
            asked = replace(request, scheduled=SCHEDULE_TAG in context.run.tags)
            if not asked.scheduled:
                pause.check(app.settings.home)
            mode.enter(app, force=config.forzar)
            report = read_and_land(app, asked, _told_now_and_then(context), record.say or context.log.info)
        record.landed(context.run.run_id, report)
        return dg.Output(report, metadata=_landing_metadata(report, time.monotonic() - began))

    @_asset_of(Fact.CATALOGO)
    def lotes_catalogo(context: dg.AssetExecutionContext, config: ReadConfig) -> dg.Output[LandingReport]:
        return land(context, config, Request(Fact.CATALOGO, wait=config.espera, accept=config.aceptar))

    @_asset_of(Fact.INVENTARIO)
    def lotes_inventario(context: dg.AssetExecutionContext, config: StockConfig) -> dg.Output[LandingReport]:
        tick = config.tick or None
        return land(context, config, Request(Fact.INVENTARIO, tick, tick, tuple(config.ubicaciones), config.espera, config.aceptar))

    @_asset_of(Fact.VENTAS)
    def lotes_ventas(context: dg.AssetExecutionContext, config: SalesConfig) -> dg.Output[LandingReport]:
        low, high, places = config.desde or None, config.hasta or None, tuple(config.ubicaciones)
        return land(context, config, Request(Fact.VENTAS, low, high, places, config.espera, config.aceptar, recovery=config.recuperar))

    return [lotes_catalogo, lotes_inventario, lotes_ventas]


def _told_now_and_then(context: dg.AssetExecutionContext) -> Callable[[str, int, int], None]:
    """Progress in the run's log: an event is a transaction there, so a short run has one and a long one a few."""
    last = time.monotonic()

    def told(code: str, done: int, total: int) -> None:
        nonlocal last
        if done == total or time.monotonic() - last > TELL_EVERY:
            last = time.monotonic()
            context.log.info(f"{code} read ({done} of {total})")

    return told


def _asset_of(fact: Fact) -> Callable[[Callable[..., dg.Output[LandingReport]]], dg.AssetsDefinition]:
    """The asset of a fact's lotes, as the UI tells of it; what is lacking of each location is on the coverage map."""
    about = {
        Fact.CATALOGO: "The catalogue and the map of locations, read and landed as lotes: what both sinks must hold is decided here.",
        Fact.INVENTARIO: "Stock snapshots of every location, read and landed as lotes, each location on its own.",
        Fact.VENTAS: "Sales by location and business day, read and landed as lotes, each location on its own.",
    }
    return dg.asset(
        key=lote_key(fact),
        group_name=GROUPS[fact],
        kinds={"parquet"},
        owners=OWNERS,
        io_manager_key="lotes",
        description=about[fact],
        metadata={} if fact is Fact.CATALOGO else {"mapa_de_cobertura": dg.MetadataValue.asset(COVERAGE)},
        freshness_policy=freshness(fact),
    )


def _landing_metadata(report: LandingReport, seconds: float) -> dict[str, dg.MetadataValue]:
    lines = [f"| {x.location} | {x.cut} | {x.outcome} | {x.read} | {x.loaded} | {x.rejected} | {x.reason or ''} |" for x in report.failed[:20]]
    problems = [f"| {place} | | error | | | | {why} |" for place, why in report.errors.items()]
    metadata: dict[str, dg.MetadataValue] = {
        "lecturas": dg.MetadataValue.int(len(report.landings)),
        "lotes": dg.MetadataValue.int(len(report.lotes)),
        "filas_leidas": dg.MetadataValue.int(report.total("read")),
        "filas_cargadas": dg.MetadataValue.int(report.total("loaded")),
        "filas_repetidas": dg.MetadataValue.int(report.total("repeated")),
        "filas_rechazadas": dg.MetadataValue.int(report.total("rejected")),
        "filas_retenidas": dg.MetadataValue.int(report.total("held")),
        "en_cuarentena": dg.MetadataValue.int(len(report.quarantined)),
        "segundos": dg.MetadataValue.float(round(seconds, 3)),
        "resultados": dg.MetadataValue.json({o.value: n for o, n in report.outcomes().items()}),
    }
    if lines or problems:
        head = "| ubicación | corte | resultado | leídas | cargadas | rechazadas | motivo |\n|---|---|---|---|---|---|---|\n"
        metadata["lecturas_fallidas"] = dg.MetadataValue.md(head + "\n".join(lines + problems))
    if warnings := sorted({w for x in report.landings for w in x.warnings} | set(report.strange)):
        metadata["avisos"] = dg.MetadataValue.md("\n".join(f"- {w}" for w in warnings[:20]))
    return metadata


def sink_assets(sinks: Sequence[SinkName]) -> list[dg.AssetsDefinition]:
    """One asset for each table of each sink; a fact's tables in a sink are one step, any of them can be run alone."""
    return [_sink_assets(sink, fact) for fact in TABLES for sink in sinks]


def _sink_assets(sink: SinkName, fact: Fact) -> dg.AssetsDefinition:
    outs = {
        table: dg.AssetOut(
            key=sink_key(sink, table),
            io_manager_key=sink.value,
            is_required=False,
            group_name=GROUPS[fact],
            kinds={sink.value, "table"},
            owners=OWNERS,
            description=f"{spec(table).table.comment} In {sink}: made equal to the newest images, in one transaction with the ledger.",
            metadata={"dagster/table_name": table, "listos_para_postgresql": dg.MetadataValue.asset(CUTOVER)},
            freshness_policy=freshness(fact),
        )
        for table in TABLES[fact]
    }

    @dg.multi_asset(name=f"{sink}_{GROUPS[fact]}", outs=outs, ins={"lotes": dg.AssetIn(key=lote_key(fact))}, can_subset=True, pool=sink.value)
    def tables_in_sink(context: dg.AssetExecutionContext, lotes: LandingReport) -> Iterator[dg.Output[LandingReport]]:
        for table in TABLES[fact]:
            if table in context.op_execution_context.selected_output_names:
                yield dg.Output(lotes, table)

    return tables_in_sink
