"""Two sinks that are wrong in the same way are found, by slice and key, against what landed."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from fluxion_pipeline.cli.main import build
from fluxion_pipeline.contracts.outcomes import SinkName, Verdict
from fluxion_pipeline.parity import newer
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.parity.report import Level, TableParity, markdown
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support import postgres
from fluxion_pipeline_tests.support.home import DAY, Home, two_stores
from fluxion_pipeline_tests.support.readings import stock

STOCK = "inventario_actual"
COMPARED = [Level.VALUES, Level.DIGEST]
HERE = "ubicacion_codigo = 'SUC001' AND producto_codigo = '000002'"


@pytest.fixture
def home(pg_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Two stores on both sinks, as they landed."""
    monkeypatch.setattr(newer, "LEAST", 0)
    made = Home(pg_settings).ready()
    two_stores(made)
    for sink in SinkName:
        made.converge(sink)
    return made


def in_both(home: Home, sql: str) -> None:
    for sink in SinkName:
        home.run(sink, sql)


def one(home: Home, table: str = STOCK, level: Level = Level.VALUES, **more: object) -> TableParity:
    return prove(home.settings, [table], level, **more).tables[0]  # type: ignore[arg-type]


def counts(found: TableParity) -> tuple[int, int, int]:
    return found.missing_in_both, found.extra_in_both, found.changed_in_both


@pytest.mark.parametrize("level", COMPARED)
def test_the_same_wrong_value_in_both_is_named_with_the_lotes_value(home: Home, level: Level) -> None:
    assert one(home, level=level).verdict is Verdict.IGUAL
    in_both(home, f"UPDATE inventario_actual SET stock = 500 WHERE {HERE}")
    for _ in range(2):
        found = one(home, level=level)
        assert (found.verdict, counts(found), found.unlike_lote) == (Verdict.DIFERENTE, (0, 0, 1), {"SUC001"})
        assert "both sinks are alike and differ from the lote in 1 slice (SUC001): 1 changed → fluxion repair inventario_actual" in found.reason
        (item,) = found.sample
        assert (item.kind, item.slice, item.columns, item.key["producto_codigo"]) == ("cambiada_en_ambas", "SUC001", ("stock",), "000002")
        assert [side and side["stock"] for side in (item.duckdb, item.postgresql, item.lote)] == ["500.0000", "500.0000", "7.0000"]
        assert "| **500.0000** | **500.0000** | **7.0000** |" in markdown(found)


@pytest.mark.parametrize("level", [Level.COUNT, *COMPARED])
def test_a_row_that_both_lost_and_one_that_both_gained_are_named(home: Home, level: Level) -> None:
    in_both(home, f"DELETE FROM inventario_actual WHERE {HERE}")
    in_both(home, "INSERT INTO inventario_actual (ubicacion_codigo, almacen_codigo, producto_codigo, stock) VALUES ('SUC007', 'X', '9', 1)")
    found = one(home, level=level)
    assert (found.verdict, counts(found), found.unlike_lote) == (Verdict.DIFERENTE, (1, 1, 0), {"SUC001", "SUC007"})
    assert {d.kind for d in found.sample} == {"falta_en_ambas", "sobra_en_ambas"}


def test_a_slice_that_both_lost_whole_is_named(home: Home) -> None:
    assert one(home, "ventas").verdict is Verdict.IGUAL
    in_both(home, "DELETE FROM ventas WHERE ubicacion_codigo = 'SUC007'")
    found = one(home, "ventas")
    assert (found.verdict, counts(found), found.unlike_lote) == (Verdict.DIFERENTE, (4, 0, 0), {f"SUC007/{DAY}"})
    in_both(home, "DELETE FROM ventas")
    assert one(home, "ventas").verdict is Verdict.NO_CONCLUYENTE


LOSSES = {
    "untouched": "SELECT 1",
    "edited": "UPDATE ventas SET venta_total = 0 WHERE ubicacion_codigo = 'SUC007'",
    "gone": "DELETE FROM ventas WHERE ubicacion_codigo = 'SUC007'",
}


@pytest.mark.parametrize("level", [Level.COUNT, Level.VALUES])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("sinks", [[SinkName.POSTGRESQL], [SinkName.DUCKDB], list(SinkName)])
def test_a_slice_whose_lines_the_ledgers_lost_is_compared_with_its_image_all_the_same(home: Home, sinks: list[SinkName], loss: str, level: Level) -> None:
    assert one(home, "ventas").verdict is Verdict.IGUAL
    for sink in sinks:
        home.run(sink, f"DELETE FROM lotes_aplicados WHERE tabla = 'ventas' AND slice = 'SUC007/{DAY}'")
        home.run(sink, LOSSES[loss])
    right = Verdict.DIFERENTE if loss == "gone" or (loss == "edited" and level is not Level.COUNT) else Verdict.IGUAL
    assert {one(home, "ventas", level, full=full).verdict for full in (False, True)} == {right}
    for sink in sinks:
        home.converge(sink, force={"ventas": None})
    assert one(home, "ventas", level).verdict is Verdict.IGUAL


def test_a_slice_that_nobody_landed_is_named_though_both_have_it(home: Home) -> None:
    in_both(home, "INSERT INTO inventario_actual (ubicacion_codigo, almacen_codigo, producto_codigo, stock) VALUES ('SUC003', 'X', '9', 1)")
    found = one(home)
    assert (found.verdict, counts(found), found.unlike_lote) == (Verdict.DIFERENTE, (0, 1, 0), {"SUC003"})


def test_a_table_that_is_one_slice_is_compared_too(home: Home) -> None:
    in_both(home, "UPDATE productos SET descripcion = 'otra' WHERE codigo = '000003'")
    found = one(home, "productos")
    assert (found.verdict, counts(found)) == (Verdict.DIFERENTE, (0, 0, 1))
    assert [(d.lote or {})["descripcion"] for d in found.sample] == ["producto 3"]


def test_sinks_that_both_lag_behind_alike_are_compared_with_the_image_that_they_hold(home: Home) -> None:
    home.land(stock("SUC001", "2025-11-24T0730", {"000001": 1}, 9))
    assert one(home).verdict is Verdict.IGUAL
    in_both(home, f"UPDATE inventario_actual SET stock = 500 WHERE {HERE}")
    assert counts(one(home)) == (0, 0, 1)


def test_proven_slices_are_not_read_again_and_a_repair_from_the_lote_mends(home: Home) -> None:
    assert one(home).compared == 2
    for file in (home.settings.home / "lotes").rglob("*inventario_actual*.parquet"):
        file.rename(file.with_suffix(".away"))
    found = one(home)
    assert (found.verdict, found.compared) == (Verdict.IGUAL, 0)
    assert "can't be read" in one(home, full=True).reason
    assert one(home, full=True).verdict is Verdict.NO_CONCLUYENTE
    for file in (home.settings.home / "lotes").rglob("*.away"):
        file.rename(file.with_suffix(".parquet"))
    in_both(home, f"UPDATE inventario_actual SET stock = 500 WHERE {HERE}")
    assert one(home).verdict is Verdict.DIFERENTE
    for sink in SinkName:
        home.converge(sink, force={STOCK: None})
    assert one(home).verdict is Verdict.IGUAL


def test_the_command_says_it_in_json_and_in_lines(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in postgres.environment_of(home.settings).items():
        monkeypatch.setenv(name, value)
    in_both(home, f"UPDATE inventario_actual SET stock = 500 WHERE {HERE}")
    result = CliRunner().invoke(build(["parity"]), ["parity", STOCK])
    assert result.exit_code == 1
    assert "cambiada_en_ambas inventario_actual" in result.stdout
    assert "slice=SUC001 | stock: duckdb=500.0000 postgresql=500.0000 lote=7.0000" in result.stdout
    told = json.loads(CliRunner().invoke(build(["parity"]), ["parity", STOCK, "--json"]).stdout)["tables"][0]
    assert (told["changed_in_both"], told["slices_unlike_lote"], told["sample"][0]["lote"]["stock"]) == (1, ["SUC001"], "7.0000")
