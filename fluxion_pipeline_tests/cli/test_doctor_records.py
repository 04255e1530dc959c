"""A home whose own files are broken or misspelt: the doctor names which, and what it prints mends it when it is typed as printed."""

from __future__ import annotations

import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, SensorInstigatorData
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from pydantic import SecretStr

from fluxion_pipeline.defs import alive
from fluxion_pipeline.defs.storage import opened
from fluxion_pipeline.operations import instance
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.doctor import State
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.patient import doctor, typed


@pytest.fixture
def home(duck_settings: Settings) -> Settings:
    """A home that is ready."""
    assert [step.error for step in initialise(App(duck_settings))] == [None]
    return duck_settings


@pytest.mark.parametrize(
    ("text", "said", "cure"),
    [
        ("DB_MODE=duckdb\nPOSTGRES_PROT=5433\n", "not a setting, so without any effect: POSTGRES_PROT in", "perhaps POSTGRES_PORT"),
        ('DB_MODE=duckdb\nwhat is = this "\n', "without any effect: line 2", "correct it"),
    ],
)
def test_a_line_of_the_file_of_settings_that_has_no_effect_is_named(home: Settings, text: str, said: str, cure: str) -> None:
    (home.home / "fluxion.env").write_text(text, "utf-8")
    found = doctor(home)["settings"]
    assert found.state is State.FAILED
    assert said in found.found
    assert cure in found.remedy


def test_a_variable_that_is_misspelt_is_named_and_one_of_other_programs_is_not(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_INITDB_ARGS", "x")
    monkeypatch.setenv("POSTGRES_PUBLISHED_PORT", "1")
    assert doctor(home)["settings"].state is State.OK
    monkeypatch.setenv("FLUXION_ALERT_URL", "json://127.0.0.1/x")
    found = doctor(home)["settings"]
    assert (found.state, found.found.endswith("effect: FLUXION_ALERT_URL"), "FLUXION_ALERT_URLS" in found.remedy) == (State.FAILED, True, True)


def test_a_damaged_record_of_the_mode_is_mended_as_printed(home: Settings) -> None:
    (home.home / "modo.json").write_text("{", "utf-8")
    found = doctor(home)["records"]
    assert (found.state, "modo.json can't be read" in found.found) == (State.FAILED, True)
    typed(found, home)
    assert doctor(home)["records"].state is State.OK


def test_damaged_lotes_are_named_once_and_a_damaged_index_mends_itself(home: Settings) -> None:
    (home.home / "indice.sqlite").write_bytes(b"no database" * 900)
    assert doctor(home)["records"].state is State.OK
    (home.home / "lotes" / "outbox.json").write_text("{", "utf-8")
    found = doctor(home)
    assert [(f.name, f.remedy) for f in found.values() if f.state is State.FAILED] == [("records", "restore it from the backup of FLUXION_HOME")]


def test_a_damaged_file_of_alerts_is_mended_as_printed(home: Settings) -> None:
    (home.home / "alertas.sqlite").write_bytes(b"no database" * 900)
    with_channel = {"fluxion_alert_urls": SecretStr("json://127.0.0.1:9/x")}
    found = doctor(home, **with_channel)["alerts"]
    assert (found.state, "file is not a database" in found.found) == (State.FAILED, True)
    typed(found, home)
    mended = doctor(home, **with_channel)["alerts"]
    assert (mended.state, mended.found) == (State.OK, "1 channels, never tried yet: json (fluxion alerts test)")


@pytest.mark.parametrize(
    ("urls", "rules", "said"),
    [
        ("correo", "", "a message can be sent to: ilegible"),
        ("foo://bar/secret-1", "", "a message can be sent to: foo"),
        ("json://127.0.0.1:9/secret-1", "silencio: {desde: '25:00', hasta: '06:00'}", "hour must be in 0..23"),
        ("json://127.0.0.1:9/secret-1", "rutas: {error: [telegram]}", "sends to telegram, and no channel is called so"),
    ],
)
def test_an_address_that_is_none_and_rules_that_cannot_be_followed_are_named_before_anything_is_sent(home: Settings, urls: str, rules: str, said: str) -> None:
    (home.home / "alertas.yaml").write_text(rules, "utf-8")
    found = doctor(home, fluxion_alert_urls=SecretStr(urls))["alerts"]
    assert (found.state, said in found.found, bool(found.remedy), "secret" in found.found) == (State.FAILED, True, True, False), found


def test_an_address_of_stellar_that_takes_no_connection_is_named(home: Settings) -> None:
    address = SecretStr("mssql+pymssql://user:secret-1@127.0.0.1:9/VAD10")
    found = doctor(home, fluxion_source="stellar", stellar_url=address)["source"]
    assert (found.state, found.found) == (State.FAILED, "127.0.0.1:9 takes no connection: Connection refused")
    assert "STELLAR_URL" in found.remedy


def test_the_sensor_of_alerts_that_is_off_is_named(home: Settings) -> None:
    origin = RemoteRepositoryOrigin(InProcessCodeLocationOrigin(LoadableTargetOrigin(), location_name=instance.LOCATION), "__repository__")
    with instance.prepared(home), opened(home) as place:
        off = InstigatorState(RemoteInstigatorOrigin(origin, "alertas"), InstigatorType.SENSOR, InstigatorStatus.STOPPED, SensorInstigatorData())
        place.add_instigator_state(off)
    found = {f.name: f for f in alive.diagnose(home)}["schedules"]
    assert (found.state, found.found) == (State.FAILED, "turned off: alertas")
    assert "dagster sensor start alertas -w" in found.remedy
