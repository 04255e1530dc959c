"""``fluxion compare``: one table of any two databases, exactly; nothing of this chain needs to be there."""

from __future__ import annotations

from typing import Annotated

import typer

from fluxion_pipeline.cli.console import as_json, printing, speaking
from fluxion_pipeline.cli.parity import value
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.parity.databases import address
from fluxion_pipeline.parity.report import Difference, Shown
from fluxion_pipeline.parity.versus import Versus, versus, word


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="Path of a DuckDB file, or a libpq URI: postgresql://user@host:port/database.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The other one, of either kind.")],
    table: Annotated[
        list[str],
        typer.Option("--table", help='The table, or schema.table ("a.b"."c" where a name has a point); twice where it is named otherwise in B.'),
    ],
    key: Annotated[list[str], typer.Option("--key", help="The columns that identify a row, each with --key or parted by commas.")],
    columns: Annotated[
        list[str] | None, typer.Option("--columns", help="Compare only these columns beside the key, parted by commas; by default all.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Compare a table of any two databases, exactly and read-only. Exit code 0: equal; 1: rows, columns or types differ; 2: it can't be told."""
    with speaking():
        if len(table) > 2:
            raise ContractError("--table was given more than twice", "give it once, or once for A and once for B")
        found = versus(address(a), address(b), (table[0], table[-1]), _names(key), _names(columns or []))
    with printing():
        if json:
            as_json(found.to_json())
        else:
            _show(found)
    raise typer.Exit(found.exit_code)


def _names(given: list[str]) -> list[str]:
    return list(dict.fromkeys(name.strip() for part in given for name in part.split(",") if name.strip()))


def _show(found: Versus) -> None:
    """One plain, untruncated line per fact and per difference."""
    print(f"A {found.a} {found.tables[0]}: {found.rows[0]} rows")
    print(f"B {found.b} {found.tables[1]}: {found.rows[1]} rows")
    for side, names in (("A", found.columns.only_a), ("B", found.columns.only_b)):
        for name in names:
            print(f"  column {name}: only in {side}")
    for name, mine, other in found.columns.types:
        print(f"  column {name}: {mine} in A, {other} in B: not compared")
    for name, mine, other in found.columns.unknown:
        print(f"  column {name}: {mine} in A, {other} in B: types that can't be compared; leave it out with --columns")
    for item in found.sample:
        print(_line(item))
    total = found.found
    counts = {"only in A": total.missing, "only in B": total.extra, "changed": total.changed}
    counts |= {"doubled in A": total.doubled_duckdb, "doubled in B": total.doubled_postgresql}
    told = ", ".join(f"{n} {text}" for text, n in counts.items() if n)
    print(f"compare: {found.verdict}" + (f": {told}" if told else ""))


def _line(item: Difference) -> str:
    key = " ".join(f"{name}={value(v)}" for name, v in item.key.items())
    names = item.columns or tuple(item.duckdb or item.postgresql or ())
    sides = [f"{c}: a={_side(item.duckdb, c)} b={_side(item.postgresql, c)}" for c in names]
    return f"  {word(item)} {key}" + (f" | {', '.join(sides)}" if sides else "")


def _side(row: Shown | None, name: str) -> str:
    return "–" if row is None else value(row.get(name))
