"""Slices at different versions: each sink's rows against the image that its own ledger names.

Such slices may differ, and nothing is wrong: one sink hasn't had the newest lote yet. But what each
holds must be what its own lote says, so that a row that was edited in a sink that lags behind is found
now, and not when it has caught up. Images are immutable and found by the index or in the lote that wrote
them. One that is no longer kept, or is of another outbox, can't be compared, and that is said. Where the
ledger has no line the sink must have no rows. Before this: ``levels``, ``lotes``; after it: ``verdict``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.parity.duckdb_side import DuckdbSide
from fluxion_pipeline.parity.exact import ChunkDifference, SliceDifference
from fluxion_pipeline.parity.images import compare_images, image_values, lay_out_held
from fluxion_pipeline.parity.levels import Digests, Values
from fluxion_pipeline.parity.lotes import Lotes
from fluxion_pipeline.parity.plan import Chunk, Groups
from fluxion_pipeline.parity.postgresql_side import PostgresqlSide
from fluxion_pipeline.parity.report import SAMPLE, Difference, Kind, of_own_lote
from fluxion_pipeline.parity.sides import Lines, Version, column_items, groups, totals

Theirs = Values | Digests
"""What tells PostgreSQL's rows of a chunk, by level."""


@dataclass
class Apart:
    """What slices at different versions came to.

    Attributes:
        unlike: what differs in each sink from its own images.
        unknown: slices of which that can't be told of a sink, with the reason.
    """

    unlike: dict[SinkName, ChunkDifference] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshots:
    """Both sides while slices at different versions are looked at, and where rows may travel through."""

    duckdb: DuckdbSide
    postgresql: PostgresqlSide
    lines: Lines
    file: Path


def examine(lotes: Lotes, both: Snapshots, chunk: Chunk, differing: Collection[str], held: Groups, theirs: Theirs | None = None) -> Apart:
    """Compare the slices of a chunk that stand at different versions, each side with its own image.

    Args:
        lotes: what landed of the table.
        both: the open snapshots, with the ledgers' lines of the chunk's slices.
        chunk: the rows.
        differing: its slices that differ; of others both sides hold the same rows.
        held: DuckDB's groups of rows with the sum of their hashes.
        theirs: what tells PostgreSQL's rows of each slice; None: it has none.

    Raises:
        ConvergenceError: if an image can't be read.
    """
    result, mine, hashes = Apart(), totals(held), both.duckdb.hashes(lotes.spec)
    apart = both.lines.apart(both.lines.duckdb.keys() | both.lines.postgresql.keys())
    if not apart or not lotes.newest:
        return result
    other = theirs.postgresql() if theirs else {}  # before anything else is received
    for sink, named in both.lines.by_sink:
        has, measure = (mine, hashes) if sink is SinkName.DUCKDB else (other, theirs.measure if theirs else hashes)
        images = lotes.images({s: v for s, v in named.items() if s in apart})
        wanted = lotes.sums(both.duckdb, list(images.values()), measure)
        wrong = {s for s in images.keys() | _of_nobody(apart, named, differing) if wanted.get(s, (0, 0)) != has.get(s, (0, 0))}
        result.unknown |= _unknown(sink, lotes, {s: v for s, v in named.items() if s in apart & set(differing) - images.keys()})
        if wrong:
            result.unlike[sink] = _named(both, sink, chunk, {s: i for s, i in images.items() if s in wrong}, wrong)
    return result


def counted(lotes: Lotes, lines: Lines, duckdb: Mapping[str, int], postgresql: Mapping[str, int]) -> Apart:
    """Level ``count``: the same by the number of rows of each slice."""
    result = Apart()
    if not lotes.newest:
        return result
    apart = lines.apart({*duckdb, *postgresql})
    differing = {s for s in apart if duckdb.get(s, 0) != postgresql.get(s, 0)}
    for sink, named in lines.by_sink:
        has = duckdb if sink is SinkName.DUCKDB else postgresql
        images = lotes.images({s: v for s, v in named.items() if s in apart})
        result.unknown |= _unknown(sink, lotes, {s: v for s, v in named.items() if s in differing - images.keys()})
        wanted = {s: i.rows for s, i in images.items()} | dict.fromkeys(_of_nobody(apart, named, differing), 0)
        wrong = {s: (has.get(s, 0), n) for s, n in sorted(wanted.items()) if has.get(s, 0) != n}
        if wrong:
            slices = {s: SliceDifference(missing=max(n - rows, 0), extra=max(rows - n, 0)) for s, (rows, n) in wrong.items()}
            result.unlike[sink] = ChunkDifference(slices, [_counts(sink, lotes.spec.name, s, *x) for s, x in list(wrong.items())[:SAMPLE]])
    return result


def _of_nobody(apart: Collection[str], named: Mapping[str, Version], differing: Collection[str]) -> set[str]:
    """Slices of which the sink's ledger has no line, and the other sink other rows: it must have none."""
    return {s for s in differing if s in apart and s not in named}


def _named(both: Snapshots, sink: SinkName, chunk: Chunk, images: Mapping[str, Image], wrong: Collection[str]) -> ChunkDifference:
    """Name the keys: the slices' rows of one side, all of them, beside their images."""
    spec, side = chunk.spec, both.duckdb if sink is SinkName.DUCKDB else both.postgresql
    by_values = {image_values(spec, s): i for s, i in images.items()}
    mine = {v for v, g in groups(side, chunk).items() if g.slice in wrong}
    part, items = chunk.only(by_values.keys() | mine) if spec.slice_columns else chunk, column_items(spec, spec.values)
    if sink is SinkName.DUCKDB:
        lay_out_held(both.duckdb, part)
    else:
        both.postgresql.export(part, items, both.file)
        both.duckdb.receive(part, items, both.file)
        both.file.unlink()
    found = compare_images(both.duckdb.connection, part, by_values, items)
    return ChunkDifference(found.slices, [_own(sink, d) for d in found.sample])


def _own(sink: SinkName, item: Difference) -> Difference:
    """A difference of lote and sink, as one of this sink and its own lote; of the other sink nothing is said."""
    row = item.postgresql
    duckdb, postgresql = (row, None) if sink is SinkName.DUCKDB else (None, row)
    return replace(item, kind=str(of_own_lote(Kind(item.kind), sink)), duckdb=duckdb, postgresql=postgresql, lote=item.duckdb)


def _counts(sink: SinkName, table: str, slice_: str, rows: int, wanted: int) -> Difference:
    kind, key = Kind.MISSING if wanted > rows else Kind.EXTRA, {"slice": slice_, "tabla": table}
    return _own(sink, Difference(str(kind), key, {"filas": wanted}, {"filas": rows}, ("filas",), slice_))


def _unknown(sink: SinkName, lotes: Lotes, lost: Mapping[str, Version]) -> dict[str, str]:
    reasons = {True: f"{sink}'s image is no longer kept", False: f"{sink}'s image is another outbox's"}
    return {s: reasons[outbox == lotes.outbox.id] for s, (outbox, _) in lost.items()}
