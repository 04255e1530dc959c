"""A KLK source that asks whatever server a test writes, with little patience and a clock that the test sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.locations import registry
from fluxion_pipeline.locations.registry import Location
from fluxion_pipeline.sources.klk import KlkSource, Patience
from fluxion_pipeline.sources.protocol import Reading
from fluxion_pipeline_tests.support.tills import Question, Said, Tills, tills

NOW = datetime(2025, 11, 24, 16, 10, tzinfo=timezone.utc)
"""12:10 in Caracas."""

DAY, TICK = "2025-11-24", "2025-11-24T1200"
QUICK = Patience(connect=2, read=0.5, total=3, attempts=3)


@dataclass
class Chain:
    """A server and the source that asks it; ``now`` is the source's clock."""

    server: Tills
    source: KlkSource
    now: datetime = NOW

    @property
    def store(self) -> Location:
        return self.source.registry.find("SUC001")

    def sales(self, **more: object) -> Reading:
        return self.source.read(Fact.VENTAS, self.store, DAY, self.now, **more)  # type: ignore[arg-type]

    def stock(self, **more: object) -> Reading:
        return self.source.read(Fact.INVENTARIO, self.store, TICK, self.now, **more)  # type: ignore[arg-type]


Open = Callable[..., Chain]


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Open]:
    """Open a chain whose server answers as a function says."""
    with ExitStack() as stack:

        def opened(answer: Callable[[Question], Said], patience: Patience = QUICK) -> Chain:
            server = stack.enter_context(tills(answer))
            source = KlkSource(server.url, registry.load(), tmp_path / "klk", patience=patience, clock=lambda: found.now)
            found = Chain(server, source)
            return found

        yield opened
