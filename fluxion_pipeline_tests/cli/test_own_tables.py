"""The command and users' own tables: it knows them by the home alone, without their code."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.contracts.own_tables import D, N, T, declare
from fluxion_pipeline.landing.own_tables import Rows, land_rows
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.commands import fluxion
from fluxion_pipeline_tests.support.home import Home

pytestmark = pytest.mark.e2e

METAS = declare("metas_2026", columns={"dia": D, "ubicacion_codigo": T, "meta": N}, key=["dia", "ubicacion_codigo"], slice_by=["ubicacion_codigo"])


def land(home: Home, meta: float, origin: str) -> None:
    frame = pd.DataFrame({"dia": pd.to_datetime(["2026-03-01"]), "ubicacion_codigo": ["SUC001"], "meta": [meta]})
    land_rows(home.outbox, METAS, Rows(frame), origin)


@pytest.mark.long
def test_the_command_catches_up_proves_explains_and_repairs_a_users_table(pg_settings: Settings) -> None:
    home = Home(pg_settings).ready()
    land(home, 1, "duckdb/metas_2026 (run 1)")
    home.converge(SinkName.DUCKDB)

    behind = fluxion(pg_settings, "parity", "metas_2026")
    assert (behind.code, "no_concluyente" in behind.out) == (2, True)
    assert fluxion(pg_settings, "status").code == 1
    caught_up = fluxion(pg_settings, "sync")
    assert caught_up.code == 0, caught_up.text
    assert "parity: metas_2026: igual" in caught_up.out

    land(home, 2, "duckdb/metas_2026 (run 2)")
    assert fluxion(pg_settings, "sync").code == 0
    rows = {s["sink"]: s["rows"]["metas_2026"] for s in json.loads(fluxion(pg_settings, "status", "--json").out)["sinks"]}
    assert rows == {"duckdb": 1, "postgresql": 1}

    told = json.loads(fluxion(pg_settings, "explain", "metas_2026", "2026-03-01", "SUC001", "--json").out)
    assert {sink: [r["meta"] for r in found] for sink, found in told["sinks"].items()} == {"duckdb": ["2.0000"], "postgresql": ["2.0000"]}
    assert [(e["what"], e["row"], e["origin"]) for e in told["events"]] == [
        ("landed", {"meta": "1.0000"}, "duckdb/metas_2026 (run 1)"),
        ("landed", {"meta": "2.0000"}, "duckdb/metas_2026 (run 2)"),
    ]

    home.run(SinkName.POSTGRESQL, "DELETE FROM metas_2026")
    assert fluxion(pg_settings, "parity").code == 1
    assert fluxion(pg_settings, "repair", "metas_2026", "--from", "lote").code == 1
    mended = fluxion(pg_settings, "repair", "metas_2026", "--from", "lote", "--apply")
    assert (mended.code, "metas_2026: repaired and proven" in mended.out) == (0, True), mended.text
    proven = json.loads(fluxion(pg_settings, "parity", "--json").out)
    assert (proven["verdict"], proven["tables"][-1]["table"]) == ("igual", "metas_2026")


def test_a_table_that_never_landed_is_no_table(pg_settings: Settings) -> None:
    Home(pg_settings).ready()
    for words in (("parity", "metas_2026"), ("repair", "metas_2026", "--from", "lote"), ("explain", "metas_2026", "x", "y")):
        told = fluxion(pg_settings, *words)
        assert told.code == 2
        assert "metas_2026" in told.err
        assert "ventas" in told.err
