"""``fluxion status``: what each location and sink has, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from fluxion_pipeline.alerts.channels import channels
from fluxion_pipeline.alerts.delivery import ChannelHealth, health
from fluxion_pipeline.alerts.problem import Incident
from fluxion_pipeline.alerts.store import Store, read_book
from fluxion_pipeline.contracts.outcomes import SATISFIED, Fact, Mode, Outcome, SinkName
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.landing.evidence import HeldBack, held_back
from fluxion_pipeline.landing.index import stamp
from fluxion_pipeline.landing.quarantine import Quarantine
from fluxion_pipeline.landing.tables import compared_tables, own_tables
from fluxion_pipeline.operations import mode
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.drifts import noticed
from fluxion_pipeline.operations.parity_history import Proof, different
from fluxion_pipeline.operations.repairs import recorded
from fluxion_pipeline.pause import Pause, standing
from fluxion_pipeline.sinks.claim import check_claim
from fluxion_pipeline.sinks.converge import pending, still_to_copy
from fluxion_pipeline.sinks.protocol import Sink


@dataclass(frozen=True)
class SinkStatus:
    """One known sink: whether it can be used, what it lacks (of that: still to be copied), how many rows it has."""

    sink: SinkName
    active: bool
    problem: str | None
    pending: int
    to_copy: int
    rows: dict[str, int]


@dataclass(frozen=True)
class LocationStatus:
    """The newest cut of a fact of one location, and its newest attempt."""

    fact: Fact
    location: str
    name: str
    cut: str | None
    outcome: str | None
    last_outcome: str | None
    reason: str | None

    @property
    def healthy(self) -> bool:
        """Whether the newest attempt did what it was asked for."""
        return self.last_outcome in {o.value for o in SATISFIED}


@dataclass(frozen=True)
class Status:
    """Everything that ``fluxion status`` shows; what is held back, of any cut, newest reading first."""

    mode: str
    sinks: tuple[SinkStatus, ...]
    locations: tuple[LocationStatus, ...]
    quarantined: int
    rejected: int
    held: tuple[HeldBack, ...]
    repairs: int
    last_repair: str | None
    drifts: int
    last_drift: str | None
    channels: tuple[ChannelHealth, ...] = ()
    paused: Pause | None = None
    different: tuple[Proof, ...] = ()
    alerts: tuple[Incident, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether nothing is paused, stale, failed, pending, different or away, and every channel of alerts delivers."""
        return (
            self.paused is None
            and not self.different
            and all(c.well for c in self.channels)
            and all(s.problem is None and not s.pending for s in self.sinks)
            and all(x.healthy for x in self.locations)
        )

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON."""
        return {**asdict(self), "healthy": self.healthy}


def status(app: App) -> Status:
    """Look at the outbox and at every known sink."""
    known = dict.fromkeys((*app.settings.db_mode.sinks, *mode.state(app).known))
    sinks = tuple(_sink(app, name) for name in known)
    held = tuple(sorted(held_back(app.outbox), key=lambda h: h.read_at, reverse=True))
    locations = tuple(x for fact in (Fact.INVENTARIO, Fact.VENTAS) for x in _locations(app, fact, held))
    rejected = sum(i.rows for place in app.outbox.index.locations() for i in app.outbox.index.images(place, "rechazos"))
    repairs = recorded(app)
    last = f"{repairs[-1].tabla} from {repairs[-1].origen}, {stamp(repairs[-1].pedida_en)} by {repairs[-1].pedida_por}" if repairs else None
    quarantined = len(Quarantine(app.settings.home).entries())
    fares = health(Store(app.settings.home), channels(app.settings.fluxion_alert_urls))
    drifts = noticed(app.settings.home, app.clock() - timedelta(days=7))
    drifted = f"{stamp(drifts[-1].at)}, {drifts[-1].text}" if drifts else None
    repaired = len({x.id for x in repairs})
    return Status(
        app.settings.db_mode.value,
        sinks,
        locations,
        quarantined,
        rejected,
        held,
        repaired,
        last,
        sum(x.rows for x in drifts),
        drifted,
        fares,
        standing(app.settings.home),
        different(app.settings.home, compared_tables(app.settings.home)) if app.settings.db_mode is Mode.DUAL else (),
        _open_alerts(app),
    )


def _open_alerts(app: App) -> tuple[Incident, ...]:
    """What the sensor has told of and not yet seen end; no file is made."""
    store = Store(app.settings.home)
    if not store.exists:
        return ()
    with store.open() as db:
        return tuple(read_book(db).open.values())


_COUNTS = " UNION ALL ".join(f"SELECT '{t}', count(*) FROM {quote(t)}" for t in ("productos", "ventas", "inventario_actual", "inventario_historico"))  # noqa: S608


def _sink(app: App, name: SinkName) -> SinkStatus:
    active = name in app.settings.db_mode.sinks
    sink = app.sink(name)
    try:
        with sink.session("looking") as session:
            check_claim(sink, app.outbox, session.meta())
            lacks = sum(pending(session, app.outbox).values())
            copied = len(still_to_copy(session, app.outbox, session.meta()))
        return SinkStatus(name, active, None, lacks, copied, dict(sink.query(_COUNTS)) | _own_counts(app, sink))
    except FluxionError as error:
        return SinkStatus(name, active, str(error), 0, 0, {})


def _own_counts(app: App, sink: Sink) -> dict[str, int]:
    """Rows of users' own tables, of those that the sink has by now."""
    there = {str(name) for (name,) in sink.query("SELECT table_name FROM information_schema.tables")}
    names = [name for name in own_tables(app.settings.home) if name in there]
    return dict(sink.query(" UNION ALL ".join(f"SELECT '{n}', count(*) FROM {quote(n)}" for n in names))) if names else {}  # noqa: S608 names of contracts


def _locations(app: App, fact: Fact, held: Sequence[HeldBack]) -> list[LocationStatus]:
    waiting = {(h.location, h.cut) for h in held if h.fact is fact}
    newest = {row[1]: row for row in sorted(app.outbox.index.newest_attempts(fact), key=lambda r: r[2])}
    result = []
    for location in app.registry.active:
        row = newest.get(location.codigo)
        if row is None:
            continue
        data: dict[str, Any] = row[3]
        standing = app.outbox.index.standing(fact, location.codigo, row[2])
        outcome = str(standing["outcome"]) if standing else None
        last, reason = str(data["outcome"]), data.get("reason")
        if last == Outcome.SOSPECHOSO and (location.codigo, row[2]) not in waiting:
            last, reason = outcome or last, "accepted since"
        if last == Outcome.SIN_DATO and not location.is_store:
            continue
        result.append(LocationStatus(fact, location.codigo, location.nombre, row[2], outcome, last, reason))
    return result
