"""The comments of tables and columns in a database, kept as the metadata has them.

Comments are words, not structure: they belong to no revision. Each migration to head writes those
that differ.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.schema import SetColumnComment, SetTableComment

from fluxion_pipeline.contracts.tables import metadata

_LIVE = {
    "postgresql": """
        SELECT c.relname, a.attname, d.description
        FROM pg_catalog.pg_description AS d
        JOIN pg_catalog.pg_class AS c ON c.oid = d.objoid AND d.classoid = 'pg_catalog.pg_class'::regclass
        LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    """,
    "duckdb": """
        SELECT table_name, NULL, comment FROM duckdb_tables() WHERE schema_name = 'main' AND database_name = current_database() AND comment IS NOT NULL
        UNION ALL
        SELECT table_name, column_name, comment FROM duckdb_columns() WHERE schema_name = 'main' AND database_name = current_database() AND comment IS NOT NULL
    """,
}


def live_comments(connection: sa.Connection) -> dict[tuple[str, str | None], str]:
    """The comments in a database by table and column (None: the table's own)."""
    return {(table, column): text for table, column, text in connection.execute(sa.text(_LIVE[connection.dialect.name]))}


def write_comments(connection: sa.Connection) -> int:
    """Write the comments that differ from the metadata's; the tables must be at head.

    Returns:
        How many were written.
    """
    live, written = live_comments(connection), 0
    for table in metadata.sorted_tables:
        if live.get((table.name, None)) != table.comment:
            connection.execute(SetTableComment(table))
            written += 1
        for column in table.columns:
            if live.get((table.name, column.name)) != column.comment:
                connection.execute(SetColumnComment(column))
                written += 1
    return written
