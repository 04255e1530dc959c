"""The heat map as one file for a browser: HTML with SVG in it, which needs no network and no script.

Before this: ``coverage``; after it: ``$FLUXION_HOME/informes/cobertura.html``, and a table of the same in
the metadata of the asset ``informes/cobertura``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path

from fluxion_pipeline.contracts.clock import ZONE
from fluxion_pipeline.contracts.outcomes import Fact, Outcome
from fluxion_pipeline.operations.coverage import SIN_LECTURA, Cell, Coverage

FOLDER, FILE = "informes", "cobertura.html"

LOOKS: dict[str, tuple[str, str]] = {
    Outcome.COMPLETO.value: ("C", "#2e8b57"),
    Outcome.VACIO.value: ("V", "#8fbc8f"),
    Outcome.EN_CURSO.value: ("E", "#4682b4"),
    Outcome.CERRADO.value: ("X", "#b0b0b0"),
    Outcome.PARCIAL.value: ("P", "#e6a700"),
    Outcome.SOSPECHOSO.value: ("S", "#9b59b6"),
    Outcome.INALCANZABLE.value: ("I", "#c0392b"),
    Outcome.SIN_DATO.value: ("N", "#e67e22"),
    SIN_LECTURA: ("?", "#5d4037"),
}
"""Letter and colour of each result; the letter is small where a good reading stands and a newer attempt failed."""

TITLES = {Fact.VENTAS: "Ventas", Fact.INVENTARIO: "Inventario"}
SIZE, LEFT, TOP = 20, 120, 30


def letter(cell: Cell) -> str:
    """How a cell is told in one letter."""
    found = LOOKS[cell.result][0]
    return found.lower() if cell.stale else found


def svg(found: Coverage) -> str:
    """The map as one SVG element: a row per location, a column per day."""
    width, height = LEFT + SIZE * len(found.shown) + 8, TOP + SIZE * len(found.locations) + 8
    heads = "".join(
        f'<text x="{LEFT + SIZE * n + SIZE // 2}" y="{TOP - 8}" text-anchor="middle">{day[8:]}</text>'
        + (f'<text x="{LEFT + SIZE * n}" y="{TOP - 19}">{day[:7]}</text>' if day[8:] == "01" or n == 0 else "")
        for n, day in enumerate(found.shown)
    )
    rows = []
    for y, place in enumerate(found.locations):
        rows.append(f'<text x="4" y="{TOP + SIZE * y + 14}">{escape(place.codigo)} {escape(place.nombre[:11])}</text>')
        for x, day in enumerate(found.shown):
            cell = found.cells.get((place.codigo, day))
            if cell is not None:
                rows.append(_square(cell, place.nombre, LEFT + SIZE * x, TOP + SIZE * y))
    style = 'font-family="sans-serif" font-size="10"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" {style}>{heads}{"".join(rows)}</svg>'


def markdown(found: Coverage) -> str:
    """The map as Markdown, for where no page can be shown: a table of letters, what is lacking in bold, and what the letters mean."""
    heads = ["ubicación", *(day[5:] for day in found.shown)]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for place in found.locations:
        cells = (found.cells.get((place.codigo, day)) for day in found.shown)
        letters = ["" if c is None else f"**{letter(c)}**" if c.lacking else letter(c) for c in cells]
        lines.append(f"| {place.codigo} | " + " | ".join(letters) + " |")
    legend = ", ".join(f"{mark} {word}" for word, (mark, _) in LOOKS.items())
    return "\n".join([*lines, "", f"{legend}. En negrita: falta. En minúscula: la última lectura falló, y sigue en pie la anterior."])


def _square(cell: Cell, name: str, x: int, y: int) -> str:
    text = f"{cell.location} {name}, {cell.day}: {cell.result}" + (f" ({cell.reason})" if cell.reason else "")
    side = SIZE - 2
    there = round(side * cell.good / cell.wanted) if cell.result == Outcome.PARCIAL.value and cell.wanted else 0
    part = f'<rect x="{x}" y="{y + side - there}" width="{side}" height="{there}" rx="2" fill="{LOOKS[Outcome.COMPLETO.value][1]}"/>' if there else ""
    return (
        f'<g><title>{escape(text)}</title><rect x="{x}" y="{y}" width="{side}" height="{side}" rx="2" fill="{LOOKS[cell.result][1]}"/>{part}'
        f'<text x="{x + SIZE // 2 - 1}" y="{y + 13}" text-anchor="middle" fill="#fff">{letter(cell)}</text></g>'
    )


def page(maps: Sequence[Coverage], at: datetime) -> str:
    """The whole page."""
    legend = "".join(f'<li><b style="background:{colour}">{mark}</b> {word}</li>' for word, (mark, colour) in LOOKS.items())
    parts = "".join(f"<h2>{TITLES[m.fact]}: {m.share:.1%}</h2>{svg(m)}{_lacking(m)}" for m in maps)
    when = f"{at.astimezone(ZONE):%Y-%m-%d %H:%M}"
    return f"""<!DOCTYPE html>
<html lang="es"><head><meta charset="utf-8"><title>Cobertura</title><style>
body{{font-family:sans-serif;margin:1.5rem;color:#222;background:#fff}} li{{display:inline-block;margin-right:1rem}} ul{{padding:0}}
b{{display:inline-block;width:1.3em;text-align:center;color:#fff;border-radius:2px}} table{{border-collapse:collapse;font-size:.85rem}}
td,th{{border:1px solid #ddd;padding:.2rem .5rem;text-align:left}} td:first-child{{white-space:nowrap}}
</style></head><body><h1>Cobertura</h1><p>{when}, hora de Caracas. Una letra pequeña: la última lectura falló, y sigue en pie la anterior.
De un día parcial la parte verde es la que está.</p>
<ul>{legend}</ul>{parts}</body></html>
"""


def _lacking(found: Coverage, most: int = 200) -> str:
    gaps = found.gaps
    if not gaps:
        return "<p>No falta nada.</p>"
    cells = ((g.day, g.result, g.reason or "", ", ".join(g.locations)) for g in gaps[:most])
    rows = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in cells)
    more = f"<p>… y {len(gaps) - most} más</p>" if len(gaps) > most else ""
    head = "<tr><th>día</th><th>resultado</th><th>motivo</th><th>ubicaciones</th></tr>"
    return f"<details><summary>Falta: {len(found.lacking)}</summary><table>{head}{rows}</table>{more}</details>"


def write(home: Path, maps: Sequence[Coverage], at: datetime) -> Path:
    """Write the page below the home; its path."""
    folder = home / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{FILE}.{os.getpid()}"
    fresh.write_text(page(maps, at), "utf-8")
    return fresh.replace(folder / FILE)
