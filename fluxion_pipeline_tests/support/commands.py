"""The command as a person runs it: a process of its own, its output, its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support import postgres

FLUXION = Path(sys.executable).with_name("fluxion")
OURS = ("FLUXION_", "POSTGRES_", "DUCKDB_", "DB_MODE", "DAGSTER_", "KLK_", "STELLAR_")
TOOLS = ("PYTEST", "PYTHON", "VIRTUAL_ENV", "MAKE", "MFLAGS")


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def alone() -> dict[str, str]:
    """This process's environment without anything that would reach into another program's tests, builds or homes."""
    return {name: value for name, value in os.environ.items() if not name.startswith((*OURS, *TOOLS))}


def environment(settings: Settings, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what is ours, and the settings."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(OURS) or k == postgres.HOME_VARIABLE}
    return {**plain, **postgres.environment_of(settings), **(more or {})}


def start(settings: Settings, *words: str, program: tuple[str, ...] = (str(FLUXION),), more: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a command; whoever starts it ends it."""
    return subprocess.Popen(
        [*program, *words], env=environment(settings, more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )


def finish(process: subprocess.Popen[str], seconds: float = 120) -> Done:
    """Wait for a command that was started."""
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        if process.poll() is None:
            process.kill()
    return Done(process.returncode, out, err)


def fluxion(settings: Settings, *words: str, seconds: float = 120, more: Mapping[str, str] | None = None) -> Done:
    """Run a command to its end."""
    return finish(start(settings, *words, more=more), seconds)


def fluxion_dying(settings: Settings, moment: str, *words: str) -> Done:
    """Run a command that is killed at a moment; see ``support.dying``."""
    program = (sys.executable, "-m", "fluxion_pipeline_tests.support.dying", moment)
    return finish(start(settings, *words, program=program))
