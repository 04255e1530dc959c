"""The envelope of a CSV: what is read, what is one reject, what makes the whole file unusable."""

import time

import pytest

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rules.layout import Field, Layout
from fluxion_pipeline.sources.archivos.csvfile import MISQUOTED, parse
from fluxion_pipeline.sources.archivos.header import Unusable

AB = Layout(Fact.CATALOGO, (Field("a", "codigo"), Field("b", "descripcion")))


def read(data):
    """Rows as (line, a, b), and broken rows as (line, text)."""
    raw, _ = parse(data if isinstance(data, bytes) else data.encode(), AB)
    rows = list(zip(raw.lines.to_pylist(), raw.table.column("a").to_pylist(), raw.table.column("b").to_pylist(), strict=True))
    return rows, [(b.line, b.text) for b in raw.broken]


def refused(data):
    with pytest.raises(Unusable) as caught:
        parse(data if isinstance(data, bytes) else data.encode(), AB)
    return str(caught.value)


@pytest.mark.parametrize(
    "data", ["a,b\n1,2\n3,4\n", "a,b\r\n1,2\r\n3,4\r\n", "\ufeffa,b\n1,2\n3,4", '"a" , "b"\n1,2\n3,4\n'.replace(" ", ""), "a , b\n1,2\n3,4\n"]
)
def test_lf_crlf_bom_quoted_or_padded_header_and_no_last_line_end_are_the_same_file(data):
    assert read(data) == ([(2, "1", "2"), (3, "3", "4")], [])


def test_a_line_break_in_quotes_shifts_the_lines_after_it():
    assert read('a,b\r\n1,"x\r\ny\r\n"\r\n3,4\r\n') == ([(2, "1", "x\r\ny\r\n"), (5, "3", "4")], [])


def test_quotes_backslashes_and_tabs_in_quotes_are_text():
    assert read('a,b\n"say ""x""","back\\slash\t\\"\n') == ([(2, 'say "x"', "back\\slash\t\\")], [])


def test_a_quote_inside_an_unquoted_field_is_text():
    assert read('a,b\n5" pipe,2\n') == ([(2, '5" pipe', "2")], [])


def test_too_few_and_too_many_fields_are_broken_rows_with_their_own_lines():
    assert read('a,b\n1\n"x\ny",2\n3,4,"5\n6"\n7,8\n') == ([(3, "x\ny", "2"), (7, "7", "8")], [(2, "1"), (5, '3,4,"5\n6"')])


def test_blank_lines_are_no_rows_but_count_as_lines():
    assert read("\n\na,b\n\n1,2\n   \n\n3,4\n\n\n") == ([(5, "1", "2"), (8, "3", "4")], [])


def test_a_row_of_nothing_but_commas_is_a_row():
    assert read('a,b\n,\n\n"",""\n') == ([(2, "", ""), (4, "", "")], [])


def test_a_header_alone_is_a_file_without_rows():
    assert read("a,b") == read("a,b\n") == read("a,b\r\n") == ([], [])


def test_a_carriage_return_alone_ends_no_line():
    assert read('a,b\n1\r,"x\ry"\n3,\r4\r\n') == ([(2, "1\r", "x\ry"), (3, "3", "\r4")], [])
    assert read("a,b\n1,2\r3,4\n") == ([], [(2, "1,2\r3,4")])


def test_a_file_of_carriage_returns_alone_is_told_to_be_saved_anew():
    assert refused("a,b\r1,2\r").startswith("its lines end with CR alone")
    assert refused("a,b\r1,2\n").startswith("missing column b")


@pytest.mark.parametrize(
    ("data", "line"),
    [('a,b\n1,"open\n3,4\n', 2), ('a,b\n1,2\n\n"open,2\n5,6', 4), ('a,b\n1,"x\ny"\n3,"open', 4), ('a,b\n"x\ny","open\n1,2\n', 3), ('a,b\n1,2\n3,4"\n5,"', 4)],
)
def test_a_quote_that_is_never_closed_is_named_with_its_line(data, line):
    assert refused(data) == f"the quote that opens in line {line} is never closed"


def test_text_after_a_closing_quote_is_a_reject_with_all_the_lines_that_the_quotes_swallowed():
    data = 'a,b\n1,"open\n3,"quoted"\n5,6\n7,"x"y\n9,"z"\n'
    raw, _ = parse(data.encode(), AB)
    assert read(data) == ([(4, "5", "6"), (6, "9", "z")], [(2, '1,"open\n3,"quoted"'), (5, '7,"x"y')])
    assert {b.reason for b in raw.broken} == {MISQUOTED}


def test_a_comma_before_a_closing_quote_is_no_misquoting():
    assert read('a,b\n"1,","2,"\n",","\n"\n') == ([(2, "1,", "2,"), (3, ",", "\n")], [])


def test_bytes_that_are_not_utf_8_are_named():
    assert refused(b"a,b\n1,caf\xe9\n") == "byte 9 (0xe9, line 2) is not UTF-8"
    assert refused(b"\xef\xbb\xbfa,b\n1,\xed\xa0\x80\n") == "byte 9 (0xed, line 2) is not UTF-8"
    assert refused("a,b\n1,2\n".encode("utf-16")).startswith("byte 0 ")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "the file is empty: zero bytes, not even a header"),
        ("\n \n", "the file has no header: only blank lines"),
        ("a,c\n1,2\n", "missing column b; the header has: a, c"),
        ("a;b\n1;2\n", "missing column a, b; the header has: a;b"),
        ("A,b\n1,2\n", "missing column a; the header has: A, b"),
        ("a,b,a\n1,2,3\n", "column a stands more than once in the header"),
        ("a,b,x, x\n1,2,3,4\n", "column x stands more than once in the header"),
        (",,\na,b,c\n", "missing column a, b; the header has: , , "),
        ('a,"b"x,b\n1,2,3\n', f"the header: {MISQUOTED}"),
    ],
)
def test_a_header_that_is_not_in_order_is_named(data, reason):
    assert refused(data) == reason


def test_more_columns_are_read_and_named_in_any_order():
    raw, header = parse(b"x,b,,a\n1,2,3,4\n", AB)
    assert raw.table.to_pylist() == [{"x": "1", "b": "2", "columna 3": "3", "a": "4"}]
    assert header.warnings == ("ignored columns: x, columna 3",)


@pytest.mark.parametrize(
    "text", ["😀", "é", "e\u0301", "\\N", "\x00", "\u2028", "\x85", "\x1f", "\ue000", "\ue000\r", "x" * 2_000_000, '""' * 50_000], ids=repr
)
def test_any_text_comes_through_untouched(text):
    rows, broken = read(f'a,b\n1,"{text}"\n2,z\n')
    assert (rows, broken) == ([(2, "1", text.replace('""', '"')), (3, "2", "z")], [])


def test_a_hundred_thousand_lines_of_garbage_are_told_quickly():
    began = time.process_time()
    rows, broken = read("a,b\n" + "".join(f"g{i}," * (i % 5) + "\n" for i in range(100_000)))
    assert (len(rows), len(broken)) == (20_000, 60_000)
    assert broken[-1][0] == 100_001
    assert time.process_time() - began < 5
