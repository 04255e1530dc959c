"""From what was found of a table to its verdict. Pure: nothing here connects.

A slice that differs while both sinks hold the same image of it (or none) is different. While they
hold different images it is pending: no alarm, but no proof either. A slice that both hold alike, and
unlike the image that both ledgers name, is different too. Before this: ``exact`` and the
ledgers; after it: ``report``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

from fluxion_pipeline.contracts.outcomes import Verdict
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.parity.exact import SliceDifference
from fluxion_pipeline.parity.ledger import Proof
from fluxion_pipeline.parity.lotes import Lotes
from fluxion_pipeline.parity.report import SAMPLE, Difference, Level, TableParity
from fluxion_pipeline.parity.schema import Drift
from fluxion_pipeline.parity.sides import Version

NAMED = 3
"""How many pending slices a reason names."""


@dataclass
class Found:
    """What a run has found of one table so far.

    Attributes:
        spec: the table.
        rows: PostgreSQL's rows per slice; None: not counted yet.
        slices: the slices that differ.
        versions: their versions in DuckDB's and PostgreSQL's ledger, each of its snapshot.
        sample: differences to show.
        drift: columns that aren't as in the contract; the rows are then not compared.
        loaded: whether some ledger says that rows were loaded (asked only where both are empty).
        left: chunks that aren't compared yet.
        away: why no more could be compared.
        moving: whether ledgers still moved at the last look.
        seconds: time spent on it.
        proof: what was known of it before, and what is proven now; None: that isn't remembered.
        compared: slices whose rows were compared one by one, where proofs are remembered.
        lotes: what landed of the table; None: it isn't landed, or nothing ever was.
        unlike: the slices that both sinks hold alike, and unlike their image.
        unread: why an image could not be read.
        to_copy: slices that a sink which is filled anew has not copied yet: they are not compared.
    """

    spec: TableSpec
    rows: dict[str, int] | None = None
    slices: dict[str, SliceDifference] = field(default_factory=dict)
    versions: dict[str, tuple[Version | None, Version | None]] = field(default_factory=dict)
    sample: list[Difference] = field(default_factory=list)
    drift: Drift = field(default_factory=Drift)
    loaded: bool = False
    left: int = 0
    away: str = ""
    moving: bool = False
    seconds: float = 0.0
    proof: Proof | None = None
    compared: int | None = None
    lotes: Lotes | None = None
    unlike: dict[str, SliceDifference] = field(default_factory=dict)
    unread: str = ""
    to_copy: frozenset[str] = frozenset()

    @property
    def pending(self) -> set[str]:
        """Slices that differ while the sinks hold different images of them."""
        return {s for s in self.slices if len(set(self.versions.get(s, (None, None)))) > 1}

    @property
    def settled(self) -> set[str]:
        """Slices that differ though the sinks hold the same image of them, or none."""
        return self.slices.keys() - self.pending

    def forget(self, slices: Iterable[str]) -> None:
        """Drop what was found of slices that are about to be compared again."""
        gone = set(slices)
        for name in gone:
            self.slices.pop(name, None)
            self.versions.pop(name, None)
            self.unlike.pop(name, None)
            (self.rows or {}).pop(name, None)
        self.sample = [d for d in self.sample if d.slice not in gone]


def judge(found: Found, level: Level) -> TableParity:
    """The verdict on a table."""
    verdict, reason = _verdict(found)
    total, both = _total(found.slices.values()), _total(found.unlike.values())
    rows = None if found.rows is None or found.drift.differences else sum(found.rows.values())
    return TableParity(
        found.spec.name,
        level,
        verdict,
        reason,
        rows_duckdb=None if rows is None else rows + total.surplus,
        rows_postgresql=rows,
        missing_in_postgresql=total.missing,
        missing_in_duckdb=total.extra,
        changed=total.changed,
        duplicated_in_duckdb=total.doubled_duckdb,
        duplicated_in_postgresql=total.doubled_postgresql,
        sample=_choose(found),
        pending=len(found.pending | found.to_copy),
        differing=frozenset(found.settled),
        missing_in_both=both.missing,
        extra_in_both=both.extra + both.doubled_postgresql,
        changed_in_both=both.changed,
        unlike_lote=frozenset(found.unlike),
        seconds=found.seconds,
        slices=None if found.rows is None else len(found.rows),
        compared=found.compared,
        oldest=found.proof.oldest if found.proof else None,
    )


def _total(items: Iterable[SliceDifference]) -> SliceDifference:
    total = SliceDifference()
    for item in items:
        total = total.plus(item)
    return total


def _verdict(found: Found) -> tuple[Verdict, str]:
    if found.settled or found.unlike:
        parts = [_summary(found) if found.settled else "", _unlike(found) if found.unlike else "", _waiting(found) if found.pending or found.to_copy else ""]
        return Verdict.DIFERENTE, "; ".join(p for p in parts if p)
    if found.drift.absent:
        return Verdict.NO_CONCLUYENTE, f"{'; '.join(found.drift.absent)} → fluxion init"
    if found.drift.differences:
        return Verdict.DIFERENTE, f"the schema departs from the contract: {found.drift.text()}"
    if found.away:
        return Verdict.NO_CONCLUYENTE, found.away
    if found.pending or found.to_copy:
        return Verdict.NO_CONCLUYENTE, _waiting(found)
    if found.unread:
        return Verdict.NO_CONCLUYENTE, f"both sinks are equal, but {found.unread}"
    if not sum((found.rows or {}).values()) and found.loaded:
        return Verdict.NO_CONCLUYENTE, f"both sinks are empty, though rows were loaded → fluxion repair {found.spec.name} --from lote --apply --force"
    return Verdict.IGUAL, ""


def _summary(found: Found) -> str:
    items = [found.slices[s] for s in found.settled]
    counts: Mapping[str, int] = {
        "missing in PostgreSQL": sum(i.missing for i in items),
        "only in PostgreSQL": sum(i.extra for i in items),
        "changed": sum(i.changed for i in items),
        "doubled in DuckDB": sum(i.doubled_duckdb for i in items),
        "doubled in PostgreSQL": sum(i.doubled_postgresql for i in items),
    }
    return ", ".join(f"{n} {text}" for text, n in counts.items() if n) + f" in {_slices(len(items))}"


def _unlike(found: Found) -> str:
    total = _total(found.unlike.values())
    counts = {"missing": total.missing, "extra": total.extra + total.doubled_postgresql, "changed": total.changed}
    told = ", ".join(f"{n} {text}" for text, n in counts.items() if n)
    where = f"{_slices(len(found.unlike))} ({_named(found.unlike)})"
    return f"both sinks are alike and differ from the lote in {where}: {told} → fluxion repair {found.spec.name} --from lote --apply"


def _named(slices: Iterable[str]) -> str:
    names = sorted(slices)
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")


def _waiting(found: Found) -> str:
    names, named = found.pending, _named(found.pending)
    told = []
    if found.to_copy:
        told.append(f"por_copiar: {_slices(len(found.to_copy))} ({_named(found.to_copy)}) of a sink that is being filled → fluxion sync")
    if names and found.moving:
        told.append(f"in flight: {_slices(len(names))} being written ({named})")
    elif names:
        told.append(f"pending {_slices(len(names))} ({named}): the sinks hold different images of them → fluxion sync")
    return "; ".join(told)


def _slices(number: int) -> str:
    return f"{number} slice{'' if number == 1 else 's'}"


def _choose(found: Found) -> tuple[Difference, ...]:
    """Some of each kind, those of settled slices first."""
    if found.drift.differences:
        return found.drift.differences[:SAMPLE]
    settled = found.settled | found.unlike.keys()
    kinds: dict[str, list[Difference]] = {}
    for item in sorted(found.sample, key=lambda d: d.slice not in settled):
        kinds.setdefault(item.kind, []).append(item)
    turns = [item for turn in zip_longest(*kinds.values()) for item in turn if item is not None]
    return tuple(turns[:SAMPLE])
