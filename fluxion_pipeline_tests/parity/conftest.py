"""The server of the tests of parity, and two migrated sinks: migrated once, copied for each test."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.embedded.server import ServerAddress
from fluxion_pipeline.sinks.postgresql.connect import connect_raw
from fluxion_pipeline_tests.parity.both import Both
from fluxion_pipeline_tests.support import postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[ServerAddress]:
    """A server of these tests alone: a transaction that another worker's test leaves open for a moment costs proofs, never rows."""
    with postgres.server_alone() as address:
        yield address


@pytest.fixture(scope="session")
def migrated(postgres_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Both sinks, migrated; nobody writes to them."""
    with postgres.fresh_database(postgres_server) as database:
        both = Both(postgres.settings_for(postgres_server, database, tmp_path_factory.mktemp("migrated")))
        both.migrate()
        yield both


@pytest.fixture
def both(migrated: Both, tmp_path: Path) -> Iterator[Both]:
    """Both sinks, migrated and empty, of this test alone."""
    name = f"test_{secrets.token_hex(6)}"
    settings = migrated.settings.model_copy(update={"fluxion_home": tmp_path / "home", "postgres_db": name})
    _administer(migrated.settings, f"CREATE DATABASE {name} TEMPLATE {migrated.settings.postgres_db} STRATEGY file_copy")
    try:
        settings.duckdb_file.parent.mkdir(parents=True)
        shutil.copyfile(migrated.settings.duckdb_file, settings.duckdb_file)
        yield Both(settings)
    finally:
        _administer(migrated.settings, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(settings: Settings, sql: str) -> None:
    with closing(connect_raw(settings.model_copy(update={"postgres_db": "postgres"}))) as connection:
        connection.autocommit = True
        connection.cursor().execute(sql)
