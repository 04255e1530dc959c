"""Images of before, and what turned them into those of now: read from the lotes that wrote them.

The index knows newest images only. Whoever compares with an older one (a sink that proves to hold it
still) must be sure of its rows: the file is checked against its manifest.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fluxion_pipeline.errors import OutboxError
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.landing.lote import Manifest, folder, manifest_path, read_manifest


@dataclass(frozen=True)
class WrittenStep:
    """What turns an older image into one, as its lote wrote it (``decide.decision.Step``).

    Attributes:
        version: of the older image.
        rows: number of its applied rows.
        digest: their digest.
        file: Parquet file of the changes.
    """

    version: int
    rows: int
    digest: str
    file: Path


def step(place: Path, outbox: str, image: Image) -> WrittenStep | None:
    """What turns the image of before into this one; None where its lote wrote none, or it is gone or isn't as it was written."""
    try:
        manifest = read_manifest(manifest_path(place, image.lote))
        found = next((s for s in manifest.extra.get("pasos", ()) if (s["tabla"], s["slice"]) == (image.table, image.slice)), None)
        if found is None or manifest.outbox != outbox or image.lote != image.version:
            return None
        file = folder(place, image.lote) / found["archivo"]
        if not _as_written(file, manifest):
            return None
    except (OSError, OutboxError):
        return None
    return WrittenStep(found["version"], found["filas"], found["huella"], file)


def _as_written(file: Path, manifest: Manifest) -> bool:
    return hashlib.sha256(file.read_bytes()).hexdigest() == manifest.files.get(file.name)


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
        if not _as_written(file, manifest):
            return None
    except (OSError, OutboxError):
        return None
    return Image(location, table, slice_, version, found.rows, found.digest, file, version)
