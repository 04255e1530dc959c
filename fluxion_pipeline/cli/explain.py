"""``fluxion explain``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape

from fluxion_pipeline.cli.console import as_json, out, show, speaking
from fluxion_pipeline.cli.home import existing
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.explain import explain as look


def explain(
    table: Annotated[str, typer.Argument(help="ventas, inventario_actual, inventario_historico, productos, ubicaciones, or a table of your own.")],
    key: Annotated[list[str], typer.Argument(help="The row's key, e.g. «SUC001 032125362075 1», or «tienda_01 00818981» for stock.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Tell why one row is as it is: each sink, the image, and what happened to it, in time order."""
    with speaking():
        found = look(App(existing()), table, key)
    if json:
        as_json(asdict(found))
        return
    out.print(f"{table}: " + ", ".join(f"{k} {escape(v)}" for k, v in found.key.items()))
    for sink, rows in found.sinks.items():
        out.print(f"  {sink}: " + (escape(rows) if isinstance(rows, str) else _rows(rows, found.key)))
    out.print(f"  image: {found.image if isinstance(found.image, str) else _rows(found.image, found.key)}")
    lines = [(e.lote, e.at, e.what, e.slice, _values(e.row or {}), e.origin, e.note) for e in found.events]
    show("what happened", ("lote", "read at", "what", "slice", "row", "from", "outcome"), lines)
    for file in found.lost:
        out.print(f"  {escape(file)} can't be read: what only it tells of this row is lacking here")
    if not found.events:
        out.print("  nothing that landed ever had this row" if not found.lost else "  nothing that can be read ever had this row")


def _rows(rows: list[dict[str, Any]], key: dict[str, str]) -> str:
    return escape(" · ".join(_values({k: v for k, v in row.items() if k not in key}) for row in rows)) if rows else "no such row"


def _values(row: dict[str, Any]) -> str:
    return ", ".join(f"{k}={v}" for k, v in row.items() if v is not None)
