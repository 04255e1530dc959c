"""A home with stock in both sinks, as lotes left it there: what the contenders of ``bench.parity`` compare.

Every location has as many products, with stock of their own. Nothing is read from files: images are
written and both sinks converge to them, so that ledgers and lotes are as a run would leave them.
"""

from __future__ import annotations

from contextlib import closing

import duckdb
import psycopg2
import pyarrow as pa

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.landing.decide.decision import Draft
from fluxion_pipeline.locations import registry
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.converge import converge
from fluxion_pipeline.sources.protocol import arrow_type

TABLE = "inventario_actual"
KEY = ("ubicacion_codigo", "almacen_codigo", "producto_codigo")
VALUES = ("stock", "precio", "costo")
_SPREAD = f"SELECT ctid FROM {TABLE} ORDER BY md5(ubicacion_codigo || producto_codigo) LIMIT %s"


def fill(settings: Settings, rows: int) -> int:
    """Make both sinks and put rows into them; how many."""
    for step in initialise(App(settings)):
        if step.error is not None:
            raise step.error
    return land(settings, rows, 0)


def land(settings: Settings, rows: int, turn: int) -> int:
    """Land the stock of a turn, 1 % other than that of the turn before, and bring both sinks to it.

    Turn 1 changes 1 % of every location, turn 2 every fifth row of the first one.
    """
    app = App(settings)
    locations = registry.load().active
    products = -(-rows // len(locations))
    for place, location in enumerate(locations):
        with app.outbox.lock(location.codigo) as past:
            app.outbox.write(past, (Draft(TABLE, location.codigo, _stock(location.codigo, place, products, turn)),))
    for sink in SinkName:
        report = converge(app.sink(sink), app.outbox)
        if report.failures:
            raise RuntimeError(f"{sink}: {report.failures}")
    return products * len(locations)


def _stock(code: str, place: int, products: int, turn: int) -> pa.Table:
    every = {1: 100, 2: 5 if place == 0 else 0}
    changes = " + ".join(f"(hash(n, {place}, {t}) % {every[t]} = 0)::INT" for t in range(1, turn + 1) if every[t]) or "0"
    schema = pa.schema([(name, arrow_type(TABLE, name)) for name in (*KEY, *VALUES)])
    with duckdb.connect() as connection:
        found: pa.Table = connection.sql(
            f"""
            SELECT '{code}' AS ubicacion_codigo, 'PISO' AS almacen_codigo, printf('%08d', 818980 + n * 7) AS producto_codigo,
                   (((hash(n, {place}) % 4000)::BIGINT - 400) / 8 - ({changes}))::DECIMAL(18, 4) AS stock,
                   ((hash(n) % 100000)::BIGINT / 100)::DECIMAL(18, 4) AS precio,
                   CASE WHEN n % 5 > 0 THEN ((hash(n) % 70000)::BIGINT / 100)::DECIMAL(18, 4) END AS costo
            FROM range({products}) AS r(n) ORDER BY n"""
        ).to_arrow_table()
    return found.cast(schema)


def edit(address: str, rows: int, by: int) -> None:
    """Add to the stock of some rows in PostgreSQL, spread over all; by hand, as the pipeline would see it."""
    with closing(psycopg2.connect(address)) as connection, connection.cursor() as cursor:
        cursor.execute(f"UPDATE {TABLE} SET stock = stock + %s WHERE ctid IN ({_SPREAD})", (by, rows))
        connection.commit()
