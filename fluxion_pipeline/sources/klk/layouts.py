"""The columns of KLK's answers: where in a line each one stands, and what it is in the contract.

Money is USD, the currency in force; Bs amounts and the rate are kept beside it. ``monto_descuento`` is
taken as USD until the chain confirms it; ``impuesto_monto`` is in Bs and is divided by the rate.
"""

from __future__ import annotations

from dataclasses import dataclass

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rules.layout import SALE_DATE, SALE_TIME, Field, Kind, Layout


@dataclass(frozen=True)
class Shape:
    """How a line is laid out.

    Attributes:
        name: of the list in the answer.
        layout: its columns, as the rules know them: first those of ``top``, then those of each part.
        top: names in the line itself.
        parts: arrays of exactly one object, and the names in it.
    """

    name: str
    layout: Layout
    top: tuple[str, ...]
    parts: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns, in the order in which a line gives them."""
        return (*self.top, *(name for _, names in self.parts for name in names))


TAX, RATE = "impuesto_monto", "tasa_usd"
WAREHOUSE = "Codigoalmacen"
"""A column that no line has: which almacén was asked for."""

VENTAS = Shape(
    "ventas",
    Layout(
        Fact.VENTAS,
        (
            Field("numero_factura", "numero_factura", Kind.CODE, required=True),
            Field("linea", "linea", Kind.INTEGER, required=True),
            Field("fecha", SALE_DATE, Kind.DATE, required=True),
            Field("hora", SALE_TIME, Kind.TIME, required=True),
            Field(RATE, "tasa_usd", Kind.DECIMAL),
            Field("codigo_producto", "producto_codigo", Kind.CODE, required=True),
            Field("descripcion_producto", None),
            Field("grupo_articulo", None),
            Field("marca_producto", None),
            Field("codigo_almacen", "almacen_codigo", Kind.CODE),
            Field("cantidad_vendida", "cantidad", Kind.DECIMAL, required=True),
            Field("unidad_medida_venta", "unidad"),
            Field("precio_unitario_usd", "precio_unitario", Kind.DECIMAL),
            Field("venta_total_usd", "venta_total", Kind.DECIMAL, required=True),
            Field("costo_total_usd", "costo_total", Kind.DECIMAL),
            Field("venta_total_bs", "venta_total_bs", Kind.DECIMAL),
            Field(TAX, "impuesto", Kind.DECIMAL),
            Field("monto_descuento", "descuento", Kind.DECIMAL),
        ),
        (("descripcion", "descripcion_producto"), ("categoria", "grupo_articulo"), ("marca", "marca_producto")),
    ),
    ("numero_factura", "linea", "fecha", "hora", RATE),
    (
        ("producto", ("codigo_producto", "descripcion_producto", "grupo_articulo", "marca_producto")),
        ("cantidad", ("codigo_almacen", "cantidad_vendida", "unidad_medida_venta")),
        ("financiero", ("precio_unitario_usd", "venta_total_usd", "costo_total_usd", "venta_total_bs", TAX, "monto_descuento")),
    ),
)

INVENTARIO = Shape(
    "articulos",
    Layout(
        Fact.INVENTARIO,
        (
            Field("Codigo", "producto_codigo", Kind.CODE, required=True),
            Field("NombreProducto", None),
            Field("Descripcion_categoria", None),
            Field("Marca", None),
            Field("Precio", "precio", Kind.DECIMAL),
            Field("stock", "stock", Kind.DECIMAL, required=True),
            Field(WAREHOUSE, "almacen_codigo", Kind.CODE, required=True),
        ),
        (("descripcion", "NombreProducto"), ("categoria", "Descripcion_categoria"), ("marca", "Marca")),
    ),
    ("Codigo", "NombreProducto", "Descripcion_categoria", "Marca", "Precio", "stock"),
)

PRODUCTOS = Shape(
    "articulos",
    Layout(
        Fact.CATALOGO,
        (
            Field("Codigo", "codigo", Kind.CODE, required=True),
            Field("NombreProducto", "descripcion"),
            Field("Descripcion", "departamento"),
            Field("Descripcion_categoria", "categoria"),
            Field("Marca", "marca"),
            Field("Barra", "codigo_barras"),
            Field("Iva", "iva", Kind.DECIMAL),
        ),
    ),
    ("Codigo", "NombreProducto", "Descripcion", "Descripcion_categoria", "Marca", "Barra", "Iva"),
)
