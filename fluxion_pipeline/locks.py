"""OS locks that die with their owner: shared or exclusive, fair to writers, honest about who holds them.

``flock`` belongs to the open file, not to the process: it is free at once when its owner dies, and
threads of one process exclude each other too. Nothing is guarded by the existence of a file.
"""

from __future__ import annotations

import fcntl
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fluxion_pipeline.errors import BusyError

Told = Callable[[str], None]

MOMENT = 1.0
"""Seconds of waiting that nobody needs to be told of."""


@contextmanager
def hold(path: Path, *, exclusive: bool = True, wait: float = 20.0, purpose: str = "", waiting: Told | None = None) -> Iterator[None]:
    """Hold a lock while the block runs.

    Who waits for it stands at a gate first, so that a stream of readers can't keep a writer out.

    Args:
        path: the lock's file; made when it isn't there, never removed.
        exclusive: alone, or together with other shared holders.
        wait: seconds to wait before giving up; 0: don't wait.
        purpose: what the holder does, for the one who waits.
        waiting: told once for whom it is waited, when that takes longer than a moment.

    Raises:
        BusyError: if somebody else holds it for longer; it says who.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        gate = os.open(path.with_name(path.name + ".gate"), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            told = _Waiting(path, waiting)
            _acquire(gate, fcntl.LOCK_EX, deadline, told)
            _acquire(handle, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH, deadline, told)
        finally:
            os.close(gate)
        if exclusive:
            _sign(handle, purpose)
        yield
    finally:
        os.close(handle)


class _Waiting:
    """Says once, after a moment, who holds a lock."""

    def __init__(self, path: Path, told: Told | None) -> None:
        self.path, self._told, self._after = path, told, time.monotonic() + MOMENT

    def still(self) -> None:
        if self._told is not None and time.monotonic() > self._after:
            self._told(f"waiting: {self.path.name} is held by {holder(self.path)}")
            self._told = None


def _acquire(handle: int, how: int, deadline: float, told: _Waiting) -> None:
    delay = 0.001
    while True:
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError:
            left = deadline - time.monotonic()
            if left <= 0:
                raise BusyError(f"{told.path.name} is held by {holder(told.path)}", "wait for it to end, or give a longer --wait") from None
            told.still()
            time.sleep(min(delay * random.uniform(0.5, 1.5), left))
            delay = min(delay * 1.6, 0.05)
        else:
            return


def _sign(handle: int, purpose: str) -> None:
    with suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()} {purpose}".encode(), 0)


def holder(path: Path) -> str:
    """Who signed a lock last: process id and purpose; only worth showing while the lock is held."""
    try:
        pid, _, purpose = path.read_text("utf-8").partition(" ")
    except OSError:
        return "another process"
    return f"process {pid}" + (f" ({purpose})" if purpose else "") if pid else "another process"


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock right now."""
    if not path.exists():
        return True
    handle = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True
