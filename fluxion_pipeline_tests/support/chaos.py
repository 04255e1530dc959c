"""``make chaos N=… SEED=…``: runs are killed at random, so is their server, it is paused, the disk is full; nothing may be lost.

``python -m fluxion_pipeline_tests.support.chaos N SEED``. After each trouble a run without trouble follows, and both
sinks are compared with what the stores' files say (``ordeal``). Everything that is random comes from
the seed, but for how fast the machine is: a kill that comes after so many milliseconds may find
another stage; the named points that it draws are hit exactly. Ends with 1 unless nothing was lost or doubled.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.failpoints import POINTS, VARIABLE
from fluxion_pipeline.sinks.embedded.server import EmbeddedServer
from fluxion_pipeline_tests.support import postgres
from fluxion_pipeline_tests.support.fulldisk import Disk
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.lightrun import Runner
from fluxion_pipeline_tests.support.ordeal import Ordeal

TROUBLES = {"point": 4, "kill": 3, "server": 2, "paused": 1, "disk": 1}
"""Kind → how often it comes, relative to the others."""

PAUSE = 5.0
"""Seconds for which a server is paused: longer than a new connection is waited for."""

DISK_MB = 192
"""Size of the disk that gets full."""


@dataclass
class Tally:
    """What came of all troubles."""

    troubles: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    more: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.lost or self.more or self.failed)

    def text(self, seed: int) -> str:
        lines = [
            f"seed {seed}: " + ", ".join(f"{n} × {kind}" for kind, n in sorted(self.troubles.items())),
            "stages: " + ", ".join(f"{stage} {n}" for stage, n in sorted(self.stages.items())),
            *self.failed,
            f"{self.lost} lost, {self.more} doubled",
        ]
        return "\n".join(lines)


class Chaos:
    """One home and its own server in trouble."""

    def __init__(self, folder: Path, seed: int, server: EmbeddedServer) -> None:
        address = postgres.quick(server)
        self.server, self.rng, self.tally = server, random.Random(seed), Tally()
        self.disk = Disk(folder / "disk", DISK_MB)
        self.settings = settings = postgres.settings_for(address, "fluxion_production", folder / "disk" / "home").model_copy(
            update={"fluxion_source": "archivos", "fluxion_source_path": folder / "drops"}
        )
        self.home = Home(settings)
        self.world = Ordeal(folder / "drops", random.Random(seed + 1)).begin()
        self.runner = Runner(settings, folder / "log")

    def live(self, steps: int) -> Tally:
        """So many troubles, each mended by a run without one."""
        if self.runner.run(INIT="yes"):
            self.tally.failed.append(f"the first run failed: {self._log()}")
            return self.tally
        kinds = list(TROUBLES) if self.disk.mounted else [k for k in TROUBLES if k != "disk"]
        for step in range(steps):
            kind = self.rng.choices(kinds, [TROUBLES[k] for k in kinds])[0]
            self.world.step()
            getattr(self, f"_{kind}")()
            self.tally.troubles[kind] += 1
            self._mend(step, kind)
            if not self.tally.good:
                break
        return self.tally

    def _mend(self, step: int, kind: str) -> None:
        self.server.ensure()
        if self.runner.run():
            self.tally.failed.append(f"step {step} ({kind}): the run after it failed: {self._log()}")
        for sink in SinkName:
            for subject, wrong in self.world.wrong(self.home, sink).items():
                self.tally.lost += sum(wrong.lost.values())
                self.tally.more += sum(wrong.more.values())
                self.tally.failed.append(f"step {step} ({kind}), {sink} {subject}: lost {list(wrong.lost)[:3]}, beside them {list(wrong.more)[:3]}")

    def _point(self) -> None:
        point = self.rng.choice(list(POINTS))
        ended = self.runner.run(**{VARIABLE: f"{point}:{self.rng.randint(1, 2)}"})
        self.tally.stages[point if ended == -signal.SIGKILL else "not passed"] += 1

    def _kill(self) -> None:
        after = self.rng.uniform(0.02, 1.5)
        pid = self.runner.start()
        time.sleep(after)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self.tally.stages["anywhere" if self.runner.end() == -signal.SIGKILL else "had ended"] += 1

    def _server(self) -> None:
        after, pid = self.rng.uniform(0.02, 1.5), self.server.status().pid
        assert pid is not None
        self.runner.start()
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)
        self.tally.stages["server away" if self.runner.end() else "server killed after it"] += 1
        self._settled()

    def _paused(self) -> None:
        pid = self.server.status().pid
        assert pid is not None
        after = self.rng.uniform(0.02, 0.8)
        children = [int(x) for x in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        self.runner.start()
        time.sleep(after)
        for process in (pid, *children):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGSTOP)
        time.sleep(PAUSE)
        for process in (pid, *children):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)
        self.tally.stages["server silent" if self.runner.end() else "server silent, waited for"] += 1

    def _disk(self) -> None:
        """The folder where lotes and the DuckDB file grow has no room left."""
        with self.disk.full(self.rng.randrange(400_000)):
            ended = self.runner.run()
        self.tally.stages["disk full" if ended else "disk not felt"] += 1

    def _settled(self) -> None:
        """Until the killed server's children are gone."""
        deadline = time.monotonic() + 30
        while self.server.running() and time.monotonic() < deadline:
            time.sleep(0.05)

    def close(self) -> None:
        """End what was started; the server is its owner's."""
        self.runner.close()
        self.disk.close()

    def _log(self) -> str:
        return self.runner.log.read_text("utf-8")[-1500:]


def chaos(steps: int, seed: int) -> tuple[Tally, str | None]:
    """So many troubles of a seed, in folders of their own; why the disk was never full, if it wasn't."""
    with tempfile.TemporaryDirectory(prefix="fluxion-chaos-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the server's OS user may pass, where this runs as root
        server = EmbeddedServer(folder / "server")
        try:
            world = Chaos(folder, seed, server)
            try:
                return world.live(steps), world.disk.reason
            finally:
                world.close()
        finally:
            server.stop()


def main(steps: int, seed: int) -> int:
    """Print what came of it; 1 unless nothing was lost or doubled."""
    begun = time.monotonic()
    tally, reason = chaos(steps, seed)
    print(tally.text(seed))
    if reason:
        print(f"a full disk was left out: {reason}")
    print(f"{sum(tally.troubles.values())} of {steps} troubles in {time.monotonic() - begun:.0f} s")
    if not tally.good:
        print(f"again: make chaos N={steps} SEED={seed}")
    return 0 if tally.good else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6)))
