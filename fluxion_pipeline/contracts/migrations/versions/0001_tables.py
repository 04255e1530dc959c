"""The tables of the contract and of the operations, partitions by month, `updated_at` kept by triggers."""

from __future__ import annotations

from fluxion_pipeline.contracts.migrations import ddl
from fluxion_pipeline.contracts.migrations.ddl import (
    B,
    D,
    I,
    L,
    N,
    T,
    Z,
    create_bloom_index,
    create_index,
    create_table,
    create_unique,
    optional,
    required,
    stamp,
)

revision = "0001"
down_revision = None

_STAMPED = (
    "ubicaciones",
    "productos",
    "ventas",
    "inventario_actual",
    "inventario_cortes",
    "clasificacion_abc",
    "nivel_objetivo",
    "pedidos_sugeridos",
    "pedidos_productos",
    "usuarios",
)
"""The tables with an `updated_at`."""


def upgrade() -> None:
    """Everything, from nothing."""
    _dimensions()
    _sales()
    _stock()
    _orders()
    _operations()
    if ddl.on_postgresql():
        ddl.run_file("0001_partitions.sql")
        ddl.run_file("0001_updated_at.sql")
        for table in _STAMPED:
            ddl.run(
                f"CREATE TRIGGER {table}_updated_at BEFORE UPDATE ON {table} FOR EACH ROW "
                "WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION public.fluxion_marcar_cambio()"
            )
        months = "CAST(current_date - interval '1 month' AS date), CAST(current_date + interval '3 months' AS date)"
        for table in ("ventas", "inventario_historico"):
            ddl.run(f"SELECT public.fluxion_asegurar_particiones('{table}', {months})")


def _dimensions() -> None:
    create_table(
        "ubicaciones",
        required("codigo", T),
        required("id", T),
        required("codigo_etl", T),
        required("nombre", T),
        required("tipo", T),
        optional("region", T),
        required("sistema_pos", T),
        optional("klk_sucursal", T),
        optional("klk_almacen", T),
        optional("stellar_deposito", T),
        required("activo", B),
        required("visible_pedidos", B),
        stamp("created_at"),
        stamp("updated_at"),
        key=("codigo",),
    )
    create_unique("ubicaciones", "id")
    create_unique("ubicaciones", "codigo_etl")
    create_table(
        "productos",
        required("codigo", T),
        optional("descripcion", T),
        optional("departamento", T),
        optional("categoria", T),
        optional("subcategoria", T),
        optional("marca", T),
        optional("presentacion", T),
        optional("codigo_barras", T),
        optional("iva", N),
        required("es_provisional", B),
        stamp("created_at"),
        stamp("updated_at"),
        key=("codigo",),
    )


def _sales() -> None:
    create_table(
        "ventas",
        required("ubicacion_codigo", T),
        required("numero_factura", T),
        required("linea", I),
        required("fecha_venta", Z),
        required("fecha_negocio", D),
        required("producto_codigo", T),
        optional("almacen_codigo", T),
        required("cantidad", N),
        optional("unidad", T),
        optional("precio_unitario", N),
        optional("descuento", N),
        optional("impuesto", N),
        required("venta_total", N),
        optional("costo_total", N),
        optional("venta_total_bs", N),
        optional("tasa_usd", N),
        required("es_devolucion", B),
        stamp("created_at"),
        stamp("updated_at"),
        key=("ubicacion_codigo", "numero_factura", "linea", "fecha_negocio"),
        by_month="fecha_negocio",
    )
    create_index("ventas", "ubicacion_codigo", "fecha_negocio")
    create_index("ventas", "producto_codigo")


def _stock() -> None:
    create_table(
        "inventario_actual",
        required("ubicacion_codigo", T),
        required("almacen_codigo", T),
        required("producto_codigo", T),
        required("stock", N),
        optional("precio", N),
        optional("costo", N),
        stamp("created_at"),
        stamp("updated_at"),
        key=("ubicacion_codigo", "almacen_codigo", "producto_codigo"),
    )
    create_index("inventario_actual", "producto_codigo")
    create_table(
        "inventario_historico",
        required("ubicacion_codigo", T),
        required("almacen_codigo", T),
        required("producto_codigo", T),
        required("capturado_en", Z),
        optional("stock", N),
        optional("precio", N),
        optional("costo", N),
        required("movimiento", T),
        stamp("created_at"),
        # The instant leads, so that a tick writes neighbouring pages: with the product first, six times the WAL.
        key=("capturado_en", "producto_codigo", "ubicacion_codigo", "almacen_codigo"),
        by_month="capturado_en",
    )
    create_index("inventario_historico", "ubicacion_codigo", "capturado_en")
    create_bloom_index("inventario_historico", "producto_codigo")
    create_table(
        "inventario_cortes",
        required("ubicacion_codigo", T),
        required("capturado_en", Z),
        required("es_clave", B),
        required("filas", I),
        stamp("created_at"),
        stamp("updated_at"),
        key=("ubicacion_codigo", "capturado_en"),
    )
    create_index("inventario_cortes", "ubicacion_codigo", "capturado_en", where="es_clave")


def _orders() -> None:
    create_table(
        "clasificacion_abc",
        required("ubicacion_codigo", T),
        required("producto_codigo", T),
        required("fecha", D),
        required("clase", T),
        optional("venta_total", N),
        optional("participacion", N),
        stamp("created_at"),
        stamp("updated_at"),
        key=("ubicacion_codigo", "producto_codigo", "fecha"),
    )
    create_table(
        "nivel_objetivo",
        required("ubicacion_codigo", T),
        required("producto_codigo", T),
        optional("stock_minimo", N),
        optional("stock_objetivo", N),
        optional("stock_maximo", N),
        stamp("created_at"),
        stamp("updated_at"),
        key=("ubicacion_codigo", "producto_codigo"),
    )
    create_table(
        "pedidos_sugeridos",
        required("id", T),
        required("ubicacion_codigo", T),
        optional("origen_codigo", T),
        required("fecha", D),
        required("estado", T),
        optional("usuario", T),
        stamp("created_at"),
        stamp("updated_at"),
        key=("id",),
    )
    create_table(
        "pedidos_productos",
        required("pedido_id", T),
        required("producto_codigo", T),
        required("cantidad_sugerida", N),
        optional("cantidad_pedida", N),
        stamp("created_at"),
        stamp("updated_at"),
        key=("pedido_id", "producto_codigo"),
    )
    create_index("pedidos_productos", "producto_codigo")
    create_table(
        "usuarios",
        required("usuario", T),
        required("nombre", T),
        optional("correo", T),
        required("rol", T),
        required("activo", B),
        stamp("created_at"),
        stamp("updated_at"),
        key=("usuario",),
    )


def _operations() -> None:
    counts = ("leidas", "cargadas", "repetidas", "rechazadas", "retenidas", "arrastradas")
    create_table(
        "cobertura",
        required("tabla", T),
        required("ubicacion_codigo", T),
        required("corte", T),
        required("resultado", T),
        *(required(name, I) for name in counts),
        optional("cubierto_hasta", Z),
        required("leido_en", Z),
        optional("huella", T),
        key=("tabla", "ubicacion_codigo", "corte"),
    )
    create_table(
        "rechazos",
        required("id", T),
        required("tabla", T),
        required("ubicacion_codigo", T),
        required("corte", T),
        optional("origen", T),
        optional("linea", I),
        optional("campo", T),
        optional("valor", T),
        required("motivo", T),
        optional("fila", T),
        optional("lote_id", T),
        key=("id",),
    )
    create_index("rechazos", "tabla", "ubicacion_codigo", "corte")
    create_table(
        "lotes_aplicados",
        required("tabla", T),
        required("slice", T),
        required("ubicacion", T),
        required("version", L),
        required("outbox_id", T),
        required("filas", L),
        optional("huella", T),
        required("aplicado_en", Z),
        key=("tabla", "slice"),
    )
    create_index("lotes_aplicados", "ubicacion")
    create_table("fluxion_meta", required("clave", T), required("valor", T), key=("clave",))
