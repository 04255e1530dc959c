"""The index of sales keys: it costs what a day has, not what all days have."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pyarrow as pa
import pytest

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rows import ROW_KEYS, row_schema
from fluxion_pipeline.landing import past
from fluxion_pipeline.landing.digest import MANY
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.landing.keys import KeyIndex, hashes
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.landing.past import image_rows
from fluxion_pipeline_tests.support import readings

DAYS, LINES = 60, 200
KEY = ROW_KEYS[Fact.VENTAS]


def keys(first: int, number: int = LINES) -> pa.Table:
    schema = pa.schema([row_schema(Fact.VENTAS).field(c) for c in KEY])
    return pa.Table.from_pylist([{"numero_factura": f"{n:08d}", "linea": 1} for n in range(first, first + number)], schema=schema)


def steps(index: KeyIndex, wanted: pa.Table, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many steps SQLite's machine takes to find the days of some keys."""
    real, count = sqlite3.connect, [0]

    def counted(*given: object, **more: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = real(*given, **more)  # type: ignore[call-overload]
        connection.set_progress_handler(lambda: count.__setitem__(0, count[0] + 1) or 0, 1)
        return connection

    index.close()
    monkeypatch.setattr(sqlite3, "connect", counted)
    index.days(wanted)
    index.close()
    monkeypatch.undo()
    return count[0]


def test_the_days_of_some_keys_are_found_without_looking_at_all_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = KeyIndex(tmp_path / "facturas.sqlite")
    index.replace({"2025-01-01": keys(0)}, 1)
    few = steps(index, keys(0), monkeypatch)
    index.replace({f"2025-02-{n:02d}": keys(n * LINES) for n in range(1, DAYS)}, 2)
    assert index.days(keys(LINES * 3 - 1, 2)) == ("2025-02-02", "2025-02-03")
    assert 0 < steps(index, keys(0), monkeypatch) < 1.5 * few


def test_landing_a_day_reads_the_days_that_share_its_keys_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox, read = Outbox(tmp_path).open(), list[str]()

    def looked(image: Image) -> pa.Table:
        read.append(image.slice)
        return image_rows(image)

    def land(day: int, numbers: range, minute: int) -> list[str]:
        read.clear()
        with outbox.lock("SUC001") as before:
            assert outbox.land(readings.sales("SUC001", f"2025-11-{day:02d}", readings.invoices(*numbers), minute), before).new
        return [s for s in read if s != f"SUC001/2025-11-{day:02d}"]

    monkeypatch.setattr(past, "image_rows", looked)
    for day in range(1, 25):
        assert land(day, range(10 * day, 10 * day + 10), day) == []
    assert set(land(25, range(55, 62), 30)) == {"SUC001/2025-11-05", "SUC001/2025-11-06"}
    assert set(land(12, range(120, 131), 31)) == {"SUC001/2025-11-13"}


def test_a_days_keys_lie_together_and_no_two_of_them_are_one(tmp_path: Path) -> None:
    day, next_day = hashes(keys(0, 5000)), hashes(keys(5000, 5000))
    assert max(day) < min(next_day)
    assert len({*day, *next_day}) == 10_000
    odd = ["", "x", "\u00b2", "\u0663", "9" * 40, "-1", "A-00012"]
    found = hashes(pa.table({"numero_factura": odd, "linea": pa.array([2**31 - 1] * len(odd), pa.int32())})).tolist()
    assert len(set(found)) == len(odd)
    assert all(0 <= h < 2**63 for h in found)


def test_few_keys_and_many_are_hashed_alike() -> None:
    """Of many texts DuckDB makes the md5."""
    many = keys(0, MANY + 5)
    few = [hashes(many.slice(n, 1000)) for n in range(0, many.num_rows, 1000)]
    assert hashes(many).tolist() == sorted(h for part in few for h in part.tolist())


def test_a_day_that_changes_leaves_no_key_behind(tmp_path: Path) -> None:
    index = KeyIndex(tmp_path / "facturas.sqlite")
    index.replace({"2025-01-01": keys(0, 3000), "2025-01-02": keys(3000, 10)}, 1)
    index.replace({"2025-01-01": keys(2500, 100)}, 2)
    found = {first: index.days(keys(first, 1)) for first in (0, 2499, 2500, 2599, 2600, 2999, 3000)}
    assert {first for first, days in found.items() if days} == {2500, 2599, 3000}
    assert index.upto() == 2
    assert index.days(keys(0, 0)) == ()


def test_an_index_of_before_is_made_anew(tmp_path: Path) -> None:
    """It had a row for each key; the images are indexed again, as where it is gone."""
    path = tmp_path / "facturas.sqlite"
    with sqlite3.connect(path) as old:
        old.executescript("CREATE TABLE claves (clave INTEGER, dia TEXT); CREATE TABLE dias (dia TEXT, lote INTEGER)")
        old.execute("INSERT INTO dias VALUES ('2025-01-01', 7)")
    old.close()
    assert KeyIndex(path).upto() == 0
