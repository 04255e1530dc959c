"""The circuit breaker: it delays scheduled questions only, and closes at the first answer."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import Answer
from fluxion_pipeline.sources.klk import Patience
from fluxion_pipeline.sources.klk.memory import ENOUGH, FULL_AFTER, REST, TRIAL, Known, Memory
from fluxion_pipeline_tests.sources.klk.conftest import NOW, Open
from fluxion_pipeline_tests.support.tills import Said, said, sales

USUAL = Patience(5, 40, 300, 4)


def dead(memory: Memory, times: int = ENOUGH) -> None:
    for n in range(times):
        memory.failed("SUC001", NOW + timedelta(minutes=n), full=True)


def test_a_few_failures_change_nothing(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    dead(memory, ENOUGH - 1)
    assert memory.patience("SUC001", USUAL, NOW + timedelta(hours=1)) == USUAL


def test_a_dead_store_rests_then_gets_short_trials_and_a_full_one_each_hour(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    dead(memory)
    last = NOW + timedelta(minutes=ENOUGH - 1)
    assert "not asked: it has not answered since 2025-11-24 12:10 (3 times in a row)" in str(memory.patience("SUC001", USUAL, last + REST / 2))
    assert memory.patience("SUC001", USUAL, last + REST) == TRIAL
    memory.failed("SUC001", last + REST, full=False)
    assert memory.patience("SUC001", USUAL, last + FULL_AFTER) == Patience(5, 40, 300, 1)
    assert memory.patience("SUC007", USUAL, last) == USUAL


def test_an_answer_closes_it(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    dead(memory)
    memory.answered("SUC001")
    assert memory.of("SUC001") == Known()
    assert memory.patience("SUC001", USUAL, NOW) == USUAL


def test_a_clock_that_was_set_back_doesn_t_keep_it_open(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    dead(memory)
    assert memory.patience("SUC001", USUAL, NOW - timedelta(days=1)) == TRIAL


@pytest.mark.parametrize("text", ["", "[]", '{"failures": ', "null"])
def test_a_damaged_memory_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "SUC001.json").write_text(text)
    assert Memory(tmp_path).patience("SUC001", USUAL, NOW) == USUAL


def test_scheduled_questions_spare_a_dead_store_and_typed_ones_never_do(chain: Open) -> None:
    here = chain(lambda _: said({}, status=500))
    for _ in range(ENOUGH):
        here.sales(scheduled=True)
    asked = len(here.server.asked)
    assert asked == 3 * ENOUGH
    spared = here.sales(scheduled=True)
    assert (spared.answer, len(here.server.asked)) == (Answer.INALCANZABLE, asked)
    assert "not asked" in str(spared.reason)
    assert "HTTP 500" in str(here.sales().reason)
    assert len(here.server.asked) == asked + 3
    here.now += REST
    here.sales(scheduled=True)
    assert len(here.server.asked) == asked + 4
    here.server.answer = lambda _: said(sales([]))
    here.now += REST
    assert here.sales(scheduled=True).answer is Answer.ENTERA
    assert here.sales(scheduled=True).answer is Answer.ENTERA


def test_a_silent_store_costs_many_scheduled_questions_one_time_out(chain: Open) -> None:
    here = chain(lambda _: Said(b"[]", silent=30), Patience(1, 0.4, 5, 3))
    started = time.monotonic()
    for _ in range(40):
        here.sales(scheduled=True)
    assert len(here.server.asked) == ENOUGH
    assert time.monotonic() - started < 0.4 * ENOUGH + 3


def test_a_store_that_answers_badly_isn_t_dead(chain: Open) -> None:
    here = chain(lambda _: said({"datos": []}))
    for _ in range(ENOUGH + 2):
        here.sales(scheduled=True)
    assert len(here.server.asked) == ENOUGH + 2
