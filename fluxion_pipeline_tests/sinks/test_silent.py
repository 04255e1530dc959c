"""A server that stops answering in the middle of the work costs seconds; one that is slow is waited for."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from fluxion_pipeline.errors import SinkAway
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.postgresql import connect as connecting
from fluxion_pipeline.sinks.postgresql import watch
from fluxion_pipeline.sinks.postgresql.connect import connect
from fluxion_pipeline_tests.support import postgres


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.3)
    monkeypatch.setattr(connecting, "CONNECT_SECONDS", 2)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[tuple[Settings, int]]:
    """Settings of a server of its own, and its process."""
    with postgres.server_alone() as address:
        settings = postgres.settings_for(address, "postgres", tmp_path / "home")
        with connect(settings) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW data_directory")
            ((folder,),) = cursor.fetchall()
        yield settings, int((Path(folder) / "postmaster.pid").read_text().split()[0])


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """The server and all its processes stand still."""
    everyone = [pid, *(int(x) for x in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    for process in everyone:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in everyone:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


def test_a_server_that_is_paused_in_the_middle_of_the_work_costs_seconds(alone: tuple[Settings, int]) -> None:
    settings, pid = alone

    def asked() -> None:
        with connect(settings) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            with paused(pid):
                cursor.execute("SELECT 2")

    begun = time.monotonic()
    with pytest.raises(SinkAway, match="accepts connections and doesn't answer") as caught:
        asked()
    assert time.monotonic() - begun < 15
    assert "paused" in caught.value.remedy


def test_a_statement_that_takes_long_is_waited_for(pg_settings: Settings) -> None:
    with connect(pg_settings) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 'slow' FROM pg_sleep(2)")
        assert cursor.fetchone() == ("slow",)
