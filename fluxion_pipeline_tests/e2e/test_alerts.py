"""Alerts with the real daemon, killed and started again between a failure and its repeat."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.commands import fluxion
from fluxion_pipeline_tests.support.postgres import environment_of
from fluxion_pipeline_tests.support.shop import filled
from fluxion_pipeline_tests.support.webhook import webhook
from fluxion_pipeline_tests.support.webserver import Server, serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SPOIL = "UPDATE ventas SET cantidad = cantidad {} 1 WHERE ubicacion_codigo = 'SUC001'"


def until(there: Callable[[], object], seconds: float = 150) -> bool:
    deadline = time.monotonic() + seconds
    while not there() and time.monotonic() < deadline:
        time.sleep(0.5)
    return bool(there())


def kill(server: Server) -> None:
    """All its processes at once."""
    for pid in sorted(server.descendants()):
        os.kill(pid, signal.SIGKILL)
    server.process.wait(30)


def test_a_failure_that_lasts_over_a_kill_is_told_once_and_its_end_once(pg_settings: Settings, tmp_path: Path) -> None:
    shop = filled(pg_settings, tmp_path / "drops")
    with webhook() as hook:
        alerts = {"FLUXION_ALERT_URLS": hook.url}
        environment = {**environment_of(shop.settings), **alerts}
        told = lambda: hook.about("mismas filas")  # noqa: E731
        with serving(environment, tmp_path / "first.log") as first:
            sensor = 'query { sensorsOrError(repositorySelector: {repositoryLocationName: "fluxion_pipeline", repositoryName: "__repository__"})'
            found = first.ask(sensor + " { ... on Sensors { results { name sensorState { status ticks(limit: 1) { status } } } } } }")
            assert [(s["name"], s["sensorState"]["status"]) for s in found["sensorsOrError"]["results"]] == [("alertas", "RUNNING")]
            assert until((shop.settings.home / "alertas.sqlite").exists)
            shop.tamper(SinkName.POSTGRESQL, SPOIL.format("+"))
            assert first.ended(first.launch("ventas"), 200) == "SUCCESS"
            assert until(told), first.log.read_text("utf-8")[-3000:]
            kill(first)
        assert fluxion(shop.settings, "run", "ventas", seconds=200).code == 1
        with serving(environment, tmp_path / "second.log") as second:
            assert second.ended(second.launch("ventas"), 200) == "SUCCESS"
            time.sleep(45)
            assert len(told()) == 1, hook.titles
            shop.tamper(SinkName.POSTGRESQL, SPOIL.format("-"))
            assert second.ended(second.launch("ventas"), 200) == "SUCCESS"
            assert until(lambda: len(told()) == 2), hook.titles
            listed = fluxion(shop.settings, "alerts", "list", more=alerts)
            assert "entregada (1)" in listed.out
            log = (tmp_path / "first.log").read_text("utf-8") + second.log.read_text("utf-8") + listed.text
    assert [t.split("]")[0] for t in told()] == ["[ERROR", "[RECUPERADO"]
    assert "secret" not in log
    assert "Traceback" not in log
    assert "No heartbeat" not in log  # a code server that the daemon has renewed goes quietly
