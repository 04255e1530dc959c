"""Rejects: what is kept of a refused row, and the products that valid rows name."""

import json
from datetime import datetime, timezone

import pyarrow as pa

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rows import MET_SCHEMA, REJECT_SCHEMA, row_schema
from fluxion_pipeline.contracts.rules.judge import judge
from fluxion_pipeline.contracts.rules.layout import Place, Raw
from fluxion_pipeline.sources.archivos.layouts import INVENTARIO
from fluxion_pipeline_tests.contracts.rules.judging import DAY, TODAY, judge_sales, judge_stock
from fluxion_pipeline_tests.support import drops


def only(judged):
    (reject,) = judged.rejects.to_pylist()
    return reject


def test_a_reject_keeps_the_raw_row_file_and_line():
    row = {**drops.sale(DAY), "cantidad": " doce ", "descripcion_producto": 'a "b"\n\x00'}
    reject = only(judge_sales(drops.sale(DAY, "F0"), row))
    assert json.loads(reject["fila"]) == row
    assert (reject["origen"], reject["linea"], reject["campo"]) == ("some/file.csv", 3, "descripcion_producto")
    assert "\x00" not in reject["fila"] + reject["valor"]


def test_the_same_row_in_the_same_line_has_the_same_id_and_in_another_line_another():
    bad = drops.sale(DAY, cantidad="x")
    first, again, moved = judge_sales(bad), judge_sales(bad), judge_sales(drops.sale(DAY, "F0"), bad)
    assert only(first)["id"] == only(again)["id"] != only(moved)["id"]


def test_the_key_is_told_when_all_of_it_can_be_read():
    assert only(judge_sales(drops.sale(DAY, "F1", " 007", cantidad="x")))["clave"] == "F1\x1f7"
    assert only(judge_stock(drops.stock("A", "x")))["clave"] == "SUC001\x1fA"


def test_the_key_is_null_when_a_part_of_it_cannot():
    assert only(judge_sales(drops.sale(DAY, "F1", "1.5")))["clave"] is None
    assert only(judge_sales(drops.sale(DAY, "F\x00")))["clave"] is None
    assert only(judge_stock(drops.stock("null", "5")))["clave"] is None


def test_the_instant_is_told_when_date_and_time_can_be_read():
    assert only(judge_sales(drops.sale(DAY, cantidad="x", hora="10:30")))["instante"] == datetime(2025, 11, 24, 14, 30, tzinfo=timezone.utc)
    assert only(judge_sales(drops.sale(DAY, cantidad="x", hora="25:30")))["instante"] is None
    assert only(judge_sales(drops.sale(DAY, cantidad="x", fecha="2025-02-30")))["instante"] is None


def test_rejects_have_their_schema_also_when_there_are_none():
    assert judge_stock(drops.stock()).rejects.schema == REJECT_SCHEMA
    assert judge_stock(drops.stock(amount="x")).rejects.schema == REJECT_SCHEMA


def test_products_that_valid_rows_name_are_told_once_with_the_first_description():
    judged = judge_sales(
        drops.sale(DAY, "1", codigo_producto="B", descripcion_producto="n/a", categoria_producto="C1"),
        drops.sale(DAY, "2", codigo_producto="A", descripcion_producto="DA"),
        drops.sale(DAY, "3", codigo_producto="B", descripcion_producto="DB", categoria_producto="C2"),
        drops.sale(DAY, "4", codigo_producto="Z", cantidad="x"),
    )
    assert judged.met.schema == MET_SCHEMA
    assert [tuple(r.values()) for r in judged.met.to_pylist()] == [("B", "DB", "C1", None), ("A", "DA", "BEANS", None)]
    assert [tuple(r.values()) for r in judge_stock(drops.stock("A", marca="M")).met.to_pylist()] == [("A", "PREPARED BEANS", "BEANS", "M")]


def test_u0000_in_a_column_that_nobody_knows_rejects_the_row_too():
    reject = only(judge_stock({**drops.stock(), "extra": "\x00"}))
    assert (reject["campo"], reject["motivo"]) == ("extra", "extra contains U+0000")


def test_no_rows_at_all_give_empty_tables():
    no_lines = pa.array([], pa.int32())
    table = pa.table({name: pa.array([], pa.string()) for name in drops.STOCK_COLUMNS})
    judged = judge(Raw(table, no_lines), INVENTARIO, Place("SUC001", "x.csv", TODAY))
    assert (judged.rows.num_rows, judged.rows.schema, judged.rejects.num_rows, judged.met.num_rows) == (0, row_schema(Fact.INVENTARIO), 0, 0)
