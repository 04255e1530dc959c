"""The columns of Stellar's answers, as the rules know them; their names are those of ``questions``.

Money is taken as USD until the chain confirms it. A transaction has no amounts of its own in the tables
that are known: they are its quantity at the catalogue's price and cost of the time of reading.
"""

from __future__ import annotations

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rules.layout import SALE_DATE, SALE_TIME, Field, Kind, Layout

_MET = (("descripcion", "descripcion"), ("categoria", "grupo"), ("marca", "marca"))
_DESCRIBED = (Field("descripcion", None), Field("grupo", None), Field("marca", None))

VENTAS = Layout(
    Fact.VENTAS,
    (
        Field("numero", "numero_factura", Kind.CODE, required=True),
        Field("linea", "linea", Kind.INTEGER, required=True),
        Field("fecha", SALE_DATE, Kind.DATE, required=True),
        Field("hora", SALE_TIME, Kind.TIME, required=True),
        Field("codigo", "producto_codigo", Kind.CODE, required=True),
        Field("cantidad", "cantidad", Kind.DECIMAL, required=True),
        Field("precio", "precio_unitario", Kind.DECIMAL),
        Field("total", "venta_total", Kind.DECIMAL, required=True),
        Field("costo_total", "costo_total", Kind.DECIMAL),
        *_DESCRIBED,
    ),
    _MET,
)
INVENTARIO = Layout(
    Fact.INVENTARIO,
    (
        Field("codigo", "producto_codigo", Kind.CODE, required=True),
        Field("deposito", "almacen_codigo", Kind.CODE, required=True),
        Field("stock", "stock", Kind.DECIMAL, required=True),
        Field("precio", "precio", Kind.DECIMAL),
        Field("costo", "costo", Kind.DECIMAL),
        *_DESCRIBED,
    ),
    _MET,
)
PRODUCTOS = Layout(
    Fact.CATALOGO,
    (
        Field("codigo", "codigo", Kind.CODE, required=True),
        Field("descripcion", "descripcion"),
        Field("departamento", "departamento"),
        Field("grupo", "categoria"),
        Field("subgrupo", "subcategoria"),
        Field("marca", "marca"),
        Field("presentacion", "presentacion"),
        Field("barra", "codigo_barras"),
        Field("iva", "iva", Kind.DECIMAL),
    ),
)
LAYOUTS = {layout.fact: layout for layout in (VENTAS, INVENTARIO, PRODUCTOS)}
