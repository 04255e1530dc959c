"""``fluxion ui``: Dagster's webserver and daemon on this home."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from fluxion_pipeline.cli.console import err, out, speaking
from fluxion_pipeline.operations import instance
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.settings import load

WORKSPACE = "load_from:\n  - python_module:\n      module_name: fluxion_pipeline.definitions\n      location_name: fluxion\n"


def ui(
    port: Annotated[int, typer.Option("--port", "-p", min=1, max=65535, help="Port of the webserver.")] = 3000,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Open Dagster on this home: assets, runs, checks, and the schedules running; ends with Ctrl-C."""
    with speaking():
        app = App(load())
        for step in initialise(app):
            if step.error:
                err.print(f"[yellow]warning:[/] {step.sink} is not ready: {step.error}")
    with instance.prepared(app.settings) as folder:
        workspace = folder / "workspace.yaml"
        workspace.write_text(WORKSPACE, "utf-8")
        out.print(f"Dagster on http://{host}:{port} (home {app.settings.home}); Ctrl-C ends it")
        raise typer.Exit(_serve(_commands(workspace, host, port), app.settings.home))


def _commands(workspace: Path, host: str, port: int) -> list[list[str]]:
    bin_ = Path(sys.executable).parent
    return [
        [str(bin_ / "dagster-webserver"), "-w", str(workspace), "-h", host, "-p", str(port)],
        [str(bin_ / "dagster-daemon"), "run", "-w", str(workspace)],
    ]


def _serve(commands: list[list[str]], home: Path) -> int:
    """Run until one ends or a signal comes; then end both."""
    environment = {**os.environ, "FLUXION_HOME": str(home)}
    running = [subprocess.Popen(c, env=environment, start_new_session=True, preexec_fn=_default_signals) for c in commands]
    stopped: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda n, _: stopped.append(n))
    try:
        while not stopped and all(p.poll() is None for p in running):
            time.sleep(0.2)
        return 0 if stopped else next((p.returncode for p in running if p.returncode), 1)
    finally:
        for p in running:
            if p.poll() is None:
                p.send_signal(signal.SIGINT)
        for p in running:
            try:
                p.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)


def _default_signals() -> None:
    """A process started in the background ignores SIGINT; Dagster needs it to end well."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
