"""How a home's Dagster instance is opened: by one process at a time, with an event that costs no wait for the disk.

Two processes that make its SQLite storage at the same moment each stamp its schema, and leave an
instance that nobody can open any more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import sqlalchemy as sa

from fluxion_pipeline.locks import hold
from fluxion_pipeline.operations import instance
from fluxion_pipeline.settings import Settings


@sa.event.listens_for(sa.Engine, "connect")
def _unhurried(connection: object, _: object) -> None:
    """Dagster commits each of a run's hundreds of events by itself.

    SQLite in WAL mode stays whole without waiting for the disk each time; a power cut may cost the
    last events of a run, never a row of the stores.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = NORMAL")


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
