"""Settings: defaults, what wins, what is refused and how, and that secrets never show."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import Mode, SinkName
from fluxion_pipeline.errors import SettingsError
from fluxion_pipeline.settings import ENV_FILE, Settings, load

SECRET = "hunter2-¡ñ"


def in_home(home: Path, text: str = "", **environment: str) -> Settings:
    home.mkdir(exist_ok=True)
    (home / ENV_FILE).write_text(text, "utf-8")
    return load({"FLUXION_HOME": str(home), **environment})


def test_an_empty_environment_means_the_documented_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load({})
    assert settings.home == tmp_path / ".fluxion"
    assert settings.duckdb_file == tmp_path / ".fluxion" / "fluxion.duckdb"
    assert (settings.db_mode, settings.fluxion_source, settings.fluxion_source_path) == (Mode.DUCKDB, "auto", None)
    assert (settings.postgres_host, settings.embedded, settings.postgres_port) == (None, True, 5432)
    assert (settings.postgres_db, settings.postgres_user, settings.postgres_password) == ("fluxion_production", "fluxion", None)
    assert (settings.postgres_sslmode, settings.postgres_sslrootcert, settings.postgres_iam_auth) == ("prefer", None, False)
    assert (settings.klk_base_url, settings.stellar_url, settings.fluxion_alert_urls) == (None, None, None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("mode", "sinks"), [("duckdb", ["duckdb"]), ("dual", ["duckdb", "postgresql"]), ("postgresql", ["postgresql"])])
def test_a_mode_says_which_sinks_are_written_primary_first(mode: str, sinks: list[str], tmp_path: Path) -> None:
    found = in_home(tmp_path, DB_MODE=mode).db_mode
    assert [s.value for s in found.sinks] == sinks
    assert found.primary is SinkName(sinks[0])


def test_the_environment_wins_over_the_homes_file(tmp_path: Path) -> None:
    file = "DB_MODE=dual\nPOSTGRES_PORT=6000\n# a comment\nPOSTGRES_DB='with space'\n"
    settings = in_home(tmp_path, file, POSTGRES_PORT="7000")
    assert (settings.db_mode, settings.postgres_port, settings.postgres_db) == (Mode.DUAL, 7000, "with space")


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    settings = in_home(tmp_path, "DB_MODE=dual\nPOSTGRES_HOST=\n", DB_MODE="", POSTGRES_HOST="")
    assert (settings.db_mode, settings.postgres_host) == (Mode.DUAL, None)


def test_the_homes_file_cant_move_the_home(tmp_path: Path) -> None:
    assert in_home(tmp_path, "FLUXION_HOME=/elsewhere\n").home == tmp_path


def test_a_host_means_a_server_that_isnt_ours(tmp_path: Path) -> None:
    assert not in_home(tmp_path, POSTGRES_HOST="db.example").embedded


@pytest.mark.parametrize("mode", ["DUAL", " dual ", "Dual"])
def test_words_are_taken_in_any_case(mode: str, tmp_path: Path) -> None:
    assert in_home(tmp_path, DB_MODE=mode).db_mode is Mode.DUAL


def test_paths_become_absolute_and_know_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load({"FLUXION_HOME": "~/x"}).home == tmp_path / "x"
    assert load({"DUCKDB_PATH": "a/b.duckdb"}).duckdb_file == tmp_path / "a" / "b.duckdb"


def test_what_is_none_of_ours_is_ignored(tmp_path: Path) -> None:
    assert in_home(tmp_path, "OTHER=1\n", PATH="/bin", FLUXION_UNKNOWN="1").db_mode is Mode.DUCKDB


WRONG = [
    ("DB_MODE", "mysql", "duckdb, dual or postgresql"),
    ("DB_MODE", "duckdb,postgresql", "duckdb, dual or postgresql"),
    ("FLUXION_SOURCE", "ftp", "auto, archivos, klk or stellar"),
    ("POSTGRES_SSLMODE", "maybe", "disable, allow, prefer, require, verify-ca or verify-full"),
    ("POSTGRES_IAM_AUTH", "perhaps", "true or false"),
    ("POSTGRES_PORT", "0", "a number from 1 to 65535"),
    ("POSTGRES_PORT", "65536", "a number from 1 to 65535"),
    ("POSTGRES_PORT", "54x", "a number from 1 to 65535"),
    ("FLUXION_KEEP_RUNS", "0", "a whole number, 1 or more"),
    ("FLUXION_KEEP_HISTORY", "1.5", "a whole number, 2 or more"),
    ("KLK_READ_TIMEOUT", "0", "a number of seconds above 0"),
    ("STELLAR_TOTAL_TIMEOUT", "long", "a number of seconds above 0"),
]


@pytest.mark.parametrize("where", ["environment", "file"])
@pytest.mark.parametrize(("name", "given", "allowed"), WRONG)
def test_a_wrong_value_says_name_given_and_allowed(name: str, given: str, allowed: str, where: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        in_home(tmp_path, f"{name}={given}\n") if where == "file" else in_home(tmp_path, **{name: given})
    assert error.value.what == f"{name} is «{given}»"
    assert error.value.remedy == f"{name}: {allowed}"


def test_all_wrong_values_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        in_home(tmp_path, DB_MODE="x", POSTGRES_PORT="y")
    assert "DB_MODE is «x»" in error.value.what
    assert "POSTGRES_PORT is «y»" in error.value.what


@pytest.mark.parametrize("name", ["POSTGRES_PASSWORD", "STELLAR_URL", "FLUXION_ALERT_URLS"])
def test_a_secret_shows_nowhere_but_where_it_is_asked_for(name: str, tmp_path: Path) -> None:
    settings = in_home(tmp_path, **{name: SECRET})
    assert getattr(settings, name.lower()).get_secret_value() == SECRET
    shown = [repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json(), repr(getattr(settings, name.lower()))]
    assert not [text for text in shown if SECRET in text or "hunter2" in text]
    with pytest.raises(SettingsError) as error:
        in_home(tmp_path, **{name: SECRET, "DB_MODE": "x"})
    assert "hunter2" not in f"{error.value!r} {error.value} {error.value.__cause__} {error.value.__context__ if not error.value.__suppress_context__ else ''}"


def test_settings_dont_change(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="frozen"):
        in_home(tmp_path).postgres_port = 1


def test_the_process_is_what_is_read_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUXION_HOME", str(tmp_path))
    monkeypatch.setenv("POSTGRES_DB", "other")
    assert load().postgres_db == "other"


def test_an_environment_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "fluxion.env").write_bytes(b"DB_MODE=du\xffal\n")
    with pytest.raises(SettingsError, match=r"fluxion\.env can't be read.*UTF-8"):
        load({"FLUXION_HOME": str(tmp_path)})
