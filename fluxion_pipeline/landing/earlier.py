"""Images of before: what a slice was at an older version, read from the lote that wrote it.

The index knows newest images only. Whoever compares with an older one (a sink that proves to hold it
still) must be sure of its rows: the file is checked against its manifest.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from fluxion_pipeline.errors import OutboxError
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.landing.lote import folder, manifest_path, read_manifest


def image(place: Path, outbox: str, location: str, table: str, slice_: str, version: int) -> Image | None:
    """The image that a lote wrote of a slice; None where it is gone, another outbox's, or not as it was written.

    Args:
        place: the folder of the location's lotes.
        outbox: id of the outbox that must have written it.
        location: whose landing owns the slice.
        table: the table.
        slice_: the slice's text.
        version: secuencia of the lote.
    """
    try:
        manifest = read_manifest(manifest_path(place, version))
        found = next((s for s in manifest.slices if (s.table, s.slice, s.version) == (table, slice_, version)), None)
        if found is None or manifest.outbox != outbox:
            return None
        file = folder(place, version) / found.file
        if hashlib.sha256(file.read_bytes()).hexdigest() != manifest.files.get(found.file):
            return None
    except (OSError, OutboxError):
        return None
    return Image(location, table, slice_, version, found.rows, found.digest, file, version)
