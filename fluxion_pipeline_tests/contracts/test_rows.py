"""Rows in the order of their keys are told at a glance, and so are keys that stand twice."""

from __future__ import annotations

import pyarrow as pa
import pytest

from fluxion_pipeline.contracts.rows import ascending


@pytest.mark.parametrize(
    ("keys", "ordered", "strictly"),
    [
        ([], True, True),
        ([("a", 1)], True, True),
        ([("a", 2), ("b", 1)], True, True),
        ([("a", 1), ("a", 2)], True, True),
        ([("a", 1), ("a", 1)], True, False),
        ([("a", 2), ("a", 1)], False, False),
        ([("b", 1), ("a", 2)], False, False),
    ],
)
def test_an_order_is_told_by_all_columns_of_the_key(keys: list[tuple[str, int]], ordered: bool, strictly: bool) -> None:
    rows = pa.table({"x": pa.array([k[0] for k in keys], pa.string()), "y": pa.array([k[1] for k in keys], pa.int32())})
    assert ascending(rows, ("x", "y")) is ordered
    assert ascending(rows, ("x", "y"), strictly=True) is strictly
