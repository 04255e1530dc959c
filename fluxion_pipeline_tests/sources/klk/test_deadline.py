"""A server that says a byte now and then is left after the whole time, whatever it dwells on."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import Answer, Fact
from fluxion_pipeline.locations import registry
from fluxion_pipeline.sources.failure import Failure, partial
from fluxion_pipeline.sources.klk import KlkSource, Patience
from fluxion_pipeline.sources.klk.ask import Asker
from fluxion_pipeline.sources.protocol import Reading
from fluxion_pipeline_tests.sources.klk.conftest import DAY, NOW

BODY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n["
TOTAL = 0.7


@contextmanager
def dripping(head: bytes, drop: bytes) -> Iterator[tuple[str, list[float]]]:
    """A server that never ends; how long each connection lived."""
    lives: list[float] = []

    def drip(connection: socket.socket) -> None:
        begun = time.monotonic()
        with connection:
            try:
                connection.recv(65536)
                connection.sendall(head)
                while time.monotonic() < begun + 10:
                    connection.sendall(drop)
                    time.sleep(0.05)
            except OSError:
                pass
            finally:
                lives.append(time.monotonic() - begun)

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", lives
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def asked(url: str, folder: Path) -> Reading:
    source = KlkSource(url, registry.load(), folder, patience=Patience(1, 1, TOTAL, 3))
    return source.read(Fact.VENTAS, source.registry.find("t01"), DAY, NOW)


DRIPS: dict[str, tuple[bytes, bytes, Answer, str]] = {
    "a body": (BODY, b" ", Answer.PARCIAL, "took longer than 0.7 s"),
    "a body in large pieces": (BODY, b" " * 70_000, Answer.PARCIAL, "took longer than 0.7 s"),
    "the head": (b"HTTP/1.1 200 OK\r\nX-Tienda: ", b"a", Answer.INALCANZABLE, "no answer within 0.7 s"),
    "an error's text": (b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n", b"a", Answer.INALCANZABLE, "HTTP 403"),
    "compression that gives nothing": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:3] + b"\x08" + gzip.compress(b"")[4:10],
        b"a",
        Answer.INALCANZABLE,
        "no answer within 0.7 s",
    ),
}


@pytest.mark.parametrize("name", DRIPS)
def test_it_is_left_after_the_whole_time(tmp_path: Path, name: str) -> None:
    head, drop, answer, words = DRIPS[name]
    with dripping(head, drop) as (url, lives):
        found = asked(url, tmp_path / "klk")
        assert (found.answer, words in str(found.reason)) == (answer, True), found.reason
        assert found.seconds < 4, "the attempts share one time"
        deadline = time.monotonic() + 5
        while not lives and time.monotonic() < deadline:
            time.sleep(0.02)
        assert lives, "the connection is closed"


def test_the_attempts_share_one_time(tmp_path: Path) -> None:
    """An answer that breaks late is asked for again with the time that is left, and not at all where none is."""
    given: list[float] = []

    def breaks(patience: Patience) -> None:
        given.append(patience.total)
        time.sleep(0.2)
        raise partial("it broke", transient=True)

    begun = time.monotonic()
    with pytest.raises(Failure):
        Asker("http://klk", tmp_path, 1).until_whole(breaks, Patience(1, 1, 2.0, 9))
    assert time.monotonic() - begun < 2.5
    assert given[0] <= 2.0
    assert all(later <= earlier - 0.2 for earlier, later in zip(given, given[1:], strict=False))
    assert 1 < len(given) < 9


def test_what_the_store_said_is_not_hidden_by_an_attempt_that_has_hardly_any_time(tmp_path: Path) -> None:
    given: list[float] = []

    def breaks(patience: Patience) -> None:
        given.append(patience.total)
        time.sleep(1.25)
        raise partial("it broke", transient=True)

    with pytest.raises(Failure, match="it broke"):
        Asker("http://klk", tmp_path, 1).until_whole(breaks, Patience(5, 1, 2.0, 9))
    assert min(given) >= 0.5
