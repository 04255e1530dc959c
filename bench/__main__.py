"""One run of the bench: generate stock, let each contender load it, print its tables, leave nothing behind."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from bench import contenders
from bench.measure import BenchError, table
from bench.stock import CHANGED, ROWS, TICKS, generate
from fluxion_pipeline.sinks.embedded.server import EmbeddedServer

MOST = (len(TICKS) - 1) // 3


def main() -> int:
    """Measure, print, clean up; 1 if a contender failed."""
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    options.add_argument("--rows", type=int, default=ROWS, help="stock rows of a tick, over all locations (%(default)s)")
    options.add_argument("--changed", type=float, default=100 * CHANGED, help="percent of the rows that each tick changes (%(default).0f)")
    options.add_argument("--rounds", type=int, default=3, choices=range(1, MOST + 1), metavar=f"1-{MOST}", help="measured ticks of each kind (%(default)s)")
    options.add_argument("--no-peers", action="store_true", help="leave out stock Dagster, execute_values and dlt")
    asked = options.parse_args()
    ticks = TICKS[: 3 * asked.rounds + 1]
    keep = contenders.ROOT / ".bench"
    keep.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=keep))
    server = EmbeddedServer(folder / "home")
    try:
        print("generating stock …", flush=True)
        stock = generate(folder / "waiting", folder / "source", ticks, asked.rows, asked.changed / 100)
        address = server.ensure()
        login = f"{quote(address.user)}:{quote(address.password.get_secret_value())}@{address.host}:{address.port}"
        place = contenders.Place(folder, folder / "source", lambda name: f"postgresql://{login}/{name}", server.status().pid or 0)
        print("fluxion …", flush=True)
        ours = contenders.fluxion(place, stock, ticks)
        print("\nThe run in process, by stage\n")
        print(table([ours.in_process, *ours.parts], ours.in_process) + "\n", flush=True)
        few = ticks[: asked.rounds + 1]
        print("the floor …", flush=True)
        copy, floor = contenders.full_copy(place), contenders.floor(place, few)
        peers = []
        for contender in () if asked.no_peers else (contenders.stock_dagster, contenders.by_hand, contenders.dlt_merge):
            print("a peer …", flush=True)
            peers.append(contender(place, stock, few))
    except BenchError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{stock.rows:,} stock rows of {len(stock.locations)} locations, {asked.changed:g} % changed, medians of {asked.rounds} ticks after the first\n")
    print(table([ours.command, ours.in_process, ours.tick, ours.sinks, *peers, floor], ours.tick))
    print("\nThe first tick, to COPY of ready files into the same tables\n")
    print(table([copy, *ours.first], copy))
    return 0


if __name__ == "__main__":
    sys.exit(main())
