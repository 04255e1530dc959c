"""What is checked of coverage: yesterday, the last 30 days, stores that fell silent, and the recovery itself.

Before this: ``coverage`` and ``recovery``; after it: the checks in ``defs``. They speak of more than
the run that asks them. Where files are read a missing one is a warning: whoever writes them knows why.
"""

from __future__ import annotations

from datetime import timedelta

from fluxion_pipeline.contracts.clock import ZONE, local_day
from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.landing.known import first_read
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.checks import CheckOutcome, table_of
from fluxion_pipeline.operations.coverage import Coverage, coverage, silences
from fluxion_pipeline.operations.recovery import last_mark

SILENT_TICKS = 4
"""Two hours of scheduled ticks: a store that is open and silent for so long needs a look."""

RECOVERY_AGE = timedelta(hours=27)
"""A night and what the recovery may take: older than this, one was missed."""

HEADER = ("día", "ubicación", "resultado", "motivo")


def of_yesterday(app: App) -> CheckOutcome:
    """Every expected store's sales of the last day that can be closed are there; of files, those of the newest day."""
    if app.source.live:
        day = (local_day(app.clock()) - timedelta(days=1)).isoformat()
        found = coverage(app, Fact.VENTAS, day, day)
    else:
        whole = coverage(app, Fact.VENTAS)
        found = coverage(app, Fact.VENTAS, whole.days[-1], whole.days[-1])
    return _told(found, found.days[-1], serious=app.source.live)


def of_the_last_days(app: App) -> CheckOutcome:
    """Every expected store's sales of the last 30 days are there."""
    found = coverage(app, Fact.VENTAS)
    return _told(found, f"{found.days[0]} to {found.days[-1]}", serious=False)


def _told(found: Coverage, when: str, *, serious: bool) -> CheckOutcome:
    lacking = found.lacking
    wanted = sum(c.wanted for c in found.cells.values())
    places = sorted({c.location for c in lacking})
    return CheckOutcome(
        not lacking,
        f"{when}: {len(lacking)} days of {', '.join(places[:10])} are lacking" if lacking else f"{when}: all {wanted} expected days are there",
        {"dias_esperados": wanted, "dias_que_faltan": len(lacking), "ubicaciones": len(places), "porcentaje": round(100 * found.share, 3)},
        table_of(HEADER, [(c.day, c.location, c.result, c.reason) for c in lacking]),
        serious=serious,
        places={c.location: f"{c.day} {c.result}" for c in lacking},
        cuts=tuple({c.day for c in lacking}),
    )


def none_silent(app: App) -> CheckOutcome:
    """No location that is open is silent for ``SILENT_TICKS`` ticks of stock."""
    found = silences(app)
    wrong = sorted((x for x in found if x.ticks >= SILENT_TICKS), key=lambda x: (-x.ticks, x.location))
    names = ", ".join(x.location for x in wrong[:10])
    return CheckOutcome(
        not wrong,
        f"{len(wrong)} locations are silent for {SILENT_TICKS} ticks or more: {names}" if wrong else "no location is silent",
        {"ubicaciones": len(found), "silenciosas": len(wrong), "silencio_mayor": max((x.ticks for x in found), default=0)},
        table_of(("ubicación", "nombre", "cortes en silencio", "último corte", "motivo"), [(x.location, x.name, x.ticks, x.since, x.reason) for x in wrong]),
        serious=app.source.live,
        places={x.location: f"{x.ticks} cortes en silencio" for x in wrong},
    )


def recovery_alive(app: App) -> CheckOutcome:
    """The recovery ended not longer ago than a night; files need none."""
    if not app.source.live:
        return CheckOutcome(True, "files are read whenever they are new: there is nothing to recover")
    at, mark = app.clock(), last_mark(app.settings.home)
    if mark is not None:
        age, said = at - mark.ended, f"the newest recovery ended {mark.ended.astimezone(ZONE):%Y-%m-%d %H:%M}"
    else:
        begun = first_read(app.outbox.index, Fact.VENTAS)
        age, said = at - (begun or at), "no recovery has ended yet"
    numbers: dict[str, int | float] = {"horas": round(age / timedelta(hours=1), 2)}
    numbers |= {"lecturas": mark.readings, "fallidas": mark.failed} if mark else {}
    late = age > RECOVERY_AGE
    remedy = ": see that the schedule recuperacion_programado runs, or type fluxion run recuperacion"
    return CheckOutcome(not late, said + (remedy if late else ""), numbers)
