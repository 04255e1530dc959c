"""Proofs of parity measured against other ways of comparing two databases, in one run: ``make bench-parity``.

Fills both sinks, then lets everyone compare them: equal, with one row and with 10,000 rows different; and
lets ``fluxion parity`` renew its proof of before, after nothing and after 1 % has changed. Whoever finds
another number of differences than were made ends the run.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import parity_data
from bench.contenders import ROOT, peer_environment
from bench.measure import BenchError, dual_settings, run
from bench.parity_data import KEY, TABLE, VALUES
from bench.wire import Relay, relayed, server_cpu
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.embedded.server import EmbeddedServer

PEERS = ("reladiff", "datacompy", "pandas")
EDITS = 10_000
FULL, RENEWED, COMPARE, READING = "fluxion parity --full", "fluxion parity", "fluxion compare", "reading both sides once"


@dataclass(frozen=True)
class Line:
    """One measurement: what of whom, CPU seconds of the command and of the server, wall seconds, peak MB, MB over the wire."""

    case: str
    who: str
    client: float
    server: float
    wall: float
    memory: float
    wire: float

    @property
    def cpu(self) -> float:
        """CPU seconds of both."""
        return self.client + self.server


@dataclass
class Bench:
    """A filled home, and what was measured with it.

    Attributes:
        settings: the home; PostgreSQL by way of the relay.
        folder: the bench's temporary folder.
        relay: counts bytes.
        postmaster: the server's process.
        peers: the peers' Python; None: they are left out.
        lines: what was measured.
    """

    settings: Settings
    folder: Path
    relay: Relay
    postmaster: int
    peers: Path | None
    lines: list[Line]

    @property
    def address(self) -> str:
        """PostgreSQL, as peers name it."""
        s = self.settings
        secret = s.postgres_password.get_secret_value() if s.postgres_password else ""
        return f"postgresql://{s.postgres_user}:{secret}@{s.postgres_host}:{s.postgres_port}/{s.postgres_db}"

    def measure(self, case: str, who: str, command: Sequence[str | Path], differences: int, found: Callable[[str], int]) -> None:
        """Run a command against the clocks; it must find that many differences."""
        print(f"  {case}: {who} … ", end="", flush=True)
        cpu, sent = server_cpu(self.postmaster), self.relay.bytes
        done = run(command, self._environment, self.folder, good=(0, 1))
        time.sleep(0.3)  # the server's backends end after their clients, and only then count
        if found(done.output) != differences:
            raise BenchError(f"{who} found {found(done.output)} differences of {differences}: its seconds mean nothing")
        server, wire = server_cpu(self.postmaster) - cpu, (self.relay.bytes - sent) / 1e6
        self.lines.append(Line(case, who, done.cpu, server, done.seconds, done.megabytes, wire))
        print(f"{self.lines[-1].cpu:.2f} s of CPU, {done.seconds:.1f} s, {done.megabytes:,.0f} MB, {wire:,.1f} MB over the wire", flush=True)

    @property
    def _environment(self) -> dict[str, str]:
        s = self.settings
        names = {"HOST": s.postgres_host or "", "PORT": str(s.postgres_port), "DB": s.postgres_db, "USER": s.postgres_user}
        secret = s.postgres_password.get_secret_value() if s.postgres_password else ""
        return {"FLUXION_HOME": str(s.home), "DB_MODE": "dual", "POSTGRES_PASSWORD": secret, **{f"POSTGRES_{k}": v for k, v in names.items()}}

    def parity(self, case: str, who: str, differences: int) -> None:
        """``fluxion parity`` of the table, in full or renewed."""
        words = ["parity", TABLE, "--json", *(["--full"] if who == FULL else [])]
        self.measure(case, who, [_fluxion(), *words], differences, lambda text: int(json.loads(text)["tables"][0]["changed"]))

    def everyone(self, case: str, differences: int) -> None:
        """A full comparison by each contender."""
        self.parity(case, FULL, differences)
        words: list[str | Path] = [
            _fluxion(),
            "compare",
            self.settings.duckdb_file,
            self.address,
            "--table",
            TABLE,
            "--key",
            ",".join(KEY),
            "--columns",
            ",".join(VALUES),
            "--json",
        ]
        self.measure(case, COMPARE, words, differences, lambda text: int(json.loads(text)["changed"]))
        if self.peers is None:
            return
        for peer in PEERS:
            words = [self.peers, ROOT / "bench/parity_peer.py", peer, self.settings.duckdb_file, self.address, TABLE, ",".join(KEY), ",".join(VALUES)]
            self.measure(case, peer, words, differences, lambda text: int(text.split()[-1]))


def _fluxion() -> Path:
    return Path(sys.executable).parent / "fluxion"


def compare_all(bench: Bench, rows: int) -> None:
    """Every case, one after the other."""
    words: list[str | Path] = [
        sys.executable,
        ROOT / "bench/parity_reading.py",
        bench.settings.duckdb_file,
        bench.address,
        TABLE,
        ",".join((*KEY, *VALUES)),
        bench.folder,
    ]
    bench.measure("equal", READING, words, rows, lambda text: int(text.split()[-1]))
    bench.everyone("equal", 0)
    bench.parity("nothing changed since", RENEWED, 0)
    for turn, case in ((1, "1 % changed since, in all slices"), (2, "1 % changed since, in one slice")):
        parity_data.land(bench.settings, rows, turn)
        bench.parity(case, RENEWED, 0)
    for case, number in (("1 row different", 1), (f"{EDITS:,} rows different", EDITS)):
        parity_data.edit(bench.address, number, 1)
        bench.parity(case, RENEWED, number)
        bench.everyone(case, number)
        parity_data.edit(bench.address, number, -1)
        bench.parity(case + ", put back", RENEWED, 0)


def table(lines: Sequence[Line]) -> str:
    """Markdown; ratios are of CPU seconds, to a full proof of the same case."""
    full = {line.case: line.cpu for line in lines if line.who == FULL}
    rows = ["| case | | CPU s (server's) | × full proof | wall s | peak MB | MB over the wire |", "|---|---|---:|---:|---:|---:|---:|"]
    for x in lines:
        ratio = x.cpu / full.get(x.case, full["equal"])
        rows.append(f"| {x.case} | {x.who} | {x.cpu:.2f} ({x.server:.2f}) | {ratio:.2f} | {x.wall:.1f} | {x.memory:,.0f} | {x.wire:,.1f} |")
    return "\n".join(rows)


def main() -> int:
    """Measure, print, clean up; 1 if a contender failed."""
    options = argparse.ArgumentParser(prog="python -m bench.parity", description=__doc__)
    options.add_argument("--rows", type=int, default=800_000, help="rows of the table, over all locations (%(default)s)")
    options.add_argument("--without-peers", action="store_true", help="measure only this program and the reading of both sides")
    asked = options.parse_args()
    if asked.rows < EDITS:
        options.error(f"--rows must be {EDITS:,} or more: so many are made different")
    keep = ROOT / ".bench"
    keep.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="parity-", dir=keep))
    server = EmbeddedServer(folder / "server")
    try:
        address = server.ensure()
        with relayed(address.host, address.port) as relay:
            settings = dual_settings(address, folder / "home", port=relay.port)
            bench = Bench(settings, folder, relay, _postmaster(folder / "server"), None if asked.without_peers else peer_environment(), [])
            print(f"filling both databases with {asked.rows:,} rows …", flush=True)
            rows = parity_data.fill(settings, asked.rows)
            for command in ("parity", "compare"):  # compiled once, as an installed program is
                run([_fluxion(), command, "--help"], {}, folder)
            compare_all(bench, rows)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{rows:,} rows of {len(KEY)} key columns and {len(VALUES)} decimals\n")
    print(table(bench.lines))
    return 0


def _postmaster(home: Path) -> int:
    return int((home / "postgres/data/postmaster.pid").read_text().split()[0])


if __name__ == "__main__":
    sys.exit(main())
