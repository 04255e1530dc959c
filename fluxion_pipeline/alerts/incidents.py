"""What happens to problems, decided: opened, escalated, reminded, closed. Pure functions over values.

Each step replaces what its sources say; a problem is open while any source speaks of it. So it is
told when it begins and when it ends, however many ticks lie between, and in whatever order the
sources notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from fluxion_pipeline.alerts.problem import Event, Family, Finding, Incident, Kind, Severity


@dataclass(frozen=True)
class Step:
    """What was learnt at one instant: source → all that it says now.

    Attributes:
        id: what it was learnt from: a run, or a line of a history.
        at: when, aware.
        updates: the sources that spoke.
    """

    id: str
    at: datetime
    updates: Mapping[str, tuple[Finding, ...]]


@dataclass(frozen=True)
class Book:
    """What every source said last, and the incidents that are open, by problem."""

    sources: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    open: Mapping[str, Incident] = field(default_factory=dict)


def advance(book: Book, step: Step, many: int, now: datetime) -> tuple[Book, tuple[Event, ...]]:
    """Take a step.

    Args:
        book: before it.
        step: what was learnt.
        many: so many locations that can't be read at once are a critical matter: it is the network, not a store.
        now: when somebody is told of it, aware; after a daemon's downtime it is later than the step.
    """
    sources = {name: found for name, found in {**book.sources, **step.updates}.items() if found}
    told = _problems(sources, many)
    events: list[Event] = []
    still: dict[str, Incident] = {}
    for problem, incident in book.open.items():
        if problem not in told:
            events.append(Event(Kind.RECUPERADO, incident, step.at))
            continue
        severity = max((incident.severity, _worst(told[problem])), key=lambda s: s.rank)
        found = replace(incident, severity=severity, findings=told[problem])
        if severity is not incident.severity:
            found = replace(found, told_at=now)
            events.append(Event(Kind.ESCALADO, found, step.at))
        still[problem] = found
    for problem, findings in told.items():
        if problem not in still:
            opened = Incident(f"{problem}@{step.id}", problem, findings[0].family, _worst(findings), step.at, now, 0, findings)
            still[problem] = opened
            events.append(Event(Kind.ABIERTO, opened, step.at))
    return Book(sources, still), tuple(events)


def remind(book: Book, now: datetime, hours: Mapping[Severity, float]) -> tuple[Book, tuple[Event, ...]]:
    """Remind of what has been open, untold, for its severity's hours; a severity without hours is never reminded of."""
    events = []
    still = dict(book.open)
    for problem, incident in book.open.items():
        after = hours.get(incident.severity, 0)
        if after and now - incident.told_at >= timedelta(hours=after):
            still[problem] = replace(incident, told_at=now, reminders=incident.reminders + 1)
            events.append(Event(Kind.RECORDADO, still[problem], now))
    return replace(book, open=still), tuple(events)


def _problems(sources: Mapping[str, tuple[Finding, ...]], many: int) -> dict[str, tuple[Finding, ...]]:
    found: dict[str, tuple[Finding, ...]] = {}
    for finding in (f for told in sources.values() for f in told):
        found[finding.problem] = (*found.get(finding.problem, ()), finding)
    places = [p for p, told in found.items() if told[0].family is Family.UBICACIONES and _worst(told) is not Severity.AVISO]
    if len(places) >= many:
        found |= {p: tuple(replace(f, severity=Severity.CRITICO) for f in found[p]) for p in places}
    return found


def _worst(findings: Iterable[Finding]) -> Severity:
    return max((f.severity for f in findings), key=lambda s: s.rank)
