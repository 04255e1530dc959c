"""From what was found of a table to its verdict. Pure: nothing here connects.

A slice that differs while both sinks hold the same image of it (or none) is different. While they
hold different images it is pending: no alarm, but no proof either, unless one of them differs from its
own image. A slice that both hold alike, and unlike the image that both ledgers name, is different too.
Before this: ``exact``, ``lotes``, ``apart``; after it: ``report``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

from fluxion_pipeline.contracts.outcomes import SinkName, Verdict
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.parity.apart import Apart
from fluxion_pipeline.parity.exact import ChunkDifference, SliceDifference
from fluxion_pipeline.parity.ledger import Proof
from fluxion_pipeline.parity.lotes import Lotes
from fluxion_pipeline.parity.report import SAMPLE, Difference, Level, OwnLote, TableParity
from fluxion_pipeline.parity.schema import Drift
from fluxion_pipeline.parity.sides import Lines, Version
from fluxion_pipeline.sinks.slices import owner

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
        own: of each sink, the slices at different versions in which it differs from its own image.
        unknown: of slices that differ at different versions, why a sink can't be compared with its own image.
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
    own: dict[SinkName, dict[str, SliceDifference]] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)

    @property
    def pending(self) -> set[str]:
        """Slices that differ while the sinks hold different images of them."""
        return {s for s in self.slices if len(set(self.versions.get(s, (None, None)))) > 1}

    @property
    def settled(self) -> set[str]:
        """Slices that differ though the sinks hold the same image of them, or none."""
        return self.slices.keys() - self.pending

    @property
    def wrong(self) -> set[str]:
        """All slices in which something is wrong."""
        return self.settled.union(self.unlike, *self.own.values())

    def note(self, result: ChunkDifference, lines: Lines) -> None:
        """Keep what a chunk came to, with the ledger lines of its differing slices, of both snapshots."""
        for name, difference in result.slices.items():
            known = self.slices.get(name)
            self.slices[name] = difference if known is None else known.plus(difference)
            self.versions[name] = lines.of(name)
        self.sample += result.sample

    def note_unlike(self, result: ChunkDifference) -> None:
        """Keep what differs from the lotes; a proof of it is none."""
        self.unlike |= result.slices
        self.sample += result.sample
        if self.proof is not None:
            for name in result.slices:
                self.proof.found.pop(name, None)

    def note_apart(self, result: Apart) -> None:
        """Keep what slices at different versions came to."""
        self.unknown |= result.unknown
        for sink, difference in result.unlike.items():
            self.own.setdefault(sink, {}).update(difference.slices)
            self.sample += difference.sample

    def forget(self, slices: Iterable[str]) -> None:
        """Drop what was found of slices that are about to be compared again."""
        gone = set(slices)
        for name in gone:
            self.slices.pop(name, None)
            self.versions.pop(name, None)
            self.unlike.pop(name, None)
            self.unknown.pop(name, None)
            for own in self.own.values():
                own.pop(name, None)
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
        unlike_own={str(sink): _own_lote(slices) for sink, slices in found.own.items() if slices},
        seconds=found.seconds,
        slices=None if found.rows is None else len(found.rows),
        compared=found.compared,
        oldest=found.proof.oldest if found.proof else None,
    )


def _own_lote(slices: Mapping[str, SliceDifference]) -> OwnLote:
    total = _total(slices.values())
    return OwnLote(frozenset(slices), total.missing, total.extra + total.doubled_postgresql, total.changed)


def _total(items: Iterable[SliceDifference]) -> SliceDifference:
    total = SliceDifference()
    for item in items:
        total = total.plus(item)
    return total


def _verdict(found: Found) -> tuple[Verdict, str]:
    if found.wrong:
        parts = [
            _summary(found) if found.settled else "",
            _unlike(found) if found.unlike else "",
            *_own(found),
            _waiting(found) if found.pending or found.to_copy else "",
        ]
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
    return f"both sinks are alike and differ from the lote in {_kinds(found.unlike)} → fluxion repair {found.spec.name} --from lote --apply"


def _own(found: Found) -> list[str]:
    wrong = [(sink, slices) for sink, slices in found.own.items() if slices]
    return [f"{sink} differs from its own lote in {_kinds(slices)} → fluxion repair {found.spec.name} --from lote --apply" for sink, slices in wrong]


def _kinds(slices: Mapping[str, SliceDifference]) -> str:
    """What differs from lotes, which stand in DuckDB's place."""
    total = _total(slices.values())
    counts = {"missing": total.missing, "extra": total.extra + total.doubled_postgresql, "changed": total.changed}
    told = ", ".join(f"{n} {text}" for text, n in counts.items() if n)
    return f"{_slices(len(slices))} ({_named(slices)}): {told}"


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
        told.append(f"pending {_slices(len(names))} ({named}){_behind(found)}: the sinks hold different images of them{_lost(found)} → fluxion sync")
    return "; ".join(told)


def _behind(found: Found) -> str:
    lotes = _lotes(found)
    return f", {lotes} lote{'' if lotes == 1 else 's'} apart" if lotes else ""


def _lost(found: Found) -> str:
    lost = [f"{s}: {found.unknown[s]}" for s in sorted(found.unknown.keys() & found.pending)]
    return f"; whether its rows are right can't be told ({'; '.join(lost[:NAMED])}{'; …' if len(lost) > NAMED else ''})" if lost else ""


def _lotes(found: Found) -> int:
    """By how many lotes the sinks are apart in pending slices: of each location, at least; 0: that can't be told."""
    steps: dict[str, int] = {}
    newest: dict[str, set[int]] = {}
    for name in found.pending:
        known = [v for v in found.versions[name] if v is not None]
        if len({outbox for outbox, _ in known}) == 1:
            place, numbers = owner(found.spec.name, name), [n for _, n in known]
            newest.setdefault(place, set()).add(max(numbers))
            steps[place] = max(steps.get(place, 1), max(numbers) - min(numbers))
    return sum(max(steps[place], len(numbers)) for place, numbers in newest.items())


def _slices(number: int) -> str:
    return f"{number} slice{'' if number == 1 else 's'}"


def _choose(found: Found) -> tuple[Difference, ...]:
    """Some of each kind, what is wrong first: pending slices may differ."""
    if found.drift.differences:
        return found.drift.differences[:SAMPLE]
    wrong = found.settled | found.unlike.keys()
    kinds: dict[str, list[Difference]] = {}
    for item in sorted(found.sample, key=lambda d: not (d.by_lote or d.slice in wrong)):
        kinds.setdefault(item.kind, []).append(item)
    turns = [item for turn in zip_longest(*kinds.values()) for item in turn if item is not None]
    return tuple(turns[:SAMPLE])
