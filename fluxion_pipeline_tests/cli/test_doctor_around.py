"""What lies around the sinks and is really broken: the doctor names it, and what it prints mends it when it is typed as printed."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from dagster._daemon.types import DaemonHeartbeat
from pydantic import SecretStr

from fluxion_pipeline import __version__
from fluxion_pipeline.alerts import delivery
from fluxion_pipeline.alerts.store import Store
from fluxion_pipeline.contracts.clock import now
from fluxion_pipeline.defs import alive
from fluxion_pipeline.defs.storage import opened
from fluxion_pipeline.operations import instance
from fluxion_pipeline.operations.doctor import Finding, State
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.architecture.repository import texts
from fluxion_pipeline_tests.support.commands import fluxion
from fluxion_pipeline_tests.support.patient import doctor, typed
from fluxion_pipeline_tests.support.webhook import webhook


def test_a_source_that_takes_no_connection_is_named(duck_settings: Settings) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        found = doctor(duck_settings, fluxion_source="klk", klk_base_url=f"http://127.0.0.1:{port}")["source"]
    assert found.state is State.FAILED
    assert f"127.0.0.1:{port} takes no connection: Connection refused" in found.found
    assert "KLK_BASE_URL" in found.remedy


def test_a_folder_of_drops_that_is_not_there_is_named(duck_settings: Settings, tmp_path: Path) -> None:
    found = doctor(duck_settings, fluxion_source_path=tmp_path / "nada")["source"]
    assert found.state is State.FAILED
    assert str(tmp_path / "nada") in found.found


def test_a_channel_that_does_not_deliver_is_named_and_a_test_of_it_when_it_does_again_mends_it(duck_settings: Settings) -> None:
    duck_settings.home.mkdir(parents=True)
    with Store(duck_settings.home).open(write=True) as db:
        delivery.note(db, "gancho", now(), "nobody there")
    with webhook() as hook:
        address = f"gancho={hook.url}"
        found = doctor(duck_settings, fluxion_alert_urls=SecretStr(address))["alerts"]
        assert (found.state, found.found) == (State.FAILED, "gancho does not deliver: nobody there")
        typed(found, duck_settings, {"FLUXION_ALERT_URLS": address})
    assert len(hook.messages) == 1
    assert doctor(duck_settings, fluxion_alert_urls=SecretStr(address))["alerts"].state is State.OK


def of_dagster(settings: Settings) -> dict[str, Finding]:
    return {f.name: f for f in alive.diagnose(settings)}


def test_a_dead_daemon_is_named_and_one_that_never_ran_is_not_called_dead(duck_settings: Settings) -> None:
    assert {f.state for f in of_dagster(duck_settings).values()} == {State.SKIPPED}
    assert not duck_settings.home.exists()
    with instance.prepared(duck_settings), opened(duck_settings) as home:
        home.add_daemon_heartbeat(DaemonHeartbeat(time.time() - 3600, "SCHEDULER", "d"))
    found = of_dagster(duck_settings)
    assert {n: f.state for n, f in found.items()} == {"dagster": State.OK, "daemon": State.FAILED, "schedules": State.OK}
    assert "60 minutes ago" in found["daemon"].found
    assert found["daemon"].remedy == "fluxion ui"
    with instance.prepared(duck_settings), opened(duck_settings) as home:
        home.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "SCHEDULER", "d"))
    assert of_dagster(duck_settings)["daemon"].state is State.OK


def test_a_dagster_home_that_is_no_folder_or_cannot_be_read_is_named_and_mended_as_printed(
    duck_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "file"))
    found = of_dagster(duck_settings)["dagster"]
    assert (found.state, found.found) == (State.FAILED, f"{tmp_path / 'file'} is no folder")
    assert found.remedy.endswith(": unset DAGSTER_HOME")
    monkeypatch.delenv("DAGSTER_HOME")
    with instance.prepared(duck_settings) as place:
        (place / "dagster.yaml").write_text("telemetry: [", "utf-8")
    found = of_dagster(duck_settings)["dagster"]
    assert found.state is State.FAILED
    typed(found, duck_settings)
    with instance.prepared(duck_settings), opened(duck_settings):
        pass
    assert of_dagster(duck_settings)["dagster"].state is State.OK


def test_the_version_is_told(duck_settings: Settings) -> None:
    assert fluxion(duck_settings, "--version").out == f"fluxion {__version__}\n"
    assert f'version = "{__version__}"' in texts()[Path("pyproject.toml")]
