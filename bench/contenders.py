"""The contenders: each takes the ticks in order, and its second and later ones are measured.

All write to databases of one embedded PostgreSQL and to DuckDB files of their own on one disk.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psycopg2
from psycopg2 import sql

from bench.measure import BenchError, Result, Run, median, run
from bench.stock import Stock

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Place:
    """Where a bench happens.

    Attributes:
        folder: the bench's temporary folder.
        source: the folder of drops that the contenders read.
        dsn: libpq URI of the embedded server's maintenance database.
    """

    folder: Path
    source: Path
    dsn: Callable[[str], str]

    def database(self, name: str) -> str:
        """Make an empty database; its address."""
        with closing(psycopg2.connect(self.dsn("postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.dsn(name)


def fluxion(place: Place, stock: Stock, ticks: tuple[str, ...]) -> Result:
    """This pipeline: the command from files to both sinks, with the rules, the history, the ledger and parity."""
    command = Path(sys.executable).parent / "fluxion"
    environment = {"DB_MODE": "dual", "FLUXION_HOME": str(place.folder / "home"), "FLUXION_SOURCE": "archivos", "FLUXION_SOURCE_PATH": str(place.source)}
    for words in (["init"], ["run", "catalogo"]):
        run([command, *words], environment, ROOT)
    runs = []
    for tick in ticks:
        stock.deliver(tick, place.source)
        runs.append(run([command, "run", "inventario", "--tick", tick], environment, ROOT))
    run([command, "parity", "inventario_actual", "inventario_historico", "--full"], environment, ROOT)
    with duckdb.connect(str(place.folder / "home/fluxion.duckdb"), read_only=True) as connection:
        _must_hold("fluxion", connection.execute("SELECT count(*) FROM inventario_actual").fetchall()[0][0], stock.rows)
    return median("fluxion", runs[1:], "whole command: rules, images, history, both sinks, parity")


def stock_dagster(place: Place, stock: Stock, ticks: tuple[str, ...]) -> Result:
    """Stock Dagster: the official pandas IO manager and ``to_sql``."""
    python = peer_environment()
    address = place.database("bench_peer").replace("postgresql://", "postgresql+psycopg2://")
    runs = []
    for tick in ticks:
        done = run([python, ROOT / "bench/peer_dagster.py", place.source, tick, place.folder / "peer.duckdb", address], {"DAGSTER_HOME": ""}, place.folder)
        _must_hold("stock Dagster", int(done.output.split()[-1]), stock.rows)
        runs.append(done)
    return median("stock Dagster", runs[1:], "whole command: pandas, DuckDBPandasIOManager, to_sql; no key, no parity")


def floor(place: Place, stock: Stock, ticks: tuple[str, ...]) -> Result:
    """COPY of a ready file and DuckDB's append, one after the other; only this work is timed."""
    address = place.database("bench_floor")
    ready = place.folder / "ready.csv"
    with duckdb.connect() as connection:
        connection.execute(f"""
            COPY (SELECT parse_path(filename)[-2] AS ubicacion, ubicacion AS almacen, codigo_producto, stock, NULL AS precio, NULL AS costo
                  FROM read_csv('{str(place.source).replace("'", "''")}/inventario/*/{ticks[-1]}.csv', all_varchar = true, filename = true)
                  ORDER BY 1, 3) TO '{str(ready).replace("'", "''")}' (HEADER)""")
    runs = []
    for _ in ticks[1:]:
        done = run([sys.executable, ROOT / "bench/floor.py", ready, place.folder / "floor.duckdb", address], {}, ROOT)
        runs.append(Run(float(done.output.split()[-1]), done.megabytes, ""))
    return median("floor", runs, "only COPY of a ready CSV of the table, then DuckDB append of it")


def _must_hold(who: str, rows: int, expected: int) -> None:
    if rows != expected:
        raise BenchError(f"{who} ended with {rows:,} rows of {expected:,}: its seconds mean nothing")


def peer_environment() -> Path:
    """The peers' Python, with their lock installed; made anew when the lock has changed."""
    lock = ROOT / "requirements/bench-peers.txt"
    folder = ROOT / ".bench" / f"peers-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    stamp = folder / "installed"
    if not stamp.exists():
        print("making the peers' environment …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([sys.executable, ROOT / "requirements/install.py", "--into", folder / "bin/python", lock.name], check=True)
        stamp.touch()
    return folder / "bin/python"
