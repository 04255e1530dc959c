"""One home, opened: settings, map, outbox, source and sinks, each made when it is first needed."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from fluxion_pipeline.contracts.clock import Clock, now
from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.locations import registry
from fluxion_pipeline.locations.registry import Registry
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.duckdb.sink import DuckDBSink
from fluxion_pipeline.sinks.postgresql.sink import PostgreSQLSink
from fluxion_pipeline.sinks.protocol import Sink
from fluxion_pipeline.sources.protocol import Source


class App:
    """What every operation works with."""

    def __init__(self, settings: Settings, clock: Clock = now, source: Source | None = None) -> None:
        """Open nothing yet; ``source`` stands in for the one that the settings name."""
        self.settings, self.clock, self._source = settings, clock, source

    @cached_property
    def registry(self) -> Registry:
        """The map of locations."""
        return registry.load()

    @cached_property
    def outbox(self) -> Outbox:
        """The lotes, ready to be landed in."""
        return Outbox(self.settings.home, self.clock).open()

    @cached_property
    def source(self) -> Source:
        """Where readings come from.

        Raises:
            SettingsError: if FLUXION_SOURCE names a system whose address isn't configured, or that nothing here reads.
            PermanentError: if the folder of drops isn't there.
        """
        if self._source is not None:
            return self._source
        from fluxion_pipeline.operations.systems import open_systems
        from fluxion_pipeline.sources.archivos import open_source, sample_path

        if self.settings.fluxion_source == "archivos":
            return open_source(self.settings.fluxion_source_path or sample_path(), self.registry)
        return open_systems(self.settings, self.registry, self.clock)

    def sink(self, name: SinkName) -> Sink:
        """A sink by its name."""
        return DuckDBSink(self.settings) if name is SinkName.DUCKDB else PostgreSQLSink(self.settings)

    @property
    def active(self) -> tuple[Sink, ...]:
        """The sinks that the mode writes, primary first."""
        return tuple(self.sink(n) for n in self.settings.db_mode.sinks)

    @property
    def locks(self) -> Path:
        """The folder of the locks of jobs."""
        return self.settings.home / "locks"
