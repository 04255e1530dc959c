"""What the runs of this process came to: shared by a run's steps, and read by the command after the run.

Everything is kept by run, so that a table that is materialized alone starts from nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dagster as dg

from fluxion_pipeline.contracts.outcomes import Fact, SinkName
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.operations.land import LandingReport
from fluxion_pipeline.parity.report import TableParity


class Owed:
    """What a table's asset gives its sink's IO manager: nothing of its own, since the sink finds in the outbox what it owes."""


@dataclass
class Record:
    """Filled by assets, IO managers and checks of one process.

    Attributes:
        reports: run → fact → what was landed.
        brought: run and sink → how much the run had landed when the sink was brought up to date.
        down: run and sink → why it could not be.
        errors: run → what kept it from landing.
        parity: run → table → verdict.
        say: where a run says for whom it waits; None: in its log.
        own: run → how many frames of users' own tables it has landed.
        began: run → when it began to read, by the monotonic clock.
    """

    reports: dict[str, dict[Fact, LandingReport]] = field(default_factory=dict)
    brought: dict[tuple[str, SinkName], int] = field(default_factory=dict)
    down: dict[tuple[str, SinkName], FluxionError] = field(default_factory=dict)
    errors: dict[str, FluxionError] = field(default_factory=dict)
    parity: dict[str, dict[str, TableParity]] = field(default_factory=dict)
    say: Callable[[str], None] | None = None
    own: dict[str, int] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)

    def landed(self, run_id: str, report: LandingReport) -> None:
        """A run's readings of a fact are landed."""
        self.reports.setdefault(run_id, {})[report.fact] = report

    def landed_own(self, run_id: str) -> None:
        """A run has landed a user's own table."""
        self.own[run_id] = self.own.get(run_id, 0) + 1

    def landings(self, run_id: str) -> int:
        """How many facts and users' own tables a run has landed so far."""
        return len(self.reports.get(run_id, {})) + self.own.get(run_id, 0)

    def proved(self, run_id: str, found: TableParity) -> None:
        """A run compared a table."""
        self.parity.setdefault(run_id, {})[found.table] = found

    @contextmanager
    def landing(self, run_id: str) -> Iterator[None]:
        """Remember when it began, and an error that reaches a person; fail the step with its one sentence."""
        self.began.setdefault(run_id, time.monotonic())
        try:
            yield
        except FluxionError as error:
            self.errors[run_id] = error
            raise failure(error) from error


def failure(error: FluxionError) -> dg.Failure:
    """An error as the UI shows it: its cause and its remedy, without a stack of frames."""
    metadata = {"remedio": dg.MetadataValue.text(error.remedy)} if error.remedy else {}
    return dg.Failure(description=str(error), metadata=metadata, allow_retries=False)
