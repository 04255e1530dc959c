"""Fingerprints: whether two readings say the same, and whether two stores do."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import duckdb

from fluxion_pipeline.contracts.sqltext import columns, digest_duckdb
from fluxion_pipeline.contracts.tables import spec
from fluxion_pipeline.landing import frames
from fluxion_pipeline.landing.index import stamp
from fluxion_pipeline.sources.protocol import Reading

_OF_THE_STORE = ("ubicacion_codigo", "almacen_codigo")


@dataclass(frozen=True)
class Fingerprint:
    """Of a reading.

    Attributes:
        content: equal exactly where rows, rejects, window and answer are.
        twin: equal where the rows are but for the store's own codes; compared among stores of one time only,
            so it may use DuckDB's own hash and name its version.
    """

    content: str
    twin: str


def fingerprint(reading: Reading) -> Fingerprint:
    """Fingerprint a reading."""
    table = spec(reading.fact.value)
    shared = [c for c in table.columns if c not in _OF_THE_STORE]
    sql = f"SELECT count(*), {digest_duckdb(table, table.columns)}, coalesce(sum(hash({columns(shared)})::HUGEINT), 0)::VARCHAR FROM reading"  # noqa: S608 quoted names
    ((count, digest, hashed),) = frames.rows(sql, {"reading": reading.rows})
    rejects = sorted(reading.rejects.column("id").to_pylist())
    window = [stamp(x) for x in reading.window] if reading.window else None
    text = json.dumps([count, digest, rejects, window, reading.answer.value], ensure_ascii=False)
    return Fingerprint(hashlib.sha256(text.encode()).hexdigest()[:32], f"duckdb-{duckdb.__version__}:{count}:{hashed}")
