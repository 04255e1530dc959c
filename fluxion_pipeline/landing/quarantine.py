"""Data of locations that the map doesn't know, or that are inactive: kept whole, as they came, until the map does.

The folder mirrors a folder of drops (``cuarentena/ventas/<folder>/<day>.csv``), with a line of JSON
beside each file that says when it came and why it is here.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.errors import OutboxError
from fluxion_pipeline.failpoints import passed
from fluxion_pipeline.landing.index import place_name, stamp
from fluxion_pipeline.landing.lote import create, sync_folder
from fluxion_pipeline.sources.protocol import Source, Unknown

_DONE = ".hecho"
_FOLDERS = {Fact.VENTAS: "ventas", Fact.INVENTARIO: "inventario"}


@dataclass(frozen=True)
class Quarantined:
    """One piece in quarantine.

    Attributes:
        folder: the folder's name, as it came.
        fact: what it holds.
        cut: day or tick.
        origin: where it came from.
        reason: why it is here.
        rows: data rows, as lines of the file.
        bytes: its size.
        sha256: of its bytes.
        taken_at: when it was put aside.
        file: its path below the quarantine.
    """

    folder: str
    fact: Fact
    cut: str
    origin: str
    reason: str
    rows: int
    bytes: int
    sha256: str
    taken_at: str
    file: str


class Quarantine:
    """The quarantine of a home."""

    def __init__(self, home: Path) -> None:
        """Remember where it is."""
        self.root = home / "cuarentena"

    def take(self, source: Source, fact: Fact, at: datetime) -> tuple[Quarantined, ...]:
        """Put aside what the source has of unknown locations and the quarantine hasn't; each content once."""
        taken = []
        for item in source.unknown():
            if item.fact is fact:
                data = source.raw(item)
                found = self._keep(item, data, at)
                if found is not None:
                    taken.append(found)
        return tuple(taken)

    def _keep(self, item: Unknown, data: bytes, at: datetime) -> Quarantined | None:
        digest = hashlib.sha256(data).hexdigest()
        folder = self.root / _FOLDERS[item.fact] / place_name(item.folder)
        suffix = "".join(Path(item.origin).suffixes) or ".csv"
        name = f"{item.cut}{suffix}"
        note = folder / f"{name}.{digest[:12]}.json"
        if note.exists():
            return None
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / f"{name}.{digest[:12]}"
        if not kept.exists():
            create(kept, data)
        passed("quarantine.kept")
        rows = _rows(data, suffix)
        entry = Quarantined(item.folder, item.fact, item.cut, item.origin, item.reason, rows, len(data), digest, stamp(at), str(kept.relative_to(self.root)))
        create(note, json.dumps({**asdict(entry), "fact": entry.fact.value}, ensure_ascii=False).encode())
        sync_folder(folder)
        return entry

    def bytes_of(self, entry: Quarantined) -> bytes:
        """What a piece holds, as it came.

        Raises:
            OutboxError: if it is gone.
        """
        try:
            return (self.root / entry.file).read_bytes()
        except OSError as error:
            raise OutboxError(f"{self.root / entry.file} can't be read: {error.strerror}", "restore it from the backup of FLUXION_HOME") from error

    def done(self, entry: Quarantined) -> None:
        """A piece has landed: it is kept, and waits no longer."""
        with suppress(FileExistsError):
            create(self.root / f"{entry.file}{_DONE}", b"")

    def entries(self) -> tuple[Quarantined, ...]:
        """Everything that waits in quarantine, by folder, fact and cut."""
        notes = [p for p in sorted(self.root.glob("*/*/*.json")) if not p.with_suffix(_DONE).exists()]
        found = [json.loads(p.read_text("utf-8")) for p in notes]
        return tuple(sorted((Quarantined(**{**e, "fact": Fact(e["fact"])}) for e in found), key=lambda e: (e.folder, e.fact.value, e.cut, e.taken_at)))


def _rows(data: bytes, suffix: str) -> int:
    """Data rows of a file, for a person's eye: lines after the first (of a Parquet file: its rows)."""
    import gzip
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if suffix.endswith(".parquet"):
            return int(pq.ParquetFile(io.BytesIO(data)).metadata.num_rows)
        text = gzip.decompress(data) if suffix.endswith(".gz") else data
    except (OSError, EOFError, pa.ArrowException):
        return 0
    return max(0, len([x for x in text.splitlines() if x.strip()]) - 1)
