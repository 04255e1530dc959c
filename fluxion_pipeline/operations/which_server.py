"""Which PostgreSQL answers: the one that was meant, or another that happens to listen there.

A driver's «role "fluxion" does not exist» is true and useless: it comes from a server that nobody
meant. Lives here: reading such answers, and a server's description of itself. Doesn't live here:
connecting (``sinks.postgresql.connect``), the other checks (``operations.doctor``).
"""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import psycopg2.extensions

from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.errors import SinkAway
from fluxion_pipeline.settings import Settings

OLDEST = 14
"""The oldest major version whose SQL is relied on."""

_LOOK = "check POSTGRES_HOST and POSTGRES_PORT"
_ANSWERS = (
    (
        r'role "(?P<name>[^"]*)" does not exist',
        "another PostgreSQL answers on {where}: it has no role «{name}»{who}",
        _LOOK + "; if it is the one that was meant, its administrator types: CREATE ROLE \"{name}\" LOGIN PASSWORD '…'",
    ),
    (
        r'database "(?P<name>[^"]*)" does not exist',
        "another PostgreSQL answers on {where}: it has no database «{name}»{who}",
        _LOOK + "; if it is the one that was meant, its administrator types CREATE DATABASE, or, if your role may: {create}",
    ),
    (
        r'role "(?P<name>[^"]*)" is not permitted to log in',
        "the role «{name}» of the PostgreSQL on {where} may not log in{who}",
        _LOOK + '; if it is the one that was meant, its administrator types: ALTER ROLE "{name}" LOGIN',
    ),
    (
        r'permission denied for database "(?P<name>[^"]*)"',
        "the role «{user}» may not connect to the database «{name}» on {where}{who}",
        'its administrator types: GRANT CONNECT ON DATABASE "{name}" TO "{user}"',
    ),
    (
        r'password authentication failed for user "(?P<name>[^"]*)"',
        "the PostgreSQL on {where} refuses the password of «{name}»: the password is wrong, or another PostgreSQL answers there{who}",
        _LOOK + ", then POSTGRES_PASSWORD",
    ),
    (r"no password supplied", "the PostgreSQL on {where} asks for a password and none is set{who}", "set POSTGRES_PASSWORD"),
    (
        r"(?s)\A(?!.*SSL (encryption|on\b)).*no pg_hba\.conf entry.*(no encryption|SSL off)",
        "the PostgreSQL on {where} lets nobody in without TLS, and POSTGRES_SSLMODE is «{tls}»{who}",
        "use TLS: export POSTGRES_SSLMODE=require",
    ),
    (
        r"no pg_hba\.conf entry",
        "the PostgreSQL on {where} doesn't let this machine or user in (pg_hba.conf){who}",
        "allow it in that server's pg_hba.conf, or " + _LOOK,
    ),
    (
        r"server does not support SSL",
        "the PostgreSQL on {where} has no TLS, and POSTGRES_SSLMODE demands it{who}",
        _LOOK + "; on a network that is trusted: export POSTGRES_SSLMODE=prefer",
    ),
    (
        r'root certificate file "(?P<name>[^"]*)" does not exist',
        "there is no file {name} with the certificate that POSTGRES_SSLMODE={tls} is to trust",
        "get it from whoever runs that server (of RDS: AWS publishes the bundle), and name it in POSTGRES_SSLROOTCERT",
    ),
    (
        r"certificate verify failed",
        "the certificate of the PostgreSQL on {where} isn't signed by one of those in POSTGRES_SSLROOTCERT: another server, or another file{who}",
        _LOOK + ", then that POSTGRES_SSLROOTCERT is the file of whoever runs that server",
    ),
    (
        r"server certificate for [^\n]* does not match host name",
        "the certificate of the PostgreSQL on {where} is of another name: another server, or one that is called otherwise{who}",
        "set POSTGRES_HOST to the name that stands in the certificate",
    ),
    (
        r"the database system is (starting up|shutting down|in recovery mode)",
        "the PostgreSQL on {where} is on its way up or down{who}",
        "wait a minute, and look again; if it stays so, its own log says why",
    ),
    (
        r"too many (clients|connections)|remaining connection slots",
        "the PostgreSQL on {where} takes no more connections{who}",
        "close other programs' connections, or have its administrator raise max_connections",
    ),
    (r"could not translate host name", "no machine is called «{host}»", "check POSTGRES_HOST"),
    (r"Connection refused", "nothing listens on {where}", "start that server, or " + _LOOK),
    (r"timeout expired|timed out", "{where} doesn't answer: a firewall, or a machine that is off", "start that server, or " + _LOOK),
    (
        r"invalid response to SSL negotiation|server closed the connection unexpectedly|expected authentication request",
        "what answers on {where} isn't PostgreSQL{who}",
        _LOOK,
    ),
)


@dataclass(frozen=True)
class ServerIdentity:
    """What a server says of itself; None where it doesn't permit to ask.

    Attributes:
        version: as text, e.g. ``18.6``.
        major: its major version.
        system_identifier: the number that initdb gave to its data.
        data: its data folder, on its own machine.
        address: where it took this connection.
        port: where it took this connection.
        encoding: of the database.
        replica: whether it only follows another one.
        read_only: whether transactions of this role or database only read, unless told otherwise.
        user: as whom we are logged in.
        database: where we are logged in.
    """

    version: str
    major: int
    system_identifier: int | None
    data: str | None
    address: str | None
    port: int | None
    encoding: str
    replica: bool
    read_only: bool
    user: str
    database: str

    def __str__(self) -> str:
        """All of it, in one line."""
        said = [f"PostgreSQL {self.version} on {self.address or 'a socket'}:{self.port}", f"database {self.database}", f"role {self.user}"]
        said += [f"system_identifier {self.system_identifier}"] if self.system_identifier else []
        said += [f"data {self.data}"] if self.data else []
        return ", ".join(said)


def identify(connection: psycopg2.extensions.connection) -> ServerIdentity:
    """Ask a server who it is; two of the answers need a privilege, and are None without it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT split_part(current_setting('server_version'), ' ', 1), current_setting('server_version_num')::int / 10000,
                   host(inet_server_addr()), inet_server_port(), current_setting('server_encoding'), pg_is_in_recovery(),
                   (SELECT reset_val = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only'), current_user, current_database(),
                   has_function_privilege('pg_control_system()', 'execute'), pg_has_role('pg_read_all_settings', 'usage')
            """
        )
        row: tuple[Any, ...] = cursor.fetchone() or ()
        version, major, address, port, encoding, replica, read_only, user, database, may_control, may_settings = row
        identifier = _one(cursor, "SELECT system_identifier FROM pg_control_system()") if may_control else None
        data = _one(cursor, "SELECT current_setting('data_directory')") if may_settings else None
    return ServerIdentity(version, major, identifier, data, address, port, encoding, replica, read_only, user, database)


def wrong_with(server: ServerIdentity, settings: Settings) -> tuple[str, str] | None:
    """Why a server that lets us in is still not the one that is needed: cause and remedy; None if it is."""
    if settings.embedded and server.data is not None and not _same(Path(server.data), settings.home / "postgres" / "data"):
        return (
            f"another PostgreSQL answers: its data is {server.data}, this home's is {settings.home / 'postgres' / 'data'}",
            "fluxion db stop, then fluxion db start",
        )
    if server.major < OLDEST:
        return f"PostgreSQL {server.version} is older than {OLDEST}", f"upgrade it to {OLDEST} or newer, or {_LOOK}"
    if server.encoding != "UTF8":
        other = f"{server.database}_utf8"
        remedy = f"make another one, as its administrator, or if your role may: {created(other)} && export POSTGRES_DB={other}"
        return f"the database {server.database} is encoded in {server.encoding}", remedy
    if server.replica:
        return "the server is a read replica", "point POSTGRES_HOST to the primary"
    if server.read_only:
        writes = shlex.quote(f"ALTER ROLE {quote(server.user)} SET default_transaction_read_only = off")
        remedy = f"type: fluxion db psql -- -c 'SET default_transaction_read_only = off' -c {writes}"
        return f"the role «{server.user}» only reads: default_transaction_read_only is on", remedy
    return None


def created(database: str) -> str:
    """The command that makes a database on the server that the settings mean; it needs the right to."""
    return "fluxion db psql -- -d postgres -c " + shlex.quote(f"CREATE DATABASE {quote(database)} ENCODING 'UTF8' TEMPLATE template0")


def refilled(settings: Settings, name: str) -> str:
    """How a database that is beyond repair is made again, as a remedy; it stays beside the new one, which the embedded server makes by itself."""
    aside = "fluxion db psql -- -d postgres -c " + shlex.quote(f"ALTER DATABASE {quote(name)} RENAME TO {quote(f'{name}_broken')}")
    made = "" if settings.embedded else f" && {created(name)}"
    whose = "" if settings.embedded else " (as its administrator, or if your role may)"
    return f"it is made again from the lotes{whose}: {aside}{made} && fluxion init && fluxion sync --to postgresql"


def explain(error: SinkAway, settings: Settings) -> tuple[str, str]:
    """A failed login in plain words: what answers there (or doesn't), and what to do.

    Returns:
        cause and remedy; the error's own words if its text is not known.
    """
    if settings.embedded:
        return error.what, _embedded_remedy(error, settings)
    text = f"{error.__cause__ or ''}\n{error.what}"
    for pattern, what, remedy in _ANSWERS:
        found = re.search(pattern, text)
        if found:
            words = {
                "where": f"{settings.postgres_host}:{settings.postgres_port}",
                "host": settings.postgres_host,
                "user": settings.postgres_user,
                "tls": settings.postgres_sslmode,
            }
            words |= found.groupdict()
            return what.format(who=_listener(settings), **words), remedy.format(create=created(settings.postgres_db), **words)
    return error.what, "the message is the driver's; that server's own log says more"


def _embedded_remedy(error: SinkAway, settings: Settings) -> str:
    """Of a data folder that no server starts on: it holds nothing that isn't in the lotes."""
    data = settings.home / "postgres" / "data"
    if not data.exists() or not re.search("can't be started|ended at once", error.what):
        return error.remedy
    here, aside = shlex.quote(str(data)), shlex.quote(f"{data}.broken")
    return f"{error.remedy}; if its data is beyond repair, it is made again from the lotes: mv {here} {aside} && fluxion init && fluxion sync --to postgresql"


def _one(cursor: psycopg2.extensions.cursor, text: str) -> Any:
    cursor.execute(text)
    row = cursor.fetchone()
    return row[0] if row else None


def _same(one: Path, other: Path) -> bool:
    with suppress(OSError):
        return one.samefile(other)
    return one == other


def _listener(settings: Settings) -> str:
    """The process that listens on that port, if it is on this machine and we may see it."""
    host = settings.postgres_host or ""
    with suppress(ValueError):
        if not ip_address(host).is_loopback:
            return ""
    if host != "localhost" and not host.startswith(("127.", "::1")):
        return ""
    with suppress(psutil.Error, OSError):
        for seen in psutil.net_connections("tcp"):
            if seen.status == psutil.CONN_LISTEN and seen.laddr.port == settings.postgres_port and seen.pid:
                return f" (process {seen.pid}: {' '.join(psutil.Process(seen.pid).cmdline())[:120]})"
    return ""
