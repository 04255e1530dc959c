"""What a sink is owed is told by number, age and size."""

from __future__ import annotations

from datetime import timedelta

from fluxion_pipeline.contracts.clock import now
from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.locks import hold
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.checks import CheckOutcome, ask
from fluxion_pipeline.operations.owed import nothing_pending
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.home import DAY, Home
from fluxion_pipeline_tests.support.readings import invoices, sales


def test_what_a_run_lands_that_still_reads_is_on_its_way(duck_settings: Settings) -> None:
    home = Home(duck_settings).ready()
    home.converge(SinkName.DUCKDB)

    def found() -> CheckOutcome:
        return ask(home.app, SinkName.DUCKDB, {"pending": nothing_pending(home.app)})["pending"]

    with hold(home.app.locks / "recuperacion.lock"):
        home.land(sales("SUC001", DAY, invoices(1, 2)))
        coming = found()
    assert (coming.passed, coming.numbers["lotes_pendientes"], coming.numbers["lotes_en_camino"]) == (True, 0, 1)
    assert "a run is still reading" in coming.summary
    left = found()  # it has ended, and brought nothing
    assert (left.passed, left.numbers["lotes_pendientes"], left.numbers["lotes_en_camino"]) == (False, 1, 0)
    with hold(home.app.locks / "ventas.lock"):  # another one, which began later
        assert not found().passed


def test_what_is_owed_is_told_by_number_age_and_size(duck_settings: Settings) -> None:
    home = Home(duck_settings).ready()
    home.land(sales("SUC001", DAY, invoices(1, 2)))
    home.converge(SinkName.DUCKDB)
    question = nothing_pending(home.app)
    found = ask(home.app, SinkName.DUCKDB, {"pending": question})["pending"]
    assert found.passed
    assert set(found.numbers.values()) == {0}

    home.land(sales("SUC001", DAY, invoices(1), 5), sales("SUC001", DAY, invoices(1, 3), 6))
    later = App(home.settings, clock=lambda: now() + timedelta(hours=3))
    found = ask(later, SinkName.DUCKDB, {"pending": nothing_pending(later)})["pending"]
    files = {image.file for image in home.outbox.owed("SUC001", 1)}
    assert not found.passed
    assert not found.serious
    assert found.numbers["lotes_pendientes"] == 2
    assert found.numbers["slices_pendientes"] == 2  # of ventas and of cobertura
    assert 3 <= found.numbers["horas_del_mas_antiguo"] < 3.1
    assert found.numbers["bytes_pendientes"] == sum(file.stat().st_size for file in files) > 0
    assert "SUC001" in found.sample
    home.converge(SinkName.DUCKDB)
    assert ask(later, SinkName.DUCKDB, {"pending": nothing_pending(later)})["pending"].passed
