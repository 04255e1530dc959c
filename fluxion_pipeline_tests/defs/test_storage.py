"""Dagster's SQLite storage compiles a statement once, not once an event."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from fluxion_pipeline.defs import storage


@dg.op
def _nothing() -> None:
    pass


@dg.job
def _job() -> None:
    _nothing()


def test_a_runs_events_share_an_engine_for_each_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    real = sa.create_engine
    storage._engine.cache_clear()
    monkeypatch.setattr(sa, "create_engine", lambda url, **more: made.append(url) or real(url, **more))
    with dg.DagsterInstance.from_config(str(_config(tmp_path))) as home:
        assert _job.execute_in_process(instance=home).success
        assert len(home.all_logs(home.get_runs()[0].run_id)) > 5
    assert made
    assert len(made) == len(set(made))
    storage._engine.cache_clear()


def _config(folder: Path) -> Path:
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n", "utf-8")
    return folder
