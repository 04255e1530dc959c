"""A file's bytes, their digest, and the rows of text in them, whichever of the three kinds it is."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fluxion_pipeline.contracts.rules.layout import Layout, Raw
from fluxion_pipeline.sources.archivos import csvfile, parquetfile
from fluxion_pipeline.sources.archivos.header import Header, Unusable


@dataclass(frozen=True)
class Stored:
    """A file as it lies there: its bytes and their sha256."""

    path: Path
    data: bytes
    digest: str


def fetch(path: Path) -> Stored:
    """Read a file once.

    Raises:
        OSError: if it can't be read.
    """
    data = path.read_bytes()
    return Stored(path, data, hashlib.sha256(data).hexdigest())


def digest_of(paths: Sequence[Path]) -> str | None:
    """The digest of a slice's file; of several, one that changes when any of them does; None: no file.

    Raises:
        OSError: if one can't be read.
    """
    if not paths:
        return None
    found = [fetch(path) for path in paths]
    if len(found) == 1:
        return found[0].digest
    return hashlib.sha256("\n".join(f"{s.path.name} {s.digest}" for s in found).encode()).hexdigest()


def parse(stored: Stored, layout: Layout) -> tuple[Raw, Header]:
    """The rows of a file as text.

    Raises:
        Unusable: if nothing of it can be believed.
    """
    if stored.path.name.endswith(".parquet"):
        return parquetfile.parse(stored.data, layout)
    if stored.path.name.endswith(".gz"):
        return csvfile.parse(_unpacked(stored.data), layout)
    return csvfile.parse(stored.data, layout)


def _unpacked(data: bytes) -> bytes:
    if not data:
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            return file.read(csvfile.LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Unusable(f"the gzip file is corrupt: {error}") from None
