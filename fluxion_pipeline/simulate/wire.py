"""Rows of drops as lines of KLK's JSON. Numbers are written as they stand in the drop, never through floats."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from zlib import crc32

RATE = Decimal(240)
"""Bolívares to the dollar, the same for every line: drops have no rate."""

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
Row = Mapping[str, str | None]


def text(value: str | None) -> str:
    """A text, or null."""
    return "null" if value is None or value == "" else json.dumps(value, ensure_ascii=False)


def number(value: str | None) -> str:
    """A number as it is written; what is none stays text, as a bad till would send it."""
    return value if value is not None and _NUMBER.fullmatch(value) else text(value)


def in_bs(value: str | None) -> str:
    """An amount in USD as Bs."""
    return str(Decimal(value) * RATE) if value is not None and _NUMBER.fullmatch(value) else "null"


def sale(row: Row, invoice: str | None, day: str, time: str, warehouse: str) -> str:
    """A sales line; ``row`` has the columns of a drop, ``time`` has seven fractional digits."""
    price, total = row.get("precio_unitario"), row.get("venta_total")
    product = (
        f'{{"codigo_producto":{text(row.get("codigo_producto"))},"descripcion_producto":{text(row.get("descripcion_producto"))},"marca_producto":null,'
        f'"modelo_producto":null,"categoria_producto":null,"grupo_articulo":{text(row.get("categoria_producto"))},"subgrupo_producto":null,"codigo_barras":null}}'
    )
    amount = (
        f'{{"codigo_almacen":{text(warehouse)},"nombre_almacen":"PISO DE VENTA","cantidad_vendida":{number(row.get("cantidad"))},"peso_unitario":1,'
        '"unidad_medida_venta":"UND","factor_unidad_medida":1}'
    )
    money = (
        f'{{"costo_unitario_bs":null,"precio_unitario_bs":{in_bs(price)},"venta_total_bs":{in_bs(total)},"costo_total_bs":null,"utilidad_bruta_bs":null,'
        f'"costo_unitario_usd":null,"precio_unitario_usd":{number(price)},"venta_total_usd":{number(total)},"costo_total_usd":null,"utilidad_bruta_usd":null,'
        f'"impuesto_porcentaje":0,"impuesto_monto":0,"porcentaje_descuento":0,"monto_descuento":{number(row.get("descuento"))}}}'
    )
    return (
        f'{{"numero_factura":{text(invoice)},"linea":{number(row.get("linea"))},"fecha":{text(day)},"hora":{text(time)},"fecha_hora_completa":{text(f"{day}T{time}")},'
        f'"producto":[{product}],"cantidad":[{amount}],"financiero":[{money}],"total_factura":null,"tasa_usd":{RATE},"es_no_fiscal":false,'
        '"tiene_promocion":"","codigo_promocion":""}'
    )


def article(row: Row, product: Row, stock: str | None) -> str:
    """A line of stock; ``product`` is the catalogue's row, ``stock`` the amount that is told. The price is made up: drops have none."""
    code = row.get("codigo_producto")
    price = Decimal(50 + crc32((code or "").encode()) % 2000) / 97
    return (
        f'{{"NombreProducto":{text(product.get("descripcion") or row.get("descripcion_producto"))},"Codigo":{text(code)},"Barra":{text(code)},"Categoria":"08",'
        f'"Descripcion":{text(product.get("departamento"))},"Subcategoria":"1",'
        f'"Descripcion_categoria":{text(product.get("categoria") or row.get("categoria_producto"))},'
        f'"Marca":{text(product.get("marca") or "N/A")},"Precio":{price:.6f},"Iva":16,"stock":{number(stock)}}}'
    )
