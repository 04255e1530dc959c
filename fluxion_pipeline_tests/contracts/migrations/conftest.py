"""Engines of empty databases, as callers make them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from fluxion_pipeline.contracts.migrations.runner import migrate
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.postgresql.connect import connect_raw
from fluxion_pipeline_tests.support.postgres import fresh_database, settings_for


def duckdb_engine(path: Path) -> sa.Engine:
    return sa.create_engine(f"duckdb:///{path}")


def postgresql_engine(settings: Settings) -> sa.Engine:
    return sa.create_engine("postgresql+psycopg2://", creator=lambda: connect_raw(settings))


@pytest.fixture
def duck(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = duckdb_engine(tmp_path / "fluxion.duckdb")
    yield engine
    engine.dispose()


@pytest.fixture
def postgres(bare_settings: Settings) -> Iterator[sa.Engine]:
    engine = postgresql_engine(bare_settings)
    yield engine
    engine.dispose()


@pytest.fixture(params=["duckdb", "postgresql"])
def engine(request: pytest.FixtureRequest) -> sa.Engine:
    """Each test runs on both engines; the server is only started for the one that needs it."""
    return request.getfixturevalue({"duckdb": "duck", "postgresql": "postgres"}[request.param])


@pytest.fixture(scope="module", params=["duckdb", "postgresql"])
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    """A database at head that the tests of a module share: what they write they roll back."""
    home = tmp_path_factory.mktemp("shared")
    with ExitStack() as stack:
        if request.param == "duckdb":
            engine = duckdb_engine(home / "fluxion.duckdb")
        else:
            server = request.getfixturevalue("postgres_server")
            engine = postgresql_engine(settings_for(server, stack.enter_context(fresh_database(server)), home))
        stack.callback(engine.dispose)
        migrate(engine)
        yield engine
