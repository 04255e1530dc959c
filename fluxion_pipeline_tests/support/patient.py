"""A set-up that is examined by the doctor, and whoever types what it prints."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

from fluxion_pipeline.operations.doctor import Finding, State, diagnose
from fluxion_pipeline.settings import Settings, load
from fluxion_pipeline_tests.support.commands import FLUXION, environment


def doctor(settings: Settings, **more: object) -> dict[str, Finding]:
    return {f.name: f for f in diagnose(settings.model_copy(update={"fluxion_source": "archivos", **more}))}


def failed(settings: Settings) -> list[Finding]:
    return [f for f in diagnose(settings) if f.state is State.FAILED]


def typed(finding: Finding, settings: Settings, more: Mapping[str, str] | None = None) -> Settings:
    """Type a finding's remedy as it is printed, in a shell; the settings of that shell afterwards."""
    command = finding.remedy.rpartition(": ")[2]
    there = {**environment(settings, more), "PATH": f"{FLUXION.parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", f"{{ {command}; }} >&2 && env -0"], env=there, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, (command, done.stderr)
    return load(dict(pair.partition("=")[::2] for pair in done.stdout.split("\0") if pair))
