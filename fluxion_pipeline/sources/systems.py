"""``FLUXION_SOURCE=auto``: each location is read from its own system, as ubicaciones.csv says.

Before this: the sources of the systems whose addresses are configured; after it: operations, to which
they look like one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.errors import PermanentError
from fluxion_pipeline.locations.registry import Location, Registry
from fluxion_pipeline.sources.protocol import Reading, Source, Unknown


class SystemsSource:
    """The locations' own systems as one source (``sources.protocol.Source``)."""

    name = "auto"
    live = True

    def __init__(self, registry: Registry, systems: Mapping[str, Source], missing: Mapping[str, str]) -> None:
        """Remember them.

        Args:
            registry: the map of locations.
            systems: ``sistema_pos`` → its source.
            missing: ``sistema_pos`` → why it can't be read.
        """
        self.registry, self.systems, self.missing = registry, dict(systems), dict(missing)
        self.parallel = max(s.parallel for s in systems.values())

    def _of(self, location: Location) -> Source:
        if location.sistema_pos not in self.systems:
            why = self.missing.get(location.sistema_pos, "nothing reads it")
            raise PermanentError(f"{location.codigo} is a location of {location.sistema_pos}: {why}", "leave it out, or configure its system")
        return self.systems[location.sistema_pos]

    def covers(self, location: Location) -> bool:
        """Whether the location's system is one of these, and covers it."""
        return location.sistema_pos in self.systems and self._of(location).covers(location)

    def strange(self) -> tuple[str, ...]:
        """The active locations that nothing here reads, told once per system."""
        told = []
        for system, why in self.missing.items():
            codes = [x.codigo for x in self.registry.active if x.sistema_pos == system]
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
        return self._of(location).digest(fact, location, cut)

    def read(
        self, fact: Fact, location: Location, cut: str, read_at: datetime, *, window: tuple[datetime, datetime] | None = None, scheduled: bool = False
    ) -> Reading:
        """Read one slice from the location's system."""
        if fact is Fact.CATALOGO:
            return self.catalogue(read_at, scheduled=scheduled)
        return self._of(location).read(fact, location, cut, read_at, window=window, scheduled=scheduled)

    def catalogue(self, read_at: datetime, *, scheduled: bool = False) -> Reading:
        """The catalogue of the first system: the stores'."""
        return next(iter(self.systems.values())).catalogue(read_at, scheduled=scheduled)

    def unknown(self) -> tuple[Unknown, ...]:
        """What the systems have of unknown locations."""
        return tuple(item for s in self.systems.values() for item in s.unknown())

    def raw(self, item: Unknown) -> bytes:
        """Systems are only asked for what the map knows.

        Raises:
            PermanentError: always.
        """
        raise PermanentError(f"{item.origin} is of no system", "read it from the folder of drops")
