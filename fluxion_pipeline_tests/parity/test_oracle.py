"""Random rows and random damage: both exact levels agree with a slow oracle in plain Python, in every count and key."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fluxion_pipeline.contracts.outcomes import Verdict
from fluxion_pipeline.contracts.tables import spec
from fluxion_pipeline.parity import report
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.parity.report import Level, TableParity
from fluxion_pipeline_tests.parity.both import NASTY, Both, Row, random_rows

TABLES = ("productos", "ventas", "inventario_actual", "inventario_historico", "clasificacion_abc")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.sampled_from(NASTY)


def oracle(table: str, duckdb: list[Row], postgresql: list[Row]) -> dict[str, Any]:
    """What a comparison must come to, by dictionaries of Python values."""
    item = spec(table)
    places = [item.columns.index(k) for k in item.physical_key]

    def key(row: Row) -> Row:
        return tuple(row[p] for p in places)

    left, right = Counter(map(key, duckdb)), Counter(map(key, postgresql))
    mine, other = {}, {key(r): r for r in postgresql}
    for row in duckdb:
        mine.setdefault(key(row), set()).add(row)
    kinds = {
        "falta_en_pg": {k for k in left if k not in right},
        "sobra_en_pg": {k for k in right if k not in left},
        "cambiada": {k for k in left if k in right and mine[k] != {other[k]}},
        "duplicada": {k for k, n in left.items() if n > 1},
    }
    return {"kinds": kinds, "doubled": sum(n - 1 for n in left.values())}


def check(found: TableParity, wanted: dict[str, Any], duckdb: list[Row], postgresql: list[Row]) -> None:
    kinds = wanted["kinds"]
    assert (found.rows_duckdb, found.rows_postgresql) == (len(duckdb), len(postgresql))
    assert found.missing_in_postgresql == len(kinds["falta_en_pg"])
    assert found.missing_in_duckdb == len(kinds["sobra_en_pg"])
    assert found.changed == len(kinds["cambiada"])
    assert found.duplicated_in_duckdb == wanted["doubled"]
    assert found.duplicated_in_postgresql == 0
    named: dict[str, int] = Counter(d.kind for d in found.sample)
    assert named == {k: len(v) for k, v in kinds.items() if v}
    texts = {k: {tuple(map(_shown, key)) for key in keys} for k, keys in kinds.items()}
    for item in found.sample:
        assert tuple(item.key.values()) in texts[item.kind]
    assert found.verdict is (Verdict.DIFERENTE if any(kinds.values()) else Verdict.IGUAL)


def _shown(value: Any) -> Any:
    if hasattr(value, "hour"):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ").replace(".000000Z", "Z")
    return value.isoformat() if hasattr(value, "isoformat") else value


def damage(table: str, rows: list[Row], chance: random.Random, texts: list[str]) -> tuple[list[Row], list[Row]]:
    """What both sinks shall hold: the same rows, but for some that are changed, swapped, deleted, added, doubled."""
    item = spec(table)
    numbers = [i for i, c in enumerate(item.columns) if c not in item.physical_key and "NUMERIC" in str(item.table.columns[c].type)]
    words = [
        i for i, c in enumerate(item.columns) if c not in item.physical_key and item.table.columns[c].nullable and str(item.table.columns[c].type) == "TEXT"
    ]
    left, right = list(rows), list(rows)
    for _ in range(chance.choice([0, 1, 4, 15])):
        side = chance.choice([left, right])
        place = chance.randrange(len(side))
        action = chance.choice(["number", "word", "swap", "delete", "double", "move"])
        if action in ("number", "word"):
            column = chance.choice(numbers) if action == "number" else chance.choice(words) if words else None
            if column is not None:
                value = Decimal(chance.randint(-9, 9)).scaleb(-4) if action == "number" else chance.choice([None, *texts])
                side[place] = side[place][:column] + (value,) + side[place][column + 1 :]
        elif action == "swap":
            column, partner = chance.choice(numbers), chance.randrange(len(side))
            values = side[place][column], side[partner][column]
            for at, value in ((place, values[1]), (partner, values[0])):
                side[at] = side[at][:column] + (value,) + side[at][column + 1 :]
        elif action == "delete" and len(side) > 5:
            side.pop(place)
        elif action == "double":
            left.append(chance.choice(left))
        elif action == "move":
            column = item.columns.index(item.key[0] if item.name != "ventas" else "numero_factura")
            side[place] = side[place][:column] + (f"moved{chance.random()}",) + side[place][column + 1 :]
    return left, _first_of_each_key(table, right)


def _first_of_each_key(table: str, rows: list[Row]) -> list[Row]:
    places = [spec(table).columns.index(k) for k in spec(table).physical_key]
    return list({tuple(r[p] for p in places): r for r in rows}.values())


def _with_texts(table: str, rows: list[Row], texts: list[str]) -> list[Row]:
    """The drawn texts in the first column that may hold any, on both sides."""
    item = spec(table)
    column = next((i for i, c in enumerate(item.columns) if item.table.columns[c].nullable and str(item.table.columns[c].type) == "TEXT"), None)
    return rows if column is None else [r[:column] + (texts[n % len(texts)],) + r[column + 1 :] for n, r in enumerate(rows)]


@pytest.mark.parametrize("table", TABLES)
def test_values_and_digest_agree_with_the_oracle(both: Both, monkeypatch: pytest.MonkeyPatch, table: str) -> None:
    monkeypatch.setattr(report, "SAMPLE", 1000)
    for module in ("verdict", "exact"):
        monkeypatch.setattr(f"fluxion_pipeline.parity.{module}.SAMPLE", 1000)

    @settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
    @given(st.randoms(use_true_random=False), st.lists(TEXT, min_size=3, max_size=8), st.integers(0, 10**6), st.sampled_from([7, 1000]))
    def agrees(chance: random.Random, texts: list[str], seed: int, chunk: int) -> None:
        monkeypatch.setattr("fluxion_pipeline.parity.plan.CHUNK_ROWS", chunk)
        left, right = damage(table, _with_texts(table, random_rows(table, 40, seed), texts), chance, texts)
        both.pg(f"TRUNCATE public.{table}")
        both.duck(f"DELETE FROM {table}")
        both.duckdb_load(table, left)
        both.pg_load(table, right)
        wanted = oracle(table, left, right)
        for level in (Level.VALUES, Level.DIGEST):
            check(prove(both.settings, [table], level).tables[0], wanted, left, right)

    agrees()
