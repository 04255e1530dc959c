"""What a reading leaves in its slice: its rows, the rows that it doesn't speak of, and carried ones.

Rejected is not absent: a rejected row whose key is readable keeps the row of the state before it; if
a key could not be read, no row of what the reading speaks of is removed. Written over Arrow columns:
the same few operations serve ten rows and a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rows import ascending
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.sources.protocol import KEY_SEPARATOR, REJECT_SCHEMA, ROW_KEYS, Reading, arrow_type, row_schema

STATE_COLUMNS = {
    Fact.VENTAS: [pa.field("_leido_en", pa.timestamp("us", tz="UTC")), pa.field("_arrastrada", pa.bool_()), pa.field("_desplazada", pa.bool_())],
    Fact.INVENTARIO: [pa.field("_arrastrada", pa.bool_())],
    Fact.CATALOGO: [],
}


def state_schema(fact: Fact) -> pa.Schema:
    """A slice's state: its rows and landing's own columns."""
    return pa.schema([*row_schema(fact), *STATE_COLUMNS[fact]])


def key_text(fact: Fact, prefix: str = "") -> str:
    """SQL text of a row's key, as ``clave`` of a reject has it."""
    parts = [f"CAST({prefix}{quote(c)} AS VARCHAR)" for c in ROW_KEYS[fact]]
    return f" || chr({ord(KEY_SEPARATOR)}) || ".join(parts)


def key_column(fact: Fact, rows: pa.Table) -> pa.ChunkedArray:
    """Rows' keys, as ``clave`` of a reject has them."""
    parts = [rows.column(c).cast(pa.string()) for c in ROW_KEYS[fact]]
    return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, KEY_SEPARATOR)


def among(keys: pa.ChunkedArray, others: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which of the keys are among others."""
    return pc.is_in(keys, value_set=others.combine_chunks())


def sort(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    """Rows in the order of their columns; sorted ones, which most are, cost a glance."""
    return rows if ascending(rows, names) else rows.sort_by([(n, "ascending") for n in names])


def touched(reading: Reading, rows: pa.Table, column: str = "fecha_venta") -> pa.ChunkedArray:
    """Which rows the reading speaks of: in full of all, in a window of those whose instant lies in it."""
    instants = rows.column(column)
    if reading.window is None:
        return pa.chunked_array([pa.array([True] * rows.num_rows, pa.bool_())])
    low, high = (pa.scalar(x, instants.type) for x in reading.window)
    return pc.fill_null(pc.and_(pc.greater_equal(instants, low), pc.less(instants, high)), False)


def fresh(reading: Reading) -> pa.Table:
    """The answer's rows as a state."""
    values = {"_leido_en": reading.read_at, "_arrastrada": False, "_desplazada": False}
    rows = reading.rows
    for field in STATE_COLUMNS[reading.fact]:
        rows = rows.append_column(field, pa.repeat(pa.scalar(values[field.name], field.type), rows.num_rows))
    return rows.cast(state_schema(reading.fact))


def merge(before: pa.Table, reading: Reading) -> pa.Table:
    """The state after a reading; schema ``state_schema``, sorted by key.

    Args:
        before: the state before it, schema ``state_schema``.
        reading: what was read.
    """
    rows = fresh(reading)
    if before.num_rows and (reading.window is not None or reading.rejects.num_rows):
        rows = pa.concat_tables([rows, *_kept(before, reading)])
    return sort(rows, ROW_KEYS[reading.fact])


def _kept(before: pa.Table, reading: Reading) -> tuple[pa.Table, pa.Table]:
    """The rows that the reading doesn't speak of, and the carried ones."""
    keys = key_column(reading.fact, before)
    absent = pc.invert(among(keys, key_column(reading.fact, reading.rows)))
    spoken = touched(reading, before) if reading.window is not None else pc.is_valid(keys)
    rejected = reading.rejects.column("clave")
    spared = pc.is_valid(keys) if rejected.null_count else among(keys, rejected)
    carried = before.filter(pc.and_(pc.and_(absent, spoken), spared))
    place = before.schema.get_field_index("_arrastrada")
    marked = carried.set_column(place, before.schema.field(place), pa.repeat(pa.scalar(True), carried.num_rows))
    return before.filter(pc.and_(absent, pc.invert(spoken))), marked


REJECT_ROWS = ("id", "tabla", "ubicacion_codigo", "corte", "origen", "linea", "campo", "valor", "motivo", "fila")
REJECTS = pa.schema(
    [(c, arrow_type("rechazos", c)) for c in REJECT_ROWS] + [("_clave", REJECT_SCHEMA.field("clave").type), ("_instante", REJECT_SCHEMA.field("instante").type)]
)


def reject_rows(reading: Reading, before: pa.Table | None) -> pa.Table:
    """The slice's rejects after a reading: cumulative as rows are, those that the answer speaks of make place.

    Args:
        reading: what was read.
        before: the slice's rejects so far, as this function returned them; None if no reading stands.
    """
    found = reading.rejects
    given = {"tabla": reading.fact.value, "ubicacion_codigo": reading.location, "corte": reading.cut}
    columns = [
        pa.repeat(pa.scalar(given[f.name], f.type), found.num_rows) if f.name in given else found.column(f.name.removeprefix("_")).cast(f.type) for f in REJECTS
    ]
    rows = pa.Table.from_arrays(columns, schema=REJECTS)
    if before is not None and reading.window is not None and before.num_rows:
        held = before.select(REJECTS.names).cast(REJECTS)
        keys = pa.chunked_array([*key_column(reading.fact, reading.rows).chunks, *found.column("clave").drop_null().chunks], pa.string())
        named = pc.and_(pc.is_valid(held.column("_clave")), among(held.column("_clave"), keys))
        gone = pc.or_(pc.or_(touched(reading, held, "_instante"), named), among(held.column("id"), found.column("id")))
        rows = pa.concat_tables([rows, held.filter(pc.invert(gone))])
    return rows.sort_by("id")


def covered_until(start: datetime, end: datetime, so_far: datetime | None, reading: Reading) -> datetime:
    """Until when a day is covered without a gap: never beyond the instant at which the reading began."""
    reached = so_far or start
    low, high = reading.window or (start, end)
    return max(reached, min(high, reading.read_at, end)) if low <= reached else reached
