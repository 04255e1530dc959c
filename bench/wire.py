"""What goes over the wire: a TCP relay before the server that counts bytes, and the server's own CPU seconds.

The relay runs in the bench's process, which only waits meanwhile; it costs every contender the same.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PIECE = 1 << 18


class Relay:
    """Counts what clients and a server say to each other."""

    def __init__(self, host: str, port: int) -> None:
        """Listen on a free port of this machine; nothing is relayed yet."""
        self.bytes = 0
        self._server = host, port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])

    def serve(self) -> None:
        """Take connections until the relay is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._server)
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE):
                target.sendall(piece)
                self.bytes += len(piece)  # two threads may lose a count to each other; one of both directions is a few bytes
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@contextmanager
def relayed(host: str, port: int) -> Iterator[Relay]:
    """A relay that serves while the block lasts."""
    relay = Relay(host, port)
    threading.Thread(target=relay.serve, daemon=True).start()
    try:
        yield relay
    finally:
        relay.close()


def server_cpu(postmaster: int) -> float:
    """CPU seconds of a server so far, its ended backends' and living children's too; 0 where the system has no ``/proc``."""
    ticks = _ticks(postmaster, ended=True)
    with suppress(OSError):
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        ticks += sum(_ticks(int(child), ended=False) for child in children)
    return ticks / os.sysconf("SC_CLK_TCK")


def _ticks(process: int, *, ended: bool) -> int:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11 : 15 if ended else 13]))
