"""``fluxion parity``: prove both sinks equal, and name what isn't.

Shows a report, decides nothing: exit code 0 equal, 1 different, 2 can't be told. Before this:
``parity.prove``.
"""

from __future__ import annotations

import json as json_text
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from fluxion_pipeline.cli.console import as_json, printing, speaking
from fluxion_pipeline.cli.home import existing
from fluxion_pipeline.contracts.clock import now
from fluxion_pipeline.contracts.outcomes import Verdict
from fluxion_pipeline.contracts.tables import CONTRACT_TABLES
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.operations.parity_history import record
from fluxion_pipeline.parity.passes import Progress as Told
from fluxion_pipeline.parity.prove import chosen, prove
from fluxion_pipeline.parity.report import Difference, Level, ParityReport, Shown, TableParity

_STYLE = {Verdict.IGUAL: "green", Verdict.DIFERENTE: "bold red", Verdict.NO_CONCLUYENTE: "yellow"}


def parity(
    tables: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TABLE]…", help=f"By default all: {', '.join(CONTRACT_TABLES)}, and your own.", show_default=False),
    ] = None,
    level: Annotated[
        Level,
        typer.Option(
            help="schema: columns, types, keys. count: rows per slice. values: every value of every row. digest: the same by checksums, for slow links."
        ),
    ] = Level.VALUES,
    full: Annotated[bool, typer.Option("--full", help="Compare every row, also of slices that are as they were when they were last proven.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the DuckDB file.")] = 20.0,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Compare both sinks, exactly, and what was compared with the lotes too. Exit code 0: all equal; 1: some table differs; 2: it can't be told."""
    with speaking():
        settings = existing()
        try:
            names = chosen(settings, tables)
        except ContractError as error:
            raise typer.BadParameter(str(error), param_hint="TABLE") from error
    with speaking(), _progress(quiet=json) as told:
        report = prove(settings, names, level, full=full, wait=wait, progress=told)
    record(settings.home, report, now())
    with printing():
        if json:
            as_json(report.to_json())
        else:
            show(report)
    raise typer.Exit(report.exit_code)


def show(report: ParityReport) -> None:
    """Print a report: a table on a terminal, else one plain, untruncated line per table and difference."""
    if sys.stdout.isatty():
        _rich(report)
        return
    for table in report.tables:
        print(_line(table))
        for item in table.sample:
            print(difference_line(table.table, item))
    print(f"parity: {report.verdict}")


def difference_line(table: str, item: Difference) -> str:
    """One difference in one line: kind, table, key, and both values of what differs."""
    key = " ".join(f"{name}={value(v)}" for name, v in item.key.items())
    key += f" slice={value(item.slice)}" if item.by_lote and "slice" not in item.key else ""
    values = [f"{c}: " + " ".join(f"{name}={_side(row, c)}" for name, row in item.sides) for c in item.columns]
    return f"  {item.kind} {table} {key}" + (f" | {', '.join(values)}" if values else "")


def _line(table: TableParity) -> str:
    rows = "" if table.rows_postgresql is None else f" duckdb={table.rows_duckdb} postgresql={table.rows_postgresql}"
    reason = f": {table.reason}" if table.reason else ""
    return f"{table.table} {table.level} {table.verdict}{rows} {table.seconds:.2f}s{reason}"


def _rich(report: ParityReport) -> None:
    console = Console()
    grid = Table(title=f"parity: {report.verdict}", title_style=_STYLE[report.verdict], title_justify="left")
    for name in ("table", "verdict", "DuckDB", "PostgreSQL", "seconds", "reason"):
        grid.add_column(name, justify="right" if name in ("DuckDB", "PostgreSQL", "seconds") else "left", overflow="fold")
    for table in report.tables:
        verdict = f"[{_STYLE[table.verdict]}]{table.verdict}[/]"
        grid.add_row(table.table, verdict, _number(table.rows_duckdb), _number(table.rows_postgresql), f"{table.seconds:.2f}", escape(table.reason))
    console.print(grid)
    for table in report.tables:
        for item in table.sample:
            console.print(difference_line(table.table, item), markup=False, highlight=False, soft_wrap=True)


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _side(row: Shown | None, name: str) -> str:
    return "–" if row is None else value(row.get(name))


def value(held: object) -> str:
    """A value in one line: text as it is where it is plain, else quoted with escapes."""
    if held is None:
        return "NULL"
    text = str(held)
    return text if text and text.isprintable() and " " not in text else json_text.dumps(text, ensure_ascii=False)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Told | None]:
    """A bar per table on a terminal, nothing elsewhere: the report's lines are soon there."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=Console(stderr=True), transient=True) as bars:
        tasks = {}

        def told(table: str, done: int, total: int) -> None:
            if table not in tasks:
                tasks[table] = bars.add_task(table, total=total)
            bars.update(tasks[table], completed=done)

        yield told
