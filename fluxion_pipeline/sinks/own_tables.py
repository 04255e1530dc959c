"""Users' own tables in a sink: made from their contracts when rows are owed, the same on both engines.

They are in no revision of the schema. A table is ours if ``fluxion_meta`` says by which contract it
was made; a table of the same name that somebody else made is never written. What differs between the
engines is in ``_TYPES`` and in the primary key, which DuckDB doesn't get (as our own tables).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.contracts.own_tables import PLACE, OwnTable
from fluxion_pipeline.contracts.sqltext import columns, duckdb_type, quote
from fluxion_pipeline.contracts.tables import SPECS
from fluxion_pipeline.errors import ConvergenceError
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.landing.tables import own_tables
from fluxion_pipeline.sinks.protocol import Sink, SinkSession

_TYPES = {SinkName.DUCKDB: {}, SinkName.POSTGRESQL: {"VARCHAR": "TEXT"}}
_SCHEMA = {SinkName.DUCKDB: "main", SinkName.POSTGRESQL: "public"}


def make_owed(sink: Sink, outbox: Outbox, tables: Iterable[str]) -> None:
    """Make those among some tables that are users' own, where the sink lacks them.

    Raises:
        ConvergenceError: if a table of that name is there which this pipeline didn't make, or made otherwise.
    """
    wanted = set(tables) - SPECS.keys()
    if wanted:
        known = own_tables(outbox.home)
        make(sink, [known[name] for name in sorted(wanted)])


def make(sink: Sink, tables: Sequence[OwnTable]) -> bool:
    """Make tables, and add columns that their contracts got since; whether anything changed.

    Raises:
        ConvergenceError: as ``make_owed``.
    """
    if not tables:
        return False
    with sink.session("making tables") as session:
        session.lock([t.place for t in tables])
        meta = session.meta()
        made = [_one(session, sink.name, table, meta.get(PLACE + table.name)) for table in tables]
        if any(made):
            session.commit()
    return any(made)


def _one(session: SinkSession, engine: SinkName, table: OwnTable, mark: str | None) -> bool:
    where = f"table_schema = '{_SCHEMA[engine]}' AND table_name = '{table.name}'"
    there = session.statement(f"SELECT 1 FROM information_schema.tables WHERE {where}")  # noqa: S608 a checked name
    before = OwnTable.from_json(mark) if mark else None
    if there and before is None:
        raise ConvergenceError(f"{engine} has a table «{table.name}» that this pipeline didn't make", "rename or drop it, then: fluxion sync")
    if there and before == table:
        return False
    if there and before is not None:
        if not table.extends(before):
            what = "; ".join(table.differences(before))
            raise ConvergenceError(
                f"{engine} has «{table.name}» by another contract: {what}", f"drop it there, then: fluxion repair {table.name} --from lote --apply"
            )
        for name, _ in table.columns[len(before.columns) :]:
            session.statement(f"ALTER TABLE {quote(table.name)} ADD COLUMN {_column(table, name, engine)}")
    else:
        session.statement(create_statement(table, engine))
    session.set_meta({PLACE + table.name: table.to_json()})
    return True


def create_statement(table: OwnTable, engine: SinkName) -> str:
    """The DDL of a table on an engine."""
    parts = [_column(table, name, engine) for name, _ in table.columns]
    if engine is SinkName.POSTGRESQL:
        parts.append(f"PRIMARY KEY ({columns(table.key)})")
    return f"CREATE TABLE {quote(table.name)} ({', '.join(parts)})"


def _column(table: OwnTable, name: str, engine: SinkName) -> str:
    column = table.spec.table.columns[name]
    kind = duckdb_type(column)
    return f"{quote(name)} {_TYPES[engine].get(kind, kind)}{'' if column.nullable else ' NOT NULL'}"
