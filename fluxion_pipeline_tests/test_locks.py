"""Locks: shared or exclusive, free when their owner dies, fair to writers, honest about who holds them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fluxion_pipeline import locks
from fluxion_pipeline.errors import BusyError
from fluxion_pipeline.locks import hold, holder, is_free

_HOLDER = """
import sys, time
from pathlib import Path
from fluxion_pipeline import locks
from fluxion_pipeline.locks import hold
with hold(Path(sys.argv[1]), exclusive=sys.argv[2] == "exclusive", purpose="writing things"):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def held_elsewhere(path: Path, how: str = "exclusive") -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", _HOLDER, str(path), how], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "x.lock"


def test_an_exclusive_lock_keeps_everybody_else_out(lock: Path) -> None:
    with held_elsewhere(lock):
        for exclusive in (True, False):
            with pytest.raises(BusyError), hold(lock, exclusive=exclusive, wait=0.05):
                pass
        assert not is_free(lock)


def test_shared_locks_are_held_together_and_keep_a_writer_out(lock: Path) -> None:
    with held_elsewhere(lock, "shared"), hold(lock, exclusive=False, wait=0), pytest.raises(BusyError), hold(lock, wait=0.05):
        pass


def test_who_waits_in_vain_is_told_for_whom(lock: Path) -> None:
    with held_elsewhere(lock) as process:
        with pytest.raises(BusyError, match=f"x.lock is held by process {process.pid} .writing things.") as error, hold(lock, wait=0):
            pass
        assert "--wait" in error.value.remedy


def test_a_killed_owner_frees_the_lock_at_once(lock: Path) -> None:
    with held_elsewhere(lock) as process:
        process.kill()
        process.wait()
        with hold(lock, wait=0):
            pass
    assert is_free(lock)


def test_threads_of_one_process_exclude_each_other(lock: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(5):
            with hold(lock, wait=30):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(most), max(most)) == (20, 1)


def test_a_stream_of_readers_lets_a_writer_in(lock: Path) -> None:
    """Readers that overlap without a gap would starve a writer who only waits for a free moment."""
    stop = threading.Event()
    written = threading.Event()

    def read() -> None:
        while not stop.is_set():
            with hold(lock, exclusive=False, wait=30):
                time.sleep(0.02)

    def write() -> None:
        with hold(lock, wait=10):
            written.set()

    readers = [threading.Thread(target=read) for _ in range(6)]
    for thread in readers:
        thread.start()
    time.sleep(0.1)
    writer = threading.Thread(target=write)
    writer.start()
    assert written.wait(10)
    stop.set()
    for thread in [*readers, writer]:
        thread.join()


def test_a_wait_ends_in_time(lock: Path) -> None:
    with held_elsewhere(lock):
        started = time.monotonic()
        with pytest.raises(BusyError), hold(lock, wait=0.2):
            pass
        assert 0.2 <= time.monotonic() - started < 10


def test_who_waits_gets_it_when_it_becomes_free(lock: Path) -> None:
    got = threading.Event()

    def wait() -> None:
        with hold(lock, wait=10):
            got.set()

    with hold(lock):
        thread = threading.Thread(target=wait)
        thread.start()
        assert not got.wait(0.1)
    assert got.wait(5)
    thread.join()


def test_who_waits_for_more_than_a_moment_is_told_once_for_whom(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "MOMENT", 0.05)
    told: list[str] = []
    with hold(lock, waiting=told.append):
        pass
    assert told == []
    with held_elsewhere(lock) as process, pytest.raises(BusyError), hold(lock, wait=0.5, waiting=told.append):
        pass
    assert told == [f"waiting: x.lock is held by process {process.pid} (writing things)"]


def test_an_error_inside_frees_the_lock(lock: Path) -> None:
    with pytest.raises(ZeroDivisionError), hold(lock):
        raise ZeroDivisionError
    assert is_free(lock)


def test_the_file_is_no_lock_by_being_there(lock: Path) -> None:
    assert is_free(lock)
    with hold(lock, purpose="a word"):
        assert holder(lock) == f"process {os.getpid()} (a word)"
    assert lock.exists()
    assert is_free(lock)
    assert holder(lock.with_name("none")) == "another process"
