"""A webhook as a real HTTP server: it keeps what it is sent, and refuses while it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Webhook:
    """What a webhook was sent."""

    def __init__(self, port: int = 0) -> None:
        self.messages: list[dict[str, Any]] = []
        self.asked, self.refuses = 0, False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked += 1
                if not outer.refuses:
                    outer.messages.append(json.loads(data))
                self.send_response(503 if outer.refuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = int(self.server.server_address[1])

    @property
    def url(self) -> str:
        """Its address for apprise, with secrets in it."""
        return f"json://usuario:clave-secreta@127.0.0.1:{self.port}/camino-secreto"

    @property
    def titles(self) -> list[str]:
        """The titles of what it took."""
        return [m["title"] for m in self.messages]

    def about(self, word: str) -> list[str]:
        """The titles with a word in them, without regard to case."""
        return [t for t in self.titles if word.lower() in t.lower()]


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A webhook that listens while the block runs."""
    found = Webhook()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.server.shutdown()
        found.server.server_close()
        thread.join(10)
