"""What is too old ends in every sink alike, and nothing that anybody may still need goes."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fluxion_pipeline.contracts.clock import UTC
from fluxion_pipeline.contracts.outcomes import Fact, SinkName, Verdict
from fluxion_pipeline.landing import retention
from fluxion_pipeline.landing.evidence import held_back, reading_of
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.landing.retention import drop_files, end_rows
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.explain import explain
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.claim import claim
from fluxion_pipeline_tests.support.home import DAY, Home, two_stores
from fluxion_pipeline_tests.support.readings import invoices, rejects, sales, stock

START = datetime(2025, 12, 1, 12, tzinfo=UTC)
PLACE = "SUC001"
STOCK_DAYS = ("2025-10-01", "2025-10-20", "2025-11-10", "2025-11-20")
TICKS = tuple(f"{day}T{hour}" for day in STOCK_DAYS for hour in ("0600", "0630", "1200"))


class Calendar:
    """The clock of a home."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def files(outbox: Outbox) -> set[Path]:
    return set(outbox.root.rglob("*.parquet"))


def newest(outbox: Outbox) -> set[Path]:
    return {i.file for place in outbox.index.locations() for i in outbox.index.images(place)}


@pytest.fixture
def clock() -> Calendar:
    return Calendar()


@pytest.fixture
def both(pg_settings: Settings, clock: Calendar) -> Home:
    """Stock of four days and rejects, in both sinks."""
    home = Home(pg_settings)
    home.app = App(pg_settings, clock)
    home.ready()
    two_stores(home)
    for n, tick in enumerate(TICKS):
        clock.now = datetime.strptime(f"{tick}-0400", "%Y-%m-%dT%H%M%z")
        home.land(stock(PLACE, tick, {"000001": n, "000002": n // 2, **({"000003": 7} if n % 3 else {})}, n))
    clock.now = START
    for sink in SinkName:
        home.converge(sink)
    return home


def stock_at(home: Home, sink: SinkName, tick: str) -> list[Any]:
    return home.run(sink, f"SELECT ubicacion_codigo, producto_codigo, stock FROM stock_en('{tick[:10]} {tick[11:13]}:{tick[13:]}:00-04') ORDER BY 1, 2")


def test_the_stock_of_every_kept_instant_stays_what_it_was_in_both_sinks_and_they_stay_equal(both: Home, clock: Calendar) -> None:
    instants = [t for t in TICKS if t > "2025-10-20"] + ["2025-11-05T0900", "2025-11-25T0900"]
    before = {(s, t): stock_at(both, s, t) for s in SinkName for t in instants}
    dropped = end_rows(both.outbox, PLACE, rejects=10_000, history=26)
    assert dropped.rows > 0
    for sink in SinkName:
        both.converge(sink)
    both.assert_equal()
    assert {(s, t): stock_at(both, s, t) for s in SinkName for t in instants} == before
    for sink in SinkName:
        assert both.run(sink, "SELECT min(capturado_en) >= '2025-10-20 00:00-04', count(*) > 0 FROM inventario_cortes") == [(True, True)]
        assert stock_at(both, sink, "2025-10-01T1200") == []
    assert prove(both.settings).verdict is Verdict.IGUAL
    assert end_rows(both.outbox, PLACE, rejects=10_000, history=26).rows == 0


def test_the_last_day_of_a_silent_store_is_kept_however_old(both: Home, clock: Calendar) -> None:
    clock.now = START + timedelta(days=3000)
    end_rows(both.outbox, PLACE, rejects=10_000, history=2)
    for sink in SinkName:
        both.converge(sink)
        assert [r[1] for r in stock_at(both, sink, "2033-01-01T0600")][:2] == ["000001", "000002"]
    assert both.wanted("inventario_actual")


def test_an_old_day_that_was_read_today_keeps_its_rejects_for_as_long_as_any(both: Home, clock: Calendar) -> None:
    clock.now = START + timedelta(days=200)
    both.land(sales(PLACE, "2024-01-02", invoices(30), 3, rejects=rejects({"id": "r3", "linea": 2, "campo": "cantidad", "valor": "x"})))
    before = both.outbox.index.sequence(PLACE)
    assert end_rows(both.outbox, PLACE, rejects=180, history=400).rows == 2
    assert both.outbox.index.sequence(PLACE) == before + 1
    clock.now = START + timedelta(days=381)
    assert end_rows(both.outbox, PLACE, rejects=180, history=4000).rows == 1


def test_old_rejects_end_in_both_sinks_and_the_coverage_that_counts_them_stays(both: Home, clock: Calendar) -> None:
    assert both.run(SinkName.POSTGRESQL, "SELECT count(*) FROM rechazos") == [(2,)]
    assert end_rows(both.outbox, PLACE, rejects=180, history=400).rows == 0
    clock.now = START + timedelta(days=200)
    end_rows(both.outbox, PLACE, rejects=180, history=400)
    for sink in SinkName:
        both.converge(sink)
        assert both.run(sink, "SELECT count(*) FROM rechazos") == [(0,)]
        assert both.run(sink, f"SELECT rechazadas FROM cobertura WHERE corte = '{DAY}' AND ubicacion_codigo = '{PLACE}'") == [(2,)]
    both.assert_equal()


def test_a_late_tick_after_its_day_ended_lands_stays_as_long_as_any_and_ends_again(both: Home, clock: Calendar) -> None:
    end_rows(both.outbox, PLACE, rejects=10_000, history=26)
    both.land(stock(PLACE, "2025-10-01T0900", {"000001": 99}, 500))
    assert end_rows(both.outbox, PLACE, rejects=10_000, history=26).rows == 0
    clock.now = START + timedelta(days=27)
    end_rows(both.outbox, PLACE, rejects=10_000, history=26)
    both.converge(SinkName.DUCKDB)
    assert stock_at(both, SinkName.DUCKDB, "2025-10-19T0600") == []
    assert stock_at(both, SinkName.DUCKDB, "2025-11-25T0600")[0][2] != 99


def test_a_cleaning_that_is_killed_between_two_lotes_has_ended_whole_days(both: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "DAYS_A_LOTE", 1)
    write, done = both.outbox.write, []

    def dying(*given: Any, **more: Any) -> Any:
        if done:
            raise KeyboardInterrupt
        done.append(1)
        return write(*given, **more)

    monkeypatch.setattr(both.outbox, "write", dying)
    with pytest.raises(KeyboardInterrupt):
        end_rows(both.outbox, PLACE, rejects=10_000, history=12)
    monkeypatch.undo()
    both.converge(SinkName.DUCKDB)
    days = [
        str(r[0])
        for r in both.run(SinkName.DUCKDB, "SELECT DISTINCT CAST(timezone('America/Caracas', capturado_en) AS DATE) FROM inventario_historico ORDER BY 1")
    ]
    assert days == ["2025-10-20", "2025-11-10", "2025-11-20", "2025-11-24"]
    assert stock_at(both, SinkName.DUCKDB, "2025-10-20T0700")


def test_superseded_files_go_after_their_days_and_newest_images_never(both: Home, clock: Calendar) -> None:
    for n in range(3):
        both.land(sales("SUC007", DAY, invoices(*range(5 + n)), 600 + n))
    before, needed = files(both.outbox), newest(both.outbox)
    assert before > needed
    for place in both.outbox.index.locations():
        assert drop_files(both.outbox, place, days=14).files == 0
    clock.now = START + timedelta(days=13)
    assert sum(drop_files(both.outbox, place, days=14).files for place in both.outbox.index.locations()) == 0
    clock.now = START + timedelta(days=14)
    gone = sum(drop_files(both.outbox, place, days=14).files for place in both.outbox.index.locations())
    assert gone == len(before - needed)
    assert files(both.outbox) == needed


def test_without_superseded_files_everything_that_needs_images_still_works(both: Home, clock: Calendar, tmp_path: Path) -> None:
    """An empty sink is rebuilt, a sink that was restored is taken over, an edit is found and healed, rows are explained, the index is made anew."""
    for n in range(3):
        both.land(sales("SUC007", DAY, invoices(*range(5 + n)), 600 + n))
    for place in both.outbox.index.locations():
        drop_files(both.outbox, place, days=1)
    clock.now = START + timedelta(days=2)
    for place in both.outbox.index.locations():
        drop_files(both.outbox, place, days=1)
    assert files(both.outbox) == newest(both.outbox)
    assert both.outbox.past_image("SUC007", "ventas", f"SUC007/{DAY}", 1) is None
    both.outbox.rebuild()
    both.run(SinkName.POSTGRESQL, "UPDATE ventas SET cantidad = 77 WHERE ubicacion_codigo = 'SUC007'")
    for sink in SinkName:
        both.converge(sink)
    both.assert_equal()
    assert claim(both.app.sink(SinkName.POSTGRESQL), both.outbox, force=True) is False
    with both.app.sink(SinkName.POSTGRESQL).session("forgetting") as session:
        session.forget()
        session.set_meta({"outbox": both.outbox.id})
        session.commit()
    both.run(SinkName.POSTGRESQL, "DELETE FROM ventas")
    both.settings.duckdb_file.unlink()
    assert [s.error for s in initialise(both.app)] == [None, None]
    for sink in SinkName:
        both.converge(sink)
    both.assert_equal()
    assert prove(both.settings).verdict is Verdict.IGUAL
    found = explain(both.app, "ventas", ["SUC007", "00000001", "1"])
    assert found.image
    assert "gone" not in {e.what for e in found.events}


def test_a_reading_that_is_held_back_can_be_accepted_however_late(both: Home, clock: Calendar) -> None:
    both.land(sales(PLACE, DAY, invoices(*range(100)), 700), sales(PLACE, DAY, invoices(1), 701))
    (held,) = [h for h in held_back(both.outbox) if h.fact is Fact.VENTAS]
    drop_files(both.outbox, PLACE, days=1)
    clock.now = START + timedelta(days=500)
    drop_files(both.outbox, PLACE, days=1)
    assert reading_of(both.outbox, held).rows.num_rows == 1


def test_what_a_killed_landing_left_behind_goes_and_a_lost_note_only_waits_anew(both: Home, clock: Calendar) -> None:
    folder = both.outbox.place(PLACE) / "000000"
    leftovers = [folder / ".x.parquet.1234.tmp", folder / "000000099-ventas-aaaaaaaa.parquet"]
    for path in leftovers:
        path.write_bytes(b"x")
    drop_files(both.outbox, PLACE, days=14)
    (both.outbox.place(PLACE) / retention.SPARE).write_text("{", "utf-8")
    clock.now = START + timedelta(days=20)
    drop_files(both.outbox, PLACE, days=14)
    assert all(p.exists() for p in leftovers)
    clock.now = START + timedelta(days=40)
    drop_files(both.outbox, PLACE, days=14)
    assert not any(p.exists() for p in leftovers)
