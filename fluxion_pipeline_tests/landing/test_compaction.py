"""Old months lie in few files: the same images under the same versions, for sinks that lag, rebuilds, proofs and people who ask."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fluxion_pipeline.contracts.outcomes import SinkName, Verdict
from fluxion_pipeline.contracts.own_tables import I, T, declare
from fluxion_pipeline.errors import OutboxError
from fluxion_pipeline.landing import compaction, lote
from fluxion_pipeline.landing.compaction import compact
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.landing.own_tables import Rows, land_rows
from fluxion_pipeline.landing.past import image_rows
from fluxion_pipeline.landing.retention import drop_files
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.explain import explain
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.operations.owed import owed
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.landing.test_retention import START, Calendar, files, newest
from fluxion_pipeline_tests.support.home import Home, two_stores
from fluxion_pipeline_tests.support.readings import invoices, rejects, sales, stock

PLACE = "SUC001"
DAYS = tuple(f"2025-11-{day:02d}" for day in range(1, 15))
MUCH_LATER = START + timedelta(days=80)


@pytest.fixture
def clock() -> Calendar:
    return Calendar()


@pytest.fixture
def home(pg_settings: Settings, clock: Calendar) -> Home:
    """Two weeks of sales whose invoices moved between days, with rejects, and a dozen ticks; both sinks have all."""
    found = Home(pg_settings)
    found.app = App(pg_settings, clock)
    found.ready()
    two_stores(found)
    for n, day in enumerate(DAYS):
        moved = [10 * n - 10] if n % 3 == 2 else []
        found.land(sales(PLACE, day, invoices(*range(10 * n, 10 * n + 5), *moved), n, rejects=rejects({"id": f"r{day}", "linea": 7})))
    for n in range(12):
        found.land(stock(PLACE, f"2025-11-{1 + n // 3:02d}T{6 + n % 3:02d}00", {"000001": n, "000002": n // 2}, n))
    for sink in SinkName:
        found.converge(sink)
    return found


def images(outbox: Outbox, place: str = PLACE) -> dict[tuple[str, str], tuple[int, int, str]]:
    return {(i.table, i.slice): (i.version, i.rows, i.digest) for i in outbox.index.images(place)}


def of_month(outbox: Outbox, table: str, place: str = PLACE) -> set[Path]:
    return {i.file for i in outbox.index.images(place, table) if "2025-11" in i.slice}


def without_old_files(home: Home, clock: Calendar) -> None:
    for days in (0, 15):
        clock.now += timedelta(days=days)
        for place in home.outbox.index.locations():
            drop_files(home.outbox, place, days=14)
    assert files(home.outbox) == newest(home.outbox)


def test_a_month_that_is_settled_becomes_a_file_a_table_and_no_sink_is_owed_anything(home: Home, clock: Calendar) -> None:
    before, rows = images(home.outbox), home.wanted("ventas")
    assert compact(home.outbox, PLACE) == 0  # the month goes on
    clock.now = MUCH_LATER
    assert compact(home.outbox, PLACE) > 8 * 3
    assert images(home.outbox) == before
    assert home.wanted("ventas") == rows
    assert {t: len(of_month(home.outbox, t)) for t in ("ventas", "cobertura", "rechazos", "inventario_historico", "inventario_cortes")} == dict.fromkeys(
        ("ventas", "cobertura", "rechazos", "inventario_historico", "inventario_cortes"), 1
    )
    assert compact(home.outbox, PLACE) == 0
    for sink in SinkName:
        meta = dict(home.run(sink, "SELECT clave, valor FROM fluxion_meta"))
        assert owed(home.app, {k.removeprefix("hasta:"): int(v) for k, v in meta.items() if k.startswith("hasta:")}) == ()
        assert sum(r.counts.written for r in home.converge(sink).receipts) == 0
    home.outbox.rebuild()
    assert images(home.outbox) == before
    assert compact(home.outbox, PLACE) == 0


def test_with_the_files_of_before_gone_sinks_are_rebuilt_proven_and_explained_as_ever(home: Home, clock: Calendar) -> None:
    asked = ("ventas", [PLACE, "00000010", "1"])
    told = [(e.lote, e.what, e.slice, e.origin) for e in explain(home.app, *asked).events]
    clock.now = MUCH_LATER
    compact(home.outbox, PLACE)
    without_old_files(home, clock)
    home.outbox.rebuild()
    after = [(e.lote, e.what, e.slice, e.origin) for e in explain(home.app, *asked).events]
    assert after
    assert set(after) <= set(told)
    home.run(SinkName.POSTGRESQL, "UPDATE ventas SET cantidad = 77 WHERE numero_factura = '00000011'")
    assert prove(home.settings, full=True).verdict is Verdict.DIFERENTE
    with home.app.sink(SinkName.POSTGRESQL).session("forgetting") as session:
        session.forget()
        session.commit()
    home.settings.duckdb_file.unlink()
    assert [s.error for s in initialise(home.app)] == [None, None]
    for sink in SinkName:
        home.converge(sink)
    home.assert_equal()
    assert prove(home.settings, full=True).verdict is Verdict.IGUAL


def test_both_sinks_wrong_alike_and_a_sink_that_is_behind_are_told_by_images_that_were_put_together(home: Home, clock: Calendar) -> None:
    clock.now = MUCH_LATER
    compact(home.outbox, PLACE)
    without_old_files(home, clock)
    for sink in SinkName:
        home.run(sink, "UPDATE ventas SET cantidad = 77 WHERE numero_factura = '00000011' RETURNING 1")
    (found,) = [t for t in prove(home.settings, full=True).tables if t.verdict is not Verdict.IGUAL]
    assert found.table == "ventas"
    for sink in SinkName:
        home.run(sink, "UPDATE ventas SET cantidad = 1 WHERE numero_factura = '00000011' RETURNING 1")
    late = home.land(sales(PLACE, DAYS[1], invoices(10, 11, 12, 999), 60 * 24 * 100))
    assert late[0].lote_id
    held = images(home.outbox)["ventas", f"{PLACE}/{DAYS[1]}"][0]
    home.run(SinkName.POSTGRESQL, "UPDATE ventas SET unidad = 'kg' WHERE numero_factura = '00000012'")
    home.converge(SinkName.DUCKDB)
    (behind,) = [t for t in prove(home.settings, full=True).tables if t.verdict is Verdict.DIFERENTE]
    assert "según_su_lote" in str(behind).replace("segun", "según")
    drifts = [(d.slice, dict(d.rows)) for d in home.converge(SinkName.POSTGRESQL).drifts]
    assert drifts == [(f"{PLACE}/{DAYS[1]}", {"cambiada": 1})]
    assert held > 0
    home.assert_equal()


def test_killed_anywhere_the_month_is_as_it_was_or_put_together(home: Home, clock: Calendar, monkeypatch: pytest.MonkeyPatch) -> None:
    before = images(home.outbox)
    clock.now = MUCH_LATER
    for point in ("landing.parquet", "landing.files", "landing.manifest", "prune.compacted"):
        for module in ("lote", "outbox", "compaction"):
            monkeypatch.setattr(f"fluxion_pipeline.landing.{module}.passed", dying_at(point))
        with pytest.raises(KeyboardInterrupt):
            compact(home.outbox, PLACE)
        monkeypatch.undo()
        done = point in ("landing.manifest", "prune.compacted")
        home.outbox.open()
        assert images(home.outbox) == before
        assert (len(of_month(home.outbox, "ventas")) == 1) is done
        if done:
            home.land(*(sales(PLACE, day, invoices(700 + n), 90 + n) for n, day in enumerate(DAYS[:10])))
            before = images(home.outbox)
    compact(home.outbox, PLACE)
    for sink in SinkName:
        home.converge(sink)
    home.assert_equal()


def dying_at(wanted: str) -> Callable[[str], None]:
    def passed(point: str) -> None:
        if point == wanted:
            raise KeyboardInterrupt

    return passed


def test_an_image_that_is_not_what_its_manifest_says_is_named_and_not_copied(home: Home, clock: Calendar) -> None:
    clock.now = MUCH_LATER
    one, other = (next(i for i in home.outbox.index.images(PLACE, "ventas") if i.slice.endswith(day)) for day in DAYS[3:5])
    shutil.copy(other.file, one.file)
    with pytest.raises(OutboxError, match=f"{one.slice}.*fluxion repair ventas --from lote"):
        compact(home.outbox, PLACE)
    assert len(of_month(home.outbox, "ventas")) > 8
    one.file.write_bytes(b"no")
    with pytest.raises(OutboxError, match=f"{one.file.name}.*fluxion repair ventas --from lote"):
        compact(home.outbox, PLACE)


def test_a_large_month_is_several_lotes_and_a_slice_is_read_without_the_others(home: Home, clock: Calendar, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.now = MUCH_LATER
    before = home.wanted("ventas")
    monkeypatch.setattr(compaction, "ROWS", 30)
    monkeypatch.setattr(lote, "ROW_GROUP", 7)
    compact(home.outbox, PLACE)
    assert 1 < len(of_month(home.outbox, "ventas")) < len(DAYS)
    assert home.wanted("ventas") == before
    found = home.outbox.index.images(PLACE, "ventas")
    assert sum(_applied(i) for i in found) == sum(i.rows for i in found)
    without_old_files(home, clock)
    home.assert_equal()


def _applied(image: Image) -> int:
    rows = image_rows(image)
    return sum(not x for x in rows.column("_desplazada").to_pylist())


def test_a_users_table_whose_files_are_mostly_of_before_is_put_together(duck_settings: Settings) -> None:
    outbox = Outbox(duck_settings.home).open()
    table = declare("mia", columns={"lugar": T, "n": I}, key=["lugar"], slice_by=["lugar"])

    def land(given: dict[str, int], **more: Any) -> None:
        land_rows(outbox, table, Rows(pd.DataFrame({"lugar": list(given), "n": list(given.values())}), **more))

    land({f"L{n}": n for n in range(10)})
    for n in range(8):
        land({f"L{n + k}": 100 * k + n for k in (1, 2, 0)}, covers=[f"L{n + k}" for k in range(3)])
        if n == 2:
            assert compact(outbox, table.place) == 0
    before, rows = images(outbox, table.place), all_rows(outbox, table.place)
    assert compact(outbox, table.place) == 8
    assert images(outbox, table.place) == before
    assert all_rows(outbox, table.place) == rows
    assert len({i.file for i in outbox.index.images(table.place)}) == 1
    assert compact(outbox, table.place) == 0
    extended = declare("mia", columns={"lugar": T, "n": I, "nota": T}, key=["lugar"], slice_by=["lugar"])
    for n in range(9):  # the file of all is mostly of before again; those of the wider contract are none of its kind
        land_rows(outbox, extended, Rows(pd.DataFrame({"lugar": [f"L{n}"], "n": [n], "nota": ["x"]}), covers=[f"L{n}"]))
    assert compact(outbox, table.place) == 0
    assert len(all_rows(outbox, table.place)) == 10


def all_rows(outbox: Outbox, place: str) -> list[Any]:
    return sorted(tuple(r.values()) for i in outbox.index.images(place) for r in image_rows(i).to_pylist())
