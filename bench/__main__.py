"""One run of the bench: generate stock, let each contender load it, print one table, leave nothing behind."""

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


def main() -> int:
    """Measure, print, clean up; 1 if a contender failed."""
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    options.add_argument("--rows", type=int, default=ROWS, help="stock rows of a tick, over all locations (%(default)s)")
    options.add_argument("--rounds", type=int, default=3, choices=range(1, len(TICKS)), help="measured ticks (%(default)s)")
    asked = options.parse_args()
    ticks = TICKS[: asked.rounds + 1]
    keep = contenders.ROOT / ".bench"
    keep.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=keep))
    server = EmbeddedServer(folder / "home")
    try:
        print("generating stock …", flush=True)
        stock = generate(folder / "waiting", folder / "source", ticks, asked.rows)
        address = server.ensure()
        login = f"{quote(address.user)}:{quote(address.password.get_secret_value())}@{address.host}:{address.port}"
        place = contenders.Place(folder, folder / "source", lambda name: f"postgresql://{login}/{name}")
        results = []
        for contender in (contenders.fluxion, contenders.stock_dagster, contenders.floor):
            print(f"{contender.__name__.replace('_', ' ')} …", flush=True)
            results.append(contender(place, stock, ticks))
    except BenchError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{stock.rows:,} stock rows of {len(stock.locations)} locations, {CHANGED:.0%} changed, median of {asked.rounds} ticks after the first\n")
    print(table(results, results[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
