"""Slices at different versions: each sink must hold what its own lote says, and is named where it doesn't."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from fluxion_pipeline.cli.main import build
from fluxion_pipeline.contracts.outcomes import SinkName, Verdict
from fluxion_pipeline.parity import newer
from fluxion_pipeline.parity import prove as module
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.parity.report import Level, TableParity, markdown
from fluxion_pipeline.sinks.embedded.server import ServerAddress
from fluxion_pipeline_tests.support import postgres
from fluxion_pipeline_tests.support.home import Home, two_stores
from fluxion_pipeline_tests.support.readings import stock

STOCK, HISTORY = "inventario_actual", "inventario_historico"
LEVELS = (Level.COUNT, Level.VALUES, Level.DIGEST)
COMPARED = LEVELS[1:]
HERE = "ubicacion_codigo = 'SUC001' AND producto_codigo = "
DUCKDB, POSTGRESQL = SinkName.DUCKDB, SinkName.POSTGRESQL


@pytest.fixture(scope="module")
def behind(postgres_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Two stores, proven equal; then two more lotes of SUC001, which only DuckDB has. Each test leaves it as it was."""
    with postgres.fresh_database(postgres_server) as database:
        made = Home(postgres.settings_for(postgres_server, database, tmp_path_factory.mktemp("behind"))).ready()
        two_stores(made)
        for sink in SinkName:
            made.converge(sink)
        assert prove(made.settings).verdict is Verdict.IGUAL
        made.land(stock("SUC001", "2025-11-24T0730", {"000001": 4, "000002": 7}, 9), stock("SUC001", "2025-11-24T0800", {"000001": 3, "000002": 7}, 10))
        made.converge(DUCKDB)
        yield made


@pytest.fixture
def home(behind: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The same, to be looked at without waiting."""
    monkeypatch.setattr(newer, "LEAST", 0)
    monkeypatch.setattr(module, "PAUSE", 0.0)
    return behind


@contextmanager
def having(home: Home, sink: SinkName, product: str, amount: int, else_: int) -> Iterator[None]:
    """A stock of SUC001 edited by hand, and put back."""
    for value in (amount, else_):
        home.run(sink, f"UPDATE inventario_actual SET stock = {value} WHERE {HERE}'{product}'")
        if value == amount:
            yield


def one(home: Home, level: Level = Level.VALUES, table: str = STOCK) -> TableParity:
    return prove(home.settings, [table], level).tables[0]


def own(found: TableParity) -> dict[str, tuple[set[str], tuple[int, int, int]]]:
    """Per sink that isn't as its own lotes say: slices, and keys that are missing, extra, changed."""
    return {sink: (set(o.slices), (o.missing, o.extra, o.changed)) for sink, o in found.unlike_own.items()}


def test_sinks_that_each_hold_what_their_own_lote_says_are_pending(home: Home) -> None:
    for table, level, slices in [(HISTORY, level, 2) for level in LEVELS] + [(STOCK, level, 1) for level in COMPARED]:
        found = one(home, level, table)
        assert (found.verdict, found.unlike_own, found.differing, found.pending) == (Verdict.NO_CONCLUYENTE, {}, frozenset(), slices)
        assert "2 lotes apart: the sinks hold different images of them → fluxion sync" in found.reason


@pytest.mark.parametrize("sink", SinkName)
def test_a_row_that_was_edited_in_either_sink_is_named_with_its_own_lotes_value(home: Home, sink: SinkName) -> None:
    short, shown = {DUCKDB: ("duckdb", "| **500.0000** |  | **7.0000** |"), POSTGRESQL: ("pg", "|  | **500.0000** | **7.0000** |")}[sink]
    with having(home, sink, "000002", 500, 7):
        for level in COMPARED:
            found = one(home, level)
            assert (found.verdict, own(found), found.differing) == (Verdict.DIFERENTE, {sink.value: ({"SUC001"}, (0, 0, 1))}, frozenset())
            said = f"{sink} differs from its own lote in 1 slice (SUC001): 1 changed → fluxion repair inventario_actual --from lote --apply; pending"
            assert found.reason.startswith(said)
            item = found.sample[0]
            assert (item.kind, item.slice, item.columns) == (f"cambiada_en_{short}_segun_su_lote", "SUC001", ("stock",))
            assert item.key["producto_codigo"] == "000002"
            assert [row and row["stock"] for _, row in item.sides] == ["500.0000", "7.0000"]
            assert shown in markdown(found)
    assert one(home).verdict is Verdict.NO_CONCLUYENTE


def test_a_row_that_was_lost_or_gained_while_the_sink_lags_is_named(home: Home) -> None:
    home.run(POSTGRESQL, f"UPDATE inventario_actual SET ubicacion_codigo = 'SUC009' WHERE {HERE}'000002'")
    home.run(DUCKDB, "INSERT INTO inventario_actual (ubicacion_codigo, almacen_codigo, producto_codigo, stock) VALUES ('SUC001', 'X', '9', 1)")
    for level in LEVELS:
        found = one(home, level)
        assert own(found) == {"duckdb": ({"SUC001"}, (0, 1, 0)), "postgresql": ({"SUC001"}, (1, 0, 0))}
        assert {"sobra_en_duckdb_segun_su_lote", "falta_en_pg_segun_su_lote"} <= {d.kind for d in found.sample}
    home.run(POSTGRESQL, "UPDATE inventario_actual SET ubicacion_codigo = 'SUC001' WHERE ubicacion_codigo = 'SUC009'")
    home.run(DUCKDB, "DELETE FROM inventario_actual WHERE producto_codigo = '9'")


def test_rows_of_a_slice_that_the_sink_never_applied_are_named(home: Home) -> None:
    for product in "89":
        names = "capturado_en, ubicacion_codigo, almacen_codigo, producto_codigo, stock, movimiento"
        home.run(POSTGRESQL, f"INSERT INTO inventario_historico ({names}) VALUES ('2025-11-24 11:30+00', 'SUC001', 'X', '{product}', 1, 'cambio')")
    for level in LEVELS:
        assert own(one(home, level, HISTORY)) == {"postgresql": ({"SUC001/2025-11-24T0730"}, (0, 2, 0))}
    home.run(POSTGRESQL, "DELETE FROM inventario_historico WHERE almacen_codigo = 'X'")


def test_equal_rows_are_no_excuse_where_one_sink_departs_from_its_own_lote(home: Home) -> None:
    """One of the two is turned to what the other holds: the newest rows, or those that were proven before."""
    for sink, amount, else_ in ((POSTGRESQL, 3, 5), (DUCKDB, 5, 3)):
        with having(home, sink, "000001", amount, else_):
            for level in COMPARED:
                found = one(home, level)
                assert (found.verdict, own(found), found.pending) == (Verdict.DIFERENTE, {sink.value: ({"SUC001"}, (0, 0, 1))}, 0)


def test_a_slice_that_is_gone_from_both_is_missed_by_the_lote_of_each(home: Home) -> None:
    for sink in SinkName:
        home.run(sink, "UPDATE inventario_actual SET ubicacion_codigo = 'SUC009' WHERE ubicacion_codigo = 'SUC001'")
    for level in COMPARED:
        assert own(one(home, level)) == {"duckdb": ({"SUC001"}, (2, 0, 0)), "postgresql": ({"SUC001"}, (2, 0, 0))}
    for sink in SinkName:
        home.run(sink, "UPDATE inventario_actual SET ubicacion_codigo = 'SUC001' WHERE ubicacion_codigo = 'SUC009'")


def test_an_image_that_is_gone_or_another_outboxs_proves_nothing_either_way(home: Home) -> None:
    ((version, outbox),) = home.run(POSTGRESQL, "SELECT version, outbox_id FROM lotes_aplicados WHERE tabla = 'inventario_actual' AND slice = 'SUC001'")
    (kept,) = (home.settings.home / "lotes/SUC001").rglob(f"{version:09d}-inventario_actual-*.parquet")
    pruned = kept.rename(kept.with_suffix(".gone"))
    with having(home, POSTGRESQL, "000002", 500, 7):
        for level in COMPARED:
            found = one(home, level)
            assert (found.verdict, found.unlike_own) == (Verdict.NO_CONCLUYENTE, {})
            assert "can't be told (SUC001: postgresql's image is no longer kept)" in found.reason
        with having(home, DUCKDB, "000002", 600, 7):
            assert own(one(home)) == {"duckdb": ({"SUC001"}, (0, 0, 1))}
    pruned.rename(kept)
    home.run(POSTGRESQL, "UPDATE lotes_aplicados SET outbox_id = 'another'")
    found = one(home)
    assert (found.verdict, found.unlike_own) == (Verdict.NO_CONCLUYENTE, {})
    assert "postgresql's image is another outbox's" in found.reason
    home.run(POSTGRESQL, f"UPDATE lotes_aplicados SET outbox_id = '{outbox}'")


def test_the_command_names_it_and_the_sink_that_catches_up_heals_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in postgres.environment_of(home.settings).items():
        monkeypatch.setenv(name, value)
    with having(home, POSTGRESQL, "000002", 500, 7):
        told = CliRunner().invoke(build(["parity"]), ["parity", STOCK])
        assert told.exit_code == 1
        assert "cambiada_en_pg_segun_su_lote inventario_actual ubicacion_codigo=SUC001" in told.stdout
        assert "slice=SUC001 | stock: postgresql=500.0000 lote=7.0000" in told.stdout
        (table,) = json.loads(CliRunner().invoke(build(["parity"]), ["parity", STOCK, "--json"]).stdout)["tables"]
        assert table["unlike_own_lote"] == {"postgresql": {"slices": ["SUC001"], "missing": 0, "extra": 0, "changed": 1}}
        home.converge(POSTGRESQL)
        words = ["parity", STOCK, "--full"]
        code = (
            f"import sys; from fluxion_pipeline.cli.main import build; sys.exit(build(['parity'])({words}, standalone_mode=False) or 'pandas' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0, "it differs, or has loaded pandas, which takes half a second"
