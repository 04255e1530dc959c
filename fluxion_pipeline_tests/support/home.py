"""A home with its outbox and sinks: readings are landed, and what a sink must hold is computed apart from it."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.contracts.sqltext import columns, quote
from fluxion_pipeline.landing.outbox import Landing, Outbox
from fluxion_pipeline.landing.tables import landed_tables, table_of
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.converge import converge
from fluxion_pipeline.sinks.duckdb.connect import open_file
from fluxion_pipeline.sinks.postgresql.connect import connect
from fluxion_pipeline.sinks.protocol import SinkReport
from fluxion_pipeline.sources.protocol import Reading
from fluxion_pipeline_tests.support.postgres import file_at_head
from fluxion_pipeline_tests.support.readings import catalogue, invoices, rejects, sales, stock

Rows = Counter[tuple[Any, ...]]
DAY, TICK, NEXT = "2025-11-23", "2025-11-24T0630", "2025-11-24T0700"


class Home:
    """One home of a test."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.app = settings, App(settings)

    @property
    def outbox(self) -> Outbox:
        return self.app.outbox

    def ready(self) -> Home:
        """``fluxion init``."""
        file_at_head(self.settings)
        for step in initialise(self.app):
            assert step.error is None, step.error
        return self

    def land(self, *readings: Reading) -> list[Landing]:
        """Land readings, one after the other, each as it would be."""
        told = []
        for reading in readings:
            with self.outbox.lock(reading.location) as past:
                told.append(self.outbox.land(reading, past))
        return told

    def converge(self, sink: SinkName, *locations: str, **more: Any) -> SinkReport:
        """Bring a sink up to date; nothing may fail."""
        report = converge(self.app.sink(sink), self.outbox, locations or None, **more)
        assert not report.failures, report.failures
        return report

    def run(self, sink: SinkName, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """A statement on a sink, behind the pipeline's back; ``%s`` stands for a value."""
        if sink is SinkName.DUCKDB:
            with open_file(self.settings, write=True) as file:
                return file.execute(sql.replace("%s", "?"), list(values)).fetchall()
        with connect(self.settings) as connection, connection.cursor() as cursor:
            cursor.execute(sql, values or None)
            found = cursor.fetchall() if cursor.description else []
            connection.commit()
            return found

    def held(self, sink: SinkName, table: str) -> Rows:
        """All rows of a table in a sink: its compared columns."""
        return Counter(self.run(sink, f"SELECT {columns(table_of(self.settings.home, table).columns)} FROM {quote(table)}"))

    def wanted(self, table: str) -> Rows:
        """All rows that the newest images have of a table, read without the code that writes sinks."""
        return wanted(self.outbox, table)

    def assert_equal(self, *sinks: SinkName) -> None:
        """Each sink holds exactly what the newest images say, in every table."""
        for table in landed_tables(self.settings.home):
            right = self.wanted(table)
            for sink in sinks or SinkName:
                assert self.held(sink, table) == right, (sink, table)


def wanted(outbox: Outbox, table: str) -> Rows:
    """All applied rows of the newest images of a table."""
    names = table_of(outbox.home, table).columns
    found: Rows = Counter()
    files: dict[Path, list[dict[str, Any]]] = {}
    for place in outbox.index.locations():
        for image in outbox.index.images(place, table):
            rows = files.setdefault(image.file, pq.ParquetFile(image.file).read().to_pylist())
            found.update(tuple(r.get(n) for n in names) for r in rows if r["_slice"] == image.slice and not r.get("_desplazada"))
    return found


def two_stores(home: Home) -> None:
    """Two stores' sales and stock, a catalogue, and some rejected rows."""
    home.land(
        catalogue([{"codigo": f"{n:06d}", "descripcion": f"producto {n}", "iva": Decimal(16)} for n in range(5)]),
        sales("SUC001", DAY, invoices(*range(10)), rejects=rejects({"id": "r1", "linea": 7, "campo": "cantidad", "valor": "x"}, {"id": "r2"})),
        sales("SUC007", DAY, invoices(*range(4))),
        stock("SUC001", TICK, {"000001": 5, "000002": "-3.25", "000003": 0}),
        stock("SUC001", NEXT, {"000001": 5, "000002": 7}, 1),
        stock("SUC007", TICK, {"000001": 9}),
    )
