"""Text: trimming, the words for NULL, U+0000, and what passes untouched."""

import sys

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxion_pipeline.contracts.rules.text import NULL_WORDS, WHITESPACE, clean
from fluxion_pipeline_tests.contracts.rules.judging import one_sale, refusal


def cleaned(text):
    return clean(pa.chunked_array([pa.array([text], pa.string())]))[0].as_py()


def test_what_is_trimmed_is_what_unicode_calls_white_space():
    assert set(WHITESPACE) == {c for c in map(chr, range(sys.maxunicode + 1)) if c.isspace()}


@given(st.text(st.one_of(st.sampled_from(WHITESPACE + '\u200b\ufeffa\u0301é\\"'), st.characters(codec="utf-8")), max_size=12))
def test_cleaning_is_strip_and_the_null_words(text):
    stripped = text.strip()
    assert cleaned(text) == (None if stripped in NULL_WORDS else stripped)


@pytest.mark.parametrize("word", ["", "N/A", "n/a", "None", "nan", "NaN", "NULL", "null", "  N/A\t", "\u3000"])
def test_a_null_word_is_null_in_an_optional_column(word):
    assert one_sale(precio_unitario=word)["precio_unitario"] is None


@pytest.mark.parametrize("word", ["NONE", "Null", "n/A", "NAN", "N/A.", "-", "\\N", "none"])
def test_a_word_that_is_spelled_otherwise_is_text(word):
    assert one_sale(numero_factura=word)["numero_factura"] == word


@pytest.mark.parametrize("column", ["numero_factura", "linea", "fecha", "hora", "codigo_producto", "cantidad", "venta_total"])
def test_null_in_a_key_or_required_column_rejects_the_row(column):
    campo, valor, motivo = refusal(**{column: " n/a "})
    assert (campo, valor, motivo) == (column, " n/a ", f"{column} is missing")


@pytest.mark.parametrize("column", ["descripcion_producto", "categoria_producto", "precio_unitario", "descuento"])
def test_null_elsewhere_does_not(column):
    one_sale(**{column: "NULL"})


@pytest.mark.parametrize("column", ["numero_factura", "descripcion_producto", "cantidad", "linea", "hora"])
def test_u0000_rejects_the_row_wherever_it_stands(column):
    campo, valor, motivo = refusal(**{column: "1\x002"})
    assert (campo, valor, motivo) == (column, "1\\u00002", f"{column} contains U+0000")


@pytest.mark.parametrize("text", ["a\"b'c", "back\\slash\\", "tab\tin", "line\nbreak", "line\r\nbreak", "😀🧀", "e\u0301", "é", "\\N", "\ufeffx", "x" * 1000])
def test_other_text_passes_untouched(text):
    assert one_sale(numero_factura=text)["numero_factura"] == text


def test_codes_keep_their_leading_zeros():
    row = one_sale(numero_factura=" 000 ", codigo_producto="0010")
    assert (row["numero_factura"], row["producto_codigo"]) == ("000", "0010")


def test_a_code_that_no_index_could_hold_is_refused():
    assert refusal(numero_factura="é" * 501)[2] == "numero_factura is longer than 1000 bytes"
