"""``FLUXION_SOURCE=auto``: each location is read from its own system, as ubicaciones.csv says.

Before this: the sources of the systems whose addresses are configured; after it: operations, to which
they look like one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import pyarrow as pa

from fluxion_pipeline.contracts.clock import Clock, local_day, now, parse_day
from fluxion_pipeline.contracts.outcomes import Answer, Fact
from fluxion_pipeline.errors import PermanentError
from fluxion_pipeline.locations.registry import Location, Registry
from fluxion_pipeline.sources.products import merged
from fluxion_pipeline.sources.protocol import Reading, Source, Unknown


class SystemsSource:
    """The locations' own systems as one source (``sources.protocol.Source``)."""

    name = "auto"
    live = True

    def __init__(self, registry: Registry, systems: Mapping[str, Source], missing: Mapping[str, str], clock: Clock = now) -> None:
        """Remember them.

        Args:
            registry: the map of locations.
            systems: the name of a system → its source; the stores' first.
            missing: the name of a system → why it can't be read.
            clock: for which system is a location's now.
        """
        self.registry, self.systems, self.missing, self.clock = registry, dict(systems), dict(missing), clock
        self.parallel = max(s.parallel for s in systems.values())

    def _of(self, location: Location, cut: str | None = None) -> Source:
        """The system that a location's day (of a tick: its day; none: today) is read from."""
        name = location.system_on(parse_day(cut[:10]) if cut else local_day(self.clock()))
        if name not in self.systems:
            why = self.missing.get(name, "nothing reads it")
            when = f"{cut[:10]} of {location.codigo} is {name}'s" if cut else f"{location.codigo} is a location of {name}"
            raise PermanentError(f"{when}: {why}", "leave it out, or configure its system")
        return self.systems[name]

    def covers(self, location: Location) -> bool:
        """Whether the location's system of today is one of these."""
        return location.activo and location.system_on(local_day(self.clock())) in self.systems

    def strange(self) -> tuple[str, ...]:
        """The active locations that nothing here reads, told once per system."""
        told = []
        for system, why in self.missing.items():
            today = local_day(self.clock())
            codes = [x.codigo for x in self.registry.active if x.system_on(today) == system]
            if codes:
                told.append(f"{', '.join(codes)}: not covered, {why}")
        return tuple(told)

    def cuts(self, fact: Fact, location: Location) -> tuple[str, ...]:
        """What the location's system can be asked for now."""
        return self._of(location).cuts(fact, location)

    def expected(self, fact: Fact) -> tuple[str, ...]:
        """The days or ticks that are expected of every location."""
        return tuple(sorted({cut for s in self.systems.values() for cut in s.expected(fact)}))

    def digest(self, fact: Fact, location: Location, cut: str) -> str | None:
        """As the location's system knows it."""
        return self._of(location, cut).digest(fact, location, cut)

    def read(
        self, fact: Fact, location: Location, cut: str, read_at: datetime, *, window: tuple[datetime, datetime] | None = None, scheduled: bool = False
    ) -> Reading:
        """Read one slice from the location's system."""
        if fact is Fact.CATALOGO:
            return self.catalogue(read_at, scheduled=scheduled)
        return self._of(location, cut).read(fact, location, cut, read_at, window=window, scheduled=scheduled)

    def catalogue(self, read_at: datetime, *, scheduled: bool = False) -> Reading:
        """The catalogue of the first system, the stores'; what only others have is added, and fills what it left out.

        Without the first system's there is none; what another one's came to, is a warning.
        """
        whole, *others = (s.catalogue(read_at, scheduled=scheduled) for s in self.systems.values())
        good = [r for r in others if r.answer is Answer.ENTERA]
        told = (*whole.warnings, *(w for r in others for w in r.warnings), *(f"{r.origin} gave no catalogue: {r.reason}" for r in others if r not in good))
        if whole.answer is not Answer.ENTERA or not good:
            return replace(whole, warnings=told)
        rows, rejects = merged([whole.rows, *(r.rows for r in good)]), pa.concat_tables([whole.rejects, *(r.rejects for r in good)])
        read = whole.read + sum(r.read for r in good)
        digest = hashlib.sha256("\n".join(str(r.source_digest) for r in (whole, *good)).encode()).hexdigest()
        seconds = whole.seconds + sum(r.seconds for r in others)
        repeated = read - rows.num_rows - rejects.num_rows
        return replace(whole, rows=rows, rejects=rejects, read=read, repeated=repeated, source_digest=digest, warnings=told, seconds=seconds)

    def unknown(self) -> tuple[Unknown, ...]:
        """What the systems have of unknown locations."""
        return tuple(item for s in self.systems.values() for item in s.unknown())

    def raw(self, item: Unknown) -> bytes:
        """Systems are only asked for what the map knows.

        Raises:
            PermanentError: always.
        """
        raise PermanentError(f"{item.origin} is of no system", "read it from the folder of drops")
