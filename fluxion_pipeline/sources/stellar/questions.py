"""What is asked of Stellar: one select for each fact, built once, for any dialect; values are always bound.

A join here can't multiply rows: what it joins to has one row for each code. Rows whose code the catalogue
doesn't know stay. Nothing is cut: there is no ``TOP``.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from fluxion_pipeline.contracts.clock import ZONE, day_end
from fluxion_pipeline.sources.stellar.tables import (
    MA_CODIGOS,
    MA_DEPARTAMENTOS,
    MA_DEPOPROD,
    MA_GRUPOS,
    MA_PRODUCTOS,
    MA_SUBGRUPOS,
    MA_TRANSACCION,
)

PURCHASING = "000017"
"""The department of what the chain buys for itself: no merchandise."""

Values = dict[str, Any]


def _names(table: sa.Table, alias: str) -> sa.Subquery:
    """One description for each code."""
    names = table.alias(f"{alias}n")
    code = names.c.C_CODIGO
    return sa.select(code.label("codigo"), sa.func.min(names.c.C_DESCRIPCIO).label("nombre")).group_by(code).subquery(alias)


_products = MA_PRODUCTOS.alias("p")
_departments, _groups, _subgroups = _names(MA_DEPARTAMENTOS, "d"), _names(MA_GRUPOS, "g"), _names(MA_SUBGRUPOS, "s")
_merchandise = sa.or_(_products.c.c_Departamento.is_(None), _products.c.c_Departamento != sa.bindparam("compras"))


def _stock() -> sa.Select[Any]:
    stock = MA_DEPOPROD.alias("e")
    joined = stock.outerjoin(_products, _products.c.c_Codigo == stock.c.c_codarticulo).outerjoin(_groups, _groups.c.codigo == _products.c.c_Grupo)
    return (
        sa.select(
            stock.c.c_codarticulo.label("codigo"),
            stock.c.c_coddeposito.label("deposito"),
            stock.c.n_cantidad.label("stock"),
            _products.c.n_Precio1.label("precio"),
            _products.c.n_CostoAct.label("costo"),
            _products.c.c_Descri.label("descripcion"),
            _groups.c.nombre.label("grupo"),
            _products.c.c_Marca.label("marca"),
            _products.c.c_Codigo.label("conocido"),
        )
        .select_from(joined)
        .where(stock.c.c_coddeposito == sa.bindparam("deposito"), _merchandise)
        .order_by(stock.c.c_codarticulo)
    )


def _catalogue() -> sa.Select[Any]:
    codes = MA_CODIGOS.alias("c")
    barcode = (
        sa.select(codes.c.c_CodNasa.label("producto"), sa.func.min(codes.c.c_Codigo).label("barra"))
        .where(codes.c.c_Codigo != codes.c.c_CodNasa)
        .group_by(codes.c.c_CodNasa)
        .subquery("b")
    )
    joined = _products.outerjoin(barcode, barcode.c.producto == _products.c.c_Codigo).outerjoin(
        _departments, _departments.c.codigo == _products.c.c_Departamento
    )
    joined = joined.outerjoin(_groups, _groups.c.codigo == _products.c.c_Grupo).outerjoin(_subgroups, _subgroups.c.codigo == _products.c.c_Subgrupo)
    return (
        sa.select(
            _products.c.c_Codigo.label("codigo"),
            _products.c.c_Descri.label("descripcion"),
            _departments.c.nombre.label("departamento"),
            _groups.c.nombre.label("grupo"),
            _subgroups.c.nombre.label("subgrupo"),
            _products.c.c_Marca.label("marca"),
            _products.c.c_Presenta.label("presentacion"),
            barcode.c.barra.label("barra"),
            _products.c.n_Impuesto1.label("iva"),
        )
        .select_from(joined)
        .where(_merchandise)
        .order_by(_products.c.c_Codigo)
    )


def _sales(*, windowed: bool) -> sa.Select[Any]:
    sold, codes = MA_TRANSACCION.alias("t"), MA_CODIGOS.alias("c")
    meant = (
        sa.select(
            codes.c.c_Codigo.label("barra"), sa.func.min(codes.c.c_CodNasa).label("producto"), sa.func.count(codes.c.c_CodNasa.distinct()).label("productos")
        )
        .group_by(codes.c.c_Codigo)
        .subquery("b")
    )
    code = sa.func.coalesce(meant.c.producto, sold.c.Codigo)
    joined = sold.outerjoin(meant, meant.c.barra == sold.c.Codigo).outerjoin(_products, _products.c.c_Codigo == code)
    joined = joined.outerjoin(_groups, _groups.c.codigo == _products.c.c_Grupo)
    found = (
        sa.select(
            sold.c.c_Numero.label("numero"),
            sold.c.n_Linea.label("linea"),
            sold.c.f_Fecha.label("fecha"),
            sold.c.h_Hora.label("hora"),
            code.label("codigo"),
            sold.c.Cantidad.label("cantidad"),
            _products.c.n_Precio1.label("precio"),
            _products.c.n_CostoAct.label("costo"),
            _products.c.c_Descri.label("descripcion"),
            _groups.c.nombre.label("grupo"),
            _products.c.c_Marca.label("marca"),
            _products.c.c_Codigo.label("conocido"),
            meant.c.productos.label("productos"),
        )
        .select_from(joined)
        .where(sold.c.f_Fecha >= sa.bindparam("desde"), sold.c.f_Fecha < sa.bindparam("hasta"))
        .order_by(sold.c.c_Numero, sold.c.n_Linea, sold.c.h_Hora, sold.c.Codigo, sold.c.Cantidad)  # of two lines with one number the same is last each time
    )
    if not windowed:
        return found
    clock = sa.cast(sold.c.h_Hora, sa.TIME)
    inside = sa.and_(clock >= _time("hora_desde"), sa.or_(sa.bindparam("hasta_el_cierre", type_=sa.Integer) == 1, clock < _time("hora_hasta")))
    return found.where(sa.or_(sold.c.h_Hora.is_(None), inside))


def _time(name: str) -> sa.Cast[Any]:
    """A time of day, bound as text: drivers differ in how they pass one.

    ``TIME`` as such: SQLAlchemy makes ``Time`` a DATETIME where it doesn't know the server, and 1899 matters again.
    """
    return sa.cast(sa.bindparam(name, type_=sa.String(15)), sa.TIME)


STOCK, CATALOGUE, SALES, SALES_WINDOW = _stock(), _catalogue(), _sales(windowed=False), _sales(windowed=True)


def stock_values(deposito: str) -> Values:
    """The values of ``STOCK``."""
    return {"deposito": deposito, "compras": PURCHASING}


def catalogue_values() -> Values:
    """The values of ``CATALOGUE``."""
    return {"compras": PURCHASING}


def sales_values(day: date, window: tuple[datetime, datetime] | None) -> Values:
    """The values of ``SALES``, or with a window (half-open, within the day) of ``SALES_WINDOW``."""
    start = datetime.combine(day, time())
    values: Values = {"desde": start, "hasta": start + timedelta(days=1)}
    if window is None:
        return values
    low, high = (w.astimezone(ZONE).time().isoformat(timespec="microseconds") for w in window)
    return values | {"hora_desde": low, "hora_hasta": high, "hasta_el_cierre": int(window[1] >= day_end(day))}
