"""DB_MODE in motion: the mode of the last write, and the sinks that are known, below FLUXION_HOME.

A sink is known from the first ``init`` whose mode has it, reached or not. A run in another mode than
the last one first applies what the new primary lacks.
"""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from fluxion_pipeline.contracts.outcomes import Mode, SinkName
from fluxion_pipeline.errors import FluxionError, PermanentError, SinkAway
from fluxion_pipeline.failpoints import passed
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.sinks.converge import converge


@dataclass(frozen=True)
class ModeState:
    """What is remembered: the mode of the last write (None: nothing was written yet), and the known sinks."""

    last: Mode | None
    known: tuple[SinkName, ...]


def _path(app: App) -> Path:
    return app.settings.home / "modo.json"


def state(app: App) -> ModeState:
    """Read it; DuckDB is always known."""
    try:
        data = json.loads(_path(app).read_text("utf-8"))
        known = {SinkName.DUCKDB, *(SinkName(x) for x in data["conocidos"])}
        return ModeState(Mode(data["modo"]) if data["modo"] else None, tuple(x for x in SinkName if x in known))
    except FileNotFoundError:
        return ModeState(None, (SinkName.DUCKDB,))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PermanentError(f"{_path(app)} can't be read: {error}", f"it is written anew: rm {shlex.quote(str(_path(app)))} && fluxion init") from error


def _write(app: App, new: ModeState) -> None:
    path = _path(app)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps({"modo": new.last.value if new.last else None, "conocidos": [x.value for x in new.known]}), "utf-8")
    passed("mode.written")
    temporary.replace(path)


def know(app: App) -> None:
    """The sinks of this mode are known from now on."""
    old = state(app)
    known = tuple(x for x in SinkName if x in {*old.known, *app.settings.db_mode.sinks})
    if known != old.known or not _path(app).exists():
        _write(app, ModeState(old.last, known))


def retire(app: App, sink: SinkName) -> bool:
    """Forget a sink: nothing is owed to it any more; whether it was known.

    Raises:
        PermanentError: for DuckDB, and for a sink that the mode writes.
    """
    if sink is SinkName.DUCKDB:
        raise PermanentError("DuckDB is always known: it is the way back", "leave it: DB_MODE=postgresql doesn't write it")
    if sink in app.settings.db_mode.sinks:
        raise PermanentError(f"DB_MODE={app.settings.db_mode} writes {sink}", f"set DB_MODE to a mode without {sink} first")
    old = state(app)
    _write(app, ModeState(old.last, tuple(x for x in old.known if x is not sink)))
    return sink in old.known


def wrote(app: App) -> None:
    """The mode of the last write is this one."""
    old = state(app)
    if old.last is not app.settings.db_mode:
        _write(app, ModeState(app.settings.db_mode, old.known))


def check_ready(app: App) -> None:
    """A home is ready from its first ``fluxion init``.

    Raises:
        PermanentError: if it isn't.
    """
    if not _path(app).exists():
        raise PermanentError(f"{app.settings.home} is not ready: no sink was ever made", "fluxion init")


def enter(app: App, *, force: bool = False) -> bool:
    """Before a run: if the mode has changed since the last write, bring the new primary up to date; whether it had.

    Raises:
        PermanentError: if ``fluxion init`` was never run in this home.
        PermanentError: if the new primary can't be brought up to date (unless ``force``); it names the command that would.
    """
    check_ready(app)
    old = state(app)
    mode = app.settings.db_mode
    if old.last is None or old.last is mode:
        return False
    if old.last.primary is not mode.primary and not force:
        try:
            report = converge(app.sink(mode.primary), app.outbox, chunk=app.settings.fluxion_copy_rows)
        except SinkAway as error:
            raise _stopped(mode, str(error)) from error
        if report.failures:
            raise _stopped(mode, "; ".join(f"{k}: {v}" for k, v in report.failures.items()))
    return True


def _stopped(mode: Mode, why: str) -> FluxionError:
    return PermanentError(
        f"DB_MODE is now {mode}, whose primary {mode.primary} lacks what was written before: {why}",
        f"fluxion sync --to {mode.primary} (or run with --force to go on without it)",
    )
