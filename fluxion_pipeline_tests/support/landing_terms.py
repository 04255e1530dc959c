"""The words of the landing model: lines, rejects, readings and what is known of a place. See ``landing_model``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

DAY, MARGIN = 10, 2
"""Length of a day; how long after its end a reading may begin that closes it."""
MANY_PARTIAL, MANY, ALIKE, NEARLY = 3, 4, 3, 0.9
"""From how many rows on "more than half" means something; small, so that small examples meet them."""
NEAR = 1
"""How many days away an answer that was another's tells something."""
Slice = tuple[str, int]


@dataclass(frozen=True)
class Line:
    key: str
    value: int
    hour: int = 0


@dataclass(frozen=True)
class Reject:
    raw: str
    key: str | None = None
    hour: int | None = None


@dataclass(frozen=True)
class Reading:
    table: str
    cut: int
    read_at: int
    lines: frozenset[Line] = frozenset()
    rejects: frozenset[Reject] = frozenset()
    window: tuple[int, int] | None = None
    answer: str = "entera"
    provenance: str = "normal"
    place: str = "A"
    names: str | None = None

    @property
    def slice(self) -> tuple[str, int]:
        return self.table, self.cut

    @property
    def content(self) -> tuple[Any, ...]:
        return self.lines, self.rejects, self.window, self.answer


class Held(NamedTuple):
    """A line as it stands in its day or tick, and the newest landed reading that has it."""

    line: Line
    read_at: int
    carried: bool = False


class Coverage(NamedTuple):
    outcome: str
    read: int
    loaded: int = 0
    rejected: int = 0
    held_back: int = 0
    carried: int = 0
    until: int | None = None


State = Mapping[int, Mapping[str, Held]]


@dataclass(frozen=True)
class Place:
    sequence: int = 0
    days: dict[int, dict[str, Held]] = field(default_factory=dict)
    ticks: dict[int, dict[str, Held]] = field(default_factory=dict)
    standing: dict[Any, tuple[Reading, str]] = field(default_factory=dict)
    verified: dict[Any, int] = field(default_factory=dict)
    newest: dict[Any, tuple[Reading, str]] = field(default_factory=dict)
    why: dict[Any, str | None] = field(default_factory=dict)
    over: dict[Any, dict[str, int]] = field(default_factory=dict)
    known: frozenset[Any] = frozenset()
    coverage: dict[Any, Coverage] = field(default_factory=dict)
    rejects: dict[Any, frozenset[Reject]] = field(default_factory=dict)
    images: dict[Any, tuple[int, dict[Any, Any]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Lote:
    sequence: int
    outcome: str
    applied: bool
    images: dict[Any, tuple[int, dict[Any, Any]]]


Landing = dict[str, Place]


def telling(lines: Iterable[Line]) -> set[Line]:
    """What is there, but for a stock that most of it has."""
    there = {x for x in lines if x.value}
    return {x for x in there if 2 * sum(y.value == x.value for y in there) <= len(there)}
