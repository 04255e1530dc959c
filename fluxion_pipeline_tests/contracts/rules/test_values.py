"""Integers, dates, times and signs: a passing and a failing case of each rule."""

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from fluxion_pipeline.contracts.clock import ZONE
from fluxion_pipeline_tests.contracts.rules.judging import DAY, judge_sales, judge_stock, one_sale, refusal
from fluxion_pipeline_tests.support import drops

UTC = timezone.utc


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("007", 7), ("+5", 5), ("-3", -3), ("2147483647", 2147483647), ("0" * 50 + "1", 1)])
def test_linea_is_an_integer(text, value):
    assert one_sale(linea=text)["linea"] == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1.0", "is not an integer"),
        ("1e3", "is not an integer"),
        ("1_0", "is not an integer"),
        ("x", "is not an integer"),
        ("2147483648", "does not fit INTEGER"),
    ],
)
def test_linea_is_nothing_else(text, reason):
    assert refusal(linea=text) == ("linea", text, f"linea {reason}")


def test_a_sale_is_at_its_local_time_in_caracas():
    row = one_sale(hora="22:15:30.1234567")
    assert row["fecha_venta"] == datetime(2025, 11, 25, 2, 15, 30, 123456, UTC)
    assert row["fecha_negocio"] == date(2025, 11, 24)


@pytest.mark.parametrize("day", ["2000-01-01", "2007-12-08", "2007-12-10", "2016-04-30", "2016-05-02", "2025-11-24"])
def test_the_offset_is_that_of_the_day(day):
    row = one_sale(day=day, hora="12:00")
    assert row["fecha_venta"] == datetime.combine(date.fromisoformat(day), datetime.min.time(), ZoneInfo("America/Caracas")).astimezone(UTC) + timedelta(
        hours=12
    )
    assert row["fecha_venta"].astimezone(ZONE).strftime("%Y-%m-%d %H:%M") == f"{day} 12:00"


@pytest.mark.parametrize("text", ["00:00", "23:59", "23:59:59", "09:05:01.5", "09:05:01.123456789", "09:05:01.1234567890123"])
def test_a_time_has_hours_and_minutes_perhaps_more(text):
    one_sale(hora=text)


@pytest.mark.parametrize("text", ["24:00", "9:05", "09:60", "09:05:60", "09:05:01.", "09:05 PM", "0905", "09:05:01Z"])
def test_a_time_that_is_none_is_refused(text):
    assert refusal(hora=text) == ("hora", text, "hora is not a time HH:MM or HH:MM:SS")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2025-11-23", "is not the day of the file (2025-11-24)"),
        ("2025-02-30", "is no day of the calendar"),
        ("0000-01-01", "is before 2000-01-01"),
        ("1999-12-31", "is before 2000-01-01"),
        ("2025-11-26", "is after tomorrow (2025-11-25)"),
        ("9999-12-31", "is after tomorrow (2025-11-25)"),
        ("24/11/2025", "is not a date YYYY-MM-DD"),
        ("2025-11-24 00:00:00", "is not a date YYYY-MM-DD"),
        ("2025-1-1", "is not a date YYYY-MM-DD"),
    ],
)
def test_a_date_that_cannot_be_is_refused(text, reason):
    assert refusal(fecha=text) == ("fecha", text, f"fecha {reason}")


def test_tomorrow_is_still_possible_and_the_day_after_is_not():
    assert one_sale(today=date(2025, 11, 23))["fecha_negocio"] == date(2025, 11, 24)
    assert refusal(today=date(2025, 11, 22))[2] == "fecha is after tomorrow (2025-11-23)"


def test_a_file_of_a_day_before_2000_has_no_valid_row():
    assert refusal(day="1999-12-31")[2] == "fecha is before 2000-01-01"


def test_a_negative_quantity_is_a_return_and_kept():
    assert (one_sale(cantidad="-1.5")["cantidad"], one_sale(cantidad="-1.5")["es_devolucion"]) == (Decimal("-1.5000"), True)
    assert one_sale(cantidad="0")["es_devolucion"] is False


def test_negative_stock_is_kept():
    assert judge_stock(drops.stock("1", "-4.25")).rows.column("stock").to_pylist() == [Decimal("-4.2500")]


def test_columns_that_files_do_not_have_are_null():
    row = one_sale()
    assert [row[c] for c in ("almacen_codigo", "unidad", "impuesto", "costo_total", "venta_total_bs", "tasa_usd")] == [None] * 6
    (stock,) = judge_stock(drops.stock("1")).rows.to_pylist()
    assert (stock["ubicacion_codigo"], stock["almacen_codigo"], stock["precio"], stock["costo"]) == ("SUC001", "SUC001", None, None)


def test_several_wrong_columns_are_one_reject_named_in_the_order_of_the_header():
    judged = judge_sales(dict(reversed({**drops.sale(DAY), "cantidad": "x", "linea": "y"}.items())))
    (reject,) = judged.rejects.to_pylist()
    assert (reject["campo"], reject["motivo"]) == ("cantidad", "cantidad is not a decimal number; also linea is not an integer")
