"""What a command's run came to, for its summary and its exit code."""

from __future__ import annotations

from dataclasses import dataclass

from fluxion_pipeline.contracts.outcomes import SinkName, Verdict
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.operations.land import LandingReport


@dataclass(frozen=True)
class RunOutcome:
    """A finished run.

    Attributes:
        report: what was read and landed; None if nothing could be.
        refused: why nothing could be done, if so.
        sinks: sink → why it could not be brought up to date; None: it has everything.
        checks: failed serious checks (asset and name) → what they said.
        warnings: failed checks that are only warnings.
        parity: verdict of each table that was compared.
        wrote: sink → table → (rows written, rows in all).
    """

    report: LandingReport | None
    refused: FluxionError | None
    sinks: dict[SinkName, str | None]
    checks: dict[str, str]
    warnings: dict[str, str]
    parity: dict[str, Verdict]
    wrote: dict[SinkName, dict[str, tuple[int, int]]]

    @property
    def exit_code(self) -> int:
        """0: all that was asked for is in every active sink; 1: some of it isn't; 2: nothing could be done."""
        if self.report is None:
            return 2
        nothing = bool(self.sinks) and all(self.sinks.values())
        if nothing and not self.report.landings:
            return 2
        wrong = self.report.failed or self.report.errors or any(self.sinks.values()) or self.checks
        return 1 if wrong or any(v is not Verdict.IGUAL for v in self.parity.values()) else 0
