"""Homes with drops, for the tests of the Dagster shell: loaded once, and copied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxion_pipeline.settings import Settings, load
from fluxion_pipeline.sinks.embedded.server import ServerAddress
from fluxion_pipeline_tests.support import postgres
from fluxion_pipeline_tests.support.shop import Shop, filled, moved


@pytest.fixture(scope="session")
def loaded_shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """DB_MODE=duckdb, everything loaded; never changed."""
    place = tmp_path_factory.mktemp("shop")
    return filled(load({"FLUXION_HOME": str(place / "home"), "DB_MODE": "duckdb"}), place / "drops")


@pytest.fixture(scope="session")
def loaded_dual(postgres_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """DB_MODE=dual, everything loaded; never changed."""
    place = tmp_path_factory.mktemp("dual")
    with postgres.fresh_database(postgres_server) as database:
        yield filled(postgres.settings_for(postgres_server, database, place / "home"), place / "drops")


@pytest.fixture
def shop(loaded_shop: Shop, duck_settings: Settings, tmp_path: Path) -> Shop:
    """DB_MODE=duckdb, everything loaded."""
    return moved(loaded_shop, duck_settings, tmp_path / "drops")


@pytest.fixture
def dual(loaded_dual: Shop, postgres_server: ServerAddress, tmp_path: Path) -> Iterator[Shop]:
    """DB_MODE=dual, everything loaded."""
    with postgres.fresh_database(postgres_server, loaded_dual.settings.postgres_db) as database:
        yield moved(loaded_dual, postgres.settings_for(postgres_server, database, tmp_path / "home"), tmp_path / "drops")
