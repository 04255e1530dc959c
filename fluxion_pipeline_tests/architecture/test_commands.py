"""Every command that a document shows exists as it is written: its options, its arguments, its make target.

Which of them are typed, and by which test, or why none types them, stands in ``TYPED`` and ``NOT_TYPED``.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main
from typer._click.exceptions import UsageError
from typer.core import TyperGroup

from fluxion_pipeline.cli.main import build
from fluxion_pipeline_tests.architecture.repository import texts

TYPED = {
    "README.md": "e2e/test_readme_commands.py",
    "docs/migracion.md": "e2e/test_docs_commands.py",
    "docs/operacion.md": "e2e/test_docs_commands.py",
}
"""Documents whose commands a test types."""

NOT_TYPED = {
    "docs/own-tables.md": "they need a home with the sample's stock: e2e/test_readme_commands.py has one, defs/test_extra.py loads the example",
    "docs/sources.md": "the simulator serves until it is ended: simulate/test_klk.py and e2e/test_klk.py start it",
    "docs/production.md": "docker compose and an RDS server aren't there in tests: architecture/test_production.py reads the files that they use",
    "docs/compare.md": "they need databases of other programs: parity/test_versus.py makes them and compares",
    "docs/adopt.md": "they need a file of other programs: operations/test_adopt.py makes one, adopts it with the map that ships, and syncs",
    "docs/contributing.md": "they run these tests",
    "docs/performance.md": "they measure for minutes",
}
"""Documents whose commands can't be typed by a test, and why."""

FOREIGN = re.compile(r"^(docker compose |echo |pip install )")
"""Other programs' commands."""


def commands(document: str) -> list[str]:
    """The lines of a document's ``sh`` blocks."""
    blocks = re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", texts()[Path(document)], re.MULTILINE | re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.strip().splitlines() if line and not line.startswith("#")]


ALL = [(str(name), line) for name in sorted(texts()) if name.suffix == ".md" for line in commands(str(name))]


def parsed(words: list[str]) -> str:
    """The command that a command line names, its arguments read as the program reads them; nothing is done."""
    command = typer.main.get_command(build())
    context = command.make_context("fluxion", list(words), resilient_parsing=False)
    while isinstance(command, TyperGroup):
        _, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command, context = found, found.make_context(found.name, rest, parent=context)
    return context.command_path


def words_of(line: str) -> list[str]:
    words = shlex.split(line)
    while "=" in words[0]:
        words.pop(0)
    return words


@pytest.mark.parametrize(("document", "line"), ALL)
def test_a_command_of_a_document_is_one_that_exists(document: str, line: str) -> None:
    if line.startswith("docker compose exec code "):
        line = line.removeprefix("docker compose exec code ")
    if FOREIGN.match(line):
        return
    words = words_of(line)
    program = Path(words[0]).name
    assert program in {"fluxion", "make"}, line
    if program == "make":
        assert re.search(rf"^{words[1]}:", texts()[Path("Makefile")], re.MULTILINE)
    else:
        assert parsed(words[1:]).startswith("fluxion ")


def test_no_command_hides_in_a_block_of_no_language() -> None:
    pattern = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
    blocks = [(str(name), *found) for name in texts() if name.suffix == ".md" for found in pattern.findall(texts()[name])]
    others = [(name, text) for name, kind, text in blocks if kind not in {"sh", "bash", "console"}]
    assert [x for x in others if re.search(r"^(\S*/)?(fluxion|make|docker|pip) ", x[1], re.MULTILINE)] == []


def test_each_document_with_commands_is_typed_or_says_why_not() -> None:
    assert {document for document, _ in ALL} == set(TYPED) | set(NOT_TYPED)


@pytest.mark.parametrize("line", ["fluxion run stock", "fluxion parity --everything", "fluxion repair ventas --from nobody"])
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    with pytest.raises(UsageError):
        parsed(words_of(line)[1:])
