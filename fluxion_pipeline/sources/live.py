"""What every source that asks a store's own system has in common: it answers for now, and keeps nothing that could be listed.

Before this: nothing; after it: ``klk`` and ``stellar``, which ask. Files are ``archivos``'.
"""

from __future__ import annotations

from fluxion_pipeline.contracts.clock import Clock, local_day
from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.ticks import latest_tick
from fluxion_pipeline.errors import PermanentError
from fluxion_pipeline.locations.registry import Location
from fluxion_pipeline.sources.protocol import Unknown


class LiveSource:
    """The part of ``sources.protocol.Source`` that is the same for all of them; ``name`` is the system's."""

    name: str
    clock: Clock
    live = True

    def covers(self, location: Location) -> bool:
        """The active locations whose system it is now."""
        return location.activo and location.system_on(local_day(self.clock())) == self.name

    def cuts(self, fact: Fact, location: Location) -> tuple[str, ...]:
        """What the system can be asked for now: its stock as the latest tick; of sales, the business day in progress."""
        at = self.clock()
        return (latest_tick(at),) if fact is Fact.INVENTARIO else (local_day(at).isoformat(),)

    def expected(self, fact: Fact) -> tuple[str, ...]:
        """Nothing: a live system has every day."""
        return ()

    def digest(self, fact: Fact, location: Location, cut: str) -> str | None:
        """Nothing is known without asking."""
        return None

    def unknown(self) -> tuple[Unknown, ...]:
        """Only known locations are asked."""
        return ()

    def raw(self, item: Unknown) -> bytes:
        """There are none.

        Raises:
            PermanentError: always.
        """
        raise PermanentError(f"{item.origin} is not {self.name}'s", "read it from the folder of drops")
