"""A day's history of stock measured against keeping every snapshot whole, in one run: ``make bench-history``.

Lands a day tick by tick into both sinks, and gives a peer every tick whole. Prints bytes and WAL of both, and how
long one location's stock takes to read: now, at an instant, and from a snapshot that was kept. Whoever answers
with other rows than were dropped ends the run.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from bench import history_sizes
from bench.contenders import ROOT
from bench.history_day import CUTS, HISTORY, LEDGER, WHOLE, Place, keep_whole, live
from bench.history_reads import Reading, read_all
from bench.history_sizes import Size
from bench.measure import BenchError, dual_settings
from bench.stock import CHANGED, generate
from fluxion_pipeline.contracts.ticks import ticks_of
from fluxion_pipeline.sinks.embedded.server import EmbeddedServer

ROWS = 23 * 3_500
DAY = date(2026, 3, 2)


@dataclass(frozen=True)
class Kept:
    """One line of the table of bytes: what, in which engine, its rows, bytes and WAL; those of its peer."""

    what: str
    engine: str
    size: Size
    wal: int | None
    peer: Size
    peer_wal: int | None


def measure(place: Place, asks: int) -> tuple[list[Kept], list[Reading]]:
    """Live the day, let the peer live it, and look at what both keep and how both are read.

    Raises:
        BenchError: if somebody has other rows than were dropped.
    """
    ours, whole = live(place), keep_whole(place)
    peer, peer_wal = history_sizes.in_postgresql(place, WHOLE), whole.tables[WHOLE]
    kept = [
        Kept("history and its cuts", "PostgreSQL", history_sizes.in_postgresql(place, HISTORY, CUTS), ours.tables[HISTORY] + ours.tables[CUTS], peer, peer_wal),
        Kept(
            "… and the whole ledger",
            "PostgreSQL",
            history_sizes.in_postgresql(place, HISTORY, CUTS, LEDGER),
            sum(ours.tables[t] for t in (HISTORY, CUTS, LEDGER)),
            peer,
            peer_wal,
        ),
        Kept("all that the day's runs wrote", "PostgreSQL", history_sizes.in_postgresql(place, *_OTHERS), ours.all, peer, peer_wal),
        Kept(
            "history and its cuts",
            "DuckDB",
            history_sizes.in_duckdb(place.settings.duckdb_file, HISTORY, CUTS),
            None,
            history_sizes.in_duckdb(place.peer_file, WHOLE),
            None,
        ),
    ]
    return kept, read_all(place, asks)


_OTHERS = (HISTORY, CUTS, LEDGER, "inventario_actual", "cobertura", "lotes_registro")
"""What a run of stock writes."""


def bytes_table(kept: Sequence[Kept]) -> str:
    """Markdown; ratios are to full snapshots of the same rows."""
    lines = [
        "| | | rows | MB | of indexes | full snapshots MB | bytes | WAL MB | full snapshots' WAL MB | WAL |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for k in kept:
        wal = "| | | |" if k.wal is None or k.peer_wal is None else f"| {k.wal / 1e6:.1f} | {k.peer_wal / 1e6:.1f} | 1/{k.peer_wal / k.wal:.1f} |"
        sizes = f"{k.size.rows:,} | {k.size.all / 1e6:.1f} | {k.size.indexes / 1e6:.1f} | {k.peer.all / 1e6:.1f} | 1/{k.peer.all / k.size.all:.1f} "
        lines.append(f"| {k.what} | {k.engine} | {sizes}{wal}")
    return "\n".join(lines)


def reads_table(readings: Sequence[Reading]) -> str:
    """Markdown; ratios are to the same engine's stock of now."""
    now = {r.engine: r for r in readings if r.question == "stock of now"}
    lines = ["| engine | | fetched ms | × now | added up ms | × now |", "|---|---|---:|---:|---:|---:|"]
    for r in readings:
        one = now[r.engine]
        lines.append(f"| {r.engine} | {r.question} | {r.fetched:.1f} | {r.fetched / one.fetched:.2f} | {r.added_up:.1f} | {r.added_up / one.added_up:.1f} |")
    return "\n".join(lines)


def main() -> int:
    """Measure, print, clean up; 1 if somebody had other rows than were dropped."""
    most = len(ticks_of(DAY))
    options = argparse.ArgumentParser(prog="python -m bench.history", description=__doc__)
    options.add_argument("--rows", type=int, default=ROWS, help="stock rows of a tick, over all locations (%(default)s)")
    options.add_argument("--days", type=int, default=1, choices=range(1, 21), metavar="1-20", help="each with a keyframe of its own (%(default)s)")
    options.add_argument("--ticks", type=int, default=most, choices=range(2, most + 1), metavar=f"2-{most}", help="of a day (%(default)s)")
    options.add_argument("--changed", type=float, default=100 * CHANGED, help="percent of the rows that each tick changes (%(default).0f)")
    options.add_argument("--asks", type=int, default=41, help="how often each question is asked (%(default)s)")
    asked = options.parse_args()
    ticks = tuple(tick for day in range(asked.days) for tick in ticks_of(DAY + timedelta(days=day))[: asked.ticks])
    keep = ROOT / ".bench"
    keep.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="history-", dir=keep))
    server = EmbeddedServer(folder / "server")
    try:
        print("generating stock …", flush=True)
        stock = generate(folder / "waiting", folder / "source", ticks, asked.rows, asked.changed / 100)
        settings = dual_settings(server.ensure(), folder / "home", FLUXION_SOURCE="archivos", FLUXION_SOURCE_PATH=str(folder / "source"))
        print(f"{len(ticks)} ticks, and as many full snapshots …", flush=True)
        kept, readings = measure(Place(settings, folder / "source", folder, stock, ticks), asked.asks)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{asked.days} × {asked.ticks} ticks of {stock.rows:,} rows in {len(stock.locations)} locations, {asked.changed:g} % changed at each\n")
    print(bytes_table(kept))
    print(f"\nOne location's {stock.rows // len(stock.locations):,} rows, medians of {asked.asks}\n")
    print(reads_table(readings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
