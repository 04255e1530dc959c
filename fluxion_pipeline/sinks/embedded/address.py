"""What is told of the embedded server: where to log in, and how it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import quote

from pydantic import SecretStr


@dataclass(frozen=True)
class ServerAddress:
    """Everything that a client needs to log in."""

    host: str
    port: int
    user: str
    password: SecretStr
    database: str

    def uri(self) -> str:
        """The libpq URI, password included."""
        secret = quote(self.password.get_secret_value(), safe="")
        return f"postgresql://{quote(self.user, safe='')}:{secret}@{self.host}:{self.port}/{quote(self.database, safe='')}"


class ServerState(str, Enum):
    """Whether there is a server, and whether it runs."""

    ABSENT = "absent"
    STOPPED = "stopped"
    RUNNING = "running"


@dataclass(frozen=True)
class ServerStatus:
    """How the server is now.

    Attributes:
        state: absent (never made), stopped or running.
        version: of the programs that would run it, e.g. ``18.6``.
        port: the remembered one; None if there is none yet.
        data: the data folder.
        pid: of the server process; None unless it runs.
        size: bytes of the data folder.
    """

    state: ServerState
    version: str
    port: int | None
    data: Path
    pid: int | None
    size: int
