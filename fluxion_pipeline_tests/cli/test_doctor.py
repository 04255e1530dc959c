"""``fluxion doctor`` in a process of its own: lines, JSON and exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.postgres import environment_of

COMMAND = [sys.executable, "-c", "import typer; from fluxion_pipeline.cli.doctor import doctor; typer.run(doctor)"]


def run(settings: Settings, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("POSTGRES_", "FLUXION_", "DB_"))}
    environment = {**outside, **environment_of(settings), "FLUXION_SOURCE": "archivos", **more}
    return subprocess.run([*COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=90, check=False)


def test_healthy_sinks_end_with_0_and_one_line_a_check(pg_settings: Settings) -> None:
    initialise(App(pg_settings))
    done = run(pg_settings)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 22
    assert [line.split(" ")[0] for line in lines] == ["ok"] * 18 + ["skipped"] * 4
    assert any(line.startswith("ok postgresql opens: PostgreSQL 18") for line in lines)


def test_a_wrong_server_ends_with_1_and_its_remedy(pg_settings: Settings) -> None:
    done = run(pg_settings, "--json", POSTGRES_PORT="1")
    said = json.loads(done.stdout)
    assert (done.returncode, said["ok"]) == (1, False)
    bad = next(check for check in said["checks"] if check["name"] == "postgresql opens")
    assert bad == {
        "name": "postgresql opens",
        "state": "failed",
        "found": "nothing listens on 127.0.0.1:1",
        "remedy": "start that server, or check POSTGRES_HOST and POSTGRES_PORT",
    }
    assert pg_settings.postgres_password
    assert pg_settings.postgres_password.get_secret_value() not in done.stdout + done.stderr


def test_wrong_settings_end_with_2(duck_settings: Settings) -> None:
    done = run(duck_settings, DB_MODE="both")
    assert done.returncode == 2
    assert "DB_MODE is «both»" in done.stderr


def test_wrong_settings_are_a_failed_check_in_json_too(duck_settings: Settings) -> None:
    done = run(duck_settings, "--json", DB_MODE="both")
    remedy = "DB_MODE: duckdb, dual or postgresql"
    bad = {"name": "settings", "state": "failed", "found": "DB_MODE is «both»", "remedy": remedy}
    assert (done.returncode, json.loads(done.stdout)) == (2, {"ok": False, "checks": [bad]})
    assert remedy in done.stderr
