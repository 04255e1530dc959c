"""Migrations: from nothing, from an older schema with rows, twice, at once, and when one fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import fluxion_pipeline
from fluxion_pipeline.contracts.migrations import HEAD, runner
from fluxion_pipeline.contracts.migrations.comments import live_comments
from fluxion_pipeline.contracts.migrations.runner import current, migrate, schema_drift
from fluxion_pipeline.contracts.tables import SPECS, metadata
from fluxion_pipeline.errors import ContractError, SinkAway, SinkRefused
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.contracts.migrations.conftest import postgresql_engine

READ = datetime(2026, 3, 5, 12, 30, tzinfo=timezone.utc)
BROKEN = """
from fluxion_pipeline.contracts.migrations import ddl
revision, down_revision = "9999", "{head}"
def upgrade():
    ddl.create_table("a_medias", ddl.required("x", ddl.T), key=("x",))
    ddl.add_columns("productos", ddl.optional("color", ddl.T))
    ddl.run("UPDATE productos SET descripcion = 'otra'")
    ddl.run("SELECT no_such_column FROM productos")
"""


def value(column: sa.Column[Any], n: int) -> Any:
    """Some value of the column's type; texts and numbers differ from row to row."""
    kind = column.type
    if isinstance(kind, sa.DateTime):
        return READ
    if isinstance(kind, sa.Date):
        return date(2026, 3, 5)
    if isinstance(kind, sa.Boolean):
        return True
    if isinstance(kind, (sa.Integer, sa.Float)):
        return n
    if isinstance(kind, sa.Numeric):
        return Decimal(n) + Decimal("0.1234")
    return f"{column.name} ñ {n}"


def fill(connection: sa.Connection, only: dict[str, set[str]] | None = None) -> dict[str, list[dict[str, Any]]]:
    """Two rows in every table: in the columns that are there (``only``), or in all compared ones."""
    rows: dict[str, list[dict[str, Any]]] = {}
    if connection.dialect.name == "postgresql":
        for table in ("ventas", "inventario_historico"):
            connection.execute(sa.text("SELECT fluxion_asegurar_particiones(:t, '2026-03-01', '2026-03-31')"), {"t": table})
    for name, table in metadata.tables.items():
        if only is not None and name not in only:
            continue
        names = only[name] - {"created_at", "updated_at"} if only else set(SPECS[name].columns if name in SPECS else table.columns.keys())
        rows[name] = [{c.name: value(c, n) for c in table.columns if c.name in names} for n in (1, 2)]
        for row in rows[name]:
            listed = ", ".join(row)
            connection.execute(sa.text(f"INSERT INTO {name} ({listed}) VALUES ({', '.join(':' + c for c in row)})"), row)
    return rows


def live_columns(connection: sa.Connection) -> dict[str, set[str]]:
    schema = "public" if connection.dialect.name == "postgresql" else "main"
    found: dict[str, set[str]] = {}
    for table, column in connection.execute(sa.text(f"SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = '{schema}'")):
        found.setdefault(table, set()).add(column)
    return {table: names for table, names in found.items() if table in metadata.tables}


def read(connection: sa.Connection, table: str, names: list[str]) -> list[dict[str, Any]]:
    result = connection.execute(sa.text(f"SELECT {', '.join(names)} FROM {table}")).mappings().all()
    return sorted((dict(row) for row in result), key=str)


def test_an_empty_database_is_brought_to_the_schema_of_the_metadata(engine: sa.Engine) -> None:
    assert current(engine) is None
    report = migrate(engine)
    assert (report.engine, report.before, report.after, report.changed) == (engine.dialect.name, None, HEAD, True)
    assert current(engine) == HEAD
    with engine.connect() as connection:
        assert schema_drift(connection) == ()


def test_a_second_run_changes_nothing(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(engine)
    statements: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda _c, _k, statement, *_: statements.append(statement))
    monkeypatch.setattr(runner, "_upgrade", lambda *_: pytest.fail("nothing is pending"))
    report = migrate(engine)
    assert (report.before, report.after, report.changed) == (HEAD, HEAD, False)
    assert [s for s in statements if not s.strip().startswith(("SELECT", "SET LOCAL"))] == []


def test_an_older_schema_is_upgraded_and_keeps_all_rows(engine: sa.Engine) -> None:
    assert migrate(engine, "0001").after == "0001"
    with engine.begin() as connection:
        older = live_columns(connection)
        rows = fill(connection, older)
        connection.execute(sa.text("UPDATE rechazos SET tabla = 'ventas', ubicacion_codigo = 'SUC001', corte = '2026-03-05' WHERE linea = 1"))
        connection.execute(sa.text("UPDATE rechazos SET corte = 'a day that nothing covers' WHERE linea = 2"))
        connection.execute(
            sa.text("UPDATE cobertura SET tabla = 'ventas', ubicacion_codigo = 'SUC001', corte = '2026-03-05', resultado = 'completo' WHERE leidas = 1")
        )
        before = {name: read(connection, name, sorted(older[name])) for name in rows}
    report = migrate(engine)
    assert (report.before, report.after, report.changed) == ("0001", HEAD, True)
    with engine.connect() as connection:
        assert schema_drift(connection) == ()
        assert {name: read(connection, name, sorted(older[name])) for name in rows} == before
        assert all(len(found) == 2 for found in before.values())
        attempts = read(connection, "cobertura", ["verificado_en", "ultimo_intento", "ultimo_resultado", "intentos", "segundos", "motivo"])
        seen = connection.execute(sa.text("SELECT primera_vez, ultima_vez FROM rechazos ORDER BY linea")).all()
        newest = connection.execute(sa.text("SELECT ultimo_resultado FROM cobertura WHERE leidas = 1")).scalar()
    assert [(row["intentos"], row["verificado_en"], row["ultimo_intento"], row["segundos"], row["motivo"]) for row in attempts] == [
        (1, READ, READ, None, None)
    ] * 2
    assert newest == "completo"
    assert [tuple(row) for row in seen] == [(READ, READ), (None, None)]


def test_an_insert_that_names_only_contract_columns_works_in_every_table(engine: sa.Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        rows = fill(connection)
        assert set(rows) == set(metadata.tables)
        for name, written in rows.items():
            assert read(connection, name, list(written[0])) == sorted(written, key=str)
        for name, table in metadata.tables.items():
            for stamp in {"created_at", "updated_at"} & set(table.columns.keys()):
                assert connection.execute(sa.text(f"SELECT count(*) FROM {name} WHERE {stamp} IS NULL")).scalar() == 0


def test_a_migration_that_fails_leaves_nothing_half_done(engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(engine)
    with engine.begin() as connection:
        fill(connection)
    copy = tmp_path / "migrations"
    shutil.copytree(runner.SCRIPTS, copy)
    (copy / "versions" / "9999_broken.py").write_text(BROKEN.format(head=HEAD))
    monkeypatch.setattr(runner, "SCRIPTS", copy)
    with pytest.raises(SinkRefused, match="no_such_column"):
        migrate(engine, "9999")
    with engine.connect() as connection:
        assert current(connection) == HEAD
        assert schema_drift(connection) == ()
        assert "a_medias" not in connection.execute(sa.text("SELECT table_name FROM information_schema.tables")).scalars().all()
        assert connection.execute(sa.text("SELECT count(*) FROM productos WHERE descripcion = 'otra'")).scalar() == 0


def test_a_first_migration_that_fails_leaves_an_empty_database(engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "migrations"
    shutil.copytree(runner.SCRIPTS, copy)
    (copy / "versions" / "9999_broken.py").write_text(BROKEN.format(head=HEAD))
    monkeypatch.setattr(runner, "SCRIPTS", copy)
    with pytest.raises(SinkRefused):
        migrate(engine, "9999")
    with engine.connect() as connection:
        assert current(connection) is None
        assert live_columns(connection) == {}


def test_four_migrations_at_once_end_well_and_one_of_them_does_the_work(bare_settings: Settings) -> None:
    engines = [postgresql_engine(bare_settings) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(migrate, engines))
    for engine in engines:
        engine.dispose()
    assert sorted(report.changed for report in reports) == [False, False, False, True]
    assert {report.after for report in reports} == {HEAD}


def test_head_is_the_newest_revision_and_the_chain_is_single() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(runner.SCRIPTS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


@pytest.mark.parametrize(
    ("there", "to", "message"), [("0777", "head", "0777, which this version doesn't have"), (HEAD, "0001", "past 0001"), (HEAD, "nope", "no revision «nope»")]
)
def test_a_revision_that_cannot_be_reached_is_refused_by_name(duck: sa.Engine, there: str, to: str, message: str) -> None:
    migrate(duck)
    with duck.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :there"), {"there": there})
    with pytest.raises(ContractError, match=message):
        migrate(duck, to)
    assert current(duck) == there


def test_a_server_that_is_not_there_is_a_sink_that_is_away() -> None:
    engine = sa.create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/nothing")
    with pytest.raises(SinkAway, match="postgresql"):
        migrate(engine)


def test_comments_are_the_metadatas_also_after_they_were_changed_by_hand(engine: sa.Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("COMMENT ON COLUMN productos.iva IS 'changed'"))
    migrate(engine)
    with engine.connect() as connection:
        live = live_comments(connection)
    for table in metadata.tables.values():
        assert live[table.name, None] == table.comment
        for column in table.columns:
            assert live.get((table.name, column.name)) == column.comment


def test_the_package_migrates_from_any_folder_without_a_word(tmp_path: Path) -> None:
    """Installed where the path has a percent sign and a blank, started elsewhere."""
    source = Path(fluxion_pipeline.__file__).parent
    home = tmp_path / "100 %s of it"
    shutil.copytree(source / "contracts", home / "fluxion_pipeline" / "contracts", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", "errors.py"):
        shutil.copy(source / name, home / "fluxion_pipeline" / name)
    code = "import sqlalchemy as sa; from fluxion_pipeline.contracts.migrations.runner import migrate; migrate(sa.create_engine('duckdb:///new.duckdb'))"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", "-c", code],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (elsewhere / "new.duckdb").exists()


def test_asking_for_head_imports_no_alembic() -> None:
    code = "import sys; from fluxion_pipeline.contracts.migrations import HEAD; sys.exit('alembic' in sys.modules or 'sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
