"""What the other locations have on the same day or tick: one store may answer as another one.

Two answers are alike where all of their rows are. Beyond that rows are compared one by one, whatever each
store was asked for and whoever came first: of sales with what stands in the other's day, as far as that
one knows the day; of stock what is there (zeros tell nothing, prices are the chain's) with what the store
itself had a moment ago, and then with what the others have. Only landed images and evidence are looked at.
Whose the rows are that two have is told by the names on the lines, and by ``landing.doubts``; else by who came first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fluxion_pipeline.contracts.outcomes import CLOSED, Fact, Outcome
from fluxion_pipeline.errors import OutboxError
from fluxion_pipeline.landing.decide import outcome
from fluxion_pipeline.landing.decide.decision import Draft
from fluxion_pipeline.landing.decide.outcome import Twin
from fluxion_pipeline.landing.digest import Marks, line_marks, stock_marks, telling
from fluxion_pipeline.landing.doubts import NEVER, Doubt, doubts, names_tell
from fluxion_pipeline.landing.index import Image, instant, place_name
from fluxion_pipeline.landing.lote import folder, manifest_path, read_manifest
from fluxion_pipeline.landing.marks import Kept, unlike
from fluxion_pipeline.landing.past import Past, image_rows
from fluxion_pipeline.sources.protocol import ROW_KEYS, Reading

_SQL = """
    SELECT v.ubicacion, v.gemela, v.datos, i.datos, i.verificado_en FROM vigentes v
    LEFT JOIN intentos i ON i.tabla = v.tabla AND i.ubicacion = v.ubicacion AND i.corte = v.corte
    WHERE v.tabla = ? AND v.corte = ? AND v.ubicacion <> ? ORDER BY v.ubicacion
"""
_Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class _Other:
    """A location whose reading stands in the same day or tick.

    Attributes:
        location: its code.
        twin: fingerprint of what stands.
        names: the location that its lines name.
        covered: its watermark; None: it knows the whole day.
        held: its newest answer, where that is held back.
    """

    location: str
    twin: str | None
    names: str | None
    covered: datetime | None
    held: dict[str, Any] | None


def _other(location: str, twin: str | None, standing: str, attempt: str | None, verified: str | None) -> _Other:
    stands, newest = json.loads(standing), json.loads(attempt) if attempt else {}
    held = _is_held(newest, verified)
    known = Outcome(stands["outcome"]) in CLOSED or not stands["covered_until"]
    return _Other(location, twin, stands.get("names"), None if known else instant(stands["covered_until"]), newest if held else None)


def _is_held(newest: dict[str, Any], verified: str | None) -> bool:
    return newest.get("outcome") == Outcome.SOSPECHOSO.value and (verified or "") < newest["read_at"]


class Others:
    """The other locations, as one reading's rules ask for them."""

    def __init__(self, past: Past, reading: Reading, twin: str, before: pa.Table) -> None:
        """Look nothing up yet; ``twin``: the reading's ``Fingerprint.twin``; ``before``: its slice's state before it."""
        self.index, self._past, self.reading, self._twin, self._before = past.index, past, reading, twin, before

    @cached_property
    def twin(self) -> Twin | None:
        """The first location of which the reading is the twin: which its lines name, or which has them, too, and is believed."""
        return self._named() or next((t for t in self.alike if not self._is_believed(t.location)), None)

    @cached_property
    def alike(self) -> tuple[Twin, ...]:
        """The locations that have the same rows; few rows may be alike by chance."""
        if not self._is_large:
            return ()
        if self.reading.fact is Fact.VENTAS:
            return tuple(t for other in self._found if (t := self._sold_alike(other)))
        return tuple(self._stocked_alike())

    @cached_property
    def awaited(self) -> str | None:
        """The location that the rows may be of, since near that day this one's sales were, under the same names: until it is known what that one has.

        Nobody waits for a location that is in doubt itself.
        """
        near = self._near() if self._is_large else []
        return next((x for x in near if self._is_unknown(x) and not doubts(self.index, x, self.reading.cut)), None)

    def _is_unknown(self, location: str) -> bool:
        """Whether too little is known of what another location has: no stock ever, or of the lines almost none."""
        if self.reading.fact is Fact.INVENTARIO:
            return not self.index.images(location, "inventario_actual", slices=[location])
        known = (int(self._between(None, other.covered).sum()) for other in self._found if other.location == location)
        return next(known, 0) < outcome.LIMITS.alike

    def elsewhere(self, lines: pa.Table) -> _Mask:
        """Which sales lines of the day are another location's: they stand there, too, or would if it weren't held back as the twin of this one."""
        mine = line_marks(lines)
        found = np.zeros(len(mine), np.bool_)
        for other in self._found:
            found |= np.isin(mine, self._sold(other.location))
        for said in self._claimed():
            found |= np.isin(mine, said)
        return found

    def _claimed(self) -> list[Marks]:
        """The newest answers that are held back as the twin of this location; believed where this one's answer isn't what it has either."""
        reading = self.reading
        had = line_marks(self._before.filter(pc.invert(self._before.column("_desplazada"))))
        if 2 * np.isin(self._lines, had).sum() >= len(self._lines):
            return []
        found = []
        for place in self.index.locations():
            _, verified, newest = self.index.attempt(reading.fact, place, reading.cut)
            if newest and newest.get("twin") == reading.location and _is_held(newest, verified):
                found.append(self._evidence(place, newest))
        return [said for said in found if said is not None]

    @cached_property
    def _found(self) -> tuple[_Other, ...]:
        with self.index.open() as db:
            rows = db.execute(_SQL, (self.reading.fact.value, self.reading.cut, self.reading.location)).fetchall()
        return tuple(_other(*row) for row in rows)

    @property
    def _lines(self) -> Marks:
        return self._past.marks(self.reading)

    @property
    def _is_large(self) -> bool:
        return bool(self.reading.rows.num_rows + self.reading.rejects.num_rows >= outcome.LIMITS.many)

    # ── whose it is ─────────────────────────────────────────────────────────────────────────
    @cached_property
    def _doubts(self) -> dict[str, Doubt]:
        return doubts(self.index, self.reading.location, self.reading.cut)

    def _near(self) -> list[str]:
        """The locations as which this one answered near that day, with lines that named whom these do (stock names nobody)."""
        stock = self.reading.fact is Fact.INVENTARIO
        return sorted(x for x, doubt in self._doubts.items() if stock or doubt.names == (self.reading.names or ""))

    def _named(self) -> Twin | None:
        """Another location as whose own the lines are named, where names tell anything."""
        named, count = self.reading.names, self.reading.rows.num_rows
        if named in {None, self.reading.location} or count < outcome.LIMITS.alike or not names_tell(self.index, str(named)):
            return None
        return Twin(str(named), count, count, named=True)

    def _is_believed(self, location: str) -> bool:
        """Whether what two locations have is the reading's: by the names on the lines, where they tell, else by who was told last to be the other one."""
        mine, names = self.reading.location, self.reading.names
        stands = next((other.names for other in self._found if other.location == location), None)
        if names is not None and names in {mine, location} and names == stands and names_tell(self.index, names):
            return names == mine
        theirs = doubts(self.index, location, self.reading.cut).get(mine, NEVER)
        return theirs.at > self._doubts.get(location, NEVER).at

    def _sold_alike(self, other: _Other) -> Twin | None:
        """More than half of the lines that the other may know are its lines, too; unless it takes them back."""
        if other.twin == self._twin:
            shared = np.ones(len(self._lines), np.bool_)
        else:
            known, theirs = self._between(None, other.covered), self._sold(other.location)
            if unlike(self._lines[known], theirs):
                return None
            shared = known & np.isin(self._lines, theirs)
            if shared.sum() < outcome.LIMITS.alike or 2 * shared.sum() <= known.sum():
                return None
        return None if self._taken_back(other, shared) else Twin(other.location, int(shared.sum()), len(shared))

    # ── stock ───────────────────────────────────────────────────────────────────────────────
    @cached_property
    def _stocked(self) -> Marks:
        return stock_marks(self.reading.rows)

    def _goes_on(self) -> bool:
        """Whether more than half of what is on the shelves is as this store itself had it."""
        rows, before = self.reading.rows, self._before
        if all(rows.column(c).equals(before.column(c)) for c in ROW_KEYS[Fact.INVENTARIO]):  # the same products in the same order, as mostly
            there = telling(rows)
            same = pc.and_(pc.and_(there, telling(before)), pc.equal(rows.column("stock"), before.column("stock")))
            return bool(2 * (pc.sum(same).as_py() or 0) > (pc.sum(there).as_py() or 0))
        own = np.isin(self._stocked, stock_marks(before))
        return bool(2 * own.sum() > len(own))

    def _stocked_alike(self) -> list[Twin]:
        """Who has the very same rows at this tick; or nearly all that is there at its newest, where this one's own stock is gone, or it is in doubt."""
        count, mine, many = self.reading.rows.num_rows, self._stocked, outcome.LIMITS.many
        found = {other.location: Twin(other.location, count, count) for other in self._found if other.twin == self._twin}
        left = not self._goes_on() and len(stock_marks(self._before)) >= many
        if len(mine) >= many and (left or self._doubts):
            for image in self._stocks():
                if image.location not in found and (left or image.location in self._doubts):
                    shared = int(np.isin(mine, stock_marks(self._applied(image))).sum())
                    if shared >= outcome.LIMITS.nearly * len(mine):
                        found[image.location] = Twin(image.location, shared, len(mine))
        return [found[location] for location in sorted(found)]

    def _stocks(self) -> list[Image]:
        """The newest stock of each other location."""
        table = "inventario_actual"
        return [x for place in self.index.locations() if place != self.reading.location for x in self.index.images(place, table, slices=[place])]

    # ── sales ───────────────────────────────────────────────────────────────────────────────
    def _between(self, low: datetime | None, high: datetime | None) -> _Mask:
        """Which lines of the reading are of an instant in ``[low, high)``; None: no bound."""
        instants = self.reading.rows.column("fecha_venta")
        found = np.ones(len(instants), np.bool_)
        if low is not None:
            found &= _mask(pc.greater_equal(instants, pa.scalar(low, instants.type)))
        if high is not None:
            found &= _mask(pc.less(instants, pa.scalar(high, instants.type)))
        return found

    def _taken_back(self, other: _Other, shared: _Mask) -> bool:
        """Whether the other's newest answer, held back itself, no longer has the lines: what stands there is no evidence then."""
        if other.held is None or other.held["valid"] < outcome.LIMITS.alike:
            return False
        window = other.held["window"]
        spoken = shared & self._between(instant(window[0]), instant(window[1])) if window else shared
        said = self._evidence(other.location, other.held)
        return said is not None and bool(spoken.any()) and 2 * int(np.isin(self._lines[spoken], said).sum()) <= int(spoken.sum())

    def _evidence(self, location: str, held: dict[str, Any]) -> Marks | None:
        root = self.index.lotes / place_name(location)
        with suppress(OSError, OutboxError, KeyError, pa.ArrowException):  # pruned, or another program's: then it says nothing
            manifest = read_manifest(manifest_path(root, held["lote"]))
            said = pq.read_table(folder(root, held["lote"]) / manifest.extra["evidencia"])
            return line_marks(said.cast(self.reading.rows.schema))
        return None

    # ── what stands there ───────────────────────────────────────────────────────────────────
    def _day(self, location: str) -> Image | None:
        found = self.index.images(location, Fact.VENTAS.value, slices=[f"{location}/{self.reading.cut}"])
        return found[0] if found else None

    def _applied(self, image: Image) -> pa.Table:
        """The rows of an image of another location, whose lock isn't held: a compaction may put it elsewhere meanwhile.

        None where it can't be read at all: that one's trouble, told when it is read or proven, is none of this one.
        """
        for found in (image, *self.index.images(image.location, image.table, slices=[image.slice])):
            with suppress(OutboxError):
                rows = image_rows(found)
                return rows.filter(pc.invert(rows.column("_desplazada"))) if "_desplazada" in rows.schema.names else rows
        return self.reading.rows.slice(0, 0)

    def _marks(self, image: Image) -> Marks:
        found = _KEPT.get(image)
        if found is None:
            found = np.sort(line_marks(self._applied(image)))
            _KEPT.put(image, found)
        return found

    def _sold(self, location: str) -> Marks:
        """Of the lines that stand in the other's day."""
        image = self._day(location)
        return np.zeros(0, np.uint64) if image is None else self._marks(image)


def keep_marks(past: Past, reading: Reading, drafts: Iterable[Draft]) -> None:
    """A reading of sales that has just landed, and is all of its day: other locations of this run needn't read its image."""
    for draft in drafts:
        if draft.table == Fact.VENTAS.value and draft.measure is not None and (image := past.image(draft.table, draft.slice)) is not None:
            _KEPT.put(image, np.sort(past.marks(reading)))


def _mask(found: pa.ChunkedArray) -> _Mask:
    return np.asarray(pc.fill_null(found, False).to_numpy(), np.bool_)


_KEPT = Kept()
