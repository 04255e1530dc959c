"""What an operator reads when something is wrong: one cause, one remedy, on stderr, with the right exit code; and tidy help."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from fluxion_pipeline.cli import console
from fluxion_pipeline.cli.main import COMMANDS, build, named
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.commands import environment
from fluxion_pipeline_tests.support.home import Home

app = build()


def fluxion(settings: Settings, *words: str, **more: str):  # type: ignore[no-untyped-def]
    """The command in this process."""
    return CliRunner().invoke(app, words, env={**environment(settings), **more})


@pytest.fixture
def ready(duck_settings: Settings, tmp_path: Path) -> Settings:
    """A home after ``fluxion init``, with a folder of drops."""
    drops.write_sales(tmp_path / "drops", "tienda_01", "2025-11-20", [drops.sale("2025-11-20")])
    Home(duck_settings).ready()
    return duck_settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": tmp_path / "drops"})


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("status", 1),
        ("parity", 2),
        ("coverage", 2),
        ("accept", 2),
        ("alerts list", 2),
        ("explain productos 000006", 2),
        ("quarantine list", 2),
        ("repair ventas --from lote", 2),
        ("report cutover", 2),
    ],
)
def test_who_looks_where_no_home_is_is_told_so_and_makes_none(duck_settings: Settings, words: str, code: int) -> None:
    assert not duck_settings.home.exists()
    done = fluxion(duck_settings, *words.split())
    assert (done.exit_code, done.stdout) == (code, "")
    assert f"there is no home at {duck_settings.home}" in done.stderr
    assert "fluxion init" in done.stderr
    assert not duck_settings.home.exists()


def commands() -> Iterator[tuple[str, ...]]:
    """Every command, by its words."""

    def walk(command, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:  # type: ignore[no-untyped-def]
        yield words
        for name, child in getattr(command, "commands", {}).items():
            yield from walk(child, (*words, name))

    yield from walk(get_command(app), ())


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_command_has_a_tidy_help(words: tuple[str, ...]) -> None:
    told = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "100", "TERM": "dumb"})
    assert (told.exit_code, told.stderr) == (0, "")
    assert f"Usage: fluxion {' '.join(words)}".strip() in told.stdout
    assert max(len(line) for line in told.stdout.splitlines()) <= 100
    assert "``" not in told.stdout
    command = get_command(app)
    for word in words:
        command = command.commands[word]
    assert (command.help or "").strip().endswith(".")
    assert all(getattr(p, "help", None) for p in command.params), "an option or argument without a word about it"


def test_a_command_brings_along_its_own_module_and_no_other() -> None:
    assert list(named(["db", "dsn"])) == ["db"]
    assert list(named(["--debug", "run", "ventas"])) == ["run"]
    assert named(["--help"]) == named([]) == named(["nonsense"]) == COMMANDS


ERRORS: dict[str, tuple[tuple[str, ...], dict[str, str], str, str]] = {
    "a home that can't be": (("init",), {"FLUXION_HOME": "/proc/nobody/home"}, "/proc/nobody", "FLUXION_HOME can be written"),
    "an unknown location": (("run", "ventas", "--ubicacion", "nope"), {}, "«nope» is no location", "SUC001 (tienda_01, t01)"),
    "an inactive location": (("run", "inventario", "--ubicacion", "cedi_frutas"), {}, "CEDI04 (CEDI Frutas) isn't active", "activo=true"),
    "a day that is none": (("run", "ventas", "--from", "2025-02-30"), {}, "«2025-02-30»", "YYYY-MM-DD"),
    "days the wrong way round": (("run", "ventas", "--from", "2025-11-02", "--to", "2025-11-01"), {}, "is after --to", "swap"),
    "a tick that is none": (("run", "inventario", "--tick", "2025-11-01"), {}, "«2025-11-01» is not a tick", "YYYY-MM-DDTHHMM"),
    "a folder of drops that is not there": (("run", "ventas"), {"FLUXION_SOURCE_PATH": "/no/such/folder"}, "/no/such/folder", "point it at"),
    "a system whose address is not set": (("run", "ventas"), {"FLUXION_SOURCE": "klk"}, "KLK_BASE_URL isn't set", "archivos"),
    "an unknown mode": (("status",), {"DB_MODE": "both"}, "DB_MODE is «both»", "duckdb, dual or postgresql"),
    "a port that is none": (("status",), {"POSTGRES_PORT": "many"}, "POSTGRES_PORT is «many»", "1 to 65535"),
    "retiring the sink that is always known": (("mode", "retire", "duckdb"), {}, "DuckDB is always known", "leave it"),
    "a table that is not landed": (("repair", "usuarios", "--from", "lote"), {}, "usuarios is not landed", "ventas"),
    "nothing in quarantine": (("quarantine", "show", "nope"), {}, "nothing of «nope» waits", "fluxion quarantine list"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_has_one_cause_and_one_remedy(ready: Settings, case: str) -> None:
    words, more, cause, remedy = ERRORS[case]
    told = fluxion(ready, *words, **more)
    assert (told.exit_code, told.stdout) == (2, "")
    first, second = told.stderr.splitlines()
    assert (first[:7], second[:4]) == ("error: ", "do: ")
    assert cause in first
    assert remedy in second


def test_a_duckdb_file_that_can_not_be_is_a_sink_that_could_not_be_made_ready(ready: Settings) -> None:
    told = fluxion(ready, "init", DUCKDB_PATH="/proc/nobody/x.duckdb")
    assert told.exit_code == 2
    first, second, *_ = told.stderr.splitlines()
    assert "/proc/nobody, can't be used" in first
    assert "set DUCKDB_PATH" in second


@pytest.mark.parametrize("words", [("run", "ventas"), ("run", "inventario", "--tick", "2025-11-20T0600"), ("run", "catalogo")], ids=" ".join)
def test_a_run_before_init_says_so_and_writes_nothing(duck_settings: Settings, words: tuple[str, ...]) -> None:
    told = fluxion(duck_settings, *words, FLUXION_SOURCE="archivos")
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr.splitlines()[1] == "do: fluxion init"
    assert not (duck_settings.home / "lotes").exists()


WRONG_USE = (
    ("nonsense",),
    ("run", "nonsense"),
    ("run", "ventas", "--wait", "-1"),
    ("parity", "nope"),
    ("repair", "ventas"),
    ("mode", "retire", "oracle"),
)


@pytest.mark.parametrize("words", WRONG_USE, ids=" ".join)
def test_a_usage_error_is_2_and_speaks_on_stderr(ready: Settings, words: tuple[str, ...]) -> None:
    told = fluxion(ready, *words)
    assert (told.exit_code, told.stdout) == (2, "")
    assert "Usage: fluxion" in told.stderr


def test_init_tells_which_sink_could_not_be_made_ready(duck_settings: Settings) -> None:
    half = fluxion(duck_settings, "init", DB_MODE="dual", POSTGRES_HOST="127.0.0.1", POSTGRES_PORT="9")
    assert half.exit_code == 1
    assert half.stdout.splitlines()[0].startswith("duckdb: migrated, claimed for this home; 23 locations")
    assert "PostgreSQL (127.0.0.1:9) is away" in half.stderr
    none = fluxion(duck_settings, "init", DB_MODE="postgresql", POSTGRES_HOST="127.0.0.1", POSTGRES_PORT="9")
    assert none.exit_code == 2
    again = fluxion(duck_settings, "init")
    assert (again.exit_code, again.stdout) == (0, "duckdb: up to date already; 23 locations\n")


def test_status_is_json_and_nothing_else(ready: Settings) -> None:
    told = fluxion(ready, "status", "--json")
    found = json.loads(told.stdout)
    assert (told.exit_code, told.stderr, found["healthy"]) == (0, "", True)
    assert found["sinks"][0]["rows"]["productos"] == 0
    sick = fluxion(ready, "status", "--json", DB_MODE="dual", POSTGRES_HOST="127.0.0.1", POSTGRES_PORT="9")
    found = json.loads(sick.stdout)
    assert (sick.exit_code, found["healthy"]) == (1, False)
    assert "is away" in found["sinks"][1]["problem"]


def test_parity_with_one_sink_is_json_that_says_so(ready: Settings) -> None:
    told = fluxion(ready, "parity", "--json")
    assert (told.exit_code, json.loads(told.stdout)["verdict"]) == (2, "no_concluyente")


def test_the_mode_and_the_known_sinks_are_shown(ready: Settings) -> None:
    for words in (("mode",), ("mode", "show")):
        told = fluxion(ready, *words)
        assert told.exit_code == 0
        assert told.stdout == "DB_MODE=duckdb: writes duckdb; duckdb is read\nmode of the last write: nothing was written yet\nknown sinks: duckdb\n"
    assert fluxion(ready, "mode", "retire", "postgresql").stdout == "postgresql was not known\n"


def test_lists_off_a_terminal_are_one_plain_line_an_item(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["two\nlines", "tab\there", "[red]not markup[/]", ":smile:", "x" * 500, "esc\x1b[31m", "漢字 é", None, 12345, True]
    console.show("title", ("name",), [(n, 1) for n in names])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "two\\nlines\t1",
        "tab\\there\t1",
        "[red]not markup[/]\t1",
        ":smile:\t1",
        "x" * 500 + "\t1",
        "esc\\x1b[31m\t1",
        "漢字 é\t1",
        "\t1",
        "12345\t1",
        "True\t1",
    ]


def test_sync_makes_a_fresh_home_ready(duck_settings: Settings) -> None:
    told = fluxion(duck_settings, "sync")
    assert (told.exit_code, told.stderr) == (0, "")
    assert "duckdb: up to date, 23 rows written" in told.stdout
    assert "duckdb and its lotes: ubicaciones: igual (23 rows)" in told.stdout
    assert "duckdb: up to date, 0 rows written" in fluxion(duck_settings, "sync").stdout
