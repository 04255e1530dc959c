"""Users' own tables on both engines: made alike, extended alike, never somebody else's, healed and rebuilt."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from fluxion_pipeline.contracts.outcomes import SinkName, Verdict
from fluxion_pipeline.contracts.own_tables import B, D, I, N, T, Z, declare
from fluxion_pipeline.landing.own_tables import Rows, land_rows
from fluxion_pipeline.operations import repair
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.parity.report import Level
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.converge import converge
from fluxion_pipeline_tests.support.home import Home, two_stores

DUCK, PG = SinkName.DUCKDB, SinkName.POSTGRESQL
COLUMNS = {"lugar": T, "dia": D, "n": N, "cuando": Z, "si": B, "cuantos": I, "texto": T}
MIA = declare("mia", columns=COLUMNS, key=["lugar", "dia"], required=["n"], slice_by=["lugar", "dia"])
EXTENDED = declare("mia", columns={**COLUMNS, "nota": T}, key=["lugar", "dia"], required=["n"], slice_by=["lugar", "dia"])
ONLY_KEY = declare("claves", columns={"si": B, "n": N, "cuando": Z, "cuantos": I}, key=["n", "si", "cuando", "cuantos"])


@pytest.fixture
def home(pg_settings: Settings) -> Home:
    return Home(pg_settings).ready()


def row(lugar: str, dia: str, n: Any, texto: str | None = None, **more: Any) -> dict[str, Any]:
    instant = pd.Timestamp("2026-03-01T08:00:00.000001-04:00")
    return {"lugar": lugar, "dia": date.fromisoformat(dia), "n": n, "cuando": instant, "si": True, "cuantos": 3, "texto": texto, **more}


def land(home: Home, *rows: dict[str, Any], covers: list[Any] | None = None, table: Any = MIA) -> Any:
    given = pd.DataFrame(list(rows), columns=[name for name, _ in table.columns])
    return land_rows(home.outbox, table, Rows(given, covers))


def both(home: Home) -> list[tuple[Any, ...]]:
    """The rows, the same in both sinks."""
    left, right = (sorted(home.run(sink, "SELECT * FROM mia"), key=str) for sink in (DUCK, PG))
    assert [tuple(map(str, r)) for r in left] == [tuple(map(str, r)) for r in right]
    return left


def proven(home: Home, *levels: Level) -> None:
    for level in levels or (Level.SCHEMA, Level.COUNT, Level.VALUES, Level.DIGEST):
        report = prove(home.settings, ["mia"], level)
        assert report.verdict is Verdict.IGUAL, (level, report)


HARD = ["", " a ", "N/A", "\\N", "a|b\\", "line\n\\.\nline", "\r\n", '"', "ñ", "0007", ","]


def test_both_engines_have_the_same_rows_of_hard_values(home: Home) -> None:
    rows = [row(f"tienda {i}", "2026-03-01", f_, text) for i, (text, f_) in enumerate(zip(HARD, [0.1, -3, 1e13, 2.00005, 0, 1, 2, 3, 4, 5, 6], strict=True))]
    rows.append(row("x", "1900-01-01", 1, None, si=None, cuantos=None, cuando=None))
    land(home, *rows)
    for sink in (DUCK, PG):
        home.converge(sink)
    assert sorted(r[6] for r in both(home) if r[6] is not None) == sorted(HARD)
    proven(home)
    home.assert_equal()


def test_a_table_of_nothing_but_its_key_is_one(home: Home) -> None:
    instant = pd.Timestamp("2026-03-01T00:00Z")
    given = pd.DataFrame({"si": [True, False], "n": [1.5, 1.5], "cuando": [instant] * 2, "cuantos": [1, 1]})
    land_rows(home.outbox, ONLY_KEY, Rows(given))
    for sink in (DUCK, PG):
        home.converge(sink)
        land_rows(home.outbox, ONLY_KEY, Rows(given.iloc[:1]))
    for sink in (DUCK, PG):
        home.converge(sink)
    assert prove(home.settings, ["claves"]).verdict is Verdict.IGUAL
    assert len(home.run(PG, "SELECT * FROM claves")) == 1


def test_a_second_landing_writes_its_slices_and_no_others(home: Home) -> None:
    land(home, row("A", "2026-03-01", 1), row("A", "2026-03-02", 2), row("B", "2026-03-01", 3))
    for sink in (DUCK, PG):
        home.converge(sink)
    before = home.run(PG, "SELECT xmin::text FROM mia WHERE (lugar, dia) <> ('A', '2026-03-02')")
    land(home, row("A", "2026-03-02", 5), covers=[("A", "2026-03-02"), ("C", "2026-03-01")])
    for sink in (DUCK, PG):
        counts = home.converge(sink).of("mia")
        assert (counts.inserted, counts.changed, counts.deleted) == (0, 1, 0)
    assert home.run(PG, "SELECT xmin::text FROM mia WHERE (lugar, dia) <> ('A', '2026-03-02')") == before
    proven(home)


def test_the_key_is_enforced_by_postgresql_and_null_by_both(home: Home) -> None:
    land(home, row("A", "2026-03-01", 1))
    for sink in (DUCK, PG):
        home.converge(sink)
    with pytest.raises(Exception, match=r"mia_pkey"):
        home.run(PG, "INSERT INTO mia (lugar, dia, n) VALUES ('A', '2026-03-01', 2)")
    for sink in (DUCK, PG):
        with pytest.raises(Exception, match=r"(?i)not.null"):
            home.run(sink, "INSERT INTO mia (lugar, dia) VALUES ('B', '2026-03-01')")


def test_a_sink_that_joins_later_gets_the_table_by_init_and_the_rows_by_converging(pg_settings: Settings) -> None:
    alone = Home(type(pg_settings).model_validate({**pg_settings.model_dump(), "db_mode": "duckdb"})).ready()
    land(alone, row("A", "2026-03-01", 1))
    alone.converge(DUCK)
    late = Home(pg_settings)
    assert [(s.sink, s.migrated, s.error) for s in initialise(late.app)] == [(DUCK, False, None), (PG, True, None)]
    assert late.run(PG, "SELECT * FROM mia") == []
    [found] = prove(pg_settings, ["mia"]).tables
    assert (found.verdict, found.pending) == (Verdict.NO_CONCLUYENTE, 1)
    late.converge(PG)
    proven(late)
    assert [s.migrated for s in initialise(late.app)] == [False, False]


def test_added_columns_are_added_in_both_and_in_a_sink_that_was_away_meanwhile(home: Home) -> None:
    land(home, row("A", "2026-03-01", 1), row("B", "2026-03-01", 2))
    for sink in (DUCK, PG):
        home.converge(sink)
    land(home, row("A", "2026-03-01", 1, nota="x"), covers=[("A", "2026-03-01")], table=EXTENDED)
    home.converge(DUCK)
    [behind] = prove(home.settings, ["mia"]).tables
    assert (behind.verdict, behind.reason) == (Verdict.NO_CONCLUYENTE, "postgresql has no column mia.nota → fluxion init")
    home.converge(PG)
    assert [(r[0], r[-1]) for r in both(home)] == [("A", "x"), ("B", None)]
    proven(home)


def test_a_column_added_to_a_large_sealed_slice_is_null_there(home: Home) -> None:
    many = [row("A", str(date(1990, 1, 1) + timedelta(days=n)), n) for n in range(3000)]
    by_place = declare("mia", columns=COLUMNS, key=["lugar", "dia"], required=["n"], slice_by=["lugar"])
    longer = declare("mia", columns={**COLUMNS, "nota": T}, key=["lugar", "dia"], required=["n"], slice_by=["lugar"])
    land(home, *many, row("B", "2026-03-01", 1), table=by_place)
    for sink in (DUCK, PG):
        home.converge(sink)
    before = home.run(PG, "SELECT xmin::text FROM mia WHERE dia > '1990-01-01'")
    land(home, {**many[0], "nota": "x"}, *({**r, "nota": None} for r in many[1:]), covers=["A"], table=longer)
    for sink in (DUCK, PG):
        assert home.converge(sink).of("mia").written == 1
    assert home.run(PG, "SELECT xmin::text FROM mia WHERE dia > '1990-01-01'") == before
    proven(home)
    home.assert_equal()


@pytest.mark.parametrize("sink", [DUCK, PG])
def test_a_table_that_somebody_else_made_is_not_touched_and_keeps_nobody_else_back(home: Home, sink: SinkName) -> None:
    home.run(sink, "CREATE TABLE mia (lugar TEXT)")
    home.run(sink, "INSERT INTO mia VALUES ('theirs')")
    land(home, row("A", "2026-03-01", 1))
    two_stores(home)
    report = converge(home.app.sink(sink), home.outbox)
    assert list(report.failures) == ["tabla:mia"]
    assert f"{sink} has a table «mia» that this pipeline didn't make → rename or drop it" in report.failures["tabla:mia"]
    assert home.run(sink, "SELECT * FROM mia") == [("theirs",)]
    assert home.held(sink, "ventas") == home.wanted("ventas")
    home.run(sink, "DROP TABLE mia")
    home.converge(sink)
    assert len(home.run(sink, "SELECT * FROM mia")) == 1


@pytest.mark.parametrize("sink", [DUCK, PG])
def test_a_table_dropped_by_hand_is_made_again_and_repaired_from_its_lotes(home: Home, sink: SinkName) -> None:
    land(home, row("A", "2026-03-01", 1), row("B", "2026-03-01", 2))
    for name in (DUCK, PG):
        home.converge(name)
    home.run(sink, "DROP TABLE mia")
    assert prove(home.settings, ["mia"]).verdict is Verdict.NO_CONCLUYENTE
    assert [s.migrated for s in initialise(home.app)] == [name is sink for name in (DUCK, PG)]
    legs = repair.examine(home.app, "mia")
    assert {leg.sink: leg.to_write for leg in legs} == {sink: 2, ({DUCK, PG} - {sink}).pop(): 0}
    repair.repair(home.app, legs)
    proven(home)


@pytest.mark.parametrize("sink", [DUCK, PG])
def test_an_edit_by_hand_is_found_named_and_repaired(home: Home, sink: SinkName) -> None:
    land(home, row("A", "2026-03-01", 1), row("B", "2026-03-01", 2))
    for name in (DUCK, PG):
        home.converge(name)
    home.run(sink, "UPDATE mia SET n = 7 WHERE lugar = 'B'")
    [found] = prove(home.settings, ["mia"]).tables
    assert (found.verdict, found.changed) == (Verdict.DIFERENTE, 1)
    assert dict(found.sample[0].key) == {"lugar": "B", "dia": "2026-03-01"}
    legs = repair.examine(home.app, "mia")
    assert {leg.sink: leg.to_write for leg in legs}[sink] == 1
    repair.repair(home.app, legs)
    proven(home)


@pytest.mark.parametrize("sink", [DUCK, PG])
def test_a_column_changed_by_hand_is_drift(home: Home, sink: SinkName) -> None:
    land(home, row("A", "2026-03-01", 1))
    for name in (DUCK, PG):
        home.converge(name)
    home.run(sink, "ALTER TABLE mia ALTER COLUMN cuantos SET NOT NULL") if sink is PG else home.run(sink, "ALTER TABLE mia ALTER COLUMN cuantos TYPE BIGINT")
    [found] = prove(home.settings, ["mia"], Level.SCHEMA).tables
    assert found.verdict is Verdict.DIFERENTE
    assert "mia." in found.reason
