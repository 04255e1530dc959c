"""Parquet drops: any type as text, and files that are refused."""

import io
from datetime import date, datetime, time, timezone
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rules.layout import Field, Layout
from fluxion_pipeline.sources.archivos.header import Unusable
from fluxion_pipeline.sources.archivos.parquetfile import parse

A = Layout(Fact.CATALOGO, (Field("a", "codigo"),))


def stored(table):
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def texts(array):
    raw, _ = parse(stored(pa.table({"a": array})), A)
    assert raw.lines.to_pylist() == list(range(1, len(array) + 1))
    return raw.table.column("a").to_pylist()


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array(["x", None, " é "]), ["x", None, " é "]),
        (pa.array(["x", "x"]).dictionary_encode(), ["x", "x"]),
        (pa.array([7, -1, None], pa.int64()), ["7", "-1", None]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array([Decimal("1.50"), Decimal("-0.05")]), ["1.50", "-0.05"]),
        (pa.array([Decimal("12345678901234567890.123456789")]), ["12345678901234567890.123456789"]),
        (pa.array([0.1, 1e-7, float("nan")]), ["0.1", "1e-7", "nan"]),
        (pa.array([0.1], pa.float32()), ["0.1"]),
        (pa.array([date(2025, 11, 24)]), ["2025-11-24"]),
        (pa.array([datetime(2025, 11, 24), None]), ["2025-11-24", None]),  # noqa: DTZ001 local by definition
        (pa.array([datetime(2025, 11, 24, 1)], pa.timestamp("ms")), ["2025-11-24 01:00:00.000"]),  # noqa: DTZ001
        (pa.array([datetime(2025, 11, 24, tzinfo=timezone.utc)]), ["2025-11-24 00:00:00.000000Z"]),
        (pa.array([time(10, 30, 0, 5)]), ["10:30:00.000005"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array([b"bytes"]), ["bytes"]),
        (pa.array([None, None], pa.null()), [None, None]),
        (pa.array([[1, 2]]), ["[1, 2]"]),
    ],
    ids=lambda v: str(v.type) if isinstance(v, pa.Array) else "",
)
def test_values_of_any_type_become_the_text_that_says_them(array, expected):
    assert texts(array) == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"PAR1 and nothing", "can't be read"),
        (stored(pa.table({"a": ["x" * 10_000]}))[:-20], "can't be read"),
        (stored(pa.table({"b": ["x"]})), "missing column a; the header has: b"),
        (stored(pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], names=["a", "a"])), "column a stands more than once"),
        (stored(pa.table({"a": [b"\xff"]})), "column a (binary) has no text"),
    ],
)
def test_a_file_that_cannot_be_believed_is_refused_with_the_reason(data, reason):
    with pytest.raises(Unusable) as caught:
        parse(data, A)
    assert reason in str(caught.value)


def test_ignored_columns_are_named():
    _, header = parse(stored(pa.table({"a": ["x"], "b": [1]})), A)
    assert header.warnings == ("ignored columns: b",)


def test_a_column_that_is_ignored_may_hold_anything():
    odd = pa.array([b"\xff\x00", None])
    raw, header = parse(stored(pa.table({"a": ["x", "y"], "b": odd, "c": pa.array([[b"\xff"], None])})), A)
    assert header.ignored == ("b", "c")
    assert raw.table.to_pydict() == {"a": ["x", "y"], "b": ["b'\\xff\\x00'", None], "c": ["[b'\\xff']", None]}
