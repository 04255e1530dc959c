"""The columns of file drops: a file has all of them, in any order, and what else it has is ignored and named."""

from __future__ import annotations

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rules.layout import SALE_DATE, SALE_TIME, Field, Kind, Layout

VENTAS = Layout(
    Fact.VENTAS,
    (
        Field("numero_factura", "numero_factura", Kind.CODE, required=True),
        Field("linea", "linea", Kind.INTEGER, required=True),
        Field("fecha", SALE_DATE, Kind.DATE, required=True),
        Field("hora", SALE_TIME, Kind.TIME, required=True),
        Field("codigo_producto", "producto_codigo", Kind.CODE, required=True),
        Field("descripcion_producto", None),
        Field("categoria_producto", None),
        Field("cantidad", "cantidad", Kind.DECIMAL, required=True),
        Field("precio_unitario", "precio_unitario", Kind.DECIMAL),
        Field("descuento", "descuento", Kind.DECIMAL),
        Field("venta_total", "venta_total", Kind.DECIMAL, required=True),
    ),
    (("descripcion", "descripcion_producto"), ("categoria", "categoria_producto")),
)

INVENTARIO = Layout(
    Fact.INVENTARIO,
    (
        Field("codigo_producto", "producto_codigo", Kind.CODE, required=True),
        Field("descripcion_producto", None),
        Field("categoria_producto", None),
        Field("marca", None),
        Field("stock", "stock", Kind.DECIMAL, required=True),
    ),
    (("descripcion", "descripcion_producto"), ("categoria", "categoria_producto"), ("marca", "marca")),
)

PRODUCTOS = Layout(
    Fact.CATALOGO,
    (
        Field("codigo_producto", "codigo", Kind.CODE, required=True),
        Field("descripcion", "descripcion"),
        Field("departamento", "departamento"),
        Field("categoria", "categoria"),
        Field("marca", "marca"),
        Field("presentacion", "presentacion"),
    ),
)

LAYOUTS: dict[Fact, Layout] = {layout.fact: layout for layout in (VENTAS, INVENTARIO, PRODUCTOS)}
"""The layout of each fact."""
