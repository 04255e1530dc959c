"""Rows of text judged directly, without any file: what the tests of the rules share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rules.judge import judge
from fluxion_pipeline.contracts.rules.layout import Judged, Place, Raw
from fluxion_pipeline.sources.archivos.layouts import LAYOUTS
from fluxion_pipeline_tests.support import drops

DAY = "2025-11-24"
TODAY = date(2025, 11, 24)


def judge_rows(fact: Fact, rows: Sequence[Mapping[str, str | None]], today: date = TODAY, day: str = DAY) -> Judged:
    """Judge rows whose first stands in line 2."""
    names = list(rows[0])
    table = pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in names})
    lines = pa.array(range(2, len(rows) + 2), pa.int32())
    place = Place("SUC001", "some/file.csv", today, date.fromisoformat(day) if fact is Fact.VENTAS else None)
    return judge(Raw(table, lines), LAYOUTS[fact], place)


def judge_sales(*rows: Mapping[str, str | None], **more: Any) -> Judged:
    return judge_rows(Fact.VENTAS, rows, **more)


def judge_stock(*rows: Mapping[str, str | None]) -> Judged:
    return judge_rows(Fact.INVENTARIO, rows)


def one_sale(today: date = TODAY, day: str = DAY, **changes: Any) -> dict[str, Any]:
    """The row that a sale with some values becomes; an AssertionError with the reason if it is rejected."""
    judged = judge_sales({**drops.sale(day), **changes}, today=today, day=day)
    assert judged.rejects.num_rows == 0, judged.rejects.column("motivo").to_pylist()
    return judged.rows.to_pylist()[0]


def refusal(today: date = TODAY, day: str = DAY, **changes: Any) -> tuple[str, str | None, str]:
    """(campo, valor, motivo) with which a sale with some values is rejected."""
    judged = judge_sales({**drops.sale(day), **changes}, today=today, day=day)
    assert judged.rows.num_rows == 0
    (reject,) = judged.rejects.to_pylist()
    return reject["campo"], reject["valor"], reject["motivo"]
