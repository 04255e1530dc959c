"""Days of stock as two ways of keeping it: this pipeline's history, and every snapshot whole.

The pipeline reads, lands and converges tick by tick, as its runs do. The peer has a table of the same columns in
each engine and gets every tick's rows whole, ready and sorted by its key, which is also the index by which one
location's tick is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psycopg2
from psycopg2.extensions import make_dsn

from bench.measure import BenchError
from bench.stock import Stock
from bench.wal import Wal
from fluxion_pipeline.contracts.clock import parse_tick
from fluxion_pipeline.contracts.outcomes import Fact, SinkName
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.operations.land import Request, read_and_land
from fluxion_pipeline.settings import Settings

HISTORY, CUTS, LEDGER, WHOLE = "inventario_historico", "inventario_cortes", "lotes_aplicados", "fotos"
_ROWS = "ubicacion_codigo, almacen_codigo, producto_codigo, capturado_en, stock, precio, costo, movimiento"
_KEY = "capturado_en, ubicacion_codigo, producto_codigo, almacen_codigo"
_TABLE = """
    CREATE TABLE fotos (ubicacion_codigo text NOT NULL, almacen_codigo text NOT NULL, producto_codigo text NOT NULL, capturado_en timestamptz NOT NULL,
        stock numeric(18,4), precio numeric(18,4), costo numeric(18,4), movimiento text NOT NULL, created_at timestamptz DEFAULT now()"""


@dataclass(frozen=True)
class Place:
    """Where the days happen.

    Attributes:
        settings: a home of its own, and a PostgreSQL database that belongs to it.
        source: the folder of drops that the settings name.
        folder: for the peer's files.
        stock: what is dropped.
        ticks: those of all days, in order; all of one month.
    """

    settings: Settings
    source: Path
    folder: Path
    stock: Stock
    ticks: tuple[str, ...]

    @property
    def address(self) -> str:
        """The database, as libpq names it."""
        s = self.settings
        secret = s.postgres_password.get_secret_value() if s.postgres_password else ""
        return make_dsn(host=s.postgres_host, port=s.postgres_port, dbname=s.postgres_db, user=s.postgres_user, password=secret)

    @property
    def peer_file(self) -> Path:
        """The peer's DuckDB file."""
        return self.folder / "fotos.duckdb"

    @contextmanager
    def cursor(self) -> Iterator[psycopg2.extensions.cursor]:
        """A session of its own on the database, each statement committed, in UTC."""
        with closing(psycopg2.connect(self.address, options="-c TimeZone=UTC")) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            yield cursor


def live(place: Place) -> Wal:
    """Let the pipeline live them; the WAL that PostgreSQL wrote of it.

    Raises:
        BenchError: if something didn't land, or a sink ended with other rows than the last tick's.
    """
    app = App(place.settings)
    for step in initialise(app):
        if step.error is not None:
            raise step.error
    _landed(app, Request(Fact.CATALOGO))
    with Wal(place.address) as wal, place.cursor() as cursor:
        for tick in place.ticks:
            place.stock.deliver(tick, place.source)
            _landed(App(place.settings), Request(Fact.INVENTARIO, tick, tick))
            wal.look()
        cursor.execute(f"VACUUM (ANALYZE) {HISTORY}, {CUTS}, inventario_actual")
        cursor.execute("SELECT count(*) FROM inventario_actual")
        ((found,),) = cursor.fetchall()
        wal.look()
    if found != place.stock.rows:
        raise BenchError(f"the pipeline ended with {found:,} rows of {place.stock.rows:,}")
    return wal


def _landed(app: App, request: Request) -> None:
    report = read_and_land(app, request)
    if report.errors or report.failed:
        raise BenchError(f"not landed: {report.errors or report.failed}")
    for sink in SinkName:
        bring_up(app, sink, whole=True)


def keep_whole(place: Place) -> Wal:
    """Give the peer every tick whole, in both engines; the WAL that PostgreSQL wrote of it.

    The rows are those of the drops themselves.
    """
    with place.cursor() as cursor:
        cursor.execute(f"{_TABLE}, PRIMARY KEY ({_KEY})) PARTITION BY RANGE (capturado_en)")
        first = parse_tick(place.ticks[0])
        cursor.execute("CREATE TABLE fotos_mes PARTITION OF fotos FOR VALUES FROM (%s) TO (%s)", (first.replace(day=1), first.replace(day=28)))
    with duckdb.connect(str(place.peer_file)) as con:
        con.execute(_TABLE + ")")
    ready = place.folder / "tick.csv"
    with Wal(place.address) as wal, place.cursor() as cursor:
        for tick in place.ticks:
            with duckdb.connect(str(place.peer_file)) as con:
                con.execute("SET TimeZone = 'UTC'")
                con.execute(f"INSERT INTO fotos ({_ROWS}) SELECT * FROM ({_snapshot(place, tick)}) AS x({_ROWS}) ORDER BY {_KEY}")
                chosen = f"SELECT {_ROWS} FROM fotos WHERE capturado_en = ? ORDER BY {_KEY}"
                con.execute(f"COPY ({chosen}) TO '{_quoted(ready)}' (HEADER false)", [parse_tick(tick)])
            with ready.open("rb") as file:
                cursor.copy_expert(f"COPY fotos ({_ROWS}) FROM STDIN (FORMAT csv)", file)
            wal.look()
        cursor.execute("VACUUM (ANALYZE) fotos")
        wal.look()
    return wal


def _snapshot(place: Place, tick: str) -> str:
    """SQL of a tick's rows, from the files that were dropped."""
    codes = {location.codigo_etl: location.codigo for location in App(place.settings).registry.active}
    names = ", ".join(f"('{etl}', '{code}')" for etl, code in codes.items())
    files = f"{_quoted(place.source)}/inventario/*/{tick}.csv"
    return f"""
        SELECT u.codigo, u.codigo, d.codigo_producto, TIMESTAMPTZ '{parse_tick(tick).isoformat()}', d.stock::DECIMAL(18, 4), NULL::DECIMAL(18, 4),
               NULL::DECIMAL(18, 4), 'clave'
        FROM read_csv('{files}', all_varchar = true, filename = true) AS d
        JOIN (VALUES {names}) AS u(etl, codigo) ON u.etl = parse_path(d.filename)[-2]"""


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
