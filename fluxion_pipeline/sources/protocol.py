"""What every source gives: readings. Before this: a store's system; after it: landing.

A reading is complete in itself: valid rows (typed, keys unique), rejected rows with their reasons,
how the source answered and when the reading began. A source never decides what a reading replaces.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from fluxion_pipeline.contracts.outcomes import Answer, Fact, Provenance
from fluxion_pipeline.contracts.rows import KEY_SEPARATOR, MET_SCHEMA, REJECT_SCHEMA, ROW_KEYS, arrow_type, row_schema
from fluxion_pipeline.locations.registry import Location

__all__ = [
    "KEY_SEPARATOR",
    "MET_SCHEMA",
    "REJECT_SCHEMA",
    "ROW_KEYS",
    "Reading",
    "Source",
    "Unknown",
    "arrow_type",
    "no_rejects",
    "no_rows",
    "row_schema",
]


@dataclass(frozen=True)
class Reading:
    """One answer of a source about one slice.

    Attributes:
        fact: the table that it speaks of.
        location: canonical code; ``*`` for the catalogue.
        cut: business day ``YYYY-MM-DD``, local tick ``YYYY-MM-DDTHHMM``, or ``*`` for the catalogue.
        read_at: the instant at which the reading began.
        rows: valid rows, schema ``row_schema(fact)``, keys unique.
        rejects: rejected rows, ``REJECT_SCHEMA``.
        read: number of data rows that the source gave; always
            ``rows.num_rows + repeated + rejects.num_rows``.
        repeated: rows that said again what another row says.
        answer: how the source answered.
        reason: why the answer isn't ``entera``, for a person.
        window: sales: the half-open ``[from, to)`` that was asked for; None: the whole day.
        origin: file (relative to the source's folder) or address.
        source_digest: sha256 of what was read, so that what is unread can be told; None if nothing was.
        warnings: oddities that change nothing, e.g. ignored columns.
        met: products that the rows name (``MET_SCHEMA``); None for the catalogue.
        seconds: how long the reading took.
        provenance: why it is landed.
        names: of sales: the location whose own warehouse more than half of the lines name; None: of no one, or it can't be told.
    """

    fact: Fact
    location: str
    cut: str
    read_at: datetime
    rows: pa.Table
    rejects: pa.Table
    read: int = 0
    repeated: int = 0
    answer: Answer = Answer.ENTERA
    reason: str | None = None
    window: tuple[datetime, datetime] | None = None
    origin: str = ""
    source_digest: str | None = None
    warnings: tuple[str, ...] = field(default=())
    met: pa.Table | None = None
    seconds: float = 0.0
    provenance: Provenance = Provenance.NORMAL
    names: str | None = None


def no_rows(fact: Fact) -> pa.Table:
    """An empty table of a fact's rows."""
    return row_schema(fact).empty_table()


def no_rejects() -> pa.Table:
    """An empty table of rejects."""
    return REJECT_SCHEMA.empty_table()


@dataclass(frozen=True)
class Unknown:
    """A piece of data whose folder is no location that may be loaded.

    Attributes:
        folder: its name, as it came.
        fact: what it holds.
        cut: day or tick, from the file's name.
        origin: file, relative to the source's folder.
        reason: unknown to ubicaciones.csv, or inactive.
    """

    folder: str
    fact: Fact
    cut: str
    origin: str
    reason: str


class Source(Protocol):
    """Where readings come from. Thread safe: locations are read side by side.

    Attributes:
        name: as ``FLUXION_SOURCE`` says it.
        live: whether it is asked and knows its stock only as of now; else what it has lies there to be looked at.
        parallel: how many locations may be read at once: of a live source, which mostly waits, more than there are cores.
    """

    name: str
    live: bool
    parallel: int

    def covers(self, location: Location) -> bool:
        """Whether this source is the system of that location."""
        ...

    def cuts(self, fact: Fact, location: Location) -> tuple[str, ...]:
        """The days or ticks that the source has of a location, ascending."""
        ...

    def expected(self, fact: Fact) -> tuple[str, ...]:
        """The days or ticks that any location has, ascending: where one is missing it is ``sin_dato``."""
        ...

    def digest(self, fact: Fact, location: Location, cut: str) -> str | None:
        """The ``source_digest`` that a reading would have now, as cheaply as possible; None: nothing there."""
        ...

    def read(
        self, fact: Fact, location: Location, cut: str, read_at: datetime, *, window: tuple[datetime, datetime] | None = None, scheduled: bool = False
    ) -> Reading:
        """Read one slice. Never raises for bad data or a dead store: that is an ``answer``.

        ``window``: of sales, half-open and within the day; a source whose slices are whole gives the whole
        day. ``scheduled``: nobody waits for it, so a store that is known to be dead may be spared.
        """
        ...

    def catalogue(self, read_at: datetime, *, scheduled: bool = False) -> Reading:
        """Read the catalogue (fact ``productos``, location and cut ``*``)."""
        ...

    def unknown(self) -> tuple[Unknown, ...]:
        """What the source has of locations that the map doesn't know, or that are inactive."""
        ...

    def raw(self, item: Unknown) -> bytes:
        """The bytes of such a piece, to be kept in quarantine."""
        ...
