"""Alembic's entry: the runner hands the connection over, its transaction and its locks are the runner's."""

from __future__ import annotations

from alembic import context

from fluxion_pipeline.contracts.migrations import duckdb_dialect  # noqa: F401 registers the dialect

connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=False, version_table_pk=connection.dialect.name == "postgresql")
with context.begin_transaction():
    context.run_migrations()
