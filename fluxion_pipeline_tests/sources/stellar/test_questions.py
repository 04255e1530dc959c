"""The text that SQL Server gets: its names and types, every value bound, no TOP."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.mssql import pymssql

from fluxion_pipeline.contracts.clock import day_end, day_start, parse_day
from fluxion_pipeline.sources.stellar import questions
from fluxion_pipeline_tests.sources.stellar.conftest import DAY, at

QUESTIONS: dict[str, tuple[sa.Select[Any], dict[str, Any]]] = {
    "stock": (questions.STOCK, questions.stock_values("1413")),
    "catalogue": (questions.CATALOGUE, questions.catalogue_values()),
    "sales": (questions.SALES, questions.sales_values(parse_day(DAY), None)),
    "window": (questions.SALES_WINDOW, questions.sales_values(parse_day(DAY), (at("12:00"), at("13:00")))),
}


def text(name: str) -> tuple[str, dict[str, Any]]:
    compiled = QUESTIONS[name][0].compile(dialect=pymssql.dialect(paramstyle="pyformat"))
    return re.sub(r"\s+", " ", str(compiled)), dict(compiled.params)


@pytest.mark.parametrize("name", QUESTIONS)
def test_values_are_bound_and_nothing_is_cut_or_written(name: str) -> None:
    sql, params = text(name)
    assert set(params) - {"param_1"} == set(QUESTIONS[name][1])  # param_1: the 1 of a window to the end of the day
    assert not re.search(r"'|\bTOP\b|\bINTO\b|\bUPDATE\b|\bDELETE\b|\bINSERT\b", sql.replace("%(", "").upper())
    assert sql.startswith("SELECT ")


def test_the_text_of_the_sales() -> None:
    sql, _ = text("sales")
    assert "FROM [VAD20].dbo.[MA_TRANSACCION] AS t LEFT OUTER JOIN (SELECT" in sql
    assert "count(DISTINCT c.[c_CodNasa]) AS productos FROM [VAD10].dbo.[MA_CODIGOS] AS c GROUP BY c.[c_Codigo]) AS b ON b.barra = t.[Codigo]" in sql
    assert "LEFT OUTER JOIN [VAD10].dbo.[MA_PRODUCTOS] AS p ON p.[c_Codigo] = coalesce(b.producto, t.[Codigo])" in sql
    assert "WHERE t.[f_Fecha] >= %(desde)s AND t.[f_Fecha] < %(hasta)s ORDER BY t.[c_Numero], t.[n_Linea]" in sql


def test_the_text_of_a_window_and_of_the_stock() -> None:
    assert "CAST(t.[h_Hora] AS TIME) >= CAST(%(hora_desde)s AS TIME)" in text("window")[0]
    stock = text("stock")[0]
    assert "FROM [VAD10].dbo.[MA_DEPOPROD] AS e LEFT OUTER JOIN [VAD10].dbo.[MA_PRODUCTOS] AS p" in stock
    assert "WHERE e.c_coddeposito = %(deposito)s AND (p.[c_Departamento] IS NULL OR p.[c_Departamento] != %(compras)s)" in stock


def test_a_day_is_half_open_and_a_window_to_its_end_has_no_upper_edge() -> None:
    day = parse_day(DAY)
    assert questions.sales_values(day, None) == {"desde": datetime.fromisoformat("2025-11-24"), "hasta": datetime.fromisoformat("2025-11-25")}
    whole = questions.sales_values(day, (day_start(day), day_end(day)))
    assert (whole["hora_desde"], whole["hasta_el_cierre"]) == ("00:00:00.000000", 1)
    part = questions.sales_values(day, (at("12:00"), at("13:00")))
    assert (part["hora_desde"], part["hora_hasta"], part["hasta_el_cierre"]) == ("12:00:00.000000", "13:00:00.000000", 0)
