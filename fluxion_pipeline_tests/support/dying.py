"""Runs the fluxion command in this process and kills it, as ``kill -9`` would, right before or after a named moment.

``python -m fluxion_pipeline_tests.support.dying MOMENT COMMAND…``; moments are in ``MOMENTS``. The
program knows nothing of it: its functions are wrapped here.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from fluxion_pipeline.landing.lote import LoteWriter
from fluxion_pipeline.sinks.duckdb.session import DuckDBSession
from fluxion_pipeline.sinks.postgresql.session import PostgreSQLSession

MOMENTS: dict[str, tuple[type, str, bool]] = {
    "before the manifest": (LoteWriter, "commit", True),
    "before the duckdb transaction writes": (DuckDBSession, "make_equal", True),
    "within the duckdb transaction": (DuckDBSession, "make_equal", False),
    "before the duckdb commit": (DuckDBSession, "log", False),
    "after the duckdb commit": (DuckDBSession, "commit", False),
    "before the postgresql transaction writes": (PostgreSQLSession, "make_equal", True),
    "within the postgresql transaction": (PostgreSQLSession, "make_equal", False),
    "before the postgresql commit": (PostgreSQLSession, "log", False),
    "after the postgresql commit": (PostgreSQLSession, "commit", False),
}
"""Name → the method, and whether the end comes before it or after it."""


def dying(function: Callable[..., Any], before: bool) -> Callable[..., Any]:
    """The function, with the end of the process right before or after it."""

    def ends(*values: Any, **named: Any) -> Any:
        if not before:
            function(*values, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    return ends


if __name__ == "__main__":
    from fluxion_pipeline.cli.main import main

    owner, name, first = MOMENTS[sys.argv.pop(1)]
    setattr(owner, name, dying(getattr(owner, name), first))
    main()
