"""What the README tells a newcomer to type, typed in a fresh copy of the repository.

The copy has a space in its path and only what git would hand over. Its environment is made from
nothing, its PostgreSQL is its own. What comes out is read from both databases, not from the program.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg2
import pytest

from fluxion_pipeline.contracts.tables import CONTRACT_TABLES
from fluxion_pipeline_tests.architecture.repository import ROOT, texts, tracked
from fluxion_pipeline_tests.support.commands import alone
from fluxion_pipeline_tests.support.pages import blocks, commands

pytestmark = pytest.mark.e2e

LOADED = ("ubicaciones", "productos", "ventas", "inventario_actual", "inventario_historico", "inventario_cortes")
RUN_SECONDS = 240


def typed(command: str, folder: Path, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Type a command; its output is a pipe, as in ``make run | tee log``: a server that kept it would hang this."""
    return subprocess.run(["bash", "-c", command], cwd=folder, env=alone(), capture_output=True, text=True, timeout=seconds, check=False)


def counts(folder: Path) -> dict[str, tuple[int, int]]:
    """Rows of each contract table in DuckDB and in PostgreSQL."""
    dsn = typed(".venv/bin/fluxion db dsn", folder).stdout.strip()
    with closing(duckdb.connect(str(folder / ".fluxion/fluxion.duckdb"), read_only=True)) as duck, closing(psycopg2.connect(dsn)) as pg, pg.cursor() as cursor:
        found = {}
        for table in CONTRACT_TABLES:
            query = f'SELECT count(*) FROM "{table}"'
            cursor.execute(query)
            [(there,)] = cursor.fetchall()
            [(here,)] = duck.execute(query).fetchall()
            found[table] = (here, there)
        return found


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh copy of the repository."""
    folder = tmp_path_factory.mktemp("a newcomer") / "fluxion pipeline"
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    yield folder
    typed(".venv/bin/fluxion db stop", folder)


@pytest.fixture(scope="module")
def first(copy: Path) -> tuple[subprocess.CompletedProcess[str], float]:
    """The first ``make run`` of that copy, and its seconds."""
    started = time.monotonic()
    done = typed("make run", copy, seconds=2 * RUN_SECONDS)
    return done, time.monotonic() - started


def shown(output: str) -> set[int]:
    """The whole numbers that an output shows, however their thousands are grouped."""
    return {int(re.sub(r"\D", "", number)) for number in re.findall(r"\d+(?:[.,  ]\d{3})*", output)}


@pytest.mark.timeout(600)
def test_make_run_ends_well_in_time_and_fills_both_databases_alike(copy: Path, first: tuple[subprocess.CompletedProcess[str], float]) -> None:
    done, seconds = first
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert seconds < RUN_SECONDS
    rows = counts(copy)
    assert {table: here for table, (here, there) in rows.items() if here != there} == {}
    assert [table for table in LOADED if rows[table][0] == 0] == []


def test_its_summary_shows_the_counts_that_the_databases_have(copy: Path, first: tuple[subprocess.CompletedProcess[str], float]) -> None:
    numbers = shown(first[0].stdout)
    assert {table: here for table, (here, _) in counts(copy).items() if table in LOADED and here not in numbers} == {}


def test_what_its_summary_says_to_type_next_works_as_printed(copy: Path, first: tuple[subprocess.CompletedProcess[str], float]) -> None:
    (line,) = [x.strip() for x in first[0].stdout.splitlines() if x.strip().startswith("next: ")]
    commands = line.removeprefix("next: ").split(" · ")
    assert [x.split()[-1] for x in commands[:2]] == ["status", "parity"]
    for command in commands[:2]:
        assert typed(command, copy).returncode == 0, command


@pytest.mark.timeout(600)
def test_make_run_again_ends_well_and_changes_nothing(copy: Path, first: tuple[subprocess.CompletedProcess[str], float]) -> None:
    before, lotes = counts(copy), sorted((copy / ".fluxion").rglob("*.parquet"))
    done = typed("make run", copy, seconds=RUN_SECONDS)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert counts(copy) == before
    assert sorted((copy / ".fluxion").rglob("*.parquet")) == lotes


@pytest.mark.parametrize("command", [line for line in commands("README.md") if line.startswith(".venv/bin/fluxion")])
def test_a_command_of_the_readme_ends_well_after_make_run(command: str, copy: Path, first: tuple[subprocess.CompletedProcess[str], float]) -> None:
    done = typed(command, copy)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.timeout(300)
def test_make_ui_serves_dagster_until_it_is_interrupted(copy: Path, first: tuple[subprocess.CompletedProcess[str], float], tmp_path: Path) -> None:
    log = tmp_path / "ui.log"
    with log.open("w") as output:
        process = subprocess.Popen(["make", "ui"], cwd=copy, env=alone(), stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        page = ""
        deadline = time.monotonic() + 120
        while "dagster" not in page.lower() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(1)
            if address := re.search(r"https?://(?:127\.0\.0\.1|localhost):\d+", log.read_text()):
                try:
                    with urllib.request.urlopen(address[0], timeout=10) as answer:
                        page = answer.read().decode()
                except OSError:
                    continue
        assert "dagster" in page.lower(), log.read_text()[-3000:]
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise


@pytest.mark.parametrize("document", ["README.md", "docs/contributing.md"])
def test_ci_runs_what_a_page_says_that_every_change_must_pass(document: str) -> None:
    ci = [line for line in texts()[Path(".ci/run")].splitlines() if line.startswith("make ")]
    assert ci in blocks(document)
    typed_here = ("make run", "make ui", ".venv/bin/fluxion ")
    assert [line for line in commands(document) if line not in ci and not line.startswith(typed_here)] == []
