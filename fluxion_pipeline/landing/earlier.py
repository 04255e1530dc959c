"""Images of before, and what turned them into those of now: read from the lotes that wrote them.

The index knows newest images only. Whoever compares with an older one (a sink that proves to hold it
still) must be sure of its rows: the file is checked against its manifest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
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
        where = folder(place, image.lote)
        if not _as_written(where, found["archivo"], manifest):
            return None
    except (OSError, OutboxError):
        return None
    return WrittenStep(found["version"], found["filas"], found["huella"], where / found["archivo"])


def images(place: Path, outbox: str, location: str, table: str, wanted: Mapping[str, int], again: Sequence[int] = ()) -> Iterator[Image]:
    """The images that lotes wrote of some slices; left out are those that are gone, another outbox's, or not as they were written.

    Args:
        place: the folder of the location's lotes.
        outbox: id of the outbox that must have written them.
        location: whose landing owns the slices.
        table: the table.
        wanted: slice → secuencia of the lote.
        again: lotes that wrote images anew, under the versions that they had.
    """
    left = dict(wanted)
    for lote in (*sorted(set(wanted.values())), *again):
        names = {s for s, version in left.items() if version == lote or (lote in again and version < lote)}
        for found in _written(place, outbox, location, table, lote, names) if names else ():
            if left.get(found.slice) == found.version:
                del left[found.slice]
                yield found


def _written(place: Path, outbox: str, location: str, table: str, lote: int, names: Collection[str]) -> Iterator[Image]:
    """What a lote wrote of some slices, as far as it is there."""
    try:
        manifest = read_manifest(manifest_path(place, lote))
    except (OSError, OutboxError):
        return
    if manifest.outbox != outbox:
        return
    found = [s for s in manifest.slices if s.table == table and s.slice in names]
    where = folder(place, lote)
    whole = {name for name in {s.file for s in found} if _as_written(where, name, manifest)}
    yield from (Image(location, table, s.slice, s.version, s.rows, s.digest, where / s.file, lote) for s in found if s.file in whole)


def _as_written(where: Path, name: str, manifest: Manifest) -> bool:
    try:
        return hashlib.sha256((where / name).read_bytes()).hexdigest() == manifest.files.get(name)
    except OSError:
        return False
