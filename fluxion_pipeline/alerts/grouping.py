"""Which events are told in one message: those of one family and kind that are learnt together.

Parity and the other checks on rows are one family here: what somebody did to a table shows in both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from fluxion_pipeline.alerts.problem import Event, Family, Kind, Severity

OF_ROWS = {Family.PARIDAD, Family.DATOS}
"""The families that are told together."""


@dataclass(frozen=True)
class Group:
    """Events that are one message, in their order."""

    kind: Kind
    family: Family
    events: tuple[Event, ...]

    @property
    def id(self) -> str:
        """Stable: made of the events' ids."""
        return hashlib.sha256("\n".join(sorted(e.id for e in self.events)).encode()).hexdigest()[:16]

    @property
    def severity(self) -> Severity:
        """The highest of its events."""
        return max((e.incident.severity for e in self.events), key=lambda s: s.rank)


def group(events: Iterable[Event]) -> list[Group]:
    """Group events, in the order of each group's first.

    What escalates joins what opens at the same time: more stores of one network failure are told
    once. A problem that opens, ends and opens again within these events is in a group of its own
    each time, and a group never comes before what it follows.
    """
    groups: list[list[Event]] = []
    for event in events:
        place = next((g for g in reversed(groups) if _joins(event, g)), None)
        after = max((n for n, g in enumerate(groups) if any(e.incident.problem == event.incident.problem for e in g)), default=-1)
        if place is None or groups.index(place) <= after:
            groups.append([event])
        else:
            place.append(event)
    return [_made(found) for found in groups]


def _made(found: list[Event]) -> Group:
    """The family that comes first is the message's own."""
    ordered = tuple(sorted(found, key=lambda e: _order(e.incident.family)))
    return Group(_kind(found), ordered[0].incident.family, ordered)


def _order(family: Family) -> int:
    return list(Family).index(family)


def _joins(event: Event, found: list[Event]) -> bool:
    worse = {Kind.ABIERTO, Kind.ESCALADO}
    kinds = {e.kind for e in found} | {event.kind}
    families = {found[0].incident.family, event.incident.family}
    return (len(families) == 1 or families <= OF_ROWS) and (len(kinds) == 1 or kinds <= worse)


def _kind(found: list[Event]) -> Kind:
    return Kind.ABIERTO if any(e.kind is Kind.ABIERTO for e in found) else found[0].kind
