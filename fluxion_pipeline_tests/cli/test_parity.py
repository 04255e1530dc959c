"""``fluxion parity``: its exit codes, its JSON, its lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from fluxion_pipeline.cli.main import build
from fluxion_pipeline.contracts.tables import CONTRACT_TABLES
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.parity.both import Both, random_rows
from fluxion_pipeline_tests.support.postgres import environment_of

app = build()

FIELDS = {
    "table",
    "level",
    "verdict",
    "reason",
    "rows",
    "missing_in_postgresql",
    "missing_in_duckdb",
    "changed",
    "duplicated_in_duckdb",
    "duplicated_in_postgresql",
    "sample",
}


@pytest.fixture
def both(pg_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Both:
    """Both sinks, migrated, and the environment that means them."""
    for name, value in environment_of(pg_settings).items():
        monkeypatch.setenv(name, value)
    both = Both(pg_settings)
    both.migrate()
    return both


def test_the_json_names_every_table_and_every_difference(both: Both) -> None:
    both.load("ventas", random_rows("ventas", 50))
    both.pg("UPDATE ventas SET cantidad = 12345.6789 WHERE linea = 7")
    both.pg("DELETE FROM ventas WHERE linea = 8")
    result = CliRunner().invoke(app, ["parity", "--json"])
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["verdict"] == "diferente"
    assert [t["table"] for t in report["tables"]] == list(CONTRACT_TABLES)
    assert all(set(t) >= FIELDS for t in report["tables"])
    sales = next(t for t in report["tables"] if t["table"] == "ventas")
    assert (sales["level"], sales["verdict"], sales["rows"]) == ("values", "diferente", {"duckdb": 50, "postgresql": 49})
    assert (sales["missing_in_postgresql"], sales["missing_in_duckdb"], sales["changed"]) == (1, 0, 1)
    changed = next(d for d in sales["sample"] if d["kind"] == "cambiada")
    assert (changed["key"]["linea"], changed["columns"], changed["postgresql"]["cantidad"]) == (7, ["cantidad"], "12345.6789")
    gone = next(d for d in sales["sample"] if d["kind"] == "falta_en_pg")
    assert (gone["key"]["linea"], gone["postgresql"]) == (8, None)


def test_equal_sinks_end_with_zero_and_one_line_per_table(both: Both) -> None:
    both.load("productos", random_rows("productos", 20))
    for level in ("schema", "count", "values", "digest"):
        result = CliRunner().invoke(app, ["parity", "productos", "ventas", "--level", level, "--full"])
        assert result.exit_code == 0, result.output
        lines = result.stdout.splitlines()
        assert lines[0].startswith(f"productos {level} igual")
        assert lines[-1] == "parity: igual"
        assert len(lines) == 3


def test_one_active_sink_ends_with_two(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_MODE", "duckdb")
    result = CliRunner().invoke(app, ["parity"])
    assert result.exit_code == 2
    assert "only one active sink (DB_MODE=duckdb)" in result.stdout


def test_an_unknown_table_is_a_usage_error_that_names_the_tables(both: Both) -> None:
    result = CliRunner().invoke(app, ["parity", "ventaz"])
    assert result.exit_code == 2
    assert "inventario_historico" in result.output


def test_a_drifted_schema_is_named_by_column_and_side(both: Both) -> None:
    both.pg("ALTER TABLE inventario_actual ALTER precio TYPE numeric, ALTER stock DROP NOT NULL")
    result = CliRunner().invoke(app, ["parity", "--level", "schema", "--json"])
    assert result.exit_code == 1
    table = next(t for t in json.loads(result.stdout)["tables"] if t["table"] == "inventario_actual")
    assert [(d["kind"], d["key"]["objeto"], d["duckdb"]) for d in table["sample"]] == [
        ("esquema", "inventario_actual.precio", None),
        ("esquema", "inventario_actual.stock", None),
    ]


def test_the_process_itself_ends_with_the_exit_code(both: Both) -> None:
    both.load("productos", random_rows("productos", 20, nasty=False))
    both.duck("INSERT INTO productos SELECT * FROM productos WHERE codigo LIKE '000001%'")
    code = "from fluxion_pipeline.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "parity", "productos"], env={**os.environ, **environment_of(both.settings)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "duplicada productos codigo=000001" in done.stdout


def test_a_reader_that_stops_reading_changes_neither_exit_code_nor_stderr(both: Both) -> None:
    both.load("productos", random_rows("productos", 20, nasty=False))
    code = "from fluxion_pipeline.cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "parity", "productos"],
        env={**os.environ, **environment_of(both.settings)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        told = running.stderr.read()
    assert (running.returncode, told) == (0, "")


def test_the_command_loads_neither_pandas_nor_dagster() -> None:
    """Either takes as long to load as a proof that is renewed; pyarrow loads pandas with the first array of Python's values."""
    code = "import sys; from fluxion_pipeline.cli.main import build; build(['parity']); sys.exit(bool({'pandas', 'dagster'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
