"""Where every life of the machine begins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fluxion_pipeline.sinks.embedded.server import ServerAddress
from fluxion_pipeline_tests.support.chain_copies import Start, start


@pytest.fixture(scope="session")
def beginning(postgres_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """An initialised home, copied for each life."""
    with start(postgres_server, tmp_path_factory.mktemp("beginning")) as found:
        yield found
