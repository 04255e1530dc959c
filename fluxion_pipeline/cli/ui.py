"""``fluxion ui``: Dagster's webserver and daemon on this home, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from fluxion_pipeline.cli.console import err, out, speaking
from fluxion_pipeline.errors import BusyError, FluxionError
from fluxion_pipeline.locks import hold
from fluxion_pipeline.operations import instance
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.settings import Settings, load

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE = 12.0
"""Seconds that the servers have to end well."""


def ui(
    port: Annotated[int, typer.Option("--port", "-p", min=1, max=65535, help="Port of the webserver.")] = 3000,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Open Dagster on this home: assets, runs, checks, and the schedules running; ends with Ctrl-C."""
    with speaking():
        app = App(load())
        with _alone(app.settings), _signals() as received:
            _check_port(host, port)
            _check_own_definitions(app.settings)
            for step in initialise(app):
                if step.error:
                    err.print(f"[yellow]warning:[/] {step.sink} is not ready: {escape(str(step.error))}")
            with instance.prepared(app.settings) as folder:
                _end_leftovers(app.settings)
                workspace = folder / "workspace.yaml"
                workspace.write_text(instance.WORKSPACE, "utf-8")
                out.print(f"Dagster on http://{host}:{port} (home {escape(str(app.settings.home))}); Ctrl-C ends it")
                code = _serve(_commands(workspace, host, port), app.settings.home, received)
    raise typer.Exit(code)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Two daemons on one home would start each scheduled run twice.

    Raises:
        BusyError: if a ``fluxion ui`` of this home is running.
    """
    lock = hold(instance.ui_lock(settings), wait=0.5, purpose="fluxion ui")
    try:
        lock.__enter__()
    except BusyError as error:
        raise BusyError(f"fluxion ui is running on {settings.home} already: {error.what}", "use that one, or end it first") from error
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


@contextmanager
def _signals() -> Iterator[list[int]]:
    """The signals that have come, instead of their usual effect; a process in the background ignores SIGINT until then."""
    received: list[int] = []
    before = {number: signal.signal(number, lambda n, _: received.append(n)) for number in SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check_port(host: str, port: int) -> None:
    """Say it in a sentence before anything is started."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise FluxionError(
            f"can't listen on {host}, port {port}: {error.strerror or error}", f"choose another one: fluxion ui --port {_free_port()}"
        ) from error


def _check_own_definitions(settings: Settings) -> None:
    """What can't be loaded would take all of the pipeline's definitions away with it."""
    if settings.fluxion_extra_defs:
        from fluxion_pipeline.defs.extra import check

        check(settings)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_leftovers(settings: Settings) -> None:
    """Runs of a server that was killed would keep the queue waiting for ever."""
    from fluxion_pipeline.defs.leftovers import end_all

    ended = end_all(settings)
    if ended:
        err.print(f"[yellow]warning:[/] {len(ended)} runs of a process that is gone were marked as failed: {', '.join(r[:8] for r in ended)}")


def _commands(workspace: Path, host: str, port: int) -> list[list[str]]:
    bin_ = Path(sys.executable).parent
    # The daemon renews its code server every minute, and the old one warns each time that nobody speaks to it any more.
    quiet = ["--code-server-log-level", "error"]
    return [
        [str(bin_ / "dagster-webserver"), "-w", str(workspace), "-h", host, "-p", str(port)],
        [str(bin_ / "dagster-daemon"), "run", "-w", str(workspace), *quiet],
    ]


def _serve(commands: Sequence[Sequence[str]], home: Path, received: Sequence[int]) -> int:
    """Run until one ends or a signal comes; then end both, with everything that they started."""
    environment = {**os.environ, "FLUXION_HOME": str(home)}
    running: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            running.append(subprocess.Popen(command, env=environment, start_new_session=True, preexec_fn=_default_signals))
        while not received and all(p.poll() is None for p in running):
            time.sleep(0.1)
        ended = [(Path(command[0]).name, p.returncode) for command, p in zip(commands, running, strict=True) if p.returncode is not None]
    finally:
        _end(running)
    if received:
        return 0
    name, code = ended[0]
    err.print(f"[red]error:[/] {name} {_how(code)}, so the other server was stopped too; what it said last stands above")
    err.print("[yellow]do:[/] start it again: fluxion ui")
    return 1


def _how(code: int) -> str:
    """How a process ended, by its exit code as ``subprocess`` gives it."""
    if code >= 0:
        return f"ended by itself, with code {code}"
    with suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def _end(running: Sequence[subprocess.Popen[bytes]]) -> None:
    for p in running:
        if p.poll() is None:
            p.send_signal(signal.SIGINT)
    deadline = time.monotonic() + GRACE
    for p in running:
        with suppress(subprocess.TimeoutExpired):
            p.wait(max(0.1, deadline - time.monotonic()))
    # Code servers and runs are in the groups of the servers that started them, and may outlive these.
    while any(_alive(p.pid) for p in running) and time.monotonic() < deadline:
        time.sleep(0.1)
    for p in running:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(p.pid, signal.SIGKILL)
        p.wait()


def _alive(group: int) -> bool:
    """Whether a process group has members that are more than their own remains."""
    try:
        members = subprocess.run(["ps", "-A", "-o", "pgid=,stat="], capture_output=True, text=True, check=False).stdout.splitlines()
    except FileNotFoundError:
        return False
    return any(int(pgid) == group and not state.startswith("Z") for pgid, state in (line.split(None, 1) for line in members if line.strip()))


def _default_signals() -> None:
    """A process started in the background ignores SIGINT, and hands that down; Dagster needs it to end well."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
