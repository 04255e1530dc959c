"""``make bench-history`` on a few rows: both ways of keeping a day have the same stock, and a wrong answer ends the run.

Run by ``make long``, as all that concerns the benches.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bench.history import bytes_table, measure, reads_table
from bench.history_day import Place
from bench.history_reads import read_all
from bench.measure import BenchError
from bench.stock import generate
from fluxion_pipeline.contracts.ticks import ticks_of
from fluxion_pipeline.settings import Settings

pytestmark = pytest.mark.long

TICKS = ticks_of(date(2026, 3, 2))[:2]


@pytest.fixture
def place(pg_settings: Settings, tmp_path: Path) -> Place:
    stock = generate(tmp_path / "waiting", tmp_path / "source", TICKS, 22 * 60, 0.1)
    settings = pg_settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": tmp_path / "source"})
    place = Place(settings, tmp_path / "source", tmp_path, stock, TICKS)
    with place.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_walinspect'")
        if cursor.fetchall() == [(0,)]:
            pytest.skip("this server has no pg_walinspect, which the bench asks for the WAL of each table")
    return place


def test_a_day_is_measured_and_a_wrong_answer_is_found(place: Place) -> None:
    kept, readings = measure(place, 1)
    rows = place.stock.rows
    history, _, everything, duckdb = kept
    assert (history.peer.rows, duckdb.peer.rows) == (2 * rows, 2 * rows)
    changed = duckdb.size.rows - rows - 2 * 22  # a line for each location and tick
    assert rows * 0.05 < changed < rows * 0.15
    assert history.size.rows == duckdb.size.rows
    assert 0 < (history.wal or 0) < (everything.wal or 0)
    assert (history.peer_wal or 0) > history.peer.heap // 2
    assert len(bytes_table(kept).splitlines()) == 2 + len(kept)
    assert len(reads_table(readings).splitlines()) == 2 + 2 * 7 == 2 + len(readings)

    with place.cursor() as cursor:
        cursor.execute("UPDATE inventario_historico SET stock = stock + 1 WHERE ubicacion_codigo = 'SUC001' AND movimiento = 'cambio'")
        with pytest.raises(BenchError, match="PostgreSQL: stock_en of the middle tick has 60 rows that aren't the 60 that were dropped"):
            read_all(place, 1)
        cursor.execute("SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'bench_%'")
        assert cursor.fetchall() == [(0,)]
