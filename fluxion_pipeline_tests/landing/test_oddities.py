"""Oddities are told and hold nothing back: each rule with a case that it finds and one that it leaves alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from fluxion_pipeline.contracts.clock import day_start
from fluxion_pipeline.contracts.outcomes import Fact, Outcome
from fluxion_pipeline.landing.attempts import odd
from fluxion_pipeline.landing.decide.oddities import DAYS, FEWEST, RULES, oddities
from fluxion_pipeline.landing.known import known_days
from fluxion_pipeline.operations.checks import readings_done
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sources.protocol import Reading
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.readings import sales, stock

DAY, TICK, NEXT = "2025-11-23", "2025-11-24T0630", "2025-11-24T0700"
START = day_start(date(2025, 11, 23))
USUAL: list[dict[str, Any]] = [{"lines": 100 + n, "amount": str(200 + n), "pieces": "100"} for n in range(FEWEST)]


def day(lines: int, price: str = "2", hour: float = 10, minute: int = 0) -> Any:
    row = {"venta_total": Decimal(price), "fecha_venta": START + timedelta(hours=hour)}
    return sales("SUC001", DAY, [{**row, "numero_factura": f"{n:08d}"} for n in range(lines)], minute)


def words(found: Sequence[str]) -> list[str]:
    return [text.partition(":")[0] for text in found]


@pytest.mark.parametrize(
    ("lines", "price", "hour", "wanted"),
    [
        (100, "2", 10, []),
        (1000, "2", 10, []),  # ten times the usual is a real day
        (10, "2", 10, []),
        (5, "2", 10, ["día flojo"]),
        (1400, "2", 10, ["monto"]),
        (100, "240", 10, ["monto", "precios"]),
        (100, "0.5", 10, ["precios"]),
        (100, "2", 3, ["reloj corrido"]),
        (100, "2", 10_000, ["reloj adelantado"]),
    ],
)
def test_a_day_is_odd_beside_the_days_before_it(lines: int, price: str, hour: float, wanted: list[str]) -> None:
    reading = day(lines, price, hour)
    assert sorted(words(oddities(reading, reading.rows[:0], USUAL))) == wanted


def test_without_enough_days_before_it_a_day_is_as_usual() -> None:
    reading = day(5)
    assert oddities(reading, reading.rows[:0], USUAL[1:]) == ()


@pytest.mark.parametrize(
    ("amounts", "price", "wanted"),
    [(lambda n: n, 6, []), (lambda n: n, 240, ["precios"]), (lambda n: n + 1, 5, ["salto"]), (lambda n: n + (n > 10), 5, [])],
)
def test_stock_is_odd_beside_the_state_before_it(amounts: Any, price: int, wanted: list[str]) -> None:
    def reading(tick: str, amount: Any, at: int) -> Reading:
        found = stock("SUC001", tick, {f"{n:06d}": amount(n) for n in range(100)})
        place, field = found.rows.schema.get_field_index("precio"), found.rows.schema.field("precio")
        return replace(found, rows=found.rows.set_column(place, field, pa.array([Decimal(at)] * 100, field.type)))

    assert words(oddities(reading(NEXT, amounts, price), reading(TICK, lambda n: n, 5).rows, [])) == wanted


def test_every_rule_has_a_reason_of_its_own() -> None:
    assert len({r.word for r in RULES}) == len({r.why for r in RULES}) == len(RULES)


def test_an_odd_day_is_applied_and_told_by_the_run_the_coverage_and_the_check(duck_settings: Settings) -> None:
    home = Home(duck_settings).ready()
    for n in range(DAYS, 0, -1):
        cut = (date(2025, 11, 23) - timedelta(days=n)).isoformat()
        at = day_start(date.fromisoformat(cut)) + timedelta(hours=10)
        home.land(sales("SUC001", cut, [{"numero_factura": f"{n:02d}{m:06d}", "fecha_venta": at} for m in range(90)]))
    (landing,) = home.land(day(4))
    assert (landing.outcome, landing.applied) == (Outcome.COMPLETO, True)
    assert landing.warnings == (f"SUC001 {DAY}: día flojo: 4 lines, usual are 90 (tills that have not uploaded, or a store that closed early?)",)
    (again,) = home.land(day(4, minute=5))
    assert (again.new, again.warnings) == (False, landing.warnings)
    found = known_days(home.outbox.index, Fact.VENTAS, "SUC001")[DAY]
    assert (found.outcome, str(found.reason).startswith("día flojo: 4 lines")) == ("completo", True)
    assert [(place, cut) for place, cut, _ in odd(home.outbox.index, Fact.VENTAS)] == [("SUC001", DAY)]
    check = readings_done(home.app, Fact.VENTAS)
    assert (check.passed, check.numbers["rarezas"], "día flojo: 4 lines" in check.sample) == (True, 1, True)
    home.outbox.rebuild()
    assert len(odd(home.outbox.index, Fact.VENTAS)) == 1
    (mended,) = home.land(day(80, minute=10))
    assert (mended.outcome, mended.warnings, odd(home.outbox.index, Fact.VENTAS)) == (Outcome.COMPLETO, (), [])
