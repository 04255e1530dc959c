"""The embedded server as the rest of the program sees it: make sure that it runs, where it is, stop it.

Everything lies below ``FLUXION_HOME/postgres``: ``data``, ``connection.json`` (port and password),
``server.log``, ``server.lock``. The server is started when it is needed and left running; it
belongs to no terminal and no parent. Ready means that a login worked, nothing less.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg2
import psycopg2.extensions
from psycopg2 import sql
from pydantic import SecretStr

from fluxion_pipeline.errors import BusyError, PermanentError, SinkAway
from fluxion_pipeline.locks import hold
from fluxion_pipeline.sinks.embedded import binaries, memory
from fluxion_pipeline.sinks.embedded.address import ServerAddress, ServerState, ServerStatus
from fluxion_pipeline.sinks.embedded.cluster import Cluster, paused
from fluxion_pipeline.sinks.embedded.launch import Launch
from fluxion_pipeline.sinks.embedded.memory import HOST, Memory
from fluxion_pipeline.sinks.embedded.privileges import Way

__all__ = ["EmbeddedServer", "ServerAddress", "ServerState", "ServerStatus"]

_PAUSE = 0.05
_INITDB_SECONDS = 300


class EmbeddedServer:
    """The PostgreSQL server below one home. Making this object touches nothing.

    Args:
        home: ``FLUXION_HOME``.
        database: the database that ``ensure`` makes sure of.
        user: the superuser that owns it.
    """

    def __init__(self, home: Path, database: str = "fluxion_production", user: str = "fluxion") -> None:
        self._cluster = Cluster(Path(home).absolute() / "postgres")
        self._memory_file = self._cluster.folder / "connection.json"
        self._database = database
        self._user = user

    def ensure(self, timeout: float = 60) -> ServerAddress:
        """Make sure that the server runs and has the database.

        Args:
            timeout: seconds until a started server must have let us in.

        Raises:
            SinkAway: if it can't be started, with the end of its log.
            PermanentError: if only a person can help (another major version, another OS user's home, no way to run it as root).
        """
        remembered = memory.read(self._memory_file)
        running = self._cluster.postmaster() if remembered else None
        if remembered and running and running.port == remembered.port and self._admits(remembered, self._database):
            return self._address(remembered)
        with self._locked(timeout):
            try:
                remembered = self._start(time.monotonic() + timeout)
                self._make_database(remembered)
            except (subprocess.SubprocessError, psycopg2.Error) as error:
                raise SinkAway("postgresql", f"the embedded PostgreSQL can't be started: {error}", f"see {self._cluster.log}") from error
        return self._address(remembered)

    def address(self) -> ServerAddress | None:
        """The remembered address; None if there was never a server."""
        remembered = memory.read(self._memory_file)
        return self._address(remembered) if remembered else None

    def running(self) -> bool:
        """Whether the server process lives."""
        return self._cluster.postmaster() is not None

    def stop(self, timeout: float = 60) -> bool:
        """Stop the server: sessions end, what they had open is rolled back.

        Returns:
            whether it ran.

        Raises:
            SinkAway: if it doesn't end in time.
            PermanentError: if it belongs to another OS user.
        """
        if not self._cluster.postmaster():
            return False
        with self._locked(timeout):
            return self._end(time.monotonic() + timeout)

    def status(self) -> ServerStatus:
        """How the server is now."""
        running = self._cluster.postmaster()
        remembered = memory.read(self._memory_file)
        made = self._cluster.version() is not None
        state = ServerState.RUNNING if running else ServerState.STOPPED if made else ServerState.ABSENT
        port = running.port if running else remembered.port if remembered else None
        return ServerStatus(state, binaries.version(), port, self._cluster.data, running.pid if running else None, self._cluster.size() if made else 0)

    @contextmanager
    def _locked(self, timeout: float) -> Iterator[None]:
        """One starter or stopper at a time; makes the folder."""
        folder = self._cluster.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0 and folder.stat().st_uid == 0:
                folder.chmod(0o711)  # the server's user passes; what lies inside is closed file by file
            with hold(folder / "server.lock", wait=timeout, purpose="starts or stops PostgreSQL"):
                yield
        except BusyError as error:
            raise SinkAway("postgresql", error.what, error.remedy) from error
        except PermissionError as error:
            raise memory.foreign(Path(error.filename or folder)) from error
        except OSError as error:
            raise SinkAway(
                "postgresql", f"the embedded PostgreSQL's folder can't be used: {error}", f"check {folder} and the free space of its disk"
            ) from error

    def _start(self, deadline: float) -> Memory:
        """Make what isn't there, launch what doesn't run, until a login works.

        All in one loop: just after a crash the old process may seem to live, its children may hold
        the shared memory, the port may be taken between our look and the server's.
        """
        self._cluster.check_version()
        launch = Launch(self._cluster)
        remembered = self._recall()
        if self._cluster.version() is None:
            self._cluster.make(launch.way, remembered, _INITDB_SECONDS)
        healed, trouble = False, "it didn't get ready in time"
        while True:
            running = self._cluster.postmaster()
            if running:
                remembered = self._remember(replace(remembered, port=running.port), remembered)
                if paused(running.pid):
                    raise SinkAway("postgresql", f"the embedded PostgreSQL (process {running.pid}) is paused", f"kill -CONT {running.pid}")
                try:
                    self._login(remembered, "postgres").close()
                except psycopg2.OperationalError as error:
                    trouble = str(error).strip()
                    if "password authentication failed" in trouble and not healed:
                        healed = self._heal(launch.way, remembered, deadline)
                else:
                    return remembered
            elif not launch.pending():
                taken = launch.failed_for_its_port() or not memory.is_free(remembered.port)
                remembered = self._remember(remembered.elsewhere() if taken else remembered, remembered)
                launch.go(remembered.port)
            if time.monotonic() > deadline:
                raise SinkAway("postgresql", f"the embedded PostgreSQL can't be started: {trouble} {launch.said()}".rstrip(), f"see {self._cluster.log}")
            time.sleep(_PAUSE)

    def _recall(self) -> Memory:
        remembered = memory.read(self._memory_file)
        if remembered is None:
            return self._remember(Memory.fresh(self._user), None)
        if remembered.user != self._user:
            raise PermanentError(f"the embedded PostgreSQL's user is {remembered.user}, not {self._user}", f"POSTGRES_USER={remembered.user}")
        return remembered

    def _remember(self, now: Memory, before: Memory | None) -> Memory:
        if now != before:
            memory.write(self._memory_file, now)
        return now

    def _heal(self, way: Way, remembered: Memory, deadline: float) -> bool:
        """The file with the password was lost or replaced: who owns the data folder may set a new one."""
        self._end(deadline)
        self._cluster.set_password(way, remembered, _INITDB_SECONDS)
        return True

    def _end(self, deadline: float) -> bool:
        running = self._cluster.postmaster()
        if not running:
            return False
        self._cluster.signal_stop(running.pid)
        while self._cluster.postmaster():
            if time.monotonic() > deadline:
                raise SinkAway("postgresql", f"the embedded PostgreSQL (process {running.pid}) hasn't ended yet", f"wait for it, and see {self._cluster.log}")
            time.sleep(_PAUSE)
        return True

    def _make_database(self, remembered: Memory) -> None:
        with closing(self._login(remembered, "postgres")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (self._database,))
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._database)))

    def _admits(self, remembered: Memory, database: str) -> bool:
        try:
            self._login(remembered, database).close()
        except psycopg2.OperationalError:
            return False
        return True

    def _login(self, remembered: Memory, database: str) -> psycopg2.extensions.connection:
        return psycopg2.connect(
            host=HOST,
            hostaddr=HOST,  # this one and ``options`` would else be taken from PGHOSTADDR and PGOPTIONS
            port=remembered.port,
            user=remembered.user,
            password=remembered.password,
            dbname=database,
            options="-c TimeZone=UTC",
            connect_timeout=5,
            sslmode="disable",
            application_name="fluxion",
        )

    def _address(self, remembered: Memory) -> ServerAddress:
        return ServerAddress(HOST, remembered.port, remembered.user, SecretStr(remembered.password), self._database)
