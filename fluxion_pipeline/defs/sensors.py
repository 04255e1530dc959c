"""The sensor ``alertas``, and the asset ``alertas`` whose check ``entrega`` is red while a channel does not deliver.

The sensor looks at Dagster's histories, has the desk decide and write, and has it deliver; nothing is
decided here. How far was looked is kept with the alerts, so that neither a lost cursor nor a killed
daemon tells anything twice; the sensor's own cursor only shows it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import dagster as dg

from fluxion_pipeline.alerts import store
from fluxion_pipeline.alerts.desk import Desk
from fluxion_pipeline.alerts.evidence import steps_of
from fluxion_pipeline.defs.guidance import what_to_do
from fluxion_pipeline.defs.histories import Seen, look
from fluxion_pipeline.defs.names import OWNERS
from fluxion_pipeline.errors import BusyError
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.pause import was_paused

KEY = dg.AssetKey("alertas")
CHECK = "entrega"
SENSOR = "alertas"
EVERY = 30
"""Seconds between two looks."""
TOLD = "entrega"
AGAIN = 3600.0
"""Seconds after which the check is told again although nothing has changed."""


def alert_assets() -> list[dg.AssetSpec]:
    """The alerts as an asset that nobody materializes: what its check is shown on."""
    about = "Messages about what is wrong, to the channels of FLUXION_ALERT_URLS. The sensor alertas writes and delivers them."
    return [dg.AssetSpec(KEY, description=about, group_name="alertas", owners=OWNERS, kinds={"sqlite"})]


def alert_checks(app: App) -> list[dg.AssetChecksDefinition]:
    """``alertas: entrega``: run alone it says how the channels fare; the sensor tells it as well."""

    @dg.asset_check(asset=KEY, name=CHECK, description="Every channel of alerts takes what it is sent.")
    def entrega() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(**_health(desk_of(app)))

    return [entrega]


def desk_of(app: App) -> Desk:
    """The home's desk of alerts."""
    return Desk(app.settings, app.registry, app.clock)


def sensors(app: App) -> list[dg.SensorDefinition]:
    """``alertas``, on by default."""

    @dg.sensor(
        name=SENSOR,
        minimum_interval_seconds=EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tell once, in Spanish, what is wrong and what to do: failed checks and runs, missed ticks, stores and databases that are away.",
    )
    def alertas(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        desk = desk_of(app)
        try:
            with desk.alone():
                return _evaluate(desk, context)
        except BusyError as busy:
            return dg.SensorResult(skip_reason=str(busy), cursor=context.cursor)

    return [alertas]


def _evaluate(desk: Desk, context: dg.SensorEvaluationContext) -> dg.SensorResult:
    graph = context.repository_def.asset_graph if context.repository_def else None
    keys = [k for k in graph.asset_check_keys if k.asset_key != KEY] if graph else []
    kept = desk.seen()
    news = look(context.instance, keys, Seen.from_json(kept) if kept else None, desk.clock(), lambda at: was_paused(desk.settings.home, at))
    checks = {f"check:{k.asset_key.to_user_string()}:{k.name}" for k in keys}
    written = desk.take(steps_of(news.checks, news.runs, news.ticks), asdict(news.seen), checks)
    delivered = desk.deliver()
    told = f"{len(written)} messages written, {delivered} delivered" if written or delivered else "nothing to tell"
    shown = json.dumps({"runs_until": news.seen.until, "checks_until": max(news.seen.checks.values(), default=0)})
    return dg.SensorResult(skip_reason=told, cursor=shown, asset_events=_told(desk))


def _told(desk: Desk) -> list[dg.AssetCheckEvaluation]:
    """The check on delivery, when its verdict is another one than told last, and now and then."""
    found = _health(desk)
    state, instant = [found["passed"], found["description"]], desk.clock().timestamp()
    with desk.store.open(write=True) as db:
        last = store.mark(db, TOLD)
        if last and last["state"] == state and 0 <= instant - last["at"] < AGAIN:
            return []
        store.set_mark(db, TOLD, {"state": state, "at": instant})
    return [dg.AssetCheckEvaluation(asset_key=KEY, check_name=CHECK, **found)]


def _health(desk: Desk) -> dict[str, Any]:
    channels = desk.health()
    bad = [c for c in channels if not c.well]
    text = "; ".join(f"{c.name} does not deliver since {c.since:%Y-%m-%d %H:%M} UTC: {c.error}" for c in bad)
    fine = f"{len(channels)} channels deliver" if channels else "no channel: FLUXION_ALERT_URLS is not set, so nobody is told"
    metadata: dict[str, dg.MetadataValue] = {
        "canales": dg.MetadataValue.int(len(channels)),
        "canales_que_no_entregan": dg.MetadataValue.int(len(bad)),
        "mensajes_en_espera": dg.MetadataValue.int(sum(c.waiting for c in channels)),
    }
    metadata |= {} if not bad else what_to_do("canal", "alertas")
    return {"passed": not bad, "severity": dg.AssetCheckSeverity.ERROR, "description": text or fine, "metadata": metadata}
