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
from fluxion_pipeline.landing.kept import KeptLotes
from fluxion_pipeline.landing.newest import newest
from fluxion_pipeline.parity import apart, ledger, levels, plan, renewal
from fluxion_pipeline.parity.apart import Snapshots, Theirs
from fluxion_pipeline.parity.count import count_differences
from fluxion_pipeline.parity.duckdb_side import DuckdbSide
from fluxion_pipeline.parity.images import image_values
from fluxion_pipeline.parity.lotes import Lotes, outbox_of
from fluxion_pipeline.parity.plan import Chunk, Group, Groups
from fluxion_pipeline.parity.postgresql_side import PostgresqlSide
from fluxion_pipeline.parity.report import Level
from fluxion_pipeline.parity.schema import drift, ledger_absent
from fluxion_pipeline.parity.sides import Lines, Side, by_slice, column_items, groups, lines, loaded, totals, versions, without
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
        outbox = outbox_of(KeptLotes(self.settings.home))
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
            to_copy = {} if unready else _to_copy(KeptLotes(self.settings.home), duckdb, postgresql)
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
        renewed = renewal.Renewal(postgresql, duckdb, item.spec, item.lotes, self.clock, full=self.full) if self._keeps(item.spec, only) else None
        mine, other = renewed.counted() if renewed is not None else (groups(duckdb, whole), groups(postgresql, whole))
        left, right = without(mine, item.to_copy), without(other, item.to_copy)
        wanted = {s: n for s, n in by_slice(right).items() if only is None or s in only}
        item.rows = (item.rows or {}) | wanted
        if only is None and not any(g.rows for g in (*left.values(), *right.values())):
            item.loaded = loaded(duckdb, item.spec.name) or loaded(postgresql, item.spec.name)
        self._vanished(postgresql, duckdb, item, left.values(), right.values(), only)
        if renewed is not None:
            item.proof = renewed.proof
            rest = renewed.rest(left, right, self.folder / "newer.csv")
            item.compared = len(rest)
            return plan.chunks(item.spec, left, right, rest if renewed.proof.found or item.to_copy else None)
        if self.level is not Level.COUNT:
            return plan.chunks(item.spec, left, right, {g.slice for g in (*left.values(), *right.values())} if item.to_copy and only is None else only)
        self._counted(postgresql, duckdb, item, only, left, right)
        return []

    def _counted(self, postgresql: PostgresqlSide, duckdb: DuckdbSide, item: Found, only: Collection[str] | None, left: Groups, right: Groups) -> None:
        """Level ``count``: both sides' rows of each slice, and those of the images."""
        result = count_differences(item.spec, left, right, only)
        mine, other = ({s: n for s, n in by_slice(side).items() if only is None or s in only} for side in (left, right))
        told = self._lines(postgresql, duckdb, item, mine.keys() | other.keys())
        item.note(result, told)
        if item.lotes is not None:
            item.note_unlike(item.lotes.counted(told, {s: n for s, n in other.items() if s not in result.slices}))
            item.note_apart(apart.counted(item.lotes, told, mine, other))

    def _vanished(
        self, postgresql: PostgresqlSide, duckdb: DuckdbSide, item: Found, left: Collection[Group], right: Collection[Group], only: Collection[str] | None
    ) -> None:
        """Slices that landed with rows and are gone from both sinks; where all rows are gone, that is told otherwise."""
        present = {g.slice for g in (*left, *right)}
        gone = item.lotes.vanished(present | item.to_copy, only) if item.lotes is not None and present else []
        if gone:
            both = self._snapshots(postgresql, duckdb, item, gone)
            chunk = Chunk(item.spec, None, 0).only({image_values(item.spec, s) for s in gone})
            self._own(item, both, chunk, {}, {})
            self._third(item, both, gone, {})

    def _snapshots(self, postgresql: PostgresqlSide, duckdb: DuckdbSide, item: Found, slices: Collection[str]) -> Snapshots:
        return Snapshots(duckdb, postgresql, self._lines(postgresql, duckdb, item, slices), self.folder / "own.csv")

    def _lines(self, postgresql: PostgresqlSide, duckdb: DuckdbSide, item: Found, slices: Collection[str]) -> Lines:
        told = lines(duckdb, postgresql, item.spec.name, slices)
        return told if item.lotes is None else item.lotes.taken(told, (duckdb, postgresql), slices)

    def _third(self, item: Found, both: Snapshots, slices: Collection[str], held: Groups) -> set[str]:
        """Compare slices that both sinks hold alike with their images; the slices that are as these say."""
        if item.lotes is None:
            return set()
        try:
            result, right = item.lotes.unlike(both.duckdb, both.lines, slices, held)
        except ConvergenceError as error:
            item.unread = str(error)
            return set()
        item.note_unlike(result)
        return right

    def _own(self, item: Found, both: Snapshots, chunk: Chunk, differing: Collection[str], held: Groups, theirs: Theirs | None = None) -> None:
        """Compare slices at different versions, each sink with its own images."""
        if item.lotes is None:
            return
        try:
            item.note_apart(apart.examine(item.lotes, both, chunk, differing, held, theirs))
        except ConvergenceError as error:
            item.unknown |= dict.fromkeys(both.lines.apart(differing), str(error))

    def _keeps(self, spec: TableSpec, only: Collection[str] | None) -> bool:
        """Whether what is proven now is remembered: exact proofs of whole tables that have slices."""
        return self.level is Level.VALUES and only is None and bool(spec.slice_columns)

    def _batch(self, postgresql: PostgresqlSide, batch: list[Chunk], found: Mapping[str, Found], work: Mapping[str, list[Chunk]]) -> None:
        files: dict[int, tuple[Path, int]] = {}
        if self.level is Level.VALUES:
            for number, chunk in enumerate(batch):
                start = time.perf_counter()
                file = self.folder / f"{number}.csv"
                files[number] = file, postgresql.export(chunk, column_items(chunk.spec, chunk.spec.values), file)
                found[chunk.spec.name].seconds += time.perf_counter() - start
        with self._duckdb() as duckdb:
            for number, chunk in enumerate(batch):
                start = time.perf_counter()
                item = found[chunk.spec.name]
                self._chunk(postgresql, duckdb, item, chunk, files.get(number))
                if number in files:
                    files[number][0].unlink()
                item.left -= 1
                item.seconds += time.perf_counter() - start
                if self.progress:
                    self.progress(chunk.spec.name, len(work[chunk.spec.name]) - item.left, len(work[chunk.spec.name]))

    def _chunk(self, postgresql: PostgresqlSide, duckdb: DuckdbSide, item: Found, chunk: Chunk, rows: tuple[Path, int] | None) -> None:
        """Compare a chunk, side with side and each with the lotes, and keep what is proven."""
        if rows is not None:
            compared: Theirs = levels.by_values(duckdb, chunk, *rows)
        else:
            compared = levels.by_digest(duckdb, postgresql, chunk, self.folder / "digest.csv")
        different = compared.difference.slices.keys()
        held = groups(duckdb, chunk, duckdb.hashes(chunk.spec))
        equal = {name: total for name, total in totals(held).items() if name not in different}
        both = self._snapshots(postgresql, duckdb, item, equal.keys() | different)
        item.note(compared.difference, both.lines)
        self._own(item, both, chunk, different, held, compared)
        right = self._third(item, both, equal.keys(), held)
        if item.proof is not None:
            renewal.compared(item.proof, both.lines, {s: equal[s] for s in right}, self.clock())


def _to_copy(outbox: KeptLotes, *sides: Side) -> dict[str, set[str]]:
    """Table → slices that a sink which is filled anew has still to copy, by its snapshot."""
    found: dict[str, set[str]] = {}
    for side in sides:
        meta = dict(side.rows(copying.META))
        if (opened := outbox_of(outbox) if copying.begun(meta) else None) is not None:
            for image in copying.to_copy(opened, meta, side.rows(copying.LINES)):
                found.setdefault(image.table, set()).add(image.slice)
    return found


def ledgers(settings: Settings, pending: Only, wait: float) -> dict[str, dict[str, tuple[object, object]]]:
    """What both ledgers say now of some slices, in short transactions of their own."""
    with connect(settings, read_only=True) as connection:
        postgresql = PostgresqlSide(connection)
        other = {t: versions(postgresql, t, slices) for t, slices in pending.items()}
    with open_file(settings, write=False, wait=wait, purpose="fluxion parity") as file:
        duckdb = DuckdbSide(file)
        mine = {t: versions(duckdb, t, slices) for t, slices in pending.items()}
    return {t: {s: (mine[t].get(s), other[t].get(s)) for s in slices} for t, slices in pending.items()}
