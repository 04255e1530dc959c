"""The history of stock: change rows against the tick before of the same business day, with a daily keyframe."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.clock import parse_tick
from fluxion_pipeline.contracts.outcomes import Fact, Movement
from fluxion_pipeline.contracts.tables import spec
from fluxion_pipeline.landing.decide.decision import Draft
from fluxion_pipeline.landing.decide.merge import among, key_column, sort
from fluxion_pipeline.sources.protocol import ROW_KEYS, arrow_type

_ORDER = ("producto_codigo", "almacen_codigo")
_VALUES = ("stock", "precio", "costo")


def _schema(table: str) -> pa.Schema:
    return pa.schema([(c, arrow_type(table, c)) for c in spec(table).columns])


_HISTORY, _CUTS = _schema("inventario_historico"), _schema("inventario_cortes")


def history_drafts(location: str, tick: str, state: pa.Table, previous: pa.Table | None) -> tuple[Draft, Draft]:
    """A tick's change rows and its line in ``inventario_cortes``.

    Args:
        location: canonical code.
        tick: the tick.
        state: the stock at the tick.
        previous: the stock at the tick before of the day; None for the first, which is a keyframe: all
            rows, also when there are none.
    """
    at = parse_tick(tick)
    if previous is None:
        rows = _moved(state, at, Movement.CLAVE)
    else:
        changed, gone = compared(state, previous)
        rows = pa.concat_tables([_moved(changed, at, Movement.CAMBIO), _moved(gone, at, Movement.BAJA)])
    line = {"ubicacion_codigo": location, "capturado_en": at, "es_clave": previous is None, "filas": state.num_rows}
    slice_ = f"{location}/{tick}"
    return Draft("inventario_historico", slice_, sort(rows, _ORDER)), Draft("inventario_cortes", slice_, pa.Table.from_pylist([line], schema=_CUTS))


def _keys(rows: pa.Table) -> pa.ChunkedArray:
    return key_column(Fact.INVENTARIO, rows)


def compared(state: pa.Table, previous: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The rows that ``previous`` hasn't, or has with other values; and its rows whose keys are gone."""
    if all(state.column(c).equals(previous.column(c)) for c in ROW_KEYS[Fact.INVENTARIO]):  # the same products in the same order, as mostly
        return _unlike(state, previous, pa.repeat(pa.scalar(True), state.num_rows)), previous.slice(0, 0)
    where = pc.index_in(_keys(state), value_set=_keys(previous).combine_chunks())
    gone = previous.filter(pc.invert(among(_keys(previous), _keys(state))))
    return _unlike(state, previous.take(where), pc.is_valid(where)), gone


def _unlike(state: pa.Table, then: pa.Table, same: pa.Array) -> pa.Table:
    """The rows that aren't the same as those at their place in ``then``."""
    for name in _VALUES:
        now, was = state.column(name), then.column(name)
        equal = pc.fill_null(pc.equal(now, was), False)
        same = pc.and_(same, pc.or_(equal, pc.and_(pc.is_null(now), pc.is_null(was))))
    return state.filter(pc.invert(same))


def _moved(rows: pa.Table, at: datetime, movement: Movement) -> pa.Table:
    """Rows of stock as rows of history; a ``baja`` has no values."""
    given = {"capturado_en": at, "movimiento": movement.value, **(dict.fromkeys(_VALUES) if movement is Movement.BAJA else {})}
    columns = [pa.repeat(pa.scalar(given[f.name], f.type), rows.num_rows) if f.name in given else rows.column(f.name) for f in _HISTORY]
    return pa.Table.from_arrays(columns, schema=_HISTORY)
