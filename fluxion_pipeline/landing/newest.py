"""What the newest images of a table are, all locations at once and without their files: for who asks of every slice.

Before this: ``index``; after it: parity's third leg.
"""

from __future__ import annotations

from dataclasses import dataclass

from fluxion_pipeline.landing.index import Index


@dataclass(frozen=True)
class Newest:
    """The newest image of a slice: whose landing owns it, its version, its applied rows."""

    location: str
    version: int
    rows: int


def newest(index: Index, table: str) -> dict[str, Newest]:
    """The newest image of every slice of a table, by the slice's text."""
    with index.open() as db:
        found = db.execute("SELECT slice, ubicacion, version, filas FROM imagenes WHERE tabla = ?", (table,)).fetchall()
    return {slice_: Newest(*rest) for slice_, *rest in found}
