"""The history of stock: change rows against the tick before of the same business day, with a daily keyframe."""

from __future__ import annotations

import pyarrow as pa

from fluxion_pipeline.contracts.clock import parse_tick
from fluxion_pipeline.contracts.outcomes import Movement
from fluxion_pipeline.contracts.sqltext import columns
from fluxion_pipeline.contracts.tables import spec
from fluxion_pipeline.landing import frames
from fluxion_pipeline.landing.decide.decision import Draft
from fluxion_pipeline.sources.protocol import arrow_type

_KEY = ("almacen_codigo", "producto_codigo")
_VALUES = ("stock", "precio", "costo")


def _schema(table: str) -> pa.Schema:
    return pa.schema([(c, arrow_type(table, c)) for c in spec(table).columns])


def history_drafts(location: str, tick: str, state: pa.Table, previous: pa.Table | None) -> tuple[Draft, Draft]:
    """A tick's change rows and its line in ``inventario_cortes``.

    Args:
        location: canonical code.
        tick: the tick.
        state: the stock at the tick.
        previous: the stock at the tick before of the day; None for the first, which is a keyframe: all
            rows, also when there are none.
    """
    if previous is None:
        sql = f"""
            SELECT ubicacion_codigo, {columns(_KEY)}, ?::TIMESTAMPTZ AS capturado_en, {columns(_VALUES)}, '{Movement.CLAVE}' AS movimiento
            FROM state ORDER BY {columns(reversed(_KEY))}
        """  # noqa: S608 quoted names
        rows = frames.query(sql, {"state": state}, [parse_tick(tick)])
    else:
        same = " AND ".join(f"a.{c} IS NOT DISTINCT FROM b.{c}" for c in _VALUES)
        sql = f"""
            SELECT ? AS ubicacion_codigo, coalesce(a.almacen_codigo, b.almacen_codigo) AS almacen_codigo,
                   coalesce(a.producto_codigo, b.producto_codigo) AS producto_codigo, ?::TIMESTAMPTZ AS capturado_en, {columns(_VALUES, "a.")},
                   CASE WHEN a.producto_codigo IS NULL THEN '{Movement.BAJA}' ELSE '{Movement.CAMBIO}' END AS movimiento
            FROM state a FULL OUTER JOIN previous b ON a.almacen_codigo = b.almacen_codigo AND a.producto_codigo = b.producto_codigo
            WHERE a.producto_codigo IS NULL OR b.producto_codigo IS NULL OR NOT ({same})
            ORDER BY producto_codigo, almacen_codigo
        """  # noqa: S608 quoted names
        rows = frames.query(sql, {"state": state, "previous": previous}, [location, parse_tick(tick)])
    line = {"ubicacion_codigo": location, "capturado_en": parse_tick(tick), "es_clave": previous is None, "filas": state.num_rows}
    cut = pa.Table.from_pylist([line], schema=_schema("inventario_cortes"))
    slice_ = f"{location}/{tick}"
    return Draft("inventario_historico", slice_, rows.cast(_schema("inventario_historico"))), Draft("inventario_cortes", slice_, cut)
