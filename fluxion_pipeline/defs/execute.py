"""Run a job in this process, on the home's own Dagster instance, so that the UI shows it like any other run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG

from fluxion_pipeline.contracts.outcomes import Fact, SinkName
from fluxion_pipeline.defs.build import Overrides, build_defs
from fluxion_pipeline.defs.jobs import CUT_TAG, FLOW_TAG
from fluxion_pipeline.defs.leftovers import PROCESS_TAG, end_leftovers, process_mark
from fluxion_pipeline.defs.names import lote_key
from fluxion_pipeline.defs.record import Record
from fluxion_pipeline.defs.storage import opened
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.operations import instance
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.cleaning import JOB
from fluxion_pipeline.operations.execute import RunOutcome
from fluxion_pipeline.operations.land import Request

OF_MORE = {"cobertura_ayer", "cobertura_30_dias", "recuperacion_al_dia", "ubicaciones_al_dia"}
"""Checks that speak of more than the run that asks them: however serious, they are no failure of what was asked for."""

TOLD_OTHERWISE = {"paridad", "lecturas_logradas"}
"""Checks whose verdict a run's outcome has in more detail: of the tables that it compared, of the readings that it asked for."""


def execute(app: App, request: Request, *, force: bool = False, loud: bool = False, say: Callable[[str], None] | None = None) -> RunOutcome:
    """Run a fact's job from reading to parity and tell what it came to; ``say`` is told for whom it waits."""
    record = Record(say=say)
    definitions = build_defs(app.settings, Overrides(clock=app.clock, record=record, app=app))
    name = request.job
    job = definitions.resolve_job_def(name)
    level = "DEBUG" if loud else "CRITICAL"
    tags = _tags(name) | ({CUT_TAG: request.low} if request.fact is Fact.INVENTARIO and request.low else {})
    with instance.prepared(app.settings), opened(app.settings) as home:
        end_leftovers(home, app.settings)
        result = job.execute_in_process(
            run_config={"ops": {_op(request.fact): {"config": _config(request, force)}}, "loggers": {"console": {"config": {"log_level": level}}}},
            instance=home,
            raise_on_error=False,
            tags=tags,
        )
        return _outcome(app, request.fact, record, result)


def execute_cleaning(app: App, *, loud: bool = False) -> tuple[dict[str, int | float], dict[str, str]]:
    """Run ``limpieza`` to its end: its numbers, and failed checks with what they said.

    Raises:
        FluxionError: if it failed.
    """
    definitions = build_defs(app.settings, Overrides(clock=app.clock, app=app))
    tags = _tags(JOB)
    config = {"loggers": {"console": {"config": {"log_level": "DEBUG" if loud else "CRITICAL"}}}}
    with instance.prepared(app.settings), opened(app.settings) as home:
        end_leftovers(home, app.settings)
        result = definitions.resolve_job_def(JOB).execute_in_process(run_config=config, instance=home, raise_on_error=False, tags=tags)
        made = [e.step_materialization_data.materialization for e in result.all_events if e.is_step_materialization]
        if not made:
            raise FluxionError(_first_failure(result), "fluxion ui shows the run")
        told = {e.check_name: e.description or "failed" for e in result.get_asset_check_evaluations() if not e.passed}
        return {k: v.value for k, v in made[0].metadata.items() if isinstance(v.value, (int, float))}, told


def _tags(job: str) -> dict[str, str]:
    """The UI's page of a job lists only runs that are marked as its repository's."""
    repository = f"__repository__@{instance.LOCATION}"
    return {FLOW_TAG: job, "fluxion/origen": "command", PROCESS_TAG: process_mark(), REPOSITORY_LABEL_TAG: repository}


def _op(fact: Fact) -> str:
    return "__".join(lote_key(fact).path)


def _config(request: Request, force: bool) -> dict[str, Any]:
    config: dict[str, Any] = {"ubicaciones": list(request.locations), "espera": request.wait, "forzar": force, "aceptar": request.accept}
    if request.fact is Fact.INVENTARIO:
        config["tick"] = request.low
    if request.fact is Fact.VENTAS:
        config |= {"desde": request.low, "hasta": request.high, "recuperar": request.recovery}
    return config


def _outcome(app: App, fact: Fact, record: Record, result: dg.ExecuteInProcessResult) -> RunOutcome:
    report = record.reports.get(result.run_id, {}).get(fact)
    wrote = _wrote(result)
    sinks: dict[SinkName, str | None] = {}
    for sink in app.settings.db_mode.sinks:
        problem = record.down.get((result.run_id, sink))
        missing = None if sink in wrote or report is None else _first_failure(result)
        sinks[sink] = str(problem) if problem else missing
    failed = {
        f"{'/'.join(e.asset_key.path)}: {e.check_name}": e for e in result.get_asset_check_evaluations() if not e.passed and e.check_name not in TOLD_OTHERWISE
    }
    told = {k: e.description or "failed" for k, e in failed.items()}
    serious = {k: told[k] for k, e in failed.items() if e.severity is dg.AssetCheckSeverity.ERROR and e.check_name not in OF_MORE}
    warnings = {k: text for k, text in told.items() if k not in serious}
    parity = {table: found.verdict for table, found in record.parity.get(result.run_id, {}).items()}
    error = record.errors.get(result.run_id)
    refused = None if report is not None else error or FluxionError(_first_failure(result), "fluxion ui shows the run")
    return RunOutcome(report, refused, sinks, serious, warnings, parity, wrote)


def _wrote(result: dg.ExecuteInProcessResult) -> dict[SinkName, dict[str, tuple[int, int]]]:
    """Sink → table → rows written, rows in all: what the materializations say."""
    known = {s.value for s in SinkName}
    wrote: dict[SinkName, dict[str, tuple[int, int]]] = {}
    for event in result.all_events:
        if event.is_step_materialization and event.asset_key is not None and event.asset_key.path[0] in known:
            data = event.step_materialization_data.materialization.metadata
            rows = sum(_number(data, f"filas_{x}") for x in ("insertadas", "cambiadas", "borradas"))
            wrote.setdefault(SinkName(event.asset_key.path[0]), {})[event.asset_key.path[1]] = (rows, _number(data, "dagster/row_count"))
    return wrote


def _first_failure(result: dg.ExecuteInProcessResult) -> str:
    """The innermost cause of the first step that failed."""
    failures = [e for e in result.all_events if e.is_step_failure]
    found = failures[0].step_failure_data.error if failures else None
    while found is not None and found.cause is not None:
        found = found.cause
    return found.message.strip() if found else "the run failed: see it in the UI"


def _number(metadata: Any, name: str) -> int:
    value = metadata.get(name)
    return int(value.value) if value is not None else 0
