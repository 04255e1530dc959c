"""The asset checks: on the lotes, on each sink's tables, and parity on the last sink that the mode writes.

None of them blocks: a location or a sink that is wrong must not stop the others. The checks of one
sink and fact are one step, which asks all its questions over one connection; any of them can be run
alone. They read only: what they say is decided in ``operations.checks`` and ``parity``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from fluxion_pipeline.contracts.outcomes import Fact, Mode, SinkName, Verdict
from fluxion_pipeline.contracts.tables import spec
from fluxion_pipeline.defs.guidance import read_again, what_to_do
from fluxion_pipeline.defs.names import CLEANING, COVERAGE, GROUPS, TABLES, lote_key, sink_key
from fluxion_pipeline.defs.record import Record
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.operations import checks, coverage_checks, disk
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.checks import CheckOutcome, Question
from fluxion_pipeline.operations.drifts import nobody_else_wrote
from fluxion_pipeline.operations.owed import nothing_pending
from fluxion_pipeline.operations.parity_history import record as remember
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.parity.report import TableParity, markdown
from fluxion_pipeline.sinks.slices import owner

STORES = (Fact.INVENTARIO, Fact.VENTAS)
"""The facts that are read of each location."""
PLACES = "ubicaciones_afectadas"
"""Metadata of an evaluation: location → what is wrong there."""

Results = Iterator[dg.AssetCheckResult]
Told = dict[str, tuple[str, Callable[[], CheckOutcome]]]
"""Check → what it is for, and its question."""
Metadata = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """A check of a sink: what it is for, and what it asks; users' own tables are asked about likewise."""

    description: str
    question: Question


def asset_checks(app: App, record: Record) -> list[dg.AssetChecksDefinition]:
    """All checks of a mode."""
    result = [*(_of_lotes(app, fact) for fact in STORES), _of_coverage(app), _of_cleaning(app)]
    result += [sink_checks(app, sink, GROUPS[fact], _questions(app, sink, fact)) for fact in TABLES for sink in app.settings.db_mode.sinks]
    return result + [parity_checks(app, record, GROUPS[fact], TABLES[fact]) for fact in TABLES]


def _of_lotes(app: App, fact: Fact) -> dg.AssetChecksDefinition:
    told: Told = {
        "lecturas_logradas": (
            "The newest stock and each day of sales of every location were read.",
            lambda: checks.readings_done(app, fact),
        ),
        "ubicaciones_conocidas": ("No file of an unknown or inactive location waits in quarantine.", lambda: checks.unknown_locations(app, fact)),
    }
    if fact is Fact.INVENTARIO:
        told["ubicaciones_al_dia"] = ("Every location that is open answered in the last two hours of ticks.", lambda: coverage_checks.none_silent(app))
    return _of_outbox(f"comprobar_lotes_{GROUPS[fact]}", lote_key(fact), told, lambda found: read_again(app.settings, fact, found.places, found.cuts))


def _of_coverage(app: App) -> dg.AssetChecksDefinition:
    told: Told = {
        "cobertura_ayer": ("Every store's sales of yesterday are there.", lambda: coverage_checks.of_yesterday(app)),
        "cobertura_30_dias": ("Every store's sales of the last 30 days are there.", lambda: coverage_checks.of_the_last_days(app)),
        "recuperacion_al_dia": ("The nightly recovery ended in the last 27 hours.", lambda: coverage_checks.recovery_alive(app)),
    }
    return _of_outbox("comprobar_cobertura", COVERAGE, told, lambda found: read_again(app.settings, Fact.VENTAS, found.places, found.cuts))


def _of_cleaning(app: App) -> dg.AssetChecksDefinition:
    told = {"disco": (f"The disk does for {disk.WARN_DAYS} days more, by what each consumer took lately.", lambda: disk.enough(app))}
    return _of_outbox("comprobar_limpieza", CLEANING, told)


def _of_outbox(step: str, key: dg.AssetKey, told: Told, again: Callable[[CheckOutcome], Metadata] = lambda _: {}) -> dg.AssetChecksDefinition:
    """Checks that ask no sink, as one step; ``again``: the way to read the places of a red one again."""
    specs = [dg.AssetCheckSpec(name, asset=key, description=text) for name, (text, _) in told.items()]

    @dg.multi_asset_check(name=step, specs=specs, can_subset=True)
    def comprobar(context: dg.AssetCheckExecutionContext) -> Results:
        for check in sorted(context.selected_asset_check_keys):
            found = told[check.name][1]()
            yield _result(check, found, {} if found.passed or not found.places else again(found))

    return comprobar


def sink_checks(app: App, sink: SinkName, group: str, asked: Mapping[dg.AssetCheckKey, Asked]) -> dg.AssetChecksDefinition:
    """The checks of one sink and group of tables, as one step."""
    specs = [dg.AssetCheckSpec(c.name, asset=c.asset_key, description=a.description) for c, a in asked.items()]

    @dg.multi_asset_check(name=f"comprobar_{sink}_{group}", specs=specs, can_subset=True)
    def comprobar(context: dg.AssetCheckExecutionContext) -> Results:
        selected = sorted(context.selected_asset_check_keys)
        try:
            found = checks.ask(app, sink, {c: asked[c].question for c in selected})
        except FluxionError as error:
            yield from (_untold(c, error) for c in selected)
        else:
            yield from (_result(c, found[c]) for c in selected)

    return comprobar


def _questions(app: App, sink: SinkName, fact: Fact) -> dict[dg.AssetCheckKey, Asked]:
    """What is asked of a sink about a fact's tables; what concerns readings is asked of the primary sink only."""
    asked: dict[dg.AssetCheckKey, Asked] = {}

    def add(table: str, name: str, description: str, question: Question) -> None:
        asked[dg.AssetCheckKey(sink_key(sink, table), name)] = Asked(description, question)

    first = TABLES[fact][0]
    add(first, "lotes_pendientes", "This database has everything that was read; its numbers say how far it is behind.", nothing_pending(app))
    add(first, "deriva", "No lote of the last day had to undo what somebody else changed.", nobody_else_wrote(app, sink, TABLES[fact]))
    for table in TABLES[fact]:
        add(table, "claves_unicas", "No row stands twice, by the table's key.", checks.unique_keys(sink, spec(table)))
    if fact in STORES:
        add(first, "codigos_conocidos", "Every product and location of its rows is in the catalogue and the map.", checks.references_known(first))
    if fact in STORES and sink is app.settings.db_mode.primary:
        add(
            first,
            "filas_cuadran",
            "Nothing was lost: rows read = loaded + repeated + rejected + held back.",
            checks.counts_add_up(fact),
        )
        add(first, "ubicaciones_presentes", "Every expected location has the newest tick or day that any of them has.", checks.expected_present(app, fact))
        add(first, "rechazos_usuales", "Not more than 5 % of the rows of any reading were rejected.", checks.rejects_usual(fact))
    if fact is Fact.INVENTARIO and sink is app.settings.db_mode.primary:
        add(first, "stock_negativo_usual", "Not more than 30 % of a location's stock is negative.", checks.negative_stock())
    return asked


def _result(check: dg.AssetCheckKey, found: CheckOutcome, more: Metadata | None = None) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {k: dg.MetadataValue.float(v) if isinstance(v, float) else dg.MetadataValue.int(v) for k, v in found.numbers.items()}
    if found.sample:
        metadata["muestra"] = dg.MetadataValue.md(found.sample)
    if found.places:
        metadata[PLACES] = dg.MetadataValue.json(dict(found.places))
    severity = dg.AssetCheckSeverity.ERROR if found.serious else dg.AssetCheckSeverity.WARN
    return _of(check, found.passed, severity, found.summary, {**metadata, **(more or {})})


def _untold(check: dg.AssetCheckKey, error: FluxionError) -> dg.AssetCheckResult:
    """A sink that can't be asked is a warning that says so, never a verdict on its rows."""
    return _of(check, False, dg.AssetCheckSeverity.WARN, f"could not be told: {error}", {"veredicto": Verdict.NO_CONCLUYENTE.value}, "base")


def _of(check: dg.AssetCheckKey, passed: bool, severity: dg.AssetCheckSeverity, text: str, metadata: Metadata, topic: str | None = None) -> dg.AssetCheckResult:
    advised = {} if passed else what_to_do(topic or check.name, check.asset_key.path[-1])
    return dg.AssetCheckResult(
        passed=passed, asset_key=check.asset_key, check_name=check.name, severity=severity, description=text, metadata={**advised, **metadata}
    )


def parity_checks(app: App, record: Record, group: str, tables: Sequence[str]) -> dg.AssetChecksDefinition:
    """Parity of some tables, exact, in one proof; skipped (not red) in a mode with one sink."""
    *others, last = app.settings.db_mode.sinks
    specs = [
        dg.AssetCheckSpec(
            "paridad",
            asset=sink_key(last, table),
            additional_deps=[sink_key(other, table) for other in others],
            description="DuckDB and PostgreSQL hold the same rows, compared exactly, and those of the lotes.",
        )
        for table in tables
    ]

    @dg.multi_asset_check(name=f"paridad_{group}", specs=specs, can_subset=True)
    def paridad(context: dg.AssetCheckExecutionContext) -> Results:
        selected = {c.asset_key.path[-1]: c for c in sorted(context.selected_asset_check_keys)}
        if app.settings.db_mode is not Mode.DUAL:
            reason = f"skipped: DB_MODE={app.settings.db_mode} writes one sink"
            yield from (_of(c, True, dg.AssetCheckSeverity.WARN, reason, {"veredicto": "omitida"}) for c in selected.values())
            return
        report = prove(app.settings, list(selected))
        remember(app.settings.home, report, app.clock())
        for found in report.tables:
            record.proved(context.run.run_id, found)
            yield _compared(selected[found.table], found)

    return paridad


def _compared(check: dg.AssetCheckKey, found: TableParity) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {
        "veredicto": dg.MetadataValue.text(found.verdict.value),
        "faltan_en_postgresql": dg.MetadataValue.int(found.missing_in_postgresql),
        "sobran_en_postgresql": dg.MetadataValue.int(found.missing_in_duckdb),
        "cambiadas": dg.MetadataValue.int(found.changed),
        "duplicadas": dg.MetadataValue.int(found.duplicated_in_duckdb + found.duplicated_in_postgresql),
        "segundos": dg.MetadataValue.float(round(found.seconds, 3)),
    }
    if found.slices is not None:
        metadata["slices"] = dg.MetadataValue.int(found.slices)
        metadata["slices_comparadas"] = dg.MetadataValue.int(found.slices if found.compared is None else found.compared)
    if found.oldest is not None:
        metadata["comparacion_mas_antigua"] = dg.MetadataValue.timestamp(found.oldest)
    for name, rows in (("filas_duckdb", found.rows_duckdb), ("filas_postgresql", found.rows_postgresql)):
        if rows is not None:
            metadata[name] = dg.MetadataValue.int(rows)
    if found.unlike_lote:
        metadata["iguales_pero_no_como_el_lote"] = dg.MetadataValue.int(found.missing_in_both + found.extra_in_both + found.changed_in_both)
    if found.unlike_own:
        metadata["distintas_de_su_lote"] = dg.MetadataValue.json({sink: own.to_json() for sink, own in found.unlike_own.items()})
    if found.wrong:
        metadata[PLACES] = dg.MetadataValue.json(dict.fromkeys(sorted({owner(found.table, s) for s in found.wrong} - {"*"}), ""))
    if found.sample:
        metadata["muestra"] = dg.MetadataValue.md(markdown(found))
    severity = dg.AssetCheckSeverity.ERROR if found.verdict is Verdict.DIFERENTE else dg.AssetCheckSeverity.WARN
    topic = "base" if found.verdict is Verdict.NO_CONCLUYENTE else None
    return _of(check, found.verdict is Verdict.IGUAL, severity, found.reason or str(found.verdict), metadata, topic)
