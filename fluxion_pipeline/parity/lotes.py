"""The third leg of a proof: rows that both sinks hold alike, against the image that their ledgers name.

Two sinks that are wrong in the same way are equal to each other; only what landed tells. A slice whose
rows were just found equal on both sides is compared with its image by the number of its rows and the
sum of their hashes, within DuckDB; where these differ, the keys are named by the exact comparison.
Slices whose proof still holds are not read again. Whatever can't be said (an image of another outbox,
one that is gone) is no difference; slices of which the sinks hold different images are ``apart``'s.
Before this: ``exact``; after it: ``verdict``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.landing.kept import KeptLotes
from fluxion_pipeline.landing.newest import Newest
from fluxion_pipeline.parity.duckdb_side import DuckdbSide
from fluxion_pipeline.parity.exact import ChunkDifference, SliceDifference
from fluxion_pipeline.parity.images import compare_images, image_values, lay_out_held
from fluxion_pipeline.parity.plan import Chunk, Groups
from fluxion_pipeline.parity.report import SAMPLE, Difference, Kind
from fluxion_pipeline.parity.sides import Lines, Side, Version, column_items, totals
from fluxion_pipeline.sinks import copying
from fluxion_pipeline.sinks.changes import measure_images
from fluxion_pipeline.sinks.claim import held_upto
from fluxion_pipeline.sinks.slices import owner

IN_BOTH = {Kind.MISSING: Kind.MISSING_IN_BOTH, Kind.EXTRA: Kind.EXTRA_IN_BOTH, Kind.CHANGED: Kind.CHANGED_IN_BOTH, Kind.DUPLICATED: Kind.DUPLICATED}


def outbox_of(outbox: KeptLotes) -> KeptLotes | None:
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

    outbox: KeptLotes
    spec: TableSpec
    newest: Mapping[str, Newest] = field(default_factory=dict)

    def taken(self, lines: Lines, sides: tuple[Side, Side], slices: Collection[str]) -> Lines:
        """The lines of some slices, and for each that a ledger has lost the newest image, where its sink says that it has all of the location.

        Args:
            lines: what both ledgers say of these slices.
            sides: DuckDB and PostgreSQL, each in the snapshot of its ledger.
            slices: those slices.
        """
        lost = [s for s in slices if s in self.newest and None in lines.of(s)]
        if not lost:
            return lines
        named = ({**told, **self._taken(side, [s for s in lost if s not in told])} for (_, told), side in zip(lines.by_sink, sides, strict=True))
        return Lines(*named)

    def _taken(self, side: Side, lost: Collection[str]) -> dict[str, Version]:
        meta = dict(side.rows(copying.META)) if lost else {}
        if meta.get("outbox") != self.outbox.id:
            return {}
        begun = copying.begun(meta)
        found = ((s, self.newest[s]) for s in lost)
        return {s: (self.outbox.id, n.version) for s, n in found if n.location not in begun and n.version <= held_upto(meta, n.location)}

    def vanished(self, present: Collection[str], only: Collection[str] | None) -> list[str]:
        """Slices that should have rows and have none in either sink."""
        return [s for s, image in self.newest.items() if image.rows and s not in present and (only is None or s in only)]

    def counted(self, lines: Lines, rows: Mapping[str, int]) -> ChunkDifference:
        """Level ``count``: slices of which both sinks hold the same number of rows, and the newest image, which both hold, another one.

        Args:
            lines: what both ledgers say of these slices.
            rows: that number, of each slice.
        """
        result = ChunkDifference()
        for name, (outbox, version) in lines.agreed.items():
            image, held = self.newest.get(name), rows.get(name)
            if image is None or held is None or held == image.rows or (outbox, version) != (self.outbox.id, image.version):
                continue
            result.slices[name] = SliceDifference(missing=max(image.rows - held, 0), extra=max(held - image.rows, 0))
            kind, told = Kind.MISSING_IN_BOTH if image.rows > held else Kind.EXTRA_IN_BOTH, {"filas": held}
            if len(result.sample) < SAMPLE:
                key = {"slice": name, "tabla": self.spec.name}
                result.sample.append(Difference(str(kind), key, told, told, ("filas",), name, {"filas": image.rows}))
        return result

    def unlike(self, duckdb: DuckdbSide, lines: Lines, names: Collection[str], held: Groups) -> tuple[ChunkDifference, set[str]]:
        """What differs between the lotes (``missing``: only they have it) and slices that both sinks hold alike; and the slices that are as the lotes say.

        Args:
            duckdb: the open file, of the opening in which ``held`` was counted.
            lines: what both ledgers say of these slices.
            names: those slices.
            held: DuckDB's groups of rows with the sum of their hashes (``DuckdbSide.hashes``); others may be among them.

        Raises:
            ConvergenceError: if an image can't be read.
        """
        names = set(names)
        if not self.newest or not names:
            return ChunkDifference(), set()
        sums = totals({v: g for v, g in held.items() if g.slice in names})
        images = self.images({s: v for s, v in lines.agreed.items() if s in names})
        wanted = self.sums(duckdb, list(images.values()), duckdb.hashes(self.spec))
        wrong = {s for s in images if wanted.get(s, (0, 0)) != sums.get(s, (0, 0))}
        wrong |= names - self.newest.keys() - images.keys() - lines.duckdb.keys() - lines.postgresql.keys()  # rows of nobody
        right = images.keys() - wrong
        return (self._named(duckdb, {s: images[s] for s in wrong if s in images}, wrong, held) if wrong else ChunkDifference()), right

    def images(self, wanted: Mapping[str, Version]) -> dict[str, Image]:
        """The images that a ledger names, of those that this outbox wrote and still has."""
        places: dict[str, dict[str, int]] = {}
        for name, (outbox, version) in wanted.items():
            if outbox == self.outbox.id:
                found = self.newest.get(name)
                places.setdefault(found.location if found else owner(self.spec.name, name), {})[name] = version
        images: dict[str, Image] = {}
        for place, versions in places.items():
            now = [s for s, version in versions.items() if s in self.newest and self.newest[s].version == version]
            found_now = (i for i in self.outbox.index.images(place, self.spec.name, slices=now) if i.version == versions[i.slice])
            images |= {i.slice: i for i in found_now}
            before = {s: v for s, v in versions.items() if s not in images}
            images |= {i.slice: i for i in self.outbox.past_images(place, self.spec.name, before)}
        return images

    def sums(self, duckdb: DuckdbSide, images: Sequence[Image], measure: str) -> dict[str, tuple[int, int]]:
        """Rows of each image, and what an aggregate (a number as text) says of them, in DuckDB.

        Raises:
            ConvergenceError: if an image can't be read.
        """
        return measure_images(duckdb.connection, self.spec, images, measure)

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
