"""The ledger of proofs: what was proven equal before, so that a proof costs what changed since.

It lies in PostgreSQL beside the rows that it speaks of, so that a restored copy of the server takes
it along; written in a transaction of its own after a pass, and only if nobody else wrote it
meanwhile. It is trusted for the same server, tables and version of DuckDB, while PostgreSQL's primary
key keeps keys apart; in any other case everything is compared anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

import duckdb
import psycopg2

from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.failpoints import passed
from fluxion_pipeline.parity.postgresql_side import PostgresqlSide
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.postgresql.connect import connect
from fluxion_pipeline.sinks.postgresql.seals import Moment

ALL = ", all slices"
"""What stands behind ``engine`` where all slices of which PostgreSQL had rows were proven."""


@dataclass(frozen=True)
class Proven:
    """A slice that both sides hold equally.

    Attributes:
        version: the image that both held.
        rows: rows of it.
        sum: DuckDB's sum of the hashes of its rows.
        compared: when its rows were last compared one by one.
    """

    version: int
    rows: int
    sum: str
    compared: datetime


@dataclass
class Proof:
    """What is known of a table before a pass, and what the pass finds.

    Attributes:
        table: the table.
        now: the moment of the pass's snapshot.
        id: id of the proof that was found; None: there is none.
        mark: its mark; None: it can't be trusted now, so its slices prove nothing.
        before: its slices.
        found: the slices that this pass has proven; others are forgotten.
        all: whether ``before`` are all slices of which PostgreSQL had rows.
        held: the slices of which PostgreSQL has rows.
    """

    table: TableSpec
    now: Moment
    id: str | None = None
    mark: int | None = None
    before: dict[str, Proven] = field(default_factory=dict)
    found: dict[str, Proven] = field(default_factory=dict)
    all: bool = False
    held: frozenset[str] = frozenset()

    @property
    def made_with(self) -> str:
        """What the ledger keeps beside the proof: for what it holds, and whether it is of all that PostgreSQL has."""
        return engine(self.table) + (ALL if self.held <= self.found.keys() else "")

    @property
    def oldest(self) -> datetime | None:
        """When the slice that waits longest was last compared row by row."""
        return min((p.compared for p in self.found.values()), default=None)


def engine(table: TableSpec) -> str:
    """For what the sums of hashes hold: this version of DuckDB, these columns, and that each slice is as its lote says."""
    return f"duckdb {duckdb.__version__} as lotes {hashlib.sha256(','.join(table.columns).encode()).hexdigest()[:8]}"


def load(side: PostgresqlSide, table: TableSpec) -> Proof:
    """What was proven of a table before, as of the snapshot of a pass."""
    proof = Proof(table, side.moment(table))
    found = side.rows("SELECT id, servidor, motor, marca FROM pruebas WHERE tabla = ?", [table.name])
    if not found:
        return proof
    proof.id, server, made_with, mark = found[0]
    lines = side.rows("SELECT slice, version, filas, suma, comparado_en FROM pruebas_slices WHERE tabla = ?", [table.name])
    proof.before = {name: Proven(*rest) for name, *rest in lines}
    if proof.now.trusts(server, mark) and made_with.removesuffix(ALL) == engine(table) and side.keyed(table):
        proof.mark, proof.all = mark, made_with.endswith(ALL)
    return proof


def keep(settings: Settings, proofs: Mapping[str, Proof], at: datetime) -> bool:
    """Write what a pass has proven; False: somebody else did meanwhile, or it can't be written, and what is there stands."""
    mine = {name: p for name, p in proofs.items() if p.now.server}
    try:
        with connect(settings) as connection, connection.cursor() as cursor:
            for name, proof in sorted(mine.items()):
                cursor.execute("SELECT id FROM pruebas WHERE tabla = %s FOR UPDATE", (name,))
                there = cursor.fetchone()
                if (there[0] if there else None) != proof.id:
                    return False
                _write(cursor, proof, at)
                passed("proof.writing")
            connection.commit()
        passed("proof.kept")
    except (FluxionError, psycopg2.Error):
        return False
    return True


def _write(cursor: psycopg2.extensions.cursor, proof: Proof, at: datetime) -> None:
    name = proof.table.name
    cursor.execute(
        "INSERT INTO pruebas (tabla, id, servidor, motor, marca, probado_en) VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (tabla) DO UPDATE"
        " SET id = excluded.id, servidor = excluded.servidor, motor = excluded.motor, marca = excluded.marca, probado_en = excluded.probado_en",
        (name, uuid4().hex, proof.now.server, proof.made_with, proof.now.mark, at),
    )
    gone = sorted(proof.before.keys() - proof.found.keys())
    if gone:
        cursor.execute("DELETE FROM pruebas_slices WHERE tabla = %s AND slice = ANY(%s)", (name, gone))
    new = {slice_: p for slice_, p in proof.found.items() if proof.before.get(slice_) != p}
    if new:
        cursor.execute(
            "INSERT INTO pruebas_slices (tabla, slice, version, filas, suma, comparado_en)"
            " SELECT %s, * FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[])"
            " ON CONFLICT (tabla, slice) DO UPDATE SET version = excluded.version, filas = excluded.filas, suma = excluded.suma,"
            " comparado_en = excluded.comparado_en",
            (name, list(new), *([getattr(p, f) for p in new.values()] for f in ("version", "rows", "sum", "compared"))),
        )
