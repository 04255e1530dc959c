"""Read what the source has of each location and land it: each on its own, failing on its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import timedelta

from fluxion_pipeline.contracts.clock import local_day
from fluxion_pipeline.contracts.outcomes import SATISFIED, Fact, Outcome, Provenance
from fluxion_pipeline.errors import FluxionError, LocationError
from fluxion_pipeline.failpoints import passed
from fluxion_pipeline.landing.decide.dimensions import EVERYWHERE
from fluxion_pipeline.landing.outbox import Landing
from fluxion_pipeline.landing.quarantine import Quarantine, Quarantined
from fluxion_pipeline.locations.registry import Location
from fluxion_pipeline.locks import Told, hold
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.calendar import Calendar, read_calendar
from fluxion_pipeline.operations.due import check_times, cuts_due
from fluxion_pipeline.operations.recovery import Mark, leave_mark
from fluxion_pipeline.operations.windows import Due
from fluxion_pipeline.pause import wait_for_end
from fluxion_pipeline.sources.protocol import Reading

MAX_THREADS = 8
JOBS = {Fact.CATALOGO: "catalogo", Fact.INVENTARIO: "inventario", Fact.VENTAS: "ventas"}
RECOVERY = "recuperacion"
PATIENT = 330.0
"""Seconds to wait for another run's reading of the same store: the longest that one takes, and its landing."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Request:
    """What to read.

    Attributes:
        fact: of what.
        low: first day or tick, both ends included; None with ``high`` None: whatever the source has and the outbox hasn't.
        high: last day or tick.
        locations: codigo, codigo_etl or id; empty: all active ones.
        wait: seconds to wait for another run of the same job.
        accept: apply readings that would be held back as sospechoso, those that are held back included.
        scheduled: whether no person asked for it: a store that is known to be dead may then be spared, and
            older sales days are left to the recovery.
        recovery: of sales: read every day that isn't closed, however old, and the newest closed ones again.
    """

    fact: Fact
    low: str | None = None
    high: str | None = None
    locations: tuple[str, ...] = ()
    wait: float = 60.0
    accept: bool = False
    scheduled: bool = False
    recovery: bool = False

    @property
    def job(self) -> str:
        """The job that it is a run of: two runs of one job never overlap."""
        return RECOVERY if self.recovery else JOBS[self.fact]

    @property
    def explicit(self) -> bool:
        """Whether times were asked for: these are read again, whatever is known of them."""
        return self.low is not None or self.high is not None

    def includes(self, cut: str) -> bool:
        """Whether a cut lies in the range."""
        return (self.low is None or cut >= self.low) and (self.high is None or cut <= self.high)


@dataclass(frozen=True)
class LandingReport:
    """What reading and landing came to.

    Attributes:
        fact: of what.
        landings: one per reading.
        errors: location → what kept it from being landed at all.
        quarantined: pieces of unknown or inactive locations that were put aside now.
        met: products that facts met before any catalogue, added flagged.
        strange: files whose names say no day or tick.
    """

    fact: Fact
    landings: tuple[Landing, ...] = ()
    errors: dict[str, str] = field(default_factory=dict)
    quarantined: tuple[Quarantined, ...] = ()
    met: int = 0
    strange: tuple[str, ...] = ()

    @property
    def lotes(self) -> tuple[str, ...]:
        """The lotes that were written."""
        return tuple(x.lote_id for x in self.landings if x.lote_id)

    @property
    def failed(self) -> tuple[Landing, ...]:
        """The readings that did not end as they were asked to."""
        return tuple(x for x in self.landings if x.outcome not in SATISFIED)

    def total(self, field_name: str) -> int:
        """The sum of ``read``, ``loaded``, ``repeated``, ``rejected`` or ``held`` over all readings."""
        return sum(getattr(x, field_name) for x in self.landings)

    def outcomes(self) -> dict[Outcome, int]:
        """How many readings came to which outcome."""
        return {o: n for o in Outcome if (n := sum(x.outcome is o for x in self.landings))}


def check_request(app: App, request: Request) -> None:
    """What can be told without reading anything: the source is there, the locations are known.

    Raises:
        ContractError: if a live system is asked for a time that it can't be asked for.
        LocationError: if an asked-for location isn't in the map, isn't active, or no asked-for one is covered.
        PermanentError: if the source can't be opened.
    """
    _locations(app, request)
    check_times(app, request)


def read_and_land(app: App, request: Request, progress: Progress | None = None, waiting: Told | None = None) -> LandingReport:
    """Read and land; one run of a job at a time. ``waiting`` is told for whom it waits, if it has to.

    Raises:
        BusyError: if another run of the job goes on for longer than the wait.
        ContractError: if a live system is asked for a time that it can't be asked for.
        LocationError: if an asked-for location isn't in the map, isn't active, or no asked-for one is covered.
        PermanentError: if the source can't be opened.
    """
    source, begun = app.source, app.clock()
    wanted = _locations(app, request)
    check_times(app, request)
    wait_for_end(app.settings.home, waiting)
    with hold(app.locks / f"{request.job}.lock", wait=request.wait, purpose=f"fluxion run {request.job}", waiting=waiting):
        if request.fact is Fact.CATALOGO:
            app.outbox.land_locations(app.registry)
            return LandingReport(request.fact, (_catalogue(app, request),))
        quarantined = Quarantine(app.settings.home).take(source, request.fact, app.clock()) if not request.locations else ()
        tomorrow = (local_day(app.clock()) + timedelta(days=1)).isoformat()
        expected = frozenset(c for c in source.expected(request.fact) if c[:10] <= tomorrow)  # one store's wrong clock makes no others late
        calendar = read_calendar(app.settings.home, app.registry)
        work = {x: cuts for x in wanted if (cuts := cuts_due(app, request, x, expected, calendar))}
        app.outbox.land_new_locations(app.registry, (x.codigo for x in work))
        landings, errors = _side_by_side(app, request, calendar, work, progress)
        met = app.outbox.land_met()
    strange = (*getattr(source, "strange", tuple)(), *calendar.problems)
    report = LandingReport(request.fact, tuple(landings), errors, quarantined, met, strange)
    if request.recovery and not request.locations:
        passed("recovery.done")
        leave_mark(app.settings.home, Mark(begun, app.clock(), len(landings), len(report.failed) + len(errors)))
    return report


def _locations(app: App, request: Request) -> list[Location]:
    if not request.locations:
        return [x for x in app.registry.active if app.source.covers(x)]
    found = [app.registry.find(name) for name in dict.fromkeys(request.locations)]
    for location in found:
        if not location.activo:
            raise LocationError(f"{location.codigo} ({location.nombre}) isn't active", "set activo=true in ubicaciones.csv, or leave it out")
    covered = [x for x in found if app.source.covers(x)]
    if not covered:
        systems = ", ".join(f"{x.codigo} ({x.sistema_pos})" for x in found)
        raise LocationError(f"{systems}: not covered by FLUXION_SOURCE={app.source.name}", "leave it out, or configure the system that it has")
    return covered


def _catalogue(app: App, request: Request) -> Landing:
    with app.outbox.lock(EVERYWHERE) as past:
        return app.outbox.land(_asked(app.source.catalogue(app.clock(), scheduled=request.scheduled), request), past)


def _asked(reading: Reading, request: Request) -> Reading:
    return replace(reading, provenance=Provenance.ACCEPT) if request.accept else reading


def _one(app: App, request: Request, calendar: Calendar, location: Location, due: Due) -> Landing:
    with app.outbox.lock(location.codigo, PATIENT) as past:
        passed("extract.before")
        reading = app.source.read(request.fact, location, due.cut, app.clock(), window=due.window, scheduled=request.scheduled)
        passed("extract.read")
        if past.standing(request.fact, due.cut) is None:
            reading = calendar.applied(reading)
        return app.outbox.land(_asked(reading, request), past)


def _location(app: App, request: Request, calendar: Calendar, location: Location, work: list[Due]) -> tuple[list[Landing], str | None]:
    """A location's readings, one after the other; what goes wrong with one doesn't keep the others back."""
    landings: list[Landing] = []
    problem: str | None = None
    for due in work:
        try:
            landings.append(_one(app, request, calendar, location, due))
        except FluxionError as error:
            problem = f"{due.cut}: {error}"
        except Exception as error:  # noqa: BLE001 a location fails on its own, whatever it is; the report says so
            problem = f"{due.cut}: {type(error).__name__}: {error}"
    return landings, problem


def _side_by_side(
    app: App, request: Request, calendar: Calendar, work: dict[Location, list[Due]], progress: Progress | None
) -> tuple[list[Landing], dict[str, str]]:
    landings: dict[str, list[Landing]] = {}
    errors: dict[str, str] = {}
    with ThreadPoolExecutor(min(MAX_THREADS, app.source.parallel), thread_name_prefix="landing") as pool:
        futures = {pool.submit(_location, app, request, calendar, x, cuts): x.codigo for x, cuts in work.items()}
        for done, future in enumerate(as_completed(futures), 1):
            code = futures[future]
            landings[code], problem = future.result()
            if problem:
                errors[code] = problem
            if progress is not None:
                progress(code, done, len(futures))
    return [x for location in work for x in landings.get(location.codigo, [])], errors
