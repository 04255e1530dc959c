"""Both sinks of a test, migrated, filled with the same rows, and damaged by hand."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from duckdb_engine import ConnectionWrapper
from psycopg2.extras import execute_values
from sqlalchemy.pool import StaticPool

from fluxion_pipeline.contracts import sqltext
from fluxion_pipeline.contracts.migrations.runner import migrate
from fluxion_pipeline.contracts.tables import TableSpec, spec
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.duckdb.connect import open_file
from fluxion_pipeline.sinks.postgresql.connect import connect, connect_raw
from fluxion_pipeline.sources.protocol import arrow_type

Row = tuple[Any, ...]
NASTY = (
    "",
    "\\N",
    "N/A",
    "a|b",
    "a\\|b",
    'say "hi"',
    "it's",
    "línea\nnueva",
    "cr\r\nlf",
    "tab\tx",
    "é",
    "e\u0301",
    " espacio ",
    "漢字",
    "\u200b",
    ",",
    "NULL",
    "0",
    "\\",
)
FROM = date(2025, 11, 1)


class Both:
    """Two sinks; what is loaded here goes to both."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def migrate(self) -> None:
        """Bring both to the newest schema."""
        settings = self.settings
        with closing(connect_raw(settings)) as raw:
            migrate(sa.create_engine("postgresql+psycopg2://", creator=lambda: raw, poolclass=StaticPool))
        with open_file(settings, write=True) as file:
            migrate(sa.create_engine("duckdb://", creator=lambda: ConnectionWrapper(file), poolclass=StaticPool))

    def load(self, table: str, rows: Sequence[Row], *, ledger: bool = False) -> None:
        """The same rows into both; with ``ledger`` every slice gets a line at version 1."""
        self.duckdb_load(table, rows)
        self.pg_load(table, rows)
        if ledger:
            lines = self.duck(f"SELECT {sqltext.slice_text(spec(table))}, count(*) FROM {table} GROUP BY 1")
            for name, number in lines:
                self.line(table, name, 1, number)

    def line(self, table: str, slice_: str, version: int, rows: int, *, sinks: Sequence[str] = ("duckdb", "postgresql")) -> None:
        """A ledger line, in place of what stands there."""
        row = f"'{table}', '{slice_}', 'SUC001', {version}, 'outbox', {rows}, NULL, now()"
        for sink in sinks:
            run = self.duck if sink == "duckdb" else self.pg
            run(f"DELETE FROM lotes_aplicados WHERE tabla = '{table}' AND slice = '{slice_}'")
            run(f"INSERT INTO lotes_aplicados (tabla, slice, ubicacion, version, outbox_id, filas, huella, aplicado_en) VALUES ({row})")

    def duckdb_load(self, table: str, rows: Sequence[Row]) -> None:
        names = spec(table).columns
        columns = [pa.array(values, arrow_type(table, name)) for name, values in zip(names, zip(*rows, strict=True), strict=True)]
        with open_file(self.settings, write=True) as file:
            file.register("incoming", pa.table(columns, names=list(names)))
            file.execute(f"INSERT INTO {table} ({', '.join(names)}) SELECT * FROM incoming")
            file.unregister("incoming")

    def pg_load(self, table: str, rows: Sequence[Row]) -> None:
        item = spec(table)
        with connect(self.settings) as connection, connection.cursor() as cursor:
            if item.month_column:
                days = [_utc_day(row[item.columns.index(item.month_column)]) for row in rows]
                cursor.execute("SELECT public.fluxion_asegurar_particiones(%s, %s, %s)", [table, min(days), max(days)])
            execute_values(cursor, f"INSERT INTO public.{table} ({', '.join(item.columns)}) VALUES %s", rows)
            connection.commit()

    def pg(self, sql: str, values: Sequence[Any] | None = None) -> list[Row]:
        with connect(self.settings) as connection, connection.cursor() as cursor:
            cursor.execute(sql, values)
            found = cursor.fetchall() if cursor.description else []
            connection.commit()
            return found

    def duck(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        with open_file(self.settings, write=True) as file:
            return file.execute(sql, list(values)).fetchall()


def _utc_day(value: date | datetime) -> date:
    return value.astimezone(timezone.utc).date() if isinstance(value, datetime) else value


def random_rows(table: str, number: int, seed: int = 1, *, nasty: bool = True) -> list[Row]:
    """Rows of a table with unique keys, nasty texts and NULLs where the contract allows them."""
    chance = random.Random(seed)
    item = spec(table)
    return [tuple(_value(item, c, position, chance, nasty) for c in item.columns) for position in range(number)]


def _value(item: TableSpec, name: str, position: int, chance: random.Random, nasty: bool) -> Any:
    column = item.table.columns[name]
    if name == "ubicacion_codigo":
        return f"SUC{position % 3 + 1:03d}"
    if isinstance(column.type, sa.Date):
        return FROM + timedelta(days=position % 5)
    if isinstance(column.type, sa.DateTime):
        minutes = position if item.name == "inventario_cortes" else 30 * (position % 4)
        return datetime(2025, 11, 1, 10, tzinfo=timezone.utc) + timedelta(days=position % 5, minutes=minutes)
    if name in item.key and isinstance(column.type, sa.Text):
        return f"{position:06d}" + (chance.choice(NASTY) if nasty else "")
    if column.nullable and chance.random() < 0.2:
        return None
    if isinstance(column.type, sa.Text):
        return f"{chance.choice(NASTY) if nasty else 'x'}{position if column.unique else ''}"
    if isinstance(column.type, sa.Boolean):
        return chance.random() < 0.5
    if isinstance(column.type, sa.Integer):
        return position
    return Decimal(chance.randint(-(10**9), 10**9)).scaleb(-4)
