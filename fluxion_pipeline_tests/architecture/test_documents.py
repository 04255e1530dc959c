"""Documents that list something list what is there: variables, dependencies, make targets, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from fluxion_pipeline.settings import Settings, load
from fluxion_pipeline_tests.architecture.repository import ROOT, texts

IN_FILES = sorted((ROOT / "requirements").glob("*.in"))
DOCUMENTS = sorted(name for name in texts() if name.suffix == ".md")


def direct(file: Path) -> set[str]:
    """The names that a ``.in`` file asks for."""
    lines = (line.split("#")[0].strip() for line in file.read_text("utf-8").splitlines())
    return {re.split(r"[<>=!~\[; ]", line)[0] for line in lines if line and not line.startswith("-")}


def locked(file: Path) -> set[str]:
    """The names that a lock pins."""
    return set(re.findall(r"^([a-z0-9.-]+)(?:\[[a-z,]+\])?==", file.read_text("utf-8"), re.MULTILINE))


def test_the_example_environment_names_exactly_the_settings() -> None:
    assert set(dotenv_values(ROOT / ".env.example")) == {name.upper() for name in Settings.model_fields}


def test_the_example_environment_shows_the_defaults() -> None:
    example = {name: value for name, value in dotenv_values(ROOT / ".env.example").items() if value}
    assert load(example) == load({})


def test_the_readme_tells_every_setting() -> None:
    told = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", texts()[Path("README.md")]))
    assert {name.upper() for name in Settings.model_fields} <= told


def test_every_direct_dependency_has_its_line_and_every_line_its_dependency() -> None:
    table = re.findall(r"^\| `([a-z0-9-]+)` \|", texts()[Path("docs/dependencies.md")], re.MULTILINE)
    assert len(table) == len(set(table))
    assert set(table) == set().union(*(direct(file) for file in IN_FILES))


@pytest.mark.parametrize("file", IN_FILES, ids=lambda file: file.name)
def test_a_lock_pins_what_is_asked_for_each_with_hashes(file: Path) -> None:
    lock = file.with_suffix(".txt")
    assert direct(file) <= locked(lock)
    pins = re.split(r"^(?=[a-z0-9])", lock.read_text("utf-8"), flags=re.MULTILINE)[1:]
    assert [pin.splitlines()[0] for pin in pins if "--hash=sha256:" not in pin] == []


def test_what_two_locks_share_they_share_in_one_version() -> None:
    """Tests run on what production runs on; the bench's peer has an environment of its own."""

    def versions(name: str) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for package, pin in re.findall(r"^([a-z0-9.-]+)(?:\[[a-z,]+\])?==(\S+)", (ROOT / "requirements" / name).read_text("utf-8"), re.MULTILINE):
            found.setdefault(package, set()).add(pin)
        return found

    runtime, dev = versions("runtime.txt"), versions("dev.txt")
    assert {name: dev[name] for name in runtime.keys() & dev.keys() if not dev[name] <= runtime[name]} == {}


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", texts()[Path("Makefile")], re.MULTILINE))
    named = {a or b for name in DOCUMENTS for a, b in re.findall(r"`make ([a-z0-9]+)`|^make ([a-z0-9]+)", texts()[name], re.MULTILINE)}
    assert named <= targets


@pytest.mark.parametrize("name", DOCUMENTS, ids=str)
def test_a_document_links_to_files_that_are_there(name: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", texts()[name])
    assert [link for link in links if not (ROOT / name.parent / link).exists()] == []
