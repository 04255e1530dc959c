"""What a reading leaves in its slice: its rows, the rows that it doesn't speak of, and carried ones.

Rejected is not absent: a rejected row whose key is readable keeps the row of the state before it; if
a key could not be read, no row of what the reading speaks of is removed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.sqltext import columns, quote
from fluxion_pipeline.landing import frames
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


def touched(reading: Reading, column: str = "fecha_venta") -> tuple[str, list[Any]]:
    """SQL condition: the reading speaks of this row; a reading of a window only of rows whose instant lies in it."""
    if reading.window is None:
        return "true", []
    return f"coalesce({column} >= ? AND {column} < ?, false)", list(reading.window)


def merge(before: pa.Table, reading: Reading) -> pa.Table:
    """The state after a reading; schema ``state_schema``, sorted by key.

    Args:
        before: the state before it, schema ``state_schema``.
        reading: what was read.
    """
    fact = reading.fact
    names = row_schema(fact).names
    key = key_text(fact)
    touches, values = touched(reading)
    own = {"_leido_en": "_leido_en", "_arrastrada": "true", "_desplazada": "_desplazada"}
    fresh = {"_leido_en": "?::TIMESTAMPTZ", "_arrastrada": "false", "_desplazada": "false"}
    extra = [f.name for f in STATE_COLUMNS[fact]]
    stamps: list[Any] = [reading.read_at] if "_leido_en" in extra else []
    sql = f"""
        WITH fresh AS (SELECT {columns(names)}, {", ".join(f"{fresh[c]} AS {c}" for c in extra)} FROM reading),
             old AS (SELECT *, {key} AS k, {touches} AS t FROM before),
             kept AS (SELECT * FROM old WHERE k NOT IN (SELECT {key} FROM reading))
        SELECT {columns(names)}, {", ".join(extra)} FROM fresh
        UNION ALL
        SELECT {columns(names)}, {", ".join(extra)} FROM kept WHERE NOT t
        UNION ALL
        SELECT {columns(names)}, {", ".join(own[c] for c in extra)} FROM kept
        WHERE t AND (EXISTS (SELECT 1 FROM rejects WHERE clave IS NULL) OR k IN (SELECT clave FROM rejects WHERE clave IS NOT NULL))
        ORDER BY {columns(ROW_KEYS[fact])}
    """  # noqa: S608 quoted names
    tables = {"reading": reading.rows, "before": before, "rejects": reading.rejects.select(["clave"])}
    return frames.query(sql, tables, [*stamps, *values]).cast(state_schema(fact))


REJECT_ROWS = ("id", "tabla", "ubicacion_codigo", "corte", "origen", "linea", "campo", "valor", "motivo", "fila")


def reject_rows(reading: Reading, before: pa.Table | None) -> pa.Table:
    """The slice's rejects after a reading: cumulative as rows are, those that the answer speaks of make place.

    Args:
        reading: what was read.
        before: the slice's rejects so far, as this function returned them; None if no reading stands.
    """
    fresh = """
        SELECT id, ? AS tabla, ? AS ubicacion_codigo, ? AS corte, origen, linea, campo, valor, motivo, fila, clave AS _clave, instante AS _instante FROM fresh
    """
    values: list[Any] = [reading.fact.value, reading.location, reading.cut]
    tables = {"fresh": reading.rejects}
    if before is not None and reading.window is not None and before.num_rows:
        touches, window = touched(reading, "_instante")
        fresh += f"""
            UNION ALL SELECT {columns(REJECT_ROWS)}, _clave, _instante FROM before
            WHERE NOT {touches} AND id NOT IN (SELECT id FROM fresh)
              AND (_clave IS NULL OR _clave NOT IN (SELECT clave FROM fresh WHERE clave IS NOT NULL UNION ALL SELECT {key_text(reading.fact)} FROM reading))
        """  # noqa: S608 quoted names
        values += window
        tables |= {"before": before, "reading": reading.rows}
    schema = pa.schema(
        [(c, arrow_type("rechazos", c)) for c in REJECT_ROWS]
        + [("_clave", REJECT_SCHEMA.field("clave").type), ("_instante", REJECT_SCHEMA.field("instante").type)]
    )
    return frames.query(fresh + " ORDER BY id", tables, values).cast(schema)


def covered_until(start: datetime, end: datetime, so_far: datetime | None, reading: Reading) -> datetime:
    """Until when a day is covered without a gap: never beyond the instant at which the reading began."""
    reached = so_far or start
    low, high = reading.window or (start, end)
    return max(reached, min(high, reading.read_at, end)) if low <= reached else reached
