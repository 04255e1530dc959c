"""Every command that a document shows exists as it is written: its options, its arguments, its make target.

A command stands in a block, or in backticks within a sentence or a table. Those of the blocks are all typed by
tests, which ``TYPED`` names by document; the single lines that no test types stand in ``UNTYPED``, with the reason.
"""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import typer.main
from typer._click.core import Command
from typer._click.exceptions import MissingParameter, NoArgsIsHelpError, UsageError
from typer.core import TyperGroup

from fluxion_pipeline.cli.main import COMMANDS, build
from fluxion_pipeline_tests.architecture.repository import texts
from fluxion_pipeline_tests.e2e.test_docs_making import TYPED_AS
from fluxion_pipeline_tests.support.pages import FILLED, IN_THE_SERVICE, SPAN, commands, documents, filled_in, within

TYPED = {
    "README.md": "e2e/test_readme_commands.py",
    "docs/adopt.md": "e2e/test_docs_pages.py",
    "docs/compare.md": "e2e/test_docs_pages.py",
    "docs/contributing.md": "e2e/test_readme_commands.py",
    "docs/migracion.md": "e2e/test_docs_commands.py",
    "docs/operacion.md": "e2e/test_docs_commands.py",
    "docs/own-tables.md": "e2e/test_docs_pages.py",
    "docs/performance-history.md": "e2e/test_docs_making.py",
    "docs/performance.md": "e2e/test_docs_making.py",
    "docs/production.md": "e2e/test_docs_commands.py",
    "docs/sources.md": "e2e/test_docs_pages.py",
}
"""Documents with commands, and the test that types them."""

TARGETS = {
    "make run": "e2e/test_readme_commands.py",
    "make ui": "e2e/test_readme_commands.py",
    "make lint": ".ci/run",
    "make types": ".ci/run",
    "make test": ".ci/run",
    "make e2e": ".ci/run",
    "make help": "architecture/test_setup.py",
}
"""Make targets that documents show, and who types them; ``e2e.test_docs_making`` types all others."""

UNTYPED = {
    "docker compose up -d --build": "no test has Docker; architecture/test_production.py reads the files that it uses",
    "docker compose --profile pgadmin up -d": "the same",
    "docker compose restart": "the same",
    "make lock": "it pins what was published since",
    "make long": "a test of that suite would start itself",
}
"""Lines, also within sentences, that no test types, and why. Commands inside of the service are typed without it."""

PROGRAMS = {"fluxion", "make", "pip", "echo", "sh"}

ALL = [(name, line) for name in documents() for line in commands(name)]
WITHIN = [(name, line) for name in documents() for line in within(name)]
HEAD = ".venv/bin/fluxion …"
"""Above the README's table of commands."""

OUR_TABLE = re.compile(r"^\| (`[^|]*) \|", re.MULTILINE)


@cache
def program() -> TyperGroup:
    """All commands, put together once."""
    found = typer.main.get_command(build())
    assert isinstance(found, TyperGroup)
    return found


def parsed(words: list[str], *, named: bool = False) -> str:
    """The command that a command line names, its arguments read as the program reads them; nothing is done.

    Args:
        words: what follows ``fluxion``.
        named: the line may only name a command, so that what the command asks for may be lacking.
    """
    command: Command = program()
    context = command.make_context("fluxion", list(words), resilient_parsing=False)
    while isinstance(command, TyperGroup):
        rest = [*context._protected_args, *context.args]
        if not rest:
            break
        _, found, rest = command.resolve_command(context, rest)
        assert found is not None
        try:
            command, context = found, found.make_context(found.name, rest, parent=context)
        except (MissingParameter, NoArgsIsHelpError):
            if not named:
                raise
            return f"{context.command_path} {found.name}"
    return context.command_path


def words_of(line: str) -> list[str]:
    words = shlex.split(line)
    while "=" in words[0]:
        words.pop(0)
    return words


def exists(line: str, *, named: bool = False) -> None:
    """Fail unless a line is a command that is there."""
    words = words_of(line.removeprefix(IN_THE_SERVICE))
    program = Path(words[0]).name
    assert program in PROGRAMS or line in UNTYPED, line
    if program == "make":
        makefile = texts()[Path("Makefile")]
        assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), line
        assert [word for word in words[2:] if f"$({word.split('=')[0]})" not in makefile and f"$(or $({word.split('=')[0]})," not in makefile] == []
    elif program == "fluxion":
        assert parsed(words[1:], named=named).startswith("fluxion ")


@pytest.mark.parametrize(("document", "line"), ALL)
def test_a_command_of_a_document_is_one_that_exists(document: str, line: str) -> None:
    exists(line)


@pytest.mark.parametrize(("document", "line"), WITHIN)
def test_a_command_within_a_sentence_is_one_that_exists(document: str, line: str) -> None:
    if line != HEAD:
        exists(filled_in(line), named=True)


def test_each_gap_that_is_filled_in_is_one_that_a_document_leaves() -> None:
    spans = {span for page in documents() for span in SPAN.findall(texts()[Path(page)].replace(r"\|", "|"))}
    assert [left for left, _ in FILLED if not any(left in span for span in spans)] == []


def test_the_readmes_table_has_every_command_and_no_other() -> None:
    """Its first column names them without ``fluxion``, and further commands of a group without the group."""
    head, *rows = OUR_TABLE.findall(texts()[Path("README.md")].split("## The command")[1].split("## ")[0].replace(r"\|", "¦"))
    assert head == f"`{HEAD}`"
    told = set()
    for row in rows:
        group: object = None
        for span in SPAN.findall(row.replace("¦", "|")):
            words = words_of(filled_in(span))
            if isinstance(group, TyperGroup) and words[0] in group.commands:
                words.insert(0, str(group.name))
            group = program().commands.get(words[0])
            told.add(parsed(words, named=True).split()[1])
    assert told == set(COMMANDS) - {"demo"}  # what `make run` runs


def test_no_command_hides_in_a_block_of_no_language() -> None:
    pattern = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
    blocks = [(str(name), *found) for name in texts() if name.suffix == ".md" for found in pattern.findall(texts()[name])]
    others = [(name, text) for name, kind, text in blocks if kind not in {"sh", "bash", "console"}]
    assert [x for x in others if re.search(r"^(\S*/)?(fluxion|make|docker|pip) ", x[1], re.MULTILINE)] == []


def test_each_document_with_commands_is_typed_by_a_test_that_reads_it() -> None:
    assert {document for document, _ in ALL} == set(TYPED)
    assert [(page, test) for page, test in TYPED.items() if f'"{page}"' not in texts()[Path("fluxion_pipeline_tests") / test]] == []


def test_what_no_test_types_is_what_needs_docker_and_two_make_targets() -> None:
    docker = {line for _, line in ALL + WITHIN if line.startswith("docker ") and not line.startswith(IN_THE_SERVICE)}
    made = {line for _, line in ALL + WITHIN if line.startswith("make ")} - TYPED_AS.keys() - TARGETS.keys()
    assert set(UNTYPED) == docker | made
    assert made == {"make lock", "make long"}


def test_a_make_target_is_typed_by_whoever_is_named_for_it() -> None:
    shown = {line for _, line in ALL + WITHIN}
    assert (TARGETS.keys() | TYPED_AS.keys()) <= shown
    places = {place: Path(place) if place.startswith(".") else Path("fluxion_pipeline_tests") / place for place in TARGETS.values()}
    assert [line for line, place in TARGETS.items() if line not in texts()[places[place]]] == []


@pytest.mark.parametrize(
    "line", ["fluxion run stock", "fluxion parity --everything", "fluxion repair ventas --from nobody", "fluxion run", "fluxion accept --al"]
)
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    with pytest.raises(UsageError):
        parsed(words_of(line)[1:])


@pytest.mark.parametrize("line", ["fluxion run stock", "fluxion quarantine shows", "fluxion repair --apply --form lote"])
def test_a_name_within_a_sentence_that_does_not_exist_is_found(line: str) -> None:
    with pytest.raises(UsageError):
        parsed(words_of(line)[1:], named=True)
