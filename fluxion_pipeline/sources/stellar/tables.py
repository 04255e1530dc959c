"""Stellar's tables, as far as they are read: VAD10 (stock, catalogue) and VAD20 (transactions).

Declarations only. The schemas are SQL Server's ``database.owner``; the types are those that matter for
comparing and casting, since values come back as the driver gives them.
"""

from __future__ import annotations

import sqlalchemy as sa

VAD10, VAD20 = "VAD10.dbo", "VAD20.dbo"
CODE, NAME, NUMBER = sa.String(15), sa.String(255), sa.Float()

_metadata = sa.MetaData()


def _table(name: str, schema: str, *columns: sa.Column[object]) -> sa.Table:
    return sa.Table(name, _metadata, *columns, schema=schema)


def _names(name: str) -> sa.Table:
    return _table(name, VAD10, sa.Column("C_CODIGO", CODE), sa.Column("C_DESCRIPCIO", NAME))


MA_DEPOPROD = _table("MA_DEPOPROD", VAD10, sa.Column("c_coddeposito", CODE), sa.Column("c_codarticulo", CODE), sa.Column("n_cantidad", NUMBER))
MA_PRODUCTOS = _table(
    "MA_PRODUCTOS",
    VAD10,
    sa.Column("c_Codigo", CODE),
    sa.Column("c_Descri", NAME),
    sa.Column("c_Marca", NAME),
    sa.Column("c_Presenta", NAME),
    sa.Column("n_CostoAct", NUMBER),
    sa.Column("n_Precio1", NUMBER),
    sa.Column("n_Impuesto1", NUMBER),
    sa.Column("c_Departamento", CODE),
    sa.Column("c_Grupo", CODE),
    sa.Column("c_Subgrupo", CODE),
)
MA_DEPARTAMENTOS, MA_GRUPOS, MA_SUBGRUPOS = _names("MA_DEPARTAMENTOS"), _names("MA_GRUPOS"), _names("MA_SUBGRUPOS")
MA_CODIGOS = _table("MA_CODIGOS", VAD10, sa.Column("c_Codigo", CODE), sa.Column("c_CodNasa", CODE))
MA_TRANSACCION = _table(
    "MA_TRANSACCION",
    VAD20,
    sa.Column("c_Numero", CODE),
    sa.Column("f_Fecha", sa.DateTime()),
    sa.Column("h_Hora", sa.DateTime()),
    sa.Column("n_Linea", sa.Integer()),
    sa.Column("Codigo", CODE),
    sa.Column("Cantidad", NUMBER),
)
