"""A problem is told when it begins, worsens, lasts and ends, whoever notices it and however often."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from fluxion_pipeline.alerts.evidence import CheckSeen, RunSeen, steps_of
from fluxion_pipeline.alerts.grouping import group
from fluxion_pipeline.alerts.incidents import Book, Step, advance, remind
from fluxion_pipeline.alerts.problem import Event, Incident, Kind, Severity
from fluxion_pipeline.contracts.clock import UTC

START = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
MANY = 5
HOUR = timedelta(hours=1)


def seen(name: str, *, passed: bool | None, row: int = 1, asset: str = "postgresql/ventas", serious: bool = True, run: str = "r", **more: object) -> CheckSeen:
    return CheckSeen(asset, name, row, run, START + row * HOUR, passed, serious, **more)  # type: ignore[arg-type]


def live(book: Book, *steps: Step) -> tuple[Book, list[tuple[Kind, str, Severity]]]:
    """Take steps; what happened, in its order."""
    told: list[Event] = []
    for step in steps:
        book, events = advance(book, step, MANY, step.at)
        told += events
    return book, [(e.kind, e.incident.problem, e.incident.severity) for e in told]


def of_parity(passed: bool, row: int) -> Step:
    (step,) = steps_of([seen("paridad", passed=passed, row=row, run=f"r{row}")], [RunSeen(f"r{row}", "ventas", START + row * HOUR, False)], [])
    return step


def test_a_check_that_fails_again_and_again_is_one_problem() -> None:
    _, told = live(Book(), *(of_parity(ok, n) for n, ok in enumerate([True, False, False, False, True, True])))
    assert told == [(Kind.ABIERTO, "paridad/ventas", Severity.ERROR), (Kind.RECUPERADO, "paridad/ventas", Severity.ERROR)]


def test_a_problem_that_comes_back_is_another_incident_with_another_id() -> None:
    book, ids = Book(), []
    for n, ok in enumerate([False, True, False]):
        book, events = advance(book, of_parity(ok, n), MANY, START)
        ids += [e.id for e in events]
    assert len(set(ids)) == 3


def test_the_same_step_taken_again_after_a_crash_has_the_same_ids() -> None:
    first, second = (group(advance(Book(), of_parity(False, 1), MANY, START)[1]) for _ in range(2))
    assert [g.id for g in first] == [g.id for g in second]


def test_a_warning_that_becomes_an_error_is_told_again_and_one_that_gets_milder_is_not() -> None:
    severities = [False, True, False]
    steps = [steps_of([seen("rechazos_usuales", passed=False, row=n, serious=s, run=f"r{n}")], [], [])[0] for n, s in enumerate(severities)]
    _, told = live(Book(), *steps)
    assert [(kind, severity) for kind, _, severity in told] == [(Kind.ABIERTO, Severity.AVISO), (Kind.ESCALADO, Severity.ERROR)]


def test_reminders_come_after_the_hours_of_the_severity_and_not_before() -> None:
    book, _ = live(Book(), of_parity(False, 0))
    hours = {Severity.ERROR: 6.0, Severity.AVISO: 0.0}
    told = []
    for hour in range(1, 20):
        book, events = remind(book, START + hour * HOUR, hours)
        told += [(hour, e.incident.reminders) for e in events]
    assert told == [(6, 1), (12, 2), (18, 3)]


def test_what_is_found_late_is_not_reminded_of_at_once() -> None:
    late = START + 30 * HOUR
    book, events = advance(Book(), of_parity(False, 0), MANY, late)
    assert events[0].incident.opened_at == START
    assert remind(book, late, {Severity.ERROR: 6.0})[1] == ()


@pytest.mark.parametrize("name", ["lecturas_logradas", "ubicaciones_presentes"])
def test_a_store_is_one_problem_whichever_check_and_fact_notices_it(name: str) -> None:
    facts = ["lotes/inventario", "lotes/ventas"]
    checks = [seen(name, passed=False, row=n, asset=a, run=f"r{n}", places={"SUC001": "inalcanzable"}) for n, a in enumerate(facts)]
    book, told = live(Book(), *steps_of(checks, [], []))
    assert told == [(Kind.ABIERTO, "ubicacion/SUC001", Severity.ERROR)]
    mended = [seen(name, passed=True, row=n + 5, asset=a, run=f"s{n}") for n, a in enumerate(facts)]
    _, told = live(book, *steps_of(mended[:1], [], []))
    assert told == []
    _, told = live(book, *steps_of(mended, [], []))
    assert told == [(Kind.RECUPERADO, "ubicacion/SUC001", Severity.ERROR)]


def stores(*codes: str, row: int = 1) -> Step:
    return steps_of(
        [seen("lecturas_logradas", passed=not codes, row=row, asset="lotes/ventas", run=f"r{row}", places=dict.fromkeys(codes, "inalcanzable"))], [], []
    )[0]


def test_many_stores_at_once_are_critical_and_one_message_those_that_failed_before_included() -> None:
    codes = [f"SUC{n:03d}" for n in range(7)]
    book, _ = advance(Book(), stores(*codes[:2]), MANY, START)
    book, events = advance(book, stores(*codes, row=2), MANY, START)
    (found,) = group(events)
    assert (found.kind, found.severity, len(found.events)) == (Kind.ABIERTO, Severity.CRITICO, 7)
    book, events = advance(book, stores(row=3), MANY, START)
    (ended,) = group(events)
    assert (ended.kind, ended.severity, len(ended.events)) == (Kind.RECUPERADO, Severity.CRITICO, 7)


def test_a_database_that_is_away_is_one_problem_whatever_it_takes_along() -> None:
    run = RunSeen("r", "ventas", START + HOUR, True, (("postgresql_ventas", "refused"),))
    checks = [seen("claves_unicas", passed=False, verdict="no_concluyente"), seen("lotes_pendientes", passed=False, row=2), seen("paridad", passed=None, row=3)]
    _, told = live(Book(), *steps_of(checks, [run], []))
    assert told == [(Kind.ABIERTO, "base/postgresql", Severity.ERROR)]


def test_a_check_that_did_not_run_leaves_what_it_said_and_is_told_if_its_run_did_not_fail() -> None:
    book, _ = live(Book(), of_parity(False, 0))
    ran = RunSeen("r9", "ventas", START + 9 * HOUR, False)
    book, told = live(book, *steps_of([seen("paridad", passed=None, row=9, run="r9")], [ran], []))
    assert told == [(Kind.ABIERTO, "postgresql/ventas/paridad/sin_correr", Severity.AVISO)]
    _, told = live(book, of_parity(True, 10))
    assert {problem for kind, problem, _ in told if kind is Kind.RECUPERADO} == {"postgresql/ventas/paridad/sin_correr", "paridad/ventas"}


def test_a_run_that_fails_to_read_is_its_jobs_problem_until_one_ends_well() -> None:
    runs = [RunSeen(f"r{n}", "ventas", START + n * HOUR, bad, (("lotes__ventas", "no disk"),) if bad else ()) for n, bad in enumerate([True, True, False])]
    _, told = live(Book(), *steps_of([], runs, []))
    assert told == [(Kind.ABIERTO, "corrida/ventas", Severity.ERROR), (Kind.RECUPERADO, "corrida/ventas", Severity.ERROR)]


def test_events_of_one_problem_are_never_told_in_another_order() -> None:
    def event(kind: Kind, problem: str, n: int) -> Event:
        (finding,) = of_parity(False, 0).updates["check:postgresql/ventas:paridad"]
        incident = Incident(f"{problem}@{n}", problem, finding.family, Severity.ERROR, START, START, 0, (finding,))
        return Event(kind, incident, START + n * HOUR)

    opened, ended = Kind.ABIERTO, Kind.RECUPERADO
    events = [event(opened, "a", 1), event(opened, "b", 1), event(ended, "a", 2), event(opened, "a", 3), event(ended, "b", 3), event(ended, "a", 4)]
    flat = [e for g in group(events) for e in g.events]
    for problem in "ab":
        assert [e for e in flat if e.incident.problem == problem] == [e for e in events if e.incident.problem == problem]
    assert len(group(events)) < len(events)
