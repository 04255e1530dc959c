"""One pass over some tables: one PostgreSQL snapshot, short openings of DuckDB, chunk by chunk.

PostgreSQL's snapshot comes first and lasts for the whole pass; the DuckDB file is opened once to count
and once per batch of chunks, so that a writer never waits for long. A slice that was written between
the two shows by its ledger lines, which are read in the very snapshots that were compared.
Before this: ``prove``; after it: ``verdict``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fluxion_pipeline.contracts.clock import Clock, now
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.errors import ConvergenceError
from fluxion_pipeline.failpoints import passed
from fluxion_pipeline.landing.newest import newest
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.parity import digest, ledger, plan, renewal
from fluxion_pipeline.parity.count import count_differences
from fluxion_pipeline.parity.duckdb_side import DuckdbSide
from fluxion_pipeline.parity.exact import ChunkDifference, compare
from fluxion_pipeline.parity.lotes import Lotes, outbox_of
from fluxion_pipeline.parity.plan import Chunk, Group, Groups
from fluxion_pipeline.parity.postgresql_side import PostgresqlSide
from fluxion_pipeline.parity.report import Level
from fluxion_pipeline.parity.schema import drift, ledger_absent
from fluxion_pipeline.parity.sides import Side, by_slice, column_items, groups, loaded, totals, versions, without
from fluxion_pipeline.parity.verdict import Found
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks import copying
from fluxion_pipeline.sinks.duckdb.connect import open_file
from fluxion_pipeline.sinks.postgresql.connect import connect

Only = Mapping[str, Collection[str]]
"""The slices that are asked for, by table; a table that isn't in it is compared whole."""

Progress = Callable[[str, int, int], None]
"""Called after each chunk with the table, the chunks that are done, and how many there are."""


@dataclass(frozen=True)
class Pass:
    """How a pass is made.

    Attributes:
        settings: where the sinks are.
        level: ``count``, ``values`` or ``digest``.
        wait: seconds to wait for the DuckDB file, each time.
        folder: an existing folder for exported rows.
        progress: told of each chunk.
        full: compare every row, also of slices that are as they were when they were proven.
        clock: when rows are compared.
    """

    settings: Settings
    level: Level
    wait: float
    folder: Path
    progress: Progress | None = None
    full: bool = False
    clock: Clock = now

    def run(self, found: Mapping[str, Found], only: Only) -> None:
        """Compare the tables of ``found`` and write there what is found; whatever raises leaves ``left`` above zero.

        Raises:
            SinkAway: if a sink can't be read.
        """
        outbox = outbox_of(Outbox(self.settings.home))
        for item in found.values():
            item.left = 1
            if outbox is not None and item.spec.landed:
                item.lotes = Lotes(outbox, item.spec, newest(outbox.index, item.spec.name))
        with connect(self.settings, read_only=True) as connection:
            postgresql = PostgresqlSide(connection)
            work = self._plan(postgresql, found, only)
            for batch in plan.batches(c for chunks in work.values() for c in chunks):
                self._batch(postgresql, batch, found, work)
        passed("proof.compared")
        if proofs := {name: item.proof for name, item in found.items() if item.proof is not None}:
            ledger.keep(self.settings, proofs, self.clock())

    @contextmanager
    def _duckdb(self) -> Iterator[DuckdbSide]:
        with open_file(self.settings, write=False, wait=self.wait, purpose="fluxion parity") as connection:
            yield DuckdbSide(connection)

    def _plan(self, postgresql: PostgresqlSide, found: Mapping[str, Found], only: Only) -> dict[str, list[Chunk]]:
        """Check the schemas, count both sides, and cut the tables into chunks; at level ``count`` that is all."""
        work: dict[str, list[Chunk]] = {}
        kinds = postgresql.types()
        with self._duckdb() as duckdb:
            mine = duckdb.types()
            unready = ledger_absent(mine, kinds)
            to_copy = {} if unready else _to_copy(Outbox(self.settings.home), duckdb, postgresql)
            for name, item in found.items():
                start = time.perf_counter()
                item.drift = drift(item.spec, mine, kinds)
                if unready:
                    item.away = f"{unready} → fluxion init"
                elif not item.drift.differences:
                    item.to_copy = frozenset(to_copy.get(name, ()))
                    work[name] = self._chunks(postgresql, duckdb, item, only.get(name))
                    item.left = len(work[name])
                item.seconds += time.perf_counter() - start
        return work

    def _chunks(self, postgresql: PostgresqlSide, duckdb: DuckdbSide, item: Found, only: Collection[str] | None) -> list[Chunk]:
        whole = Chunk(item.spec, None, 0)
        renewed = renewal.Renewal(self.settings, postgresql, duckdb, item.spec, self.clock) if self._keeps(item.spec, only) else None
        left = without(groups(duckdb, whole, renewed.of_duckdb if renewed else None), item.to_copy)
        right = without(groups(postgresql, whole, renewed.of_postgresql if renewed else None), item.to_copy)
        wanted = {s: n for s, n in by_slice(right).items() if only is None or s in only}
        item.rows = (item.rows or {}) | wanted
        if only is None and not any(g.rows for g in (*left.values(), *right.values())):
            item.loaded = loaded(duckdb, item.spec.name) or loaded(postgresql, item.spec.name)
        self._vanished(postgresql, duckdb, item, left.values(), right.values(), only)
        if renewed is not None:
            item.proof = renewed.proof
            rest = renewed.rest(left, right, self.folder / "newer.csv", full=self.full)
            item.compared = len(rest)
            self._third(postgresql, duckdb, item, renewed.by_rows, left)
            return plan.chunks(item.spec, left, right, rest if renewed.proof.found or item.to_copy else None)
        if self.level is not Level.COUNT:
            return plan.chunks(item.spec, left, right, {g.slice for g in (*left.values(), *right.values())} if item.to_copy and only is None else only)
        result = count_differences(item.spec, left, right, only)
        self._note(postgresql, duckdb, item, result)
        if item.lotes is not None:
            _unlike(item, item.lotes.counted(duckdb, postgresql, {s: n for s, n in wanted.items() if s not in result.slices}))
        return []

    def _vanished(
        self, postgresql: PostgresqlSide, duckdb: DuckdbSide, item: Found, left: Collection[Group], right: Collection[Group], only: Collection[str] | None
    ) -> None:
        """Slices that landed with rows and are gone from both sinks; where all rows are gone, that is told otherwise."""
        present = {g.slice for g in (*left, *right)}
        if item.lotes is not None and present:
            self._third(postgresql, duckdb, item, item.lotes.vanished(present, only), {})

    def _third(self, postgresql: PostgresqlSide, duckdb: DuckdbSide, item: Found, slices: Collection[str], held: Groups) -> None:
        """Compare slices that both sinks hold alike with their images; what differs is not proven."""
        if item.lotes is None:
            return
        try:
            _unlike(item, item.lotes.unlike(duckdb, postgresql, slices, held))
        except ConvergenceError as error:
            item.unread = str(error)

    def _keeps(self, spec: TableSpec, only: Collection[str] | None) -> bool:
        """Whether what is proven now is remembered: exact proofs of whole tables that have slices."""
        return self.level is Level.VALUES and only is None and bool(spec.slice_columns)

    def _batch(self, postgresql: PostgresqlSide, batch: list[Chunk], found: Mapping[str, Found], work: Mapping[str, list[Chunk]]) -> None:
        files = {}
        if self.level is Level.VALUES:
            for number, chunk in enumerate(batch):
                start = time.perf_counter()
                files[number] = self.folder / f"{number}.csv"
                postgresql.export(chunk, column_items(chunk.spec, chunk.spec.values), files[number])
                found[chunk.spec.name].seconds += time.perf_counter() - start
        with self._duckdb() as duckdb:
            for number, chunk in enumerate(batch):
                start = time.perf_counter()
                item = found[chunk.spec.name]
                result = self._compare(postgresql, duckdb, chunk, files.get(number))
                self._note(postgresql, duckdb, item, result)
                held = groups(duckdb, chunk, duckdb.hashes(chunk.spec))
                equal = {name: total for name, total in totals(held).items() if name not in result.slices}
                self._third(postgresql, duckdb, item, equal.keys(), held)
                if item.proof is not None:
                    right = {s: total for s, total in equal.items() if s not in item.unlike and not item.unread}
                    renewal.compared(postgresql, duckdb, item.proof, right, self.clock())
                item.left -= 1
                item.seconds += time.perf_counter() - start
                if self.progress:
                    self.progress(chunk.spec.name, len(work[chunk.spec.name]) - item.left, len(work[chunk.spec.name]))

    def _compare(self, postgresql: PostgresqlSide, duckdb: DuckdbSide, chunk: Chunk, file: Path | None) -> ChunkDifference:
        spec = chunk.spec
        if file is not None:
            items = column_items(spec, spec.values)
            duckdb.receive(chunk, items, file)
            file.unlink()
            return compare(duckdb, chunk, items)
        left, right = (groups(side, chunk, side.digest(spec)) for side in (duckdb, postgresql))
        different = {v for v in left.keys() | right.keys() if left.get(v) != right.get(v)}
        if not different:
            return ChunkDifference()
        part = chunk.only(different) if spec.slice_columns else chunk
        items = (digest.row_item(spec),)
        target = self.folder / "digest.csv"
        postgresql.export(part, items, target)
        duckdb.receive(part, items, target)
        target.unlink()
        result = compare(duckdb, part, items)
        result.sample = digest.fill(duckdb, postgresql, spec, result.sample)
        return result

    def _note(self, postgresql: PostgresqlSide, duckdb: DuckdbSide, item: Found, result: ChunkDifference) -> None:
        """Keep what a chunk came to, with the ledger lines of its differing slices, of both snapshots."""
        mine, other = (versions(side, item.spec.name, result.slices) for side in (duckdb, postgresql))
        for name, difference in result.slices.items():
            known = item.slices.get(name)
            item.slices[name] = difference if known is None else known.plus(difference)
            item.versions[name] = (mine.get(name), other.get(name))
        item.sample += result.sample


def _to_copy(outbox: Outbox, *sides: Side) -> dict[str, set[str]]:
    """Table → slices that a sink which is filled anew has still to copy, by its snapshot."""
    found: dict[str, set[str]] = {}
    for side in sides:
        meta = dict(side.rows(copying.META))
        if (opened := outbox_of(outbox) if copying.begun(meta) else None) is not None:
            for image in copying.to_copy(opened, meta, side.rows(copying.LINES)):
                found.setdefault(image.table, set()).add(image.slice)
    return found


def _unlike(item: Found, result: ChunkDifference) -> None:
    """Keep what differs from the lotes; a proof of it is none."""
    item.unlike |= result.slices
    item.sample += result.sample
    if item.proof is not None:
        for name in result.slices:
            item.proof.found.pop(name, None)


def ledgers(settings: Settings, pending: Only, wait: float) -> dict[str, dict[str, tuple[object, object]]]:
    """What both ledgers say now of some slices, in short transactions of their own."""
    with connect(settings, read_only=True) as connection:
        postgresql = PostgresqlSide(connection)
        other = {t: versions(postgresql, t, slices) for t, slices in pending.items()}
    with open_file(settings, write=False, wait=wait, purpose="fluxion parity") as file:
        duckdb = DuckdbSide(file)
        mine = {t: versions(duckdb, t, slices) for t, slices in pending.items()}
    return {t: {s: (mine[t].get(s), other[t].get(s)) for s in slices} for t, slices in pending.items()}
