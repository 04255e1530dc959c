"""The source ``stellar``: what the SQL Server answers, as readings.

Before this: ``connect`` and ``fetch``; after it: landing. A dead server and bad data are answers, never exceptions.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from fluxion_pipeline.contracts.clock import Clock, local_day, now, parse_day
from fluxion_pipeline.contracts.outcomes import Answer, Fact
from fluxion_pipeline.contracts.rules.judge import judge
from fluxion_pipeline.contracts.rules.layout import Judged, Place
from fluxion_pipeline.locations.registry import Location, Registry
from fluxion_pipeline.sources.failure import Failure, another_system, unreachable
from fluxion_pipeline.sources.live import LiveSource
from fluxion_pipeline.sources.protocol import Reading, no_rejects, no_rows
from fluxion_pipeline.sources.stellar import questions
from fluxion_pipeline.sources.stellar.connect import Waits, address, answers, engine_of
from fluxion_pipeline.sources.stellar.fetch import Fetched, fetched
from fluxion_pipeline.sources.stellar.layouts import LAYOUTS

PARALLEL = 4
"""Questions at once from this process."""

ATTEMPTS = 3
SHOWN = 10
TABLES = {Fact.VENTAS: "VAD20.dbo.MA_TRANSACCION", Fact.INVENTARIO: "VAD10.dbo.MA_DEPOPROD", Fact.CATALOGO: "VAD10.dbo.MA_PRODUCTOS"}
PLACES = ("{codigo}", "{codigo_etl}", "{deposito}")
"""What STELLAR_URL may hold where each location has a server of its own."""

Open = Callable[[sa.URL, Waits], sa.Engine]
Window = tuple[datetime, datetime]


@dataclass(frozen=True)
class _Asked:
    fact: Fact
    location: Location | None
    cut: str
    read_at: datetime
    window: Window | None
    origin: str
    started: float = field(default_factory=time.perf_counter)

    @property
    def code(self) -> str:
        return self.location.codigo if self.location else "*"


class StellarSource(LiveSource):
    """Stellar's server, or one for each location (``sources.protocol.Source``)."""

    name = "stellar"
    parallel = PARALLEL

    def __init__(self, url: str, registry: Registry, *, waits: Waits | None = None, clock: Clock = now, open_engine: Open = engine_of) -> None:
        """Remember whom to ask; nothing is connected yet.

        Args:
            url: ``STELLAR_URL``; ``{codigo}``, ``{codigo_etl}`` and ``{deposito}`` stand for the location's.
            registry: the map of locations.
            waits: how long to wait.
            clock: for what can be asked for now.
            open_engine: how an address becomes an engine.

        Raises:
            SettingsError: if the address is none.
        """
        self.registry, self.clock, self.waits, self._open = registry, clock, waits or Waits(), open_engine
        self._url = url
        self._own = any(place in url for place in PLACES)
        self._gate = threading.BoundedSemaphore(PARALLEL)
        self.address(next(iter(registry)))

    def __repr__(self) -> str:
        """Without the address: it has a password."""
        return "StellarSource()"

    def address(self, location: Location) -> sa.URL:
        """The server of a location."""
        values = (location.codigo, location.codigo_etl, location.stellar_deposito or "")
        text = self._url
        for place, value in zip(PLACES, values, strict=True):
            text = text.replace(place, value)
        return address(text)

    def read(self, fact: Fact, location: Location, cut: str, read_at: datetime, *, window: Window | None = None, scheduled: bool = False) -> Reading:
        """Ask for one slice.

        Args:
            fact: sales, stock, or the catalogue.
            location: whose.
            cut: business day, or the tick that the stock of now is read as.
            read_at: the instant at which the reading begins.
            window: of sales: half-open, within the day; None: the whole day.
            scheduled: whether nobody waits for it: it is then asked once.

        Raises:
            ContractError: if ``cut`` is no day.
        """
        if fact is Fact.CATALOGO:
            return self.catalogue(read_at, scheduled=scheduled)
        url = self.address(location)
        asked = _Asked(fact, location, cut, read_at, window, f"{_shown(url)} {TABLES[fact]} {location.stellar_deposito} {cut}")
        if (why := another_system(location, self.name, cut) or (self._not_apart() if fact is Fact.VENTAS else None)) is not None:
            return _told(asked, answer=Answer.INALCANZABLE, reason=why)
        if fact is Fact.INVENTARIO:
            return self._reading(asked, url, questions.STOCK, questions.stock_values(str(location.stellar_deposito)), scheduled)
        question = questions.SALES if window is None else questions.SALES_WINDOW
        return self._reading(asked, url, question, questions.sales_values(parse_day(cut), window), scheduled)

    def catalogue(self, read_at: datetime, *, scheduled: bool = False) -> Reading:
        """The products of MA_PRODUCTOS, of the first location's server that is covered."""
        first = next((x for x in self.registry.active if self.covers(x)), None)
        if first is None:
            asked = _Asked(Fact.CATALOGO, None, "*", read_at, None, TABLES[Fact.CATALOGO])
            return _told(asked, answer=Answer.INALCANZABLE, reason="no active location is Stellar's")
        url = self.address(first)
        asked = _Asked(Fact.CATALOGO, None, "*", read_at, None, f"{_shown(url)} {TABLES[Fact.CATALOGO]}")
        return self._reading(asked, url, questions.CATALOGUE, questions.catalogue_values(), scheduled)

    def _not_apart(self) -> str | None:
        """MA_TRANSACCION names no location: one server's sales are one store's, or nobody's."""
        stores = [x.codigo for x in self.registry.active if x.is_store and x.ever_of("stellar")]
        if self._own or len(stores) <= 1:
            return None
        names = ", ".join(stores)
        return f"MA_TRANSACCION doesn't say whose sales it holds, and {names} share one STELLAR_URL: write {{codigo}} into it where their servers differ"

    def _reading(self, asked: _Asked, url: sa.URL, question: sa.Select[Any], values: dict[str, Any], scheduled: bool) -> Reading:
        try:
            with self._gate:
                found, rules = self._until_whole(asked, url, question, values, 1 if scheduled else ATTEMPTS)
        except Failure as failure:
            return _told(asked, answer=failure.answer, reason=failure.reason)
        return _told(
            asked,
            rows=rules.rows,
            rejects=rules.rejects,
            read=rules.read,
            repeated=rules.repeated,
            met=rules.met,
            source_digest=found.digest,
            warnings=tuple(_warnings(asked, found, rules)),
        )

    def _until_whole(self, asked: _Asked, url: sa.URL, question: sa.Select[Any], values: dict[str, Any], attempts: int) -> tuple[Fetched, Judged]:
        """Ask, again where that may help; an empty catalogue is none."""
        again = Retrying(
            retry=retry_if_exception(lambda e: isinstance(e, Failure) and e.transient),
            stop=stop_after_attempt(attempts),
            wait=wait_random_exponential(0.5, max=5),
            reraise=True,
        )
        engine, layout = self._open(url, self.waits), LAYOUTS[asked.fact]
        try:
            found: Fetched = again(lambda: fetched(answers(engine, question, values, self.waits), layout))
        finally:
            engine.dispose()
        if asked.fact is Fact.CATALOGO and not found.raw.read:
            raise unreachable("MA_PRODUCTOS has no products")
        day = parse_day(asked.cut) if asked.fact is Fact.VENTAS else None
        return found, judge(found.raw, layout, Place(asked.code, asked.origin, local_day(asked.read_at), day))


def _shown(url: sa.URL) -> str:
    return f"stellar://{url.host}" + (f":{url.port}" if url.port else "")


def _warnings(asked: _Asked, found: Fetched, rules: Judged) -> Iterable[str]:
    """Oddities that change nothing; each names the location, since they are shown together."""
    place = f"{asked.code} {asked.cut}"
    if found.unknown:
        yield f"{place}: {_counted(found.unknown)} that MA_PRODUCTOS doesn't know: kept" + (", with amounts of 0" if asked.fact is Fact.VENTAS else "")
    if found.ambiguous:
        yield f"{place}: {_counted(found.ambiguous)} whose barcode is of several products: taken for the first"
    if asked.fact is Fact.VENTAS and rules.repeated:
        yield f"{place}: {rules.repeated} lines have the number and line of another one: the last stands (a return that is numbered like a sale?)"
    if asked.fact is Fact.VENTAS and found.raw.read:
        yield f"{place}: Stellar's transactions have no amounts: they are quantities at the catalogue's price and cost of now"


def _counted(codes: Counter[str]) -> str:
    more = f" and {len(codes) - SHOWN} more" if len(codes) > SHOWN else ""
    return f"{sum(codes.values())} rows of {len(codes)} codes ({', '.join(sorted(codes)[:SHOWN])}{more})"


def _told(asked: _Asked, **more: Any) -> Reading:
    values: dict[str, Any] = {"rows": no_rows(asked.fact), "rejects": no_rejects(), "window": asked.window, **more}
    seconds = time.perf_counter() - asked.started
    return Reading(fact=asked.fact, location=asked.code, cut=asked.cut, read_at=asked.read_at, origin=asked.origin, seconds=seconds, **values)
