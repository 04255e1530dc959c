"""Every file: how long, how named, what it opens with, and what must never stand in it."""

from __future__ import annotations

import ast
import re

import pytest

from fluxion_pipeline_tests.architecture.repository import modules, texts

LONGEST = 300
NAMELESS = {"utils", "util", "helpers", "helper", "lib", "common", "base", "misc"}
# Written in halves, so that this file passes its own test.
LEFT_OVER = re.compile("|".join([r"\bTO" + "DO", r"\bFIX" + "ME", r"\bXX" + r"X\b"]))
HOSTS = ["pypi" + r"\.org", "pythonhosted" + r"\.org", "npmjs" + r"\.org", "deb" + r"\.debian"]
FOLDERS = ["/wo" + "rk/", "/tm" + r"p/w\b", "/ho" + "me/", "/opt/" + "pypi"]
FOREIGN = re.compile("|".join(HOSTS + FOLDERS))


def test_a_python_file_has_one_subject_and_at_most_300_lines() -> None:
    assert [f"{name}: {lines}" for name in modules() if (lines := len(texts()[name].splitlines())) > LONGEST] == []


def test_a_module_opens_by_saying_what_lives_in_it() -> None:
    """An empty ``__init__.py`` says nothing and needn't."""
    assert [str(name) for name, tree in modules().items() if tree.body and not ast.get_docstring(tree)] == []


def test_no_file_or_folder_is_named_after_nothing() -> None:
    assert [str(name) for name in modules() if {part.removesuffix(".py") for part in name.parts} & NAMELESS] == []


def test_nothing_is_left_to_be_done_later() -> None:
    assert [f"{name}: {found[0]}" for name, text in texts().items() if (found := LEFT_OVER.search(text))] == []


def test_no_text_names_a_registry_or_a_folder_of_one_machine() -> None:
    assert [f"{name}: {found[0]}" for name, text in texts().items() if (found := FOREIGN.search(text))] == []


@pytest.mark.parametrize(("pattern", "text"), [(LEFT_OVER, "# FIX" + "ME later"), (FOREIGN, "see /wo" + "rk/main"), (FOREIGN, "https://pypi" + ".org/simple")])
def test_the_rules_themselves_find_what_they_look_for(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)
