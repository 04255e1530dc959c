"""Whether both live databases have the contract's columns, of the contract's types.

A value can't be compared exactly where a column is of another type: PostgreSQL's ``numeric`` without a
scale keeps digits that DuckDB's ``DECIMAL(18,4)`` would round away, ``char(n)`` pads, floats round. So
every level asks this first.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from fluxion_pipeline.contracts.migrations.drift import type_name
from fluxion_pipeline.contracts.migrations.runner import schema_drift
from fluxion_pipeline.contracts.outcomes import SinkName, Verdict
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.landing.tables import own_tables
from fluxion_pipeline.parity.report import SAMPLE, Difference, Level, ParityReport, TableParity
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.duckdb.connect import open_file
from fluxion_pipeline.sinks.postgresql.connect import connect

KIND = "esquema"
SIDES = ("duckdb", "postgresql")
LEDGERS = ("lotes_aplicados", "cobertura")
"""The operations tables that every proof reads."""

Types = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Drift:
    """How the live columns of one table depart from the contract.

    Attributes:
        absent: sides that lack the table or a compared column, with what they lack.
        differences: one per drifted column, absent ones included.
    """

    absent: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()

    def text(self) -> str:
        """One sentence that names each drifted column."""
        parts = []
        for item in self.differences:
            sides = ", ".join(f"{(row or {}).get('tipo') or 'absent'} in {side}" for side, row in (("DuckDB", item.duckdb), ("PostgreSQL", item.postgresql)))
            parts.append(f"{item.key['columna']} is {sides}")
        return "; ".join(parts)


def drift(spec: TableSpec, duckdb: Types, postgresql: Types) -> Drift:
    """Compare the live types of a table's compared columns with the contract."""
    live = (duckdb.get(spec.name), postgresql.get(spec.name))
    absent = [f"{name} has no table {spec.name}" for name, columns in zip(SIDES, live, strict=True) if columns is None]
    found = []
    for name in spec.columns:
        wanted = tuple(type_name(spec.table.columns[name], engine) for engine in SIDES)
        held = tuple((columns or {}).get(name) for columns in live)
        if held == wanted:
            continue
        absent += [f"{side} has no column {spec.name}.{name}" for side, kind, columns in zip(SIDES, held, live, strict=True) if columns and kind is None]
        rows = tuple(None if kind is None else {"tipo": kind, "contrato": want} for kind, want in zip(held, wanted, strict=True))
        found.append(Difference(KIND, {"columna": name}, rows[0], rows[1], ("tipo",)))
    return Drift(tuple(absent), tuple(found))


def ledger_absent(duckdb: Types, postgresql: Types) -> str:
    """Which sink lacks an operations table that every proof reads; empty: none does."""
    missing = [f"{side} has no table {name}" for side, live in (("duckdb", duckdb), ("postgresql", postgresql)) for name in LEDGERS if name not in live]
    return "; ".join(missing)


def prove_schema(settings: Settings, names: Sequence[str], wait: float) -> ParityReport:
    """Level ``schema``: both live databases against the contract, by the migrations' own comparison.

    Columns, types, nullability, and PostgreSQL's keys; each difference is named with its side.

    Raises:
        SinkAway: if a sink can't be read.
    """
    start = time.perf_counter()
    own = [table.spec.table for table in own_tables(settings.home).values()]
    with connect(settings, read_only=True) as raw:
        lines = {"postgresql": live_drift(SinkName.POSTGRESQL, raw, own)}
    with open_file(settings, write=False, wait=wait, purpose="fluxion parity") as file:
        lines["duckdb"] = live_drift(SinkName.DUCKDB, file, own)
    seconds = time.perf_counter() - start
    return ParityReport(tuple(_schema_verdict(name, lines, seconds) for name in names))


def live_drift(sink: SinkName, raw: Any, own: Sequence[sa.Table] = ()) -> tuple[str, ...]:
    """The migrations' own comparison, over a driver's connection that is open; one line per difference."""
    if sink is SinkName.DUCKDB:
        from duckdb_engine import ConnectionWrapper

        url, raw = "duckdb://", ConnectionWrapper(raw)
    else:
        url = "postgresql+psycopg2://"
    engine = sa.create_engine(url, creator=lambda: raw, poolclass=StaticPool)
    with engine.connect() as connection:
        return schema_drift(connection, own)


def _schema_verdict(name: str, lines: Mapping[str, tuple[str, ...]], seconds: float) -> TableParity:
    mine = [(side, line) for side in SIDES for line in lines[side] if line.split(":")[0].split(".")[0] == name]
    sample = []
    for side, line in mine[:SAMPLE]:
        place, _, text = line.partition(": ")
        told = {"diferencia": text}
        sample.append(Difference(KIND, {"objeto": place}, told if side == "duckdb" else None, told if side == "postgresql" else None, ("diferencia",)))
    verdict = Verdict.DIFERENTE if mine else Verdict.IGUAL
    return TableParity(name, Level.SCHEMA, verdict, "; ".join(f"{side}: {line}" for side, line in mine), sample=tuple(sample), seconds=seconds)
