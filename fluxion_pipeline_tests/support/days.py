"""Stores whose sales come to be over days: each line is sold at one instant and uploaded at another, by a clock that a test sets.

``Days.answer`` is the server: hours are filtered as KLK does, both ends included. What must be there at
last is every line that was uploaded, once: ``Days.lines``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from fluxion_pipeline.contracts.clock import ZONE
from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.operations.land import LandingReport, Request, read_and_land
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.postgres import file_at_head
from fluxion_pipeline_tests.support.tills import Question, Said, Tills, article, said, sale, sales, tills

STORES = {"SUC001": "APP-TPF", "SUC007": "TAVBOL", "SUC008": "TTMAN"}
BRANCH = {warehouse: store for store, warehouse in STORES.items()}


def local(text: str) -> datetime:
    """A local instant."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def hours(question: Question) -> str:
    """A question about sales as a test writes it: ``day from–to``; only the day, where no hours are asked for."""
    low, high = (str(question.body.get(name, "")) for name in ("hora_desde", "hora_hasta"))
    return str(question.body["fecha_desde"]) + (f" {low}–{high}" if low or high else "")


@dataclass(frozen=True)
class Line:
    """One line of a store: when it was sold (as the till's clock says) and when it can be read."""

    store: str
    sold: datetime
    uploaded: datetime
    invoice: str
    quantity: int = 1


@dataclass
class Days:
    """The stores, their clock, who of them doesn't answer, and who answers as another one (its lines under its almacén, or under the asked store's)."""

    server: Tills = field(init=False)
    app: App = field(init=False)
    now: datetime = field(default_factory=lambda: local("2025-11-24T12:00"))
    lines: list[Line] = field(default_factory=list)
    away: set[str] = field(default_factory=set)
    twins: dict[str, str] = field(default_factory=dict)
    renamed: bool = False
    products: int = 5

    def sell(self, sold: str, uploaded: str | None = None, *, store: str = "SUC001", invoice: str | None = None, quantity: int = 1) -> None:
        """A line at a local time; uploaded at once, or at another time."""
        at = local(sold)
        self.lines.append(Line(store, at, local(uploaded) if uploaded else at, invoice or f"{store}{sold}", quantity))

    def trade(self, first: str, last: str, stores: Collection[str] = tuple(STORES), every: int = 30) -> None:
        """A sale every 30 minutes (or others) of the days between two local times, of each store."""
        for store in stores:
            at = local(first) + timedelta(minutes=list(STORES).index(store) + 1)
            while at < local(last):
                self.lines.append(Line(store, at, at + timedelta(minutes=3), f"{store}{at:%m%d%H%M}"))
                at += timedelta(minutes=every)

    def answer(self, question: Question) -> Said:
        """The server."""
        store = BRANCH.get(question.store, question.store)
        if store in self.away:
            return said({}, status=403)
        if question.path != "/ventas":
            told = self.twins.get(store, store)
            return said({"articulos": [article(f"{n:06d}", n + len(told) + list(STORES).index(told)) for n in range(1, self.products + 1)]})
        day, low, high = (str(question.body.get(name, default)) for name, default in (("fecha_desde", ""), ("hora_desde", "00:00:00"), ("hora_hasta", "24")))
        latest: dict[str, Line] = {}
        for line in sorted(self.lines, key=lambda x: x.uploaded):
            if line.store == self.twins.get(store, store) and line.uploaded <= self.now:
                latest[line.invoice] = line
        found = [x for x in latest.values() if f"{x.sold:%Y-%m-%d}" == day and low <= f"{x.sold:%H:%M:%S}" <= high]
        return said(sales([self._told(x, store if self.renamed else x.store) for x in sorted(found, key=lambda x: x.sold)]))

    def _told(self, line: Line, store: str) -> dict[str, Any]:
        clock = f"{line.sold:%H:%M:%S}.0000000"
        return sale(f"{line.sold:%Y-%m-%d}", line.invoice, 1, warehouse=STORES[store], time_of_day=clock, cantidad_vendida=line.quantity)

    def run(self, at: str, *, fact: Fact = Fact.VENTAS, locations: tuple[str, ...] = ("SUC001",), **more: Any) -> LandingReport:
        """A run at a local time."""
        self.now = local(at)
        self.server.asked.clear()
        return read_and_land(self.app, Request(fact, locations=locations, **more))

    def asked(self, at: str, **more: Any) -> list[str]:
        """What a run of sales at a local time asks for."""
        self.run(at, **more)
        return [hours(q) for q in self.server.asked]

    def uploaded(self, *stores: str) -> Counter[tuple[str, str, int]]:
        """(store, invoice, quantity) of what can be read by now: what the sinks must hold."""
        readable = [x for x in self.lines if x.uploaded <= self.now and (not stores or x.store in stores)]
        latest = {(x.store, x.invoice): x.quantity for x in sorted(readable, key=lambda x: x.uploaded)}
        return Counter((store, invoice, quantity) for (store, invoice), quantity in latest.items())


@contextmanager
def days(settings: Settings) -> Iterator[Days]:
    """A home that is ready, and its stores."""
    world = Days()
    with tills(world.answer) as server:
        world.server = server
        changed = settings.model_copy(update={"fluxion_source": "klk", "klk_base_url": server.url})
        world.app = App(changed, clock=lambda: world.now)
        file_at_head(changed)
        assert [step.error for step in initialise(world.app)] == [None] * len(changed.db_mode.sinks)
        yield world
