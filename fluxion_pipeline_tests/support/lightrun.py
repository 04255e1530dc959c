"""What ``fluxion init`` and the runs of all jobs do, without Dagster, in processes that cost no start.

``python -m fluxion_pipeline_tests.support.lightrun`` loads the program once. For each line of JSON
(environment variables) it starts a process that runs everything, says ``pid N``, and says how it
ended: ``ended N`` (negative: the signal). ``Runner`` is its other end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from fluxion_pipeline.contracts.clock import now
from fluxion_pipeline.contracts.outcomes import Fact, Mode, Verdict
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.landing import outbox  # noqa: F401 loaded once, for all processes
from fluxion_pipeline.operations import mode
from fluxion_pipeline.operations.adopt import adopt
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.operations.cleaning import clean
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.operations.land import Request, read_and_land
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.settings import Settings, load
from fluxion_pipeline_tests.support.commands import environment
from fluxion_pipeline_tests.support.ordeal import STORES


def everything() -> int:
    """Init (if INIT is set), a foreign file (ADOPT: it and its map), a cleaning (in PRUNE days), all three jobs, both sinks, the proof; 0: all is well."""
    app = App(load())
    told: list[str] = [str(step.error) for step in initialise(app) if step.error] if os.environ.get("INIT") else []
    mode.enter(app)
    if os.environ.get("ADOPT"):
        list(adopt(app, *map(Path, os.environ["ADOPT"].split("|"))))
    if os.environ.get("PRUNE"):
        later = timedelta(days=int(os.environ["PRUNE"]))
        told += [f"{k}: {v}" for k, v in clean(App(app.settings, lambda: now() + later)).problems.items()]
    places = tuple(STORES.values())
    for request in (Request(Fact.CATALOGO), Request(Fact.INVENTARIO, locations=places), Request(Fact.VENTAS, recovery=True)):
        told += [f"{k}: {v}" for k, v in read_and_land(app, request).errors.items()]
    for sink in app.settings.db_mode.sinks:
        try:
            bring_up(app, sink)
        except FluxionError as error:
            told.append(str(error))
    if not told and app.settings.db_mode is Mode.DUAL:
        report = prove(app.settings)
        told += [f"{t.table}: {t.verdict} {t.reason}" for t in report.tables if t.verdict is not Verdict.IGUAL]
    for line in told:
        sys.stderr.write(f"{line}\n")
    return 1 if told else 0


def _child(variables: Mapping[str, str]) -> None:
    code = 3
    try:
        os.environ.update(variables)
        code = everything()
    except FluxionError as error:
        sys.stderr.write(f"{error}\n")
        code = 2
    except Exception:  # noqa: BLE001 the process ends here; whoever started it is told by the code
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    """Start a process for each line of standard input."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _child(json.loads(line))
        sys.stdout.write(f"pid {pid}\n")
        sys.stdout.flush()
        status = os.waitpid(pid, 0)[1]
        sys.stdout.write(f"ended {os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


class Runner:
    """Starts runs of one home; what they say is in ``log``."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.settings, self.log = settings, log
        with log.open("w") as errors:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "fluxion_pipeline_tests.support.lightrun"],
                env=environment(settings),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def start(self, **variables: str) -> int:
        """Start a run; its process id."""
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(variables) + "\n")
        self._server.stdin.flush()
        return int(self._word("pid"))

    def end(self) -> int:
        """Wait for the run; its exit code, negative for a signal."""
        return int(self._word("ended"))

    def run(self, **variables: str) -> int:
        """A run to its end."""
        self.start(**variables)
        return self.end()

    def _word(self, kind: str) -> str:
        assert self._server.stdout is not None
        said, _, value = self._server.stdout.readline().strip().partition(" ")
        assert said == kind, (said, self.log.read_text("utf-8")[-2000:])
        return value

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(30)


if __name__ == "__main__":
    serve()
