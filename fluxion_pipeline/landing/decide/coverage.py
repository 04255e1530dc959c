"""The coverage line and the rejects of a slice: they tell of the reading that stands.

A failed attempt tells here only where no good reading stands; otherwise it is kept among the
attempts, outside of images.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from fluxion_pipeline.contracts.outcomes import Outcome
from fluxion_pipeline.contracts.tables import spec
from fluxion_pipeline.landing.decide.content import Fingerprint
from fluxion_pipeline.landing.decide.decision import Draft
from fluxion_pipeline.landing.index import instant, stamp
from fluxion_pipeline.sources.protocol import Reading, arrow_type


def slice_of(reading: Reading) -> str:
    """The slice of a reading's coverage and rejects."""
    return f"{reading.fact.value}/{reading.location}/{reading.cut}"


def coverage_draft(reading: Reading, line: dict[str, Any]) -> Draft:
    """The coverage line as an image of one row; ``line`` has the columns from ``resultado`` on."""
    full = {"tabla": reading.fact.value, "ubicacion_codigo": reading.location, "corte": reading.cut, **line}
    names = spec("cobertura").columns
    schema = pa.schema([(c, arrow_type("cobertura", c)) for c in names])
    return Draft("cobertura", slice_of(reading), pa.Table.from_pylist([{c: full.get(c) for c in names}], schema=schema))


def rejects_draft(reading: Reading, rows: pa.Table, had: bool) -> tuple[Draft, ...]:
    """The rejects as an image; none where there never were any."""
    return (Draft("rechazos", slice_of(reading), rows),) if rows.num_rows or had else ()


def applied_line(reading: Reading, outcome: Outcome, mark: Fingerprint, counts: dict[str, int], covered: datetime | None) -> dict[str, Any]:
    """The coverage line of a reading that stands; ``counts``: cargadas, repetidas, rechazadas, arrastradas."""
    read = counts["cargadas"] + counts["repetidas"] + counts["rechazadas"]
    return {
        "resultado": outcome.value,
        "leidas": read,
        "retenidas": 0,
        **counts,
        "cubierto_hasta": covered,
        "leido_en": reading.read_at,
        "huella": mark.content,
    }


def evidence_line(reading: Reading, outcome: Outcome, mark: Fingerprint) -> dict[str, Any]:
    """The coverage line of a reading that isn't applied, where none stands."""
    return {
        "resultado": outcome.value,
        "leidas": reading.read,
        "cargadas": 0,
        "repetidas": reading.repeated,
        "rechazadas": reading.rejects.num_rows,
        "retenidas": reading.rows.num_rows,
        "arrastradas": 0,
        "cubierto_hasta": None,
        "leido_en": reading.read_at,
        "huella": mark.content,
    }


def standing_json(reading: Reading, outcome: Outcome, mark: Fingerprint, line: dict[str, Any]) -> dict[str, Any]:
    """What the index keeps of the reading that stands."""
    covered = line["cubierto_hasta"]
    return {
        "fact": reading.fact.value,
        "cut": reading.cut,
        "read_at": stamp(reading.read_at),
        "outcome": outcome.value,
        "content": mark.content,
        "twin": mark.twin if reading.rows.num_rows + reading.rejects.num_rows else None,
        "repeated": line["repetidas"],
        "covered_until": stamp(covered) if covered else None,
        "origin": reading.origin,
    } | ({"names": reading.names} if reading.names else {})


def covered_so_far(standing: dict[str, Any] | None) -> datetime | None:
    """``cubierto_hasta`` of the reading that stands."""
    return instant(standing["covered_until"]) if standing and standing["covered_until"] else None
