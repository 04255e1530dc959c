"""What somebody changed in a sink behind the pipeline's back is undone by the next lote, and told: which rows, in which slices, as what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from fluxion_pipeline import failpoints
from fluxion_pipeline.contracts.clock import now
from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.operations import drifts
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.operations.checks import ask
from fluxion_pipeline.operations.explain import explain
from fluxion_pipeline.operations.status import status
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.home import DAY, NEXT, TICK, Home
from fluxion_pipeline_tests.support.readings import invoices, sales, stock

AMOUNTS = {f"{n:06d}": n for n in range(2_500)}
"""So many that PostgreSQL proves what it holds, and isn't read back."""


@pytest.mark.parametrize("engine", list(SinkName), ids=str)
def test_rows_that_somebody_changed_are_healed_and_told(pg_settings: Settings, engine: SinkName) -> None:
    home = Home(pg_settings).ready()
    home.land(stock("SUC001", TICK, AMOUNTS), stock("SUC007", TICK, {"000001": 4}), sales("SUC001", DAY, invoices(1, 2)))
    for sink in SinkName:
        bring_up(home.app, sink)
    home.run(engine, "UPDATE inventario_actual SET stock = 7777 WHERE producto_codigo = '000005' RETURNING 1")
    home.run(engine, "DELETE FROM inventario_actual WHERE producto_codigo IN ('000006', '000007') RETURNING 1")
    home.run(
        engine,
        "INSERT INTO inventario_actual (ubicacion_codigo, almacen_codigo, producto_codigo, stock) VALUES ('SUC001', 'SUC001', 'mine', 1) RETURNING 1",
    )
    home.run(engine, "UPDATE ventas SET unidad = 'kg' WHERE numero_factura = '00000002' RETURNING 1")
    home.land(
        stock("SUC001", NEXT, {**AMOUNTS, "000007": 70, "000009": 90}, 1),  # 000007 is another amount now: it is missing, whatever it shall be
        stock("SUC007", NEXT, {"000001": 5}, 1),
        sales("SUC001", DAY, invoices(1, 2, 3), 1),
    )
    for sink in SinkName:
        report = bring_up(home.app, sink, run_id="a run")
        found = {(d.table, d.slice): dict(d.rows) for d in report.drifts}
        wrong = {("inventario_actual", "SUC001"): {"cambiada": 1, "borrada": 2, "agregada": 1}, ("ventas", f"SUC001/{DAY}"): {"cambiada": 1}}
        assert found == (wrong if sink is engine else {}), sink
    home.assert_equal()

    shown = drifts.noticed(home.settings.home)
    assert {(x.sink, x.run_id) for x in shown} == {(engine, "a run")}
    (changed,) = [e for x in shown for e in x.drift.sample if e.before and e.before["producto_codigo"] == "000005"]
    assert changed.after is not None
    assert (changed.before["stock"], changed.after["stock"]) == ("5.0000", "7777.0000")
    assert "stock=7777.0000" in drifts.sample(shown)

    check = ask(home.app, engine, {"deriva": drifts.nobody_else_wrote(home.app, engine, ["inventario_actual"])})["deriva"]
    assert (check.passed, check.serious, check.numbers) == (False, False, {"filas_de_deriva": 4, "slices_con_deriva": 1})
    assert set(check.places) == {"SUC001"}
    assert ask(home.app, engine, {"deriva": drifts.nobody_else_wrote(home.app, engine, ["productos"])})["deriva"].passed
    seen = status(home.app)
    assert (seen.drifts, engine.value in (seen.last_drift or "")) == (5, True)
    (event,) = [e for e in explain(home.app, "ventas", ["SUC001", "00000002", "1"]).events if e.what == "edited"]
    assert "unidad=None" in event.note
    assert "unidad=kg" in event.note
    drifts.forget(home.settings.home, now() + timedelta(days=1))
    assert drifts.noticed(home.settings.home) == ()


@pytest.mark.parametrize("engine", list(SinkName), ids=str)
def test_a_row_that_stands_twice_is_told_and_an_edit_that_says_what_the_next_lote_says_is_none(pg_settings: Settings, engine: SinkName) -> None:
    home = Home(pg_settings).ready()
    home.land(stock("SUC001", TICK, {"000001": 5, "000002": 6}))
    bring_up(home.app, engine)
    home.run(engine, "UPDATE inventario_actual SET stock = 8 WHERE producto_codigo = '000001' RETURNING 1")
    if engine is SinkName.DUCKDB:
        home.run(engine, "INSERT INTO inventario_actual SELECT * FROM inventario_actual WHERE producto_codigo = '000002' RETURNING 1")
    home.land(stock("SUC001", NEXT, {"000001": 8, "000002": 6, "000003": 1}, 1))
    found = [dict(d.rows) for d in bring_up(home.app, engine).drifts]
    assert found == ([{"doblada": 2}] if engine is SinkName.DUCKDB else [])
    home.assert_equal(engine)


def edited(home: Home, engine: SinkName, number: int) -> None:
    """Somebody changed a row, and a lote is owed that will undo it."""
    home.run(engine, "UPDATE inventario_actual SET stock = 8888 WHERE producto_codigo = '000001' RETURNING 1")
    home.land(stock("SUC001", f"2025-11-25T{number:02d}00", {"000001": number, "000002": 6}, 60 * number))


def told(home: Home) -> list[tuple[str, str, dict[str, int]]]:
    return [(x.run_id, x.drift.slice, dict(x.drift.rows)) for x in drifts.noticed(home.settings.home)]


@pytest.mark.parametrize("engine", list(SinkName), ids=str)
def test_a_run_that_dies_after_its_commit_has_lost_no_drift_and_told_none_twice(
    pg_settings: Settings, engine: SinkName, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(pg_settings).ready()
    home.land(stock("SUC001", TICK, {"000001": 5, "000002": 6}))
    bring_up(home.app, engine)
    for number, step in enumerate(("committed", "noted", "cleared"), 1):
        edited(home, engine, number)
        for module in ("sinks.transaction.failpoints", "operations.drifts", "sinks.notes"):
            monkeypatch.setattr(f"fluxion_pipeline.{module}.passed", dying_at(f"{engine}.{step}"))
        with pytest.raises(KeyboardInterrupt):
            bring_up(home.app, engine, run_id=step)
        monkeypatch.undo()
        for _ in range(2):
            bring_up(home.app, engine, run_id="next")
        assert told(home)[number - 1 :] == [(step, "SUC001", {"cambiada": 1})]
    assert home.run(engine, "SELECT count(*) FROM fluxion_meta WHERE clave LIKE 'deriva:%%'") == [(0,)]


def dying_at(wanted: str) -> Callable[[str], None]:
    def passed(point: str) -> None:
        assert point in failpoints.POINTS
        if point == wanted:
            raise KeyboardInterrupt

    return passed


def test_on_a_full_disk_a_drift_stays_in_the_sink_until_it_can_be_remembered(duck_settings: Settings) -> None:
    home = Home(duck_settings).ready()
    home.land(stock("SUC001", TICK, {"000001": 5, "000002": 6}))
    bring_up(home.app, SinkName.DUCKDB)
    edited(home, SinkName.DUCKDB, 1)
    file = home.settings.home / drifts.FILE
    file.mkdir()  # it can't be written
    bring_up(home.app, SinkName.DUCKDB, run_id="full")
    file.rmdir()
    assert told(home) == []
    bring_up(home.app, SinkName.DUCKDB)
    assert told(home) == [("full", "SUC001", {"cambiada": 1})]
