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
from fluxion_pipeline.landing import earlier
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.parity import ledger, newer
from fluxion_pipeline.parity.duckdb_side import DuckdbSide
from fluxion_pipeline.parity.ledger import Proof, Proven
from fluxion_pipeline.parity.plan import Chunk, Groups
from fluxion_pipeline.parity.postgresql_side import PostgresqlSide
from fluxion_pipeline.parity.sides import totals, versions
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.slices import owner

STALE = timedelta(hours=20)
"""After this a slice's rows are compared anew, the oldest first."""

AT_ONCE = 50_000, 20
"""Rows of stale slices that one pass compares: so many, or this part of the table if that is more."""


class Renewal:
    """One table in one pass, while its snapshot and the DuckDB file are open."""

    def __init__(self, settings: Settings, postgresql: PostgresqlSide, duckdb: DuckdbSide, spec: TableSpec, clock: Clock) -> None:
        """Load what was proven before."""
        self.settings, self.postgresql, self.duckdb, self.spec, self.clock = settings, postgresql, duckdb, spec, clock
        self.proof = ledger.load(postgresql, spec)

    @property
    def of_duckdb(self) -> str:
        """What DuckDB is asked of each group of rows, beside their number."""
        return self.duckdb.hashes(self.spec)

    @property
    def of_postgresql(self) -> str | None:
        """What PostgreSQL is asked of each group of rows, beside their number; None: there is no proof to renew."""
        return None if self.proof.mark is None else self.postgresql.newer(self.proof.mark)

    def rest(self, left: Groups, right: Groups, file: Path, *, full: bool) -> set[str]:
        """The slices whose rows must be compared; the others are put into ``proof.found``.

        Args:
            left: DuckDB's groups, with ``of_duckdb``.
            right: PostgreSQL's groups, with ``of_postgresql``.
            file: where rows may travel through.
            full: compare everything.
        """
        mine, other = totals(left), totals(right)
        every = mine.keys() | other.keys()
        if full or self.proof.mark is None:
            return set(every)
        before = self.proof.before
        same = {s: before[s] for s in every if s in before and mine.get(s) == (before[s].rows, int(before[s].sum)) and other.get(s) == (before[s].rows, 0)}
        for name in self._stale(same, sum(rows for rows, _ in other.values())):
            del same[name]
        self.proof.found = same
        self._by_rows(left, mine, other, file)
        return every - self.proof.found.keys()

    @property
    def by_rows(self) -> set[str]:
        """The slices that changed and were proven by their changed rows: at another image than before."""
        return {s for s, p in self.proof.found.items() if s in self.proof.before and p.version != self.proof.before[s].version}

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

    def _by_rows(self, left: Groups, mine: Mapping[str, tuple[int, int]], other: Mapping[str, tuple[int, int]], file: Path) -> None:
        """Prove slices that changed by the rows that did."""
        names = [s for s in self.proof.before if s not in self.proof.found and s in mine and s in other]
        ours, theirs = (versions(side, self.spec.name, names) for side in (self.duckdb, self.postgresql))
        outbox = Outbox(self.settings.home)
        changed: dict[str, newer.Changed] = {}
        for name in names:
            version, proven = ours.get(name), self.proof.before[name]
            if version is None or version != theirs.get(name) or version[1] == proven.version:
                continue
            place = owner(self.spec.name, name)
            image = earlier.image(outbox.place(place), version[0], place, self.spec.name, name, proven.version)
            item = image and newer.Changed(proven, image, mine[name], *other[name])
            if item and item.worthwhile:
                changed[name] = item
        if not changed or self.proof.mark is None:
            return
        chunk = Chunk(self.spec, None, 0).only([v for v, g in left.items() if g.slice in changed])
        for name in newer.proven(self.postgresql, self.duckdb, chunk, changed, self.proof.mark, file):
            rows, total = mine[name]
            self.proof.found[name] = replace(changed[name].proven, version=ours[name][1], rows=rows, sum=str(total))


def compared(postgresql: PostgresqlSide, duckdb: DuckdbSide, proof: Proof, equal: Mapping[str, tuple[int, int]], at: datetime) -> None:
    """Put slices that were compared and don't differ into ``proof.found``, where both sinks hold one version of them.

    Args:
        postgresql: the snapshot.
        duckdb: the open file.
        proof: what the pass proves.
        equal: DuckDB's number of rows and sum of hashes of each of them.
        at: when they were compared.
    """
    ours, theirs = (versions(side, proof.table.name, equal) for side in (duckdb, postgresql))
    for name, (rows, total) in equal.items():
        if name in ours and ours[name] == theirs.get(name):
            proof.found[name] = Proven(ours[name][1], rows, str(total), at)
