"""``fluxion ui`` as a process: how it starts, what it refuses, how it ends, and a command beside it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.postgres import environment_of
from fluxion_pipeline_tests.support.shop import STORES, Shop, filled
from fluxion_pipeline_tests.support.webserver import FLUXION, Server, free_port, serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

END_SECONDS = 15

JOBS = ("catalogo", "inventario", "ventas", "recuperacion", "limpieza")


@pytest.fixture
def shop(duck_settings: Settings, tmp_path: Path) -> Shop:
    """DB_MODE=duckdb, everything loaded."""
    return filled(duck_settings, tmp_path / "drops")


@pytest.fixture
def server(shop: Shop, tmp_path: Path) -> Iterator[Server]:
    """Its ``fluxion ui``."""
    with serving(environment_of(shop.settings), tmp_path / "ui.log") as running:
        yield running


def end(server: Server, number: int) -> tuple[float, set[int]]:
    """Send a signal; the seconds until the command has ended, and who of its processes still lives."""
    started, all_of_them = time.monotonic(), server.descendants()
    assert len(all_of_them) >= 3
    server.process.send_signal(number)
    assert server.process.wait(60) == 0
    seconds = time.monotonic() - started
    left = {pid for pid in all_of_them if Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text("utf-8")}
    return seconds, left


def test_it_starts_cleanly_and_with_its_schedules_running(server: Server, shop: Shop) -> None:
    query = '{ schedulesOrError(repositorySelector: {repositoryLocationName: "fluxion_pipeline", repositoryName: "__repository__"})'
    found = server.ask(query + " { ... on Schedules { results { name scheduleState { status } } } } }")["schedulesOrError"]["results"]
    assert {s["name"]: s["scheduleState"]["status"] for s in found} == {f"{job}_programado": "RUNNING" for job in JOBS}
    deadline = time.monotonic() + 60
    while "SchedulerDaemon" not in (log := server.log.read_text("utf-8")) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert "Dagster on http://127.0.0.1:" in log
    assert re.findall(r".*(?:warning|deprecat|supersed|telemetry|traceback).*", log, re.IGNORECASE) == []
    assert (shop.settings.home / "dagster" / "dagster.yaml").exists()
    assert "enabled: false" in (shop.settings.home / "dagster" / "dagster.yaml").read_text("utf-8").split("telemetry:")[1][:30]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.long)], ids=["ctrl-c", "term", "hangup"])
def test_it_ends_within_seconds_and_leaves_no_process_behind(number: int, server: Server) -> None:
    seconds, left = end(server, number)
    assert left == set()
    assert seconds < END_SECONDS


def test_a_server_that_is_killed_is_named_and_the_other_is_stopped(server: Server) -> None:
    all_of_them = server.descendants()
    daemon = next(pid for pid in all_of_them if "dagster-daemon" in Path(f"/proc/{pid}/cmdline").read_text("utf-8"))
    os.kill(daemon, signal.SIGKILL)
    assert server.process.wait(60) == 1
    said = server.log.read_text("utf-8")
    assert "error: dagster-daemon was ended by SIGKILL, so the other server was stopped too" in said
    assert "do: start it again: fluxion ui" in said
    assert [pid for pid in all_of_them if Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text("utf-8")] == []


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)], ids=["int", "term"])
def test_started_with_an_ampersand_in_a_script_it_ends_all_the_same(number: int, shop: Shop, tmp_path: Path) -> None:
    with serving(environment_of(shop.settings), tmp_path / "ui.log", in_background=True) as server:
        seconds, left = end(server, number)
    assert left == set()
    assert seconds < END_SECONDS


def refused(shop: Shop, port: int) -> str:
    """What a second ``fluxion ui`` says."""
    done = subprocess.run(
        [FLUXION, "ui", "--port", str(port)], env={**os.environ, **environment_of(shop.settings)}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_taken_port_is_named_with_a_way_out(shop: Shop) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused(shop, port)
    assert f"can't listen on 127.0.0.1, port {port}: Address already in use" in said
    assert re.search(r"do: choose another one: fluxion ui --port \d+", said)


def test_a_second_one_on_the_same_home_is_refused_since_schedules_would_run_twice(server: Server, shop: Shop) -> None:
    said = refused(shop, free_port())
    assert f"fluxion ui is running on {shop.settings.home} already: ui.lock is held by process {server.process.pid}" in said


def test_a_command_and_a_run_of_the_ui_write_at_once_and_both_end_well(server: Server, shop: Shop) -> None:
    for number in range(30):
        drops.write_stock(
            shop.root,
            STORES[number % 2],
            f"2026-03-{number // 10 + 3:02d}T{6 + number % 10:02d}00",
            [drops.stock(amount=100 + number), drops.stock("00818981", number)],
        )
    for number in range(12):
        day = f"2026-02-{number + 1:02d}"
        drops.write_sales(shop.root, STORES[0], day, [drops.sale(day, f"{number:05d}{line}") for line in range(9)])
    launched = [server.launch("inventario"), server.launch("ventas")]
    environment = {**os.environ, **environment_of(shop.settings)}
    commands = [
        subprocess.Popen([FLUXION, "run", job, "--wait", "120"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for job in ("ventas", "inventario")
    ]
    said = [command.communicate(timeout=200)[0] for command in commands]
    assert [command.returncode for command in commands] == [0, 0], "\n".join(said)
    assert [server.ended(run) for run in launched] == ["SUCCESS", "SUCCESS"]
    assert shop.rows(SinkName.DUCKDB, "SELECT count(*) FROM ventas WHERE fecha_negocio < DATE '2026-03-01'") == [(108,)]
    assert shop.rows(SinkName.DUCKDB, "SELECT stock FROM inventario_actual WHERE producto_codigo = '00818980' AND ubicacion_codigo = 'SUC007'") == [(129,)]


def test_a_run_that_was_killed_with_its_server_keeps_nothing_waiting(shop: Shop, tmp_path: Path) -> None:
    drops.write_stock(shop.root, STORES[0], "2026-03-02T0700", [drops.stock(amount=8)])
    with serving(environment_of(shop.settings), tmp_path / "first.log") as first:
        run = first.launch("inventario")
        deadline = time.monotonic() + 60
        while first.status(run) not in {"STARTING", "STARTED"} and time.monotonic() < deadline:
            time.sleep(0.05)
        for pid in sorted(first.descendants()):
            os.kill(pid, signal.SIGKILL)
        first.process.wait(30)
    with serving(environment_of(shop.settings), tmp_path / "second.log") as second:
        assert second.ended(run, 10) in {"FAILURE", "SUCCESS"}
        assert second.ended(second.launch("inventario")) == "SUCCESS"
