"""What a sales reading decides: the state of its business day, and of the days that share keys with it.

Within a location a key belongs to the day of the newest landed reading that has a valid row of it (a
tie: the later day). In the other day's image its row stays, flagged ``_desplazada`` and not applied,
and comes back if the newer day drops it.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.sqltext import columns
from fluxion_pipeline.landing import frames
from fluxion_pipeline.landing.decide.decision import Draft
from fluxion_pipeline.landing.decide.merge import among, key_column, key_text, state_schema, touched
from fluxion_pipeline.landing.decide.outcome import is_empty, sales_suspicion
from fluxion_pipeline.landing.others import Others
from fluxion_pipeline.landing.past import Past
from fluxion_pipeline.sources.protocol import ROW_KEYS, Reading, row_schema

_KEYS = ROW_KEYS[Fact.VENTAS]


def suspicion(reading: Reading, before: pa.Table, after: pa.Table, others: Others) -> str | None:
    """Why the reading is held back, or None; counted are the applied rows that it speaks of, and those that it would remove.

    Lines that it would remove and that stand at another location were that one's: they don't count, where it has any rows at all.
    """
    spoken = before.filter(pc.and_(touched(reading, before), pc.invert(before.column("_desplazada"))))
    gone = pc.invert(among(key_column(Fact.VENTAS, spoken), key_column(Fact.VENTAS, after)))
    had, removed = spoken.num_rows, int(pc.sum(gone).as_py() or 0)
    held = sales_suspicion(reading, had, removed, others.twin, others.awaited)
    if held is None or removed == 0 or is_empty(reading):
        return held
    foreign = int(others.elsewhere(spoken.filter(gone)).sum())
    return sales_suspicion(reading, had - foreign, removed - foreign, others.twin, others.awaited) if foreign else held


def repaired(reading: Reading, before: pa.Table) -> pa.Table:
    """A sink's rows as the day's state: displaced rows stay, equal rows keep their instant."""
    names = row_schema(Fact.VENTAS).names
    same = " AND ".join(f'b."{c}" IS NOT DISTINCT FROM r."{c}"' for c in names)
    sql = f"""
        SELECT {columns(names, "r.")}, CASE WHEN {same} THEN b._leido_en ELSE ?::TIMESTAMPTZ END AS _leido_en,
               coalesce({same} AND b._arrastrada, false) AS _arrastrada, false AS _desplazada
        FROM reading r LEFT JOIN before b ON NOT b._desplazada AND {" AND ".join(f"b.{c} = r.{c}" for c in _KEYS)}
        UNION ALL
        SELECT * FROM before WHERE _desplazada AND {key_text(Fact.VENTAS)} NOT IN (SELECT {key_text(Fact.VENTAS)} FROM reading)
        ORDER BY {columns(_KEYS)}
    """  # noqa: S608 quoted names
    return frames.query(sql, {"reading": reading.rows, "before": before}, [reading.read_at]).cast(state_schema(Fact.VENTAS))


def drafts(reading: Reading, before: pa.Table, after: pa.Table, past: Past, measure: tuple[int, str]) -> tuple[Draft, ...]:
    """The day's image, and those of the other days in which a key is displaced or comes back; ``measure``: of the reading's rows."""
    keys = pa.concat_tables([before.select(list(_KEYS)), after.select(list(_KEYS))])
    states = {day: past.day(day) for day in past.days_with(keys, reading.cut)} | {reading.cut: after}
    if len(states) == 1:
        return (_draft(reading, reading.cut, _unmoved(after), measure if after.num_rows == reading.rows.num_rows else None),)
    owners = _owners(states, keys)
    result = []
    for day, state in states.items():
        flagged = _flagged(state, owners.filter(pc.equal(owners.column("dia"), day)))
        if day == reading.cut or not flagged.equals(state):
            result.append(_draft(reading, day, flagged))
    return tuple(result)


def _draft(reading: Reading, day: str, rows: pa.Table, measure: tuple[int, str] | None = None) -> Draft:
    return Draft("ventas", f"{reading.location}/{day}", rows, stateful=True, measure=measure)


def _owners(states: dict[str, pa.Table], keys: pa.Table) -> pa.Table:
    """(dia, key columns, suya): for each of the keys in each day that has it, whether it belongs there."""
    parts = [state.select([*_KEYS, "_leido_en"]).append_column("dia", pa.array([day] * state.num_rows, pa.string())) for day, state in states.items()]
    sql = f"""
        SELECT dia, {columns(_KEYS)}, row_number() OVER (PARTITION BY {columns(_KEYS)} ORDER BY _leido_en DESC, dia DESC) = 1 AS suya
        FROM parts SEMI JOIN keys USING ({columns(_KEYS)})
    """  # noqa: S608 quoted names
    return frames.query(sql, {"parts": pa.concat_tables(parts), "keys": keys})


def _unmoved(state: pa.Table) -> pa.Table:
    """The state of a day none of whose keys is in another."""
    place = state.schema.get_field_index("_desplazada")
    return state.set_column(place, state.schema.field(place), pa.repeat(pa.scalar(False), state.num_rows))


def _flagged(state: pa.Table, owners: pa.Table) -> pa.Table:
    """The state with ``_desplazada`` as the owners say; rows of other keys keep their flag."""
    sql = f"""
        SELECT {columns(row_schema(Fact.VENTAS).names, "s.")}, s._leido_en, s._arrastrada, coalesce(NOT o.suya, s._desplazada) AS _desplazada
        FROM state s LEFT JOIN owners o USING ({columns(_KEYS)}) ORDER BY {columns(_KEYS, "s.")}
    """  # noqa: S608 quoted names
    return frames.query(sql, {"state": state, "owners": owners}).cast(state_schema(Fact.VENTAS))
