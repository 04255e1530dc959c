"""How a home's Dagster instance is opened: by one process at a time.

Two processes that make its SQLite storage at the same moment each stamp its schema, and leave an
instance that nobody can open any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from fluxion_pipeline.locks import hold
from fluxion_pipeline.operations import instance
from fluxion_pipeline.settings import Settings


@contextmanager
def opened(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance, open while the block runs; ``DAGSTER_HOME`` is set (``instance.prepared``).

    Raises:
        BusyError: if another process opens it for a minute.
    """
    with hold(instance.folder(settings) / "opening.lock", wait=60, purpose="opening Dagster's storage"):
        home = dg.DagsterInstance.get()
    with home:
        yield home
