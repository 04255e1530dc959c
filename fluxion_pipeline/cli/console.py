"""How commands speak: tables and bars on a terminal, plain untruncated lines elsewhere, errors on stderr."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from fluxion_pipeline.errors import FluxionError

out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

LINE_EVERY = 5.0
"""Seconds between two lines of progress where there is no terminal."""


class Debug:
    """Whether ``--debug`` was given."""

    on = False


def command() -> str:
    """What to type for this program: its name where the shell finds it, else its path, relative below the current folder."""
    program = Path(sys.argv[0]).absolute()
    if shutil.which("fluxion") == str(program):
        return "fluxion"
    return os.path.relpath(program) if program.is_relative_to(Path.cwd()) else str(program)


def fail(error: FluxionError, code: int = 2) -> typer.Exit:
    """Print an error's cause and remedy to stderr; raise what this returns."""
    if Debug.on:
        traceback.print_exc()
    err.print(f"[red]error:[/] {escape(error.what)}")
    if error.remedy:
        err.print(f"[yellow]do:[/] {escape(error.remedy)}")
    return typer.Exit(code)


@contextmanager
def speaking(code: int = 2) -> Iterator[None]:
    """Turn errors into a message and an exit code."""
    try:
        yield
    except FluxionError as error:
        raise fail(error, code) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        remedy = "see that FLUXION_HOME can be written, and that its disk has space"
        raise fail(FluxionError(f"{where}{error.strerror or error}", remedy), code) from None


@contextmanager
def rows_done() -> Iterator[Callable[[str, int, int], None]]:
    """Tell of rows that are done, of how many, by name: bars on a terminal, elsewhere a line now and then and the last one."""
    if out.is_terminal:
        shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("rows,"), TimeRemainingColumn())
        with Progress(*shown, console=out, transient=True) as bars:
            tasks: dict[str, TaskID] = {}

            def bar(name: str, done: int, total: int) -> None:
                if name not in tasks:
                    tasks[name] = bars.add_task(name, total=total)
                bars.update(tasks[name], completed=done, total=total)

            yield bar
        return
    last = time.monotonic()

    def line(name: str, done: int, total: int) -> None:
        nonlocal last
        if done >= total or time.monotonic() - last > LINE_EVERY:
            last = time.monotonic()
            out.print(f"{name}: {done:,} of {total:,} rows")

    yield line


@contextmanager
def printing() -> Iterator[None]:
    """Print; whoever stopped reading (``| head``) has what they wanted, and changes no exit code."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table on a terminal; elsewhere one line an item, columns parted by tabs."""
    if out.is_terminal:
        table = Table(title=title, title_justify="left", header_style="bold")
        for name in header:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*[escape(f"{v:,}" if type(v) is int else _text(v)) for v in row])
        out.print(table)
    else:
        for row in rows:
            sys.stdout.write("\t".join(_text(v) for v in row) + "\n")


def _text(value: Any) -> str:
    """One line of printable text, whatever a file's name or a store's data had in it."""
    text = "" if value is None else str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def as_json(data: Any) -> None:
    """Plain JSON on stdout."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2, default=str) + "\n")
