"""From drafts to a lote's files: which slices changed, their rows and digests, one Parquet file a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.tables import spec
from fluxion_pipeline.landing.decide.decision import Draft
from fluxion_pipeline.landing.digest import digest_of
from fluxion_pipeline.landing.lote import LoteWriter, SliceEntry
from fluxion_pipeline.landing.past import Past


def entries(drafts: tuple[Draft, ...], past: Past, sequence: int, writer: LoteWriter) -> tuple[SliceEntry, ...]:
    """Write the drafts whose rows changed and describe them for the manifest.

    A slice whose applied rows are those of its newest image is left out; where landing's own columns
    may have changed (``Draft.stateful``) it is written under the version that it had.
    """
    result: list[SliceEntry] = []
    for table in dict.fromkeys(d.table for d in drafts):
        mine = [d for d in drafts if d.table == table]
        held = {i.slice: i for i in past.index.images(past.location, table, slices=[d.slice for d in mine])}
        kept: list[pa.Table] = []
        described: list[tuple[str, int, int, str]] = []
        for draft in mine:
            rows, digest = measured(draft)
            image = held.get(draft.slice)
            same = image is not None and (image.rows, image.digest) == (rows, digest)
            if same and not draft.stateful:
                continue
            described.append((draft.slice, image.version if same and image else sequence, rows, digest))
            kept.append(draft.rows.append_column("_slice", pa.repeat(draft.slice, draft.rows.num_rows)))
        if described:
            file = writer.parquet(table, pa.concat_tables(kept), pieces=len(kept) > 1)
            result += [SliceEntry(table, slice_, version, rows, digest, file) for slice_, version, rows, digest in described]
    return tuple(result)


def written_steps(drafts: tuple[Draft, ...], slices: tuple[SliceEntry, ...], writer: LoteWriter) -> list[dict[str, Any]]:
    """Write what turns the images of before into those of a lote, as the manifest tells of it (``earlier.step`` reads it)."""
    fresh = {(s.table, s.slice) for s in slices if s.version == writer.sequence}
    return [
        {
            "tabla": d.table,
            "slice": d.slice,
            "version": d.step.version,
            "filas": d.step.rows,
            "huella": d.step.digest,
            "archivo": writer.parquet("pasos", d.step.changes),
        }
        for d in drafts
        if d.step is not None and (d.table, d.slice) in fresh
    ]


def measured(draft: Draft) -> tuple[int, str]:
    """Number and digest of a draft's applied rows."""
    if draft.measure is not None:
        return draft.measure
    return applied(draft.rows, spec(draft.table).columns)


def applied(rows: pa.Table, names: Sequence[str]) -> tuple[int, str]:
    """Number and digest of the applied ones among an image's rows."""
    if "_desplazada" in rows.schema.names and pc.any(rows.column("_desplazada")).as_py():  # to filter is to copy
        rows = rows.filter(pc.invert(rows.column("_desplazada")))
    return rows.num_rows, digest_of(rows, names)
