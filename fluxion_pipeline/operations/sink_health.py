"""What the doctor asks of a sink that opens: its schema, its owner, whether it can be written, and whether both answer alike.

Each check returns what it found or raises a ``FluxionError`` with a remedy. Before this: the sink opens;
after it: ``operations.doctor`` says in which order, and which are skipped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from fluxion_pipeline.contracts.migrations import HEAD
from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.contracts.tables import CONTRACT_TABLES
from fluxion_pipeline.errors import PermanentError
from fluxion_pipeline.operations.which_server import refilled
from fluxion_pipeline.parity.schema import live_drift
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.duckdb.connect import anew, open_file
from fluxion_pipeline.sinks.postgresql.connect import connect

DRIFT_SHOWN = 3
"""Differences of a schema that are named; ``fluxion parity --level schema`` has them all."""

DUCKDB_WAIT = 2.0
"""Seconds to wait for the DuckDB file: enough for a reader, not for a whole run."""

SAME_EVERYWHERE = """
SELECT CAST(CAST('0.1' AS NUMERIC(18,4)) + CAST('0.2' AS NUMERIC(18,4)) AS VARCHAR(40)),
       CAST(CAST('-99999999999999.9999' AS NUMERIC(18,4)) AS VARCHAR(40)),
       CAST(round(CAST('2.00005' AS NUMERIC(18,5)), 4) AS VARCHAR(40)),
       CAST(CAST('2024-02-29' AS DATE) + 1 AS VARCHAR(40)),
       CAST(timezone('America/Caracas', CAST('2025-11-24 03:59:59+00' AS TIMESTAMPTZ)) AS VARCHAR(40)),
       upper('ñandú') || length('€'), md5('añejo')
"""
"""An expression over decimals, dates, time zones and text on which both engines must agree to the letter."""


def schema(settings: Settings, sink: SinkName) -> str:
    """The migrations are at head, and the pipeline's tables are as the contract has them."""
    with _querying(settings, sink, write=False) as query:
        known = query("SELECT count(*) FROM information_schema.tables WHERE table_name = 'alembic_version'")
        found = [row[0] for row in query("SELECT version_num FROM alembic_version")] if known[0][0] else []
    if found == [HEAD]:
        return _as_it_must_be(settings, sink)
    remedy = "fluxion init" if not found or found[0] < HEAD else "update this program: the schema is newer than it knows"
    raise PermanentError(f"the schema is {'not there yet' if not found else 'at ' + ', '.join(found)}, head is {HEAD}", remedy)


def _as_it_must_be(settings: Settings, sink: SinkName) -> str:
    """Users' own tables are left out: a sink that was away gets them when it is brought up to date."""
    with _opened(settings, sink, write=False) as connection:
        lines = live_drift(sink, connection)
        again = anew(settings.duckdb_file) if sink is SinkName.DUCKDB else refilled(settings, connection.info.dbname)
    if not lines:
        return f"at head ({HEAD})"
    more = f", and {len(lines) - DRIFT_SHOWN} more" if len(lines) > DRIFT_SHOWN else ""
    raise PermanentError(f"somebody has changed the tables: {'; '.join(lines[:DRIFT_SHOWN])}{more}", f"undo that, or {again}")


def claim(settings: Settings, sink: SinkName) -> str:
    """Whether the sink was claimed for this home's outbox; another home's is not ours to write."""
    with _querying(settings, sink, write=False) as query:
        known = query("SELECT count(*) FROM information_schema.tables WHERE table_name = 'fluxion_meta'")
        found = query("SELECT valor FROM fluxion_meta WHERE clave = 'outbox'") if known[0][0] else []
    file = settings.home / "lotes" / "outbox.json"
    mine = json.loads(file.read_text("utf-8")).get("id") if file.exists() else None
    if not found:
        raise PermanentError(f"no home has claimed {sink} yet", "fluxion init")
    if found[0][0] != mine:
        remedy = "point this home to its own sink, or, if this home shall write it from now on: fluxion init --claim"
        raise PermanentError(f"{sink} belongs to the outbox {found[0][0][:8]}, this home's is {mine[:8] if mine else 'not made yet'}", remedy)
    return f"claimed for the outbox {mine[:8]}"


def reads_and_writes(settings: Settings, sink: SinkName) -> str:
    """A table made, written and read in a transaction that is then rolled back: nothing stays."""
    probe = quote(f"doctor_{os.getpid()}")
    kind = "TEMP TABLE" if sink is SinkName.POSTGRESQL else "TABLE"  # of DuckDB's, only a real one touches the file
    with _querying(settings, sink, write=True) as query:
        query(f"CREATE {kind} {probe} (valor NUMERIC(18,4))")
        query(f"INSERT INTO {probe} VALUES (CAST('12.3456' AS NUMERIC(18,4)))")  # noqa: S608 a name made here
        read = query(f"SELECT valor FROM {probe}")  # noqa: S608
        forbidden, role = (_forbidden(query), query("SELECT current_user")[0][0]) if sink is SinkName.POSTGRESQL else ([], "")
    if [tuple(row) for row in read] != [(Decimal("12.3456"),)]:
        raise PermanentError(f"12.3456 was written and {read} was read", "report it, with the versions above")
    if forbidden:
        grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quote(role)}"
        raise PermanentError(f"the role «{role}» may not write {', '.join(forbidden)}", f"their owner types: {grant}")
    return "a row was written, read and rolled back"


def _forbidden(query: Callable[[str], list[Any]]) -> list[str]:
    names = ", ".join(f"'{name}'" for name in CONTRACT_TABLES)
    rights = " AND ".join(f"has_table_privilege(oid, '{right}')" for right in ("SELECT", "INSERT", "UPDATE", "DELETE"))
    wanted = f"relnamespace = 'public'::regnamespace AND relname IN ({names})"
    return [row[0] for row in query(f"SELECT relname FROM pg_class WHERE {wanted} AND NOT ({rights}) ORDER BY 1")]  # noqa: S608 names of the contract


def same_answers(settings: Settings) -> str:
    """Both sinks know as many locations, and their engines agree on an expression."""
    answers = {}
    for sink in SinkName:
        with _querying(settings, sink, write=False) as query:
            stores = query("SELECT count(*) FROM ubicaciones")[0][0]
            answers[sink] = (f"{stores} ubicaciones", *(str(value) for value in query(SAME_EVERYWHERE)[0]))
    one, other = answers.values()
    for mine, theirs in zip(one, other, strict=True):
        if mine != theirs:
            remedy = (
                "fluxion repair ubicaciones --from lote --apply"
                if mine.endswith("ubicaciones")
                else "report it, with the versions above: the engines disagree on a constant"
            )
            raise PermanentError(f"DuckDB says {mine}, PostgreSQL says {theirs}", remedy)
    return f"{one[0]}, and decimals, dates, time zones and text alike"


@contextmanager
def _opened(settings: Settings, sink: SinkName, *, write: bool) -> Iterator[Any]:
    """The driver's connection to a sink."""
    if sink is SinkName.DUCKDB:
        with open_file(settings, write=write, wait=DUCKDB_WAIT, purpose="fluxion doctor") as file:
            yield file
    else:
        with connect(settings, read_only=not write) as connection:
            yield connection


@contextmanager
def _querying(settings: Settings, sink: SinkName, *, write: bool) -> Iterator[Callable[[str], list[Any]]]:
    """A function that runs one statement on a sink and returns its rows; all is rolled back in the end."""
    with _opened(settings, sink, write=write) as connection:
        if sink is SinkName.DUCKDB:
            connection.begin()
        cursor = connection if sink is SinkName.DUCKDB else connection.cursor()

        def ask(text: str) -> list[Any]:
            cursor.execute(text)
            return list(cursor.fetchall()) if cursor.description else []

        try:
            yield ask
        finally:
            connection.rollback()
