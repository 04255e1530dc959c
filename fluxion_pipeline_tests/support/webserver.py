"""``fluxion ui`` as a process of its own, and what tests ask of its GraphQL."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FLUXION = str(Path(sys.executable).parent / "fluxion")
START_SECONDS = 120.0
LOCATION = "fluxion_pipeline"


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Server:
    """A running ``fluxion ui``.

    Attributes:
        process: the command.
        base: its address.
        log: what it and its servers print.
    """

    process: subprocess.Popen[bytes] | subprocess.Popen[str]
    base: str
    log: Path

    def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> Any:
        """The data of a GraphQL answer."""
        body = json.dumps({"query": query, "variables": dict(variables or {})}).encode()
        request = urllib.request.Request(f"{self.base}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = json.load(answer)
        assert "errors" not in found, found
        return found["data"]

    def launch(self, job: str, assets: Sequence[Sequence[str]] = ()) -> str:
        """Start a job, or of all assets' some, as the UI does; the run's id."""
        selector: dict[str, Any] = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__", "jobName": job}
        if assets:
            selector["assetSelection"] = [{"path": list(path)} for path in assets]
        query = "mutation L($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename ... on LaunchRunSuccess { run { runId } } } }"
        found = self.ask(query, {"p": {"selector": selector, "runConfigData": {}}})["launchRun"]
        assert found["__typename"] == "LaunchRunSuccess", found
        return str(found["run"]["runId"])

    def status(self, run_id: str) -> str:
        """A run's status."""
        query = "query R($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
        return str(self.ask(query, {"id": run_id})["runOrError"]["status"])

    def ended(self, run_id: str, seconds: float = 120) -> str:
        """A run's status when it has ended."""
        deadline = time.monotonic() + seconds
        while (found := self.status(run_id)) not in {"SUCCESS", "FAILURE", "CANCELED"} and time.monotonic() < deadline:
            time.sleep(0.5)
        return found

    def descendants(self) -> set[int]:
        """The living processes that it started, and that these started."""
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
        parents = {int(pid): int(ppid) for pid, ppid, state in (line.split() for line in listed.splitlines()) if not state.startswith("Z")}
        found = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return {pid for pid in found if pid in parents}


def up(base: str) -> bool:
    """Whether the server answers."""
    try:
        with urllib.request.urlopen(f"{base}/server_info", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def serving(environment: Mapping[str, str], log: Path, *, in_background: bool = False) -> Iterator[Server]:
    """Start ``fluxion ui``, wait until it answers, and end it.

    Args:
        environment: of the command.
        log: a file for its output.
        in_background: start it as a shell's ``&`` does in a script, with SIGINT ignored.
    """
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [FLUXION, "ui", "--port", str(port)],
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if in_background else None,
        )
    server = Server(process, f"http://127.0.0.1:{port}", log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not up(server.base):
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < deadline, log.read_text("utf-8")
            time.sleep(0.3)
        server.ask("mutation { setNuxSeen }")  # else a dialog welcomes every new browser
        yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
