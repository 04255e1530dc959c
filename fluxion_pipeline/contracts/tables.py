"""The tables of both engines, declared once, as stages see them: slices, keys, what is compared.

Columns and types are in ``contract_tables`` and ``operations_tables``. Doesn't live here: DDL of one
engine (``contracts.migrations``), rules of a row (``contracts.rules``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import sqlalchemy as sa

from fluxion_pipeline.contracts import contract_tables, operations_tables  # noqa: F401 they fill the metadata
from fluxion_pipeline.contracts.columns import metadata
from fluxion_pipeline.errors import ContractError

__all__ = ["CONTRACT_TABLES", "LANDED_TABLES", "REFERENCES", "SPECS", "TableSpec", "metadata", "spec"]


@dataclass(frozen=True)
class TableSpec:
    """What stages need to know of a table beside its columns.

    Attributes:
        name: the table's name on both engines.
        slice_columns: the columns whose values name a row's slice; empty: the whole table is one.
        key: the primary key of the contract, in order (for ``ventas`` without ``fecha_negocio``).
        landed: rows come from images, by convergence.
        compared: part of parity (the contract tables; operations tables are not).
        month_column: the column by whose month PostgreSQL partitions the table, if it does.
        own: the SQLAlchemy table of a user's own table, which isn't in the metadata.
    """

    name: str
    slice_columns: tuple[str, ...]
    key: tuple[str, ...]
    landed: bool = True
    compared: bool = True
    month_column: str | None = None
    own: sa.Table | None = field(default=None, repr=False, compare=False)

    @property
    def table(self) -> sa.Table:
        """The SQLAlchemy table."""
        return metadata.tables[self.name] if self.own is None else self.own

    @property
    def columns(self) -> tuple[str, ...]:
        """The compared columns, in the table's order: what images, change sets and parity speak of."""
        return tuple(c.name for c in self.table.columns if c.info.get("compared", True))

    @property
    def physical_key(self) -> tuple[str, ...]:
        """The columns that identify a row in a sink: slice columns and key, in the table's order."""
        names = set(self.slice_columns) | set(self.key)
        return tuple(c for c in self.columns if c in names)

    @property
    def values(self) -> tuple[str, ...]:
        """The compared columns outside of the physical key."""
        return tuple(c for c in self.columns if c not in self.physical_key)


SPECS: dict[str, TableSpec] = {
    s.name: s
    for s in (
        TableSpec("ubicaciones", (), ("codigo",)),
        TableSpec("productos", (), ("codigo",)),
        TableSpec("ventas", ("ubicacion_codigo", "fecha_negocio"), ("ubicacion_codigo", "numero_factura", "linea"), month_column="fecha_negocio"),
        TableSpec("inventario_actual", ("ubicacion_codigo",), ("ubicacion_codigo", "almacen_codigo", "producto_codigo")),
        TableSpec(
            "inventario_historico",
            ("ubicacion_codigo", "capturado_en"),
            ("ubicacion_codigo", "almacen_codigo", "producto_codigo", "capturado_en"),
            month_column="capturado_en",
        ),
        TableSpec("inventario_cortes", ("ubicacion_codigo", "capturado_en"), ("ubicacion_codigo", "capturado_en")),
        TableSpec("clasificacion_abc", (), ("ubicacion_codigo", "producto_codigo", "fecha"), landed=False),
        TableSpec("nivel_objetivo", (), ("ubicacion_codigo", "producto_codigo"), landed=False),
        TableSpec("pedidos_sugeridos", (), ("id",), landed=False),
        TableSpec("pedidos_productos", (), ("pedido_id", "producto_codigo"), landed=False),
        TableSpec("usuarios", (), ("usuario",), landed=False),
        TableSpec("cobertura", ("tabla", "ubicacion_codigo", "corte"), ("tabla", "ubicacion_codigo", "corte"), compared=False),
        TableSpec("rechazos", ("tabla", "ubicacion_codigo", "corte"), ("id",), compared=False),
        TableSpec("reparaciones", (), ("id", "destino"), compared=False),
    )
}
"""Every table that an image or a user can fill, by name."""

CONTRACT_TABLES: tuple[str, ...] = tuple(s.name for s in SPECS.values() if s.compared)
"""The tables that parity speaks of, in the order in which they are shown."""

LANDED_TABLES: tuple[str, ...] = tuple(s.name for s in SPECS.values() if s.landed)
"""The tables that convergence writes: dimensions before facts."""

REFERENCES: tuple[tuple[str, str, str, str], ...] = (
    ("ventas", "ubicacion_codigo", "ubicaciones", "codigo"),
    ("ventas", "producto_codigo", "productos", "codigo"),
    ("inventario_actual", "ubicacion_codigo", "ubicaciones", "codigo"),
    ("inventario_actual", "producto_codigo", "productos", "codigo"),
    ("inventario_historico", "ubicacion_codigo", "ubicaciones", "codigo"),
    ("inventario_historico", "producto_codigo", "productos", "codigo"),
    ("inventario_cortes", "ubicacion_codigo", "ubicaciones", "codigo"),
    ("pedidos_productos", "pedido_id", "pedidos_sugeridos", "id"),
    ("pedidos_productos", "producto_codigo", "productos", "codigo"),
)
"""Foreign keys (table, column, referenced table, referenced column): indexed and checked, not
enforced, since an image must always be applicable."""


@cache
def spec(name: str) -> TableSpec:
    """The spec of one of the pipeline's tables; ``landing.tables`` knows those of a home's users too.

    Raises:
        ContractError: if there is no such table; the error lists the valid names.
    """
    try:
        return SPECS[name]
    except KeyError:
        raise ContractError(f"there is no table «{name}»", f"the tables are: {', '.join(SPECS)}") from None
