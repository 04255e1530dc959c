"""What became of a reading: told to whoever landed it, and in JSON to manifest, log and index."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fluxion_pipeline.contracts.outcomes import Answer, Fact, Outcome
from fluxion_pipeline.landing.decide.decision import Decision
from fluxion_pipeline.landing.index import stamp
from fluxion_pipeline.sources.protocol import Reading, no_rejects, no_rows


@dataclass(frozen=True)
class Landing:
    """What became of one reading.

    Attributes:
        fact: the table that it speaks of.
        location: canonical code.
        cut: day or tick.
        outcome: what the reading came to.
        applied: whether it replaced anything.
        new: whether a lote was written.
        lote_id: the lote, if one was.
        reason: why, where the outcome isn't a plain success.
        read: rows read.
        loaded: valid rows.
        repeated: rows repeated.
        rejected: rows rejected.
        held: valid rows of a reading that wasn't applied.
        origin: file or address.
        warnings: oddities that changed nothing.
        seconds: how long the reading took.
    """

    fact: Fact
    location: str
    cut: str
    outcome: Outcome
    applied: bool
    new: bool
    lote_id: str | None
    reason: str | None
    read: int
    loaded: int
    repeated: int
    rejected: int
    held: int
    origin: str
    warnings: tuple[str, ...]
    seconds: float


def broken(reading: Reading, reason: str) -> Reading:
    """A reading of which nothing can be trusted: without its rows, ``parcial``."""
    return replace(reading, answer=Answer.PARCIAL, reason=reason, rows=no_rows(reading.fact), rejects=no_rejects(), read=0, repeated=0, met=None)


def attempt_json(reading: Reading, decision: Decision) -> dict[str, Any]:
    """The reading and what it came to, as it is remembered."""
    return {
        "fact": reading.fact.value,
        "cut": reading.cut,
        "read_at": stamp(reading.read_at),
        "outcome": decision.outcome.value,
        "applied": decision.applied,
        "content": decision.content,
        "source": reading.source_digest,
        "origin": reading.origin,
        "reason": decision.reason,
        "provenance": reading.provenance.value,
        "window": [stamp(x) for x in reading.window] if reading.window else None,
        "read": reading.read,
        "repeated": reading.repeated,
        "rejected": reading.rejects.num_rows,
        "valid": reading.rows.num_rows,
        "warnings": list(warnings_of(reading, decision)),
        "seconds": round(reading.seconds, 3),
    } | {name: value for name, value in (("twin", decision.twin), ("names", reading.names)) if value}


def warnings_of(reading: Reading, decision: Decision) -> tuple[str, ...]:
    """What was odd, as the source and as landing saw it."""
    return (*reading.warnings, *(f"{reading.location} {reading.cut}: {text}" for text in decision.odd))


def landing_of(reading: Reading, decision: Decision, lote_id: str | None) -> Landing:
    """What the landing of a reading is told as."""
    stands = decision.applied or not decision.new and decision.verified is not None
    valid = reading.rows.num_rows
    return Landing(
        reading.fact,
        reading.location,
        reading.cut,
        decision.outcome,
        decision.applied,
        decision.new,
        lote_id,
        decision.reason,
        reading.read,
        valid if stands else 0,
        reading.repeated,
        reading.rejects.num_rows,
        0 if stands else valid,
        reading.origin,
        warnings_of(reading, decision),
        reading.seconds,
    )
