"""The source ``klk``: what a store's system answers, as readings.

Before this: ``ask`` (the answer on the disk), ``lines`` (its rows as text), ``contracts.rules`` (what
the rows are worth); after it: landing. A dead store and bad data are answers, never exceptions.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.clock import Clock, local_day, now, parse_day
from fluxion_pipeline.contracts.outcomes import Answer, Fact
from fluxion_pipeline.contracts.rules.layout import Judged, Place
from fluxion_pipeline.locations.registry import Location, Registry
from fluxion_pipeline.sources.failure import Failure, another_system, unreachable
from fluxion_pipeline.sources.klk.ask import Asker, Patience
from fluxion_pipeline.sources.klk.catalogue import Listed, combined
from fluxion_pipeline.sources.klk.hours import Window, hours
from fluxion_pipeline.sources.klk.judged import judged
from fluxion_pipeline.sources.klk.layouts import INVENTARIO, PRODUCTOS, VENTAS, WAREHOUSE, Shape
from fluxion_pipeline.sources.klk.lines import Lines
from fluxion_pipeline.sources.klk.memory import NEW, OLD, Memory
from fluxion_pipeline.sources.live import LiveSource
from fluxion_pipeline.sources.protocol import Reading, no_rejects, no_rows

PARALLEL = 8
"""Requests at once that the server gets from this process, each of another store."""

SALES = "/ventas"
STOCK = {NEW: ("/maestra/articulos/almacen", "Codigoalmacen"), OLD: ("/maestra/articulos", "CodigoAlmacen")}
"""The two generations of the stock endpoint: path, and the name of the almacén in the question."""

ANOTHER_GENERATION = frozenset({400, 404, 405, 410, 501})


@dataclass(frozen=True)
class _Question:
    """One slice that is asked for."""

    fact: Fact
    location: Location
    cut: str
    read_at: datetime
    window: Window | None
    origin: str
    started: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True)
class _Found:
    """What a question came to, judged."""

    judged: Judged
    lines: Lines
    digest: str


class KlkSource(LiveSource):
    """One KLK server with the stores behind it (``sources.protocol.Source``)."""

    name = "klk"
    parallel = PARALLEL

    def __init__(self, base: str, registry: Registry, folder: Path, *, patience: Patience | None = None, clock: Clock = now) -> None:
        """Remember whom to ask; nothing is connected yet.

        Args:
            base: the server's address.
            registry: the map of locations.
            folder: where answers lie while they are read, and what is remembered of the stores.
            patience: how long to wait for a store.
            clock: for the circuit breaker.
        """
        self.registry, self.clock = registry, clock
        self.patience = patience or Patience()
        self.asker = Asker(base, folder, PARALLEL)
        self.memory = Memory(folder / "stores")

    def read(self, fact: Fact, location: Location, cut: str, read_at: datetime, *, window: Window | None = None, scheduled: bool = False) -> Reading:
        """Ask a store for one slice.

        Args:
            fact: sales, stock, or the catalogue of all stores.
            location: the store.
            cut: business day, or the tick that the stock of now is read as.
            read_at: the instant at which the reading begins.
            window: of sales: half-open, within the day; None: the whole day.
            scheduled: whether nobody waits for it: the circuit breaker may then spare a dead store.

        Raises:
            ContractError: if ``cut`` is no day, or the window isn't within it.
        """
        if fact is Fact.CATALOGO:
            return self.catalogue(read_at, scheduled=scheduled)
        origin = f"{self.asker.shown}{SALES if fact is Fact.VENTAS else STOCK[NEW][0]} {location.klk_sucursal} {location.klk_almacen} {cut}"
        question = _Question(fact, location, cut, read_at, window, origin)
        if (reason := another_system(location, self.name, cut)) is not None:
            return _reading(question, answer=Answer.INALCANZABLE, reason=reason)
        if fact is Fact.VENTAS:
            body = {"sucursal": str(location.klk_sucursal), "fecha_desde": cut, "fecha_hasta": cut}
            day = parse_day(cut)
            asked = [(SALES, body | (hours(day, window) if window else {}))]
            shape = VENTAS
        else:
            asked, shape, day = self._stock(location), INVENTARIO, None
        try:
            found = self._found(question, shape, asked, day, scheduled)
        except Failure as failure:
            return _reading(question, answer=failure.answer, reason=failure.reason)
        return _reading(
            question,
            rows=found.judged.rows,
            rejects=found.judged.rejects,
            read=found.judged.read,
            repeated=found.judged.repeated,
            met=found.judged.met,
            source_digest=found.digest,
            warnings=tuple(_warnings(question, found)),
            names=self._named(found.judged.rows) if fact is Fact.VENTAS else None,
        )

    def _named(self, rows: pa.Table) -> str | None:
        """The one store whose almacén more than half of the lines name."""
        counted = sorted(((n["counts"], n["values"]) for n in rows.column("almacen_codigo").value_counts().to_pylist() if n["values"]), reverse=True)
        if not counted or 2 * counted[0][0] <= rows.num_rows:
            return None
        named = [x.codigo for x in self.registry if x.klk_almacen == counted[0][1]]
        return named[0] if len(named) == 1 else None

    def catalogue(self, read_at: datetime, *, scheduled: bool = False) -> Reading:
        """The products that the stores' stock answers name; the first store of ubicaciones.csv wins, later ones fill its gaps."""
        started = time.perf_counter()
        stores = [x for x in self.registry.active if self.covers(x)]

        def listed(store: Location) -> Listed | Failure:
            origin = f"{self.asker.shown}{STOCK[NEW][0]} {store.klk_sucursal} {store.klk_almacen}"
            question = _Question(Fact.CATALOGO, store, "*", read_at, None, origin)
            try:
                found = self._found(question, PRODUCTOS, self._stock(store), None, scheduled)
            except Failure as failure:
                return failure
            return Listed(found.judged, found.digest)

        return combined(stores, listed, read_at, f"{self.asker.shown}{STOCK[NEW][0]}", started, self.parallel)

    def _stock(self, location: Location) -> list[tuple[str, dict[str, str]]]:
        """The questions for a store's stock: the endpoint that is known to work, and the other generation's."""
        first = self.memory.generation(str(location.klk_sucursal))
        order = (first, OLD if first == NEW else NEW)
        return [(STOCK[g][0], {STOCK[g][1]: str(location.klk_almacen)}) for g in order]

    def _found(self, question: _Question, shape: Shape, asked: list[tuple[str, dict[str, str]]], day: date | None, scheduled: bool) -> _Found:
        """Ask, as patiently as the store deserves, and remember how it went."""
        store = str(question.location.klk_sucursal)
        patience = self.memory.patience(store, self.patience, self.clock()) if scheduled else self.patience
        if isinstance(patience, str):
            raise unreachable(patience)
        try:
            path, found = self._either(question, shape, asked, day, patience)
        except Failure as failure:
            if failure.answer is Answer.INALCANZABLE:
                self.memory.failed(store, self.clock(), full=patience.read >= self.patience.read)
            else:
                self.memory.answered(store)
            raise
        self.memory.answered(store, next((g for g, (p, _) in STOCK.items() if p == path), None))
        return found

    def _either(self, question: _Question, shape: Shape, asked: list[tuple[str, dict[str, str]]], day: date | None, patience: Patience) -> tuple[str, _Found]:
        """The first question that the server knows; if it knows none, what it said to the first."""
        first: Failure | None = None
        for path, body in asked:
            try:
                return path, self.asker.until_whole(partial(self._once, question, shape, path, body, day), patience)
            except Failure as failure:
                if failure.status not in ANOTHER_GENERATION:
                    raise
                first = first or failure
        raise first or unreachable("nothing was asked")

    def _once(self, question: _Question, shape: Shape, path: str, body: Mapping[str, str], day: date | None, patience: Patience) -> _Found:
        store = question.location
        code = "*" if question.fact is Fact.CATALOGO else store.codigo
        place = Place(code, question.origin, local_day(question.read_at), day)
        constants = {WAREHOUSE: str(store.klk_almacen)} if question.fact is Fact.INVENTARIO else {}
        with self.asker.answer(str(store.klk_sucursal), path, body, patience) as stored:
            lines = Lines(stored.path, shape, stored.encoding)
            return _Found(judged(lines, place, constants=constants), lines, stored.digest)


def _warnings(question: _Question, found: _Found) -> Iterable[str]:
    """Oddities that change nothing; each names the store, since they are shown together."""
    place, rows = question.location.codigo, found.judged.rows
    if question.fact is not Fact.VENTAS:
        return
    if found.lines.without_rate:
        yield f"{place} {question.cut}: {found.lines.without_rate} lines have a tax but no tasa_usd: their impuesto is NULL"
    if not found.lines.counted and not rows.num_rows:
        yield f"{place} {question.cut}: the server doesn't say how many lines it has, and gave none"
    named = rows.column("almacen_codigo")
    foreign = pc.sum(pc.not_equal(named, pa.scalar(question.location.klk_almacen, pa.string()))).as_py()
    if foreign:
        yield f"{place} {question.cut}: {foreign} lines are of another almacén than {question.location.klk_almacen}"


def _reading(question: _Question, **more: Any) -> Reading:
    values: dict[str, Any] = {"rows": no_rows(question.fact), "rejects": no_rejects(), "window": question.window, **more}
    return Reading(
        fact=question.fact,
        location=question.location.codigo,
        cut=question.cut,
        read_at=question.read_at,
        origin=question.origin,
        seconds=time.perf_counter() - question.started,
        **values,
    )
