"""Dagster's SQLite storage, with connections that stay open: what a home's ``dagster.yaml`` names.

Dagster opens each of its SQLite files anew for every event of a run, with an engine that compiles every
statement anew: half of what a run of a few hundred events costs. The files and what is in them are
Dagster's own; whoever takes the ``storage`` out of ``dagster.yaml`` has the same ones.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

KEPT = 16
"""Files of runs that stay open, the ones last used: a server looks at thousands."""

BUSY_SECONDS = 20
"""How long a locked file is waited for."""


class KeptEventLog(SqliteEventLogStorage):
    """A file for each run and one for all, each with its connections while it is in use."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        """Open nothing yet but the file for all."""
        self._kept: OrderedDict[str, sa.Engine] = OrderedDict()
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> sa.Engine:
        if shard in self._kept and not Path(self.path_for_shard(shard)).exists():  # deleted with its run, by another process
            self._kept.pop(shard).dispose()
            self._initialized_dbs.discard(shard)
        if shard not in self._kept:
            self._kept[shard] = sa.create_engine(self.conn_string_for_shard(shard), connect_args={"timeout": BUSY_SECONDS})
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)[1].dispose()
        self._kept.move_to_end(shard)
        return self._kept[shard]

    def _close(self) -> None:
        with self._db_lock:
            while self._kept:
                self._kept.popitem()[1].dispose()

    def wipe(self) -> None:
        """Delete all runs' files."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Close all files."""
        super().dispose()
        self._close()


class KeptRuns(SqliteRunStorage):
    """The file of runs, with a pool of connections."""

    def __init__(self, conn_string: str, inst_data: Any = None) -> None:
        """Open nothing yet."""
        self._engine = sa.create_engine(conn_string, connect_args={"timeout": BUSY_SECONDS})
        super().__init__(conn_string, inst_data)

    @contextmanager
    def connect(self) -> Iterator[sa.Connection]:
        """A connection in a transaction."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def dispose(self) -> None:
        """Close the file."""
        super().dispose()
        self._engine.dispose()


class KeptSqliteStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage below a folder (``base_dir``), runs and events with kept connections."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        """Make the files where they aren't there."""
        super().__init__(base_dir, inst_data)
        self._run_storage.dispose()
        self._event_log_storage.dispose()
        history = Path(base_dir) / "history"
        self._run_storage = KeptRuns.from_local(f"{history}/")
        self._event_log_storage = KeptEventLog(f"{history / 'runs'}/")

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> KeptSqliteStorage:
        """As ``dagster.yaml`` configures it."""
        return cls.from_local(inst_data=inst_data, **config_value)
