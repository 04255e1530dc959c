"""One line of lotes per location: what happens where two would be written, or one is put back from an older copy.

Locks keep the processes of one machine apart. Machines that share a folder are kept apart by the
exclusive creation of the manifest: the one that comes second decides anew. A sink remembers which
lote it holds by the instant at which it was written too, so that it knows a line that was restored and
went on otherwise.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from fluxion_pipeline.errors import TransientError
from fluxion_pipeline.landing.index import Index

Given = ParamSpec("Given")
Told = TypeVar("Told")
TRIES = 20


class Overtaken(TransientError):
    """Another machine landed at the location since this decision was begun."""


def decided_anew(landing: Callable[Given, Told]) -> Callable[Given, Told]:
    """Decide and write again where another machine came first."""

    @functools.wraps(landing)
    def again(*given: Given.args, **named: Given.kwargs) -> Told:
        for _ in range(TRIES - 1):
            try:
                return landing(*given, **named)
            except Overtaken:
                continue
        return landing(*given, **named)

    return again


def compacted(index: Index, location: str) -> tuple[int, ...]:
    """The lotes of a location that wrote images anew, newest first (``compaction``)."""
    with index.open() as db:
        return tuple(n for (n,) in db.execute("SELECT secuencia FROM compactas WHERE ubicacion = ? ORDER BY 1 DESC", (location,)))


def written_at(index: Index, lotes: Mapping[str, int]) -> dict[str, str]:
    """When lotes (location and secuencia) were written; those that the outbox hasn't are left out."""
    found = {}
    with index.open() as db:
        for place, sequence in lotes.items():
            row = db.execute("SELECT escrito_en FROM lotes WHERE ubicacion = ? AND secuencia = ?", (place, sequence)).fetchone()
            if row is not None:
                found[place] = str(row[0])
    return found
