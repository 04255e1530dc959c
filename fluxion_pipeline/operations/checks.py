"""What is checked after every write, as plain functions: numbers, a verdict, and a sample of what is wrong.

A ``Question`` is what one check asks of a sink and how it judges the answers: ``ask`` puts all
questions about a sink at once, so that they speak of one snapshot and cost one connection. Parity is
``parity``'s. Nothing here stops a location or a sink.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fluxion_pipeline.contracts.outcomes import SATISFIED, Fact, Outcome, SinkName
from fluxion_pipeline.contracts.sqltext import columns, quote
from fluxion_pipeline.contracts.tables import REFERENCES, TableSpec
from fluxion_pipeline.landing.attempts import odd, unsatisfied
from fluxion_pipeline.landing.quarantine import Quarantine
from fluxion_pipeline.operations.app import App

SAMPLE = 20
NEGATIVE_SHARE = 0.30
"""Up to a quarter of a store's SKUs is usual: fresh goods are sold before their receipt is booked."""
REJECT_SHARE = 0.05
"""More rejected rows than this of a day or tick means that the store's export has changed."""

Rows = Sequence[tuple[Any, ...]]
Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class CheckOutcome:
    """The outcome of one check.

    Attributes:
        passed: whether all is as it should be.
        summary: one sentence.
        numbers: what the UI plots.
        sample: Markdown table of what is wrong, bounded; empty if nothing is.
        serious: whether a failure means wrong data (else it is a warning).
        places: location → what is wrong there, for alerts.
        cuts: the days or ticks that can be read again there, in any order.
    """

    passed: bool
    summary: str
    numbers: dict[str, int | float] = field(default_factory=dict)
    sample: str = ""
    serious: bool = True
    places: Mapping[str, str] = field(default_factory=dict)
    cuts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """What one check asks of a sink: read-only statements that both engines understand, and the judge of their rows."""

    statements: tuple[str, ...]
    judge: Callable[..., CheckOutcome]
    """Called with the rows of each statement."""


def ask(app: App, sink: SinkName, questions: Mapping[Name, Question]) -> dict[Name, CheckOutcome]:
    """Put all questions to a sink at once.

    Raises:
        SinkAway: if it can't be read now.
    """
    if not questions:
        return {}
    rows = iter(app.sink(sink).answers([s for q in questions.values() for s in q.statements]))
    return {name: q.judge(*(next(rows) for _ in q.statements)) for name, q in questions.items()}


def table_of(header: Sequence[str], rows: Rows, total: int | None = None) -> str:
    """A Markdown table of at most ``SAMPLE`` rows, which says how many more there are."""
    if not rows:
        return ""

    def cell(value: Any) -> str:
        text = str("" if value is None else value)
        for mark, safe in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), ("\r", " "), ("\n", " ")):
            text = text.replace(mark, safe)
        return text[:120]

    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(cell(v) for v in row) + " |" for row in rows[:SAMPLE]]
    more = (len(rows) if total is None else total) - len(rows[:SAMPLE])
    return "\n".join(lines) + (f"\n\n… and {more} more" if more > 0 else "")


def _by_place(rows: Rows) -> dict[str, str]:
    """The locations of rows whose first value is one."""
    return {str(row[0]): "" for row in rows}


def _said(cut: str | None, outcome: str, reason: str | None) -> str:
    """What is wrong of a location, in one line."""
    return " ".join(filter(None, (outcome, f"en {cut}" if cut else "", f"({reason})" if reason else "")))


# ── of a sink ───────────────────────────────────────────────────────────────────────────────────
def counts_add_up(fact: Fact) -> Question:
    """Rows read = loaded + repeated + rejected + held back, for each slice in ``cobertura``."""
    mine = f"FROM cobertura WHERE tabla = '{fact.value}'"

    def judge(wrong: Rows, whole: Rows) -> CheckOutcome:
        ((slices, read),) = whole
        return CheckOutcome(
            not wrong,
            f"{len(wrong)} of {slices} slices don't add up" if wrong else f"all {slices} slices add up",
            {"slices": int(slices), "filas_leidas": int(read), "slices_que_no_cuadran": len(wrong)},
            table_of(("ubicación", "corte", "leídas", "cargadas", "repetidas", "rechazadas", "retenidas"), wrong),
            places=_by_place(wrong),
        )

    broken = "leidas <> cargadas + repetidas + rechazadas + retenidas"
    return Question(
        (
            f"SELECT ubicacion_codigo, corte, leidas, cargadas, repetidas, rechazadas, retenidas {mine} AND {broken} ORDER BY 1, 2",
            f"SELECT count(*), coalesce(sum(leidas), 0) {mine}",
        ),
        judge,
    )


def unique_keys(sink: SinkName, whole: TableSpec) -> Question:
    """No key of the contract stands twice; for ``ventas`` not even on two days.

    Where PostgreSQL's primary key is the contract's it enforces that: what is proven then is that it is there.
    """
    table = whole.name
    if sink is SinkName.POSTGRESQL and set(whole.key) == set(whole.physical_key):
        return _enforced(table)
    key = columns(whole.key)
    doubled = f"SELECT {key}, count(*) AS veces, count(*) OVER () AS total FROM {quote(table)} GROUP BY {key} HAVING count(*) > 1 ORDER BY {key} LIMIT {SAMPLE}"  # noqa: S608 quoted names

    def judge(wrong: Rows) -> CheckOutcome:
        total = int(wrong[0][-1]) if wrong else 0
        return CheckOutcome(
            not wrong,
            f"{total} keys stand more than once" if wrong else "every key stands once",
            {"claves_dobles": total},
            table_of((*whole.key, "veces"), [w[:-1] for w in wrong], total),
        )

    return Question((doubled,), judge)


def _enforced(table: str) -> Question:
    """The table has its primary key, valid."""
    key = f"SELECT count(*) FROM pg_index WHERE indrelid = '{quote(table)}'::regclass AND indisprimary AND indisvalid"  # noqa: S608 quoted names

    def judge(found: Rows) -> CheckOutcome:
        held = bool(found[0][0])
        gone = f"{table} has no valid primary key: somebody dropped it, and nothing keeps its keys apart"
        return CheckOutcome(held, "every key stands once: the primary key sees to it" if held else gone, {"claves_dobles": 0} if held else {})

    return Question((key,), judge)


def references_known(table: str) -> Question:
    """Every code that a table refers to is known."""
    statements = tuple(
        f"SELECT '{column}', {quote(column)}, count(*) AS filas FROM {quote(table)} t"  # noqa: S608 quoted names
        f" WHERE {quote(column)} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {quote(target)} r WHERE r.{quote(key)} = t.{quote(column)})"
        " GROUP BY 1, 2 ORDER BY 3 DESC, 2"
        for source, column, target, key in REFERENCES
        if source == table
    )

    def judge(*answers: Rows) -> CheckOutcome:
        wrong = [row for answer in answers for row in answer]
        rows = sum(int(w[2]) for w in wrong)
        return CheckOutcome(
            not wrong,
            f"{len(wrong)} unknown codes in {rows} rows" if wrong else "every code is known",
            {"codigos_desconocidos": len(wrong), "filas": rows},
            table_of(("columna", "código", "filas"), wrong),
        )

    return Question(statements, judge)


def negative_stock() -> Question:
    """Negative stock is real; more of it than usual says that receipts aren't booked."""

    def judge(found: Rows) -> CheckOutcome:
        wrong = [(place, rows, negative) for place, rows, negative in found if negative > NEGATIVE_SHARE * rows]
        total = sum(int(r[2]) for r in found)
        return CheckOutcome(
            not wrong,
            f"{len(wrong)} locations have more than {NEGATIVE_SHARE:.0%} negative stock" if wrong else f"{total} rows are negative, as usual",
            {"filas_negativas": total, "ubicaciones_fuera_de_lo_usual": len(wrong)},
            table_of(("ubicación", "filas", "negativas"), wrong),
            serious=False,
            places=_by_place(wrong),
        )

    return Question(("SELECT ubicacion_codigo, count(*), sum(CASE WHEN stock < 0 THEN 1 ELSE 0 END) FROM inventario_actual GROUP BY 1 ORDER BY 1",), judge)


def rejects_usual(fact: Fact) -> Question:
    """Rejected rows are within the usual, per day or tick."""

    def judge(found: Rows, reasons: Rows) -> CheckOutcome:
        wrong = [row for row in found if row[3] > REJECT_SHARE * row[2]]
        total = sum(int(r[3]) for r in found)
        parts = (table_of(("ubicación", "corte", "leídas", "rechazadas"), wrong), table_of(("motivo", "campo", "filas"), reasons))
        return CheckOutcome(
            not wrong,
            f"{len(wrong)} readings have more than {REJECT_SHARE:.0%} rejected rows" if wrong else f"{total} rejected rows, within the usual",
            {"filas_rechazadas": total, "lecturas_fuera_de_lo_usual": len(wrong)},
            "\n\n".join(p for p in parts if p),
            serious=False,
            places=_by_place(wrong),
        )

    return Question(
        (
            f"SELECT ubicacion_codigo, corte, leidas, rechazadas FROM cobertura WHERE tabla = '{fact.value}' AND rechazadas > 0 ORDER BY 2 DESC, 1",  # noqa: S608
            f"SELECT motivo, campo, count(*) FROM rechazos WHERE tabla = '{fact.value}' GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT {SAMPLE}",  # noqa: S608
        ),
        judge,
    )


def expected_present(app: App, fact: Fact) -> Question:
    """Every expected location has the newest day or tick that any location has."""
    good = {o.value for o in SATISFIED} - {Outcome.SIN_DATO.value}

    def judge(found: Rows) -> CheckOutcome:
        expected = {x.codigo: x.nombre for x in app.registry.active if app.source.covers(x) and (fact is not Fact.VENTAS or x.is_store)}
        by_place = {row[0]: row for row in found}
        lines = {code: by_place.get(code, (code, None, "sin lectura", None)) for code in expected}
        wrong = [(code, expected[code], *line[1:]) for code, line in lines.items() if line[2] not in good]
        return CheckOutcome(
            not wrong,
            f"{len(wrong)} of {len(expected)} expected locations are missing at the newest cut"
            if wrong
            else f"all {len(expected)} expected locations are there",
            {"esperadas": len(expected), "ausentes": len(wrong)},
            table_of(("ubicación", "nombre", "corte", "resultado", "motivo"), wrong),
            serious=False,
            places={place: _said(cut, outcome, reason) for place, _, cut, outcome, reason in wrong},
        )

    mine = f"FROM cobertura WHERE tabla = '{fact.value}'"
    return Question((f"SELECT ubicacion_codigo, corte, resultado, motivo {mine} AND corte = (SELECT max(corte) {mine} AND cargadas > 0)",), judge)


# ── of the outbox ───────────────────────────────────────────────────────────────────────────────
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


def readings_done(app: App, fact: Fact) -> CheckOutcome:
    """The newest attempt at every slice did what it was asked for."""
    attempted, failed = unsatisfied(app.outbox.index, fact)
    strange = odd(app.outbox.index, fact)
    parts = (
        table_of(("ubicación", "corte", "resultado", "motivo", "origen"), [(x.location, x.cut, x.outcome, x.reason, x.origin) for x in failed]),
        table_of(("ubicación", "corte", "raro, pero aplicado"), strange),
    )
    places = sorted({x.location for x in failed})
    wrong = f"failed readings that nothing has mended: {len(failed)}, of {', '.join(places[:10])}"
    newest = f"; the newest: {failed[0].location} {_said(failed[0].cut, failed[0].outcome, failed[0].reason)}" if failed else ""
    return CheckOutcome(
        not failed,
        wrong + newest if failed else f"{attempted} slices were read as they should be",
        {"slices_leidas": attempted, "lecturas_fallidas": len(failed), "ubicaciones": len(places), "rarezas": len(strange)},
        "\n\n".join(p for p in parts if p),
        places={x.location: _said(x.cut, x.outcome, x.reason) for x in reversed(failed)},
        cuts=tuple({x.cut for x in failed}) if fact is Fact.VENTAS else (),
    )
