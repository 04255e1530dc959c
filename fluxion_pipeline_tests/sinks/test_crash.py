"""A process that is killed while it writes a sink leaves the sink as it was or as it must be, and the next run brings the rest."""

from __future__ import annotations

import signal
import time

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.contracts.tables import LANDED_TABLES
from fluxion_pipeline_tests.support.commands import fluxion_dying
from fluxion_pipeline_tests.support.dying import MOMENTS
from fluxion_pipeline_tests.support.home import DAY, Home, Rows, two_stores
from fluxion_pipeline_tests.support.readings import invoices, sales, stock


def all_rows(home: Home, sink: SinkName) -> dict[str, Rows]:
    return {table: home.held(sink, table) for table in LANDED_TABLES}


def settled(home: Home) -> None:
    """Until the server has noticed that a client is gone: what it was told is rolled back by then."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    deadline = time.monotonic() + 10
    while home.run(SinkName.POSTGRESQL, others) != [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.long
def test_a_killed_write_is_kept_whole_or_not_at_all_and_the_next_one_brings_the_rest(home: Home, engine: SinkName) -> None:
    two_stores(home)
    for sink in SinkName:
        home.converge(sink)
    moments = [m for m in MOMENTS if str(engine) in m]
    assert len(moments) == 4
    for minute, moment in enumerate(moments, 1):
        before = all_rows(home, engine)
        home.land(
            sales("SUC001", DAY, invoices(*range(minute, 12)), minute),
            sales("SUC007", "2025-11-24", invoices(3, 100 + minute), minute),  # invoice 3 moves here from the day before
            stock("SUC007", f"2025-11-24T1{minute}00", {"000001": minute, "000009": 1}, minute),
        )
        after = {table: home.wanted(table) for table in LANDED_TABLES}
        assert fluxion_dying(home.settings, moment, "sync").code == -signal.SIGKILL, moment
        settled(home)
        assert all_rows(home, engine) == (after if moment.startswith("after") else before), moment
        for sink in SinkName:
            home.converge(sink)
            assert all_rows(home, sink) == after, (moment, sink)
    assert not home.converge(engine).receipts


@pytest.mark.parametrize("moment", ["after the duckdb commit", "before the postgresql commit"])
def test_between_both_sinks_the_first_is_complete_and_the_second_catches_up(home: Home, moment: str) -> None:
    two_stores(home)
    assert fluxion_dying(home.settings, moment, "sync").code == -signal.SIGKILL
    settled(home)
    home.assert_equal(SinkName.DUCKDB)
    assert home.run(SinkName.POSTGRESQL, "SELECT count(*) FROM ventas") == [(0,)]
    home.converge(SinkName.POSTGRESQL)
    home.assert_equal()
