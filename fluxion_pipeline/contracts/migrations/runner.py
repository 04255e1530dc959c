"""Brings a database to a revision: everything that is pending in one transaction, or nothing.

Who migrates comes with an engine and disposes of it; on DuckDB it holds the file's lock, on PostgreSQL
an advisory lock is taken here, so that two processes may start at once. Comes before any sink is
written; what the rows are is none of its business.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from fluxion_pipeline.contracts.migrations import HEAD
from fluxion_pipeline.contracts.migrations.comments import write_comments
from fluxion_pipeline.contracts.migrations.drift import schema_drift
from fluxion_pipeline.errors import ContractError, SinkAway, SinkRefused

__all__ = ["MigrationReport", "current", "migrate", "schema_drift"]

SCRIPTS = Path(__file__).parent
"""The folder of ``env.py`` and ``versions``."""

LOCK = 0x666C7578696F6E
"""Key of the advisory lock that migrations of a PostgreSQL database hold."""


@dataclass(frozen=True)
class MigrationReport:
    """What a migration did.

    Attributes:
        engine: ``duckdb`` or ``postgresql``.
        before: revision that was found; None: an empty database.
        after: revision that was left.
        changed: whether any revision ran.
    """

    engine: str
    before: str | None
    after: str
    changed: bool


def migrate(engine: sa.Engine, to: str = "head") -> MigrationReport:
    """Run all pending revisions up to ``to`` in one transaction, and bring the comments up to date.

    Args:
        engine: of either database; not disposed of here.
        to: a revision, or ``head``.

    Raises:
        SinkAway: if the database can't be reached, or is locked for too long.
        SinkRefused: if it refuses a statement; nothing was changed.
        ContractError: if it is at a revision that this program doesn't have, or past ``to``.
    """
    name, target = engine.dialect.name, HEAD if to == "head" else to
    try:
        with engine.begin() as connection:
            if name == "postgresql":
                connection.execute(sa.text("SET LOCAL search_path TO public"))
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
            before = current(connection)
            if before != target:
                _upgrade(connection, before, target)
            if target == HEAD:
                write_comments(connection)
    except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
        raise SinkAway(name, f"the schema of {name} can't be migrated now: {_line(error)}", "run it again once the database answers") from error
    except sa.exc.DBAPIError as error:
        raise SinkRefused(
            name, f"{name} refused a statement of the migration, and nothing was changed: {_line(error)}", "mend what it says, then: fluxion init"
        ) from error
    return MigrationReport(engine=name, before=before, after=target, changed=before != target)


def current(bind: sa.Engine | sa.Connection) -> str | None:
    """The revision that a database is at; None where no migration ever ran.

    Raises:
        sqlalchemy.exc.DBAPIError: if the database can't be asked.
    """
    if isinstance(bind, sa.Engine):
        with bind.connect() as connection:
            return current(connection)
    schema = "public" if bind.dialect.name == "postgresql" else "main"
    there = sa.text(f"SELECT count(*) FROM information_schema.tables WHERE table_name = 'alembic_version' AND table_schema = '{schema}'")  # noqa: S608 two literals
    if not bind.execute(there).scalar():
        return None
    return bind.execute(sa.text(f"SELECT version_num FROM {schema}.alembic_version")).scalar()  # noqa: S608 two literals


def _upgrade(connection: sa.Connection, before: str | None, target: str) -> None:
    """Let Alembic run the revisions between; it is imported here, since a database at head needs none of it."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        scripts = ScriptDirectory.from_config(config)
        known = {revision.revision for revision in scripts.walk_revisions()}
        if before is not None and before not in known:
            raise ContractError(
                f"the schema of {connection.dialect.name} is at revision {before}, which this version doesn't have",
                "use the version that made it, or a newer one",
            )
        if target not in known:
            raise ContractError(f"there is no revision «{target}»", f"the revisions are: {', '.join(sorted(known))}")
        if before is not None and before not in {revision.revision for revision in scripts.iterate_revisions(target, "base")}:
            raise ContractError(
                f"the schema of {connection.dialect.name} is at revision {before}, past {target}", "there is no way back: restore a copy of the database"
            )
        command.upgrade(config, target)
    except CommandError as error:
        raise ContractError(f"the revisions don't form a chain: {error}", "give each revision one successor") from error


def _line(error: sa.exc.DBAPIError) -> str:
    """The driver's own message, without the statement."""
    return (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]
