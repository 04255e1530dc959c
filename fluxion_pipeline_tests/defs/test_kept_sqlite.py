"""The home's Dagster storage: the files are Dagster's own, whatever deletes or reads them, and they stay open while they are used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log import EventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

from fluxion_pipeline.defs import kept_sqlite
from fluxion_pipeline.defs.kept_sqlite import KeptEventLog
from fluxion_pipeline.defs.storage import opened
from fluxion_pipeline.operations import instance
from fluxion_pipeline.settings import Settings, load


@dg.asset
def one() -> int:
    return 1


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return load({"FLUXION_HOME": str(tmp_path)})


@pytest.fixture
def home(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with instance.prepared(settings), opened(settings) as found:
        yield found


def events(storage: EventLogStorage, run_id: str) -> list[str]:
    return [str(e.dagster_event_type) for e in storage.get_logs_for_run(run_id)]


def engines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are opened from now on."""
    made: list[str] = []
    real = sa.create_engine

    def noted(url: str, **more: object) -> sa.Engine:
        made.append(Path(str(url).split("?")[0]).name)
        return real(url, **more)

    monkeypatch.setattr(sa, "create_engine", noted)
    return made


def test_a_homes_runs_are_in_dagsters_own_files(home: dg.DagsterInstance, tmp_path: Path) -> None:
    result = dg.materialize([one], instance=home)
    plain = DagsterSqliteStorage(str(tmp_path / "dagster"))
    mine = events(home.event_log_storage, result.run_id)
    assert len(mine) > 8
    assert events(plain.event_log_storage, result.run_id) == mine
    assert [r.run_id for r in plain.run_storage.get_runs()] == [result.run_id]
    assert plain.event_log_storage.get_latest_materialization_events([dg.AssetKey("one")])


def test_a_file_is_opened_once_however_many_events_there_are(home: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    dg.materialize([one], instance=home)
    made = engines(monkeypatch)
    run_id = dg.materialize([one], instance=home).run_id
    assert made == [f"{run_id}.db"]


def test_few_files_stay_open_and_one_that_is_gone_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_sqlite, "KEPT", 3)
    storage = KeptEventLog(str(tmp_path))
    runs = [f"run{n}" for n in range(6)]
    for run_id in (*runs, *runs):
        assert events(storage, run_id) == []
    assert list(storage._kept) == runs[-3:]
    (tmp_path / "run5.db").unlink()
    assert events(storage, "run5") == []
    assert (tmp_path / "run5.db").exists()
    storage.wipe()
    assert not (tmp_path / "run5.db").exists()
    storage.dispose()
    assert not storage._kept


def test_a_configuration_that_nobody_edited_gets_the_storage_and_another_one_stays(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "dagster" / "dagster.yaml"
    file.parent.mkdir()
    file.write_text(instance.FORMER, "utf-8")
    with instance.prepared(settings), opened(settings) as home:
        dg.materialize([one], instance=home)
    assert file.read_text("utf-8") == instance.YAML
    mine = instance.FORMER + "# mine\n"
    file.write_text(mine, "utf-8")
    with instance.prepared(settings), opened(settings) as home:
        assert len(home.get_runs()) == 1
        assert type(home.event_log_storage).__name__ == "SqliteEventLogStorage"
    assert file.read_text("utf-8") == mine
