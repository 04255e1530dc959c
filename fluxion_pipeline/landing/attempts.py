"""What the newest attempts came to, where they did not do what they were asked for.

Before this: the index of attempts; after it: checks that tell people. Nothing here decides.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

from fluxion_pipeline.contracts.clock import parse_day
from fluxion_pipeline.contracts.outcomes import SATISFIED, Fact
from fluxion_pipeline.landing.index import Index


@dataclass(frozen=True)
class Unsatisfied:
    """A reading that failed, and that no later attempt has mended.

    Attributes:
        location: canonical code.
        cut: day or tick.
        outcome: what the newest attempt came to.
        reason: why, if it is known.
        origin: file or address that was read.
    """

    location: str
    cut: str
    outcome: str
    reason: str
    origin: str


def odd(index: Index, fact: Fact) -> list[tuple[str, str, str]]:
    """(location, cut, what is odd) of readings that stand, newest cut first: of each location's newest week of sales, or day of stock."""
    back = timedelta(days=6 if fact is Fact.VENTAS else 0)
    found = []
    for _, place, newest, _ in index.newest_attempts(fact):
        low = (parse_day(newest[:10]) - back).isoformat() if newest[:1].isdigit() else newest
        with index.open() as db:
            sql = "SELECT corte, datos FROM vigentes WHERE tabla = ? AND ubicacion = ? AND corte >= ?"
            found += [(place, cut, text) for cut, data in db.execute(sql, (fact.value, place, low)) for text in json.loads(data).get("odd", ())]
    return sorted(sorted(found), key=lambda x: x[1], reverse=True)


def unsatisfied(index: Index, fact: Fact) -> tuple[int, tuple[Unsatisfied, ...]]:
    """How many slices were attempted, and those whose newest attempt failed, newest cut first.

    Of sales every day counts, however old: it can still be read. Of stock only a location's newest
    tick does: the store can't be asked for the stock of then any more.
    """
    picked, grouped = ("max(corte)", "GROUP BY ubicacion") if fact is Fact.INVENTARIO else ("corte", "")
    sql = f"SELECT ubicacion, {picked}, datos FROM intentos WHERE tabla = ? AND intentos > 0 {grouped}"  # noqa: S608 fixed words
    with index.open() as db:
        found = [(place, cut, json.loads(data)) for place, cut, data in db.execute(sql, (fact.value,))]
    good = {o.value for o in SATISFIED}
    failed = [
        Unsatisfied(place, cut, str(data["outcome"]), str(data.get("reason") or ""), str(data.get("origin") or ""))
        for place, cut, data in found
        if data["outcome"] not in good
    ]
    return len(found), tuple(sorted(sorted(failed, key=lambda x: x.location), key=lambda x: x.cut, reverse=True))
