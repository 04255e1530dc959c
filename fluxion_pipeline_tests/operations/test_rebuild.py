"""A sink is filled anew in chunks: killed it goes on where it was, ticks land in between, and what isn't copied yet is pending, not wrong."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName, Verdict
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.operations.checks import ask
from fluxion_pipeline.operations.owed import nothing_pending
from fluxion_pipeline.operations.status import status
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.claim import claim
from fluxion_pipeline_tests.support.commands import fluxion
from fluxion_pipeline_tests.support.home import NEXT, TICK, Home
from fluxion_pipeline_tests.support.readings import catalogue, invoices, sales, stock

DAYS = [f"2025-11-{day:02d}" for day in range(10, 18)]
COPIED = ("ventas", "inventario_historico", "inventario_cortes")
WROTE = "SELECT sum(insertadas), sum(cambiadas + borradas) FROM lotes_registro WHERE tabla IN ('ventas', 'inventario_historico', 'inventario_cortes')"


@pytest.fixture
def home(pg_settings: Settings) -> Home:
    """Eight days of sales of two stores and two ticks of stock, in DuckDB; PostgreSQL is empty."""
    found = Home(pg_settings.model_copy(update={"fluxion_copy_rows": 12})).ready()
    found.land(catalogue([{"codigo": f"{n:06d}", "descripcion": f"producto {n}"} for n in range(5)]))
    for number, day in enumerate(DAYS):
        found.land(*(sales(place, day, invoices(*range(10 * number, 10 * number + 4 + place.endswith("7")))) for place in ("SUC001", "SUC007")))
    found.land(stock("SUC001", TICK, {"000001": 5, "000002": 3}), stock("SUC001", NEXT, {"000001": 6, "000002": 3}, 1))
    found.converge(SinkName.DUCKDB)
    return found


def killed(home: Home, point: str) -> None:
    done = fluxion(home.settings, "sync", "--to", "postgresql", more={"FLUXION_FAILPOINT": point, "FLUXION_COPY_ROWS": "12"})
    assert done.code == -signal.SIGKILL, done.text


def copied(home: Home) -> int:
    return sum(home.held(SinkName.POSTGRESQL, "ventas").values())


def test_a_rebuild_that_is_killed_twice_copies_nothing_again_and_a_tick_lands_in_between(home: Home) -> None:
    killed(home, "postgresql.copied:1")
    first = copied(home)
    assert 0 < first < sum(home.wanted("ventas").values())

    # A tick of a store that is being copied: line 1 of an invoice moves from a day that isn't copied yet to a new one.
    home.land(sales("SUC001", "2025-11-24", invoices(0, 990), 5), stock("SUC001", "2025-11-24T0730", {"000001": 7}, 5))
    report = home.converge(SinkName.POSTGRESQL, limit=0)
    assert report.copied == 0
    home.converge(SinkName.DUCKDB)
    numbers = {row[1] for row in home.held(SinkName.POSTGRESQL, "ventas")}
    assert {"00000000", "00000990"} <= numbers
    assert home.held(SinkName.POSTGRESQL, "inventario_actual") == home.wanted("inventario_actual")

    (waiting,) = [s.to_copy for s in status(home.app).sinks if s.sink is SinkName.POSTGRESQL]
    check = ask(home.app, SinkName.POSTGRESQL, {"pending": nothing_pending(home.app)})["pending"]
    assert waiting == check.numbers["slices_por_copiar"] > 0
    assert (check.passed, check.serious, check.numbers["slices_pendientes"]) == (False, False, 0)
    for full in (True, False):
        found = prove(home.settings, full=full)
        assert {t.verdict for t in found.tables} == {Verdict.IGUAL, Verdict.NO_CONCLUYENTE}
        assert 0 < sum(t.pending for t in found.tables) <= waiting
        assert all("por_copiar" in t.reason for t in found.tables if t.verdict is Verdict.NO_CONCLUYENTE)

    killed(home, "postgresql.copying:2")
    assert first < copied(home) < sum(home.wanted("ventas").values())
    done = fluxion(home.settings, "sync", more={"FLUXION_COPY_ROWS": "12"})
    assert done.code == 0, done.text
    assert "rows" in done.out
    assert done.out.count(": igual") == len(prove(home.settings).tables)
    home.assert_equal()
    assert home.run(SinkName.POSTGRESQL, WROTE) == [(sum(sum(home.wanted(t).values()) for t in COPIED), 0)]  # each row once
    assert not home.run(SinkName.POSTGRESQL, "SELECT 1 FROM fluxion_meta WHERE clave LIKE 'copia:%%'")


def foreign(home: Home, sink: SinkName) -> None:
    """It holds rows that this outbox knows nothing of."""
    home.run(sink, "UPDATE fluxion_meta SET valor = 'another' WHERE clave = 'outbox'")
    home.run(sink, "UPDATE ventas SET fecha_negocio = DATE '2025-11-12' WHERE fecha_negocio = DATE '2025-11-11' AND linea = 1")
    claim(home.app.sink(sink), home.outbox, force=True)


def stale(home: Home, sink: SinkName) -> None:
    """It is at older images of some days, whose invoices are in other days by now."""
    home.land(sales("SUC001", DAYS[0], invoices(10, 11, 5), 7), sales("SUC001", DAYS[2], invoices(0, 1, 20, 21), 8))
    home.run(sink, "UPDATE fluxion_meta SET valor = '1' WHERE clave = 'hasta:SUC001'")
    home.run(sink, "DELETE FROM fluxion_meta WHERE clave = 'escrito:SUC001'")


@pytest.mark.parametrize("spoilt", [foreign, stale])
@pytest.mark.parametrize("sink", list(SinkName), ids=str)
def test_what_a_sink_held_before_is_in_no_two_places_while_it_is_filled_anew(home: Home, sink: SinkName, spoilt: Callable[[Home, SinkName], None]) -> None:
    home.converge(SinkName.POSTGRESQL)
    spoilt(home, sink)
    doubled = "SELECT count(*) FROM (SELECT 1 FROM ventas GROUP BY ubicacion_codigo, numero_factura, linea HAVING count(*) > 1) AS x"
    home.run(sink, "DELETE FROM lotes_registro")
    rounds = 0
    while home.converge(sink, limit=1 if rounds else 0, chunk=3).copied or not rounds:
        rounds += 1
        assert home.run(sink, doubled) == [(0,)]
        if rounds == 1:  # a tick moves lines to days that are still to be copied, and to a new one
            home.land(sales("SUC001", DAYS[1], invoices(0, 12, 30), 20), sales("SUC001", "2025-11-24", invoices(1, 40), 21))
    home.assert_equal(sink)
    assert rounds > len(DAYS) / 2
    assert home.run(sink, "SELECT max(slices) <= 4 FROM lotes_registro WHERE tabla = 'ventas'") == [(True,)]  # what a tick touches; a chunk is a day
    assert not home.run(sink, "SELECT 1 FROM fluxion_meta WHERE clave LIKE 'copia:%%' OR clave LIKE 'movidas:%%'")


def test_runs_fill_a_sink_bit_by_bit_and_nothing_while_somebody_does_it_whole(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from fluxion_pipeline.locks import hold
    from fluxion_pipeline.operations import bring_up as module

    monkeypatch.setattr(module, "COPIED_BY_A_RUN", 1)
    with hold(home.app.locks / "copia-postgresql.lock"):
        assert bring_up(home.app, SinkName.POSTGRESQL).copied == 0
        assert bring_up(home.app, SinkName.POSTGRESQL).copied == 0
    assert 0 < bring_up(home.app, SinkName.POSTGRESQL).copied <= 12
    assert bring_up(home.app, SinkName.POSTGRESQL, whole=True).copied > 12
    home.assert_equal()
