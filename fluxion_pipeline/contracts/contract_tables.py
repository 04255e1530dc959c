"""The tables that other programs read and parity compares: dimensions, facts, and what is computed from them.

Importing this module declares them in the metadata; the pipeline's own tables are in ``operations_tables``.
"""

from __future__ import annotations

import sqlalchemy as sa

from fluxion_pipeline.contracts.columns import B, D, I, N, T, Z, column, created, metadata, updated

sa.Table(
    "ubicaciones",
    metadata,
    column("codigo", T, "canonical code, e.g. SUC001", key=True),
    column("id", T, "short id, e.g. t01", required=True, unique=True),
    column("codigo_etl", T, "the code in the stores' files, e.g. tienda_01", required=True, unique=True),
    column("nombre", T, "name that people use", required=True),
    column("tipo", T, "tienda or cedi", required=True),
    column("region", T, "region"),
    column("sistema_pos", T, "klk or stellar", required=True),
    column("klk_sucursal", T, "branch code of KLK"),
    column("klk_almacen", T, "warehouse code of KLK"),
    column("stellar_deposito", T, "depot code of Stellar"),
    column("activo", B, "whether it is read and expected", required=True),
    column("visible_pedidos", B, "whether it is offered in orders", required=True),
    created(),
    updated(),
    comment="The locations of the chain: one curated file owns them.",
)

sa.Table(
    "productos",
    metadata,
    column("codigo", T, "product code, with its leading zeros", key=True),
    column("descripcion", T, "description"),
    column("departamento", T, "department"),
    column("categoria", T, "category"),
    column("subcategoria", T, "subcategory"),
    column("marca", T, "brand"),
    column("presentacion", T, "size or pack"),
    column("codigo_barras", T, "bar code"),
    column("iva", N, "VAT rate in percent"),
    column("es_provisional", B, "met in facts before any catalogue had it", required=True),
    created(),
    updated(),
    comment="Products, by the catalogues of the stores.",
)

sa.Table(
    "ventas",
    metadata,
    column("ubicacion_codigo", T, "location", key=True),
    column("numero_factura", T, "invoice number, with its leading zeros", key=True),
    column("linea", I, "line of the invoice", key=True, autoincrement=False),
    column("fecha_venta", Z, "instant of the sale", required=True),
    column("fecha_negocio", D, "business day: the local date of the sale", required=True),
    column("producto_codigo", T, "product", required=True),
    column("almacen_codigo", T, "warehouse that it was sold from"),
    column("cantidad", N, "units or kilograms; negative for a return", required=True),
    column("unidad", T, "unit of cantidad"),
    column("precio_unitario", N, "unit price, USD"),
    column("descuento", N, "discount of the line, USD"),
    column("impuesto", N, "tax of the line, USD"),
    column("venta_total", N, "what was paid for the line, USD", required=True),
    column("costo_total", N, "cost of the line, USD"),
    column("venta_total_bs", N, "what was paid for the line, bolívares"),
    column("tasa_usd", N, "bolívares per USD at the sale"),
    column("es_devolucion", B, "whether the line is a return", required=True),
    created(),
    updated(),
    comment="Sales lines. Slice: location and business day.",
)

sa.Table(
    "inventario_actual",
    metadata,
    column("ubicacion_codigo", T, "location", key=True),
    column("almacen_codigo", T, "warehouse; the location's own code where the source names none", key=True),
    column("producto_codigo", T, "product", key=True),
    column("stock", N, "units or kilograms; negative stock is real", required=True),
    column("precio", N, "price, USD"),
    column("costo", N, "cost, USD"),
    created(),
    updated(),
    comment="Stock of each location at its newest landed tick. Slice: location.",
)

sa.Table(
    "inventario_historico",
    metadata,
    column("ubicacion_codigo", T, "location", key=True),
    column("almacen_codigo", T, "warehouse", key=True),
    column("producto_codigo", T, "product", key=True),
    column("capturado_en", Z, "the tick", key=True),
    column("stock", N, "stock; NULL for a baja"),
    column("precio", N, "price, USD"),
    column("costo", N, "cost, USD"),
    column("movimiento", T, "clave (row of a keyframe), cambio, baja", required=True),
    created(),
    comment="Change rows of stock against the tick before, with a daily keyframe. Slice: location and tick.",
)

sa.Table(
    "inventario_cortes",
    metadata,
    column("ubicacion_codigo", T, "location", key=True),
    column("capturado_en", Z, "the tick", key=True),
    column("es_clave", B, "whether the tick is a keyframe", required=True),
    column("filas", I, "rows of stock at the tick", required=True),
    created(),
    updated(),
    comment="Every landed tick. Slice: location and tick.",
)

sa.Table(
    "clasificacion_abc",
    metadata,
    column("ubicacion_codigo", T, "location", key=True),
    column("producto_codigo", T, "product", key=True),
    column("fecha", D, "day of the classification", key=True),
    column("clase", T, "A, B or C", required=True),
    column("venta_total", N, "sales of the period, USD"),
    column("participacion", N, "share of the location's sales, percent"),
    created(),
    updated(),
    comment="ABC class of each product in each location.",
)

sa.Table(
    "nivel_objetivo",
    metadata,
    column("ubicacion_codigo", T, "location", key=True),
    column("producto_codigo", T, "product", key=True),
    column("stock_minimo", N, "reorder point"),
    column("stock_objetivo", N, "order-up-to level"),
    column("stock_maximo", N, "upper limit"),
    created(),
    updated(),
    comment="Target stock of each product in each location.",
)

sa.Table(
    "pedidos_sugeridos",
    metadata,
    column("id", T, "order id", key=True),
    column("ubicacion_codigo", T, "location that orders", required=True),
    column("origen_codigo", T, "location that delivers"),
    column("fecha", D, "day of the order", required=True),
    column("estado", T, "state of the order", required=True),
    column("usuario", T, "user who made it"),
    created(),
    updated(),
    comment="Suggested orders.",
)

sa.Table(
    "pedidos_productos",
    metadata,
    column("pedido_id", T, "order", key=True),
    column("producto_codigo", T, "product", key=True),
    column("cantidad_sugerida", N, "suggested quantity", required=True),
    column("cantidad_pedida", N, "ordered quantity"),
    created(),
    updated(),
    comment="Lines of suggested orders.",
)

sa.Table(
    "usuarios",
    metadata,
    column("usuario", T, "login name", key=True),
    column("nombre", T, "name", required=True),
    column("correo", T, "e-mail address"),
    column("rol", T, "role", required=True),
    column("activo", B, "whether the account is in use", required=True),
    created(),
    updated(),
    comment="People who make orders.",
)
