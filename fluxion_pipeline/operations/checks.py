"""What is checked after every write, as plain functions: numbers, a verdict, and a sample of what is wrong.

Parity is ``parity``'s. Nothing here stops a location or a sink.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fluxion_pipeline.contracts.outcomes import SATISFIED, Fact, SinkName
from fluxion_pipeline.contracts.sqltext import columns, quote
from fluxion_pipeline.contracts.tables import REFERENCES, spec
from fluxion_pipeline.landing.quarantine import Quarantine
from fluxion_pipeline.operations.app import App

SAMPLE = 20
NEGATIVE_SHARE = 0.30
"""Up to a quarter of a store's SKUs is usual: fresh goods are sold before their receipt is booked."""
REJECT_SHARE = 0.05
"""More rejected rows than this of a day or tick means that the store's export has changed."""


@dataclass(frozen=True)
class CheckOutcome:
    """The outcome of one check.

    Attributes:
        passed: whether all is as it should be.
        summary: one sentence.
        numbers: what the UI plots.
        sample: Markdown table of what is wrong, bounded; empty if nothing is.
        serious: whether a failure means wrong data (else it is a warning).
    """

    passed: bool
    summary: str
    numbers: dict[str, int | float] = field(default_factory=dict)
    sample: str = ""
    serious: bool = True


def table_of(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A bounded Markdown table."""
    if not rows:
        return ""

    def cell(value: Any) -> str:
        return str("" if value is None else value).replace("|", "\\|").replace("\n", " ")[:120]

    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(cell(v) for v in row) + " |" for row in rows[:SAMPLE]]
    if len(rows) > SAMPLE:
        lines.append(f"\n… and {len(rows) - SAMPLE} more")
    return "\n".join(lines)


def counts_add_up(app: App, sink: SinkName, fact: Fact) -> CheckOutcome:
    """Rows read = loaded + repeated + rejected + held back, for each slice in ``cobertura``."""
    sql = f"""
        SELECT ubicacion_codigo, corte, leidas, cargadas, repetidas, rechazadas, retenidas FROM cobertura
        WHERE tabla = '{fact.value}' AND leidas <> cargadas + repetidas + rechazadas + retenidas ORDER BY 1, 2
    """  # noqa: S608 a name of the contract
    wrong = app.sink(sink).query(sql)
    ((slices, read),) = app.sink(sink).query(f"SELECT count(*), coalesce(sum(leidas), 0) FROM cobertura WHERE tabla = '{fact.value}'")  # noqa: S608
    return CheckOutcome(
        not wrong,
        f"{len(wrong)} of {slices} slices don't add up" if wrong else f"all {slices} slices add up",
        {"slices": int(slices), "filas_leidas": int(read), "slices_que_no_cuadran": len(wrong)},
        table_of(("ubicación", "corte", "leídas", "cargadas", "repetidas", "rechazadas", "retenidas"), wrong),
    )


def unique_keys(app: App, sink: SinkName, table: str) -> CheckOutcome:
    """No key of the contract stands twice; for ``ventas`` not even on two days."""
    key = columns(spec(table).key)
    wrong = app.sink(sink).query(f"SELECT {key}, count(*) FROM {quote(table)} GROUP BY {key} HAVING count(*) > 1 ORDER BY {key} LIMIT 1000")  # noqa: S608 quoted names
    return CheckOutcome(
        not wrong,
        f"{len(wrong)} keys stand more than once" if wrong else "every key stands once",
        {"claves_dobles": len(wrong)},
        table_of((*spec(table).key, "veces"), wrong),
    )


def references_known(app: App, sink: SinkName, table: str) -> CheckOutcome:
    """Every code that a table refers to is known."""
    wrong: list[tuple[Any, ...]] = []
    for source, column, target, key in REFERENCES:
        if source == table:
            sql = f"""
                SELECT '{column}', {quote(column)}, count(*) FROM {quote(table)} t
                WHERE {quote(column)} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {quote(target)} r WHERE r.{quote(key)} = t.{quote(column)})
                GROUP BY 1, 2 ORDER BY 3 DESC, 2 LIMIT 1000
            """  # noqa: S608 quoted names
            wrong += app.sink(sink).query(sql)
    rows = sum(int(w[2]) for w in wrong)
    return CheckOutcome(
        not wrong,
        f"{len(wrong)} unknown codes in {rows} rows" if wrong else "every code is known",
        {"codigos_desconocidos": len(wrong), "filas": rows},
        table_of(("columna", "código", "filas"), wrong),
    )


def negative_stock(app: App, sink: SinkName) -> CheckOutcome:
    """Negative stock is real; more of it than usual says that receipts aren't booked."""
    sql = """
        SELECT ubicacion_codigo, count(*), sum(CASE WHEN stock < 0 THEN 1 ELSE 0 END) FROM inventario_actual GROUP BY 1 ORDER BY 1
    """
    found = app.sink(sink).query(sql)
    wrong = [(place, rows, negative) for place, rows, negative in found if negative > NEGATIVE_SHARE * rows]
    total = sum(int(r[2]) for r in found)
    return CheckOutcome(
        not wrong,
        f"{len(wrong)} locations have more than {NEGATIVE_SHARE:.0%} negative stock" if wrong else f"{total} rows are negative, as usual",
        {"filas_negativas": total, "ubicaciones_fuera_de_lo_usual": len(wrong)},
        table_of(("ubicación", "filas", "negativas"), wrong),
        serious=False,
    )


def rejects_usual(app: App, sink: SinkName, fact: Fact) -> CheckOutcome:
    """Rejected rows are within the usual, per day or tick."""
    sql = f"SELECT ubicacion_codigo, corte, leidas, rechazadas FROM cobertura WHERE tabla = '{fact.value}' AND rechazadas > 0 ORDER BY 2 DESC, 1"  # noqa: S608
    found = app.sink(sink).query(sql)
    wrong = [row for row in found if row[3] > REJECT_SHARE * row[2]]
    reasons = app.sink(sink).query(f"SELECT motivo, campo, count(*) FROM rechazos WHERE tabla = '{fact.value}' GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20")  # noqa: S608
    total = sum(int(r[3]) for r in found)
    sample = table_of(("ubicación", "corte", "leídas", "rechazadas"), wrong)
    if reasons:
        sample += "\n\n" + table_of(("motivo", "campo", "filas"), reasons)
    return CheckOutcome(
        not wrong,
        f"{len(wrong)} readings have more than {REJECT_SHARE:.0%} rejected rows" if wrong else f"{total} rejected rows, within the usual",
        {"filas_rechazadas": total, "lecturas_fuera_de_lo_usual": len(wrong)},
        sample,
        serious=False,
    )


def unknown_locations(app: App, fact: Fact) -> CheckOutcome:
    """Nothing waits in quarantine."""
    held = [e for e in Quarantine(app.settings.home).entries() if e.fact is fact]
    folders = sorted({e.folder for e in held})
    return CheckOutcome(
        not held,
        f"{len(folders)} unknown locations wait in quarantine: {', '.join(folders[:10])}" if held else "every location is known",
        {"carpetas": len(folders), "archivos": len(held), "filas": sum(e.rows for e in held)},
        table_of(("carpeta", "corte", "filas", "motivo"), [(e.folder, e.cut, e.rows, e.reason) for e in held]),
        serious=False,
    )


def expected_present(app: App, sink: SinkName, fact: Fact) -> CheckOutcome:
    """Every expected location has the newest day or tick that any location has."""
    expected = {x.codigo: x.nombre for x in app.registry.active if app.source.covers(x) and (fact is not Fact.VENTAS or x.is_store)}
    sql = f"""
        SELECT ubicacion_codigo, corte, resultado, motivo FROM cobertura
        WHERE tabla = '{fact.value}' AND corte = (SELECT max(corte) FROM cobertura WHERE tabla = '{fact.value}' AND cargadas > 0)
    """  # noqa: S608
    found = {row[0]: row for row in app.sink(sink).query(sql)}
    good = {o.value for o in SATISFIED} - {"sin_dato"}
    wrong = [
        (code, name, *(found[code][1:] if code in found else (None, "sin lectura", None)))
        for code, name in expected.items()
        if code not in found or found[code][2] not in good
    ]
    return CheckOutcome(
        not wrong,
        f"{len(wrong)} of {len(expected)} expected locations are missing at the newest cut" if wrong else f"all {len(expected)} expected locations are there",
        {"esperadas": len(expected), "ausentes": len(wrong)},
        table_of(("ubicación", "nombre", "corte", "resultado", "motivo"), wrong),
        serious=False,
    )
