"""Any two databases: every kind of difference is named, with types that no contract of this chain has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psycopg2
import pytest
from typer.testing import CliRunner, Result

from fluxion_pipeline.cli.main import build
from fluxion_pipeline.contracts.outcomes import Verdict
from fluxion_pipeline.errors import ContractError, TransientError
from fluxion_pipeline.parity.databases import address
from fluxion_pipeline.parity.kinds import kind_of, together
from fluxion_pipeline.parity.versus import Versus, versus
from fluxion_pipeline_tests.support import postgres
from fluxion_pipeline_tests.support.postgres import ServerAddress

MADE = "id BIGINT, day DATE, name TEXT, amount NUMERIC(12,2), ratio DOUBLE PRECISION, seen TIMESTAMPTZ, local TIMESTAMP, clock TIME, code UUID, ok BOOLEAN"
ROWS = (
    "(1, '2025-01-01', 'a|b', 1.50, 0.1, '2025-01-01 10:00:00.123456+02', '2025-01-01 10:00:00.5', '10:00:01', '6f1c2d3e-0000-4000-8000-000000000001', true)",
    "(2, '1969-12-31', '', -0.01, 1e-300, '1969-12-31 23:59:59Z', '1969-12-31 23:59:59', '00:00:00', '6f1c2d3e-0000-4000-8000-000000000002', false)",
    "(3, '2025-01-03', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    "(4, '2025-01-04', '\\N', 0, 'NaN', '2025-06-01 00:00:00Z', '2025-06-01 00:00:00', '23:59:59.000001', NULL, true)",
    "(5, '2025-01-05', 'l''été 漢字', 9999999999.99, 'Infinity', '2025-06-01 00:00:00Z', '2025-06-01 00:00:00', '12:00:00', NULL, true)",
)


@pytest.fixture
def uri(postgres_server: ServerAddress) -> Iterator[str]:
    """An empty database, as libpq is told of it."""
    with postgres.fresh_database(postgres_server) as name:
        password = postgres_server.password.get_secret_value()
        yield f"postgresql://{postgres_server.user}:{password}@{postgres_server.host}:{postgres_server.port}/{name}"


def fill_postgresql(uri: str, *statements: str) -> None:
    connection = psycopg2.connect(uri)
    with connection, connection.cursor() as cursor:
        for sql in (f"CREATE TABLE things ({MADE})", f"INSERT INTO things VALUES {', '.join(ROWS)}", *statements):
            cursor.execute(sql)
    connection.close()


def duckdb_file(path: Path, *statements: str) -> str:
    with duckdb.connect(str(path)) as file:
        for sql in (f"CREATE TABLE things ({MADE.replace('NUMERIC', 'DECIMAL')})", f"INSERT INTO things VALUES {', '.join(ROWS)}", *statements):
            file.execute(sql)
    return str(path)


def compared(a: str, b: str, *key: str, only: tuple[str, ...] = ()) -> Versus:
    return versus(address(a), address(b), ("things", "things"), key or ("id",), only)


def counts(found: Versus) -> tuple[int, ...]:
    total = found.found
    return total.missing, total.extra, total.changed, total.doubled_duckdb, total.doubled_postgresql


def test_the_same_table_is_equal_whatever_the_engines(uri: str, tmp_path: Path) -> None:
    file, other = duckdb_file(tmp_path / "a.duckdb"), duckdb_file(tmp_path / "b.duckdb")
    fill_postgresql(uri)
    for a, b in ((file, uri), (file, other), (uri, uri), (file, file)):
        found = compared(a, b)
        assert (found.verdict, found.rows, counts(found)) == (Verdict.IGUAL, (5, 5), (0, 0, 0, 0, 0)), found.sample
        assert len(found.columns.compared) == 10


@pytest.mark.parametrize("first", ["duckdb", "postgresql"])
def test_each_kind_of_difference_is_counted_and_named(uri: str, tmp_path: Path, first: str) -> None:
    file = duckdb_file(tmp_path / "a.duckdb", "DELETE FROM things WHERE id = 2", "INSERT INTO things SELECT * FROM things WHERE id = 1")
    fill_postgresql(uri, "DELETE FROM things WHERE id = 5", "UPDATE things SET amount = amount + 0.01, name = NULL WHERE id = 4")
    found = compared(file, uri) if first == "duckdb" else compared(uri, file)
    assert found.verdict is Verdict.DIFERENTE
    assert counts(found) == ((1, 1, 1, 1, 0) if first == "duckdb" else (1, 1, 1, 0, 1))
    told = {d["kind"]: d for d in found.to_json()["sample"]}
    only_a, only_b = ("5", "2") if first == "duckdb" else ("2", "5")
    assert {k: str(d["key"]["id"]) for k, d in told.items()} == {"only_in_a": only_a, "only_in_b": only_b, "changed": "4", "doubled": "1"}
    assert told["changed"]["columns"] == ["name", "amount"]
    assert {told["changed"]["a"]["amount"], told["changed"]["b"]["amount"]} == {"0.00", "0.01"}


def test_columns_and_types_that_differ_are_named_and_the_others_compared(uri: str, tmp_path: Path) -> None:
    file = duckdb_file(tmp_path / "a.duckdb", "ALTER TABLE things ADD COLUMN mine INTEGER", "ALTER TABLE things ALTER amount TYPE DOUBLE")
    fill_postgresql(uri, "ALTER TABLE things ADD COLUMN theirs integer", "ALTER TABLE things ALTER id TYPE smallint")
    found = compared(file, uri)
    assert (found.verdict, counts(found)) == (Verdict.DIFERENTE, (0, 0, 0, 0, 0))
    assert (found.columns.only_a, found.columns.only_b) == (("mine",), ("theirs",))
    assert found.columns.types == (("amount", "DOUBLE", "numeric(12,2)"),)
    assert compared(file, uri, only=("name", "seen")).verdict is Verdict.IGUAL


def test_types_without_a_text_can_not_be_told(tmp_path: Path) -> None:
    file = duckdb_file(tmp_path / "a.duckdb", "ALTER TABLE things ADD COLUMN tags INTEGER[]")
    found = compared(file, file)
    assert (found.verdict, found.columns.unknown) == (Verdict.NO_CONCLUYENTE, (("tags", "INTEGER[]", "INTEGER[]"),))
    assert compared(file, file, only=("name",)).verdict is Verdict.IGUAL


def test_decimals_of_other_scales_are_compared_by_the_wider_one(uri: str, tmp_path: Path) -> None:
    file = duckdb_file(tmp_path / "a.duckdb", "ALTER TABLE things ALTER amount TYPE DECIMAL(18,4)")
    fill_postgresql(uri)
    assert compared(file, uri).verdict is Verdict.IGUAL
    with duckdb.connect(file) as opened:
        opened.execute("UPDATE things SET amount = 1.5001 WHERE id = 1")
    assert [d.columns for d in compared(file, uri).sample] == [("amount",)]


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("VARCHAR", "character varying(20)", True),
        ("ENUM('a', 'b')", "text", True),
        ("VARCHAR", "character(3)", False),
        ("DECIMAL(18,4)", "numeric", False),
        ("numeric", "numeric", True),
        ("DECIMAL(38,0)", "numeric(20,10)", False),
        ("DOUBLE", "numeric(18,4)", False),
        ("FLOAT", "real", True),
        ("TIMESTAMP", "timestamp(3) without time zone", True),
        ("TIMESTAMP", "timestamp with time zone", False),
        ("TIMESTAMP WITH TIME ZONE", "timestamp(6) with time zone", True),
        ("UINTEGER", "bigint", True),
        ("HUGEINT", "bigint", False),
        ("JSON", "jsonb", False),
        ("BLOB", "bytea", True),
        ("text[]", "text[]", False),
    ],
)
def test_types_are_compared_where_both_hold_the_same_kind_of_value(left: str, right: str, same: bool) -> None:
    assert (together(kind_of(left), kind_of(right)) is not None) is same


def test_what_is_not_there_is_named(uri: str, tmp_path: Path) -> None:
    file = duckdb_file(tmp_path / "a.duckdb")
    with pytest.raises(ContractError, match="has no table things"):
        compared(file, uri)
    with pytest.raises(ContractError, match="A has no column «nr»"):
        compared(file, file, "nr")
    with pytest.raises(ContractError, match="there is no file"):
        address(str(tmp_path / "none.duckdb"))
    (tmp_path / "text.duckdb").write_text("no database")
    with pytest.raises(TransientError, match="can't be read"):
        compared(str(tmp_path / "text.duckdb"), file)
    with pytest.raises(TransientError, match=r"127\.0\.0\.1:1/x can't be reached") as told:
        compared("postgresql://u:secret@127.0.0.1:1/x", file)
    assert "secret" not in str(told.value)


def test_names_with_points_are_given_in_quotes_and_enums_are_texts(uri: str, tmp_path: Path) -> None:
    made = "CREATE TYPE mood AS ENUM ('ok', 'bad')", 'CREATE SCHEMA "My Shop"', 'CREATE TABLE "My Shop"."T.1" ("Id" integer, mood mood)'
    rows = ('INSERT INTO "My Shop"."T.1" VALUES (1, \'ok\')',)
    file = duckdb_file(tmp_path / "a.duckdb", *made, *rows)
    fill_postgresql(uri, *made, *rows)
    found = versus(address(file), address(uri), ('"My Shop"."T.1"',) * 2, ("Id",))
    assert (found.verdict, found.rows, list(found.columns.compared)) == (Verdict.IGUAL, (1, 1), ["Id", "mood"])


@pytest.mark.parametrize("first", ["duckdb", "postgresql"])
def test_rows_without_a_key_are_refused(uri: str, tmp_path: Path, first: str) -> None:
    file = duckdb_file(tmp_path / "a.duckdb")
    fill_postgresql(uri)
    with pytest.raises(ContractError, match="key column «code» is NULL in 3 rows of A"):
        compared(*((file, uri) if first == "duckdb" else (uri, file)), "code")
    with pytest.raises(ContractError, match="--key names no column"):
        versus(address(file), address(uri), ("things", "things"), ())


def run(*words: str) -> Result:
    return CliRunner().invoke(build(["compare"]), ["compare", *words])


def test_the_command_tells_lines_json_and_exit_codes_and_writes_nothing(uri: str, tmp_path: Path) -> None:
    file = duckdb_file(tmp_path / "a.duckdb")
    fill_postgresql(uri, "UPDATE things SET name = 'other' WHERE id = 1", "ALTER TABLE things RENAME TO renamed")
    before = Path(file).read_bytes()
    words = [file, uri, "--table", "things", "--table", "public.renamed", "--key", "id,day"]
    told = run(*words)
    assert told.exit_code == 1, told.output
    assert "  changed id=1 day=2025-01-01 | name: a=a|b b=other" in told.stdout.splitlines()
    assert told.stdout.splitlines()[-1] == "compare: diferente: 1 changed"
    assert uri.split(":")[2].split("@")[0] not in told.output
    report = json.loads(run(*words, "--json").stdout)
    assert (report["verdict"], report["changed"], report["b"]["rows"]) == ("diferente", 1, 5)
    assert run(file, file, "--table", "things", "--key", "id").exit_code == 0
    assert run(file, file, "--table", "none", "--key", "id").exit_code == 2
    assert Path(file).read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.duckdb"]
