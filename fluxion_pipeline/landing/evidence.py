"""Readings that were held back, put together again from the evidence that their lote kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fluxion_pipeline.contracts.outcomes import Fact, Outcome, Provenance
from fluxion_pipeline.errors import OutboxError
from fluxion_pipeline.landing.index import instant
from fluxion_pipeline.landing.lote import Manifest, folder, manifest_path, read_manifest
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.landing.past import DAMAGED
from fluxion_pipeline.sources.protocol import MET_SCHEMA, REJECT_SCHEMA, Reading, no_rejects, no_rows, row_schema


@dataclass(frozen=True)
class HeldBack:
    """A slice whose newest attempt is held back, and why.

    Attributes:
        fact: what was read.
        location: canonical code.
        cut: day or tick.
        reason: why it is held back.
        read_at: when it was read last (text that sorts).
        valid: rows that would be loaded.
        origin: file or address that was read.
        lote: secuencia of the lote that has its rows; read again alike it wrote no other.
    """

    fact: Fact
    location: str
    cut: str
    reason: str
    read_at: str
    valid: int
    origin: str
    lote: int


def held_back(outbox: Outbox) -> tuple[HeldBack, ...]:
    """Everything that waits for a person, or for the next good reading."""
    return tuple(
        HeldBack(Fact(table), place, cut, data["reason"] or "", data["read_at"], data["valid"], data["origin"], data["lote"])
        for table, place, cut, data in outbox.index.held_back()
        if data["outcome"] == Outcome.SOSPECHOSO.value
    )


def reading_of(outbox: Outbox, held: HeldBack) -> Reading:
    """The reading that was held back, as a person accepts it.

    Raises:
        OutboxError: if its lote is gone, or can't be read.
    """
    root = outbox.place(held.location)
    path = manifest_path(root, held.lote)
    if not path.exists():
        raise OutboxError(f"the evidence of {held.location} {held.cut} (lote {held.lote}) is gone", "read it again: fluxion run … --accept")
    manifest = read_manifest(path)
    data: dict[str, Any] = manifest.reading or {}
    window = data["window"]
    return Reading(
        fact=held.fact,
        location=held.location,
        cut=held.cut,
        read_at=instant(held.read_at),
        rows=_table(outbox, manifest, "evidencia", row_schema(held.fact), no_rows(held.fact)),
        rejects=_table(outbox, manifest, "evidencia_rechazos", REJECT_SCHEMA, no_rejects()),
        read=data["read"],
        repeated=data["repeated"],
        window=(instant(window[0]), instant(window[1])) if window else None,
        origin=data["origin"],
        source_digest=data["source"],
        warnings=tuple(data["warnings"]),
        met=_table(outbox, manifest, "evidencia_productos", MET_SCHEMA, MET_SCHEMA.empty_table()),
        seconds=data["seconds"],
        provenance=Provenance.ACCEPT,
        names=data.get("names"),
    )


def _table(outbox: Outbox, manifest: Manifest, name: str, schema: pa.Schema, empty: pa.Table) -> pa.Table:
    file = manifest.extra.get(name)
    if not file:
        return empty
    path = folder(outbox.place(manifest.location), manifest.sequence) / file
    try:
        return pq.read_table(path).cast(schema)
    except DAMAGED as error:
        raise OutboxError(f"the evidence {path} can't be read: {str(error).splitlines()[0]}", "read it again: fluxion run … --accept") from error
