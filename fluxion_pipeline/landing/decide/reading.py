"""One reading decides: the order in which the rules are asked. Everything else is a rule with a name.

Nothing new is decided first; then the outcome, with suspicion; then whether it is of the past; then
what it leaves in its slice, in the coverage and in the rejects.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.clock import day_end, day_start, parse_day
from fluxion_pipeline.contracts.outcomes import GOOD, Fact, Outcome, Provenance
from fluxion_pipeline.contracts.rows import ascending
from fluxion_pipeline.landing.decide import oddities, sales, stock
from fluxion_pipeline.landing.decide.content import Fingerprint, fingerprint
from fluxion_pipeline.landing.decide.coverage import (
    applied_line,
    coverage_draft,
    covered_so_far,
    evidence_line,
    rejects_draft,
    slice_of,
    standing_json,
)
from fluxion_pipeline.landing.decide.decision import Decision, Draft
from fluxion_pipeline.landing.decide.merge import covered_until, fresh, key_column, merge, reject_rows
from fluxion_pipeline.landing.decide.outcome import base_outcome
from fluxion_pipeline.landing.doubts import overruled
from fluxion_pipeline.landing.index import stamp
from fluxion_pipeline.landing.known import totals_before
from fluxion_pipeline.landing.others import Others
from fluxion_pipeline.landing.past import Past
from fluxion_pipeline.sources.protocol import ROW_KEYS, Reading, row_schema


@dataclass(frozen=True)
class _Case:
    """A reading with what its rules look at."""

    reading: Reading
    past: Past
    mark: Fingerprint
    standing: dict[str, Any] | None
    verified: str | None
    attempt: dict[str, Any] | None
    before: pa.Table

    @cached_property
    def after(self) -> pa.Table:
        """The state after the reading, if it is applied."""
        return merge(self.before, self.reading)

    @cached_property
    def others(self) -> Others:
        """What the other locations have at the same time."""
        return Others(self.past, self.reading, self.mark.twin, self.before)

    @property
    def is_past(self) -> bool:
        """A slice is replaced only by a reading that began after the last one that showed it as it stands."""
        return self.verified is not None and stamp(self.reading.read_at) <= self.verified


def decide(reading: Reading, past: Past) -> Decision:
    """Decide what becomes of a reading of sales or stock."""
    standing = past.standing(reading.fact, reading.cut)
    _, verified, attempt = past.attempt(reading.fact, reading.cut)
    mark = fingerprint(reading)
    stands = Outcome(standing["outcome"]) if standing else None
    base, reason = base_outcome(reading, stands)
    same = standing is not None and standing["content"] == mark.content and base is stands
    if same and standing and reading.provenance is not Provenance.REPAIR and not _is_anothers(reading, past):
        odd = tuple(standing.get("odd", ()))
        return Decision(base, False, "; ".join(odd) or None, mark.content, new=False, verified=reading.read_at, odd=odd)
    before = past.day(reading.cut) if reading.fact is Fact.VENTAS else stock.before(reading, past)
    case = _Case(reading, past, mark, standing, verified, attempt, before)
    outcome, reason = _outcome(case, base, reason)
    applied = outcome in (*GOOD, Outcome.REPARACION) and not case.is_past
    if not applied and outcome in GOOD:
        reason = f"read before {verified}, when the slice was last seen as it stands: kept as evidence"
    if not applied and _repeated(case, outcome):
        return Decision(outcome, False, reason, mark.content, new=False, twin=_twin(case, outcome))
    if applied:
        return _apply(case, outcome, reason)
    return _note(case, outcome, reason)


def _is_anothers(reading: Reading, past: Past) -> bool:
    """Whether what stands, and is said again, is what another location landed since."""
    return reading.fact is Fact.VENTAS and bool(overruled(past.index, reading.location, reading.cut, reading.cut))


def _outcome(case: _Case, base: Outcome, reason: str | None) -> tuple[Outcome, str | None]:
    """A good reading that is suspicious is held back, unless a person accepts it."""
    reading = case.reading
    if reading.provenance is Provenance.REPAIR:
        return Outcome.REPARACION, reading.reason
    if base not in GOOD or reading.provenance is Provenance.ACCEPT:
        return base, reason
    sold = reading.fact is Fact.VENTAS
    held = sales.suspicion(reading, case.before, case.after, case.others) if sold else stock.suspicion(reading, case.before, case.others)
    return (Outcome.SOSPECHOSO, held) if held else (base, reason)


def _repeated(case: _Case, outcome: Outcome) -> bool:
    """A reading that isn't applied is nothing new where it was met before, or is just like the newest attempt."""
    reading, newest = case.reading, case.attempt
    if case.past.index.known(reading.fact, reading.location, reading.cut, stamp(reading.read_at), case.mark.content):
        return True
    return newest is not None and (newest["content"], newest["outcome"]) == (case.mark.content, outcome.value)


def _apply(case: _Case, outcome: Outcome, reason: str | None) -> Decision:
    """The reading stands: its slice, its coverage and its rejects are what it says."""
    reading, past = case.reading, case.past
    repair = outcome is Outcome.REPARACION
    if reading.fact is Fact.VENTAS:
        state = sales.repaired(reading, case.before) if repair else case.after
        facts = sales.drafts(reading, case.before, state, past, case.mark.measure)
    else:
        state = fresh(reading) if repair else case.after
        facts = stock.drafts(reading, state, past, None if carried_rows(state) else case.mark.measure)
    if repair:
        return Decision(outcome, True, reason, case.mark.content, facts, verified=reading.read_at)
    had = past.rows("rechazos", slice_of(reading)) if case.standing else None
    rejects = reject_rows(reading, had)
    carried = carried_rows(state)
    earlier = case.standing["repeated"] if case.standing and reading.window else 0
    counts = {"cargadas": state.num_rows - carried, "repetidas": reading.repeated + earlier, "rechazadas": rejects.num_rows, "arrastradas": carried}
    covered = None
    if reading.fact is Fact.VENTAS:
        day = parse_day(reading.cut)
        covered = covered_until(day_start(day), day_end(day), covered_so_far(case.standing), reading)
    line = applied_line(reading, outcome, case.mark, counts, covered)
    noted = past.image("rechazos", slice_of(reading)) is not None
    drafts = (*facts, coverage_draft(reading, line), *rejects_draft(reading, rejects, noted))
    days = totals_before(past.index, reading.location, reading.cut, oddities.DAYS) if reading.fact is Fact.VENTAS else []
    odd = oddities.oddities(reading, case.before, days)
    standing = standing_json(reading, outcome, case.mark, line) | oddities.totals(reading) | ({"odd": odd} if odd else {})
    if over := _over(case):
        standing["over"] = over
    return Decision(outcome, True, "; ".join(odd) or None, case.mark.content, drafts, standing, verified=reading.read_at, odd=odd)


def _over(case: _Case) -> dict[str, str]:
    """The locations that have the same sales, which are theirs no longer, with the instant since when."""
    if case.reading.fact is not Fact.VENTAS:
        return {}
    before = case.standing.get("over", {}) if case.standing else {}
    return before | {twin.location: stamp(case.reading.read_at) for twin in case.others.alike}


def _note(case: _Case, outcome: Outcome, reason: str | None) -> Decision:
    """A reading that isn't applied is evidence; coverage and rejects tell of it only where none stands yet."""
    reading, past = case.reading, case.past
    drafts: tuple[Draft, ...] = ()
    older = case.attempt is not None and stamp(reading.read_at) < case.attempt["read_at"]
    if case.standing is None and not older:
        noted = past.image("rechazos", slice_of(reading)) is not None
        drafts = (coverage_draft(reading, evidence_line(reading, outcome, case.mark)), *rejects_draft(reading, reject_rows(reading, None), noted))
    return Decision(outcome, False, reason, case.mark.content, drafts, twin=_twin(case, outcome))


def _twin(case: _Case, outcome: Outcome) -> str | None:
    """The location as whose twin a reading is held back."""
    twin = case.others.twin if outcome is Outcome.SOSPECHOSO else None
    return twin.location if twin else None


def carried_rows(state: pa.Table) -> int:
    """How many rows of a state are carried."""
    return int(pc.sum(state.column("_arrastrada")).as_py() or 0)


def counted(reading: Reading) -> bool:
    """Whether every row that was read is loaded, repeated or rejected, and the keys are unique."""
    if reading.read != reading.rows.num_rows + reading.repeated + reading.rejects.num_rows:
        return False
    if reading.rows.schema.names != row_schema(reading.fact).names:
        return False
    if ascending(reading.rows, ROW_KEYS[reading.fact], strictly=True):
        return True
    return bool(pc.count_distinct(key_column(reading.fact, reading.rows)).as_py() == reading.rows.num_rows)
