"""What is known of each day or tick: the reading that stands, and the newest attempt.

Before this: the index; after it: what to read next, and the coverage that people look at. Nothing here
decides.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fluxion_pipeline.contracts.outcomes import Fact, Outcome
from fluxion_pipeline.landing.doubts import overruled
from fluxion_pipeline.landing.index import Index, instant

LAST = "\U0010ffff"


@dataclass(frozen=True)
class Known:
    """Of one cut of a location.

    Attributes:
        outcome: of the reading that stands; None: none does.
        covered_until: of sales: the watermark of the reading that stands.
        attempt: what the newest attempt came to.
        reason: why, where it isn't a plain success.
        attempted_at: when that reading began (text that sorts).
        attempts: how many there were.
    """

    outcome: str | None = None
    covered_until: datetime | None = None
    attempt: str | None = None
    reason: str | None = None
    attempted_at: str = ""
    attempts: int = 0


def known(index: Index, fact: Fact, *, location: str | None = None, low: str = "", high: str = LAST) -> dict[tuple[str, str], Known]:
    """(location, cut) → what is known, of cuts between two texts (both included), of one location or of all."""
    where, values = ("AND ubicacion = ?", (location,)) if location is not None else ("", ())
    given = (fact.value, low, high, *values)
    with index.open() as db:
        standing = db.execute(f"SELECT ubicacion, corte, datos FROM vigentes WHERE tabla = ? AND corte >= ? AND corte <= ? {where}", given).fetchall()  # noqa: S608 fixed words
        tried = db.execute(
            f"SELECT ubicacion, corte, intentos, datos FROM intentos WHERE tabla = ? AND corte >= ? AND corte <= ? {where} AND intentos > 0",  # noqa: S608 fixed words
            given,
        ).fetchall()
    stands = {(place, cut): json.loads(data) for place, cut, data in standing}
    attempts = {(place, cut): (count, json.loads(data)) for place, cut, count, data in tried}
    return {key: _known(stands.get(key), *attempts.get(key, (0, {}))) for key in {**stands, **attempts}}


def _known(standing: dict[str, str] | None, attempts: int, attempt: dict[str, str]) -> Known:
    covered = standing.get("covered_until") if standing else None
    return Known(
        str(standing["outcome"]) if standing else None,
        instant(covered) if covered else None,
        attempt.get("outcome"),
        attempt.get("reason"),
        attempt.get("read_at", ""),
        attempts,
    )


def known_days(index: Index, fact: Fact, location: str) -> dict[str, Known]:
    """Cut → what is known of it, of one location."""
    return {cut: found for (_, cut), found in known(index, fact, location=location).items()}


def contested(index: Index, location: str, low: str = "") -> frozenset[str]:
    """A location's business days from one on that are in doubt until they are read again, closed or not.

    Its newest answer is held back as another's twin, as perhaps another's, or since it takes most lines
    away; or another's is held back as its twin; or what it has was landed by another since.
    """
    sql = (
        "SELECT ubicacion, corte, datos, verificado_en FROM intentos WHERE tabla = ? AND corte >= ?"
        ' AND datos LIKE \'%"outcome": "sospechoso"%\''
        ' AND (datos LIKE \'%"twin": "%\' OR datos LIKE \'%"reason": "quita%\' OR datos LIKE \'%"reason": "espera%\')'
    )
    with index.open() as db:
        found = [(place, cut, json.loads(data), verified) for place, cut, data, verified in db.execute(sql, (Fact.VENTAS.value, low))]
    held = {cut for place, cut, data, verified in found if location in (place, data.get("twin")) and (verified or "") < data["read_at"]}
    return frozenset(held | {o.cut for o in overruled(index, location, low, LAST)})


def totals_before(index: Index, location: str, day: str, many: int) -> list[dict[str, Any]]:
    """``decide.oddities.totals`` of a location's closed days before one, newest first, of the last ``many`` days that stand."""
    sql = "SELECT datos FROM vigentes WHERE tabla = ? AND ubicacion = ? AND corte < ? ORDER BY corte DESC LIMIT ?"
    with index.open() as db:
        found = [json.loads(data) for (data,) in db.execute(sql, (Fact.VENTAS.value, location, day, many))]
    return [d for d in found if d["outcome"] == Outcome.COMPLETO.value and "amount" in d]


def first_cuts(index: Index, fact: Fact) -> dict[str, str]:
    """Location → the first cut that was ever tried or stands."""
    sql = (
        "SELECT ubicacion, min(corte) FROM (SELECT ubicacion, corte FROM vigentes WHERE tabla = ?1"
        " UNION ALL SELECT ubicacion, corte FROM intentos WHERE tabla = ?1 AND intentos > 0) GROUP BY ubicacion"
    )
    with index.open() as db:
        return {str(place): str(cut) for place, cut in db.execute(sql, (fact.value,))}


def first_read(index: Index, fact: Fact) -> datetime | None:
    """When the first reading of a fact began; None: there was none."""
    with index.open() as db:
        found = db.execute("SELECT min(leido_en) FROM conocidas WHERE tabla = ?", (fact.value,)).fetchone()[0]
    return instant(found) if found else None
