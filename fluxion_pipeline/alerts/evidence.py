"""From what was seen of Dagster to findings: checks, runs and ticks, as plain values, and which problem each speaks of.

Many sources may speak of one problem, so that it is told once: a database that is away fails its
steps, leaves checks untold and lotes pending; a store that can't be reached fails two checks of each
fact. Before this: ``defs.histories``, which reads them; after it: ``incidents``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from fluxion_pipeline.alerts.incidents import Step
from fluxion_pipeline.alerts.problem import Family, Finding, Severity
from fluxion_pipeline.contracts.outcomes import SinkName, Verdict

OF_LOCATIONS = {"lecturas_logradas", "ubicaciones_presentes", "ubicaciones_al_dia", "cobertura_ayer"}
"""The checks whose failure is one of locations."""
FOR_THE_EYE = {"cobertura_30_dias"}
"""Checks that remind of what was told when it began: the UI shows them, no message does."""
HOW_LONG = {"segundos", "slices", "slices_comparadas", "slices_leidas", "filas_leidas", "esperadas", "comparacion_mas_antigua"}
"""Numbers that are no part of what is wrong."""


@dataclass(frozen=True)
class CheckSeen:
    """One evaluation of a check.

    Attributes:
        asset: the asset's key, as text.
        name: the check's name.
        row: the number of its line in the history.
        run_id: of which run; empty: none.
        at: when, aware.
        passed: None: it was planned, its run ended, and it did not run.
        serious: whether a failure is an error; else it is a warning.
        verdict: parity's, or that it could not be told.
        text: what it said.
        numbers: what it counted.
        places: location → what is wrong there.
    """

    asset: str
    name: str
    row: int
    run_id: str
    at: datetime
    passed: bool | None
    serious: bool = True
    verdict: str = ""
    text: str = ""
    numbers: Mapping[str, int | float] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The name of this check as a source."""
        return f"check:{self.asset}:{self.name}"


@dataclass(frozen=True)
class RunSeen:
    """A run that has ended: which job, when, and if it failed, at which steps and why."""

    id: str
    job: str
    at: datetime
    failed: bool
    steps: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class TicksSeen:
    """The ticks of a schedule that were due: how many, those without a run, and the first of them (else: now) as an instant."""

    schedule: str
    job: str
    at: datetime
    due: int
    missing: tuple[str, ...]


def steps_of(checks: Iterable[CheckSeen], runs: Iterable[RunSeen], ticks: Iterable[TicksSeen]) -> list[Step]:
    """What was seen as steps, in the order of time; all that belongs to one run is one step."""
    by_run = {run.id: run for run in runs}
    groups: dict[str, list[CheckSeen]] = {run_id: [] for run_id in by_run}
    for check in sorted(checks, key=lambda c: c.row):
        groups.setdefault(check.run_id or f"fila {check.row}", []).append(check)
    steps = [_step(name, by_run.get(name), found) for name, found in groups.items()]
    steps += [Step(f"{t.schedule} {t.at.isoformat()}", t.at, {f"schedule:{t.schedule}": findings_of_ticks(t)}) for t in ticks]
    return sorted(steps, key=lambda s: s.at)


def _step(name: str, run: RunSeen | None, checks: list[CheckSeen]) -> Step:
    updates = {c.source: findings_of_check(c) for c in checks if c.passed is not None}
    not_run = [c for c in checks if c.passed is None]
    if run is not None:
        updates[f"run:{run.job}"] = findings_of_run(run, len(not_run))
    if run is None or not run.failed:
        updates |= {f"{c.source}:not run": (_not_run(c),) for c in not_run}
    updates |= {f"{c.source}:not run": () for c in checks if c.passed is not None}
    return Step(name, run.at if run else max(c.at for c in checks), updates)


def findings_of_check(check: CheckSeen) -> tuple[Finding, ...]:
    """What an evaluation says; nothing if it passed."""
    if check.passed or check.name in FOR_THE_EYE:
        return ()
    severity = Severity.ERROR if check.serious else Severity.AVISO
    link = f"/assets/{check.asset}?view=checks&checkDetail={check.name}"
    if check.name in OF_LOCATIONS and check.places:
        what = check.asset.rsplit("/", 1)[-1]
        return tuple(
            Finding(f"ubicacion/{code}", Family.UBICACIONES, severity, check.name, f"{what}: {text}", {}, (code,), link) for code, text in check.places.items()
        )
    problem, family, topic = _subject(check)
    numbers = {k: v for k, v in check.numbers.items() if v and k not in HOW_LONG}
    return (Finding(problem, family, severity, topic, check.text, numbers, tuple(check.places), link),)


def _subject(check: CheckSeen) -> tuple[str, Family, str]:
    sink, _, table = check.asset.partition("/")
    if sink in {s.value for s in SinkName}:
        if check.name == "lotes_pendientes" or check.verdict == Verdict.NO_CONCLUYENTE.value:
            return f"base/{sink}", Family.BASES, "base" if check.name != "lotes_pendientes" or check.verdict else check.name
        if check.name == "paridad":
            return f"paridad/{table}", Family.PARIDAD, check.name
    return f"{check.asset}/{check.name}", Family.DATOS, check.name


def _not_run(check: CheckSeen) -> Finding:
    name = f"{check.asset}/{check.name}"
    return Finding(f"{name}/sin_correr", Family.DATOS, Severity.AVISO, "sin_correr", "", {}, (), f"/runs/{check.run_id}" if check.run_id else "")


def findings_of_run(run: RunSeen, not_run: int = 0) -> tuple[Finding, ...]:
    """What a run says: its job failed, or the databases did whose steps failed; nothing if it ended well."""
    if not run.failed:
        return ()
    link, numbers = f"/runs/{run.id}", {"comprobaciones_sin_correr": not_run} if not_run else {}
    sinks = {s.value: [error for step, error in run.steps if step.startswith(f"{s}_")] for s in SinkName}
    found = [Finding(f"base/{s}", Family.BASES, Severity.ERROR, "base", errors[0], numbers, (), link) for s, errors in sinks.items() if errors]
    others = [error for step, error in run.steps if not step.startswith(tuple(f"{s}_" for s in sinks))]
    if others or not found:
        found.append(Finding(f"corrida/{run.job}", Family.CORRIDAS, Severity.ERROR, "corrida", others[0] if others else "", numbers, (), link))
    return tuple(found)


def findings_of_ticks(ticks: TicksSeen) -> tuple[Finding, ...]:
    """What a schedule says; nothing if each tick had its run."""
    if not ticks.missing:
        return ()
    severity = Severity.ERROR if ticks.job == "inventario" else Severity.AVISO
    shown = ", ".join(ticks.missing[:12]) + (" …" if len(ticks.missing) > 12 else "")
    return (Finding(f"horario/{ticks.job}", Family.HORARIO, severity, "horario", shown, {"cortes_sin_corrida": len(ticks.missing)}, (), "/automation"),)
