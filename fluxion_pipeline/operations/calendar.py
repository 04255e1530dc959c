"""The days on which stores don't open: ``$FLUXION_HOME/cerrados.csv``, written by a person.

A line is a day, a location (empty: all) and a reason. Such a day is read like any other, since a
calendar may be wrong and sales must not be lost; where it comes to nothing, it is ``cerrado`` and
nobody's failure. Before this: the file; after it: ``due``, ``land`` and ``coverage``.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field, replace
from pathlib import Path

from fluxion_pipeline.contracts.clock import parse_day
from fluxion_pipeline.contracts.outcomes import Answer, Fact
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.locations.registry import Registry
from fluxion_pipeline.sources.protocol import Reading

FILE = "cerrados.csv"
COLUMNS = ("dia", "ubicacion", "motivo")
EVERYBODY = ""


@dataclass(frozen=True)
class Calendar:
    """Closing days.

    Attributes:
        reasons: (day, canonical code; empty: every location) → why.
        problems: lines of the file that say nothing, each with its reason: to be shown, since they close no day.
    """

    reasons: dict[tuple[str, str], str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def why(self, location: str, cut: str) -> str | None:
        """Why a location is closed on the day of a cut; None: it isn't."""
        return self.reasons.get((cut[:10], location), self.reasons.get((cut[:10], EVERYBODY)))

    def days(self, location: str) -> frozenset[str]:
        """The closing days of a location."""
        return frozenset(day for day, place in self.reasons if place in {location, EVERYBODY})

    def applied(self, reading: Reading) -> Reading:
        """The reading, or, where it came to nothing on a closing day, that the location is closed."""
        why = None if reading.fact is Fact.CATALOGO else self.why(reading.location, reading.cut)
        if why is None or reading.rows.num_rows or reading.rejects.num_rows:
            return reading
        return replace(reading, answer=Answer.CERRADO, reason=why, read=0, repeated=0, window=None)


def read_calendar(home: Path, registry: Registry) -> Calendar:
    """The calendar of a home; empty where there is no file. A line that can't be understood stops nothing, and is told."""
    path = home / FILE
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return Calendar()
    except (OSError, UnicodeDecodeError) as error:
        return Calendar(problems=(f"{FILE} can't be read, so no day is closed: {error}",))
    lines = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    if "dia" not in (lines.fieldnames or ()):
        return Calendar(problems=(f"{FILE} has no column dia, so no day is closed: its first line must be {','.join(COLUMNS)}",))
    reasons: dict[tuple[str, str], str] = {}
    problems: list[str] = []
    for line in lines:
        day, place, why = ((line.get(c) or "").strip() for c in COLUMNS)
        if not (day or place or why):
            continue
        try:
            code = registry.find(place).codigo if place else EVERYBODY
            reasons[parse_day(day).isoformat(), code] = why or "cerrado"
        except FluxionError as error:
            problems.append(f"{FILE} line {lines.line_num}: {error.what}: it closes no day")
    return Calendar(reasons, tuple(problems))
