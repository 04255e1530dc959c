"""The README's commands on a folder of hostile drops: both sinks hold exactly what a slow, independent reckoning says."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import fluxion_pipeline.locations
from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.commands import Done, fluxion
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.hostile import DAYS, UNKNOWN, Week
from fluxion_pipeline_tests.support.whole import Whole, instant

LOCATIONS = Path(fluxion_pipeline.locations.__file__).with_name("ubicaciones.csv")
TABLES = ("ventas", "inventario_actual", "inventario_historico", "inventario_cortes", "productos")
COVERAGE = "SELECT tabla, ubicacion_codigo, corte, resultado, leidas, cargadas, repetidas, rechazadas, retenidas, arrastradas FROM cobertura"
REJECTS = "SELECT tabla, ubicacion_codigo, corte, origen, linea FROM rechazos"

pytestmark = pytest.mark.e2e


def assert_same(home: Home, whole: Whole) -> None:
    """Every table of both sinks, and the stock at every tick."""
    for sink in SinkName:
        for table in TABLES:
            held, wanted = home.held(sink, table), whole.table(table)
            assert max(held.values()) == 1, (sink, table)
            assert set(held) - wanted == set(), (sink, table, "extra")
            assert wanted - set(held) == set(), (sink, table, "missing")
        found = {row[:3]: row[3:] for row in home.run(sink, COVERAGE)}
        assert found == whole.coverage, sink
        wrong = Counter(home.run(sink, REJECTS))
        assert wrong == Counter((*key, *x) for key, lines in whole.rejects.items() for x in lines), sink
        assert home.run(sink, "SELECT count(*) FROM rechazos WHERE motivo IS NULL OR fila IS NULL OR linea IS NULL") == [(0,)]
        ticks = sorted({t for _, t in whole.stock})
        for moment in [instant(t) + timedelta(minutes=m) for t in ticks for m in (-1, 0, 7)]:
            rows = home.run(sink, "SELECT ubicacion_codigo, almacen_codigo, producto_codigo, stock FROM stock_en(CAST(%s AS TIMESTAMPTZ))", moment)
            assert Counter(rows) == Counter(whole.at(moment)), (sink, moment)


def lotes(home: Home) -> set[Path]:
    return set((home.settings.home / "lotes").rglob("*.json"))


def versions(home: Home) -> dict[str, set[tuple[Any, ...]]]:
    return {t: set(home.run(SinkName.POSTGRESQL, f"SELECT tableoid, ctid::text, xmin::text FROM {t}")) for t in (*TABLES, "rechazos", "lotes_aplicados")}


def run(settings: Settings, *words: str, code: int) -> Done:
    done = fluxion(settings, "run", *words)
    assert done.code == code, done.text
    assert "Traceback" not in done.text
    return done


@pytest.mark.parametrize("seed", [1])
def test_both_sinks_hold_exactly_what_the_files_say(pg_settings: Settings, tmp_path: Path, seed: int) -> None:
    root = tmp_path / "drops"
    settings = pg_settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": root})
    week, home = Week(root, seed), Home(settings)
    week.write()
    whole = Whole(root, LOCATIONS, datetime.now(timezone.utc).date())
    whole.read()
    assert fluxion(settings, "init").code == 0
    run(settings, "catalogo", code=0)
    day = ("ventas", "--from", DAYS[0], "--to", DAYS[-1])
    run(settings, *day, code=1)
    run(settings, "inventario", code=1)
    assert_same(home, whole)
    parity = fluxion(settings, "parity", "--json")
    assert (parity.code, json.loads(parity.out)["verdict"]) == (0, "igual"), parity.text
    listed = fluxion(settings, "quarantine", "list")
    assert {line.split("\t")[0] for line in listed.out.splitlines()} == set(UNKNOWN)

    before = lotes(home), versions(home)
    run(settings, "catalogo", code=0)
    run(settings, *day, code=1)
    assert "nothing new" in run(settings, "inventario", code=0).out
    assert (lotes(home), versions(home)) == before
    assert_same(home, whole)

    week.rewrite()
    whole.read()
    run(settings, "ventas", code=0)
    run(settings, "inventario", code=0)
    assert_same(home, whole)
    assert fluxion(settings, "parity").code == 0
