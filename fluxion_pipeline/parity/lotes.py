"""The third leg of a proof: rows that both sinks hold alike, against the image that their ledgers name.

Two sinks that are wrong in the same way are equal to each other; only what landed tells. A slice whose
rows were just found equal on both sides is compared with its image by the number of its rows and the
sum of their hashes, within DuckDB; where these differ, the keys are named by the exact comparison.
Slices whose proof still holds are not read again. Whatever can't be said (sinks that hold different
images, an image of another outbox, one that is gone) is no difference. Before this: ``exact``; after
it: ``verdict``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from fluxion_pipeline.contracts.sqltext import slice_text
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.landing import earlier
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.landing.newest import Newest
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.parity.duckdb_side import DuckdbSide
from fluxion_pipeline.parity.exact import ChunkDifference, SliceDifference
from fluxion_pipeline.parity.images import compare_images, image_values, lay_out_held
from fluxion_pipeline.parity.plan import Chunk, Groups
from fluxion_pipeline.parity.report import SAMPLE, Difference, Kind
from fluxion_pipeline.parity.sides import Side, Version, column_items, totals, versions
from fluxion_pipeline.sinks.changes import load_image

IN_BOTH = {Kind.MISSING: Kind.MISSING_IN_BOTH, Kind.EXTRA: Kind.EXTRA_IN_BOTH, Kind.CHANGED: Kind.CHANGED_IN_BOTH, Kind.DUPLICATED: Kind.DUPLICATED}
_LOTE = "parity_lote"


def outbox_of(outbox: Outbox) -> Outbox | None:
    """The outbox, ready to be asked; None where nothing ever landed."""
    return outbox.open() if (outbox.root / "outbox.json").exists() else None


@dataclass(frozen=True)
class Lotes:
    """What landed of one table.

    Attributes:
        outbox: where.
        spec: the table.
        newest: the newest image of each slice; empty: nothing of the table ever landed, so nothing can be said.
    """

    outbox: Outbox
    spec: TableSpec
    newest: Mapping[str, Newest] = field(default_factory=dict)

    def vanished(self, present: Collection[str], only: Collection[str] | None) -> list[str]:
        """Slices that should have rows and have none in either sink."""
        return [s for s, image in self.newest.items() if image.rows and s not in present and (only is None or s in only)]

    def counted(self, duckdb: DuckdbSide, postgresql: Side, rows: Mapping[str, int]) -> ChunkDifference:
        """Level ``count``: slices of which both sinks hold the same number of rows, and the newest image, which both hold, another one.

        Args:
            duckdb: the open file.
            postgresql: the snapshot.
            rows: that number, of each slice.
        """
        result = ChunkDifference()
        suspect = {s: (n, self.newest[s].rows) for s, n in rows.items() if s in self.newest and self.newest[s].rows != n}
        for name, (_, version) in self._agreed(duckdb, postgresql, suspect).items():
            held, wanted = suspect[name]
            if version != self.newest[name].version:
                continue
            result.slices[name] = SliceDifference(missing=max(wanted - held, 0), extra=max(held - wanted, 0))
            kind, told = Kind.MISSING_IN_BOTH if wanted > held else Kind.EXTRA_IN_BOTH, {"filas": held}
            if len(result.sample) < SAMPLE:
                key = {"slice": name, "tabla": self.spec.name}
                result.sample.append(Difference(str(kind), key, told, told, ("filas",), name, {"filas": wanted}))
        return result

    def unlike(self, duckdb: DuckdbSide, postgresql: Side, names: Collection[str], held: Groups) -> ChunkDifference:
        """What differs between the lotes (``missing``: only they have it) and slices that both sinks hold alike.

        Args:
            duckdb: the open file, of the opening in which ``held`` was counted.
            postgresql: the snapshot.
            names: those slices.
            held: DuckDB's groups of rows with the sum of their hashes (``DuckdbSide.hashes``); others may be among them.

        Raises:
            ConvergenceError: if an image can't be read.
        """
        names = set(names)
        if not self.newest or not names:
            return ChunkDifference()
        sums = totals({v: g for v, g in held.items() if g.slice in names})
        images = dict(self._images(self._agreed(duckdb, postgresql, names)))
        right = self._sums(duckdb, list(images.values()))
        wrong = {s for s in images if right.get(s, (0, 0)) != sums.get(s, (0, 0))}
        wrong |= self._of_nobody(duckdb, postgresql, names - self.newest.keys() - images.keys())
        return self._named(duckdb, {s: images[s] for s in wrong if s in images}, wrong, held) if wrong else ChunkDifference()

    def _agreed(self, duckdb: Side, postgresql: Side, names: Collection[str]) -> dict[str, Version]:
        """The slices of which both ledgers name the same image of this outbox."""
        ours, theirs = (versions(side, self.spec.name, names) for side in (duckdb, postgresql))
        return {s: v for s, v in ours.items() if v == theirs.get(s) and v[0] == self.outbox.id}

    def _of_nobody(self, duckdb: Side, postgresql: Side, names: Collection[str]) -> set[str]:
        """Slices that neither the lotes nor a ledger know, though both sinks hold rows of them."""
        known = {s for side in (duckdb, postgresql) for s in versions(side, self.spec.name, names)}
        return set(names) - known

    def _images(self, agreed: Mapping[str, Version]) -> Iterator[tuple[str, Image]]:
        places: dict[str, list[str]] = {}
        for name, (_, version) in agreed.items():
            found = self.newest.get(name)
            if found is None:
                continue
            if found.version == version:
                places.setdefault(found.location, []).append(name)
            elif (old := earlier.image(self.outbox.place(found.location), self.outbox.id, found.location, self.spec.name, name, version)) is not None:
                yield name, old
        for place, names in places.items():
            for image in self.outbox.index.images(place, self.spec.name, slices=names):
                if image.version == agreed[image.slice][1]:
                    yield image.slice, image

    def _sums(self, duckdb: DuckdbSide, images: list[Image]) -> dict[str, tuple[int, int]]:
        load_image(duckdb.connection, self.spec, images, _LOTE)
        found = duckdb.rows(f"SELECT {slice_text(self.spec)}, count(*), {duckdb.hashes(self.spec)} FROM {_LOTE} GROUP BY 1")  # noqa: S608 own names
        return {name: (rows, int(total)) for name, rows, total in found}

    def _named(self, duckdb: DuckdbSide, images: Mapping[str, Image], wrong: Collection[str], held: Groups) -> ChunkDifference:
        by_values = {image_values(self.spec, i.slice): i for i in images.values()}
        mine = {v for v, g in held.items() if g.slice in wrong}
        chunk = Chunk(self.spec, None, 0).only(by_values.keys() | mine) if self.spec.slice_columns else Chunk(self.spec, None, 0)
        lay_out_held(duckdb, chunk)
        found = compare_images(duckdb.connection, chunk, by_values, column_items(self.spec, self.spec.values))
        return ChunkDifference(found.slices, [_in_both(d) for d in found.sample])


def _in_both(item: Difference) -> Difference:
    """A difference of lote and sink, as one of lote and both sinks."""
    return replace(item, kind=str(IN_BOTH[Kind(item.kind)]), duckdb=item.postgresql, lote=item.duckdb)
