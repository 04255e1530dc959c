"""A sink's rows as landing wants them: of whole slices, within the contract, each key once.

A person may have written anything into a database; what leaves the contract is named by key and
column and never becomes an image. Before this: a sink; after it: ``operations.repair_from_sink``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from fluxion_pipeline.contracts.clock import ZONE_NAME, local_day, parse_day
from fluxion_pipeline.contracts.outcomes import Fact, SinkName
from fluxion_pipeline.contracts.rows import row_schema
from fluxion_pipeline.contracts.rules.values import FIRST_DAY, MAX_CODE_BYTES
from fluxion_pipeline.contracts.sqltext import columns, quote
from fluxion_pipeline.contracts.tables import TableSpec, spec
from fluxion_pipeline.errors import ContractError, ConvergenceError, FluxionError
from fluxion_pipeline.landing import frames
from fluxion_pipeline.operations.app import App

CODES = frozenset({"ubicacion_codigo", "almacen_codigo", "producto_codigo", "numero_factura", "codigo"})
"""Text columns that are keys or refer to one: neither empty nor longer than an index takes."""


def check(app: App, sink: SinkName, table: TableSpec) -> None:
    """All of a sink's rows of a table lie within the contract, and no key is held with different values.

    Raises:
        ContractError: if not; it names the first such row by its key, and the column.
        SinkAway: if the sink can't be read.
    """
    problems = list(_problems(app, sink, table))
    case = " ".join(f"WHEN {condition} THEN {_literal(text)}" for condition, text in problems)
    key = ", ".join(f"CAST({quote(k)} AS VARCHAR) AS {quote(f'text {k}')}" for k in table.physical_key)
    order = columns(table.physical_key)
    name = quote(table.name)
    outside = f"SELECT * FROM (SELECT CASE {case} END AS problem, {key}, {order} FROM {name}) AS t WHERE problem IS NOT NULL ORDER BY {order} LIMIT 1"  # noqa: S608 quoted names
    own = columns(table.key)
    repeated = f"SELECT {own} FROM {name} GROUP BY {own} HAVING count(*) > 1"  # noqa: S608 quoted names
    distinct = f"SELECT DISTINCT {columns(table.columns)} FROM {name} WHERE ({own}) IN ({repeated})"  # noqa: S608 quoted names
    named = ", ".join(f"CAST({quote(k)} AS VARCHAR)" for k in table.key)
    doubled = f"SELECT {named} FROM ({distinct}) AS d GROUP BY {own} HAVING count(*) > 1 ORDER BY {own} LIMIT 1"  # noqa: S608 quoted names
    try:
        found, twice = app.sink(sink).answers([outside, doubled])
    except (duckdb.Error, ConvergenceError) as error:
        raise _unreadable(sink, table, error) from error
    if found:
        row = found[0]
        raise _outside(sink, table, table.physical_key, row[1 : 1 + len(table.physical_key)], str(row[0]))
    if twice:
        raise _outside(sink, table, table.key, twice[0], "is there more than once, with different values")


def _problems(app: App, sink: SinkName, table: TableSpec) -> Iterator[tuple[str, str]]:
    """(SQL condition, what is wrong where it holds) of a table's columns."""
    for name in table.columns:
        column = table.table.columns[name]
        quoted, kind = quote(name), column.type
        if not column.nullable or name in table.key:
            yield f"{quoted} IS NULL", f"{name} is missing (NULL)"
        if isinstance(kind, sa.Text):
            yield from _text_problems(name, sink)
        elif isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float):
            yield f"NOT coalesce({_fits(quoted, sink)}, true)", f"{name} does not fit NUMERIC(18,4)"
        elif isinstance(kind, sa.Integer):
            yield f"{quoted} NOT BETWEEN -2147483648 AND 2147483647", f"{name} does not fit INTEGER"
    if "ubicacion_codigo" in table.columns:
        known = ", ".join(_literal(x.codigo) for x in app.registry)
        yield f"ubicacion_codigo NOT IN ({known})", "ubicacion_codigo is not in ubicaciones.csv"
    if "fecha_negocio" in table.columns:
        last = local_day(app.clock()) + timedelta(days=1)
        yield f"fecha_negocio NOT BETWEEN DATE '{FIRST_DAY}' AND DATE '{last}'", f"fecha_negocio is before {FIRST_DAY} or after tomorrow"
        yield f"CAST(timezone('{ZONE_NAME}', fecha_venta) AS DATE) <> fecha_negocio", "fecha_negocio is not the local day of fecha_venta"


def _text_problems(name: str, sink: SinkName) -> Iterator[tuple[str, str]]:
    quoted = quote(name)
    length = f"strlen({quoted})" if sink is SinkName.DUCKDB else f"octet_length({quoted})"
    if sink is SinkName.DUCKDB:
        yield f"contains({quoted}, chr(0))", f"{name} contains U+0000"
    if name in CODES:
        yield f"{quoted} = ''", f"{name} is empty"
        yield f"{length} > {MAX_CODE_BYTES}", f"{name} is longer than {MAX_CODE_BYTES} bytes"


def _fits(column: str, sink: SinkName) -> str:
    """Whether a number is one of NUMERIC(18,4); only where somebody changed the column's type can it be another."""
    if sink is SinkName.DUCKDB:
        return f"CASE WHEN {column} IS NOT NULL THEN coalesce(TRY_CAST({column} AS DECIMAL(18,4)) = TRY_CAST({column} AS DECIMAL(38,12)), false) END"
    number = f"CAST({column} AS numeric)"
    return f"abs({number}) < 100000000000000 AND {number} = round({number}, 4)"


def rows_of(app: App, sink: SinkName, fact: Fact, location: str, slices: Collection[str]) -> Mapping[str, pa.Table]:
    """A sink's rows of some slices of one location, each row once; schema ``row_schema(fact)``.

    Args:
        app: the home.
        sink: whose rows.
        fact: which table.
        location: canonical code, ``*`` for the products.
        slices: their texts.

    Raises:
        ContractError: if a value doesn't fit its type.
        SinkAway: if the sink can't be read.
    """
    table, schema = spec(fact.value), row_schema(fact)
    days = {s: parse_day(s.rpartition("/")[2]) for s in slices} if fact is Fact.VENTAS else {}
    where: dict[str, list[object]] = {"ubicacion_codigo": [location]} if table.slice_columns else {}
    try:
        found = app.sink(sink).read(table.name, None, {**where, "fecha_negocio": list(days.values())} if days else where)
        rows = frames.query(f"SELECT DISTINCT {columns(schema.names)} FROM found ORDER BY {columns(table.key)}", {"found": found.select(schema.names)})  # noqa: S608 quoted names
        rows = rows.cast(schema)
    except (duckdb.Error, ConvergenceError, pa.ArrowException) as error:
        raise _unreadable(sink, table, error) from error
    return {s: rows.filter(pc.equal(rows.column("fecha_negocio"), pa.scalar(day, pa.date32()))) for s, day in days.items()} or dict.fromkeys(slices, rows)


def _outside(sink: SinkName, table: TableSpec, names: Collection[str], values: Collection[object], problem: str) -> FluxionError:
    key = " ".join(f"{n}={v}" for n, v in zip(names, values, strict=True))
    what = f"{sink} holds a row of {table.name} that no image may have: {key}: {problem}"
    return ContractError(what, f"correct it in {sink}, or take the lotes' word: fluxion repair {table.name} --from lote")


def _unreadable(sink: SinkName, table: TableSpec, error: Exception) -> FluxionError:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ContractError(f"{sink}'s {table.name} has values that are none of the contract's types: {line}", f"fluxion parity {table.name} --level schema")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
