"""What the other locations have on the same day or tick: one store may answer as another one.

Two answers are alike where all of their rows are. Beyond that rows are compared one by one, whatever each
store was asked for and whoever came first: of sales with what stands in the other's day, as far as that
one knows the day; of stock what is there (zeros tell nothing, prices are the chain's) with what the store
itself had a moment ago, and then with what the others have. Only landed images and evidence are looked at.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
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
from fluxion_pipeline.landing.index import Image, instant, place_name
from fluxion_pipeline.landing.lote import folder, manifest_path, read_manifest
from fluxion_pipeline.landing.past import Past, image_rows
from fluxion_pipeline.sources.protocol import ROW_KEYS, Reading

_SQL = """
    SELECT v.ubicacion, v.gemela, v.datos, i.datos, i.verificado_en FROM vigentes v
    LEFT JOIN intentos i ON i.tabla = v.tabla AND i.ubicacion = v.ubicacion AND i.corte = v.corte
    WHERE v.tabla = ? AND v.corte = ? AND v.ubicacion <> ? ORDER BY v.ubicacion
"""
_SAMPLE = 64
_Mask = np.ndarray[Any, np.dtype[np.bool_]]
_Key = tuple[str, str, str]


@dataclass(frozen=True)
class _Other:
    """Of a location whose reading stands in the same day or tick: its fingerprint, its watermark (None: it knows the whole day), what it has held back."""

    location: str
    twin: str | None
    covered: datetime | None
    held: dict[str, Any] | None


def _other(location: str, twin: str | None, standing: str, attempt: str | None, verified: str | None) -> _Other:
    stands, newest = json.loads(standing), json.loads(attempt) if attempt else {}
    held = _is_held(newest, verified)
    known = Outcome(stands["outcome"]) in CLOSED or not stands["covered_until"]
    return _Other(location, twin, None if known else instant(stands["covered_until"]), newest if held else None)


def _is_held(newest: dict[str, Any], verified: str | None) -> bool:
    return newest.get("outcome") == Outcome.SOSPECHOSO.value and (verified or "") < newest["read_at"]


class Others:
    """The other locations, as one reading's rules ask for them."""

    def __init__(self, past: Past, reading: Reading, twin: str, before: pa.Table) -> None:
        """Look nothing up yet; ``twin``: the reading's ``Fingerprint.twin``; ``before``: its slice's state before it."""
        self.index, self._past, self.reading, self._twin, self._before = past.index, past, reading, twin, before

    @cached_property
    def twin(self) -> Twin | None:
        """The first location of which the reading is the twin; few rows may be alike by chance."""
        reading = self.reading
        if reading.rows.num_rows + reading.rejects.num_rows < outcome.LIMITS.many:
            return None
        if reading.fact is Fact.VENTAS:
            return next((t for other in self._found if (t := self._sold_alike(other))), None)
        return self._stocked_alike()

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

    def _sold_alike(self, other: _Other) -> Twin | None:
        """More than half of the lines that the other may know are its lines, too; unless it takes them back."""
        if other.twin == self._twin:
            shared = np.ones(len(self._lines), np.bool_)
        else:
            known, theirs = self._between(None, other.covered), self._sold(other.location)
            if _unlike(self._lines[known], theirs):
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

    def _stocked_alike(self) -> Twin | None:
        """Another one has the very same rows at this tick; or nearly all that is there at its newest, and this one had a stock of its own that is gone."""
        count, mine, many = self.reading.rows.num_rows, self._stocked, outcome.LIMITS.many
        equal = next((other.location for other in self._found if other.twin == self._twin), None)
        if equal is not None:
            return Twin(equal, count, count)
        if self._goes_on() or len(mine) < many or len(stock_marks(self._before)) < many:
            return None
        for image in self._stocks():
            shared = int(np.isin(mine, stock_marks(self._applied(image))).sum())
            if shared >= outcome.LIMITS.nearly * len(mine):
                return Twin(image.location, shared, len(mine))
        return None

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
        key = _key(image)
        found = _KEPT.get(key)
        if found is None:
            found = np.sort(line_marks(self._applied(image)))
            _KEPT.put(key, found)
        return found

    def _sold(self, location: str) -> Marks:
        """Of the lines that stand in the other's day."""
        image = self._day(location)
        return np.zeros(0, np.uint64) if image is None else self._marks(image)


def keep_marks(past: Past, reading: Reading, drafts: Iterable[Draft]) -> None:
    """A reading of sales that has just landed, and is all of its day: other locations of this run needn't read its image."""
    for draft in drafts:
        if draft.table == Fact.VENTAS.value and draft.measure is not None and (image := past.image(draft.table, draft.slice)) is not None:
            _KEPT.put(_key(image), np.sort(past.marks(reading)))


def _key(image: Image) -> _Key:
    return str(image.file), image.slice, image.digest


def _unlike(lines: Marks, theirs: Marks) -> bool:
    """Whether hardly any of many lines are among the others' (sorted): told by a few that the numbers, which are hashes, choose."""
    if len(lines) < 10 * _SAMPLE or not len(theirs):
        return not len(theirs)
    few = np.partition(lines, _SAMPLE)[:_SAMPLE]
    hits = theirs[np.minimum(np.searchsorted(theirs, few), len(theirs) - 1)] == few
    return 8 * int(hits.sum()) < _SAMPLE  # of half of the lines or more, this comes about once in 10^10


def _mask(found: pa.ChunkedArray) -> _Mask:
    return np.asarray(pc.fill_null(found, False).to_numpy(), np.bool_)


class _Kept:
    """Marks of images, which never change: the newest that were asked for, as many as fit."""

    LIMIT = 64_000_000

    def __init__(self) -> None:
        self._guard, self._size = threading.Lock(), 0
        self._found: OrderedDict[_Key, Marks] = OrderedDict()

    def get(self, key: _Key) -> Marks | None:
        with self._guard:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)

    def put(self, key: _Key, marks: Marks) -> None:
        with self._guard:
            self._size += marks.nbytes - (self._found[key].nbytes if key in self._found else 0)
            self._found[key] = marks
            while self._size > self.LIMIT:
                self._size -= self._found.popitem(last=False)[1].nbytes


_KEPT = _Kept()
