"""Connections to Stellar: read only, with limits to every wait, and failures that say what is wrong.

Before this: an address and its time-outs; after it: ``fetch``. One connection for one question: a link
over VPN that was idle is dead without a word, and the systems' pool of logins is small.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from fluxion_pipeline.errors import SettingsError
from fluxion_pipeline.sources.failure import Failure, partial, unreachable
from fluxion_pipeline.sources.stellar.fetch import BATCH, Row

LOCK_WAIT_MS = 10_000
"""How long a question waits for a till that is writing; the tills' own work is not to wait for ours."""

DRIVERS = frozenset({"mssql", "mssql+pymssql"})


@dataclass(frozen=True)
class Waits:
    """Seconds: until a login stands, of the server's silence, for one whole answer."""

    login: float = 15.0
    silence: float = 120.0
    total: float = 600.0


@dataclass(frozen=True)
class _Cause:
    """What an error's number means, and whether asking again may help."""

    text: str
    transient: bool = False


CAUSES: dict[int, _Cause] = {
    18456: _Cause("the login is refused: user or password of STELLAR_URL is wrong"),
    18452: _Cause("the login is refused: the server wants another kind of login"),
    18487: _Cause("the login is refused: its password has expired"),
    18488: _Cause("the login is refused: its password must be changed"),
    4060: _Cause("the database can't be opened: it is not there, or the login may not use it"),
    208: _Cause("a table is missing"),
    207: _Cause("a column is missing"),
    229: _Cause("the login may not read a table"),
    916: _Cause("the login may not use a database"),
    1205: _Cause("the server chose the question as a deadlock's victim", transient=True),
    1222: _Cause("a table was locked by another program for too long", transient=True),
    20003: _Cause("time-out"),
    20004: _Cause("the connection broke", transient=True),
    20006: _Cause("the connection broke", transient=True),
    20017: _Cause("the connection broke", transient=True),
    20047: _Cause("the connection broke", transient=True),
    20002: _Cause("no connection", transient=True),
    20009: _Cause("no connection", transient=True),
}
"""Numbers of SQL Server (below 20000) and of the driver's library. A time-out has cost enough: it isn't tried again."""

CONNECTING = frozenset({20002, 20009})

_LIBRARY = re.compile(r"DB-Lib error message (\d+)")
"""Where the library and not the server speaks, its number is in the words: beside them the driver may give the number of an error before."""


def address(text: str) -> sa.URL:
    """``STELLAR_URL``, parsed.

    Raises:
        SettingsError: if it is no address of a SQL Server; it never repeats the password.
    """
    remedy = "write it as mssql+pymssql://user:password@host:1433/VAD10"
    try:
        url = sa.make_url(text)
    except (ArgumentError, ValueError):
        raise SettingsError("STELLAR_URL is no address", remedy) from None
    if url.drivername not in DRIVERS or not url.host:
        raise SettingsError(f"STELLAR_URL begins with «{url.drivername}»" if url.host else "STELLAR_URL names no host", remedy)
    return url.set(drivername="mssql+pymssql")


def engine_of(url: sa.URL, waits: Waits) -> sa.Engine:
    """An engine that opens a connection for each question; the driver keeps its sockets alive (TCP keep-alive after 40 s)."""
    limits: dict[str, Any] = {
        "login_timeout": max(1, round(waits.login)),
        "timeout": max(1, round(waits.silence)),
        "read_only": True,
        "appname": "fluxion",
        "tds_version": "7.3",  # of SQL Server 2008, which knows TIME; to find it out would cost a silent server's time-out for each version
    }
    return sa.create_engine(url, poolclass=NullPool, connect_args=limits)


def answers(engine: sa.Engine, question: sa.Select[Any], values: dict[str, Any], waits: Waits) -> Iterator[Sequence[Row]]:
    """The rows of a question, by batches, as the server sends them.

    Raises:
        Failure: naming what is wrong.
    """
    begun, seen = time.perf_counter(), 0
    try:
        with engine.connect().execution_options(stream_results=True, max_row_buffer=BATCH) as connection:
            if engine.dialect.name == "mssql":
                connection.exec_driver_sql(f"SET LOCK_TIMEOUT {LOCK_WAIT_MS}")
            for batch in connection.execute(question, values).mappings().partitions(BATCH):
                seen += len(batch)
                yield batch
                if time.perf_counter() - begun > waits.total:
                    raise partial(f"not whole after {waits.total:g} s: {seen} rows came")
    except DBAPIError as error:
        raise named(error, seen) from error
    except SQLAlchemyError as error:
        raise unreachable(f"the answer can't be read: {error}") from error


def named(error: DBAPIError, seen: int) -> Failure:
    """A driver's error as a failure: its number's meaning, and the server's own words."""
    number, said = _told(error.orig)
    cause = CAUSES.get(number) if number is not None else None
    text = f"{cause.text}: {said}" if cause else f"the server refused the question: {said}"
    transient = bool(cause and cause.transient)
    if seen and number not in CONNECTING:
        return partial(f"{text}; {seen} rows came before", transient=transient)
    return unreachable(text, transient=transient)


def _told(error: BaseException | None) -> tuple[int | None, str]:
    """The number and the words of a driver's error, however deep they stand."""
    number, words = None, []
    stack: list[Any] = list(error.args) if error is not None else []
    while stack:
        item = stack.pop(0)
        if isinstance(item, (tuple, list)):
            stack[:0] = item
        elif isinstance(item, int) and number is None:
            number = item
        elif isinstance(item, (str, bytes)):
            words.append(item.decode("utf-8", "replace") if isinstance(item, bytes) else item)
    said = " ".join(" ".join(words).split())
    if (own := _LIBRARY.match(said)) is not None:
        number = int(own[1])
    return number, said[:300] or type(error).__name__
