"""What a stock reading decides: the state of its tick, its history, and ``inventario_actual``."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.landing.decide.decision import Draft, Step
from fluxion_pipeline.landing.decide.history import compared, history_drafts
from fluxion_pipeline.landing.decide.merge import among, key_column
from fluxion_pipeline.landing.decide.outcome import stock_suspicion
from fluxion_pipeline.landing.others import Others
from fluxion_pipeline.landing.past import Past
from fluxion_pipeline.sources.protocol import Reading, row_schema


def before(reading: Reading, past: Past) -> pa.Table:
    """The state before a reading: the tick's own; for a tick that hasn't landed, that of the tick before, of any day."""
    own = reading.cut if past.has_tick(reading.cut) else past.neighbour(reading.cut, after=False, same_day=False)
    return past.state(own)


def suspicion(reading: Reading, state_before: pa.Table, others: Others) -> str | None:
    """Why the reading is held back, or None."""
    stock = reading.rows.column("stock")
    zero = reading.rows.num_rows > 0 and bool(pc.all(pc.equal(stock, pa.scalar(0, stock.type))).as_py())
    return stock_suspicion(reading, state_before.num_rows, zero, others.twin, others.awaited)


def drafts(reading: Reading, state: pa.Table, past: Past, measure: tuple[int, str] | None) -> tuple[Draft, ...]:
    """Every slice that the tick's state touches.

    The tick's own change rows and line; those of the next tick of the day, whose predecessor this is
    (and which ceases to be the keyframe if this one precedes it); ``inventario_actual`` only where this
    is the newest tick. ``measure``: of the state's rows, where it is known.
    """
    place, tick = reading.location, reading.cut
    plain = state.select(row_schema(Fact.INVENTARIO).names)
    previous = past.neighbour(tick, after=False, same_day=True)
    result = [*history_drafts(place, tick, plain, past.state(previous) if previous else None)]
    following = past.neighbour(tick, after=True, same_day=True)
    if following is not None:
        result += history_drafts(place, following, past.state(following), plain)
    if past.neighbour(tick, after=True, same_day=False) is None:
        result.append(Draft("inventario_actual", place, plain, measure=measure, step=_step(place, tick, plain, past)))
    return tuple(result)


def _step(place: str, tick: str, state: pa.Table, past: Past) -> Step | None:
    """What turns the newest image into the state; None where most rows change, or there is no image yet."""
    image = past.image("inventario_actual", place)
    newest = tick if past.has_tick(tick) else past.neighbour(tick, after=False, same_day=False)
    if image is None or newest is None:
        return None
    held = past.state(newest).select(state.schema.names)
    changed, gone = compared(state, held)
    if 2 * (changed.num_rows + gone.num_rows) > state.num_rows:
        return None
    if not gone.num_rows and held.num_rows == state.num_rows:
        new = pa.chunked_array([pa.repeat(pa.scalar(False), changed.num_rows)])
    else:
        new = pc.invert(among(key_column(Fact.INVENTARIO, changed), key_column(Fact.INVENTARIO, held)))
    what = pa.chunked_array([*pc.if_else(new, "I", "U").chunks, pa.repeat(pa.scalar("D"), gone.num_rows)], pa.string())
    return Step(image.version, image.rows, image.digest, pa.concat_tables([changed, gone]).append_column("_que", what))
