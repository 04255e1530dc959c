"""The commands of the pages about sources, other programs' databases and servers: typed as printed, in the page's order.

Each page has a home like its reader's; exit codes and what is shown are those that the page tells.
``test_docs_commands`` has the Spanish guides, ``test_readme_commands`` what is typed in a clone.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import duckdb
import psycopg2
import pytest
from psycopg2 import sql

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.embedded.server import ServerAddress
from fluxion_pipeline_tests.support.foreign import SOLD, foreign_file
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.pages import commands, desk, interrupted
from fluxion_pipeline_tests.support.shop import filled
from fluxion_pipeline_tests.support.webserver import START_SECONDS, Server, up

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


UI = "http://127.0.0.1:3000"
"""Where ``fluxion ui`` is when nobody says otherwise."""

OLD = "CREATE TABLE orders AS SELECT CAST(i AS BIGINT) AS id, CAST('order ' || i AS VARCHAR) AS name FROM range(40) t(i)"
DAYS = "AS SELECT DATE '2026-03-02' + CAST(i // 4 AS INTEGER) AS day, i % 4 AS number, CAST(i * 1.25 AS DECIMAL(12,2)) AS total, 'paid' AS state, {} AS seen"


def test_adopt_a_file_of_other_programs_is_in_both_databases(pg_settings: Settings, tmp_path: Path) -> None:
    home = Home(pg_settings).ready()
    place = desk(tmp_path / "desk", home.settings, DB_MODE="duckdb")
    foreign_file(place.folder / "viejo.duckdb")
    shutil.copy(place.folder / "docs/examples/map.toml", place.folder)
    adopt, sync = commands("docs/adopt.md")
    done = place.type(adopt)
    assert done.code == 1, done.text  # as the page says where rows have no place: two of them
    assert "«nadie» is no active location: 1 rows" in done.err
    done = place.type(sync)
    assert done.code == 0, done.text
    assert {line.split(": ")[2] for line in done.out.splitlines() if line.startswith("parity: ")} == {"igual"}
    assert [home.run(sink, "SELECT count(*) FROM ventas") for sink in SinkName] == [[(SOLD,)]] * 2


@pytest.fixture
def reader(postgres_server: ServerAddress) -> Iterator[dict[str, str]]:
    """The database and the login that the page of ``compare`` names, and what makes libpq find them; fails where there is one already."""
    server, secret = postgres_server, postgres_server.password.get_secret_value()
    uri = f"postgresql://{quote(server.user)}:{quote(secret)}@{server.host}:{server.port}"
    with closing(psycopg2.connect(f"{uri}/postgres")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("CREATE ROLE reader LOGIN PASSWORD {}").format(sql.Literal(secret)))
            try:
                cursor.execute("CREATE DATABASE shop")
                try:
                    with closing(psycopg2.connect(f"{uri}/shop")) as shop, shop, shop.cursor() as inside:
                        inside.execute("CREATE TABLE orders AS SELECT i::bigint AS id, 'order ' || i AS name FROM generate_series(0, 39) t(i)")
                        inside.execute("GRANT SELECT ON orders TO reader")
                    yield {"PGHOSTADDR": socket.gethostbyname(server.host), "PGPORT": str(server.port), "PGPASSWORD": secret}
                finally:
                    cursor.execute("DROP DATABASE shop WITH (FORCE)")
            finally:
                cursor.execute("DROP ROLE reader")


def test_compare_two_databases_of_other_programs(reader: dict[str, str], duck_settings: Settings, tmp_path: Path) -> None:
    place = desk(tmp_path / "desk", duck_settings, **reader)
    with_postgresql, with_a_file = commands("docs/compare.md")
    for name, statements in {
        "old": (OLD,),
        "a": (f"CREATE TABLE orders {DAYS.format(1)} FROM range(20) t(i)",),
        "b": ("CREATE SCHEMA archive", f"CREATE TABLE archive.orders {DAYS.format(2)} FROM range(20) t(i)"),
    }.items():
        with duckdb.connect(str(place.folder / f"{name}.duckdb")) as file:
            for statement in statements:
                file.execute(statement)
    done = place.type(with_postgresql)
    assert (done.code, done.out.splitlines()[-1:]) == (0, ["compare: igual"]), done.text
    assert "db.example" in done.out
    assert reader["PGPASSWORD"] not in done.text
    told = place.type(with_a_file)
    assert (told.code, json.loads(told.out)["verdict"]) == (0, "igual"), told.text  # what only `seen` says isn't compared
    with duckdb.connect(str(place.folder / "old.duckdb")) as file:
        file.execute("UPDATE orders SET name = 'another' WHERE id = 7")
    with duckdb.connect(str(place.folder / "b.duckdb")) as file:
        file.execute("DELETE FROM archive.orders WHERE number = 3 AND total < 5")
    done = place.type(with_postgresql)
    assert (done.code, done.out.splitlines()[-1:]) == (1, ["compare: diferente: 1 changed"]), done.text
    told = place.type(with_a_file)
    assert [(d["kind"], d["key"]) for d in json.loads(told.out)["sample"]] == [("only_in_a", {"day": "2026-03-02", "number": 3})], told.text
    assert told.code == 1


def test_sources_a_simulated_chain_is_read_with_its_faults_and_ended(pg_settings: Settings, tmp_path: Path) -> None:
    home = Home(pg_settings).ready()
    place = desk(tmp_path / "desk", home.settings, PYTHONUNBUFFERED="1")
    simulate, read = commands("docs/sources.md")
    served = place.start(simulate)
    assert served.stdout is not None
    with interrupted(served):
        first = served.stdout.readline()
        assert "KLK of 19 stores at http://127.0.0.1:8900 " in first, first
        done = place.type(read)
        with urllib.request.urlopen("http://127.0.0.1:8900/_requests", timeout=10) as answer:
            asked = json.load(answer)
    assert done.code == 1, done.text
    assert "17 completo, 1 inalcanzable, 1 sospechoso" in done.out
    assert re.search(r"^SUC008\t.*\tinalcanzable\t", done.out, re.MULTILINE)
    assert re.search(r"^(SUC013|SUC001)\t.*\tsospechoso\t.*gemela", done.out, re.MULTILINE)
    assert {r["store"]: r["fault"] for r in asked["requests"] if r["fault"] in {"down", "slow", "twin"}} == {
        "SUC008": "down",
        "SUC018": "slow",
        "SUC013": "twin",
    }
    assert set(asked["most_at_once"].values()) == {1}
    assert served.returncode == 0
    assert served.stdout.read().splitlines()[-1] == "ended"


@pytest.mark.long
def test_own_tables_the_example_is_materialized_and_then_known_to_the_command(pg_settings: Settings, tmp_path: Path) -> None:
    """On a chain of three locations, which has the product that the page asks for. Run by ``make long``."""
    shop = filled(pg_settings, tmp_path / "drops")
    place, log = desk(tmp_path / "desk", shop.settings), tmp_path / "ui.log"
    ui, *then = commands("docs/own-tables.md")
    served = place.start(ui, log)
    with interrupted(served):
        deadline = time.monotonic() + START_SECONDS
        while not up(UI) and time.monotonic() < deadline:
            assert served.poll() is None, log.read_text("utf-8")
            time.sleep(0.3)
        server = Server(served, UI, log)
        nodes = server.ask("{ assetNodes { groupName assetKey { path } } }")["assetNodes"]
        group = sorted(node["assetKey"]["path"] for node in nodes if node["groupName"] == "tablas")
        assert group == [[place, "dias_de_inventario"] for place in ("duckdb", "postgresql", "tablas")]
        assert server.ended(server.launch("__ASSET_JOB", group)) == "SUCCESS"
    assert served.returncode == 0
    parity, explain, repair = (place.type(line) for line in then)
    assert "dias_de_inventario values igual duckdb=9 postgresql=9" in parity.out, parity.text
    assert parity.code == 0
    assert re.findall(r"^  (\w+): stock=90\.0000$", explain.out, re.MULTILINE) == ["duckdb", "postgresql", "image"], explain.text
    assert explain.code == 0
    assert (repair.code, repair.out.splitlines()[-1:]) == (0, ["dias_de_inventario: nothing to do"]), repair.text
