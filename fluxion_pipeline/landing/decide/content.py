"""Fingerprints: whether two readings say the same, and whether two stores do."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from fluxion_pipeline.contracts.tables import spec
from fluxion_pipeline.landing.digest import digest_of, likeness, shared_columns
from fluxion_pipeline.landing.index import stamp
from fluxion_pipeline.sources.protocol import Reading


@dataclass(frozen=True)
class Fingerprint:
    """Of a reading.

    Attributes:
        content: equal exactly where rows, rejects, window and answer are.
        twin: equal where the rows are but for the store's own codes.
        measure: number and digest of the rows, as images have them.
    """

    content: str
    twin: str
    measure: tuple[int, str]


def fingerprint(reading: Reading) -> Fingerprint:
    """Fingerprint a reading."""
    table = spec(reading.fact.value)
    shared = shared_columns(table.columns)
    measured = reading.rows.num_rows, digest_of(reading.rows, table.columns)
    rejects = sorted(reading.rejects.column("id").to_pylist())
    window = [stamp(x) for x in reading.window] if reading.window else None
    text = json.dumps([*measured, rejects, window, reading.answer.value], ensure_ascii=False)
    return Fingerprint(hashlib.sha256(text.encode()).hexdigest()[:32], f"{reading.rows.num_rows}:{likeness(reading.rows, shared)}", measured)
