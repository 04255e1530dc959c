"""Runs in a rough world: killed, interrupted, two at once, many at once, with a sink away; the next one makes all of it good."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.locks import hold
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.commands import finish, fluxion, fluxion_dying, start
from fluxion_pipeline_tests.support.home import Home

pytestmark = pytest.mark.e2e

STORES = ("tienda_01", "tienda_02", "tienda_08")
DAY, TICK = "2025-11-20", "2025-11-20T0630"


@pytest.fixture
def home(pg_settings: Settings, tmp_path: Path) -> Home:
    """An initialised home with drops of three stores."""
    root = tmp_path / "drops"
    for number, etl in enumerate(STORES):
        drops.write_sales(root, etl, DAY, [drops.sale(DAY, f"{n:012d}", codigo_producto=f"{n:06d}") for n in range(20 + number)])
        drops.write_stock(root, etl, TICK, [drops.stock(f"{n:06d}", n + number) for n in range(30)])
    drops.write_products(root, [drops.product(f"{n:06d}") for n in range(10)])
    return Home(pg_settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": root})).ready()


def assert_complete(home: Home) -> None:
    """Both sinks hold the newest images, and these hold every row of the files, once."""
    home.assert_equal()
    for sink in SinkName:
        assert home.run(sink, "SELECT ubicacion_codigo, count(*), count(DISTINCT numero_factura) FROM ventas GROUP BY 1 ORDER BY 2") == [
            ("SUC001", 20, 20),
            ("SUC007", 21, 21),
            ("SUC002", 22, 22),
        ]


@pytest.mark.long
@pytest.mark.parametrize("moment", ["before the manifest", "within the postgresql transaction"])
def test_a_killed_run_loses_and_doubles_nothing(home: Home, moment: str) -> None:
    assert fluxion_dying(home.settings, moment, "run", "ventas").code == -signal.SIGKILL
    done = fluxion(home.settings, "run", "ventas")
    assert done.code == 0, done.text
    assert_complete(home)
    assert fluxion(home.settings, "run", "ventas").code == 0
    assert len(list((home.settings.home / "lotes").rglob("*.json"))) == 1 + 2 + 19  # identity; locations and met products; stores


def test_an_interrupted_run_ends_at_once_without_a_traceback_and_can_be_run_again(home: Home) -> None:
    with hold(home.app.locks / "ventas.lock", purpose="a test"):
        going = start(home.settings, "run", "ventas", "--wait", "60")
        time.sleep(8)
        going.send_signal(signal.SIGINT)
        done = finish(going, 20)
    assert done.code not in (0, -signal.SIGKILL)
    assert "Traceback" not in done.text, done.text
    again = fluxion(home.settings, "run", "ventas")
    assert again.code == 0, again.text
    assert_complete(home)


@pytest.mark.long
def test_a_second_run_of_a_job_waits_or_says_for_whom(home: Home) -> None:
    with hold(home.app.locks / "ventas.lock", purpose="fluxion run ventas"):
        waiting = start(home.settings, "run", "ventas")
        refused = fluxion(home.settings, "run", "ventas", "--wait", "0")
        other = fluxion(home.settings, "run", "catalogo", "--wait", "0")
        assert waiting.poll() is None
    assert refused.code == 2
    assert "fluxion run ventas" in refused.err
    assert "process" in refused.err
    assert other.code == 0, other.text
    waited = finish(waiting)
    assert waited.code == 0
    assert "waiting: ventas.lock is held by process" in waited.err
    assert_complete(home)


@pytest.mark.long
def test_many_commands_at_once_end_well(home: Home) -> None:
    settings = home.settings
    runs = [start(settings, "run", job) for job in ("catalogo", "inventario", "ventas", "ventas")]
    looks = []
    for _ in range(3):
        looks += [start(settings, "parity", "--json"), start(settings, "status", "--json")]
        time.sleep(1.5)
    for process in runs:
        done = finish(process)
        assert done.code == 0, done.text
    for process in looks:
        done = finish(process)
        assert done.code in (0, 1, 2)
        assert "Traceback" not in done.text, done.text
        found = json.loads(done.out)
        assert "lock" not in json.dumps(found).lower()
    assert_complete(home)
    assert fluxion(settings, "parity").code == 0


@pytest.mark.long
def test_the_first_sink_is_complete_while_the_second_is_away(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    begun = time.monotonic()
    done = fluxion(home.settings.model_copy(update={"postgres_port": port}), "run", "ventas")
    assert time.monotonic() - begun < 60
    assert done.code == 1, done.text
    assert f"postgresql was not brought up to date: PostgreSQL (127.0.0.1:{port}) is away" in done.err
    assert "Traceback" not in done.text
    home.assert_equal(SinkName.DUCKDB)
    again = fluxion(home.settings, "run", "ventas")
    assert again.code == 0, again.text
    assert_complete(home)


HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


def test_a_duckdb_file_that_a_person_has_open_is_named_and_the_other_sink_is_complete(home: Home) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(home.settings.duckdb_file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        done = fluxion(home.settings, "run", "ventas", seconds=200)
        other.communicate()
    assert done.code == 1, done.text
    assert "duckdb was not brought up to date" in done.err
    assert f"process {other.pid}" in done.err
    assert "Traceback" not in done.text
    home.assert_equal(SinkName.POSTGRESQL)
    assert fluxion(home.settings, "run", "ventas").code == 0
    assert_complete(home)
