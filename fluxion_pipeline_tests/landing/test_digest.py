"""The digest in Arrow is the digest in SQL, whatever the rows."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxion_pipeline.contracts.rows import arrow_type
from fluxion_pipeline.contracts.sqltext import digest_duckdb
from fluxion_pipeline.contracts.tables import SPECS, spec
from fluxion_pipeline.landing import digest, frames
from fluxion_pipeline.landing.decide.content import fingerprint
from fluxion_pipeline.landing.digest import MANY, digest_of, digests_by, likeness
from fluxion_pipeline_tests.support import landing_world as world
from fluxion_pipeline_tests.support.landing_words import said

LANDED = tuple(s.name for s in SPECS.values() if s.landed)
NASTY = st.sampled_from(["", "\\N", "|", "\\|", "\\", "a|b", "\\\\N", "ñ", "n\u0303", "\u2028", "\t\n", "😀", "00"]) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6
)
VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.string(): NASTY,
    pa.decimal128(18, 4): st.decimals(Decimal("-99999999999999.9999"), Decimal("99999999999999.9999"), places=4)
    | st.sampled_from([Decimal(0), Decimal("0.0001"), Decimal("-0.0001"), Decimal("1E+2")]),
    pa.timestamp("us", tz="UTC"): st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(timezone.utc)),  # noqa: DTZ001 bounds
    pa.date32(): st.dates(date(1, 1, 1), date(9999, 12, 31)),
    pa.bool_(): st.booleans(),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
}


@st.composite
def tables(draw: st.DrawFn, name: str) -> pa.Table:
    schema = pa.schema([(c, arrow_type(name, c)) for c in spec(name).columns])
    row = st.fixed_dictionaries({f.name: st.none() | VALUES[f.type] for f in schema})
    return pa.Table.from_pylist(draw(st.lists(row, max_size=4)), schema=schema)


@pytest.mark.parametrize("name", LANDED)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_arrow_and_sql_digest_alike(name: str, data: st.DataObject) -> None:
    rows = data.draw(tables(name))
    names = spec(name).columns
    ((expected,),) = frames.rows(f"SELECT {digest_duckdb(spec(name), names)} FROM x", {"x": rows})
    assert digest_of(rows, names) == expected


@settings(max_examples=10, deadline=None)
@given(data=st.data(), every=st.integers(1, 9))
def test_groups_digest_as_each_does_alone(data: st.DataObject, every: int) -> None:
    rows = data.draw(tables("productos").filter(lambda t: t.num_rows > 0))
    rows = pa.concat_tables([rows] * 9)
    rows = rows.append_column("_slice", pa.array([f"s{n % every}" for n in range(rows.num_rows)]))
    names = spec("productos").columns
    alone = {s: rows.filter(pc.equal(rows.column("_slice"), s)) for s in set(rows.column("_slice").to_pylist())}
    with mock.patch.object(digest, "PIECE", 5):
        assert digests_by(rows, names, "_slice") == {s: (own.num_rows, digest_of(own, names)) for s, own in alone.items()}
    assert digests_by(rows.slice(0, 0), names, "_slice") == {}


@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_many_rows_digest_like_few_and_like_sql(data: st.DataObject) -> None:
    rows = data.draw(tables("productos").filter(lambda t: t.num_rows > 0))
    names = spec("productos").columns
    many = pa.concat_tables([rows] * (MANY // rows.num_rows + 1))
    ((expected,),) = frames.rows(f"SELECT {digest_duckdb(spec('productos'), names)} FROM x", {"x": many})
    assert digest_of(many, names) == expected


@pytest.mark.parametrize("count", [5, MANY + 5])
def test_alike_is_what_has_the_same_rows_in_any_order(count: int) -> None:
    rows = pa.table({"a": pa.array([str(i % 7) for i in range(count)]), "b": pa.array([None if i % 3 else i for i in range(count)], pa.int32())})
    turned = rows.take(list(reversed(range(count))))
    other = pa.concat_tables([rows.slice(1), rows.slice(count - 1)])
    assert likeness(rows, ["a", "b"]) == likeness(turned, ["a", "b"]) != likeness(other, ["a", "b"])


def test_a_table_in_chunks_digests_as_one() -> None:
    rows = world.real(said("ventas", 0, 1, "a1 b2 c3")).rows
    names = spec("ventas").columns
    assert digest_of(pa.concat_tables([rows.slice(0, 1), rows.slice(1)]), names) == digest_of(rows, names)


def test_content_is_rows_rejects_window_and_answer() -> None:
    base = said("ventas", 0, 12, "a1 b2", "c")
    others = [
        said("ventas", 0, 12, "a1 b1", "c"),
        said("ventas", 0, 12, "a1 b2"),
        said("ventas", 0, 12, "a1 b2", "c", window=(0, 5)),
        said("ventas", 0, 12, "a1 b2", "c", window=(0, 6)),
        said("ventas", 0, 12, "a1 b2", "c", answer="parcial"),
    ]
    marks = [fingerprint(world.real(r)).content for r in (base, *others)]
    assert len(set(marks)) == len(marks)
    later = world.real(said("ventas", 0, 19, "b2 a1", "c", provenance="accept"), origin="elsewhere", source_digest="x", seconds=3.0)
    assert fingerprint(later).content == marks[0]


def test_the_order_of_rows_says_nothing() -> None:
    real = world.real(said("stock", 1, 1, "a1 b2 c3"))
    turned = world.real(said("stock", 1, 1, "a1 b2 c3"), rows=real.rows.take([2, 0, 1]))
    assert fingerprint(turned) == fingerprint(real)


def test_twins_differ_in_the_stores_own_codes_only() -> None:
    here, there = (fingerprint(world.real(said("stock", 1, 1, "a1 b2", place=p))) for p in "AB")
    assert here.twin == there.twin
    assert here.content != there.content
    assert fingerprint(world.real(said("stock", 1, 1, "a1 b3", place="B"))).twin != here.twin
