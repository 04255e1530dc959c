"""Lines of answers as columns: what is no line is one reject, taxes become USD, pieces don't change anything."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fluxion_pipeline.contracts.rules.layout import Judged, Place
from fluxion_pipeline.sources.klk import judged as pieces
from fluxion_pipeline.sources.klk.judged import judged
from fluxion_pipeline.sources.klk.layouts import INVENTARIO, VENTAS, WAREHOUSE
from fluxion_pipeline.sources.klk.lines import Lines, flat, in_usd
from fluxion_pipeline_tests.support.tills import article, sale

DAY = "2025-11-24"
PLACE = Place("SUC001", "http://server/ventas SUC001", date(2025, 11, 24), date(2025, 11, 24))


def read(path: Path, lines: Sequence[Any]) -> tuple[Judged, Lines]:
    path.write_text(json.dumps(list(lines), ensure_ascii=False), "utf-8")
    found = Lines(path, VENTAS)
    return judged(found, PLACE, constants={}), found


def without(line: dict[str, Any], name: str) -> dict[str, Any]:
    return {k: v for k, v in line.items() if k != name}


def test_a_line_becomes_a_row(tmp_path: Path) -> None:
    found, _ = read(tmp_path / "a", [sale(DAY, impuesto_monto=48, monto_descuento=0.5)])
    (row,) = found.rows.to_pylist()
    assert row.pop("fecha_venta").isoformat() == "2025-11-24T16:20:15.276243+00:00"
    assert row == {
        "ubicacion_codigo": "SUC001",
        "numero_factura": "00123456",
        "linea": 1,
        "fecha_negocio": date(2025, 11, 24),
        "producto_codigo": "000006",
        "almacen_codigo": "APP-TPF",
        "cantidad": Decimal("0.3450"),
        "unidad": "KG",
        "precio_unitario": Decimal("1.0000"),
        "descuento": Decimal("0.5000"),
        "impuesto": Decimal("0.2000"),
        "venta_total": Decimal("0.3450"),
        "costo_total": Decimal("0.2600"),
        "venta_total_bs": Decimal("82.8000"),
        "tasa_usd": Decimal("240.0000"),
        "es_devolucion": False,
    }
    assert found.met is not None
    assert found.met.to_pylist() == [{"codigo": "000006", "descripcion": "ROMERO KG", "categoria": "POR PESO", "marca": None}]


def test_a_number_that_came_as_text_and_a_text_that_came_as_a_number_are_kept_as_they_came(tmp_path: Path) -> None:
    found, _ = read(tmp_path / "a", [sale(DAY, 123456, "7", cantidad_vendida="2.5", codigo_producto=6)])
    (row,) = found.rows.select(["numero_factura", "linea", "cantidad", "producto_codigo"]).to_pylist()
    assert row == {"numero_factura": "123456", "linea": 7, "cantidad": Decimal("2.5000"), "producto_codigo": "6"}


@pytest.mark.parametrize("nothing", ["", "N/A", None, "  "])
def test_nothing_in_an_optional_number_is_null_and_in_a_required_one_a_reject(tmp_path: Path, nothing: Any) -> None:
    found, _ = read(tmp_path / "a", [sale(DAY, line=1, precio_unitario_usd=nothing, impuesto_monto=nothing), sale(DAY, line=2, venta_total_usd=nothing)])
    assert found.rows.select(["linea", "precio_unitario", "impuesto"]).to_pylist() == [{"linea": 1, "precio_unitario": None, "impuesto": None}]
    assert found.rejects.select(["linea", "campo", "motivo"]).to_pylist() == [{"linea": 2, "campo": "venta_total_usd", "motivo": "venta_total_usd is missing"}]


NO_LINES: dict[str, tuple[Any, str]] = {
    "no product": (sale(DAY) | {"producto": []}, "producto is an array of one object, not of 0"),
    "two products": (sale(DAY) | {"producto": sale(DAY)["producto"] * 2}, "producto is an array of one object, not of 2"),
    "an object for the array": (sale(DAY) | {"cantidad": sale(DAY)["cantidad"][0]}, "cantidad is an array of one object, not an object"),
    "an object of one name for the array": (sale(DAY) | {"cantidad": {"codigo_almacen": 1}}, "cantidad is an array of one object, not an object"),
    "text for the array": (sale(DAY) | {"financiero": "x"}, "financiero is an array of one object, not text or a number"),
    "no array": (without(sale(DAY), "financiero"), "financiero is an array of one object, not missing"),
    "null in the array": (sale(DAY) | {"financiero": [None]}, "financiero is an array of one object, not of missing"),
    "a list of lists": (sale(DAY) | {"producto": [[]]}, "producto is an array of one object, not of an array"),
    "a truth for a number": (sale(DAY, cantidad_vendida=True), "cantidad_vendida is text or a number, not true"),
    "an object for a text": (sale(DAY, codigo_producto={"x": 1}), "codigo_producto is text or a number, not an object"),
    "an array for a number": (sale(DAY, tasa_usd=[240]), "tasa_usd is text or a number, not an array"),
    "a text": ("x", "a line is an object, not text or a number"),
    "null": (None, "a line is an object, not missing"),
    "an array": ([sale(DAY)], "a line is an object, not an array"),
    "half a character": (sale(DAY, codigo_producto="a\ud83d"), "codigo_producto is text or a number, not text with half a character"),
}


@pytest.mark.parametrize("name", NO_LINES)
def test_what_is_no_line_is_one_reject_as_it_came(tmp_path: Path, name: str) -> None:
    wrong, reason = NO_LINES[name]
    path = tmp_path / "a"
    path.write_text(json.dumps([sale(DAY, line=1), wrong, sale(DAY, line=3)]), "utf-8")
    lines = Lines(path, VENTAS)
    found = judged(lines, PLACE, constants={})
    assert (found.read, found.rows.column("linea").to_pylist()) == (3, [1, 3])
    (reject,) = found.rejects.to_pylist()
    assert (reject["linea"], reject["motivo"], reject["clave"]) == (2, reason, None)
    assert reject["fila"] == json.dumps(wrong)


def test_a_line_that_breaks_a_rule_is_kept_whole_as_it_came(tmp_path: Path) -> None:
    wrong = sale(DAY, cantidad_vendida="mucho")
    found, _ = read(tmp_path / "a", [wrong])
    (reject,) = found.rejects.to_pylist()
    assert reject["motivo"] == "cantidad_vendida is not a decimal number"
    assert json.loads(reject["fila"]) == wrong
    assert reject["clave"] == "00123456\x1f1"


def test_equal_rejects_have_ids_of_their_own_wherever_they_stand(tmp_path: Path) -> None:
    wrong, good = sale(DAY, line="x"), sale(DAY, line=5)
    first = read(tmp_path / "a", [wrong, good, wrong])[0].rejects.column("id").to_pylist()
    later = read(tmp_path / "a", [good, good, wrong, wrong])[0].rejects.column("id").to_pylist()
    assert len(set(first)) == 2
    assert first == later


def test_of_a_line_that_comes_twice_the_last_stands_also_from_piece_to_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [sale(DAY, line=n % 40, venta_total_usd=n) for n in range(100)] + [sale(DAY, line=3, cantidad_vendida="x")]
    whole, _ = read(tmp_path / "a", lines)
    for size in (1, 7, 33, 100):
        monkeypatch.setattr(pieces, "PIECE", size)
        found, _ = read(tmp_path / "a", lines)
        assert found.rows.to_pylist() == whole.rows.to_pylist()
        assert found.rejects.to_pylist() == whole.rejects.to_pylist()
        assert (found.read, found.repeated) == (whole.read, whole.repeated) == (101, 60)
        assert found.met is not None
        assert whole.met is not None
        assert found.met.to_pylist() == whole.met.to_pylist()
    assert [int(v) for v in whole.rows.column("venta_total").to_pylist()] == list(range(60, 100))


def test_products_that_stand_in_several_pieces_are_judged_as_if_there_were_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(5)
    for _ in range(3):
        codes = [f" {draw.randrange(60):06d}" for _ in range(120)]
        lines: list[Any] = [article(c, draw.choice([1, 1, 1, 2, "x", None]), NombreProducto=draw.choice(["a", None])) for c in codes]
        lines += [draw.choice([None, article("", 1), {**article("07"), "stock": {}}]) for _ in range(5)]
        draw.shuffle(lines)
        (tmp_path / "a").write_text(json.dumps(lines))
        told = []
        for size in (1000, 16, 50):
            monkeypatch.setattr(pieces, "PIECE", size)
            found = judged(Lines(tmp_path / "a", INVENTARIO), PLACE, constants={WAREHOUSE: "APP-TPF"})
            assert found.met is not None
            rows, met = found.rows.sort_by("producto_codigo").to_pylist(), found.met.sort_by("codigo").to_pylist()
            told.append((rows, met, found.rejects.to_pylist(), found.read, found.repeated))
        assert all(t == told[0] for t in told)
        assert (told[0][3], 0 < told[0][4] < 60, len(told[0][0]) > 5, len(told[0][2]) > 20) == (125, True, True, True)
    assert [f.name for f in tmp_path.iterdir()] == ["a"]


def test_an_empty_list_is_an_empty_piece(tmp_path: Path) -> None:
    found, _ = read(tmp_path / "a", [])
    assert (found.read, found.rows.num_rows, found.rejects.num_rows) == (0, 0, 0)


@pytest.mark.parametrize(
    ("amount", "rate", "wanted"),
    [
        ("48", "240", "0.2000"),
        ("1", "3", "0.3333"),
        ("2", "3", "0.6667"),
        ("0.00006", "0.5", "0.0001"),
        ("0", "240.0", "0.0000"),
        ("-12", "240", "-0.0500"),
        (" 48 ", " 240 ", "0.2000"),
        ("48", None, None),
        ("48", "0", None),
        ("48", "N/A", None),
        ("48", "-1", None),
        ("mucho", "240", "mucho"),
        ("1e99", "240", "1e99"),
        (None, "240", None),
        ("N/A", "240", None),
    ],
)
def test_a_tax_in_bs_by_the_rate_of_its_line(amount: str | None, rate: str | None, wanted: str | None) -> None:
    assert in_usd(amount, rate) == wanted


def test_lines_whose_tax_has_no_rate_are_counted(tmp_path: Path) -> None:
    found, lines = read(
        tmp_path / "a", [sale(DAY, line=1, impuesto_monto=5, tasa_usd=None), sale(DAY, line=2, impuesto_monto=None, tasa_usd=None), sale(DAY, line=3)]
    )
    assert found.rows.column("impuesto").to_pylist() == [None, None, Decimal("0.0000")]
    assert lines.without_rate == 1


def test_stock_is_of_the_almacen_that_was_asked_and_contradictions_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a"
    rows = [article("000006", -3.5), article("000007", 1), article("000006", -3.5), article("000007", 2), article("000008", 1, Precio=5.123456)]
    path.write_text(json.dumps({"articulos": rows}), "utf-8")
    found = judged(Lines(path, INVENTARIO), Place("SUC001", "x", date(2025, 11, 24)), constants={WAREHOUSE: "APP-TPF"})
    told = found.rows.select(["almacen_codigo", "producto_codigo", "stock", "precio", "costo"]).to_pylist()
    assert [tuple(r.values()) for r in told] == [
        ("APP-TPF", "000006", Decimal("-3.5000"), Decimal("5.7700"), None),
        ("APP-TPF", "000008", Decimal("1.0000"), Decimal("5.1235"), None),
    ]
    assert (found.read, found.repeated, found.rejects.num_rows) == (5, 1, 2)
    assert set(found.rejects.column("clave").to_pylist()) == {"APP-TPF\x1f000007"}


def test_the_quick_way_and_the_exact_way_agree() -> None:
    line = {k: [{n: (str(x) if isinstance(x, (int, float)) else x) for n, x in v[0].items()}] if isinstance(v, list) else str(v) for k, v in sale(DAY).items()}
    from fluxion_pipeline.sources.klk.lines import _taker

    assert _taker(VENTAS)(line) == flat(line, VENTAS)
