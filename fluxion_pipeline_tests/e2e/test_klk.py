"""The chain over a real socket, faults and all, through the command, into both sinks: exact where it can be, named where it can't."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from fluxion_pipeline.contracts.outcomes import Fact, SinkName
from fluxion_pipeline.defs.execute import execute
from fluxion_pipeline.operations.accept import waiting
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.land import Request
from fluxion_pipeline.operations.status import status
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.chain import STORES, Chain, Rows, down, error, page, silent, truncated
from fluxion_pipeline_tests.support.commands import Done, finish, fluxion, start
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.tills import Question, Said, Tills, said, sales, tills

pytestmark = pytest.mark.e2e

SOLD = (
    "SELECT ubicacion_codigo, numero_factura, linea, fecha_venta, fecha_negocio, producto_codigo, almacen_codigo, cantidad, precio_unitario, descuento,"
    " impuesto, venta_total, costo_total, venta_total_bs, tasa_usd FROM ventas"
)
HELD = "SELECT ubicacion_codigo, almacen_codigo, producto_codigo, stock, precio FROM inventario_actual"


def twin_of(chain: Chain, store: str) -> Any:
    """Answers of stock and sales with another store's."""

    def answer(question: Question, _: Said) -> Said:
        if question.path == "/ventas":
            return said(sales(chain.lines(store, str(question.body["fecha_desde"]))))
        return said({"articulos": chain.articles(store)})

    return answer


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def server(chain: Chain) -> Iterator[Tills]:
    with tills(chain.answer) as found:
        yield found


@pytest.fixture
def home(pg_settings: Settings, server: Tills) -> Home:
    changes = {"fluxion_source": "auto", "klk_base_url": server.url, "klk_read_timeout": 1.0, "klk_connect_timeout": 2.0}
    return Home(pg_settings.model_copy(update=changes)).ready()


def days_of(server: Tills) -> set[str]:
    return {str(q.body["fecha_desde"]) for q in server.asked if q.path == "/ventas"}


def in_sink(home: Home, sink: SinkName, sql: str) -> Rows:
    return Counter(tuple(row) for row in home.run(sink, sql))


def without(rows: Rows, stores: set[str]) -> Rows:
    return Counter({r: n for r, n in rows.items() if r[0] not in stores})


def told(home: Home, sink: SinkName) -> dict[tuple[str, str], set[str]]:
    """(table, store) → the outcomes of its coverage."""
    found: dict[tuple[str, str], set[str]] = {}
    for table, store, outcome in home.run(sink, "SELECT tabla, ubicacion_codigo, resultado FROM cobertura WHERE tabla <> 'productos'"):
        found.setdefault((table, store), set()).add(outcome)
    return found


def typed(home: Home, *jobs: str) -> list[Done]:
    """Runs as a person types them."""
    return [fluxion(home.settings, "run", job) for job in jobs]


def run(home: Home) -> list[int]:
    """Stock and sales in this process: the exit codes that the command would have."""
    return [execute(App(home.settings), Request(fact)).exit_code for fact in (Fact.INVENTARIO, Fact.VENTAS)]


BAD = {"SUC008": down, "SUC018": error, "SUC017": silent, "SUC014": truncated, "SUC019": page}
OUTCOMES = {"SUC008": "inalcanzable", "SUC018": "inalcanzable", "SUC017": "inalcanzable", "SUC014": "parcial", "SUC019": "parcial"}


def test_stores_that_can_be_read_are_exact_and_the_others_are_named(home: Home, chain: Chain, server: Tills) -> None:
    chain.faults |= BAD
    chain.faults["SUC005"] = twin_of(chain, "SUC001")
    chain.rate = 0.2
    run(home)
    told_so = typed(home, "inventario", "ventas")
    catalogue = execute(App(home.settings), Request(Fact.CATALOGO))
    assert catalogue.exit_code == 0, catalogue
    assert [done.code for done in told_so] == [1, 1]
    for store, outcome in OUTCOMES.items():
        assert all(f"{store}\t" in done.out and outcome in done.out for done in told_so)
    execute(App(home.settings), Request(Fact.VENTAS))  # by now another store's names tell that those on lines are worth something
    honest, liar = twins = ("SUC001", "SUC005")
    readable, days = set(STORES) - set(BAD), days_of(server)
    for sink in SinkName:
        sold, stock = in_sink(home, sink, SOLD), in_sink(home, sink, HELD)
        assert without(sold, {liar}) == sum((chain.sold(store, day) for store in readable - {liar} for day in days), Counter()), sink
        assert without(stock, twins) == sum((chain.held(s) for s in readable - {*twins}), Counter()), sink
        covered = told(home, sink)
        assert {s: covered["inventario_actual", s] for s in BAD} == {s: {o} for s, o in OUTCOMES.items()}
        assert {s: covered["ventas", s] for s in BAD} == {s: {o} for s, o in OUTCOMES.items()}
        assert sorted(o for s in twins for o in covered["inventario_actual", s]) == ["completo", "sospechoso"]
        assert {r[0] for r in stock} == readable - {s for s in twins if covered["inventario_actual", s] == {"sospechoso"}}
        for day in days:  # whose lines they are they say themselves, whoever came first
            known = dict(home.run(sink, f"SELECT ubicacion_codigo, resultado FROM cobertura WHERE tabla = 'ventas' AND corte = '{day}'"))
            assert known[honest] != "sospechoso"
            assert (liar, day) in {(h.location, h.cut) for h in waiting(App(home.settings), Fact.VENTAS)}
        assert home.run(sink, "SELECT count(*) FROM rechazos") == [(2 * len(readable) * len(days),)]
    home.assert_equal()
    assert fluxion(home.settings, "parity").code == 0
    assert set(server.most.values()) == {1}
    assert server.most_in_all <= 8
    chain.faults, chain.rate = {}, 0
    for _ in range(3):
        run(home)
    for sink in SinkName:
        assert in_sink(home, sink, SOLD) == sum((chain.sold(store, day) for store in STORES for day in days), Counter()), sink
        assert in_sink(home, sink, HELD) == sum((chain.held(store) for store in STORES), Counter()), sink


@pytest.mark.long
def test_a_chain_that_was_away_keeps_what_was_known_and_heals_by_itself(home: Home, chain: Chain, server: Tills) -> None:
    assert run(home) == [0, 0]
    before = {sink: (in_sink(home, sink, SOLD), in_sink(home, sink, HELD)) for sink in SinkName}
    chain.faults = dict.fromkeys(STORES, down)
    assert run(home) == [1, 1]
    assert {sink: (in_sink(home, sink, SOLD), in_sink(home, sink, HELD)) for sink in SinkName} == before
    assert not status(App(home.settings)).healthy
    chain.faults = {}
    assert run(home) == [0, 0]
    days = days_of(server)
    for sink in SinkName:
        assert in_sink(home, sink, SOLD) == sum((chain.sold(store, day) for store in STORES for day in days), Counter())
        assert in_sink(home, sink, HELD) == sum((chain.held(store) for store in STORES), Counter())
        assert home.run(sink, "SELECT DISTINCT ultimo_resultado FROM cobertura WHERE tabla = 'inventario_actual'") == [("completo",)]


def test_what_can_not_be_asked_for_is_told_and_exits_with_2(home: Home, server: Tills) -> None:
    old = fluxion(home.settings, "run", "inventario", "--tick", "2025-11-24T0600")
    assert (old.code, "only knows its stock of now" in old.err) == (2, True), old.text
    cedi = fluxion(home.settings, "run", "inventario", "--ubicacion", "CEDI01")
    assert (cedi.code, "CEDI01 (stellar): not covered" in cedi.err) == (2, True), cedi.text
    assert server.asked == []


@pytest.mark.long
def test_the_simulated_chain_is_read_from_the_command(home: Home) -> None:
    process = start(home.settings, "simulate", "klk", "--port", "0", "--live", "--quiet", "--faults", "t03=down", more={"PYTHONUNBUFFERED": "1"})
    try:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found is not None
        settings = home.settings.model_copy(update={"klk_base_url": found[0], "fluxion_source": "klk", "klk_read_timeout": 40.0})
        done = fluxion(settings, "run", "inventario")
        assert (done.code, "18 completo, 1 inalcanzable" in done.out) == (1, True), done.text
    finally:
        process.terminate()
        finish(process, 20)
    home.assert_equal()
