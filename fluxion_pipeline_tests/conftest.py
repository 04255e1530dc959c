"""What all tests share: one real PostgreSQL server, and settings of homes and databases of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxion_pipeline.settings import Settings, load
from fluxion_pipeline.sinks.embedded.server import ServerAddress
from fluxion_pipeline_tests.support import postgres


def pytest_configure(config: pytest.Config) -> None:
    """Before xdist starts its workers."""
    if not hasattr(config, "workerinput"):
        postgres.open_session()


def pytest_unconfigure(config: pytest.Config) -> None:
    """After the last worker has ended."""
    if not hasattr(config, "workerinput"):
        postgres.close_session()


@pytest.fixture(scope="session")
def postgres_server() -> ServerAddress:
    """The session's PostgreSQL server, started by the first test that asks for it."""
    return postgres.session_server()


@pytest.fixture
def pg_settings(postgres_server: ServerAddress, tmp_path: Path) -> Iterator[Settings]:
    """DB_MODE=dual, the name of a home of its own, and a PostgreSQL database that is at head and nobody's."""
    with postgres.fresh_database(postgres_server, postgres.at_head(postgres_server)) as database:
        yield postgres.settings_for(postgres_server, database, tmp_path / "home")


@pytest.fixture
def bare_settings(postgres_server: ServerAddress, tmp_path: Path) -> Iterator[Settings]:
    """DB_MODE=dual, the name of a home of its own, and an empty PostgreSQL database."""
    with postgres.fresh_database(postgres_server) as database:
        yield postgres.settings_for(postgres_server, database, tmp_path / "home")


@pytest.fixture
def duck_settings(tmp_path: Path) -> Settings:
    """DB_MODE=duckdb, the name of a home of its own."""
    return load({"FLUXION_HOME": str(tmp_path / "home"), "DB_MODE": "duckdb"})
