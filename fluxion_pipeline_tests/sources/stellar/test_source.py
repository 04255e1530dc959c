"""The selects on a real database that holds Stellar's tables: what the old queries got wrong is right."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from fluxion_pipeline.contracts.clock import day_end, day_start, parse_day
from fluxion_pipeline.contracts.outcomes import Answer, Fact
from fluxion_pipeline.errors import ContractError, SettingsError
from fluxion_pipeline.locations import registry
from fluxion_pipeline.sources.protocol import Reading
from fluxion_pipeline.sources.stellar import StellarSource, Waits, tables
from fluxion_pipeline_tests.sources.stellar.conftest import DAY, NOW, TICK, Stellar, at, chain_of, sold


def rows(reading: Reading) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {(r.get("numero_factura", r.get("producto_codigo")), r.get("linea")): r for r in reading.rows.to_pylist()}


def test_no_line_is_multiplied_and_none_vanishes(stellar: Stellar) -> None:
    found = stellar.sales()
    assert (found.answer, found.read, found.rows.num_rows, found.repeated, found.rejects.num_rows) == (Answer.ENTERA, 5, 5, 0, 0)
    assert {k: r["producto_codigo"] for k, r in rows(found).items()} == {
        ("F1", 1): "000001",
        ("F1", 2): "000002",
        ("F2", 1): "000001",
        ("F3", 1): "DESCONOCIDO",
        ("F4", 1): "000001",
    }


def test_the_time_of_day_is_added_to_the_date_and_1899_to_nothing(stellar: Stellar) -> None:
    found = rows(stellar.sales())
    assert found["F1", 1]["fecha_venta"] == datetime(2025, 11, 24, 16, 20, 15, 276000, tzinfo=timezone.utc)
    assert found["F2", 1]["fecha_venta"] == day_start(parse_day(DAY))
    assert found["F3", 1]["fecha_venta"] == datetime(2025, 11, 25, 3, 59, 59, 997000, tzinfo=timezone.utc)
    assert {r["fecha_negocio"] for r in found.values()} == {parse_day(DAY)}


def test_returns_stay_and_money_is_exact(stellar: Stellar) -> None:
    found = rows(stellar.sales())
    told = {k: (r["cantidad"], r["venta_total"], r["costo_total"], r["es_devolucion"]) for k, r in found.items()}
    assert told["F2", 1] == (Decimal(-1), Decimal("-1.2"), Decimal("-0.6"), True)
    assert told["F1", 1] == (Decimal(3), Decimal("3.6"), Decimal("1.8"), False)
    assert told["F1", 2] == (Decimal("0.3"), Decimal("0.03"), Decimal("0.015"), False)
    assert told["F3", 1] == (Decimal(2), Decimal(0), None, False)


def test_unknown_and_ambiguous_codes_are_reported(stellar: Stellar) -> None:
    told = "\n".join(stellar.sales().warnings)
    assert "SUC001 2025-11-24: 1 rows of 1 codes (DESCONOCIDO) that MA_PRODUCTOS doesn't know: kept" in told
    assert "1 rows of 1 codes (000001) whose barcode is of several products" in told
    assert "transactions have no amounts" in told


def test_lines_of_one_number_are_told_and_the_same_one_stands_each_time(stellar: Stellar) -> None:
    again = [sold("F1", 1, "18:00:00", "000002", -2), sold("F1", 1, "15:00:00", "000002", 9)]
    with stellar.engine.begin() as connection:
        connection.execute(sa.insert(tables.MA_TRANSACCION), again)
    found = stellar.sales()
    assert (found.read, found.repeated, rows(found)["F1", 1]["cantidad"]) == (7, 2, Decimal(-2))
    assert "2 lines have the number and line of another one" in "\n".join(found.warnings)


def test_windows_hold_every_line_once(stellar: Stellar) -> None:
    cuts = [day_start(parse_day(DAY)), at("12:20:15.276"), at("13:00:00"), at("23:59:59.997"), day_end(parse_day(DAY))]
    met = Counter(key for low, high in zip(cuts, cuts[1:], strict=False) for key in rows(stellar.sales(window=(low, high))))
    assert met == Counter(list(rows(stellar.sales())))
    assert set(rows(stellar.sales(window=(cuts[1], cuts[2])))) == {("F1", 1), ("F1", 2)}


def test_a_line_without_a_time_is_a_reject_of_the_day_and_of_every_window(stellar: Stellar) -> None:
    with stellar.engine.begin() as connection:
        connection.execute(sa.insert(tables.MA_TRANSACCION), [{**sold("F7", 1, "10:00:00", "000001", 1), "h_Hora": None}])
    for window in (None, (at("12:00:00"), at("13:30:00"))):
        found = stellar.sales(window=window)
        assert [(r["campo"], r["clave"]) for r in found.rejects.to_pylist()] == [("hora", "F7\x1f1")]


def test_stock_is_of_one_deposit_without_purchasing_and_with_unknown_codes(stellar: Stellar) -> None:
    found = stellar.stock()
    assert {(r["almacen_codigo"], r["producto_codigo"]): (r["stock"], r["precio"], r["costo"]) for r in found.rows.to_pylist()} == {
        ("1413", "000001"): (Decimal("0.3"), Decimal("1.2"), Decimal("0.6")),
        ("1413", "000002"): (Decimal(-4), Decimal("0.1"), Decimal("0.05")),
        ("1413", "999999"): (Decimal(7), None, None),
    }
    assert found.warnings == (f"CEDI01 {found.cut}: 1 rows of 1 codes (999999) that MA_PRODUCTOS doesn't know: kept",)
    assert found.met is not None
    assert {r["codigo"]: r["descripcion"] for r in found.met.to_pylist()} == {"000001": "ARROZ 1 KG", "000002": "CARAOTA", "999999": None}


def test_the_catalogue_has_each_product_once_with_a_barcode(stellar: Stellar) -> None:
    found = stellar.source.catalogue(NOW).rows.to_pylist()
    assert [(r["codigo"], r["departamento"], r["categoria"], r["subcategoria"], r["codigo_barras"], r["presentacion"], r["iva"]) for r in found] == [
        ("000001", "VÍVERES", "GRANOS", "ARROZ", "7590001", "UND", Decimal(16)),
        ("000002", None, "GRANOS", "ARROZ", "7590009", "UND", Decimal(16)),
    ]


def test_many_rows_are_streamed_and_none_is_cut(stellar: Stellar) -> None:
    stellar.execute(
        "INSERT INTO vad20.\"MA_TRANSACCION\" SELECT 'G' || n, '2025-11-24', timestamp '1899-12-30' + n * interval '2 second', 1, '7590003', 0.1 "
        "FROM generate_series(1, 30000) n"
    )
    found = stellar.sales()
    assert (found.read, found.rows.num_rows) == (30_005, 30_005)
    again = stellar.sales()
    assert again.source_digest == found.source_digest


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ('DROP TABLE vad20."MA_TRANSACCION"', 'relation "vad20.MA_TRANSACCION" does not exist'),
        ('ALTER TABLE vad20."MA_TRANSACCION" RENAME COLUMN "Cantidad" TO x', "column t.Cantidad does not exist"),
    ],
)
def test_a_missing_table_or_column_is_named_and_is_never_a_day_without_sales(stellar: Stellar, sql: str, words: str) -> None:
    stellar.execute(sql)
    found = stellar.sales()
    assert (found.answer, found.read, found.rows.num_rows, found.source_digest) == (Answer.INALCANZABLE, 0, 0, None)
    assert words in str(found.reason)


def test_an_answer_that_takes_too_long_is_not_whole(stellar: Stellar) -> None:
    stellar.source.waits = Waits(5, 5, 1e-9)
    found = stellar.sales()
    assert (found.answer, found.rows.num_rows) == (Answer.PARCIAL, 0)
    assert "not whole after" in str(found.reason)


def test_an_empty_catalogue_is_none(stellar: Stellar) -> None:
    stellar.execute('TRUNCATE vad10."MA_PRODUCTOS"')
    found = stellar.source.catalogue(NOW)
    assert (found.answer, found.reason) == (Answer.INALCANZABLE, "MA_PRODUCTOS has no products")


def test_days_of_another_system_are_not_asked_for(stellar: Stellar) -> None:
    stellar.source.registry = chain_of("2025-11-24")
    found = stellar.sales()
    assert found.answer is Answer.INALCANZABLE
    assert "2025-11-24 of SUC001 is klk's (sistema_desde 2025-11-24)" in str(found.reason)
    assert stellar.sales("2025-11-23").rows.num_rows == 1


def test_one_server_s_sales_are_not_given_to_several_stores() -> None:
    lines = [",".join((*registry.COLUMNS, registry.SINCE))]
    lines += [f"t{n},SUC{n},tienda_{n},T{n},tienda,V,stellar,,,010{n},true,true," for n in (1, 2)]
    chain = registry.parse("\n".join(lines) + "\n")
    found = StellarSource("mssql://u:p@host", chain).read(Fact.VENTAS, chain.find("SUC1"), DAY, NOW)
    assert found.answer is Answer.INALCANZABLE
    assert "SUC1, SUC2 share one STELLAR_URL" in str(found.reason)


def test_what_is_covered_and_when(stellar: Stellar) -> None:
    assert [x.codigo for x in stellar.source.registry if stellar.source.covers(x)] == ["SUC001", "CEDI01"]
    cedi = stellar.source.registry.find("CEDI01")
    assert stellar.source.cuts(Fact.INVENTARIO, cedi) == ("2025-11-25T0800",)
    assert stellar.source.cuts(Fact.VENTAS, cedi) == ("2025-11-25",)
    with pytest.raises(ContractError):
        stellar.sales("ayer")


@pytest.mark.parametrize(
    ("url", "told"), [("nonsense", "no address"), ("postgresql://u:s3cr3t@h/db", "begins with «postgresql»"), ("mssql:///x", "names no host")]
)
def test_a_wrong_address_is_refused_without_its_password(url: str, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        StellarSource(url, chain_of())
    assert told in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_the_password_shows_nowhere(stellar: Stellar) -> None:
    found = stellar.stock()
    assert found.origin == f"stellar://CEDI01.vpn VAD10.dbo.MA_DEPOPROD 1413 {TICK}"
    assert "s3cr3t" not in repr(stellar.source) + repr(found)
