"""What is remembered of a server between runs: its port and its password, in one file that only its owner reads."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import dataclass, field, replace
from pathlib import Path

from fluxion_pipeline.errors import PermanentError

HOST = "127.0.0.1"
PORTS = range(20000, 32000)
"""Below the range from which systems take the ports of outgoing connections."""

_random = secrets.SystemRandom()


@dataclass(frozen=True)
class Memory:
    """Port, superuser and password of the server below one home."""

    port: int
    user: str
    password: str = field(repr=False)

    @classmethod
    def fresh(cls, user: str) -> Memory:
        """A new random password, and a port that is free now."""
        return cls(port=free_port(), user=user, password=secrets.token_urlsafe(24))

    def elsewhere(self) -> Memory:
        """The same, on another free port."""
        return replace(self, port=free_port())


def read(file: Path) -> Memory | None:
    """What is remembered; None if there is nothing, or nothing that can be understood.

    Raises:
        PermanentError: if the file belongs to another OS user.
    """
    try:
        said = json.loads(file.read_text("utf-8"))
        return Memory(int(said["port"]), str(said["user"]), str(said["password"]))
    except FileNotFoundError:
        return None
    except PermissionError:
        raise foreign(file) from None
    except (ValueError, KeyError, TypeError):
        return None


def write(file: Path, memory: Memory) -> None:
    """Remember, in one step, readable by the owner of the folder alone (whoever writes: root may help an ordinary user)."""
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        json.dump({"host": HOST, "port": memory.port, "user": memory.user, "password": memory.password}, out)
        out.flush()
        os.fsync(out.fileno())
    owner = file.parent.stat()
    if os.geteuid() == 0:
        os.chown(fresh, owner.st_uid, owner.st_gid)
    fresh.replace(file)


def free_port() -> int:
    """A random port on which nobody listens now.

    Raises:
        PermanentError: if none is found.
    """
    for port in _random.sample(PORTS, 200):
        if is_free(port):
            return port
    raise PermanentError(f"no free port between {PORTS.start} and {PORTS.stop} on {HOST}", "end some of the programs that listen there")


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def foreign(path: Path) -> PermanentError:
    """The error of a path that belongs to another OS user."""
    return PermanentError(f"{path} can't be used: it belongs to another OS user", "run fluxion as that user, or set FLUXION_HOME to a folder of your own")
