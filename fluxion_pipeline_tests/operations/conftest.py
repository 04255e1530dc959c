"""A filled home in both sinks, made once for a module and copied for each test; and an empty one that reads a folder of drops."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.embedded.server import ServerAddress
from fluxion_pipeline_tests.support import postgres
from fluxion_pipeline_tests.support.home import Home, two_stores
from fluxion_pipeline_tests.support.repairs import both


@pytest.fixture(params=list(SinkName), ids=str)
def engine(request: pytest.FixtureRequest) -> SinkName:
    """The sink that is taken to be right."""
    return SinkName(request.param)


@pytest.fixture(scope="module")
def made(postgres_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Two stores and a catalogue in both sinks; it is only copied from."""
    with postgres.fresh_database(postgres_server) as database:
        found = Home(postgres.settings_for(postgres_server, database, tmp_path_factory.mktemp("made") / "home")).ready()
        two_stores(found)
        both(found)
        yield found.settings


@pytest.fixture
def home(postgres_server: ServerAddress, made: Settings, tmp_path: Path) -> Iterator[Home]:
    """A copy of it: home, DuckDB file and database."""
    with postgres.fresh_database(postgres_server, made.postgres_db) as database:
        shutil.copytree(made.home, tmp_path / "home")
        yield Home(postgres.settings_for(postgres_server, database, tmp_path / "home"))


@pytest.fixture
def drops(tmp_path: Path) -> Path:
    """An empty folder of drops."""
    (tmp_path / "drops").mkdir()
    return tmp_path / "drops"


@pytest.fixture
def app(duck_settings: Settings, drops: Path) -> App:
    """A ready home that reads it, on DuckDB alone."""
    found = App(duck_settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": drops}))
    postgres.file_at_head(found.settings)
    initialise(found)
    return found
