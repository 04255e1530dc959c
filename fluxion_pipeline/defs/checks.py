"""The asset checks: on the lotes, on each sink's tables, and parity on the last sink that the mode writes.

None of them blocks: a location or a sink that is wrong must not stop the others.
"""

from collections.abc import Callable

import dagster as dg

from fluxion_pipeline.contracts.outcomes import Fact, Mode, Verdict
from fluxion_pipeline.defs.assets import TABLES, lote_key, sink_key
from fluxion_pipeline.defs.record import Record
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.operations import checks
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.checks import CheckOutcome
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.parity.report import markdown

_FACTS = (Fact.INVENTARIO, Fact.VENTAS)


def asset_checks(app: App, record: Record) -> list[dg.AssetChecksDefinition]:
    """All checks of a mode."""
    primary = app.settings.db_mode.primary
    result = []
    for fact in _FACTS:
        lotes = lote_key(fact)
        table = sink_key(primary, TABLES[fact][0])
        result += [
            _check(lotes, "ubicaciones_conocidas", "Nothing waits in quarantine.", lambda f=fact: checks.unknown_locations(app, f)),
            _check(table, "filas_cuadran", "Rows read = loaded + repeated + rejected + held back.", lambda f=fact: checks.counts_add_up(app, primary, f)),
            _check(table, "ubicaciones_presentes", "Every expected location has the newest cut.", lambda f=fact: checks.expected_present(app, primary, f)),
            _check(table, "rechazos_usuales", "Rejected rows are within the usual.", lambda f=fact: checks.rejects_usual(app, primary, f)),
        ]
    for sink in app.settings.db_mode.sinks:
        for tables in TABLES.values():
            for name in tables:
                key = sink_key(sink, name)
                result.append(_check(key, "claves_unicas", "No key stands twice.", lambda s=sink, t=name: checks.unique_keys(app, s, t)))
        for fact in _FACTS:
            name = TABLES[fact][0]
            result.append(_check(sink_key(sink, name), "codigos_conocidos", "Every code is known.", lambda s=sink, t=name: checks.references_known(app, s, t)))
    stock = sink_key(primary, "inventario_actual")
    result.append(_check(stock, "stock_negativo_usual", "Negative stock is within the usual.", lambda: checks.negative_stock(app, primary)))
    return result + [_parity(app, record, name) for tables in TABLES.values() for name in tables]


def _check(key: dg.AssetKey, name: str, description: str, decide: Callable[[], CheckOutcome]) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=key, name=name, description=description, blocking=False)
    def check() -> dg.AssetCheckResult:
        found = decide()
        metadata: dict[str, dg.MetadataValue] = {k: dg.MetadataValue.float(v) if isinstance(v, float) else dg.MetadataValue.int(v) for k, v in found.numbers.items()}
        if found.sample:
            metadata["muestra"] = dg.MetadataValue.md(found.sample)
        severity = dg.AssetCheckSeverity.ERROR if found.serious else dg.AssetCheckSeverity.WARN
        return dg.AssetCheckResult(passed=found.passed, severity=severity, description=found.summary, metadata=metadata)

    return check


def _parity(app: App, record: Record, table: str) -> dg.AssetChecksDefinition:
    """Parity of a table, exact; skipped (not red) in a mode with one sink."""
    last = app.settings.db_mode.sinks[-1]

    @dg.asset_check(asset=sink_key(last, table), name="paridad", description="DuckDB and PostgreSQL hold the same rows, compared exactly.", blocking=False)
    def paridad(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        if app.settings.db_mode is not Mode.DUAL:
            return dg.AssetCheckResult(passed=True, description=f"skipped: DB_MODE={app.settings.db_mode} writes one sink", metadata={"veredicto": "omitida"})
        try:
            report = prove(app.settings, [table])
        except FluxionError as error:
            return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description=str(error), metadata={"veredicto": Verdict.NO_CONCLUYENTE.value})
        (found,) = report.tables
        record.parity[table] = report
        metadata: dict[str, dg.MetadataValue] = {
            "veredicto": dg.MetadataValue.text(found.verdict.value),
            "filas_duckdb": dg.MetadataValue.int(found.rows_duckdb or 0),
            "filas_postgresql": dg.MetadataValue.int(found.rows_postgresql or 0),
            "faltan_en_postgresql": dg.MetadataValue.int(found.missing_in_postgresql or 0),
            "sobran_en_postgresql": dg.MetadataValue.int(found.missing_in_duckdb or 0),
            "cambiadas": dg.MetadataValue.int(found.changed or 0),
            "duplicadas": dg.MetadataValue.int((found.duplicated_in_duckdb or 0) + (found.duplicated_in_postgresql or 0)),
            "segundos": dg.MetadataValue.float(round(found.seconds, 3)),
        }
        if found.sample:
            metadata["muestra"] = dg.MetadataValue.md(markdown(found))
        severity = dg.AssetCheckSeverity.ERROR if found.verdict is Verdict.DIFERENTE else dg.AssetCheckSeverity.WARN
        return dg.AssetCheckResult(passed=found.verdict is Verdict.IGUAL, severity=severity, description=found.reason or str(found.verdict), metadata=metadata)

    return paridad
