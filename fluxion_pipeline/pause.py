"""The pause of a home: who asked for it, since when, and the gate at which every writer waits while it stands.

A writer holds the gate's lock, shared, for one transaction: one lote, one batch of a sink. ``begin``
notes the pause first and then waits until it has the lock alone: when it returns, nobody writes.
"""

from __future__ import annotations

import getpass
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from fluxion_pipeline.errors import PausedError
from fluxion_pipeline.locks import hold

FILE = "pausas.json"
KEPT = 200
"""Pauses that are remembered; schedules whose ticks fell into one are not called late."""
LOOK = 0.5
"""Seconds between two looks of a writer that waits."""
LONGEST = 600.0
"""Seconds that a transaction is given to end."""
SLACK = timedelta(minutes=2)
"""A tick may have been looked at this long after its instant."""


@dataclass(frozen=True)
class Pause:
    """One pause.

    Attributes:
        since: when it was asked for, aware.
        reason: why; may be empty.
        by: the user who asked for it.
        until: when it was ended; None: it stands.
    """

    since: datetime
    reason: str
    by: str
    until: datetime | None = None

    @property
    def text(self) -> str:
        """What it is, for a person."""
        return f"paused since {self.since:%Y-%m-%d %H:%M} UTC by {self.by}" + (f": {self.reason}" if self.reason else "")


def pauses(home: Path) -> tuple[Pause, ...]:
    """The pauses of a home, oldest first; a file that can't be read is a pause that stands, since nobody knows better."""
    path = home / FILE
    try:
        return tuple(_read(x) for x in json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError):
        return (Pause(datetime.fromtimestamp(path.stat().st_mtime).astimezone(), f"{path} can't be read", "nobody"),)


def standing(home: Path) -> Pause | None:
    """The pause that stands, if one does."""
    found = pauses(home)
    return found[-1] if found and found[-1].until is None else None


def was_paused(home: Path, at: datetime) -> bool:
    """Whether an instant lay in a pause."""
    return any(p.since - SLACK <= at and (p.until is None or at <= p.until) for p in pauses(home))


def check(home: Path) -> None:
    """What a person asks for is refused at once while a pause stands.

    Raises:
        PausedError: if one does; it says since when and why.
    """
    found = standing(home)
    if found is not None:
        raise PausedError(f"everything that writes is {found.text}", "fluxion resume")


def begin(home: Path, reason: str, at: datetime, wait: float = LONGEST) -> Pause:
    """Pause: from now on no writer begins a transaction; returns when the last one has ended.

    Raises:
        BusyError: if a transaction goes on for longer than ``wait``; the pause stands all the same.
    """
    with _alone(home):
        found = pauses(home)
        new = standing(home) or Pause(at, " ".join(reason.split()), getpass.getuser())
        if not found or found[-1] is not new:
            _write(home, (*(p for p in found if p.until is not None), new))
    with hold(_gate(home), wait=wait, purpose="fluxion pause"):
        return new


def end(home: Path, at: datetime) -> Pause | None:
    """End the pause; the one that stood, None if there was none."""
    with _alone(home):
        found = standing(home)
        if found is not None:
            ended = Pause(found.since, found.reason, found.by, at)
            _write(home, (*(p for p in pauses(home) if p.until is not None), ended))
        return found


@contextmanager
def writing(home: Path) -> Iterator[None]:
    """One transaction of a writer: it begins when no pause stands, and a pause waits for its end. Not to be nested."""
    while True:
        wait_for_end(home)
        with hold(_gate(home), exclusive=False, wait=2 * LONGEST, purpose="writing"):
            if standing(home) is None:
                yield
                return


def wait_for_end(home: Path, told: Callable[[str], None] | None = None) -> None:
    """Wait while a pause stands; ``told`` is told of it once."""
    while (found := standing(home)) is not None:
        if told is not None:
            told(f"waiting: {found.text}; fluxion resume ends it")
            told = None
        time.sleep(LOOK)


def _gate(home: Path) -> Path:
    return home / "locks" / "escritura.lock"


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    with hold(home / "locks" / "pausas.lock", purpose="fluxion pause"):
        yield


def _read(data: dict[str, str | None]) -> Pause:
    until = data["hasta"]
    return Pause(datetime.fromisoformat(str(data["desde"])), str(data["motivo"]), str(data["por"]), datetime.fromisoformat(until) if until else None)


def _write(home: Path, found: tuple[Pause, ...]) -> None:
    rows = [{"desde": p.since.isoformat(), "hasta": p.until.isoformat() if p.until else None, "motivo": p.reason, "por": p.by} for p in found[-KEPT:]]
    fresh = home / f"{FILE}.{os.getpid()}"
    fresh.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", "utf-8")
    fresh.replace(home / FILE)
