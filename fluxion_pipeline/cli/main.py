"""The door: global options, and every command by its name.

A command's module brings along what it needs (Dagster, DuckDB, pandas); the others' stay unloaded,
so that ``fluxion db dsn`` doesn't wait for them.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from fluxion_pipeline import __version__
from fluxion_pipeline.cli.console import Debug

COMMANDS = (
    "init",
    "run",
    "parity",
    "compare",
    "repair",
    "accept",
    "adopt",
    "explain",
    "sync",
    "status",
    "pause",
    "resume",
    "coverage",
    "report",
    "mode",
    "quarantine",
    "alerts",
    "doctor",
    "db",
    "simulate",
    "ui",
    "demo",
)
"""In the order in which the help shows them; each is a module here, with a function of its name or, where it has commands, an ``app``."""


def build(names: Sequence[str] = COMMANDS) -> typer.Typer:
    """The command with some or all of its commands."""
    app = typer.Typer(
        name="fluxion",
        help="Land the stores' stock and sales once, and hold DuckDB and PostgreSQL equal.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(options)
    for name in names:
        module = import_module(f"fluxion_pipeline.cli.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(getattr(module, name))
    return app


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"fluxion {__version__}\n")
        raise typer.Exit


def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error, and Dagster's log.")] = False,
    show_version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)] = False,
) -> None:
    """Take the global options."""
    Debug.on = debug


def named(words: Sequence[str]) -> Sequence[str]:
    """The commands that a command line needs: the one that it names first; all of them where it names none."""
    first = next((word for word in words if not word.startswith("-")), "")
    return [first] if first in COMMANDS else COMMANDS


def main() -> None:
    """Run the command.

    A start makes hundreds of thousands of objects that stay: to look through them for garbage again and
    again is a sixth of it.
    """
    gc.set_threshold(50_000, 20, 20)
    build(named(sys.argv[1:]))()
