"""The rules over a whole reading: validation first, then de-duplication, all in DuckDB SQL.

Before this: a source's raw text (``layout.Raw``); after it: the rows and rejects of a reading.
Everything happens in an in-memory database of the calling thread; nothing is kept between calls.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from fluxion_pipeline.contracts.clock import ZONE_NAME
from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rows import KEY_SEPARATOR, MET_SCHEMA, ROW_KEYS, row_schema
from fluxion_pipeline.contracts.rules import decimals, rejects, repeats
from fluxion_pipeline.contracts.rules.layout import SALE_DATE, SALE_TIME, Judged, Kind, Layout, Place, Raw
from fluxion_pipeline.contracts.rules.text import clean, literal
from fluxion_pipeline.contracts.rules.values import FIRST_DAY, error_sql, value_sql
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.errors import ContractError

_local = threading.local()
_TABLES = ("judged", "fate")


def judge(raw: Raw, layout: Layout, place: Place) -> Judged:
    """Apply the rules of a fact to the raw rows of one reading.

    Raises:
        ContractError: if the rows don't add up or keys are not unique afterwards (a defect here, never of the data).
    """
    return _Judgement(raw, layout, place).result()


def connection() -> duckdb.DuckDBPyConnection:
    """The in-memory database of this thread: one core, UTC."""
    found: duckdb.DuckDBPyConnection | None = getattr(_local, "connection", None)
    if found is None:
        found = duckdb.connect(":memory:", config={"threads": 1})
        found.execute("SET TimeZone = 'UTC'")
        _local.connection = found
    return found


class _Judgement:
    """One run of the rules: the columns' numbers, the SQL made of them, the tables between the steps."""

    def __init__(self, raw: Raw, layout: Layout, place: Place) -> None:
        self.raw, self.layout, self.place = raw, layout, place
        self.fact = layout.fact
        self.con = connection()
        self.cleaned = [clean(column) for column in raw.table.columns]
        self.doubled = False
        self.names: list[str] = list(raw.table.column_names)
        self.fields = [layout.by_source.get(name) for name in self.names]
        self.of = {f.column: i for i, f in enumerate(self.fields) if f and f.column}
        self.parameters: Mapping[str, Any] = {"location": place.location, "day": place.day, "tomorrow": place.today + timedelta(days=1)}
        self.keys = {column: f"v{self.of[column]}" for column in ROW_KEYS[self.fact] if column in self.of}
        self.keyed = " AND ".join(f"(e{self.of[c]} IS NULL AND {v} IS NOT NULL)" for c, v in self.keys.items())

    def result(self) -> Judged:
        """The three steps, each on the table of the one before."""
        order = pa.array(np.arange(self.raw.table.num_rows, dtype=np.int64))
        self.con.register("raw", pa.table([order, *self.cleaned], names=["ord", *(f"t{i}" for i in range(len(self.names)))]))
        try:
            self._validate()
            self.doubled = repeats.settle(self.con, self.fact, list(self.keys.values()), self._values(), self.keyed)
            return self._checked(self._judged())
        finally:
            self.con.unregister("raw")
            for table in (*_TABLES, "odd"):
                self.con.execute(f"DROP TABLE IF EXISTS {quote(table)}")

    def _validate(self) -> None:
        """``judged(ord, t…, v…, e…, ok)``: one row for each raw row."""
        span = range(len(self.names))
        odd = self._odd()
        kinds = [f.kind if f else Kind.TEXT for f in self.fields]
        joins = " ".join(f"LEFT JOIN odd o{i} ON o{i}.text = t{i}" for i in span if i in odd)
        valued = ", ".join(f"t{i}, {value_sql(kinds[i], i, i in odd)} AS v{i}" for i in span)
        errors = ", ".join(f"{error_sql(self.fields[i], i)} AS e{i}" for i in span)
        all_well = " AND ".join(f"e{i} IS NULL" for i in span)
        kept = ", ".join(f"v{i}" for i in span)
        self._run(
            f"CREATE TEMP TABLE judged AS SELECT *, {all_well} AS ok FROM (SELECT ord, {kept}, {errors} "  # noqa: S608
            f"FROM (SELECT ord, {valued} FROM raw {joins}))"
        )

    def _odd(self) -> set[int]:
        """The decimal columns that hold texts which SQL can't decide; their values are in ``odd(text, value)``."""
        texts: set[str] = set()
        columns = set()
        for i, field in enumerate(self.fields):
            if field is not None and field.kind is Kind.DECIMAL and (found := decimals.odd(self.cleaned[i])):
                columns.add(i)
                texts.update(found)
        if columns:
            decided = {text: decimals.exact(text) for text in texts}
            odd = pa.table({"text": pa.array(decided, pa.string()), "value": pa.array(decided.values(), pa.decimal128(18, 4))})
            self.con.register("odd_view", odd)
            self.con.execute("CREATE TEMP TABLE odd AS SELECT * FROM odd_view")
            self.con.unregister("odd_view")
        return columns

    def _values(self) -> list[str]:
        """The columns whose difference makes two rows of one key contradict each other."""
        keys = ROW_KEYS[self.fact]
        return [f"v{i}" for column, i in self.of.items() if column not in keys and column in row_schema(self.fact).names]

    def _instant(self) -> str:
        day, time = (f"v{self.of[c]}" for c in (SALE_DATE, SALE_TIME))
        return f"CASE WHEN {day} BETWEEN DATE '{FIRST_DAY}' AND $tomorrow THEN timezone('{ZONE_NAME}', {day} + {time}) END"

    def _derived(self) -> dict[str, str]:
        """Columns of the contract that are not simply a column of the source."""
        if self.fact is Fact.VENTAS:
            v = {c: f"v{i}" for c, i in self.of.items()}
            return {"ubicacion_codigo": "$location", "fecha_venta": self._instant(), "fecha_negocio": v[SALE_DATE], "es_devolucion": f"{v['cantidad']} < 0"}
        if self.fact is Fact.INVENTARIO:
            return {"ubicacion_codigo": "$location", "almacen_codigo": f"coalesce({self._source('almacen_codigo')}, $location)"}
        return {"es_provisional": "false"}

    def _source(self, column: str) -> str:
        return f"v{self.of[column]}" if column in self.of else "NULL"

    def _judged(self) -> Judged:
        schema, derived = row_schema(self.fact), self._derived()
        listed = ", ".join(f"{derived.get(name, self._source(name))} AS {quote(name)}" for name in schema.names)
        rows = self._arrow(f"SELECT {listed} FROM {self._standing()} ORDER BY ord").cast(schema)  # noqa: S608
        repeated = repeats.count(self.con) if self.doubled else 0
        refused = None if rows.num_rows + repeated == self.raw.table.num_rows else self._refused()
        return Judged(rows, rejects.table(refused, self.raw, self.fact, self.place, self.of[self._code()]), self.raw.read, repeated, self._met())

    def _standing(self) -> str:
        return "(FROM judged WHERE ok" + (f" AND {repeats.STANDS})" if self.doubled else ")")

    def _refused(self) -> pa.Table:
        """``(ord, errors…, key, instant, conflict)`` of every row that is rejected."""
        parts = {"almacen_codigo": "$location", **self.keys} if self.fact is Fact.INVENTARIO else self.keys
        clave = f" || {literal(KEY_SEPARATOR)} || ".join(f"CAST({parts[c]} AS VARCHAR)" for c in ROW_KEYS[self.fact])
        instant = f"CASE WHEN e{self.of[SALE_TIME]} IS NULL THEN {self._instant()} END" if self.fact is Fact.VENTAS else "CAST(NULL AS TIMESTAMPTZ)"
        errors = ", ".join(f"e{i}" for i in range(len(self.names)))
        return self._arrow(
            f"SELECT judged.ord, {errors}, CASE WHEN {self.keyed} THEN {clave} END AS clave, {instant} AS instante, fate.conflict "  # noqa: S608
            "FROM judged LEFT JOIN fate USING (ord) WHERE NOT ok OR fate.conflict IS NOT NULL ORDER BY judged.ord"
        )

    def _code(self) -> str:
        return "codigo" if self.fact is Fact.CATALOGO else "producto_codigo"

    def _met(self) -> pa.Table | None:
        if self.fact is Fact.CATALOGO:
            return None
        index, described = {name: i for i, name in enumerate(self.names)}, dict(self.layout.met)
        texts = [f"v{index[described[c]]}" if c in described else "NULL" for c in MET_SCHEMA.names[1:]]
        code = self._source(self._code())
        if self.keys == {"producto_codigo": code}:  # a product is there once: nothing to choose from
            return self._arrow(f"SELECT {code}, {', '.join(texts)} FROM {self._standing()} ORDER BY ord").rename_columns(MET_SCHEMA.names).cast(MET_SCHEMA)  # noqa: S608
        firsts = ", ".join(f"arg_min({t}, ord)" if t != "NULL" else t for t in texts)
        sql = f"SELECT {code}, {firsts} FROM {self._standing()} GROUP BY {code} ORDER BY min(ord)"  # noqa: S608
        return self._arrow(sql).rename_columns(MET_SCHEMA.names).cast(MET_SCHEMA)

    def _checked(self, judged: Judged) -> Judged:
        keys = list(ROW_KEYS[self.fact])
        valid, rejected = judged.rows.num_rows, judged.rejects.num_rows
        if valid + judged.repeated + rejected != judged.read:
            told = f"{valid} valid, {judged.repeated} repeated, {rejected} rejected"
            raise ContractError(f"{self.place.origin}: {judged.read} rows were read, but they don't add up: {told}")
        distinct = judged.rows.select(keys).group_by(keys).aggregate([]).num_rows
        if distinct != judged.rows.num_rows:
            raise ContractError(f"{self.place.origin}: {judged.rows.num_rows} valid rows have {distinct} different keys")
        return judged

    def _arrow(self, sql: str) -> pa.Table:
        return self.con.sql(sql, params=self._bound(sql)).to_arrow_table()

    def _run(self, sql: str) -> None:
        self.con.execute(sql, self._bound(sql))

    def _bound(self, sql: str) -> dict[str, Any]:
        """DuckDB refuses values for parameters that a statement doesn't have."""
        return {name: value for name, value in self.parameters.items() if f"${name}" in sql}
