"""Repair from the lote: what landing decided is put back into each sink, whatever was done to it by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fluxion_pipeline.cli.main import build
from fluxion_pipeline.contracts.clock import now
from fluxion_pipeline.contracts.outcomes import Fact, SinkName, Verdict
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.repair import examine, refusal, writings
from fluxion_pipeline.operations.repair import repair as mend
from fluxion_pipeline.operations.repairs import Origin
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.claim import claim
from fluxion_pipeline.sinks.converge import converge
from fluxion_pipeline_tests.parity.both import Both
from fluxion_pipeline_tests.support import drops, postgres

commands = build()

STOCK = "inventario_actual"


@pytest.fixture
def filled(pg_settings: Settings, tmp_path: Path) -> App:
    """Two stores' stock and sales, landed and converged into both sinks."""
    folder = tmp_path / "drops"
    for more, store in enumerate(("tienda_01", "tienda_02")):  # not twins: those would be held back
        drops.write_stock(folder, store, "2025-11-24T0630", [drops.stock(f"{n:06d}", n + more) for n in range(300)])
        drops.write_sales(folder, store, "2025-11-23", [drops.sale("2025-11-23", f"{n:08d}", cantidad=1 + more) for n in range(50)])
    app = App(pg_settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": folder}))
    for sink in app.active:
        sink.migrate()
        claim(sink, app.outbox)
    for fact, cut in ((Fact.INVENTARIO, "2025-11-24T0630"), (Fact.VENTAS, "2025-11-23")):
        for store in ("tienda_01", "tienda_02"):
            location = app.registry.by_etl(store)
            assert location is not None
            with app.outbox.lock(location.codigo) as past:
                app.outbox.land(app.source.read(fact, location, cut, now()), past)
    for sink in app.active:
        converge(sink, app.outbox)
    return app


def damage(app: App) -> Both:
    """One row altered, one deleted, one added in PostgreSQL; one doubled in DuckDB."""
    both = Both(app.settings)
    both.pg("UPDATE inventario_actual SET stock = 7777 WHERE ubicacion_codigo = 'SUC001' AND producto_codigo = '000003'")
    both.pg("DELETE FROM inventario_actual WHERE ubicacion_codigo = 'SUC007' AND producto_codigo = '000004'")
    both.pg("INSERT INTO inventario_actual (ubicacion_codigo, almacen_codigo, producto_codigo, stock) VALUES ('SUC099', 'A', 'x', 1)")
    both.duck("INSERT INTO inventario_actual SELECT * FROM inventario_actual WHERE ubicacion_codigo = 'SUC001' AND producto_codigo = '000005'")
    return both


def test_an_undamaged_table_has_nothing_to_do(filled: App) -> None:
    for table in (STOCK, "ventas", "inventario_historico", "inventario_cortes", "cobertura", "rechazos", "productos"):
        assert [leg.to_write for leg in examine(filled, table)] == [0, 0]
    assert [(leg.rows, leg.wanted) for leg in examine(filled, STOCK)] == [(600, 600)] * 2


def test_every_damage_is_named_by_sink_and_mended(filled: App) -> None:
    damage(filled)
    duckdb, postgresql = examine(filled, STOCK)
    assert (duckdb.sink, duckdb.total.doubled_postgresql, duckdb.to_write) == (SinkName.DUCKDB, 1, 1)
    total = postgresql.total
    assert (total.missing, total.extra, total.changed) == (1, 1, 1)
    assert set(postgresql.slices) == {"SUC001", "SUC007", "SUC099"}
    assert {(d.kind, d.key["producto_codigo"]) for d in postgresql.sample} == {("cambiada", "000003"), ("falta_en_pg", "000004"), ("sobra_en_pg", "x")}
    done = mend(filled, [duckdb, postgresql])
    assert [d.target for d in done] == [Origin.DUCKDB, Origin.POSTGRESQL]
    assert prove(filled.settings).verdict is Verdict.IGUAL
    assert [leg.to_write for leg in examine(filled, STOCK)] == [0, 0]


def test_two_sinks_that_are_wrong_in_the_same_way_are_found(filled: App) -> None:
    both = Both(filled.settings)
    for run in (both.pg, both.duck):
        run("DELETE FROM inventario_actual WHERE producto_codigo = '000009'")
    assert prove(filled.settings, [STOCK]).tables[0].missing_in_both == 2
    legs = examine(filled, STOCK)
    assert [leg.total.missing for leg in legs] == [2, 2]
    mend(filled, legs)
    assert [leg.rows for leg in examine(filled, STOCK)] == [600, 600]


def test_a_row_within_the_minute_of_a_tick_belongs_to_its_slice_and_goes(filled: App) -> None:
    both = Both(filled.settings)
    both.pg("UPDATE inventario_cortes SET capturado_en = capturado_en + interval '7 seconds' WHERE ubicacion_codigo = 'SUC001'")
    legs = examine(filled, "inventario_cortes")
    assert (legs[1].total.missing, legs[1].total.extra, set(legs[1].slices)) == (1, 1, {"SUC001/2025-11-24T0630"})
    mend(filled, legs)
    assert [leg.to_write for leg in examine(filled, "inventario_cortes")] == [0, 0]


def test_chunks_find_the_same(filled: App, monkeypatch: pytest.MonkeyPatch) -> None:
    damage(filled)
    whole = examine(filled, STOCK)
    monkeypatch.setattr("fluxion_pipeline.parity.plan.CHUNK_ROWS", 100)
    assert [(leg.slices, leg.rows) for leg in examine(filled, STOCK)] == [(leg.slices, leg.rows) for leg in whole]


def test_a_large_repair_wants_to_be_asked_twice(filled: App) -> None:
    Both(filled.settings).pg("DELETE FROM inventario_actual")
    legs = examine(filled, STOCK)
    assert refusal(STOCK, Origin.LOTE, writings(legs[:1])) is None
    assert "600 rows of inventario_actual would be written in postgresql, more than 5%" in (refusal(STOCK, Origin.LOTE, writings(legs)) or "")


def test_tables_without_lotes_are_refused(filled: App) -> None:
    with pytest.raises(ContractError, match="usuarios is not landed"):
        examine(filled, "usuarios")
    with pytest.raises(ContractError, match="there is no table «nada»"):
        examine(filled, "nada")


def test_the_command_shows_then_mends_and_says_so_by_its_exit_code(filled: App, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in postgres.environment_of(filled.settings).items():
        monkeypatch.setenv(name, value)
    run = CliRunner().invoke
    both = damage(filled)
    shown = run(commands, ["parity"])
    assert shown.exit_code == 1
    for named in (
        "cambiada inventario_actual ubicacion_codigo=SUC001",
        "falta_en_pg inventario_actual ubicacion_codigo=SUC007",
        "sobra_en_pg inventario_actual ubicacion_codigo=SUC099",
    ):
        assert named in shown.output
    dry = run(commands, ["repair", STOCK, "--from", "lote"])
    assert (dry.exit_code, "1 missing, 1 extra, 1 changed, 0 doubled in 3 slices" in dry.output) == (1, True)
    done = run(commands, ["repair", STOCK, "--from", "lote", "--apply"])
    assert done.exit_code == 0, done.output
    assert done.output.endswith("inventario_actual: repaired and proven\n")
    assert run(commands, ["parity"]).exit_code == 0
    again = run(commands, ["repair", STOCK, "--from", "lote"])
    assert (again.exit_code, "nothing to do" in again.output) == (0, True)
    both.pg("DELETE FROM inventario_actual")
    assert run(commands, ["repair", STOCK, "--from", "lote", "--apply"]).exit_code == 2
    assert run(commands, ["repair", STOCK, "--from", "lote", "--apply", "--force"]).exit_code == 0
