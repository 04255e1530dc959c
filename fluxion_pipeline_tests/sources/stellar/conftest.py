"""Stellar's tables in PostgreSQL, with the rows that the old queries got wrong; the selects are the ones that SQL Server gets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.locations import registry
from fluxion_pipeline.locations.registry import Registry, parse
from fluxion_pipeline.sinks.embedded.server import ServerAddress
from fluxion_pipeline.sources.protocol import Reading
from fluxion_pipeline.sources.stellar import StellarSource, Waits, tables
from fluxion_pipeline_tests.support import postgres

DAY, TICK = "2025-11-24", "2025-11-25T0800"
NOW = datetime(2025, 11, 25, 12, 10, tzinfo=timezone.utc)
MOVED = "t01,SUC001,tienda_01,Periférico,tienda,VALENCIA,{system},SUC001,APP-TPF,0102,true,true,{since}"
CEDI = "cedi01,CEDI01,cedi_seco,CEDI Seco,cedi,VALENCIA,stellar,,,1413,true,true,"


def chain_of(since: str = "2026-01-15", system: str = "klk") -> Registry:
    """A store that moves to KLK, and a CEDI."""
    return parse("\n".join([",".join((*registry.COLUMNS, registry.SINCE)), MOVED.format(system=system, since=since), CEDI]) + "\n")


def moment(clock: str, day: date = date(1899, 12, 30)) -> datetime:
    """A time of day as Stellar keeps it."""
    return datetime.fromisoformat(f"{day} {clock}")


def sold(number: str, line: int, clock: str, code: str, amount: float, day: str = DAY) -> dict[str, Any]:
    """A line of MA_TRANSACCION."""
    return {"c_Numero": number, "f_Fecha": datetime.fromisoformat(day), "h_Hora": moment(clock), "n_Linea": line, "Codigo": code, "Cantidad": amount}


def product(code: str, name: str, price: float, department: str | None = "000001", group: str = "01") -> dict[str, Any]:
    """A line of MA_PRODUCTOS."""
    text = {"c_Codigo": code, "c_Descri": name, "c_Marca": "MARCA", "c_Presenta": "UND", "c_Departamento": department, "c_Grupo": group, "c_Subgrupo": "09"}
    return {**text, "n_Precio1": price, "n_CostoAct": price / 2, "n_Impuesto1": 16.0}


ROWS: dict[sa.Table, list[dict[str, Any]]] = {
    tables.MA_DEPARTAMENTOS: [{"C_CODIGO": "000001", "C_DESCRIPCIO": "VÍVERES"}, {"C_CODIGO": "000017", "C_DESCRIPCIO": "COMPRAS"}],
    tables.MA_GRUPOS: [{"C_CODIGO": "01", "C_DESCRIPCIO": "GRANOS"}, {"C_CODIGO": "01", "C_DESCRIPCIO": "GRANOS SECOS"}],
    tables.MA_SUBGRUPOS: [{"C_CODIGO": "09", "C_DESCRIPCIO": "ARROZ"}],
    tables.MA_PRODUCTOS: [product("000001", "ARROZ 1 KG", 1.2), product("000002", "CARAOTA", 0.1, None), product("000003", "BOLSAS", 3, "000017")],
    tables.MA_CODIGOS: [
        *({"c_Codigo": code, "c_CodNasa": "000001"} for code in ("000001", "7590001", "7590002", "7590003")),
        {"c_Codigo": "000002", "c_CodNasa": "000002"},
        {"c_Codigo": "7590009", "c_CodNasa": "000002"},
        {"c_Codigo": "7590009", "c_CodNasa": "000001"},
    ],
    tables.MA_DEPOPROD: [
        {"c_coddeposito": "1413", "c_codarticulo": "000001", "n_cantidad": 0.1 + 0.2},
        {"c_coddeposito": "1413", "c_codarticulo": "000002", "n_cantidad": -4.0},
        {"c_coddeposito": "1413", "c_codarticulo": "000003", "n_cantidad": 99.0},
        {"c_coddeposito": "1413", "c_codarticulo": "999999", "n_cantidad": 7.0},
        {"c_coddeposito": "1710", "c_codarticulo": "000001", "n_cantidad": 50.0},
    ],
    tables.MA_TRANSACCION: [
        sold("F1", 1, "12:20:15.276", "7590001", 3),
        sold("F1", 2, "12:20:15.276", "000002", 0.3),
        sold("F2", 1, "00:00:00", "7590002", -1),
        sold("F3", 1, "23:59:59.997", "DESCONOCIDO", 2),
        sold("F4", 1, "13:00:00", "7590009", 1),
        sold("F0", 1, "23:59:59", "000001", 1, "2025-11-23"),
        sold("F9", 1, "00:00:00", "000001", 1, "2025-11-25"),
    ],
}


@dataclass
class Stellar:
    """A server with Stellar's tables, and the source that reads them."""

    engine: sa.Engine
    source: StellarSource
    waits: Waits

    def sales(self, day: str = DAY, window: tuple[datetime, datetime] | None = None) -> Reading:
        return self.source.read(Fact.VENTAS, self.source.registry.find("SUC001"), day, NOW, window=window)

    def stock(self) -> Reading:
        return self.source.read(Fact.INVENTARIO, self.source.registry.find("CEDI01"), TICK, NOW)

    def execute(self, sql: str) -> None:
        with self.engine.begin() as connection:
            connection.exec_driver_sql(sql)


@pytest.fixture
def stellar(postgres_server: ServerAddress) -> Iterator[Stellar]:
    with postgres.fresh_database(postgres_server) as database:
        url = sa.URL.create(
            "postgresql+psycopg2",
            postgres_server.user,
            postgres_server.password.get_secret_value(),
            postgres_server.host,
            postgres_server.port,
            database,
        )
        moved = {"schema_translate_map": {tables.VAD10: "vad10", tables.VAD20: "vad20"}}
        engine = sa.create_engine(url, poolclass=NullPool, execution_options=moved)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE SCHEMA vad10; CREATE SCHEMA vad20")
            tables.MA_PRODUCTOS.metadata.create_all(connection)
            for table, rows in ROWS.items():
                connection.execute(sa.insert(table), rows)
        waits = Waits(5, 5, 30)
        source = StellarSource("mssql://reader:s3cr3t@{codigo}.vpn", chain_of(), waits=waits, clock=lambda: NOW, open_engine=lambda *_: engine)
        yield Stellar(engine, source, waits)
        engine.dispose()


def at(clock: str) -> datetime:
    """A local time of the day as an instant."""
    return datetime.fromisoformat(f"{DAY} {clock}").replace(tzinfo=timezone.utc) + timedelta(hours=4)
