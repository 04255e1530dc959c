"""The report as one file for a browser or paper: HTML with SVG in it, both languages, no network, no script.

Before this: ``cutover``; after it: ``$FLUXION_HOME/informes/cutover.html`` or wherever a person wants it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from html import escape
from pathlib import Path

from fluxion_pipeline.contracts.clock import ZONE, local_day
from fluxion_pipeline.contracts.outcomes import Fact, SinkName, Verdict
from fluxion_pipeline.operations.coverage_picture import LOOKS, svg
from fluxion_pipeline.operations.cutover import Cutover
from fluxion_pipeline.operations.cutover_rules import Text
from fluxion_pipeline.operations.cutover_timings import ENGLISH, SPANISH
from fluxion_pipeline.parity.report import Shown, TableParity

FILE = "cutover.html"
DAYS, CELL, LEFT, SHOWN = 30, 18, 116, 5
TOP = 30
COLOURS = {Verdict.IGUAL: "#2e8b57", Verdict.DIFERENTE: "#c0392b", Verdict.NO_CONCLUYENTE: "#e6a700", None: "#eee"}

FACT: dict[Fact, Text] = {Fact.VENTAS: ("Ventas", "Sales"), Fact.INVENTARIO: ("Inventario", "Stock"), Fact.CATALOGO: ("Catálogo", "Catalogue")}

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:62rem;color:#1d2630;background:#fff}
h1{font-size:1.5rem;margin:.3rem 0} h2{font-size:1.1rem;margin:2rem 0 .4rem;border-bottom:1px solid #ccd3da}
.verdict{padding:.9rem 1.1rem;border-radius:6px;color:#fff;font-size:1.25rem;font-weight:600}
.yes{background:#1f7a4a} .no{background:#b03224} .lang{float:right;font-size:.85rem} .scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem} td,th{border-bottom:1px solid #e3e8ec;padding:.35rem .5rem;text-align:left;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap} td.mark{font-weight:700;white-space:nowrap}
.todo{overflow-wrap:anywhere} tr.bad td.mark{color:#b03224} tr.good td.mark{color:#1f7a4a} small{color:#5b6773} .todo{color:#7a2a1e}
ul.legend{padding:0;font-size:.85rem} ul.legend li{display:inline-block;margin-right:.9rem} ul.legend b{padding:0 .4em;color:#fff;border-radius:2px}
#en:checked~main [lang=es],#es:checked~main [lang=en]{display:none} #es,#en{position:absolute;opacity:0}
.lang label{cursor:pointer;text-decoration:underline} #es:checked~main .lang [for=es],#en:checked~main .lang [for=en]{font-weight:700;text-decoration:none}
#es:focus-visible~main .lang [for=es],#en:focus-visible~main .lang [for=en]{outline:2px solid #1d2630}
td.reason{overflow-wrap:anywhere;min-width:12rem} h3{font-size:1rem;margin:1rem 0 .2rem}
@media(max-width:40rem){body{padding:.6rem} td,th{padding:.3rem .25rem}
 .days{direction:rtl} .days svg{width:41rem;max-width:none;direction:ltr}}
@media print{body{font-size:10pt;max-width:none;padding:0} .lang,#es,#en{display:none} tr,svg{break-inside:avoid} h2{break-after:avoid}
 *{-webkit-print-color-adjust:exact;print-color-adjust:exact} .scroll{overflow:visible} .scroll svg{max-width:100%;height:auto}
 thead{display:table-header-group} table{font-size:8.5pt} td.reason{min-width:0} td.n,th.n{white-space:normal}}
"""


def both(es: str, en: str) -> str:
    """A text in both languages, of which the page shows one."""
    return f'<span lang="es">{escape(es)}</span><span lang="en">{escape(en)}</span>'


def page(found: Cutover) -> str:
    """The whole page."""
    head = (
        both("Lista para PostgreSQL", "Ready for PostgreSQL") if found.ready else both("Todavía no está lista para PostgreSQL", "Not ready for PostgreSQL yet")
    )
    broken = sum(not r.holds for r in found.rules)
    tail = both(
        f": {len(found.rules) - broken} de {len(found.rules)} condiciones se cumplen", f": {len(found.rules) - broken} of {len(found.rules)} conditions hold"
    )
    when = f"{found.at.astimezone(ZONE):%Y-%m-%d %H:%M}"
    parts = (
        (("Condiciones, y qué hacer", "Conditions, and what to do"), _rules(found)),
        (("Paridad en el tiempo", "Parity over time"), _parity(found)),
        (("Cobertura de 30 días", "Coverage of 30 days"), _coverage(found)),
        (("Tiempos", "Timings"), _timings(found)),
        (("Bases, rechazos y cuarentena", "Databases, rejects and quarantine"), _sinks(found)),
    )
    body = "".join(f"<h2>{both(*title)}</h2>{content}" for title, content in parts)
    return f"""<!DOCTYPE html>
<html lang="es"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Fluxion: cutover</title>
<style>{STYLE}</style></head><body>
<input type="radio" name="l" id="es" checked aria-label="Español"><input type="radio" name="l" id="en" aria-label="English">
<main><div class="lang"><label for="es">Español</label> · <label for="en">English</label></div>
<h1>{both("¿Pasar a PostgreSQL?", "Move to PostgreSQL?")}</h1><p><small>{when}, {both("hora de Caracas", "Caracas time")}</small></p>
<p class="verdict {"yes" if found.ready else "no"}">{head}{tail}</p>{body}</main></body></html>
"""


def _table(head: Iterable[tuple[Text, bool]], rows: Iterable[str]) -> str:
    heads = "".join(f"<th{' class=n' if number else ''}>{both(*text)}</th>" for text, number in head)
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _rules(found: Cutover) -> str:
    """What doesn't hold comes first: it is what has to be done."""
    rows = []
    for item in sorted(found.rules, key=lambda r: r.holds):
        todo = "" if item.holds else f'<div class="todo">→ {both(*item.rule.remedy)}</div>'
        mark = f"✓ {both('sí', 'yes')}" if item.holds else f"✗ {both('no', 'no')}"
        rows.append(
            f'<tr class="{"good" if item.holds else "bad"}"><td class="mark">{mark}</td><td>{both(*item.rule.title)}<br>'
            f"<small>{both(*item.rule.reason)}</small>{todo}</td><td class=n>{both(*item.value)}</td></tr>"
        )
    return _table(((("", ""), False), (("Condición", "Condition"), False), (("Medido", "Measured"), True)), rows)


def _parity(found: Cutover) -> str:
    rows = [
        f'<tr class="{"good" if t.verdict is Verdict.IGUAL else "bad"}"><td>{t.table}</td><td class="mark">{t.verdict}</td>'
        f"<td class=n>{_number(t.rows_duckdb)}</td><td class=n>{_number(t.rows_postgresql)}</td><td class=n>{found.equal_days.get(t.table, 0)}</td>"
        f"<td class=n>{_proven(t)}</td><td class=reason>{both(_in_spanish(t), t.reason)}</td></tr>"
        for t in found.parity.tables
    ]
    head: tuple[tuple[Text, bool], ...] = (
        (("tabla", "table"), False),
        (("veredicto", "verdict"), False),
        (("DuckDB", "DuckDB"), True),
        (("PostgreSQL", "PostgreSQL"), True),
        (("días iguales", "days equal"), True),
        (("prueba más vieja", "oldest proof"), True),
        (("motivo", "reason"), False),
    )
    drift = [f"{t.table}: {t.reason}" for t in found.schema.tables if t.verdict is not Verdict.IGUAL]
    said = f"<p>{both('Deriva del esquema', 'Schema drift')}: {escape('; '.join(drift)) if drift else both('ninguna', 'none')}</p>"
    return f'{_legend()}<div class="scroll days">{history_svg(found)}</div>{_table(head, rows)}{_sample(found)}{said}'


def _proven(table: TableParity) -> str:
    """When the slice that waits longest was compared; a table of one slice is compared each time."""
    if table.oldest is not None:
        return f"{table.oldest.astimezone(ZONE):%m-%d %H:%M}"
    return both("ahora", "now") if table.verdict is Verdict.IGUAL else "–"


def _in_spanish(table: TableParity) -> str:
    """What differs, counted; any other reason is told in the language of the commands."""
    counts = (
        (table.missing_in_postgresql, "solo en DuckDB"),
        (table.missing_in_duckdb, "solo en PostgreSQL"),
        (table.changed, "con otros valores"),
        (table.duplicated_in_duckdb, "de más de una clave repetida en DuckDB"),
        (table.duplicated_in_postgresql, "de más de una clave repetida en PostgreSQL"),
        (table.missing_in_both, "del lote faltan en ambas"),
        (table.extra_in_both, "que ningún lote tiene, en ambas"),
        (table.changed_in_both, "con otros valores que el lote, en ambas"),
    )
    told = [f"{number:,} {what}" for number, what in counts if number]
    return "Filas: " + "; ".join(told) if told and not table.unlike_own else table.reason


def _legend() -> str:
    words: dict[Verdict | None, Text] = {
        Verdict.IGUAL: ("igual", "equal"),
        Verdict.NO_CONCLUYENTE: ("no se pudo decir", "could not be told"),
        Verdict.DIFERENTE: ("diferente", "different"),
        None: ("sin prueba", "no proof"),
    }
    items = "".join(f'<li><b style="background:{COLOURS[v]}">&nbsp;</b> {both(*text)}</li>' for v, text in words.items())
    return f'<ul class="legend">{items}</ul>'


def _sample(found: Cutover) -> str:
    """Some of the rows that differ, with what each side holds."""
    rows = []
    for table in found.parity.tables:
        for item in table.sample[:SHOWN]:
            key = ", ".join(f"{name}={value}" for name, value in item.key.items())
            sides = "; ".join(f"{side}: {_held(row, item.columns)}" for side, row in item.sides)
            rows.append(f"<tr><td>{table.table}</td><td>{escape(item.kind)}</td><td class=reason>{escape(key)}</td><td class=reason>{sides}</td></tr>")
    head: tuple[tuple[Text, bool], ...] = (
        (("tabla", "table"), False),
        (("diferencia", "difference"), False),
        (("clave", "key"), False),
        (("valores", "values"), False),
    )
    title = both(f"Filas que difieren (hasta {SHOWN} por tabla)", f"Rows that differ (up to {SHOWN} of each table)")
    return f"<h3>{title}</h3>{_table(head, rows)}" if rows else ""


def _held(row: Shown | None, columns: Iterable[str]) -> str:
    """The differing columns of a row in a few words, or whether it is there."""
    if row is None:
        return both("no está", "not there")
    return escape(", ".join(f"{name}={row.get(name)}" for name in columns)) or both("está", "there")


def history_svg(found: Cutover) -> str:
    """A row per table, a column per day: the worst verdict of the day. Names stand by the newest day, which a telephone shows first."""
    today = local_day(found.at)
    days = [today - timedelta(days=n) for n in range(DAYS - 1, -1, -1)]
    worst: dict[tuple[str, str], Verdict] = {}
    order = (Verdict.IGUAL, Verdict.NO_CONCLUYENTE, Verdict.DIFERENTE)
    for proof in found.proofs:
        key = (proof.table, local_day(proof.at).isoformat())
        worst[key] = max(worst.get(key, Verdict.IGUAL), proof.verdict, key=order.index)
    tables = [t.table for t in found.parity.tables]
    width, height = CELL * DAYS + LEFT, TOP + CELL * len(tables)
    cells = [f'<text x="{CELL * x + 8}" y="{TOP - 8}" text-anchor="middle">{day:%d}</text>' for x, day in enumerate(days)]
    cells += [f'<text x="{CELL * x}" y="{TOP - 19}">{day:%Y-%m}</text>' for x, day in enumerate(days) if x == 0 or (day.day == 1 and x > 3)]
    for y, table in enumerate(tables):
        cells.append(f'<text x="{CELL * DAYS + 4}" y="{TOP + CELL * y + 12}">{table}</text>')
        for x, day in enumerate(days):
            verdict = worst.get((table, day.isoformat()))
            title = f"{table} {day}: {verdict or '–'}"
            cells.append(f'<rect x="{CELL * x}" y="{TOP + CELL * y}" width="16" height="16" rx="2" fill="{COLOURS[verdict]}"><title>{title}</title></rect>')
    return f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="10">{"".join(cells)}</svg>'


def _coverage(found: Cutover) -> str:
    legend = "".join(f'<li><b style="background:{colour}">{mark}</b> {word}</li>' for word, (mark, colour) in LOOKS.items())
    maps = "".join(f'<h3>{both(*FACT[m.fact])}: {m.share:.1%}</h3><div class="scroll">{svg(m)}</div>' for m in found.maps)
    return f'<ul class="legend">{legend}</ul>{maps}'


def _timings(found: Cutover) -> str:
    if not found.timings:
        return f"<p>{both('No se midieron: falta una de las dos bases.', 'Not measured: one of the two databases is away.')}</p>"
    rows = [
        f"<tr><td>{both(SPANISH[t.name], ENGLISH[t.name])}</td>" + "".join(f"<td class=n>{t.milliseconds[name]:,.1f} ms</td>" for name in SinkName) + "</tr>"
        for t in found.timings
    ]
    speeds = [f"{w.rows:,} / {w.seconds:,.1f} s" for w in (found.writing[name] for name in SinkName)]
    rows.append(
        f"<tr><td>{both('Filas escritas, y en cuánto', 'Rows written, and in how long')}</td>" + "".join(f"<td class=n>{s}</td>" for s in speeds) + "</tr>"
    )
    return _table(((("consulta", "question"), False), (("DuckDB", "DuckDB"), True), (("PostgreSQL", "PostgreSQL"), True)), rows)


def _sinks(found: Cutover) -> str:
    rows = [
        f"<tr><td>{s.sink}</td><td class=n>{found.sizes[s.sink] / 1e6:,.1f} MB</td><td class=n>{s.pending}</td><td>{escape(s.problem or '')}</td></tr>"
        if s.sink in found.sizes
        else f"<tr><td>{s.sink}</td><td class=n>–</td><td class=n>{s.pending}</td><td>{escape(s.problem or '')}</td></tr>"
        for s in found.status.sinks
    ]
    head: tuple[tuple[Text, bool], ...] = (
        (("base", "database"), False),
        (("tamaño", "size"), True),
        (("slices pendientes", "pending slices"), True),
        (("problema", "problem"), False),
    )
    more = both(
        f"Filas rechazadas: {found.status.rejected}. En cuarentena: {found.status.quarantined}. Reparaciones: {found.status.repairs}.",
        f"Rejected rows: {found.status.rejected}. In quarantine: {found.status.quarantined}. Repairs: {found.status.repairs}.",
    )
    return f"{_table(head, rows)}<p>{more}</p>"


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def write(path: Path, found: Cutover) -> Path:
    """Write the page, whole or not at all; its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(page(found), "utf-8")
    return fresh.replace(path)
