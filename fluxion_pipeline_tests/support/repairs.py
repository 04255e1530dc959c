"""Edits by hand in a sink, and the repair that takes that sink to be right."""

from __future__ import annotations

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.operations.repair import Repaired, refusal
from fluxion_pipeline.operations.repair_from_sink import Copying, copy, examine
from fluxion_pipeline.operations.repairs import Origin, asked
from fluxion_pipeline_tests.support.home import Home

OLDER = "2025-11-22"
SALES, STOCK = "ventas", "inventario_actual"


def both(home: Home) -> Home:
    for sink in home.settings.db_mode.sinks:
        home.converge(sink)
    return home


def mend(home: Home, table: str, source: SinkName, *, forced: bool = False) -> tuple[Repaired, ...]:
    plan = examine(home.app, table, source)
    assert refusal(table, Origin(source.value), list(plan.writings(home.app))) is None or forced
    return copy(home.app, plan, asked(home.app, table, Origin(source.value), forced))


def sequences(home: Home) -> dict[str, int]:
    return {p: home.outbox.index.sequence(p) for p in home.outbox.index.locations()}


def edit_sales(home: Home, sink: SinkName) -> None:
    home.run(sink, "UPDATE ventas SET venta_total = 99, unidad = 'kg' WHERE ubicacion_codigo = 'SUC001' AND numero_factura = '00000003'")
    home.run(sink, "DELETE FROM ventas WHERE ubicacion_codigo = 'SUC001' AND numero_factura = '00000004'")
    home.run(
        sink,
        "INSERT INTO ventas (ubicacion_codigo, numero_factura, linea, fecha_venta, fecha_negocio, producto_codigo, cantidad, venta_total, es_devolucion)"
        " SELECT ubicacion_codigo, '00000777', 1, fecha_venta, fecha_negocio, '000999', cantidad, venta_total, es_devolucion FROM ventas"
        " WHERE ubicacion_codigo = 'SUC007' AND numero_factura = '00000001'",
    )


def edit_stock(home: Home, sink: SinkName) -> None:
    home.run(sink, "UPDATE inventario_actual SET stock = 12 WHERE ubicacion_codigo = 'SUC001' AND producto_codigo = '000001'")
    home.run(sink, "DELETE FROM inventario_actual WHERE ubicacion_codigo = 'SUC001' AND producto_codigo = '000002'")
    home.run(sink, "INSERT INTO inventario_actual (ubicacion_codigo, almacen_codigo, producto_codigo, stock) VALUES ('SUC001', 'B', '000009', 3)")


def refused(home: Home, plan: Copying) -> str | None:
    return refusal(plan.table, Origin(plan.source.value), list(plan.writings(home.app)))
