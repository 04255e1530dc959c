"""Named points of the row's way at which a process can be made to die, as ``kill -9`` would kill it.

``FLUXION_FAILPOINT=<point>`` or ``<point>:<n>`` ends the process when it passes the point for the n-th time;
it is read once, when the first point is passed, and unset every point costs one comparison. For
tests of what a crash leaves behind: whoever adds a stage adds its points here. Nothing else lives here.
"""

from __future__ import annotations

import os
import signal
from functools import cache

VARIABLE = "FLUXION_FAILPOINT"

_OF_A_SINK = {
    "claimed": "it was claimed, not yet committed",
    "planned": "what it lacks is known; nothing is written",
    "prepared": "partitions are made, in a transaction of their own",
    "locked": "its transaction holds the locations' locks",
    "products": "products are written in the transaction",
    "sales": "sales are written in the transaction",
    "stock": "the stock of now is written in the transaction",
    "history": "the stock's history is written in the transaction",
    "cuts": "the ticks' lines are written in the transaction",
    "coverage": "coverage is written in the transaction",
    "rejects": "rejected rows are written in the transaction",
    "ledger": "the ledger says so, in the transaction",
    "log": "all is written; the commit comes next",
    "committed": "the transaction is committed",
    "copying": "a chunk of a rebuild is written; the commit comes next",
    "copied": "a chunk of a rebuild is committed",
    "attempts": "attempts that landed nothing are written, not yet committed",
    "told": "attempts that landed nothing are committed",
    "noted": "what somebody else had changed is remembered, and noted in it still",
    "cleared": "what somebody else had changed is remembered, and noted in it no longer",
}

POINTS: dict[str, str] = {
    "extract.before": "a location's lock is held, nothing is read",
    "extract.read": "a reading is there, nothing of it is written",
    "quarantine.kept": "what an unknown location sent is put aside",
    "file.temporary": "a file of a lote is written under its temporary name",
    "file.linked": "a file of a lote has its name, the temporary one is there too",
    "landing.parquet": "one of a lote's Parquet files is there",
    "landing.files": "all Parquet files are durable, the manifest isn't there",
    "landing.manifest": "the manifest is there: the lote exists",
    "landing.indexing": "the index has taken the lote over, not yet committed",
    "landing.indexed": "the index knows the lote",
    "landing.keys": "the index of invoice keys knows the lote",
    "landing.attempt": "an attempt that landed nothing is in the log, not yet in the index",
    "landing.met": "products that facts met have landed, the list of them isn't cleared",
    "index.discarded": "the index is gone, to be made anew",
    "index.rebuilt": "the index is made anew, its mark isn't there",
    "recovery.done": "a recovery has landed, its mark isn't there",
    "mode.written": "the mode's memory is written under its temporary name",
    **{f"{sink}.{name}": f"{sink}: {what}" for sink in ("duckdb", "postgresql") for name, what in _OF_A_SINK.items()},
    "prune.emptied": "rows that are too old have ended in a lote; files that nothing needs are there still",
    "prune.compacted": "images of an old month are put together in a lote; the files in which they were are there still",
    "prune.deleted": "the first of the files that nothing needs is gone",
    "adopt.staged": "a location's sales of a foreign file are sorted, none of them has landed",
    "adopt.landed": "one fact of a foreign file has landed",
    "proof.compared": "a pass of the proof has compared everything and remembers nothing of it",
    "proof.writing": "a table's proof is written, not yet committed",
    "proof.kept": "the proof is committed",
}
"""Every point, in the order of the row's way, and what has happened there."""

TABLE_POINTS = {
    "productos": "products",
    "ventas": "sales",
    "inventario_actual": "stock",
    "inventario_historico": "history",
    "inventario_cortes": "cuts",
    "cobertura": "coverage",
    "rechazos": "rejects",
}
"""Table → the last word of the points after it was written in a sink; others have none."""


@cache
def _armed() -> tuple[str, list[int]]:
    name, _, count = os.environ.get(VARIABLE, "").partition(":")
    return name, [int(count or 1)]


def passed(point: str) -> None:
    """The process is at a point; if it is the one that it shall die at, it is gone now."""
    name, left = _armed()
    if point == name:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def wrote(sink: str, table: str) -> None:
    """A table was written in a sink's transaction."""
    if table in TABLE_POINTS:
        passed(f"{sink}.{TABLE_POINTS[table]}")
