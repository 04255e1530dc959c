"""A server that speaks as much of SQL Server's protocol (TDS 7.3, no TLS) as the driver needs to log in, ask, and be refused.

The messages are laid out as Microsoft's MS-TDS says. Every column is text, a float or a datetime.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

PRELOGIN, LOGIN, BATCH, CANCEL = 0x12, 0x10, 0x01, 0x06
EPOCH = datetime.fromisoformat("1900-01-01")


@dataclass(frozen=True)
class Refused:
    """An error of the server."""

    number: int
    text: str


@dataclass(frozen=True)
class Silent:
    """No word for so long as the server lives."""


Table = tuple[Sequence[str], Sequence[Sequence[Any]]]
Told = Any
"""A ``Table``, ``Refused``, ``Silent``, or None: done, without rows."""


@dataclass
class Server:
    """What was asked, and where."""

    port: int
    asked: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"mssql+pymssql://reader:s3cr3t@127.0.0.1:{self.port}/VAD10"


@contextmanager
def sql_server(answer: Callable[[str], Told], *, login: Refused | Silent | None = None) -> Iterator[Server]:
    """Serve until the end of the block; ``answer`` is given the SQL of each question that isn't the driver's own."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1])

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_serve, args=(connection, server, answer, login), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        server.closing.set()
        listener.close()


def _serve(connection: socket.socket, server: Server, answer: Callable[[str], Told], login: Refused | Silent | None) -> None:
    with connection:
        while (message := _message(connection)) is not None:
            kind, body = message
            if kind == PRELOGIN:
                told = b"\x00" + struct.pack(">HH", 11, 6) + b"\x01" + struct.pack(">HH", 17, 1) + b"\xff" + bytes((10, 0, 0, 0, 0, 0)) + b"\x02"
            elif kind == LOGIN:
                if isinstance(login, Silent):
                    server.closing.wait()
                    return
                told = _error(login) if login else _welcome()
            elif kind == BATCH:
                sql = body[struct.unpack_from("<I", body)[0] :].decode("utf-16-le")
                found = _own(sql)
                if found is None:
                    server.asked.append(sql)
                    found = answer(sql)
                if isinstance(found, Silent):
                    server.closing.wait()
                    return
                told = _error(found) if isinstance(found, Refused) else _table(*found) if found else _done()
            elif kind == CANCEL:
                told = _done(0x20)
            else:
                return
            connection.sendall(_packets(told))


def _own(sql: str) -> Table | None:
    """What SQLAlchemy asks of every server that it meets."""
    low = sql.lower()
    if "@@version" in low or "productversion" in low:
        return ["v"], [["Microsoft SQL Server 2008 - 10.0.1600.22 (X64)"]]
    if "schema_name()" in low:
        return ["s"], [["dbo"]]
    if "sys.system_views" in low:
        return ["name"], [["dm_exec_sessions"]]
    if "sys.dm_exec_sessions" in low or "transaction_isolation_level" in low:
        return ["i"], [["READ COMMITTED"]]
    if "ma_" in low:
        return None
    return (["own"], [["1"]]) if low.lstrip().startswith("select") else ([], [])


def _message(connection: socket.socket) -> tuple[int, bytes] | None:
    body = b""
    while True:
        head = _exactly(connection, 8)
        if head is None:
            return None
        rest = _exactly(connection, struct.unpack_from(">H", head, 2)[0] - 8)
        if rest is None:
            return None
        body += rest
        if head[1] & 1:
            return head[0], body


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    found = b""
    while len(found) < size:
        try:
            piece = connection.recv(size - len(found))
        except OSError:
            return None
        if not piece:
            return None
        found += piece
    return found


def _packets(body: bytes, size: int = 4000) -> bytes:
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(struct.pack(">BBHHBB", 4, int(n == len(pieces)), len(p) + 8, 0, n & 255, 0) + p for n, p in enumerate(pieces, 1))


def _text(value: str, width: str = "<B") -> bytes:
    return struct.pack(width, len(value)) + value.encode("utf-16-le")


def _done(status: int = 0, rows: int = 0) -> bytes:
    return struct.pack("<BHHQ", 0xFD, status, 0xC1, rows)


def _error(error: Refused) -> bytes:
    body = struct.pack("<IBB", error.number, 1, 14) + _text(error.text, "<H") + _text("SQL") + _text("") + struct.pack("<I", 1)
    return b"\xaa" + struct.pack("<H", len(body)) + body + _done(2)


def _welcome() -> bytes:
    body = b"\x01" + bytes((0x73, 0x0B, 0, 3)) + _text("SQL") + bytes((10, 0, 6, 64))
    return b"\xad" + struct.pack("<H", len(body)) + body + _done()


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    if not names:
        return _done()
    kinds = [next((type(row[n]) for row in rows if row[n] is not None), str) for n in range(len(names))]
    head = b"\x81" + struct.pack("<H", len(names))
    types = {str: b"\xe7" + struct.pack("<H", 8000) + bytes((9, 4, 0xD0, 0, 0x34)), float: b"\x6d\x08", datetime: b"\x6f\x08", int: b"\x26\x04"}
    head += b"".join(struct.pack("<IH", 0, 9) + types[kind] + _text(name) for name, kind in zip(names, kinds, strict=True))
    return head + b"".join(b"\xd1" + b"".join(_value(v, k) for v, k in zip(row, kinds, strict=True)) for row in rows) + _done(0x10, len(rows))


def _value(value: Any, kind: type) -> bytes:
    if value is None:
        return b"\xff\xff" if kind is str else b"\x00"
    if kind is str:
        return struct.pack("<H", 2 * len(value)) + value.encode("utf-16-le")
    if kind is float:
        return b"\x08" + struct.pack("<d", value)
    if kind is int:
        return b"\x04" + struct.pack("<i", value)
    since = value - EPOCH
    return b"\x08" + struct.pack("<iI", since.days, round((since.seconds + since.microseconds / 1e6) * 300))
