"""A migration that is killed in its middle, for real: the database is as it was, and the next try ends well."""

from __future__ import annotations

import subprocess
import sys

import pytest
import sqlalchemy as sa

from fluxion_pipeline.contracts.migrations import HEAD
from fluxion_pipeline.contracts.migrations.runner import current, migrate, schema_drift
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.contracts.migrations.test_runner import fill, live_columns, read
from fluxion_pipeline_tests.support.commands import environment

KILLED = """
import os, signal, sys
import sqlalchemy as sa
from fluxion_pipeline.contracts.migrations.runner import migrate
from fluxion_pipeline.settings import load
from fluxion_pipeline_tests.contracts.migrations.conftest import duckdb_engine, postgresql_engine

changes = []

def count(connection, cursor, statement, *_):
    if not statement.lstrip().startswith("SELECT"):
        changes.append(statement)
    if len(changes) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

engine = duckdb_engine(sys.argv[2]) if sys.argv[1] == "duckdb" else postgresql_engine(load())
sa.event.listen(engine, "after_cursor_execute", count)
migrate(engine)
"""


@pytest.mark.parametrize(("before", "deaths"), [("0001", (4, 25)), ("0006", (2, 5))])
def test_a_migration_that_is_killed_has_changed_nothing_and_is_done_the_next_time(
    engine: sa.Engine, bare_settings: Settings, before: str, deaths: tuple[int, int]
) -> None:
    migrate(engine, before)
    with engine.begin() as connection:
        older = live_columns(connection)
        fill(connection, older)
        names = {table: sorted(found) for table, found in older.items()}
        rows = {table: read(connection, table, found) for table, found in names.items()}
    engine.dispose()
    for nth in deaths:
        args = [sys.executable, "-c", KILLED, engine.dialect.name, str(engine.url.database), str(nth)]
        done = subprocess.run(args, env=environment(bare_settings), capture_output=True, text=True, check=False)
        assert done.returncode == -9, done.stderr
        assert current(engine) == before
        with engine.connect() as connection:
            assert live_columns(connection) == older
            assert {table: read(connection, table, found) for table, found in names.items()} == rows
        engine.dispose()
    assert migrate(engine).after == HEAD
    with engine.connect() as connection:
        assert schema_drift(connection) == ()
        assert {table: read(connection, table, found) for table, found in names.items()} == rows
