"""An end to a request that takes too long, wherever it hangs: in the head of its answer, in an error's text, or in a body that never ends.

Time-outs of a client are about silence: a server that says a byte now and then never meets one. When
the time is over, the connection is shut from outside, and whoever reads it is woken. ``ask`` says what
that means.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any

_CONNECTED = frozenset({"connection.connect_tcp.complete", "connection.start_tls.complete"})


class Deadline:
    """For one request, as long as the block runs.

    Attributes:
        passed: whether the time is over; the connection is shut then.
    """

    def __init__(self, seconds: float) -> None:
        """The time runs from the beginning of the block."""
        self.passed = False
        self._stream: Any = None
        self._guard = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.cancel()

    def watch(self, event: str, info: dict[str, Any]) -> None:
        """The client's trace: it tells which connection the request has."""
        if event in _CONNECTED:
            with self._guard:
                self._stream = info["return_value"]
                if self.passed:
                    self._shut()

    def _end(self) -> None:
        with self._guard:
            self.passed = True
            self._shut()

    def _shut(self) -> None:
        if self._stream is not None:
            with suppress(OSError):
                self._stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
