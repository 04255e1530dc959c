"""What a location's folder tells the index: manifests, and the log of the readings that wrote none.

A reading that is nothing new writes one line here: it was an attempt, and it may show that the slice
is still as it stands. The index takes over whatever it hasn't yet, in the order in which it happened,
so that a crash at any point, or the loss of the index, loses nothing.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.errors import OutboxError
from fluxion_pipeline.landing.index import Attempt, Index
from fluxion_pipeline.landing.lote import Manifest, manifest_path, read_manifest, sync_folder

LOG = "intentos.jsonl"


def append(place: Path, line: Mapping[str, Any]) -> None:
    """Add a line to a location's log, durably; the caller holds the location's lock.

    A torn last line, which a crash left, is ended first and means nothing.

    Raises:
        OutboxError: if the disk doesn't take it.
    """
    path = place / LOG
    data = json.dumps(line).encode() + b"\n"
    try:
        new = not path.exists()
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            size = os.fstat(handle).st_size
            if size and os.pread(handle, 1, size - 1) != b"\n":
                data = b"\n" + data
            while data:
                data = data[os.write(handle, data) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        if new:
            sync_folder(place)
    except OSError as error:
        raise OutboxError(f"{path} can't be written: {error.strerror or error}", "free space or mend the disk below FLUXION_HOME, then run it again") from error


def catch_up(index: Index, location: str, place: Path) -> None:
    """Let the index take over what follows the last manifest and line that it has. Needs no lock."""
    with index.open() as db:
        sequence, read = index.progress(db, location)
    if not manifest_path(place, sequence + 1).exists() and _size(place) == read:
        return
    with index.open(write=True) as db:
        sequence, _ = index.progress(db, location)
        _take_over(index, db, location, place, _following(place, sequence))


def take_over_all(index: Index, location: str, place: Path) -> None:
    """Fill an empty index with everything of a location; the caller holds the location's lock."""
    with index.open(write=True) as db:
        _take_over(index, db, location, place, (read_manifest(p) for p in sorted(place.glob("*/*.json"))))


def _following(place: Path, sequence: int) -> Iterator[Manifest]:
    while (path := manifest_path(place, sequence + 1)).exists():
        yield read_manifest(path)
        sequence += 1


def _take_over(index: Index, db: sqlite3.Connection, location: str, place: Path, manifests: Iterable[Manifest]) -> None:
    _, read = index.progress(db, location)
    lines, read = _lines(place, read)
    for manifest in manifests:
        while lines and lines[0]["after"] < manifest.sequence:
            _remember(index, db, location, lines.pop(0))
        index.add_lote(db, manifest)
    for line in lines:
        _remember(index, db, location, line)
    index.set_log_read(db, location, read)


def _remember(index: Index, db: sqlite3.Connection, location: str, line: dict[str, Any]) -> None:
    attempt = Attempt(Fact(line["fact"]), location, line["cut"], {k: v for k, v in line.items() if k not in ("after", "verified")})
    index.add_attempt(db, attempt)
    if line["verified"]:
        index.verify(db, attempt.key, line["verified"])


def _lines(place: Path, read: int) -> tuple[list[dict[str, Any]], int]:
    """The whole lines from a byte on, and the byte after them; a log shorter than that is read from its start."""
    if not (size := _size(place)):
        return [], 0
    start = read if read <= size else 0
    with (place / LOG).open("rb") as log:
        log.seek(start)
        data = log.read()
    whole = data[: data.rfind(b"\n") + 1]
    return [line for text in whole.split(b"\n") if (line := _parsed(text)) is not None], start + len(whole)


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and {"fact", "cut", "after", "verified", "read_at", "content"} <= line.keys() else None


def _size(place: Path) -> int:
    try:
        return (place / LOG).stat().st_size
    except FileNotFoundError:
        return 0
