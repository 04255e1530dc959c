"""Decimals: every text is the exact number, rounded once, or a reject."""

from decimal import ROUND_HALF_UP, Context, Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fluxion_pipeline.contracts.rules.decimals import exact
from fluxion_pipeline_tests.contracts.rules.judging import judge_stock
from fluxion_pipeline_tests.support import drops


def judged(texts):
    """What each text becomes as a stock figure: a Decimal, or the reason of its reject."""
    rows = judge_stock(*(drops.stock(f"{i:04d}", text) for i, text in enumerate(texts)))
    values = {r["producto_codigo"]: r["stock"] for r in rows.rows.to_pylist()}
    values |= {r["clave"].split("\x1f")[1]: r["motivo"] for r in rows.rejects.to_pylist()}
    return [values[f"{i:04d}"] for i in range(len(texts))]


def slowly(text):
    value = Decimal(text).quantize(Decimal("0.0001"), ROUND_HALF_UP, Context(prec=500))
    return "stock does not fit NUMERIC(18,4)" if abs(value) >= 10**14 else value


numbers = st.from_regex(r"[+-]?([0-9]{1,20}\.?[0-9]{0,40}|\.[0-9]{1,10})([eE][+-]?[0-9]{1,2})?", fullmatch=True, alphabet="0123456789+-.eE")


@settings(max_examples=60, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=30))
@example(["1E+2", "123456789012345678901234567890e-20", "0." + "0" * 51 + "1e52", "0.000049999999999999999999999999999", "-0.00005", "99999999999999.99995"])
def test_every_decimal_is_what_exact_arithmetic_says(texts):
    assert judged(texts) == [slowly(t) for t in texts]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1E+2", "100"),
        ("0.00005", "0.0001"),
        ("-0.00005", "-0.0001"),
        ("0.00004999999999999999999999999999999999999999", "0"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+3", "3"),
        ("25e-5", "0.0003"),
        ("-25E-5", "-0.0003"),
        ("-0", "0"),
        ("-0e5", "0"),
        ("-0.00001", "0"),
        ("00012", "12"),
        ("99999999999999.99994", "99999999999999.9999"),
        ("0" * 60 + "1", "1"),
        ("0e999999999999999999999", "0"),
        ("1e-999999999999999999999", "0"),
        (" 7 ", "7"),
    ],
)
def test_a_number_is_rounded_once_half_away_from_zero(text, value):
    (found,) = judged([text])
    assert str(found) == str(Decimal(value).quantize(Decimal("0.0001")))


@pytest.mark.parametrize("text", ["99999999999999.99995", "100000000000000", "-1e14", "1e400", "1e999999999999999999999", "9" * 40])
def test_a_number_out_of_numeric_18_4_is_refused(text):
    assert judged([text]) == ["stock does not fit NUMERIC(18,4)"]


@pytest.mark.parametrize(
    "text", ["1,000", "1_000", "1 000", "0x10", "１", "1e", "--1", "e5", ".", "inf", "-Infinity", "1.2.3", "$5", "1e5.5", "٣", "1\n2", "Nan"]
)
def test_what_is_no_plain_number_is_refused(text):
    assert judged([text]) == ["stock is not a decimal number"]


def test_exact_refuses_what_the_pattern_refuses():
    assert exact("1_0e1") is None
    assert exact("1e1\n") is None
