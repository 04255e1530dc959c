"""Each behaviour of a sink is asked of both engines."""

from __future__ import annotations

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.home import Home


@pytest.fixture(params=list(SinkName), ids=str)
def engine(request: pytest.FixtureRequest) -> SinkName:
    """The sink that is looked at."""
    return SinkName(request.param)


@pytest.fixture
def home(pg_settings: Settings) -> Home:
    """A home whose sinks are migrated and claimed, and hold the locations."""
    return Home(pg_settings).ready()
