"""The rules over a whole reading: validation in one DuckDB query, then de-duplication, then rows and rejects.

Before this: a source's raw text (``layout.Raw``); after it: the rows and rejects of a reading. The
in-memory database belongs to the calling thread; nothing is kept in it between calls.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.clock import ZONE_NAME
from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rows import KEY_SEPARATOR, MET_SCHEMA, ROW_KEYS, ascending, row_schema
from fluxion_pipeline.contracts.rules import decimals, rejects, repeats
from fluxion_pipeline.contracts.rules.layout import SALE_DATE, SALE_TIME, Judged, Kind, Layout, Place, Raw
from fluxion_pipeline.contracts.rules.text import clean
from fluxion_pipeline.contracts.rules.values import FIRST_DAY, error_sql, faultless, value_sql
from fluxion_pipeline.errors import ContractError

_local = threading.local()


def judge(raw: Raw, layout: Layout, place: Place) -> Judged:
    """Apply the rules of a fact to the raw rows of one reading.

    Raises:
        ContractError: if the rows don't add up or keys are not unique afterwards (a defect here, never of the data).
    """
    return _Judgement(raw, layout, place).result()


def connection() -> duckdb.DuckDBPyConnection:
    """The in-memory database of this thread: one core (locations are read side by side), UTC."""
    found: duckdb.DuckDBPyConnection | None = getattr(_local, "connection", None)
    if found is None:
        found = duckdb.connect(":memory:", config={"threads": 1})
        found.execute("SET TimeZone = 'UTC'")
        _local.connection = found
    return found


def _all(judged: pa.Table, column: str) -> bool:
    return bool(pc.all(judged.column(column), min_count=0).as_py())


class _Judgement:
    """One run of the rules. Columns of the source go by number: ``t<i>`` text, ``v<i>`` value, ``e<i>`` error."""

    def __init__(self, raw: Raw, layout: Layout, place: Place) -> None:
        self.raw, self.layout, self.place = raw, layout, place
        self.fact = layout.fact
        self.con = connection()
        self.names: list[str] = list(raw.table.column_names)
        self.fields = [layout.by_source.get(name) for name in self.names]
        self.of = {f.column: i for i, f in enumerate(self.fields) if f and f.column}
        self.keys = [f"v{self.of[column]}" for column in ROW_KEYS[self.fact] if column in self.of]
        self.code = self.of["codigo" if self.fact is Fact.CATALOGO else "producto_codigo"]

    def result(self) -> Judged:
        """Validate, settle repeated keys, tell rows from rejects."""
        judged = self._validated()
        fate = self._fate(judged)
        if fate is None and _all(judged, "ok"):
            return self._checked(Judged(self._rows(judged), self._told(judged.slice(0, 0), {}), self.raw.read, 0, self._met(judged)), unique=True)
        stands = judged.column("ok") if fate is None else pc.and_(judged.column("ok"), pc.invert(pc.is_in(judged.column("ord"), value_set=fate.column("ord"))))
        standing = judged.filter(stands)
        conflicts = {} if fate is None else {ord_: why for ord_, why in zip(*fate.to_pydict().values(), strict=True) if why is not None}
        refused = pc.or_(pc.invert(judged.column("ok")), pc.is_in(judged.column("ord"), value_set=pa.array(conflicts, pa.int64())))
        told = self._told(self._keyed(judged.filter(refused)), conflicts)
        repeated = 0 if fate is None else fate.num_rows - len(conflicts)
        return self._checked(Judged(self._rows(standing), told, self.raw.read, repeated, self._met(standing)), unique=fate is None)

    def _told(self, refused: pa.Table, conflicts: Mapping[int, str]) -> pa.Table:
        return rejects.table(refused, conflicts, self.raw, self.fact, self.place, self.code)

    def _validated(self) -> pa.Table:
        """``(ord, v…, e…, instante, ok, keyed)``: one row for each raw row, in its order."""
        cleaned = [clean(column) for column in self.raw.table.columns]
        order = pa.array(np.arange(self.raw.table.num_rows, dtype=np.int64))
        raw = {"ord": order, "day": self._date(self.place.day), "tomorrow": self._date(self.place.today + timedelta(days=1))}
        plain = {i for i, field in enumerate(self.fields) if faultless(field, cleaned[i], key=f"v{i}" in self.keys)}
        hard = [i for i in range(len(cleaned)) if i not in plain]
        registered = {"raw": pa.table({**raw, **{f"t{i}": cleaned[i] for i in hard}})}
        odd = {i: found for i, f in enumerate(self.fields) if f and f.kind is Kind.DECIMAL and (found := decimals.odd(cleaned[i]))}
        if odd:
            exact = {text: decimals.exact(text) for found in odd.values() for text in found}
            registered["odd"] = pa.table({"text": pa.array(exact, pa.string()), "value": pa.array(exact.values(), pa.decimal128(18, 4))})
        judged = self._ask(self._sql(hard, set(odd)), registered)
        for i in plain:
            judged = judged.append_column(f"v{i}", cleaned[i]).append_column(f"e{i}", pa.nulls(judged.num_rows, pa.string()))
        return judged

    def _sql(self, span: Sequence[int], odd: set[int]) -> str:
        """The rules of some columns as one query; ``odd``: those some of whose decimals SQL can't decide."""
        kinds = [f.kind if f else Kind.TEXT for f in self.fields]
        joins = " ".join(f"LEFT JOIN odd o{i} ON o{i}.text = t{i}" for i in sorted(odd))
        valued = "".join(f", t{i}, {value_sql(kinds[i], i, i in odd)} AS v{i}" for i in span)
        errors = "".join(f", {error_sql(self.fields[i], i)} AS e{i}" for i in span)
        values = "".join(f", v{i}" for i in span)
        all_well = " AND ".join(f"e{i} IS NULL" for i in span) or "true"
        keyed = " AND ".join(f"e{v[1:]} IS NULL AND {v} IS NOT NULL" for v in self.keys if int(v[1:]) in span) or "true"
        return (
            f"SELECT *, {all_well} AS ok, {keyed} AS keyed FROM (SELECT ord{values}{errors}, {self._instant()} AS instante "  # noqa: S608
            f"FROM (SELECT ord, day, tomorrow{valued} FROM raw {joins}))" + (" ORDER BY ord" if odd else "")
        )

    def _date(self, day: date | None) -> pa.Array:
        return pa.repeat(pa.scalar(day, pa.date32()), self.raw.table.num_rows)

    def _instant(self) -> str:
        """A sale's instant, where its date and time can be read and its date can be."""
        if self.fact is not Fact.VENTAS:
            return "CAST(NULL AS TIMESTAMPTZ)"
        day, time = (f"v{self.of[c]}" for c in (SALE_DATE, SALE_TIME))
        return f"CASE WHEN {day} BETWEEN DATE '{FIRST_DAY}' AND tomorrow THEN timezone('{ZONE_NAME}', {day} + {time}) END"

    def _ask(self, sql: str, tables: Mapping[str, pa.Table]) -> pa.Table:
        """Run a query over Arrow tables, which have their names for as long as it takes."""
        for name, table in tables.items():
            self.con.register(name, table)
        try:
            return self.con.sql(sql).to_arrow_table()
        finally:
            for name in tables:
                self.con.unregister(name)

    def _fate(self, judged: pa.Table) -> pa.Table | None:
        """``(ord, conflict)`` of valid rows that don't stand; None: no key is there twice."""
        keyed = judged if _all(judged, "keyed") else judged.filter(judged.column("keyed"))
        if ascending(keyed, self.keys, strictly=True) or keyed.select(self.keys).group_by(self.keys).aggregate([]).num_rows == keyed.num_rows:
            return None
        keys = ROW_KEYS[self.fact]
        values = [f"v{i}" for column, i in self.of.items() if column not in keys and column in row_schema(self.fact).names]
        return self._ask(repeats.sql(self.fact, self.keys, values), {"keyed": keyed})

    def _rows(self, standing: pa.Table) -> pa.Table:
        """The columns of the contract; those that the source doesn't have are NULL."""
        schema, derived = row_schema(self.fact), self._derived(standing)
        columns = []
        for name, kind in zip(schema.names, schema.types, strict=True):
            own = standing.column(f"v{self.of[name]}") if name in self.of else pa.nulls(standing.num_rows, kind)
            columns.append(derived.get(name, own))
        return pa.table(columns, names=schema.names).cast(schema)

    def _derived(self, standing: pa.Table) -> dict[str, Any]:
        """Columns of the contract that are not simply a column of the source."""
        here = pa.repeat(pa.scalar(self.place.location, pa.string()), standing.num_rows)
        if self.fact is Fact.VENTAS:
            returned = pc.less(standing.column(f"v{self.of['cantidad']}"), pa.scalar(0, pa.decimal128(18, 4)))
            return {
                "ubicacion_codigo": here,
                "fecha_venta": standing.column("instante"),
                "fecha_negocio": standing.column(f"v{self.of[SALE_DATE]}"),
                "es_devolucion": returned,
            }
        if self.fact is Fact.INVENTARIO:
            return {"ubicacion_codigo": here, "almacen_codigo": self._warehouse(standing)}
        return {"es_provisional": pa.repeat(False, standing.num_rows)}

    def _warehouse(self, table: pa.Table) -> Any:
        """The warehouse of each row: the location's own code where the source names none."""
        if "almacen_codigo" in self.of:
            return pc.fill_null(table.column(f"v{self.of['almacen_codigo']}"), self.place.location)
        return pa.repeat(pa.scalar(self.place.location, pa.string()), table.num_rows)

    def _keyed(self, refused: pa.Table) -> pa.Table:
        """Rejected rows with ``clave``: the parts of the key, joined; NULL where one can't be read."""
        parts = [self._warehouse(refused)] if self.fact is Fact.INVENTARIO else []
        parts += [refused.column(f"v{self.of[c]}").cast(pa.string()) for c in ROW_KEYS[self.fact] if c in self.of and c != "almacen_codigo"]
        joined = pc.binary_join_element_wise(*parts, KEY_SEPARATOR)
        return refused.append_column("clave", pc.if_else(refused.column("keyed"), joined, pa.scalar(None, pa.string())))

    def _met(self, standing: pa.Table) -> pa.Table | None:
        """The products that valid rows name, with the first description that isn't NULL."""
        if self.fact is Fact.CATALOGO:
            return None
        described = {column: f"v{self.names.index(source)}" for column, source in self.layout.met}
        texts = [standing.column(described[c]) if c in described else pa.nulls(standing.num_rows, pa.string()) for c in MET_SCHEMA.names[1:]]
        table = pa.table([standing.column(f"v{self.code}"), *texts], names=MET_SCHEMA.names).cast(MET_SCHEMA)
        if self.keys == [f"v{self.code}"]:
            return table
        firsts = table.group_by("codigo", use_threads=False).aggregate([(c, "first") for c in MET_SCHEMA.names[1:]])
        return firsts.rename_columns(MET_SCHEMA.names).cast(MET_SCHEMA)

    def _checked(self, judged: Judged, *, unique: bool) -> Judged:
        """The rows add up and no key is there twice (``unique``: that was found already)."""
        keys = list(ROW_KEYS[self.fact])
        valid, rejected = judged.rows.num_rows, judged.rejects.num_rows
        if valid + judged.repeated + rejected != judged.read:
            told = f"{valid} valid, {judged.repeated} repeated, {rejected} rejected"
            raise ContractError(f"{self.place.origin}: {judged.read} rows were read, but they don't add up: {told}")
        distinct = valid if unique else judged.rows.select(keys).group_by(keys).aggregate([]).num_rows
        if distinct != valid:
            raise ContractError(f"{self.place.origin}: {valid} valid rows have {distinct} different keys")
        return judged
