"""Set-ups that are really broken: the doctor names each, and what it prints mends it when it is typed as printed."""

from __future__ import annotations

import shlex
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from dagster._daemon.types import DaemonHeartbeat
from pydantic import SecretStr

from fluxion_pipeline import __version__, pause
from fluxion_pipeline.alerts import delivery
from fluxion_pipeline.alerts.store import Store
from fluxion_pipeline.contracts.clock import now
from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.defs import alive
from fluxion_pipeline.defs.storage import opened
from fluxion_pipeline.operations import instance
from fluxion_pipeline.operations.doctor import Finding, State, diagnose
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.architecture.repository import texts
from fluxion_pipeline_tests.support.commands import fluxion
from fluxion_pipeline_tests.support.home import Home

Break = Callable[[Home], object]


def doctor(settings: Settings, **more: object) -> dict[str, Finding]:
    return {f.name: f for f in diagnose(settings.model_copy(update={"fluxion_source": "archivos", **more}))}


def sql(sink: SinkName, text: str) -> Break:
    return lambda home: home.run(sink, text)


EMPTIED = sql(SinkName.POSTGRESQL, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
FOREIGN = "UPDATE fluxion_meta SET valor = 'abcdef01' WHERE clave = 'outbox'"
LACKING = sql(SinkName.POSTGRESQL, "DELETE FROM ubicaciones WHERE codigo = 'SUC001'")
BROKEN: dict[str, tuple[Break, str, str]] = {
    "paused and forgotten": (lambda home: pause.begin(home.settings.home, "mantenimiento", now()), "pause", "mantenimiento"),
    "the DuckDB file is gone": (lambda home: home.settings.duckdb_file.unlink(), "duckdb opens", ""),
    "the PostgreSQL database was emptied": (EMPTIED, "postgresql schema", "not there yet"),
    "PostgreSQL belongs to another home": (sql(SinkName.POSTGRESQL, FOREIGN), "postgresql belongs to this home", "abcdef01"),
    "DuckDB belongs to another home": (sql(SinkName.DUCKDB, FOREIGN), "duckdb belongs to this home", "abcdef01"),
    "a location is gone from one database": (LACKING, "same answers", "22 ubicaciones"),
}


@pytest.mark.e2e
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_setup_is_named_and_its_remedy_works_as_printed(name: str, pg_settings: Settings) -> None:
    breaks, check, said = BROKEN[name]
    breaks(Home(pg_settings).ready())
    found = doctor(pg_settings)[check]
    assert found.state is State.FAILED
    assert said in found.found
    words = shlex.split(found.remedy.rpartition(": ")[2])
    assert words[0] == "fluxion"
    done = fluxion(pg_settings, *words[1:])
    assert done.code == 0, done
    assert {n: f for n, f in doctor(pg_settings).items() if f.state is not State.OK} == {}


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


def test_a_channel_that_does_not_deliver_is_named(duck_settings: Settings) -> None:
    duck_settings.home.mkdir(parents=True)
    with Store(duck_settings.home).open(write=True) as db:
        delivery.note(db, "muerto", now(), "nobody there")
    found = doctor(duck_settings, fluxion_alert_urls=SecretStr("muerto=json://127.0.0.1:1/x"))["alerts"]
    assert (found.state, found.found) == (State.FAILED, "muerto does not deliver: nobody there")
    assert found.remedy.startswith("fluxion alerts test")


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


def test_a_dagster_home_that_cannot_be_opened_is_named_and_its_remedy_works(duck_settings: Settings) -> None:
    with instance.prepared(duck_settings) as place:
        (place / "dagster.yaml").write_text("telemetry: [", "utf-8")
    found = of_dagster(duck_settings)["dagster"]
    assert found.state is State.FAILED
    words = shlex.split(found.remedy.partition(" (")[0])
    assert words[0] == "mv"
    Path(words[1]).rename(words[2])
    with instance.prepared(duck_settings), opened(duck_settings):
        pass
    assert of_dagster(duck_settings)["dagster"].state is State.OK


def test_the_version_is_told(duck_settings: Settings) -> None:
    assert fluxion(duck_settings, "--version").out == f"fluxion {__version__}\n"
    assert f'version = "{__version__}"' in texts()[Path("pyproject.toml")]
