"""What one landing wrote: a Parquet file per table and a manifest, immutable, durable, exclusive.

Order of a write: each Parquet file (temporary name, fsync, link under its final name), fsync of the
folder, the manifest likewise, fsync of the folder. A lote exists when its manifest does; files
without one are what a crash left behind and mean nothing.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fluxion_pipeline.errors import OutboxError
from fluxion_pipeline.failpoints import passed

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
COMPACTED = "compacta"
"""In a manifest's ``extra``: it tells of images that were there before, put together (``compaction``)."""
ROW_GROUP = 20_000
"""Rows of a piece of a file with many slices: a slice of it is read without the others."""
PER_FOLDER = 1000


@dataclass(frozen=True)
class SliceEntry:
    """One slice in a manifest.

    Attributes:
        table: the table.
        slice: the slice's text, as in the sinks' ledgers.
        version: secuencia at which the applied rows last changed (a sink's version of the slice).
        rows: number of applied rows.
        digest: sum of the canonical md5 of the applied rows, as text.
        file: name of the Parquet file, in the manifest's folder.
    """

    table: str
    slice: str
    version: int
    rows: int
    digest: str
    file: str


@dataclass(frozen=True)
class Manifest:
    """The last file of a lote; everything that the index needs is in it.

    ``reading`` and ``standing`` are plain JSON: what was read and came of it, and the reading that
    stands in the slice afterwards (None where this one is evidence or there is no reading).
    """

    outbox: str
    location: str
    sequence: int
    written_at: str
    contract: str
    slices: tuple[SliceEntry, ...]
    files: dict[str, str]
    reading: dict[str, Any] | None = None
    standing: dict[str, Any] | None = None
    format: int = FORMAT
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def lote_id(self) -> str:
        """The lote's name in tables, logs and metadata."""
        return f"{self.location}-{self.sequence}"

    def to_json(self) -> str:
        """The manifest's text: a line for each attribute (with more of them the standard library's encoder is ten times slower)."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)} | {"slices": [asdict(s) for s in self.slices]}
        lines = [f"{json.dumps(name)}: {json.dumps(plain[name], sort_keys=True)}" for name in sorted(plain)]
        return "{\n" + ",\n".join(lines) + "\n}"

    @classmethod
    def from_json(cls, text: str, path: Path) -> Manifest:
        """Parse a manifest's text.

        Raises:
            OutboxError: if it is no manifest of a known format.
        """
        try:
            data = json.loads(text)
            if data["format"] != FORMAT:
                raise OutboxError(f"{path} has format {data['format']}", f"this version reads format {FORMAT}: use the version that wrote it")
            data["slices"] = tuple(SliceEntry(**s) for s in data["slices"])
            return cls(**data)
        except (ValueError, KeyError, TypeError) as error:
            raise OutboxError(f"{path} is no manifest: {error}", "restore it from the backup of FLUXION_HOME") from error


def folder(root: Path, sequence: int) -> Path:
    """The folder of a lote below its location's folder: a thousand lotes each."""
    return root / f"{sequence // PER_FOLDER:06d}"


def manifest_path(root: Path, sequence: int) -> Path:
    """The manifest's path."""
    return folder(root, sequence) / f"{sequence:09d}.json"


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; see ``Manifest.from_json`` for errors."""
    return Manifest.from_json(path.read_text("utf-8"), path)


class LoteWriter:
    """Writes the files of one lote; the manifest last."""

    def __init__(self, root: Path, sequence: int) -> None:
        """Prepare the folder; nothing of the lote exists yet."""
        self.root, self.sequence = root, sequence
        self.folder = folder(root, sequence)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.files: dict[str, str] = {}

    def parquet(self, name: str, table: pa.Table, *, pieces: bool = False) -> str:
        """Write a table durably under a name of its own; in pieces: of which each tells its slices.

        Returns:
            the file's name in the lote's folder.
        """
        import pyarrow.parquet as pq  # who only reads manifests needn't wait for it

        buffer = io.BytesIO()
        told, size = (["_slice"], ROW_GROUP) if pieces else (False, None)
        how = {"compression": "zstd", "use_dictionary": False, "store_decimal_as_integer": True, "write_page_checksum": True}
        pq.write_table(table, buffer, size, write_statistics=told, **how)
        data = buffer.getvalue()
        final = f"{self.sequence:09d}-{name}-{uuid.uuid4().hex[:8]}.parquet"
        create(self.folder / final, data)
        passed("landing.parquet")
        self.files[final] = hashlib.sha256(data).hexdigest()
        return final

    def commit(self, manifest: Manifest) -> bool:
        """Make the lote exist.

        Returns:
            False if another process gave this secuencia to a lote of its own meanwhile.
        """
        if self.files:
            sync_folder(self.folder)
        passed("landing.files")
        try:
            create(manifest_path(self.root, self.sequence), manifest.to_json().encode())
        except FileExistsError:
            return False
        sync_folder(self.folder)
        passed("landing.manifest")
        return True


def create(path: Path, data: bytes) -> None:
    """Create a file durably and exclusively: temporary file, fsync, a link under the final name.

    Raises:
        FileExistsError: if the name is taken; what stands there is untouched.
        OutboxError: if the disk doesn't take it.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        passed("file.temporary")
        os.link(temporary, path)
        passed("file.linked")
    except FileExistsError:
        raise
    except OSError as error:
        raise OutboxError(
            f"{path} can't be written: {error.strerror or error}", "free space or mend the disk below FLUXION_HOME, then run it again: nothing was lost"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
