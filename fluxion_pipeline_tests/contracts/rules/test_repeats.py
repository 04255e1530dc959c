"""The same key more than once, in sales, stock and the catalogue."""

from decimal import Decimal

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline_tests.contracts.rules.judging import DAY, judge_rows, judge_sales, judge_stock
from fluxion_pipeline_tests.support import drops


def sale(line, total, **more):
    return drops.sale(DAY, "F1", line, venta_total=total, **more)


def test_of_a_sales_key_the_last_valid_line_stands_and_repeats_are_counted():
    judged = judge_sales(sale("1", "5"), sale("01", "6"), sale("1", "bad"), sale("2", "7"))
    assert [(r["linea"], r["venta_total"]) for r in judged.rows.to_pylist()] == [(1, Decimal("6.0000")), (2, Decimal("7.0000"))]
    assert (judged.read, judged.repeated, judged.rejects.num_rows) == (4, 1, 1)


def test_different_lines_of_an_invoice_repeat_nothing():
    assert judge_sales(sale("1", "5"), sale("2", "5")).repeated == 0


def test_a_stock_key_that_says_one_thing_twice_is_one_row():
    judged = judge_stock(drops.stock("A", "5"), drops.stock("B", "1"), drops.stock(" A", "5.00000"), drops.stock("A", "5"))
    assert [r["producto_codigo"] for r in judged.rows.to_pylist()] == ["B", "A"]
    assert (judged.read, judged.repeated, judged.rejects.num_rows) == (4, 2, 0)


def test_a_stock_key_with_different_values_is_rejected_in_all_its_rows():
    judged = judge_stock(drops.stock("A", "5"), drops.stock("B", "1"), drops.stock("A", "6"), drops.stock("A", "5"))
    assert [r["producto_codigo"] for r in judged.rows.to_pylist()] == ["B"]
    assert [r["linea"] for r in judged.rejects.to_pylist()] == [2, 4, 5]
    assert set(judged.rejects.column("motivo").to_pylist()) == {"codigo_producto stands several times with different values"}
    assert judged.repeated == 0


def test_a_stock_key_of_which_one_row_is_invalid_is_rejected_in_all_its_rows():
    judged = judge_stock(drops.stock("A", "5"), drops.stock("A", "five"), drops.stock("B", "1"))
    assert [(r["linea"], r["campo"], r["clave"]) for r in judged.rejects.to_pylist()] == [(2, "codigo_producto", "SUC001\x1fA"), (3, "stock", "SUC001\x1fA")]
    assert judged.rejects.column("motivo").to_pylist()[0] == "codigo_producto stands several times and one of these rows is invalid"


def test_a_stock_key_whose_rows_are_all_invalid_is_rejected_once_for_each():
    judged = judge_stock(drops.stock("A", "x"), drops.stock("A", "y"))
    assert (judged.rows.num_rows, judged.rejects.num_rows, judged.repeated) == (0, 2, 0)


def test_a_product_that_is_there_twice_stands_as_its_last_valid_line():
    judged = judge_rows(Fact.CATALOGO, [drops.product("1", marca="A"), drops.product("1", marca="B"), drops.product("1", marca="\x00"), drops.product("N/A")])
    assert [(r["codigo"], r["marca"], r["es_provisional"]) for r in judged.rows.to_pylist()] == [("1", "B", False)]
    assert (judged.repeated, judged.rejects.num_rows) == (1, 2)


def test_composed_and_decomposed_accents_are_two_keys():
    judged = judge_stock(drops.stock("é", "1"), drops.stock("e\u0301", "2"))
    assert judged.rows.num_rows == 2
