"""How a home's Dagster instance is opened: by one process at a time, with an event that costs no wait for the disk.

Two processes that make its SQLite storage at the same moment each stamp its schema, and leave an
instance that nobody can open any more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage

from fluxion_pipeline.locks import hold
from fluxion_pipeline.operations import instance
from fluxion_pipeline.settings import Settings


@lru_cache(maxsize=32)
def _engine(url: str, pool: Any, timeout: float | None) -> sa.Engine:
    return sa.create_engine(url, poolclass=pool, connect_args={} if timeout is None else {"timeout": timeout})


def kept_engine(url: str, poolclass: Any = None, connect_args: Mapping[str, float] | None = None) -> sa.Engine:
    """The engine of one of Dagster's SQLite files, the same each time; it keeps no connection (NullPool), only what it compiled."""
    return _engine(str(url), poolclass, (connect_args or {}).get("timeout"))


# Dagster makes an engine for each event, and thus compiles each statement anew: a quarter of a run's CPU seconds.
for _module in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
    _module.create_engine = kept_engine  # type: ignore[attr-defined]


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
