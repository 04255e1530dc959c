"""What Alembic needs to know of DuckDB; importing this module makes it known.

DuckDB's DDL is transactional, so a chain of revisions is one transaction there too.
"""

from __future__ import annotations

from alembic.ddl.impl import DefaultImpl


class DuckDBImpl(DefaultImpl):
    """Alembic's operations on DuckDB: the standard ones, in a transaction."""

    __dialect__ = "duckdb"
    transactional_ddl = True
