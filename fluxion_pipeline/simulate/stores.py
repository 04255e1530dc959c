"""The simulated stores: what each has sold and holds, out of a folder of drops, as it is or moved to today.

As it is: a business day has its file's lines, and the stock is that of the newest tick. Live: the days
are moved so that the newest one is today, and repeat before that; of today there is what is sold by
now; a part of the stock changes every half hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from zlib import crc32

from fluxion_pipeline.contracts.clock import ZONE, Clock, local_day, parse_day
from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.locations.registry import Location, Registry
from fluxion_pipeline.simulate import wire
from fluxion_pipeline.sources.archivos import content, folder
from fluxion_pipeline.sources.archivos.header import Unusable
from fluxion_pipeline.sources.archivos.layouts import LAYOUTS

LIVELINESS = 32
"""In how many half hours every product's stock changes once."""

MIDNIGHT, LAST = "00:00:00.0000000", "23:59:59.9999999"


@dataclass(frozen=True)
class Line:
    """A sales line: its time of day (seven fractional digits) and its JSON."""

    time: str
    json: str


class Stores:
    """The KLK stores of the map, filled from a folder of drops."""

    def __init__(self, root: Path, registry: Registry, clock: Clock, *, live: bool) -> None:
        """Remember where the drops are; files are read when they are asked for."""
        self.root, self.clock, self.live = root, clock, live
        self.stores = [x for x in registry if x.sistema_pos == "klk" and x.activo]
        self._branches = {x.klk_sucursal: x for x in self.stores}
        self._warehouses = {x.klk_almacen: x for x in self.stores}
        self._day = lru_cache(maxsize=256)(self._read_day)
        self._newest = lru_cache(maxsize=None)(self._read_stock)
        self._products = lru_cache(maxsize=1)(self._read_products)

    def branch(self, code: str) -> Location | None:
        """The store of a ``sucursal``."""
        return self._branches.get(code)

    def warehouse(self, code: str) -> Location | None:
        """The store of an ``almacen``."""
        return self._warehouses.get(code)

    # ── sales ───────────────────────────────────────────────────────────────────────────────
    def sales(self, store: Location, first: date, last: date, low: str = MIDNIGHT, high: str = LAST, ahead: int = 0) -> Iterator[str]:
        """Lines of some days, of a time of day on each of them, both ends included; ``ahead``: minutes of the till's clock."""
        for n in range((last - first).days + 1):
            day = first + timedelta(days=n)
            for line in self._lines(store, day, ahead):
                if low <= line.time <= high:
                    yield line.json

    def _lines(self, store: Location, day: date, ahead: int) -> list[Line]:
        if not self.live:
            return self._day(store.codigo_etl, day.isoformat(), day.isoformat(), str(store.klk_almacen), ahead)
        at = self.clock().astimezone(ZONE)
        days = self._days(store)
        if not days or day > at.date():
            return []
        newest = parse_day(days[-1])
        origin = newest - timedelta(days=(at.date() - day).days % ((newest - parse_day(days[0])).days + 1))
        lines = self._day(store.codigo_etl, origin.isoformat(), day.isoformat(), str(store.klk_almacen), ahead)
        now = (at + timedelta(minutes=ahead)).strftime("%H:%M:%S.0000000") if day == at.date() else LAST
        return [line for line in lines if line.time <= now]

    def _days(self, store: Location) -> list[str]:
        return sorted(folder.cuts(self.root, Fact.VENTAS, store.codigo_etl))

    def _read_day(self, etl: str, origin: str, day: str, warehouse: str, ahead: int) -> list[Line]:
        lines = []
        for row in self._rows(Fact.VENTAS, etl, origin):
            time = seven(row.get("hora") or "", ahead)
            invoice = row.get("numero_factura")
            # A number is used once: days that repeat have numbers of their own.
            named = f"{day[2:4]}{day[5:7]}{day[8:]}{invoice}" if self.live and invoice else invoice
            lines.append(Line(time, wire.sale(row, named, day if self.live else row.get("fecha") or day, time, warehouse)))
        return lines

    # ── stock ───────────────────────────────────────────────────────────────────────────────
    def stock(self, store: Location) -> Iterator[str]:
        """The stock of now."""
        at = self.clock()
        moment = int(at.timestamp() // 1800) if self.live else None
        products = self._products()
        for row in self._newest(store.codigo_etl):
            code = row.get("codigo_producto") or ""
            yield wire.article(row, products.get(code, {}), moved(row.get("stock"), f"{store.codigo}{code}", moment))

    def _read_stock(self, etl: str) -> list[wire.Row]:
        ticks = sorted(folder.cuts(self.root, Fact.INVENTARIO, etl))
        return self._rows(Fact.INVENTARIO, etl, ticks[-1]) if ticks else []

    def _read_products(self) -> dict[str, wire.Row]:
        return {row.get("codigo_producto") or "": row for row in self._rows(Fact.CATALOGO, "", "*")}

    def _rows(self, fact: Fact, etl: str, cut: str) -> list[wire.Row]:
        found: list[wire.Row] = []
        for path in folder.candidates(self.root, fact, etl, cut):
            try:
                found += content.parse(content.fetch(path), LAYOUTS[fact])[0].table.to_pylist()
            except (Unusable, OSError):  # a store with a broken file has none of its lines
                continue
        return found

    def today(self) -> date:
        """The stores' date."""
        return local_day(self.clock())


def moved(stock: str | None, name: str, moment: int | None) -> str | None:
    """A product's stock at a half hour: every one changes once in ``LIVELINESS`` of them, each in its own."""
    if moment is None or not stock:
        return stock
    turn = (moment + crc32(name.encode())) // LIVELINESS
    try:
        return str(Decimal(stock) + crc32(f"{name}{turn}".encode()) % 7 - 3)
    except InvalidOperation:
        return stock


def seven(time: str, ahead: int = 0) -> str:
    """A time of day with seven fractional digits, by a clock that is some minutes ahead; midnight stops it."""
    whole, _, fraction = time.strip().partition(".")
    parts = whole.split(":")
    if len(parts) == 2:
        whole = f"{whole}:00"
    if ahead:
        try:
            moment = datetime.strptime(whole, "%H:%M:%S") + timedelta(minutes=ahead)  # noqa: DTZ007 a time of day
        except ValueError:
            return time
        whole = moment.strftime("%H:%M:%S") if moment.day == 1 else "23:59:59"
    return f"{whole}.{fraction[:7]:0<7}"
