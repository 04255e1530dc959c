"""The make targets and the installation that the pages show and CI doesn't run itself, typed in the checkout. Run by ``make long``.

What takes long is typed as printed but for its size, which the page says how to set.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fluxion_pipeline_tests.architecture.repository import ROOT
from fluxion_pipeline_tests.support.commands import Done, alone
from fluxion_pipeline_tests.support.pages import commands

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

PRODUCTION = "docs/production.md"
MEASURED = ("docs/performance.md", "docs/performance-history.md")

SMALL = 'make bench ARGS="--rows 2200 --rounds 1 --no-peers"'
ZERO = "0 lost, 0 doubled"
BENCH = ("The run in process, by stage", "the whole command: rules, images", "The first tick, to COPY")

DAY = 'make bench-history ARGS="--rows 2200 --ticks 2 --asks 1"'
KEPT = ("2 ticks of 2,200 rows", "… and the whole ledger", "stock_en, last tick", "kept whole, last tick")

TYPED_AS = {
    "make bench": ('make bench ARGS="--rows 2200 --rounds 1"', (*BENCH, "stock Dagster", "execute_values", "dlt")),
    'make bench ARGS="--rows 89000 --changed 0 --no-peers"': ('make bench ARGS="--rows 89000 --changed 0 --no-peers"', (*BENCH, "0 % changed")),
    'make bench ARGS="--rows 8000000 --rounds 1 --no-peers"': (SMALL, BENCH),
    'make bench ARGS="--rounds 2"': (SMALL, BENCH),
    'make bench ARGS="--rows … --changed … --rounds 1 --no-peers"': (SMALL, BENCH),
    "make bench-history": (DAY, KEPT),
    'make bench-history ARGS="--days 3"': ('make bench-history ARGS="--rows 2200 --days 3 --ticks 2 --asks 1"', ("3 × 2 ticks", *KEPT)),
    'make bench-history ARGS="--rows 805000 --changed 30"': (DAY, KEPT),
    "make bench-parity": ('make bench-parity ARGS="--rows 22000"', ("fluxion parity --full", "reladiff", "datacompy", "10,000 rows different, put back")),
    "make chaos N=100": ("make chaos N=1 SEED=11", ("1 of 1 troubles", ZERO)),
    "make prove N=…": ("make prove N=1", (" passed",)),
    "make prove N=50000": ("make prove N=1", (" passed",)),
}
"""A target as the pages print it → as it is typed here, and what it shows."""


def typed(line: str, **more: str) -> Done:
    """A command in the checkout, with an environment that nothing of these tests reaches into."""
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, env={**alone(), **more}, capture_output=True, text=True, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(("line", "shown"), dict.fromkeys(TYPED_AS[line] for line in (*(x for page in MEASURED for x in commands(page)), *TYPED_AS)))
def test_it_ends_well_and_shows_what_the_page_says(line: str, shown: tuple[str, ...]) -> None:
    done = typed(line)
    assert done.code == 0, done.text[-3000:]
    assert [words for words in shown if words not in done.out] == [], done.text[-3000:]


def test_the_bench_of_parity_says_at_once_that_it_needs_more_rows() -> None:
    done = typed('make bench-parity ARGS="--rows 9999"')
    assert done.code == 2
    assert "--rows must be 10,000 or more" in done.err


def test_production_what_signs_the_tokens_of_rds_is_installed_by_its_lock(tmp_path: Path) -> None:
    """With the pip of an environment of its own, so that this one stays as it is."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    (line,) = [line for line in commands(PRODUCTION) if line.startswith("pip ")]
    there = os.pathsep.join((str(tmp_path / "venv/bin"), os.environ["PATH"]))
    done = typed(line, PATH=there)
    assert done.code == 0, done.text[-3000:]
    assert re.search(r"Successfully installed .*botocore-", done.out)
    assert typed("python -c 'import botocore.auth'", PATH=there).code == 0
