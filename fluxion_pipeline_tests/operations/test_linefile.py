"""A file of lines: what was added is there, whatever the line before it came to."""

from __future__ import annotations

import json
from pathlib import Path

from fluxion_pipeline.operations.linefile import LineFile


def test_a_line_behind_one_that_a_crash_cut_is_whole(tmp_path: Path) -> None:
    file = LineFile(tmp_path, "x.jsonl")
    file.add([{"n": 1}])
    with file.path.open("a", encoding="utf-8") as cut:
        cut.write('{"n": 2, "te')
    file.add([{"n": 3}, {"n": 4}])
    assert file.lines() == ['{"n": 1}', '{"n": 2, "te', '{"n": 3}', '{"n": 4}']


def test_a_text_with_line_separators_of_unicode_is_one_line(tmp_path: Path) -> None:
    file = LineFile(tmp_path, "x.jsonl")
    file.add([{"texto": "a\u2028b\x85c\nd"}])
    assert [json.loads(line) for line in file.lines()] == [{"texto": "a\u2028b\x85c\nd"}]


def test_only_what_is_wanted_is_kept(tmp_path: Path) -> None:
    file = LineFile(tmp_path, "x.jsonl")
    assert file.keep(bool) == 0
    file.add([{"n": 1}, {"n": 2}])
    assert file.keep(lambda line: "2" in line) == 1
    assert file.lines() == ['{"n": 2}']


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    LineFile(tmp_path / "none", "x.jsonl").add([{"n": 1}])
    assert not (tmp_path / "none").exists()
