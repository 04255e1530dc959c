"""What is remembered of each store between runs: failures in a row, and which generation of endpoints it has.

The circuit breaker is here: a store that failed several times in a row costs a scheduled tick seconds,
not its time-outs, until it answers again. A command typed by a person always tries in full.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from fluxion_pipeline.contracts.clock import ZONE
from fluxion_pipeline.sources.klk.ask import Patience

ENOUGH = 3
"""Failures in a row that open the breaker."""

REST = timedelta(seconds=60)
"""How long an open breaker asks nothing after a failed trial, so that a run of many days costs one trial."""

FULL_AFTER = timedelta(hours=1)
"""How often an open breaker's trial waits as long as an ordinary question: a store may be slow, not away."""

TRIAL = Patience(connect=3.0, read=10.0, total=30.0, attempts=1)
OLD, NEW = "antigua", "nueva"


@dataclass(frozen=True)
class Known:
    """Of one store.

    Attributes:
        failures: questions in a row that it didn't answer.
        since: ISO instant of the first of them.
        last: ISO instant of the last of them.
        full: ISO instant of the last one that waited as long as an ordinary question.
        generation: of its stock endpoint, ``nueva`` or ``antigua``; None: not known yet.
    """

    failures: int = 0
    since: str | None = None
    last: str | None = None
    full: str | None = None
    generation: str | None = None


class Memory:
    """A small file per store. A store is read under its location's lock, so that nobody writes at the same time."""

    def __init__(self, folder: Path) -> None:
        """Remember where the files lie."""
        self.folder = folder

    def of(self, store: str) -> Known:
        """What is known; a file that can't be read is as none."""
        try:
            found = json.loads(self._file(store).read_text("utf-8"))
            return Known(**{name: found.get(name) for name in Known.__dataclass_fields__ if found.get(name) is not None})
        except (OSError, ValueError, TypeError, AttributeError):
            return Known()

    def patience(self, store: str, usual: Patience, now: datetime) -> Patience | str:
        """How patiently a scheduled tick asks a store; or why it doesn't ask at all."""
        known = self.of(store)
        if known.failures < ENOUGH or known.last is None:
            return usual
        last = datetime.fromisoformat(known.last)
        if timedelta(0) <= now - last < REST:
            since = datetime.fromisoformat(known.since or known.last).astimezone(ZONE)
            return f"not asked: it has not answered since {since:%Y-%m-%d %H:%M} ({known.failures} times in a row)"
        if now - datetime.fromisoformat(known.full or known.last) >= FULL_AFTER:
            return replace(usual, attempts=1)
        shortest = {name: min(getattr(usual, name), getattr(TRIAL, name)) for name in ("connect", "read", "total", "attempts")}
        return Patience(**shortest)

    def answered(self, store: str, generation: str | None = None) -> None:
        """The store answered: the breaker is closed."""
        known = self.of(store)
        fresh = Known(generation=generation or known.generation)
        if fresh != known:
            self._write(store, fresh)

    def failed(self, store: str, now: datetime, *, full: bool) -> None:
        """The store didn't answer; ``full``: it had all the time of an ordinary question."""
        known, at = self.of(store), now.isoformat()
        waited = at if full or known.full is None else known.full
        self._write(store, Known(known.failures + 1, known.since or at, at, waited, known.generation))

    def generation(self, store: str) -> str:
        """Which stock endpoint to ask first: the one that worked for the store, else for its neighbours, else the newer one."""
        own = self.of(store).generation
        if own:
            return own
        found = [g for file in sorted(self.folder.glob("*.json")) if (g := self.of(file.stem).generation)]
        return OLD if found and all(g == OLD for g in found) else NEW

    def _file(self, store: str) -> Path:
        return self.folder / f"{store}.json"

    def _write(self, store: str, known: Known) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / f"{store}.{os.getpid()}.tmp"
        fresh.write_text(json.dumps(asdict(known)), "utf-8")
        fresh.replace(self._file(store))
