"""The production files: the compose file is sound, and Dagster's storage works on a real PostgreSQL."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.architecture.repository import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]

USE_STORAGE = """
import json, sys
from dagster import DagsterInstance, DagsterRun
from dagster._daemon.types import DaemonHeartbeat

with DagsterInstance.from_config(sys.argv[1]) as instance:
    run = instance.add_run(DagsterRun(job_name="inventario", tags={"fluxion/flujo": "inventario"}))
    instance.report_engine_event("a tick", run)
    instance.add_daemon_heartbeat(DaemonHeartbeat(1760000000.0, "SENSOR", "one", []))
    print(json.dumps({
        "storage": type(instance.run_storage).__module__.split(".")[0],
        "runs": [found.job_name for found in instance.get_runs()],
        "events": [entry.message for entry in instance.all_logs(run.run_id)],
        "heartbeats": list(instance.get_daemon_heartbeats()),
        "telemetry": instance.telemetry_enabled,
    }))
"""
"""A run, an event (which is sent with NOTIFY) and a heartbeat, written and read back."""


def test_the_server_is_postgresql_16_with_a_health_check_on_another_port() -> None:
    postgres = SERVICES["postgres"]
    assert postgres["image"] == "postgres:16-alpine"
    assert "pg_isready" in " ".join(postgres["healthcheck"]["test"])
    assert postgres["ports"] == ["127.0.0.1:${POSTGRES_PUBLISHED_PORT:-5433}:5432"]


def test_every_password_comes_from_the_environment() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    passwords = re.findall(r"^\s+\w*PASSWORD: (.+)$", text, re.MULTILINE)
    assert len(passwords) >= 4
    assert [value for value in passwords if not re.fullmatch(r"\$\{(POSTGRES_PASSWORD:\?[^}]+|PGADMIN_PASSWORD:-)\}", value)] == []


def test_the_schema_comes_from_fluxion_init_and_from_no_second_file() -> None:
    assert "fluxion init" in " ".join(SERVICES["init"]["command"])
    assert not [volume for volume in SERVICES["postgres"]["volumes"] if "initdb" in volume]
    assert not list((ROOT / "docker").glob("*.sql"))


def test_pgadmin_is_there_when_it_is_asked_for() -> None:
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["pgadmin"]


def test_services_wait_for_services_that_are_there() -> None:
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in SERVICES
            assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[needed]


def test_named_volumes_are_declared() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", []) if not volume.startswith("$")}
    assert used <= set(COMPOSE["volumes"])


def test_the_settings_that_compose_hands_over_are_settings() -> None:
    names = {name for name in SERVICES["code"]["environment"] if not name.startswith("DAGSTER_")}
    assert names <= {name.upper() for name in Settings.model_fields}


def test_the_image_copies_files_that_are_there() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "docker/Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert [name for line in copied for name in line.split() if not (ROOT / name).exists()] == []


@pytest.mark.timeout(120)
def test_dagster_keeps_runs_events_and_heartbeats_in_postgresql(bare_settings: Settings, tmp_path: Path) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    shutil.copy(ROOT / "docker/dagster.yaml", home)
    assert bare_settings.postgres_password is not None
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "DAGSTER_POSTGRES_HOST": str(bare_settings.postgres_host),
        "DAGSTER_POSTGRES_PORT": str(bare_settings.postgres_port),
        "DAGSTER_POSTGRES_USER": bare_settings.postgres_user,
        "DAGSTER_POSTGRES_PASSWORD": bare_settings.postgres_password.get_secret_value(),
        "DAGSTER_POSTGRES_DB": bare_settings.postgres_db,
    }
    done = subprocess.run([sys.executable, "-c", USE_STORAGE, str(home)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "storage": "dagster_postgres",
        "runs": ["inventario"],
        "events": ["a tick"],
        "heartbeats": ["SENSOR"],
        "telemetry": False,
    }
