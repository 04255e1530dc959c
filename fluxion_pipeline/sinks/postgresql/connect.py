"""How PostgreSQL is reached: the embedded server or the one that POSTGRES_HOST names, with time-outs.

Drivers' errors become ``SinkAway`` here, so that a server that is off, full, locked or silent costs
seconds and is told apart from a wrong statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import psycopg2.extensions

from fluxion_pipeline.errors import ConvergenceError, SinkAway
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.postgresql.iam import token
from fluxion_pipeline.sinks.postgresql.watch import Watch

CONNECT_SECONDS = 4
LOCK_SECONDS = 20
STATEMENT_SECONDS = 300
_TIMEOUTS = f"-c lock_timeout={LOCK_SECONDS}s -c statement_timeout={STATEMENT_SECONDS}s -c idle_in_transaction_session_timeout=600s"
_OPTIONS = f"-c TimeZone=UTC -c DateStyle=ISO {_TIMEOUTS}"

Connection = psycopg2.extensions.connection


def parameters(settings: Settings) -> dict[str, Any]:
    """Parameters, as libpq names them, of the server that the settings mean; starts the embedded one when it is needed.

    Raises:
        SinkAway: if the embedded server can't be started, or no IAM token can be made.
    """
    if settings.embedded:
        from fluxion_pipeline.sinks.embedded.server import EmbeddedServer

        address = EmbeddedServer(settings.home).ensure()
        password = address.password.get_secret_value()
        return {"host": address.host, "port": address.port, "user": address.user, "password": password, "dbname": address.database, "sslmode": "disable"}
    secret = token(settings) if settings.postgres_iam_auth else settings.postgres_password
    certificate = str(settings.postgres_sslrootcert) if settings.postgres_sslrootcert else None
    return {
        "host": settings.postgres_host,
        "port": settings.postgres_port,
        "user": settings.postgres_user,
        "password": secret.get_secret_value() if secret else None,
        "dbname": settings.postgres_db,
        "sslmode": settings.postgres_sslmode,
        "sslrootcert": certificate,
    }


def connect_raw(settings: Settings) -> Connection:
    """A new connection with the session settings that all code relies on; the caller closes it.

    Raises:
        SinkAway: if the server can't be reached or refuses the login.
    """
    wanted = {k: v for k, v in parameters(settings).items() if v is not None}
    try:
        wait: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "keepalives_idle": 30, "tcp_user_timeout": STATEMENT_SECONDS * 1000}
        connection: Connection = psycopg2.connect(**wanted, **wait, options=_OPTIONS, application_name="fluxion")
    except psycopg2.OperationalError as error:
        raise away(error, f"{wanted['host']}:{wanted['port']}", _start(settings)) from error
    return connection


@contextmanager
def connect(settings: Settings, *, read_only: bool = False) -> Iterator[Connection]:
    """A connection for one piece of work; rolled back and closed at the end of the block.

    The caller commits. With ``read_only`` the transaction is ``REPEATABLE READ READ ONLY``: one snapshot.

    Raises:
        SinkAway: if the server can't be reached, or goes away, or keeps us waiting for too long.
        ConvergenceError: if it refuses a statement.
    """
    connection = connect_raw(settings)
    watch = Watch(connection, lambda: psycopg2.connect(connection.dsn, password=connection.info.password, connect_timeout=CONNECT_SECONDS)).start()
    try:
        if read_only:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        yield connection
    except (psycopg2.OperationalError, psycopg2.InterfaceError, psycopg2.errors.QueryCanceled) as error:
        if watch.silent:
            raise SinkAway("postgresql", "PostgreSQL accepts connections and doesn't answer (during the work)", "see whether it is paused or hung") from error
        raise away(error, "during the work", _start(settings)) from error
    except psycopg2.Error as error:
        raise ConvergenceError(f"postgresql: {_line(error)}", "run fluxion doctor; nothing of the transaction was kept") from error
    finally:
        watch.end()
        connection.close()


def away(error: Exception, where: str, start: str) -> SinkAway:
    """The driver's error as a sink that is away: one line without the password, and what to do about it."""
    text = _line(error)
    what, remedy = next(((w, r) for mark, w, r in _CAUSES if mark.search(text)), ("is away", start))
    return SinkAway("postgresql", f"PostgreSQL ({where}) {what}: {text}", remedy)


def _start(settings: Settings) -> str:
    """What starts the server that the settings mean."""
    return f"start {'it: fluxion db start' if settings.embedded else 'your server'}, or see fluxion doctor"


_CAUSES = tuple(
    (re.compile(mark), what, remedy)
    for mark, what, remedy in (
        (
            "authentication failed|no password supplied|role .* does not exist|pg_hba",
            "refused the login",
            "check POSTGRES_USER and POSTGRES_PASSWORD",
        ),
        ("database .* does not exist", "hasn't that database", "check POSTGRES_DB, or create the database"),
        ("lock timeout|deadlock detected", "kept us waiting for a lock", "see who holds it (pg_stat_activity), and run it again"),
        ("No space left|disk full|could not extend file", "has no space left", "free space on the server's disk, and run it again"),
        ("too many clients|remaining connection slots", "takes no more connections", "close other programs' connections, and run it again"),
    )
)
"""What a message of the server means to a person."""


def _line(error: Exception) -> str:
    """The message's own first line: for a refused login the reason, not the list of addresses that were tried."""
    lines = [x.strip() for x in str(error).strip().splitlines()] or [type(error).__name__]
    found = next((x for x in lines if "FATAL:" in x), lines[0])
    return found.partition("FATAL:")[2].strip() or found
