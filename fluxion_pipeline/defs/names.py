"""What is called what in Dagster: groups, asset keys, and the tables that a fact's lotes fill."""

from __future__ import annotations

import dagster as dg

from fluxion_pipeline.contracts.outcomes import Fact, SinkName

TABLES: dict[Fact, tuple[str, ...]] = {
    Fact.CATALOGO: ("productos", "ubicaciones"),
    Fact.INVENTARIO: ("inventario_actual", "inventario_historico", "inventario_cortes"),
    Fact.VENTAS: ("ventas",),
}
"""The tables that a fact's lotes fill; the first one is the fact's own."""

GROUPS = {Fact.CATALOGO: "catalogo", Fact.INVENTARIO: "inventario", Fact.VENTAS: "ventas"}
COVERAGE = dg.AssetKey(["informes", "cobertura"])
CUTOVER = dg.AssetKey(["informes", "cutover"])
"""The picture of what is there and what is lacking."""
CLEANING = dg.AssetKey(["operacion", "limpieza"])
"""What was let go, and the room that is left."""
OWNERS = ["team:datos"]


def lote_key(fact: Fact) -> dg.AssetKey:
    """The asset of a fact's lotes."""
    return dg.AssetKey(["lotes", GROUPS[fact]])


def sink_key(sink: SinkName, table: str) -> dg.AssetKey:
    """The asset of a table in a sink."""
    return dg.AssetKey([sink.value, table])


def own_key(table: str) -> dg.AssetKey:
    """The asset that computes a user's own table, and lands it."""
    return dg.AssetKey(["tablas", table])


def fact_of_lote(key: dg.AssetKey) -> Fact:
    """The fact of a lotes asset."""
    return next(f for f, group in GROUPS.items() if group == key.path[-1])


def together(table: str) -> tuple[str, ...]:
    """The tables that the same lotes fill; a user's own table is alone."""
    return next((tables for tables in TABLES.values() if table in tables), (table,))
