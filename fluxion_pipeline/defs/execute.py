"""Run a job in this process, on the home's own Dagster instance, so that the UI shows it like any other run."""

from __future__ import annotations

from typing import Any

import dagster as dg

from fluxion_pipeline.contracts.outcomes import Fact, SinkName
from fluxion_pipeline.defs.assets import GROUPS, lote_key
from fluxion_pipeline.defs.build import Overrides, build_defs
from fluxion_pipeline.defs.jobs import CUT_TAG, FLOW_TAG
from fluxion_pipeline.defs.record import Record
from fluxion_pipeline.operations import instance
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.execute import RunOutcome
from fluxion_pipeline.operations.land import Request


def execute(app: App, request: Request, *, force: bool = False, loud: bool = False) -> RunOutcome:
    """Run a fact's job from reading to parity and tell what it came to."""
    record = Record()
    definitions = build_defs(app.settings, Overrides(clock=app.clock, record=record, app=app))
    name = GROUPS[request.fact]
    job = definitions.resolve_job_def(name)
    config = _config(request, force)
    level = "DEBUG" if loud else "CRITICAL"
    tags = {FLOW_TAG: name, "fluxion/origen": "command"} | ({CUT_TAG: request.low} if request.fact is Fact.INVENTARIO and request.low else {})
    with instance.prepared(app.settings), dg.DagsterInstance.get() as home:
        result = job.execute_in_process(
            run_config={"ops": {_op(request.fact): {"config": config}}, "loggers": {"console": {"config": {"log_level": level}}}},
            instance=home,
            raise_on_error=False,
            tags=tags,
        )
        return _outcome(app, record, result)


def _op(fact: Fact) -> str:
    return "__".join(lote_key(fact).path)


def _config(request: Request, force: bool) -> dict[str, Any]:
    config: dict[str, Any] = {"ubicaciones": list(request.locations), "espera": request.wait, "forzar": force}
    if request.fact is Fact.INVENTARIO:
        config["tick"] = request.low
    if request.fact is Fact.VENTAS:
        config |= {"desde": request.low, "hasta": request.high}
    return config


def _outcome(app: App, record: Record, result: dg.ExecuteInProcessResult) -> RunOutcome:
    report = record.reports.get(result.run_id)
    sinks: dict[SinkName, str | None] = {}
    wrote: dict[SinkName, dict[str, tuple[int, int]]] = {}
    for event in result.all_events:
        key = event.asset_key
        if key is None or key.path[0] not in {s.value for s in SinkName}:
            continue
        sink = SinkName(key.path[0])
        if event.is_step_materialization:
            data = event.step_materialization_data.materialization.metadata
            rows = sum(_number(data, f"filas_{x}") for x in ("insertadas", "cambiadas", "borradas"))
            wrote.setdefault(sink, {})[key.path[1]] = (rows, _number(data, "dagster/row_count"))
    for sink in app.settings.db_mode.sinks:
        down = next((e for (run, s), e in record.sinks_down.items() if s is sink and run == result.run_id), None)
        problem = down or next((e for e in record.errors if getattr(e, "sink", None) == sink.value or str(e).startswith(sink.value)), None)
        sinks[sink] = str(problem) if problem else None if sink in wrote or report is None else "not written: see the run in the UI"
    failed = [e for e in result.get_asset_check_evaluations() if not e.passed]
    named = {f"{'/'.join(e.asset_key.path)}: {e.check_name}": e for e in failed}
    serious = {k: e.description or "failed" for k, e in named.items() if e.severity is dg.AssetCheckSeverity.ERROR and e.check_name != "paridad"}
    warnings = {k: e.description or "failed" for k, e in named.items() if e.severity is dg.AssetCheckSeverity.WARN and e.check_name != "paridad"}
    parity = {table: found.verdict for table, found in record.parity.items()}
    refused = None if report is not None else _refusal(record, result)
    return RunOutcome(report, refused, sinks, serious, warnings, parity, wrote)


def _refusal(record: Record, result: dg.ExecuteInProcessResult) -> str:
    if record.errors:
        return str(record.errors[0])
    failures = [e for e in result.all_events if e.is_step_failure]
    found = failures[0].step_failure_data.error if failures else None
    while found is not None and found.cause is not None:
        found = found.cause
    return found.message.strip() if found else "the run failed: see it in the UI"


def _number(metadata: Any, name: str) -> int:
    value = metadata.get(name)
    return int(value.value) if value is not None else 0
