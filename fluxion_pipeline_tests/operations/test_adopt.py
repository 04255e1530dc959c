"""A foreign DuckDB file is taken over through the rules: what lands is what its rows say, worked out here by hand."""

from __future__ import annotations

import os
import signal
from collections import Counter
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from fluxion_pipeline import pause
from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.operations.adopt import adopt
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sources.ajena.mapping import read_map
from fluxion_pipeline_tests.architecture.repository import ROOT
from fluxion_pipeline_tests.support.commands import fluxion
from fluxion_pipeline_tests.support.foreign import foreign_file
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.readings import NOON, invoices
from fluxion_pipeline_tests.support.readings import sales as sales_of

MAP = ROOT / "docs" / "examples" / "map.toml"


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    return foreign_file(tmp_path / "viejo.duckdb")


def sold() -> Counter[tuple[object, ...]]:
    """The sales, by hand: lines of an invoice in the order of date, as text, and product."""
    rows = []
    for i in range(80):
        day = ("2025-10-30", "2025-10-31", "2025-11-01", "2025-11-02")[i % 4]
        rows.append(("SUC001" if i % 2 == 0 else "SUC007", f"{i // 8:012d}", f"{day[8:]}/{day[5:7]}", f"{i % 5:06d}", day, Decimal(f"{i}.1")))
    found: Counter[tuple[object, ...]] = Counter()
    for place, invoice in {(r[0], r[1]) for r in rows}:
        mine = sorted((r[2], r[3], r[5], r[4]) for r in rows if r[:2] == (place, invoice))
        found.update((place, invoice, n, day, amount) for n, (_, _, amount, day) in enumerate(mine, 1))
    return found


def held(home: Home, sink: SinkName) -> Counter[tuple[object, ...]]:
    return Counter(home.run(sink, "SELECT ubicacion_codigo, numero_factura, linea, CAST(fecha_negocio AS VARCHAR), cantidad FROM ventas"))


def test_a_foreign_file_is_taken_over_row_by_row(duck_settings: Settings, foreign: Path) -> None:
    home = Home(duck_settings).ready()
    catalogue, stock, sales = adopt(home.app, foreign, MAP)
    assert (catalogue.total("loaded"), stock.total("loaded"), sales.total("loaded"), sales.total("rejected")) == (5, 5, 80, 1)
    assert sales.strange == ("facturas: SUC001: no readable date: 1 rows", "facturas: «nadie» is no active location: 1 rows")
    home.converge(SinkName.DUCKDB)
    assert held(home, SinkName.DUCKDB) == sold()
    assert {x for (x,) in home.run(SinkName.DUCKDB, "SELECT stock FROM inventario_actual")} == {Decimal(x) / 10 for x in range(5)}
    assert [r.landings for r in adopt(home.app, foreign, MAP)][1:] == [(), ()]  # nothing is read twice


def test_two_ways_to_write_an_invoice_are_one_invoice_of_two_lines(duck_settings: Settings, foreign: Path) -> None:
    with duckdb.connect(str(foreign)) as con:
        con.execute("DELETE FROM facturas")
        for invoice, amount in (("7 ", 1), ("7", 2)):
            con.execute("INSERT INTO facturas VALUES ('SUC001', '30/10/2025', '10:00:00', ?, '000001', ?, 1, 1)", [invoice, amount])
    home = Home(duck_settings).ready()
    *_, sales = adopt(home.app, foreign, MAP)
    assert (sales.total("loaded"), sales.total("repeated")) == (2, 0)
    home.converge(SinkName.DUCKDB)
    assert {(n, int(c)) for _, n, _, _, c in held(home, SinkName.DUCKDB)} == {("7", 1), ("7", 2)}


def test_what_a_store_told_after_the_file_was_written_stands(duck_settings: Settings, foreign: Path) -> None:
    home = Home(duck_settings).ready()
    told = NOON.timestamp() - 86_400
    os.utime(foreign, (told, told))
    home.land(sales_of("SUC001", "2025-10-30", invoices(900, 901)))
    list(adopt(home.app, foreign, MAP))
    home.converge(SinkName.DUCKDB)
    kept = {n for place, n, _, day, _ in held(home, SinkName.DUCKDB) if (place, day) == ("SUC001", "2025-10-30")}
    assert kept == {"00000900", "00000901"}
    assert any(day == "2025-11-01" for _, _, _, day, _ in held(home, SinkName.DUCKDB))


def test_nothing_is_adopted_in_a_pause(duck_settings: Settings, foreign: Path) -> None:
    home = Home(duck_settings).ready()
    pause.begin(home.settings.home, "inventory", NOON)
    done = fluxion(home.settings, "adopt", str(foreign), "--map", str(MAP))
    assert done.code != 0
    assert "inventory" in done.text


@pytest.mark.e2e
def test_adopted_and_synced_with_a_kill_each_time_both_sinks_are_equal(pg_settings: Settings, foreign: Path) -> None:
    alone = pg_settings.model_copy(update={"db_mode": "duckdb"})
    home = Home(pg_settings).ready()
    for point in ("landing.manifest:3", "landing.indexed:2", "duckdb.sales"):
        assert fluxion(alone, "adopt", str(foreign), "--map", str(MAP), more={"DB_MODE": "duckdb", "FLUXION_FAILPOINT": point}).code == -signal.SIGKILL
    done = fluxion(alone, "adopt", str(foreign), "--map", str(MAP), more={"DB_MODE": "duckdb"})
    assert done.code == 1, done.text  # two rows have no place
    for point in ("postgresql.sales", "postgresql.log"):
        assert fluxion(home.settings, "sync", "--to", "postgresql", more={"FLUXION_FAILPOINT": point}).code == -signal.SIGKILL
    done = fluxion(home.settings, "sync", "--to", "postgresql")
    assert done.code == 0, done.text
    for sink in SinkName:
        assert held(home, sink) == sold(), sink


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = ", "can't be read"),
        ("", "names no table"),
        ("[facturas]\n", "means nothing"),
        ("[ventas]\ntabla = 'f'\n", "says nothing of «ubicacion»"),
        ("[ventas]\ntable = 'f'\n", "«table» means nothing"),
    ],
)
def test_a_map_that_says_nothing_sensible_is_an_error_with_a_remedy(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(ContractError, match=said) as caught:
        read_map(path)
    assert caught.value.remedy


def test_a_name_that_the_file_lacks_is_named(duck_settings: Settings, foreign: Path, tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text(MAP.read_text("utf-8").replace('sku"\nstock = "cantidad"', 'sku"\nstock = "nada"'))
    with pytest.raises(ContractError, match="no column «nada»"):
        list(adopt(Home(duck_settings).ready().app, foreign, path))
