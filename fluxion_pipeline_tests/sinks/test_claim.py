"""Whose a sink is: one outbox's, which must not be behind it; everybody else is refused until a person says otherwise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.errors import SinkAway, SinkRefused
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.claim import check_claim, claim
from fluxion_pipeline_tests.support.home import DAY, Home, two_stores
from fluxion_pipeline_tests.support.readings import invoices, sales


def second(home: Home, tmp_path: Path) -> Home:
    """Another home whose PostgreSQL (and DuckDB file) are those of the first."""
    return Home(home.settings.model_copy(update={"fluxion_home": tmp_path / "second", "duckdb_path": home.settings.duckdb_file}))


def test_init_twice_changes_nothing(home: Home) -> None:
    assert [(s.migrated, s.claimed, s.error) for s in initialise(home.app)] == [(False, False, None)] * 2


def test_a_sink_that_nobody_claimed_is_not_written(home: Home, engine: SinkName) -> None:
    home.run(engine, "DELETE FROM fluxion_meta")
    with pytest.raises(SinkAway, match="has not been claimed") as caught:
        home.converge(engine)
    assert caught.value.remedy == "fluxion init"


def test_a_second_home_is_refused_and_may_take_over_when_a_person_says_so(home: Home, engine: SinkName, tmp_path: Path) -> None:
    two_stores(home)
    for sink in SinkName:
        home.converge(sink)
    other = second(home, tmp_path)
    steps = initialise(other.app)
    assert all(isinstance(s.error, SinkRefused) and "fluxion init --claim" in s.error.remedy for s in steps)
    with pytest.raises(SinkRefused, match="belongs to the outbox"):
        other.converge(engine)
    home.assert_equal()

    assert all(s.error is None and s.claimed for s in initialise(other.app, take_over=True))
    other.land(sales("SUC001", DAY, invoices(5, 6)), sales("SUC007", DAY, invoices(*range(4))))
    report = other.converge(engine)
    assert (report.of("ventas").deleted, report.of("ventas").unchanged) == (8, 6)
    assert other.held(engine, "ventas") == other.wanted("ventas")
    with pytest.raises(SinkRefused):
        home.converge(engine)
    assert all(s.error is None for s in initialise(home.app, take_over=True))
    home.converge(engine)
    home.assert_equal(engine)


def test_a_restored_outbox_is_behind_its_sinks_and_says_so(home: Home, engine: SinkName) -> None:
    two_stores(home)
    saved = home.settings.home.with_name("saved")
    shutil.copytree(home.settings.home / "lotes", saved)
    home.land(sales("SUC001", DAY, invoices(1), 5), sales("SUC010", DAY, invoices(1), 5))
    for sink in SinkName:
        home.converge(sink)
    shutil.rmtree(home.settings.home / "lotes")
    shutil.copytree(saved, home.settings.home / "lotes")
    (home.settings.home / "indice.sqlite").unlink()
    restored = Home(home.settings)
    with pytest.raises(SinkRefused, match="is ahead of this outbox: it holds SUC001 up to lote 4") as caught:
        restored.converge(engine)
    assert "fluxion init --claim" in caught.value.remedy
    assert all(isinstance(s.error, SinkRefused) for s in initialise(restored.app))
    assert all(s.error is None for s in initialise(restored.app, take_over=True))
    restored.converge(engine)
    assert restored.held(engine, "inventario_actual") == restored.wanted("inventario_actual")
    assert restored.run(engine, "SELECT count(*) FROM ventas WHERE ubicacion_codigo = 'SUC001'") == [(10,)]


def test_a_location_that_the_outbox_lost_whole_is_noticed_too(home: Home, engine: SinkName) -> None:
    two_stores(home)
    home.converge(engine)
    shutil.rmtree(home.settings.home / "lotes" / "SUC007")
    (home.settings.home / "indice.sqlite").unlink()
    with pytest.raises(SinkRefused, match="SUC007"):
        Home(home.settings).converge(engine)


def test_a_lost_index_is_made_anew_and_owes_nothing(home: Home, engine: SinkName) -> None:
    two_stores(home)
    home.converge(engine)
    for name in ("indice.sqlite", "indice.sqlite-wal", "indice.sqlite-shm"):
        (home.settings.home / name).unlink(missing_ok=True)
    again = Home(home.settings)
    assert again.converge(engine).receipts == ()
    again.land(sales("SUC001", DAY, invoices(1, 2), 3))
    again.converge(engine)
    again.assert_equal(engine)


def test_a_lost_duckdb_file_is_filled_anew(home: Home) -> None:
    two_stores(home)
    home.converge(SinkName.DUCKDB)
    home.settings.duckdb_file.unlink()
    with pytest.raises(SinkAway, match="doesn't exist"):
        home.converge(SinkName.DUCKDB)
    home.ready()
    home.converge(SinkName.DUCKDB)
    home.assert_equal(SinkName.DUCKDB)


def test_a_claim_is_passed_by_its_own_outbox_only(home: Home, engine: SinkName, duck_settings: Settings) -> None:
    sink = home.app.sink(engine)
    assert claim(sink, home.outbox) is False
    check_claim(sink, home.outbox, {"outbox": home.outbox.id, "hasta:*": "1"})
    with pytest.raises(SinkRefused):
        check_claim(sink, home.outbox, {"outbox": "another"})
