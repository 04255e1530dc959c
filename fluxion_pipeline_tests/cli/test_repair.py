"""``fluxion repair --from`` a sink as a person runs it: shown, done, refused, and told by exit code."""

from __future__ import annotations

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.commands import fluxion
from fluxion_pipeline_tests.support.home import DAY, NEXT, Home, two_stores
from fluxion_pipeline_tests.support.readings import stock


@pytest.fixture
def home(pg_settings: Settings) -> Home:
    """Two stores in both sinks."""
    found = Home(pg_settings).ready()
    two_stores(found)
    for sink in SinkName:
        found.converge(sink)
    return found


def test_an_edit_is_shown_then_landed_then_explained(home: Home) -> None:
    run = home.settings
    home.run(SinkName.POSTGRESQL, "UPDATE ventas SET venta_total = 99 WHERE ubicacion_codigo = 'SUC001' AND numero_factura = '00000003'")
    home.run(SinkName.POSTGRESQL, "DELETE FROM ventas WHERE ubicacion_codigo = 'SUC007' AND numero_factura = '00000002'")
    words = ("repair", "ventas", "--from", "postgresql")
    dry = fluxion(run, *words)
    assert dry.code == 1
    key = f"numero_factura=00000003 linea=1 fecha_negocio={DAY}"
    for said in (
        "ventas in postgresql: 13 rows, lotes 14: 1 missing, 0 extra, 1 changed, 0 doubled in 2 slices",
        f"  cambiada ubicacion_codigo=SUC001 {key} | venta_total: lote='2.5000' postgresql='99.0000'",
        f"  cambiada ubicacion_codigo=SUC001 {key} | venta_total: duckdb='2.5000' postgresql='99.0000'",
        "  falta in postgresql ubicacion_codigo=SUC007 numero_factura=00000002",
        "ventas: from postgresql to lote: 0 to insert, 1 to change, 1 to delete",
        "ventas: from postgresql to duckdb: 0 to insert, 1 to change, 1 to delete",
    ):
        assert said in dry.out, dry.out
    assert dry.err == "ventas differs; to mend it: fluxion repair ventas --from postgresql --apply\n"
    assert fluxion(run, "parity", "ventas").code == 1
    sick = fluxion(run, "status")
    assert (sick.code, "which rows: fluxion parity ventas" in sick.out, "all healthy" in sick.out) == (1, True, False)
    done = fluxion(run, *words, "--apply")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(
        "ventas in lote: 0 inserted, 1 changed, 1 deleted\n"
        "ventas in duckdb: 0 inserted, 1 changed, 1 deleted\n"
        "ventas in postgresql: 0 inserted, 0 changed, 0 deleted\n"
        "ventas: repaired and proven\n"
    )
    assert fluxion(run, "status").code == 0  # the repair's own proof counts
    again = fluxion(run, *words)
    assert (again.code, again.out.splitlines()[-1]) == (0, "ventas: nothing to do")
    assert fluxion(run, "parity").code == 0
    told = fluxion(run, "explain", "ventas", "SUC001", "00000003", "1").out
    assert "\trepaired\tSUC001/" in told
    assert "postgresql, asked for by " in told
    shown = fluxion(run, "status")
    assert (shown.code, "1 repairs, the last one of ventas from postgresql" in shown.out) == (0, True)


def test_what_must_not_be_copied_is_refused_with_one_thing_to_do(home: Home) -> None:
    run = home.settings
    refused = fluxion(run, "repair", "inventario_historico", "--from", "duckdb")
    assert (refused.code, "fluxion repair inventario_historico --from lote" in refused.err) == (2, True)
    home.run(SinkName.DUCKDB, "DELETE FROM ventas")
    dry = fluxion(run, "repair", "ventas", "--from", "duckdb")
    assert (dry.code, "--apply --force" in dry.err) == (1, True)
    refused = fluxion(run, "repair", "ventas", "--from", "duckdb", "--apply")
    assert (refused.code, "refused: duckdb has no rows of ventas at all" in refused.err) == (2, True)
    assert refused.err.count("do:") == 1
    home.land(stock("SUC007", NEXT, {"000001": 1}, 3))
    behind = fluxion(run, "repair", "ventas", "--from", "postgresql")
    assert (behind.code, "duckdb is behind" in behind.err, behind.err.splitlines()[-1]) == (2, True, "do: fluxion sync")
    away = fluxion(run, "repair", "ventas", "--from", "duckdb", more={"POSTGRES_PORT": "9"})
    assert (away.code, "Traceback" in away.err) == (2, False)
    assert "not proven equal" in fluxion(run, "sync").err  # brought up to date; the edit is still there
    assert fluxion(run, "repair", "ventas", "--from", "postgresql", "--apply").code == 0
    home.assert_equal()


@pytest.mark.parametrize(("mode", "to"), [("duckdb", "duckdb"), ("postgresql", "postgresql"), ("duckdb", "postgresql"), ("postgresql", "duckdb")])
def test_a_database_without_a_peer_is_proven_by_its_lotes(home: Home, mode: str, to: str) -> None:
    alone = {"DB_MODE": mode}
    words = ("sync", "--to", to)
    proven = fluxion(home.settings, *words, more=alone)
    assert (proven.code, f"{to} and its lotes: ventas: igual" in proven.out, "diferente" in proven.out) == (0, True, False)
    home.run(SinkName(to), "UPDATE ventas SET venta_total = 777")
    edited = fluxion(home.settings, *words, more=alone)
    assert (edited.code, f"{to} and its lotes: ventas: diferente (0 missing, 0 extra, " in edited.out) == (2, True)
    said = edited.err.split(" isn't what its lotes say: ")[1].split(" shows what differs")[0]
    prefix, _, command = said.rpartition("fluxion ")
    assert prefix == ("" if mode == to else "DB_MODE=dual ")
    typed = {"DB_MODE": "dual"} if prefix else alone
    assert fluxion(home.settings, *command.split(), more=typed).code == 1
    assert fluxion(home.settings, *command.split(), "--apply", more=typed).code == 0
    assert fluxion(home.settings, *words, more=alone).code == 0
    assert fluxion(home.settings, "sync").code == 0
    home.assert_equal()
