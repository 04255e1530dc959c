"""What landing found to have changed is written by each sink that proves to hold the image of before, and by no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.sinks import changes
from fluxion_pipeline.sinks.duckdb import session as duckdb_session
from fluxion_pipeline.sinks.embedded.server import ServerAddress
from fluxion_pipeline.sinks.postgresql import session as postgresql_session
from fluxion_pipeline.sinks.protocol import Counts
from fluxion_pipeline_tests.support import postgres
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.readings import stock

TICKS = [f"2025-11-24T{hour:02d}00" for hour in range(6, 22)]
BASE = {f"{n:06d}": n for n in range(8)}
ROW = "ubicacion_codigo = 'SUC001' AND producto_codigo = '000002'"


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[ServerAddress]:
    """A server of these tests alone: elsewhere open transactions cost proofs, never rows."""
    with postgres.server_alone() as address:
        yield address


@pytest.fixture
def stepped(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """Which slices of ``inventario_actual`` were written by steps, write by write."""
    found: list[set[str]] = []
    real = changes.find_with_steps

    def spied(con: Any, table: Any, steps: Mapping[str, Any], images: Any) -> changes.Plan:
        if table.name == "inventario_actual":
            found.append(set(steps))
        return real(con, table, steps, images)

    monkeypatch.setattr(changes, "find_with_steps", spied)
    for module in (duckdb_session, postgresql_session):
        monkeypatch.setattr(module, "WORTHWHILE", 0)
    return found


def tick(home: Home, engine: SinkName, number: int, amounts: Mapping[str, int]) -> Counts:
    """Two stores' snapshot, converged into a sink; what was written of it."""
    for place in ("SUC001", "SUC007"):
        home.land(stock(place, TICKS[number], dict(amounts), number))
    return home.converge(engine).of("inventario_actual")


@pytest.mark.parametrize("engine", SinkName)
def test_a_tick_writes_what_landing_found(home: Home, engine: SinkName, stepped: list[set[str]]) -> None:
    tick(home, engine, 0, BASE)
    assert tick(home, engine, 1, {**BASE, "000003": 77}) == Counts(changed=2, unchanged=14)
    gone = {k: v for k, v in BASE.items() if k != "000007"}
    assert tick(home, engine, 2, {**gone, "000009": 1}) == Counts(inserted=2, changed=2, deleted=2, unchanged=12)
    assert tick(home, engine, 3, {**gone, "000009": 1}) == Counts()
    assert tick(home, engine, 4, {k: v + 1 for k, v in BASE.items()}).changed == 14  # most rows: compared with the image
    assert stepped == [set(), {"SUC001", "SUC007"}, {"SUC001", "SUC007"}, set()]
    home.assert_equal(engine)


@pytest.mark.parametrize("engine", SinkName)
def test_a_sink_that_is_further_behind_takes_the_whole_image(home: Home, engine: SinkName, stepped: list[set[str]]) -> None:
    tick(home, engine, 0, BASE)
    home.land(stock("SUC001", TICKS[1], {**BASE, "000001": 71}, 1))
    tick(home, engine, 2, {**BASE, "000002": 72})
    assert stepped[-1] == {"SUC007"}
    home.assert_equal(engine)


EDITS = {
    "updated": f"UPDATE inventario_actual SET stock = 99 WHERE {ROW}",
    "deleted": f"DELETE FROM inventario_actual WHERE {ROW}",
    "doubled": f"INSERT INTO inventario_actual (ubicacion_codigo, almacen_codigo, producto_codigo, stock)"
    f" SELECT ubicacion_codigo, almacen_codigo, producto_codigo, stock FROM inventario_actual WHERE {ROW}",
    "swapped": "UPDATE inventario_actual SET stock = 3 - stock WHERE ubicacion_codigo = 'SUC001' AND producto_codigo IN ('000001', '000002')",
    "moved away": f"UPDATE inventario_actual SET ubicacion_codigo = 'SUC010' WHERE {ROW}",
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_slice_is_compared_whole_and_healed(home: Home, stepped: list[set[str]], edit: str) -> None:
    """In DuckDB; PostgreSQL's proofs are tested with its seals."""
    engine = SinkName.DUCKDB
    tick(home, engine, 0, BASE)
    home.run(engine, EDITS[edit])
    tick(home, engine, 1, {**BASE, "000005": 55})
    assert stepped[-1] == {"SUC007"}
    tick(home, engine, 2, {**BASE, "000005": 56})
    assert stepped[-1] == {"SUC001", "SUC007"}
    home.run(engine, "DELETE FROM inventario_actual WHERE ubicacion_codigo = 'SUC010'")
    home.assert_equal(engine)


def _halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("engine", SinkName)
@pytest.mark.parametrize("harm", [Path.unlink, _halved], ids=["gone", "halved"])
def test_a_file_of_changes_that_is_not_as_it_was_written_is_not_used(
    home: Home, engine: SinkName, stepped: list[set[str]], harm: Callable[[Path], None]
) -> None:
    tick(home, engine, 0, BASE)
    for place in ("SUC001", "SUC007"):
        home.land(stock(place, TICKS[1], {**BASE, "000004": 44}, 1))
    (file,) = home.outbox.place("SUC001").glob("*/*-pasos-*.parquet")
    harm(file)
    home.converge(engine)
    assert stepped[-1] == {"SUC007"}
    home.assert_equal(engine)
