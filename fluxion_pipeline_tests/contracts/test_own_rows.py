"""A frame's values: exact on every way that pandas holds them, or named with column, row and value."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from fluxion_pipeline.contracts.clock import UTC
from fluxion_pipeline.contracts.own_rows import rows_of, slice_text, slice_texts
from fluxion_pipeline.contracts.own_tables import B, D, I, Kind, N, T, Z, declare
from fluxion_pipeline.errors import ContractError

CARACAS = timezone(timedelta(hours=-4))


def values(kind: Kind, given: Any, required: bool = False) -> list[Any]:
    table = declare("mia", columns={"k": I, "v": kind}, key=["k"], required=["v"] if required else [])
    column = given if isinstance(given, pd.Series) else pd.Series(given, dtype=object)
    return list(rows_of(table, pd.DataFrame({"k": range(len(column)), "v": column})).column("v").to_pylist())


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (0.1, "0.1000"),
        (0.1 + 0.2, "0.3000"),
        (2.00005, "2.0001"),
        (-2.00005, "-2.0001"),
        (1e-9, "0.0000"),
        (-0.0, "0.0000"),
        (12345678901234, "12345678901234.0000"),
        (Decimal("99999999999999.9999"), "99999999999999.9999"),
        (Decimal("1E+3"), "1000.0000"),
        (np.float32(0.1), "0.1000"),
        (np.float32(5e-5), "0.0001"),
        (np.int64(7), "7.0000"),
    ],
)
def test_a_number_is_its_shortest_text_rounded_once(given: Any, read: str) -> None:
    assert [str(v) for v in values(N, [given])] == [read]


def test_columns_of_every_dtype_are_read() -> None:
    assert values(N, pd.Series([1.5, None], dtype="float32")) == [Decimal("1.5"), None]
    assert values(N, pd.Series([5e-5], dtype="float32")) == [Decimal("0.0001")]
    assert values(N, pd.Series([1, None], dtype="Int64")) == [Decimal(1), None]
    assert values(N, pd.Series([Decimal("1.25"), None], dtype=pd.ArrowDtype(pa.decimal128(9, 2)))) == [Decimal("1.25"), None]
    assert values(I, pd.Series([1, None])) == [1, None]
    assert values(B, pd.Series([True, None], dtype="boolean")) == [True, None]
    assert values(B, pd.Series([True, False])) == [True, False]
    assert values(T, pd.Series(["a", None])) == ["a", None]
    assert values(T, pd.Series(["a", None], dtype="category")) == ["a", None]
    assert values(D, pd.Series(pd.to_datetime(["2026-03-01", None]))) == [date(2026, 3, 1), None]
    assert values(Z, pd.Series(pd.to_datetime(["2026-03-01T08:00-04:00", None]))) == [datetime(2026, 3, 1, 12, tzinfo=UTC), None]
    assert values(Z, [datetime(2026, 3, 1, 8, tzinfo=CARACAS)]) == [datetime(2026, 3, 1, 12, tzinfo=UTC)]


def test_every_nothing_of_pandas_is_null() -> None:
    for kind in Kind:
        assert values(kind, [None, float("nan"), np.float64("nan"), pd.NA, pd.NaT, Decimal("NaN")]) == [None] * 6


def test_text_is_left_as_it_is() -> None:
    texts = ["", " a ", "N/A", "nan", "0007", "ñ", "a|b\\", "\\N", "línea\n\\.\n"]
    assert values(T, texts) == texts


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        (T, 7, "7 is int, must be text"),
        (T, b"a", "b'a' is bytes, must be text"),
        (T, "a\0b", r"'a\\x00b' contains U\+0000"),
        (T, "\ud800", r"'\\ud800' is no text that UTF-8 can write"),
        (T, "x" * 1_000_001, "is longer than 1,000,000 bytes"),
        (T, ["a"], r"\['a'\] is list, must be text"),
        (N, "1.5", "'1.5' is str, must be a number"),
        (N, True, "True is bool, must be a number"),
        (N, float("inf"), r"inf does not fit NUMERIC\(18,4\)"),
        (N, 10**14, r"100000000000000 does not fit NUMERIC\(18,4\)"),
        (I, 1.5, "1.5 is not a whole number"),
        (I, float("-inf"), "-inf is not a whole number"),
        (I, 2**31, "2147483648 does not fit INTEGER"),
        (I, "1", "'1' is str, must be an integer"),
        (I, False, "False is bool, must be an integer"),
        (B, 1, "1 is int, must be a boolean"),
        (D, "2026-03-01", "'2026-03-01' is str, must be a date"),
        (D, pd.Timestamp("2026-03-01T01:00"), "has a time of day or a time zone"),
        (D, datetime(2026, 3, 1, tzinfo=UTC), "has a time of day or a time zone"),
        (Z, pd.Timestamp("2026-03-01"), "is naive: give it a time zone"),
        (Z, date(2026, 3, 1), "is date, must be an instant"),
        (Z, pd.Timestamp("2026-03-01T00:00:00.000000001Z"), "has nanoseconds"),
        (Z, datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=4))), "is out of range"),
    ],
)
def test_a_value_that_breaks_the_contract_is_named(kind: Kind, given: Any, said: str) -> None:
    with pytest.raises(ContractError, match=f"«mia» breaks its contract: column «v», row 0: .*{said}"):
        values(kind, [given])


def test_the_first_wrong_values_are_named_by_position_and_index_and_the_others_counted() -> None:
    table = declare("mia", columns={"k": I, "v": N}, key=["k"])
    with pytest.raises(ContractError) as caught:
        rows_of(table, pd.DataFrame({"k": range(9), "v": ["x"] * 8 + [1]}, index=list("abcdefghi")))
    assert "column «v», row 1 (index 'b'): 'x' is str" in caught.value.what
    assert caught.value.what.endswith("; and 3 more")
    assert caught.value.what.count("row ") == 5


def test_null_in_a_key_or_a_required_column_is_refused() -> None:
    for required, given in ((True, [1, None]), (True, [float("nan"), 1])):
        with pytest.raises(ContractError, match="is NULL, which the contract forbids"):
            values(N, given, required)
    table = declare("mia", columns={"a": T, "b": T}, key=["a"])
    with pytest.raises(ContractError, match="column «a», row 1: nan is NULL|column «a», row 1: None is NULL"):
        rows_of(table, pd.DataFrame({"a": ["x", None], "b": ["y", "z"]}))


def test_a_key_stands_once_by_value_not_by_spelling() -> None:
    table = declare("mia", columns={"n": N, "t": T}, key=["n", "t"])
    with pytest.raises(ContractError, match=r"column «n, t», row 2: .* is a key that row 0 has already"):
        rows_of(table, pd.DataFrame({"n": [1.0, 2, Decimal("1.00001")], "t": ["a", "a", "a"]}))
    assert rows_of(table, pd.DataFrame({"n": [1, 1, 1], "t": ["a", "a ", "A"]})).num_rows == 3


def test_a_key_longer_than_an_index_takes_is_refused() -> None:
    table = declare("mia", columns={"a": T, "b": T}, key=["a", "b"])
    assert rows_of(table, pd.DataFrame({"a": ["ñ" * 500], "b": ["x" * 1000]})).num_rows == 1
    with pytest.raises(ContractError, match="is a key of more than 2,000 bytes"):
        rows_of(table, pd.DataFrame({"a": ["ñ" * 501], "b": ["x" * 1000]}))


def test_columns_are_the_contracts_in_any_order() -> None:
    table = declare("mia", columns={"a": T, "b": I}, key=["a"])
    assert rows_of(table, pd.DataFrame({"b": [1], "a": ["x"]})).schema.names == ["a", "b"]
    for given, said in (
        (pd.DataFrame({"a": ["x"]}), "column «b» is missing → its columns are: a, b"),
        (pd.DataFrame({"a": ["x"], "b": [1], "c": [1]}), "column «c» is not in the contract"),
        (pd.DataFrame([["x", 1, 1]], columns=["a", "b", "b"]), "column «b» is there twice"),
        (pd.DataFrame({"a": ["x"], "b": [1]}).set_index("a"), r"column «a» is missing → «a» is the frame's index: return frame.reset_index\(\)"),
    ):
        with pytest.raises(ContractError, match=said):
            rows_of(table, given)


def test_slices_are_named_as_the_ledgers_name_them() -> None:
    table = declare("mia", columns={"a": T, "d": D, "v": I}, key=["a", "d"], slice_by=["a", "d"])
    rows = rows_of(table, pd.DataFrame({"a": ["x", "y"], "d": [date(2026, 3, 1)] * 2, "v": [1, 2]}))
    assert slice_texts(table, rows) == ["x/2026-03-01", "y/2026-03-01"]
    assert slice_text(table, ("x", "2026-03-01")) == slice_text(table, ("x", pd.Timestamp("2026-03-01"))) == "x/2026-03-01"
    for wrong in (("x",), ("", "2026-03-01"), ("a/b", "2026-03-01"), ("x", "1 March"), ("x", "1899-12-31"), (None, "2026-03-01")):
        with pytest.raises(ContractError):
            slice_text(table, wrong)
