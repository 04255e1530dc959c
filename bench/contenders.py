"""The contenders: each takes ticks in order, and its second and later ones are measured.

All write to databases of one embedded PostgreSQL and to DuckDB files of their own on one disk.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import psycopg2
from psycopg2 import sql

from bench.measure import BenchError, Cost, Result, Server, less, median, run, together
from bench.stock import Stock

ROOT = Path(__file__).resolve().parent.parent
PEERS = "bench-peers.txt"
"""The lock of most peers."""


@dataclass(frozen=True)
class Place:
    """Where a bench happens.

    Attributes:
        folder: the bench's temporary folder.
        source: the folder of drops that the contenders read.
        dsn: libpq URI of a database of the embedded server.
        pid: of the server's first process.
    """

    folder: Path
    source: Path
    dsn: Callable[[str], str]
    pid: int

    def server(self) -> Server:
        """The server, as it is measured."""
        return Server(self.dsn("postgres"), self.pid)

    def database(self, name: str) -> str:
        """Make an empty database; its address."""
        with closing(psycopg2.connect(self.dsn("postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.dsn(name)


def fluxion(place: Place, stock: Stock, ticks: tuple[str, ...]) -> Measured:
    """This pipeline, from files to both sinks, with the rules, the history, the ledger and parity.

    Of the ticks the first is the full load; then come turns of one by stages, one as a run in process, one by the command.
    """
    command = Path(sys.executable).parent / "fluxion"
    environment = {"DB_MODE": "dual", "FLUXION_HOME": str(place.folder / "home"), "FLUXION_SOURCE": "archivos", "FLUXION_SOURCE_PATH": str(place.source)}
    for words in (["init"], ["run", "catalogo"]):
        run([command, *words], environment, ROOT)
    turns = (len(ticks) - 1) // 3
    inside, outside = ticks[: 1 + 2 * turns], ticks[1 + 2 * turns :]
    for tick in inside:
        stock.deliver(tick, place.source)
    server = place.server()
    told = run([sys.executable, "-m", "bench.stages", place.folder, server.address, str(server.pid), *inside], environment, ROOT).output.split("\n")
    costs: dict[str, list[Cost]] = {}
    for name, cost in json.loads(next(line for line in reversed(told) if line.startswith("[["))):
        costs.setdefault(name, []).append(Cost(**cost))
    whole = []
    for tick in outside:
        stock.deliver(tick, place.source)
        whole.append(run([command, "run", "inventario", "--tick", tick], environment, ROOT, server=server))
    run([command, "parity", "inventario_actual", "inventario_historico", "--full"], environment, ROOT)
    with duckdb.connect(str(place.folder / "home/fluxion.duckdb"), read_only=True) as connection:
        _must_hold("fluxion", connection.execute("SELECT count(*) FROM inventario_actual").fetchall()[0][0], stock.rows)
    asked = median("fluxion", whole, "the whole command: rules, images, history, both sinks, parity, checks")
    stages = [median(name, costs[name], note) for name, note in STAGES.items()]
    in_process = median("in process", costs["whole"], "the same run in a process that has begun")
    rest = [less("Dagster's rest", in_process, stages, "events, checks, storage"), less("start", asked, [in_process], "Python, imports, definitions")]
    first = [median(f"first {name}", costs[f"first {name}"], "full load" if name != "parity" else "all compared") for name in STAGES]
    files = together("files to both sinks", stages[:3], "land + duckdb + postgresql")
    turn = together("a tick, proven", stages, "files to both sinks, and their parity")
    return Measured(asked, files, turn, in_process, [*stages, *rest], first)


STAGES = {
    "land": "files, rules, images, history, changes",
    "duckdb": "changes applied, ledger",
    "postgresql": "changes applied, ledger",
    "parity": "every slice, by what changed",
}


@dataclass(frozen=True)
class Measured:
    """This pipeline's figures: the command, what of it is files to both sinks, that and parity, the run in process, its parts, the full load's."""

    command: Result
    sinks: Result
    tick: Result
    in_process: Result
    parts: list[Result]
    first: list[Result]


def peer(name: str, script: str, note: str, lock: str = PEERS) -> Callable[[Place, Stock, tuple[str, ...]], Result]:
    """A contender that is a script in an environment of peers; the first tick isn't measured."""

    def contender(place: Place, stock: Stock, ticks: tuple[str, ...]) -> Result:
        python, server = peer_environment(lock), place.server()
        address = place.database(f"bench_{script}")
        if script == "peer_dagster":
            address = address.replace("postgresql://", "postgresql+psycopg2://")
        costs = []
        for tick in ticks:
            words: list[str | Path] = [python, ROOT / f"bench/{script}.py", place.source, tick, place.folder / f"{script}.duckdb", address]
            done = run(words, {"DAGSTER_HOME": ""}, place.folder, server=server)
            _must_hold(name, int(done.output.split()[-1]), stock.rows)
            costs.append(done)
        return median(name, costs[1:], note)

    return contender


stock_dagster = peer("stock Dagster", "peer_dagster", "whole command: pandas, DuckDBPandasIOManager, to_sql; no key, no parity")
by_hand = peer("execute_values", "peer_values", "whole command: pandas, DuckDB replaced, upsert by execute_values; no parity")
dlt_merge = peer("dlt", "peer_dlt", "whole command: Arrow, merge into DuckDB, then into PostgreSQL; no parity", "bench-dlt.txt")


def floor(place: Place, ticks: tuple[str, ...]) -> Result:
    """COPY of a ready file and DuckDB's append, one after the other; only this work is timed."""
    address, server = place.database("bench_floor"), place.server()
    ready = place.folder / "ready.csv"
    with duckdb.connect() as connection:
        connection.execute(f"""
            COPY (SELECT parse_path(filename)[-2] AS ubicacion, ubicacion AS almacen, codigo_producto, stock, NULL AS precio, NULL AS costo
                  FROM read_csv('{str(place.source).replace("'", "''")}/inventario/*/{ticks[-1]}.csv', all_varchar = true, filename = true)
                  ORDER BY 1, 3) TO '{str(ready).replace("'", "''")}' (HEADER)""")
    costs = []
    for _ in ticks[1:]:
        done = run([sys.executable, ROOT / "bench/floor.py", ready, place.folder / "floor.duckdb", address], {}, ROOT, server=server)
        costs.append(replace(done, seconds=float(done.output.split()[-1])))
    return median("floor", costs, "COPY of a ready CSV of the table, then DuckDB append of it")


def full_copy(place: Place) -> Result:
    """COPY of ready, sorted files into the stock's and the history's own tables, as the pipeline left them; only this is timed."""
    words: list[str | Path] = [sys.executable, ROOT / "bench/full.py", place.folder, place.dsn("fluxion_production")]
    run([*words, "make"], {}, ROOT)
    done = run([*words, "load"], {}, ROOT, server=place.server())
    return median(
        "COPY alone", [replace(done, seconds=float(done.output.split()[-1]))], "of ready, sorted files into both stock tables, keys and indexes as ours"
    )


def _must_hold(who: str, rows: int, expected: int) -> None:
    if rows != expected:
        raise BenchError(f"{who} ended with {rows:,} rows of {expected:,}: its seconds mean nothing")


def peer_environment(name: str = PEERS) -> Path:
    """The Python of peers, with their lock installed; made anew when the lock has changed."""
    lock = ROOT / "requirements" / name
    folder = ROOT / ".bench" / f"peers-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    stamp = folder / "installed"
    if not stamp.exists():
        print("making the peers' environment …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([sys.executable, ROOT / "requirements/install.py", "--into", folder / "bin/python", lock.name], check=True)
        stamp.touch()
    return folder / "bin/python"
