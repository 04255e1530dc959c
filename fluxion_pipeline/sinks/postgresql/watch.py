"""Whether a server that works for us still answers: one that is paused or hung accepts connections and says nothing, for ever.

Its own time-outs can't help then, and the network is well. So a statement that takes long has the
server asked by a connection of its own; where that gets no answer twice, the statement is broken off. A
server that is merely slow answers, and is left to its own time-outs. Used by ``connect``.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import psycopg2
import psycopg2.extensions

LOOK_SECONDS = 5.0
"""Between two looks at a connection; a statement that is seen at two of them takes long."""

UNANSWERED = 2
"""Questions in a row that get no answer."""

Ask = Callable[[], psycopg2.extensions.connection]


class Watch:
    """Watches one connection in a thread of its own, from ``start`` to ``end``."""

    def __init__(self, connection: psycopg2.extensions.connection, ask: Ask) -> None:
        """Watch nothing yet; ``ask`` makes another connection, which must give up by itself."""
        self._connection, self._ask = connection, ask
        self._ended = threading.Event()
        self.silent = False
        """Whether the server stopped answering and the connection was cut."""

    def start(self) -> Watch:
        """Begin; nothing is asked of the server before a statement takes long."""
        threading.Thread(target=self._watch, name="postgresql-watch", daemon=True).start()
        return self

    def end(self) -> None:
        """Stop watching."""
        self._ended.set()

    def _watch(self) -> None:
        seen = unanswered = 0
        while not self._ended.wait(LOOK_SECONDS):
            seen = seen + 1 if self._busy() else 0
            if seen < 2:
                continue
            unanswered = 0 if self._answers() else unanswered + 1
            if unanswered >= UNANSWERED and not self._ended.is_set():
                self._cut()
                return

    def _busy(self) -> bool:
        return not self._connection.closed and self._connection.get_transaction_status() == psycopg2.extensions.TRANSACTION_STATUS_ACTIVE

    def _answers(self) -> bool:
        """Any word is an answer, also a refusal."""
        try:
            self._ask().close()
        except psycopg2.OperationalError as error:
            return "timeout expired" not in str(error)
        return True

    def _cut(self) -> None:
        self.silent = True
        with suppress(OSError, psycopg2.Error), socket.socket(fileno=os.dup(self._connection.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)
