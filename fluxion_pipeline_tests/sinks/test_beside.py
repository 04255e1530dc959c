"""A session on PostgreSQL makes a DuckDB and a folder at its side when it needs them, and leaves nothing."""

from __future__ import annotations

import duckdb
import pytest

from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.postgresql.session import PostgreSQLSession
from fluxion_pipeline.sinks.postgresql.sink import PostgreSQLSink


def test_whoever_only_looks_at_the_ledger_makes_neither(pg_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb, "connect", lambda *_, **__: pytest.fail("a DuckDB for nothing"))
    with PostgreSQLSink(pg_settings).session() as session:
        assert session.statement("SELECT 1") == [(1,)]
        session.meta()
        assert list((pg_settings.home / "tmp").iterdir()) == []


def test_what_was_made_is_one_and_gone_at_the_end(pg_settings: Settings) -> None:
    with PostgreSQLSink(pg_settings).session() as session:
        assert isinstance(session, PostgreSQLSession)
        con = session.con
        assert con is session.con
        assert list((pg_settings.home / "tmp").iterdir()) == [session.folder]
    assert list((pg_settings.home / "tmp").iterdir()) == []
    with pytest.raises(duckdb.ConnectionException):
        con.execute("SELECT 1")
