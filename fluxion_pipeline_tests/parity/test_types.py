"""Random tables of each type of a contract, with nasty values and random damage: both levels agree with a slow oracle.

``FLUXION_PARITY_ROWS`` says how many rows a type; a users' own table can have any column, so these are such.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from psycopg2.extras import execute_values

from fluxion_pipeline.contracts.outcomes import SinkName, Verdict
from fluxion_pipeline.contracts.own_tables import B, D, I, Kind, N, OwnTable, T, Z, declare
from fluxion_pipeline.landing.index import place_name
from fluxion_pipeline.landing.tables import keep
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.parity.report import Level
from fluxion_pipeline.sinks.duckdb.connect import open_file
from fluxion_pipeline.sinks.own_tables import create_statement
from fluxion_pipeline.sinks.postgresql.connect import connect
from fluxion_pipeline_tests.parity.both import NASTY, Both, Row

ROWS = int(os.environ.get("FLUXION_PARITY_ROWS", "300"))
UTC = timezone.utc
ARROW: dict[Kind, Any] = {T: pa.string(), N: pa.decimal128(18, 4), Z: pa.timestamp("us", tz="UTC"), D: pa.date32(), B: pa.bool_(), I: pa.int32()}
WIDEST = 10**18 - 1


def text(chance: random.Random) -> str:
    letters = "".join(chr(chance.choice((9, 10, 13, 34, 39, 44, 92, 124, chance.randint(32, 0xD7FF), chance.randint(0x10000, 0x10FFFF)))) for _ in range(4))
    return chance.choice((chance.choice(NASTY), letters[: chance.randint(0, 4)], chance.choice(NASTY) + letters))


def number(chance: random.Random) -> Decimal:
    return Decimal(chance.choice((0, 1, -1, WIDEST, -WIDEST, chance.randint(-WIDEST, WIDEST), chance.randint(-99999, 99999)))).scaleb(-4)


def instant(chance: random.Random) -> datetime:
    first = datetime(1970, 1, 1, tzinfo=UTC)
    edges = (datetime(1, 1, 1, 5, tzinfo=UTC), datetime(9999, 12, 31, 12, tzinfo=UTC), first, first - timedelta(microseconds=1))
    return chance.choice((*edges, first + timedelta(microseconds=chance.randint(-(10**16), 4 * 10**15))))


def day(chance: random.Random) -> date:
    return chance.choice((date(1, 1, 1), date(9999, 12, 31), date(2024, 2, 29), date.fromordinal(chance.randint(1, 3_652_059))))


VALUES: dict[Kind, Callable[[random.Random], Any]] = {
    T: text,
    N: number,
    Z: instant,
    D: day,
    B: lambda chance: chance.random() < 0.5,
    I: lambda chance: chance.choice((0, -1, 2**31 - 1, -(2**31), chance.randint(-(2**31), 2**31 - 1))),
}


def rows_of(table: OwnTable, number_of: int, chance: random.Random) -> list[Row]:
    """Rows with keys of their own; every other column is NULL at times."""
    kinds = table.kinds

    def value(name: str, position: int) -> Any:
        if name == "n":
            return position
        return None if name not in table.key and chance.random() < 0.15 else VALUES[kinds[name]](chance)

    return [tuple(value(name, position) for name in kinds) for position in range(number_of)]


def damaged(table: OwnTable, rows: list[Row], chance: random.Random) -> tuple[list[Row], list[Row]]:
    """What both engines shall hold: some values are others, some rows are gone, some stand twice in DuckDB."""
    left, right, kinds = [], [], list(table.kinds.items())
    for row in rows:
        action = chance.choices(("none", "value", "gone", "double"), (94, 3, 2, 1))[0]
        side, other = (left, right) if chance.random() < 0.5 else (right, left)
        other.append(row)
        if action == "value":
            place = chance.choice([i for i, (name, _) in enumerate(kinds) if name not in table.key])
            row = (*row[:place], chance.choice((None, VALUES[kinds[place][1]](chance))), *row[place + 1 :])
        if action != "gone":
            side.append(row)
        if action == "double":
            left.append(row)
    return left, right


def oracle(table: OwnTable, left: list[Row], right: list[Row]) -> dict[str, set[int]]:
    """By kind, the ``n`` of each key, which is a row's own."""
    place = list(table.kinds).index("n")
    mine, theirs, many = {r[place]: r for r in left}, {r[place]: r for r in right}, Counter(r[place] for r in left)
    return {
        "falta_en_pg": mine.keys() - theirs.keys(),
        "sobra_en_pg": theirs.keys() - mine.keys(),
        "cambiada": {n for n in mine.keys() & theirs.keys() if mine[n] != theirs[n]},
        "duplicada": {n for n, times in many.items() if times > 1},
    }


def load(both: Both, table: OwnTable, left: list[Row], right: list[Row]) -> None:
    columns = [pa.array(values, ARROW[kind]) for values, kind in zip(zip(*left, strict=True), table.kinds.values(), strict=True)]
    with open_file(both.settings, write=True) as file:
        file.execute(create_statement(table, SinkName.DUCKDB))
        file.register("incoming", pa.table(columns, names=list(table.kinds)))
        file.execute(f"INSERT INTO {table.name} SELECT * FROM incoming")
    with connect(both.settings) as connection, connection.cursor() as cursor:
        cursor.execute(create_statement(table, SinkName.POSTGRESQL))
        execute_values(cursor, f"INSERT INTO {table.name} VALUES %s", right, page_size=1000)
        connection.commit()


@pytest.mark.parametrize("kind", list(Kind), ids=str)
def test_values_and_digest_agree_with_the_oracle_on_a_type(both: Both, kind: Kind) -> None:
    chance = random.Random(f"{kind}")
    columns = [("n", I), ("llave", kind), ("valor", kind), *((f"c{i}", chance.choice(list(Kind))) for i in range(3))]
    chance.shuffle(columns)
    for name, harm in (("iguales", False), ("distintas", True)):
        table = declare(name, columns=dict(columns), key=["n", "llave"], slice_by=["llave"] if kind is D and harm else None)
        (both.settings.home / "lotes" / place_name(table.place)).mkdir(parents=True)
        keep(both.settings.home, table)
        rows = rows_of(table, ROWS, chance)
        left, right = damaged(table, rows, chance) if harm else (rows, rows)
        load(both, table, left, right)
        wanted = oracle(table, left, right)
        for level in (Level.VALUES, Level.DIGEST):
            found = prove(both.settings, [name], level).tables[0]
            assert found.verdict is (Verdict.DIFERENTE if any(wanted.values()) else Verdict.IGUAL), found.reason
            counts = found.missing_in_postgresql, found.missing_in_duckdb, found.changed, found.duplicated_in_duckdb
            assert counts == tuple(len(keys) for keys in wanted.values())
            assert all(d.key["n"] in wanted[d.kind] for d in found.sample)
            assert harm is any(wanted.values())
