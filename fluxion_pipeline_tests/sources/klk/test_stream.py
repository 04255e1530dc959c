"""Answers on the disk taken apart: numbers keep their text, broken envelopes are told apart, pieces don't matter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fluxion_pipeline.contracts.outcomes import Answer as How
from fluxion_pipeline.sources.failure import Failure
from fluxion_pipeline.sources.klk import stream
from fluxion_pipeline.sources.klk.stream import Answer


def taken(path: Path, data: bytes | str, name: str = "ventas", encoding: str = "utf-8") -> tuple[list[Any], dict[str, Any]]:
    """Elements, and what stood around them."""
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    with Answer(path, name, encoding) as answer:
        return [value for value, *_ in answer.elements()], answer.rest


def failure(path: Path, data: bytes | str) -> Failure:
    with pytest.raises(Failure) as caught:
        taken(path, data)
    return caught.value


def test_numbers_keep_their_text(tmp_path: Path) -> None:
    text = '{"ventas": [{"a": 0.1, "b": 1.10, "c": 12345678901234567890.123456789, "d": 1E-7, "e": -0, "f": "007", "g": null, "h": true}]}'
    (line,), _ = taken(tmp_path / "a", text)
    assert line == {"a": "0.1", "b": "1.10", "c": "12345678901234567890.123456789", "d": "1E-7", "e": "-0", "f": "007", "g": None, "h": True}


WHOLE = (
    '[{"a": "1"}]',
    ' \n[ {"a": "1"} ] \n',
    '{"meta": {"x": [1, 2]}, "ventas": [{"a": "1"}]}',
    '{"ventas":[{"a":"1"}],"meta":null}',
    '\ufeff[{"a":"1"}]',
)


@pytest.mark.parametrize("text", WHOLE)
def test_an_object_or_the_bare_list_in_any_order(tmp_path: Path, text: str) -> None:
    assert taken(tmp_path / "a", text)[0] == [{"a": "1"}]


def test_what_stands_around_the_list_is_known_afterwards(tmp_path: Path) -> None:
    assert taken(tmp_path / "a", '{"meta": {"total_registros": 3}, "ventas": [], "x": {"y": "z"}}')[1] == {"meta": {"total_registros": "3"}, "x": {"y": "z"}}


BROKEN: dict[str, tuple[bytes | str, How, bool, str]] = {
    "nothing": (b"", How.PARCIAL, True, "empty"),
    "white space": (" \n ", How.PARCIAL, True, "empty"),
    "an HTML page": ("<!doctype html><html><title>Mal\n gateway</title>", How.PARCIAL, True, "HTML page «Mal\n gateway»"),
    "an error": ('{"error": "timeout de la base"}', How.INALCANZABLE, True, "timeout de la base"),
    "an error in the meta": ('{"meta": {"total_registros": 0, "error": "timeout"}, "ventas": []}', How.INALCANZABLE, True, "timeout"),
    "a status that says error": ('{"status": "Error", "mensaje": "sin base", "ventas": []}', How.INALCANZABLE, True, "sin base"),
    "an error beside an empty list": ('{"ventas": [], "error": {"message": "caído"}}', How.INALCANZABLE, True, "caído"),
    "no list": ('{"meta": {"total_registros": 0}}', How.PARCIAL, False, "no list «ventas»; it has meta"),
    "an empty object": ("{}", How.PARCIAL, False, "it has nothing"),
    "null for the list": ('{"ventas": null}', How.PARCIAL, False, "no list"),
    "true for the list": ('{"ventas": true}', How.PARCIAL, False, "no list"),
    "an object for the list": ('{"ventas": {"a": 1}}', How.PARCIAL, False, "no list"),
    "another name": ('{"Ventas": []}', How.PARCIAL, False, "it has Ventas"),
    "the list twice": ('{"ventas": [], "ventas": []}', How.PARCIAL, False, "twice"),
    "a number": ("17", How.PARCIAL, False, "neither"),
    "cut in a line": ('{"ventas": [{"a": 1}, {"a": 2', How.PARCIAL, True, "cut: it ends in the middle after 1 lines"),
    "cut in a text": ('[{"a": 1}, {"a": "two', How.PARCIAL, True, "cut"),
    "cut after a line": ('{"ventas": [{"a": 1}', How.PARCIAL, True, "cut"),
    "cut after a comma": ('{"ventas": [{"a": 1},', How.PARCIAL, True, "cut"),
    "cut after the list": ('{"ventas": [{"a": 1}]', How.PARCIAL, True, "cut"),
    "cut in a character": ('[{"a": "ñ'.encode()[:-1], How.PARCIAL, True, "cut"),
    "no JSON in the middle": ('[{"a": 1}, {"a": uno}, ' + '{"a": 1},' * 200 + '{"a": 3}]', How.PARCIAL, False, "no JSON after 1 lines"),
    "no comma": ('[{"a": 1} {"a": 2}]', How.PARCIAL, False, "«,» was expected"),
    "two answers": ("[] []", How.PARCIAL, False, "text follows"),
    "another encoding": ('[{"a": "ñ"}]'.encode("latin-1"), How.PARCIAL, False, "not utf-8: byte 9"),
    "a very deep one": ("[" * 200_000, How.PARCIAL, False, "nested too deeply"),
}


@pytest.mark.parametrize("code", ["0", '"0"', '""', '" N/A "', "null", "false", "{}", "0.0"])
def test_an_error_that_says_that_there_is_none_is_none(tmp_path: Path, code: str) -> None:
    assert taken(tmp_path / "a", f'{{"error": {code}, "ventas": [{{"a": "1"}}]}}')[0] == [{"a": "1"}]


def test_what_a_server_says_can_be_stored_anywhere(tmp_path: Path) -> None:
    """No database holds half a character, and PostgreSQL no U+0000: one store's error kept all others out of both."""
    for data in ('{"error": "mal\\u0000o \\ud800"}', "<html><title>mal\x00o</title>", '{"error": {"message": "mal\\u0000o"}}', '{"\\u0000\\udfff": 1}'):
        reason = failure(tmp_path / "a", data).reason
        assert reason.encode("utf-8").find(b"\0") < 0, reason


def test_words_are_looked_for_escapes_only_where_there_are_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "CHUNK", 64)
    monkeypatch.setattr(stream, "NEAR", 16)
    (tmp_path / "a").write_text("[" + '{"a": "x"},' * 20 + '{"a": "\\u00f1"},' + '{"a": "x"},' * 20 + '{"a": "x"}]')
    with Answer(tmp_path / "a", "ventas") as answer:
        found = [(value["a"], answer.escapes) for value, *_ in answer.elements()]
    assert ("ñ", True) in found
    assert [found[0], found[-1]] == [("x", False)] * 2


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_answer_is_named(tmp_path: Path, name: str) -> None:
    data, how, transient, words = BROKEN[name]
    found = failure(tmp_path / "a", data)
    assert (found.answer, found.transient) == (how, transient), found.reason
    assert words in found.reason


def test_the_server_s_own_encoding_is_read(tmp_path: Path) -> None:
    assert taken(tmp_path / "a", '[{"a": "ñ"}]'.encode("latin-1"), encoding="iso-8859-1")[0] == [{"a": "ñ"}]


def test_a_line_beyond_every_measure_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LARGEST", 100_000)
    monkeypatch.setattr(stream, "CHUNK", 1000)
    monkeypatch.setattr(stream, "NEAR", 100)
    assert "no JSON after 1 lines" in failure(tmp_path / "a", '[{"a": 1}, {"a": "' + "x" * 500_000 + '"}]').reason


@pytest.mark.parametrize("number", ["1", "12", "-1.5e10", "1E+5", "0.25"])
def test_a_number_at_the_end_of_a_piece_is_not_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str) -> None:
    monkeypatch.setattr(stream, "NEAR", 0)
    for chunk in range(1, 12):
        monkeypatch.setattr(stream, "CHUNK", chunk)
        assert taken(tmp_path / "a", f'{{"meta": {number}, "ventas": [{number}, {number}]}}') == ([number, number], {"meta": number})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=4).map(float) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


AROUND = st.dictionaries(st.text().filter(lambda n: n not in {"ventas", "error"}), VALUES, max_size=3)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(VALUES, max_size=6), around=AROUND, chunk=st.integers(1, 40), near=st.integers(0, 40), ascii=st.booleans())
def test_pieces_of_any_size_give_what_the_whole_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[Any], around: dict[str, Any], chunk: int, near: int, ascii: bool
) -> None:
    monkeypatch.setattr(stream, "CHUNK", chunk)
    monkeypatch.setattr(stream, "NEAR", near)
    whole = json.dumps({**around, "ventas": lines}, ensure_ascii=ascii)
    path = tmp_path / "a"
    path.write_bytes(whole.encode("utf-8", "surrogatepass") if ascii else whole.encode("utf-8", "replace"))
    wanted = json.loads(path.read_text("utf-8"), parse_float=str, parse_int=str)
    found, rest = taken(path, path.read_bytes())
    assert found == wanted.pop("ventas")
    assert rest == wanted
