"""The shape of a reading's rows: valid ones, rejected ones, products that they name.

Before this: the rules of a row (``contracts.rules``), which fill these shapes; after it: readings
(``sources.protocol``), which carry them, and landing, which stores them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.tables import TableSpec, spec

KEY_SEPARATOR = "\x1f"
"""Between the parts of a key in ``REJECT_SCHEMA.clave``."""

ROW_KEYS: dict[Fact, tuple[str, ...]] = {
    Fact.VENTAS: ("numero_factura", "linea"),
    Fact.INVENTARIO: ("almacen_codigo", "producto_codigo"),
    Fact.CATALOGO: ("codigo",),
}
"""The key of a row within its location; ``clave`` of a reject is its parts joined by the separator."""

REJECT_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("origen", pa.string()),
        pa.field("linea", pa.int32()),
        pa.field("campo", pa.string()),
        pa.field("valor", pa.string()),
        pa.field("motivo", pa.string(), nullable=False),
        pa.field("fila", pa.string()),
        pa.field("clave", pa.string()),
        pa.field("instante", pa.timestamp("us", tz="UTC")),
    ]
)
"""Rejected rows: as in ``rechazos``, plus the key (NULL: unreadable) and the instant (NULL: unreadable)."""

MET_SCHEMA = pa.schema([("codigo", pa.string()), ("descripcion", pa.string()), ("categoria", pa.string()), ("marca", pa.string())])
"""Products that a fact's rows name, one row a code, as far as the fact's file describes them."""


def arrow_type(table: str | TableSpec, column: str) -> pa.DataType:
    """The Arrow type of a column of a table (of the pipeline's, by its name)."""
    import sqlalchemy as sa

    kind = (spec(table) if isinstance(table, str) else table).table.columns[column].type
    if isinstance(kind, sa.DateTime):
        return pa.timestamp("us", tz="UTC")
    if isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float):
        return pa.decimal128(18, 4)
    names = ((sa.Text, pa.string()), (sa.Date, pa.date32()), (sa.Boolean, pa.bool_()), (sa.Integer, pa.int32()))
    return next(type_ for sql, type_ in names if isinstance(kind, sql))


def ascending(rows: pa.Table, names: Sequence[str], *, strictly: bool = False) -> bool:
    """Whether rows are in the order of some columns without NULL; ``strictly``: no two are alike in them either."""
    ordered: Any = pa.scalar(not strictly)
    for name in reversed(names):
        column = rows.column(name)
        low, high = column[:-1], column[1:]
        ordered = pc.or_(pc.less(low, high), pc.and_(pc.equal(low, high), ordered))
    return bool(pc.all(ordered).as_py()) if rows.num_rows > 1 else True


@cache
def row_schema(fact: Fact) -> pa.Schema:
    """The Arrow schema of a reading's valid rows: the compared columns of the fact's table, in its order."""
    table = spec(fact.value)
    return pa.schema([pa.field(c, arrow_type(table.name, c)) for c in table.columns])
