"""A proof renewed: which slices are as they were when they were proven, and what is left to compare.

PostgreSQL tells per slice how many rows it has and how many are newer than the proof, DuckDB how many
and the sum of their hashes: where nothing is newer and both are as they were, the proof still holds.
Slices that changed are proven by their changed rows where that can be done (``newer``), and whole
otherwise. Slices whose rows were compared longest ago are compared anew, so that every row is at
least once a day. Before this: ``ledger``; after it: ``passes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from fluxion_pipeline.contracts.clock import Clock
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.parity import ledger, newer
from fluxion_pipeline.parity.duckdb_side import DuckdbSide
from fluxion_pipeline.parity.ledger import Proof, Proven
from fluxion_pipeline.parity.lotes import Lotes
from fluxion_pipeline.parity.plan import Chunk, Groups
from fluxion_pipeline.parity.postgresql_side import PostgresqlSide
from fluxion_pipeline.parity.sides import Lines, groups, lines, totals

STALE = timedelta(hours=20)
"""After this a slice's rows are compared anew, the oldest first."""

AT_ONCE = 50_000, 20
"""Rows of stale slices that one pass compares: so many, or this part of the table if that is more."""


class Renewal:
    """One table in one pass, while its snapshot and the DuckDB file are open."""

    def __init__(self, postgresql: PostgresqlSide, duckdb: DuckdbSide, spec: TableSpec, lotes: Lotes | None, clock: Clock, *, full: bool) -> None:
        """Load what was proven before; ``full``: compare everything all the same."""
        self.postgresql, self.duckdb, self.spec, self.lotes, self.clock = postgresql, duckdb, spec, lotes, clock
        self.proof = ledger.load(postgresql, spec)
        self.full = full or self.proof.mark is None

    def counted(self) -> tuple[Groups, Groups]:
        """Both sides' rows by slice; where there is a proof to renew, with the sum of DuckDB's hashes and the number of PostgreSQL's newer rows."""
        left, right = self._counted()
        self.proof.held = frozenset(g.slice for g in right.values())
        return left, right

    def _counted(self) -> tuple[Groups, Groups]:
        whole, before = Chunk(self.spec, None, 0), self.proof.before
        if self.full or self.proof.mark is None:
            return groups(self.duckdb, whole), groups(self.postgresql, whole)
        left = groups(self.duckdb, whole, self.duckdb.hashes(self.spec))
        # Where DuckDB is as it was, PostgreSQL most often is, and to see that of a whole table costs half of what it costs by slices.
        same = self.proof.all and totals(left) == {s: (p.rows, int(p.sum)) for s, p in before.items()}
        if same and self.postgresql.untouched(self.spec, self.proof.mark, sum(p.rows for p in before.values())):
            return left, {v: replace(g, also="0") for v, g in left.items()}
        return left, self.postgresql.groups_by_age(self.spec, self.proof.mark)

    def rest(self, left: Groups, right: Groups, file: Path) -> set[str]:
        """The slices whose rows must be compared; the others are put into ``proof.found``.

        Args:
            left: DuckDB's groups, of ``counted``.
            right: PostgreSQL's.
            file: where rows may travel through.
        """
        mine, other = totals(left), totals(right)
        every = mine.keys() | other.keys()
        if self.full:
            return set(every)
        before = self.proof.before
        told = lines(self.duckdb, self.postgresql, self.spec.name, before.keys() & every)
        agreed = {s: version for s, (_, version) in told.agreed.items()}
        same = {s: before[s] for s in every if s in before and mine.get(s) == (before[s].rows, int(before[s].sum)) and other.get(s) == (before[s].rows, 0)}
        same = {s: p for s, p in same.items() if agreed.get(s) == p.version}
        for name in self._stale(same, sum(rows for rows, _ in other.values())):
            del same[name]
        self.proof.found = same
        self._by_rows(told, left, mine, other, file)
        return every - self.proof.found.keys()

    def _stale(self, same: Mapping[str, Proven], rows: int) -> list[str]:
        """The slices that were compared longest ago, as many as one pass compares anew."""
        limit, left = self.clock() - STALE, max(AT_ONCE[0], rows // AT_ONCE[1])
        result: list[str] = []
        for name, item in sorted(same.items(), key=lambda x: x[1].compared):
            if item.compared > limit or (result and item.rows > left):
                break
            result.append(name)
            left -= item.rows
        return result

    def _by_rows(self, told: Lines, left: Groups, mine: Mapping[str, tuple[int, int]], other: Mapping[str, tuple[int, int]], file: Path) -> None:
        """Prove slices that changed by the rows that did."""
        if self.lotes is None:
            return
        moved = {s: v for s, v in told.agreed.items() if s not in self.proof.found and s in mine and s in other and v[1] != self.proof.before[s].version}
        now = self.lotes.images(moved)
        before = self.lotes.images({s: (outbox, self.proof.before[s].version) for s, (outbox, _) in moved.items()})
        items = {s: newer.Changed(self.proof.before[s], before[s], now[s], mine[s], *other[s]) for s in now.keys() & before.keys()}
        changed = {s: item for s, item in items.items() if item.worthwhile and item.image.rows}
        if not changed or self.proof.mark is None:
            return
        chunk = Chunk(self.spec, None, 0).only([v for v, g in left.items() if g.slice in changed])
        for name in newer.proven(self.postgresql, self.duckdb, chunk, changed, self.proof.mark, file):
            rows, total = mine[name]
            self.proof.found[name] = replace(changed[name].proven, version=told.agreed[name][1], rows=rows, sum=str(total))


def compared(proof: Proof, told: Lines, equal: Mapping[str, tuple[int, int]], at: datetime) -> None:
    """Put slices that were compared and don't differ into ``proof.found``, where both sinks hold one version of them.

    Args:
        proof: what the pass proves.
        told: what both ledgers say of them.
        equal: DuckDB's number of rows and sum of hashes of each of them.
        at: when they were compared.
    """
    agreed = told.agreed
    for name, (rows, total) in equal.items():
        if name in agreed:
            proof.found[name] = Proven(agreed[name][1], rows, str(total), at)
