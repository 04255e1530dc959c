"""The PostgreSQL server that this home writes, as ``fluxion init`` met it last: ``servidor.json``, for the doctor to compare with.

It stops nothing: a server that took over by replication has the same number, and a move is made by ``init``.
Before this: a sink that was made ready; after it: ``operations.doctor``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from fluxion_pipeline.operations.which_server import ServerIdentity, identify
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.postgresql.connect import connect

_NUMBER = "system_identifier"


def note(settings: Settings) -> None:
    """Remember the server that the settings mean, if it says who it is.

    Raises:
        SinkAway: if it can't be reached.
    """
    with connect(settings, read_only=True) as connection:
        found = identify(connection).system_identifier
    if found is not None and found != _known(settings):
        path = _path(settings)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps({_NUMBER: found}), "utf-8")
        temporary.replace(path)


def moved(server: ServerIdentity, settings: Settings) -> tuple[str, str] | None:
    """Cause and remedy, if this isn't the server that was noted; None if it is, or either is not known."""
    known, found = _known(settings), server.system_identifier
    if known is None or found is None or known == found:
        return None
    return (
        f"this isn't the server that this home has written: that one's system_identifier is {known}, this one's {found}",
        "set POSTGRES_HOST and POSTGRES_PORT back; or, if the move is meant, on to this one: fluxion init && fluxion sync --to postgresql",
    )


def _path(settings: Settings) -> Path:
    return settings.home / "servidor.json"


def _known(settings: Settings) -> int | None:
    """A note that is missing or damaged says nothing: the next ``init`` writes it."""
    try:
        return int(json.loads(_path(settings).read_text("utf-8"))[_NUMBER])
    except (OSError, ValueError, KeyError, TypeError):
        return None
