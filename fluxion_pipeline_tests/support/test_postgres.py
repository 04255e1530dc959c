"""The session fixtures themselves: each test gets its own, empty databases."""

from __future__ import annotations

from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.duckdb.connect import open_file
from fluxion_pipeline.sinks.postgresql.connect import connect


def test_each_test_gets_an_empty_database(bare_settings: Settings) -> None:
    with connect(bare_settings) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert cursor.fetchone() == (0,)
        cursor.execute("CREATE TABLE rastro (x int)")
        connection.commit()


def test_what_another_test_left_is_gone(bare_settings: Settings) -> None:
    with connect(bare_settings) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'rastro'")
        assert cursor.fetchone() == (0,)


def test_a_duckdb_home_is_empty_and_writable(duck_settings: Settings) -> None:
    assert duck_settings.db_mode.sinks == ("duckdb",)
    with open_file(duck_settings, write=True) as connection:
        assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]
