"""A store that answers as another one for a while: held back while it does, and both are exact again afterwards, with no hand."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.tables import spec
from fluxion_pipeline.landing.known import contested, known_days
from fluxion_pipeline.operations.accept import accept, waiting
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support import days as days_module
from fluxion_pipeline_tests.support.days import STORES, Days, days
from fluxion_pipeline_tests.support.home import wanted

DAY = "2025-11-24"
A, B, C = STORES


@pytest.fixture
def world(duck_settings: Settings) -> Iterator[Days]:
    with days(duck_settings) as found:
        found.trade("2025-11-23T08:00", "2025-11-25T20:00", every=1)
        yield found


def landed(world: Days) -> Counter[tuple[str, str, int]]:
    names = spec("ventas").columns
    place, invoice, quantity = (names.index(c) for c in ("ubicacion_codigo", "numero_factura", "cantidad"))
    return Counter({(r[place], r[invoice], int(r[quantity])): n for r, n in wanted(world.app.outbox, "ventas").items()})


def outcomes(world: Days, at: str, *stores: str, **more: bool) -> list[str]:
    """What today's readings of stores came to, one store after the other."""
    found = [x for store in stores for x in world.run(at, locations=(store,), **more).landings]
    return [x.outcome.value for x in found if x.cut == at[:10]]


def exact(world: Days, *stores: str) -> bool:
    found = landed(world)
    return Counter({k: n for k, n in found.items() if k[0] in stores}) == world.uploaded(*stores)


@pytest.mark.parametrize("renamed", [False, True])
def test_a_twin_is_held_at_each_tick_whatever_was_asked_of_either_store(world: Days, renamed: bool) -> None:
    world.twins, world.renamed = {B: A}, renamed
    assert outcomes(world, f"{DAY}T12:05", A, B, C) == ["en_curso", "sospechoso", "en_curso"]
    for hour in ("13:05", "14:05"):  # by now B is asked for the whole day, A for what is new
        assert outcomes(world, f"{DAY}T{hour}", B, A, C) == ["sospechoso", "en_curso", "en_curso"]
        assert exact(world, A, C)
    assert not Counter({k: n for k, n in landed(world).items() if k[0] == B})
    index = world.app.outbox.index
    doubted = [contested(index, store) for store in (A, B, C)]
    assert [DAY in days for days in doubted] == [True, True, False]
    index.discard()
    world.app.outbox.open()
    assert [contested(index, store) for store in (A, B, C)] == doubted  # also where the index is made anew
    world.twins = {}
    assert outcomes(world, f"{DAY}T15:05", A, B, C) == ["en_curso"] * 3
    assert exact(world, A, B, C)


def test_a_line_that_came_late_does_not_make_a_twin_another(world: Days) -> None:
    world.sell(f"{DAY}T11:00", f"{DAY}T12:06", store=A)
    world.run(f"{DAY}T12:05", locations=(A,))
    world.twins = {B: A}
    assert outcomes(world, f"{DAY}T12:35", B) == ["sospechoso"]


def test_an_open_day_with_another_stores_lines_is_read_in_full_as_soon_as_it_can_be(world: Days) -> None:
    world.twins, world.renamed = {B: A}, True
    assert outcomes(world, f"{DAY}T12:05", B, A) == ["en_curso", "sospechoso"]
    assert outcomes(world, f"{DAY}T13:05", B, A) == ["en_curso", "sospechoso"]
    world.twins = {}
    assert outcomes(world, f"{DAY}T14:05", B, A) == ["en_curso"] * 2
    assert outcomes(world, f"{DAY}T14:35", B, A) == ["en_curso"] * 2  # yesterday, closed by now, takes one time more
    assert exact(world, A, B)
    assert world.asked(f"{DAY}T15:05", locations=(B,)) == [f"{DAY} 14:25:00–"]


def test_days_that_were_closed_with_another_stores_lines_heal_in_the_nights(world: Days) -> None:
    world.twins, world.renamed = {B: A}, True
    assert outcomes(world, f"{DAY}T12:05", B, A) == ["en_curso", "sospechoso"]
    world.run("2025-11-25T03:00", locations=(B,), recovery=True)
    world.run("2025-11-25T03:00", locations=(A,), recovery=True)
    found = {s: known_days(world.app.outbox.index, Fact.VENTAS, s)[DAY] for s in (A, B)}
    assert (found[B].outcome, found[A].outcome, found[A].attempt) == ("completo", None, "sospechoso")
    world.twins = {}
    for night in ("2025-11-26T03:00", "2025-11-27T03:00"):
        world.run(night, locations=(B,), recovery=True)
        world.run(night, locations=(A,), recovery=True)
    assert exact(world, A, B)


def test_stock_of_another_store_is_held_whoever_is_read_first(world: Days) -> None:
    world.products = 60
    for store in (A, B):
        world.run(f"{DAY}T12:00", fact=Fact.INVENTARIO, locations=(store,))
    world.twins = {B: A}
    liar, honest = (world.run(f"{DAY}T12:30", fact=Fact.INVENTARIO, locations=(s,)).landings[0] for s in (B, A))
    assert (liar.outcome.value, honest.outcome.value) == ("sospechoso", "completo")
    assert liar.reason == f"gemela: the same rows as {A} at the same tick"
    place, stock = (spec("inventario_actual").columns.index(c) for c in ("ubicacion_codigo", "stock"))
    least = {s: min(int(r[stock]) for r in wanted(world.app.outbox, "inventario_actual") if r[place] == s) for s in (A, B)}
    assert least[B] == least[A] + 1
    world.twins = {}
    assert world.run(f"{DAY}T13:00", fact=Fact.INVENTARIO, locations=(B,)).landings[0].outcome.value == "completo"


def test_lines_that_name_another_store_are_held_though_that_one_is_not_there(world: Days) -> None:
    world.run(f"{DAY}T12:05", locations=(C,))
    world.twins, world.away = {B: A}, {A}
    assert outcomes(world, f"{DAY}T12:35", B) == ["sospechoso"]
    assert world.run(f"{DAY}T12:36", locations=(B,)).landings[-1].reason == f"gemela: most of the 754 lines name the warehouse of {A} on the same day"
    world.away = set()
    assert outcomes(world, f"{DAY}T13:05", B, A) == ["sospechoso", "en_curso"]
    world.twins = {}
    assert outcomes(world, f"{DAY}T14:05", B, A) == ["en_curso"] * 2
    assert exact(world, A, B)


def test_who_comes_first_in_a_new_home_takes_nobodys_place_whose_warehouse_the_lines_name(world: Days) -> None:
    world.twins = {B: A}
    assert outcomes(world, f"{DAY}T12:05", B, C, A) == ["en_curso"] * 3  # of the first store that there ever is nothing tells
    assert outcomes(world, f"{DAY}T13:05", B, A) == ["sospechoso", "en_curso"]
    assert exact(world, A)
    assert DAY in contested(world.app.outbox.index, B)
    world.twins = {}
    for night in ("2025-11-25T03:00", "2025-11-26T03:00"):
        for store in (B, A):
            world.run(night, locations=(store,), recovery=True)
    assert exact(world, A, B)


def test_a_store_that_was_a_twin_does_not_take_the_honest_ones_place_on_the_next_day(world: Days) -> None:
    world.twins, world.renamed = {B: A}, True
    assert outcomes(world, "2025-11-23T23:05", A, B) == ["en_curso", "sospechoso"]
    world.away = {A}
    assert outcomes(world, f"{DAY}T12:05", B) == ["sospechoso"]
    assert world.run(f"{DAY}T12:06", locations=(B,)).landings[-1].reason.startswith("espera: near that day its lines were those of SUC001")
    assert DAY in contested(world.app.outbox.index, B)
    world.away = set()
    assert outcomes(world, f"{DAY}T13:05", B, A, B) == ["sospechoso", "en_curso", "sospechoso"]
    assert exact(world, A)
    world.twins = {}
    for night in ("2025-11-25T03:00", "2025-11-26T03:00"):
        for store in (B, A):
            world.run(night, locations=(store,), recovery=True)
    assert exact(world, A, B)


def test_a_person_says_once_who_is_the_honest_one(world: Days) -> None:
    world.twins, world.renamed = {B: A}, True
    for day in ("2025-11-23", DAY):
        assert outcomes(world, f"{day}T12:05", B, A) == ["en_curso", "sospechoso"]
    assert [x.outcome.value for x in accept(world.app, waiting(world.app, Fact.VENTAS, (A,)))] == ["completo", "en_curso"]
    assert outcomes(world, f"{DAY}T13:05", A, B) == ["en_curso", "sospechoso"]
    for store in (A, B):
        world.run("2025-11-26T03:00", locations=(store,), recovery=True)
    assert exact(world, A)
    assert {h.location for h in waiting(world.app, Fact.VENTAS)} == {B}


def test_a_server_that_names_one_warehouse_for_all_holds_nobody_back(world: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(days_module, "STORES", dict.fromkeys(STORES, STORES[A]))
    assert outcomes(world, f"{DAY}T12:05", C, B, A) == ["en_curso"] * 3
    assert exact(world, A, B, C)


@pytest.mark.parametrize("seed", range(int(os.environ.get("FLUXION_TWIN_LIVES", "1"))))
def test_whoever_answers_as_whom_for_whatever_time_all_stores_are_exact_in_the_end(world: Days, seed: int) -> None:
    draw = random.Random(seed)
    world.renamed = draw.random() < 0.5
    stores = [A, B, C]
    for day in ("2025-11-23", "2025-11-24"):
        for hour in range(9, 22, 2):
            if draw.random() < 0.3:
                liar, other = draw.sample(stores, 2)
                world.twins = {} if world.twins and draw.random() < 0.5 else {liar: other}
            world.away = {draw.choice(stores)} if draw.random() < 0.2 else set()
            draw.shuffle(stores)
            for store in stores:
                world.run(f"{day}T{hour:02d}:05", locations=(store,), scheduled=True)
    world.twins, world.away = {}, set()
    for night in ("2025-11-26T03:00", "2025-11-27T03:00", "2025-11-28T03:00"):
        draw.shuffle(stores)
        for store in stores:
            world.run(night, locations=(store,), recovery=True)
    assert landed(world) == world.uploaded()


@pytest.mark.parametrize("renamed", [False, True])
@pytest.mark.parametrize("seed", range(int(os.environ.get("FLUXION_TWIN_LIVES", "1"))))
def test_the_honest_store_is_exact_while_another_answers_as_it(world: Days, renamed: bool, seed: int) -> None:
    draw = random.Random(seed)
    world.renamed = renamed
    world.lines.clear()
    for day in ("2025-11-23", "2025-11-24"):
        world.trade(f"{day}T08:00", f"{day}T20:00", every=2)
    stores = draw.sample([A, B, C], 3)
    liar, honest, _ = stores
    world.twins = {liar: honest}
    if renamed:  # nothing but that it was told once tells of it
        assert outcomes(world, "2025-11-23T11:05", honest, liar) == ["en_curso", "sospechoso"]
    for day in ("2025-11-23", "2025-11-24"):
        for hour in range(12, 22, 3):
            draw.shuffle(stores)
            for minute, store in enumerate(stores):
                world.away = {store} if draw.random() < 0.3 else set()
                world.run(f"{day}T{hour:02d}:{minute:02d}", locations=(store,), scheduled=True)
    world.away = set()
    for night in ("2025-11-26T03:00", "2025-11-27T03:00", "2025-11-28T03:00"):
        draw.shuffle(stores)
        for store in stores:
            world.run(night, locations=(store,), recovery=True)
        if world.twins:
            assert exact(world, *(s for s in stores if s != liar))
            world.twins = {}
    assert landed(world) == world.uploaded()
