"""Which stores were told to answer as another one near a day: what tells whose the lines are that two of them have.

Before this: the index, with what was held back and who was believed; after it: ``landing.others``, and
the days that are read again. Only sales are looked at: the days before and after a day of theirs have
been compared line by line, and theirs are the only lines that may name a warehouse.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from fluxion_pipeline.contracts.clock import parse_day
from fluxion_pipeline.contracts.outcomes import Fact, Outcome
from fluxion_pipeline.landing.decide import outcome
from fluxion_pipeline.landing.index import Index

_HELD = 'SELECT datos, verificado_en FROM intentos WHERE tabla = ? AND ubicacion = ? AND corte BETWEEN ? AND ? AND datos LIKE \'%"twin": "%\''
_OVER = """
    SELECT o.corte, o.ubicacion, o.datos, own.datos FROM vigentes o
    JOIN vigentes own ON own.tabla = o.tabla AND own.corte = o.corte AND own.ubicacion = ?
    WHERE o.tabla = ? AND o.corte BETWEEN ? AND ? AND o.datos LIKE '%"over": {"%'
"""
_NAMED = "SELECT 1 FROM vigentes WHERE tabla = ? AND ubicacion <> ? AND datos LIKE '%\"names\": \"' || ubicacion || '\"%' LIMIT 1"


class Doubt(NamedTuple):
    """An answer of a store that was another one's.

    Attributes:
        at: when its reading began (text that sorts).
        names: the location whose warehouse most of its lines named; empty: none.
    """

    at: str
    names: str


class Overruled(NamedTuple):
    """A day of a store that holds what another one landed since, and was believed."""

    cut: str
    by: str
    doubt: Doubt


NEVER = Doubt("", "")


def doubts(index: Index, location: str, cut: str) -> dict[str, Doubt]:
    """As which others a location answered on the days near one, each with the newest such answer: held back as its twin, or overruled by it."""
    day, near = parse_day(cut[:10]), timedelta(days=outcome.LIMITS.near)
    low, high = (day - near).isoformat(), (day + near).isoformat()
    with index.open() as db:
        found = [*_held(db, location, low, high), *((o.by, o.doubt) for o in _overruled(db, location, low, high))]
    return {name: max(doubt for n, doubt in found if n == name) for name, _ in found}


def overruled(index: Index, location: str, low: str, high: str) -> tuple[Overruled, ...]:
    """The days between two, both included, of which a location holds what another one landed since."""
    with index.open() as db:
        return tuple(_overruled(db, location, low, high))


def names_tell(index: Index, named: str) -> bool:
    """Whether the names on lines tell anything, as far as is known: some day of another location than the named one bears that one's own."""
    with index.open() as db:
        return db.execute(_NAMED, (Fact.VENTAS.value, named)).fetchone() is not None


def _held(db: sqlite3.Connection, location: str, low: str, high: str) -> Iterator[tuple[str, Doubt]]:
    for data, verified in db.execute(_HELD, (Fact.VENTAS.value, location, low, high)):
        said = json.loads(data)
        if said["outcome"] == Outcome.SOSPECHOSO.value and (verified or "") < said["read_at"]:
            yield said["twin"], Doubt(said["read_at"], said.get("names") or "")


def _overruled(db: sqlite3.Connection, location: str, low: str, high: str) -> Iterator[Overruled]:
    for cut, by, theirs, own in db.execute(_OVER, (location, Fact.VENTAS.value, low, high)):
        at, stood = json.loads(theirs)["over"].get(location, ""), json.loads(own)
        if at >= stood["read_at"]:
            yield Overruled(cut, by, Doubt(at, stood.get("names") or ""))
