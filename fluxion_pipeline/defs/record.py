"""What a run in this process came to, kept for whoever started it: the command reads it after the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.operations.land import LandingReport
from fluxion_pipeline.parity.report import ParityReport


@dataclass
class Record:
    """Filled by assets, IO managers and checks of one process."""

    reports: dict[str, LandingReport] = field(default_factory=dict)
    errors: list[FluxionError] = field(default_factory=list)
    sinks_down: dict[tuple[str, SinkName], FluxionError] = field(default_factory=dict)
    parity: dict[str, ParityReport] = field(default_factory=dict)

    def landed(self, run_id: str, report: LandingReport) -> None:
        """A run's readings are landed."""
        self.reports[run_id] = report

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Remember an error that reaches a person, and let it go on."""
        try:
            yield
        except FluxionError as error:
            self.errors.append(error)
            raise
