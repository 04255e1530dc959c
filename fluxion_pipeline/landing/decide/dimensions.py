"""What the landing of ``*`` decides: ``productos`` and ``ubicaciones``, which nobody else writes.

``productos`` is its previous image updated by the catalogue; nothing is deleted. Products that facts
met before any catalogue are added as provisional rows, never over an existing one.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from fluxion_pipeline.contracts.outcomes import GOOD, Fact, Outcome, Provenance
from fluxion_pipeline.contracts.sqltext import columns
from fluxion_pipeline.contracts.tables import spec
from fluxion_pipeline.errors import LocationError
from fluxion_pipeline.landing import frames
from fluxion_pipeline.landing.decide.content import fingerprint
from fluxion_pipeline.landing.decide.coverage import applied_line, coverage_draft, evidence_line, rejects_draft, slice_of, standing_json
from fluxion_pipeline.landing.decide.decision import Decision, Draft
from fluxion_pipeline.landing.decide.merge import reject_rows
from fluxion_pipeline.landing.decide.outcome import base_outcome
from fluxion_pipeline.landing.index import stamp
from fluxion_pipeline.landing.past import Past
from fluxion_pipeline.locations.registry import COLUMNS, Registry
from fluxion_pipeline.sources.protocol import Reading, arrow_type, row_schema

EVERYWHERE = "*"
"""The pseudo-location, and the only slice, of the dimensions."""


def products(past: Past) -> pa.Table:
    """The products as they stand."""
    found = past.rows("productos", EVERYWHERE)
    schema = row_schema(Fact.CATALOGO)
    return schema.empty_table() if found is None else found.select(schema.names).cast(schema)


def decide_catalogue(reading: Reading, past: Past) -> Decision:
    """Decide what becomes of a reading of the catalogue."""
    standing = past.standing(reading.fact, reading.cut)
    _, verified, newest = past.attempt(reading.fact, reading.cut)
    mark = fingerprint(reading)
    if reading.provenance is Provenance.REPAIR:
        return _repair(reading, mark.content, verified)
    outcome, reason = base_outcome(reading, None)
    if standing and standing["content"] == mark.content and standing["outcome"] == outcome.value:
        return Decision(outcome, False, None, mark.content, new=False, verified=reading.read_at)
    before = products(past)
    if outcome in GOOD and not reading.rows.num_rows and before.num_rows and reading.provenance is not Provenance.ACCEPT:
        outcome, reason = Outcome.SOSPECHOSO, f"a catalogue without products, where there were {before.num_rows}"
    applied = outcome in GOOD and not (verified is not None and stamp(reading.read_at) <= verified)
    noted = past.image("rechazos", slice_of(reading)) is not None
    rejects = rejects_draft(reading, reject_rows(reading, None), noted)
    if applied:
        counts = {"cargadas": reading.rows.num_rows, "repetidas": reading.repeated, "rechazadas": reading.rejects.num_rows, "arrastradas": 0}
        line = applied_line(reading, outcome, mark, counts, None)
        drafts = (Draft("productos", EVERYWHERE, _updated(before, reading.rows)), coverage_draft(reading, line), *rejects)
        return Decision(outcome, True, None, mark.content, drafts, standing_json(reading, outcome, mark, line), verified=reading.read_at)
    known = past.index.known(reading.fact, reading.location, reading.cut, stamp(reading.read_at), mark.content)
    if known or (newest is not None and (newest["content"], newest["outcome"]) == (mark.content, outcome.value)):
        return Decision(outcome, False, reason, mark.content, new=False)
    older = newest is not None and stamp(reading.read_at) < newest["read_at"]
    evidence = () if standing or older else (coverage_draft(reading, evidence_line(reading, outcome, mark)), *rejects)
    return Decision(outcome, False, reason, mark.content, evidence)


def _repair(reading: Reading, content: str, verified: str | None) -> Decision:
    """A sink's products become the image, those that it lacks are gone; the catalogue that stands still stands."""
    if verified is not None and stamp(reading.read_at) <= verified:
        return Decision(Outcome.REPARACION, False, reading.reason, content)
    draft = Draft("productos", EVERYWHERE, reading.rows.sort_by("codigo"))
    return Decision(Outcome.REPARACION, True, reading.reason, content, (draft,), verified=reading.read_at)


def _updated(before: pa.Table, rows: pa.Table) -> pa.Table:
    names = columns(row_schema(Fact.CATALOGO).names)
    sql = f"""
        SELECT {names} FROM fresh UNION ALL SELECT {names} FROM before ANTI JOIN fresh USING (codigo) ORDER BY codigo
    """  # noqa: S608 quoted names
    return frames.query(sql, {"fresh": rows, "before": before}).cast(row_schema(Fact.CATALOGO))


def with_met(before: pa.Table, met: Sequence[tuple[str, str | None, str | None, str | None]]) -> pa.Table:
    """The products, plus those that facts met first (codigo, descripcion, categoria, marca), flagged."""
    schema = row_schema(Fact.CATALOGO)
    known = set(before.column("codigo").to_pylist())
    fresh = [
        {"codigo": code, "descripcion": text, "categoria": category, "marca": brand, "es_provisional": True}
        for code, text, category, brand in met
        if code not in known
    ]
    if not fresh:
        return before
    rows = pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in fresh], schema=schema)
    return pa.concat_tables([before, rows]).sort_by("codigo")


def locations_draft(registry: Registry, past: Past) -> Draft:
    """The map as the image of ``ubicaciones``.

    Raises:
        LocationError: if a code that is in use is gone from the map.
    """
    found = past.rows("ubicaciones", EVERYWHERE)
    gone = sorted(set(found.column("codigo").to_pylist()) - {x.codigo for x in registry}) if found is not None else []
    if gone:
        raise LocationError(f"ubicaciones.csv lacks {', '.join(gone)}, which have been loaded", "a code is never removed: put the line back with activo=false")
    names = spec("ubicaciones").columns
    schema = pa.schema([(c, arrow_type("ubicaciones", c)) for c in names])
    rows = [{c: getattr(x, c) for c in COLUMNS} for x in registry]
    return Draft("ubicaciones", EVERYWHERE, pa.Table.from_pylist([{c: r[c] for c in names} for r in rows], schema=schema).sort_by("codigo"))
