"""Copies that were put back: an older outbox must not pass for the newer one, an older database catches up by itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.errors import SinkRefused
from fluxion_pipeline.landing.index import Index
from fluxion_pipeline.landing.lote import manifest_path, read_manifest
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.operations.status import status
from fluxion_pipeline.sinks.embedded.server import ServerAddress
from fluxion_pipeline_tests.support import postgres
from fluxion_pipeline_tests.support.home import DAY, Home, Rows, two_stores
from fluxion_pipeline_tests.support.readings import invoices, sales


def filled(home: Home) -> Home:
    """Two stores in both sinks."""
    two_stores(home)
    for sink in SinkName:
        home.converge(sink)
    return home


def put_back(saved: Path, folder: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(saved, folder)


def restore(home: Home, engine: SinkName, saved: Path) -> tuple[Home, Rows]:
    """A home whose lotes are those from before one that the sink holds, and the sink's sales."""
    filled(home)
    shutil.copytree(home.settings.home / "lotes", saved)
    home.land(sales("SUC001", DAY, invoices(1), 5))
    home.converge(engine)
    held = home.held(engine, "ventas")
    put_back(saved, home.settings.home / "lotes")
    return Home(home.settings), held


def test_an_older_copy_of_the_lotes_beside_the_newer_index_is_noticed(home: Home, engine: SinkName, tmp_path: Path) -> None:
    """Only the folder of the lotes was restored: the index that stayed tells of lotes that are gone."""
    restored, held = restore(home, engine, tmp_path / "saved")
    assert restored.outbox.index.sequence("SUC001") == 3
    with pytest.raises(SinkRefused, match="is ahead of this outbox: it holds SUC001 up to lote 4"):
        restored.converge(engine)
    assert restored.held(engine, "ventas") == held
    told = {s.sink: s.problem for s in status(restored.app).sinks}
    assert "fluxion init --claim" in (told[engine] or "")
    assert not status(restored.app).healthy
    with pytest.raises(SinkRefused):
        bring_up(restored.app, engine)
    assert all(s.error is None for s in initialise(restored.app, take_over=True))
    restored.converge(engine)
    restored.assert_equal(engine)


def test_a_restored_outbox_that_landed_as_many_lotes_again_is_still_not_the_sinks(home: Home, engine: SinkName, tmp_path: Path) -> None:
    """By its numbers alone it has caught up; but lote 4 of the sink is one that this outbox never had."""
    restored, held = restore(home, engine, tmp_path / "saved")
    restored.land(sales("SUC001", DAY, invoices(1, 2), 6), sales("SUC001", DAY, invoices(1, 2, 3), 7))
    with pytest.raises(SinkRefused, match="holds another lote SUC001-4 than this outbox") as caught:
        restored.converge(engine)
    assert "fluxion init --claim" in caught.value.remedy
    assert restored.held(engine, "ventas") == held
    assert all(s.error is None for s in initialise(restored.app, take_over=True))
    restored.converge(engine)
    restored.assert_equal(engine)


def test_an_older_duckdb_file_catches_up_by_itself(home: Home, tmp_path: Path) -> None:
    filled(home)
    shutil.copy(home.settings.duckdb_file, tmp_path / "saved.duckdb")
    later(home)
    home.converge(SinkName.DUCKDB)
    shutil.copy(tmp_path / "saved.duckdb", home.settings.duckdb_file)
    caught_up(home, SinkName.DUCKDB)


def test_an_older_postgresql_database_catches_up_by_itself(home: Home, postgres_server: ServerAddress) -> None:
    filled(home)
    with postgres.fresh_database(postgres_server, home.settings.postgres_db) as older:
        later(home)
        home.converge(SinkName.POSTGRESQL)
        caught_up(Home(home.settings.model_copy(update={"postgres_db": older})), SinkName.POSTGRESQL)


def later(home: Home) -> None:
    """Lotes of a known place and of a new one, and an attempt that landed nothing."""
    home.land(sales("SUC001", DAY, invoices(1, 2), 5), sales("SUC010", DAY, invoices(1), 5), sales("SUC007", DAY, invoices(*range(4)), 5))


def caught_up(home: Home, sink: SinkName) -> None:
    assert next(s.pending for s in status(home.app).sinks if s.sink is sink) == 5
    assert all(s.error is None for s in initialise(home.app) if s.sink is sink)
    home.converge(sink)
    home.assert_equal(sink)
    assert home.run(sink, "SELECT intentos FROM cobertura WHERE ubicacion_codigo = 'SUC007' AND tabla = 'ventas'") == [(2,)]


def test_a_manifest_without_its_line_in_the_index_reaches_the_sinks(home: Home, engine: SinkName, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        """The process dies between manifest and index."""

    def dies(*_given: Any) -> None:
        raise Killed

    filled(home)
    with monkeypatch.context() as patch:
        patch.setattr(Index, "add_lote", dies)
        with pytest.raises(Killed):
            home.land(sales("SUC001", DAY, invoices(1, 2), 5))
    assert home.outbox.index.sequence("SUC001") == 3
    again = Home(home.settings)
    again.converge(engine)
    again.assert_equal(engine)
    assert again.run(engine, "SELECT count(*) FROM ventas WHERE ubicacion_codigo = 'SUC001'") == [(2,)]


_MACHINE = """
import sys
from contextlib import nullcontext
from pathlib import Path
from fluxion_pipeline.landing import outbox
from fluxion_pipeline_tests.support.readings import invoices, sales
outbox.hold = lambda *given, **named: nullcontext()  # the locks of one machine say nothing to another
box, mine = outbox.Outbox(Path(sys.argv[1])).open(), int(sys.argv[2])
for n in range(12):
    day = f"2025-11-{1 + (n + mine) % 3:02d}"
    reading = sales("SUC001", day, invoices(*range(n % 4, 6), 100 + mine), 3 * n + mine, origin=f"machine {mine} reading {n}")
    with box.lock("SUC001") as past:
        box.land(reading, past)
"""


def test_two_machines_on_one_folder_each_decide_on_top_of_the_other(home: Home, engine: SinkName) -> None:
    """Nothing keeps them apart but the manifest's name: who comes second decides anew, so no lote undoes another."""
    running = [subprocess.Popen([sys.executable, "-c", _MACHINE, str(home.settings.home), str(i)], stderr=subprocess.PIPE, text=True) for i in range(3)]
    errors = [p.communicate()[1] for p in running]
    assert [p.returncode for p in running] == [0, 0, 0], errors
    both = Home(home.settings)
    box = both.outbox
    told = sorted(int(p.stem) for p in home.settings.home.glob("lotes/SUC001/*/*.json"))
    assert told == list(range(1, told[-1] + 1))
    # Landed once more in the order of its manifests by one machine alone, everything is as it is.
    alone = Home(home.settings.model_copy(update={"fluxion_home": home.settings.home.with_name("alone")}))
    readings = [(read_manifest(manifest_path(box.place("SUC001"), n)).reading or {}) for n in told]
    for reading in readings:
        mine, n = (int(x) for x in (reading["origin"].split()[1], reading["origin"].split()[3]))
        day = reading["cut"]
        alone.land(sales("SUC001", day, invoices(*range(n % 4, 6), 100 + mine), 3 * n + mine, origin=reading["origin"]))
    assert both.wanted("ventas") == alone.wanted("ventas")
    assert [(i.slice, i.version, i.rows, i.digest) for i in box.index.images("SUC001", "ventas")] == [
        (i.slice, i.version, i.rows, i.digest) for i in alone.outbox.index.images("SUC001", "ventas")
    ]
    both.converge(engine)
    both.assert_equal(engine)
