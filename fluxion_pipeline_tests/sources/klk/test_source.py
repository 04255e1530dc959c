"""Questions over a real socket to servers written here: what is asked, and what becomes of every kind of answer."""

from __future__ import annotations

import gzip
import json
import os
import socket
import threading
import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fluxion_pipeline.contracts.clock import day_end, day_start, parse_day
from fluxion_pipeline.contracts.outcomes import Answer, Fact
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.locations import registry
from fluxion_pipeline.sources.klk import KlkSource, Patience
from fluxion_pipeline_tests.sources.klk.conftest import DAY, NOW, QUICK, TICK, Open
from fluxion_pipeline_tests.support.tills import Question, Said, article, said, sale, sales

GOOD = [sale(DAY, line=n, time_of_day=f"0{n}:20:15.2762439") for n in range(1, 6)]


def test_a_day_s_sales(chain: Open) -> None:
    here = chain(lambda _: said(sales(GOOD)))
    found = here.sales()
    assert (found.answer, found.read, found.rows.num_rows, found.repeated, found.warnings) == (Answer.ENTERA, 5, 5, 0, ())
    assert found.rows.column("fecha_venta").to_pylist()[0] == datetime(2025, 11, 24, 5, 20, 15, 276243, tzinfo=timezone.utc)
    assert [(q.path, dict(q.body)) for q in here.server.asked] == [("/ventas", {"sucursal": "SUC001", "fecha_desde": DAY, "fecha_hasta": DAY})]
    assert found.source_digest is not None
    assert "SUC001" in found.origin
    assert not list((here.source.asker.folder).glob("answer-*"))


def test_older_servers_answer_the_bare_list(chain: Open) -> None:
    assert chain(lambda _: said(GOOD)).sales().rows.num_rows == 5


def test_a_compressed_answer_is_read(chain: Open) -> None:
    def answer(_: Question) -> Said:
        return Said(gzip.compress(json.dumps(sales(GOOD)).encode()), kind="application/json\r\nContent-Encoding: gzip")

    assert chain(answer).sales().rows.num_rows == 5


FAILURES: dict[str, tuple[Said, Answer, str, int]] = {
    "HTTP 500": (said({"error": "sin conexión a la base"}, status=500), Answer.INALCANZABLE, "HTTP 500: sin conexión a la base", 3),
    "HTTP 503 with a page": (Said(b"<html><title>Busy</title>", status=503, kind="text/html"), Answer.INALCANZABLE, "HTTP 503: Busy", 3),
    "HTTP 403": (Said(b"prohibido", status=403, kind="text/plain"), Answer.INALCANZABLE, "HTTP 403: prohibido", 1),
    "a redirect": (Said(b"", status=302, kind="text/html\r\nLocation: http://portal/"), Answer.INALCANZABLE, "redirects to http://portal/", 1),
    "an error in 200": (said({"error": "Timeout expired"}), Answer.INALCANZABLE, "answered with an error: Timeout expired", 3),
    "an HTML page": (Said(b"<html><title>Router</title></html>", kind="text/html"), Answer.PARCIAL, "an HTML page «Router»", 3),
    "an empty body": (Said(b""), Answer.PARCIAL, "empty", 3),
    "a cut body": (Said(json.dumps(sales(GOOD)).encode()[:-300], length=0), Answer.PARCIAL, "cut: it ends in the middle after 4 lines", 3),
    "a body shorter than announced": (Said(json.dumps(sales(GOOD)).encode()[:-300], length=9999), Answer.PARCIAL, "the connection broke after", 3),
    "a reset in the body": (Said(json.dumps(sales(GOOD * 200)).encode(), length=99_999_999, reset=True), Answer.PARCIAL, "the connection broke after", 3),
    "a reset at once": (Said(b"", status=0, reset=True), Answer.INALCANZABLE, "connection broke before any answer", 3),
    "a truncated list": (said(sales(GOOD, total=6)), Answer.PARCIAL, "truncated: it announces 6 lines, 5 came", 3),
    "more lines than announced": (said(sales(GOOD, total=4)), Answer.PARCIAL, "has too many lines: it announces 4 lines, 5 came", 3),
    "a count of too many digits": (said(sales(GOOD, total=10**30)), Answer.PARCIAL, "total_registros is no number", 1),
    "a count that is none": (said(sales(GOOD, total="muchos")), Answer.PARCIAL, "total_registros is no number", 1),
    "a wrong envelope": (said({"datos": GOOD}), Answer.PARCIAL, "no list «ventas»; it has datos", 1),
    "a list that is null": (said({"meta": {"total_registros": 0}, "ventas": None}), Answer.PARCIAL, "«ventas» of the answer is no list but null", 1),
    "silence": (Said(b"[]", silent=2.0), Answer.INALCANZABLE, "silent for 0.5 s", 1),
    "silence in the middle": (Said(json.dumps(sales(GOOD)).encode(), pause=2.0), Answer.PARCIAL, "fell silent for 0.5 s after", 1),
    "an error of odd characters": (Said(b'{"error": "mal\\u0000o \\ud800"}'), Answer.INALCANZABLE, "mal\u2400o ?", 3),
    "another encoding than declared": (Said('[{"a": "ñ"}]'.encode("latin-1"), kind="text/json; charset=utf-8"), Answer.PARCIAL, "not utf-8: byte 9", 1),
    "broken compression": (Said(b"no gzip", kind="application/json\r\nContent-Encoding: gzip"), Answer.PARCIAL, "compression is broken", 3),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_has_its_outcome_and_its_message_and_is_never_an_empty_store(chain: Open, name: str) -> None:
    answer, outcome, words, times = FAILURES[name]
    here = chain(lambda _: answer)
    found = here.sales()
    assert found.answer is outcome, found.reason
    assert words in str(found.reason)
    assert (found.rows.num_rows, found.rejects.num_rows, found.read, found.source_digest) == (0, 0, 0, None)
    assert len(here.server.asked) == times


def test_what_passes_is_tried_again(chain: Open) -> None:
    answers = iter([said({}, status=502), said({"error": "x"}), said(sales(GOOD))])
    here = chain(lambda _: next(answers))
    assert (here.sales().rows.num_rows, len(here.server.asked)) == (5, 3)


def test_nobody_listens(chain: Open) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    source = KlkSource(f"http://user:secret@127.0.0.1:{port}", registry.load(), chain(lambda _: said([])).source.asker.folder, patience=QUICK)
    found = source.read(Fact.VENTAS, source.registry.find("t01"), DAY, NOW)
    assert (found.answer, "no connection" in str(found.reason)) == (Answer.INALCANZABLE, True)
    assert "secret" not in found.origin + str(found.reason)


@pytest.mark.parametrize("address", ["klk.example", "ftp://klk.example", "http://", "http://[", "http://no-such-host.invalid"])
def test_an_address_that_is_none_is_an_answer_too(tmp_path: Path, address: str) -> None:
    source = KlkSource(address, registry.load(), tmp_path / "klk", patience=QUICK)
    assert source.read(Fact.VENTAS, source.registry.find("t01"), DAY, NOW).answer is Answer.INALCANZABLE


def test_answers_that_a_killed_process_left_are_removed(chain: Open) -> None:
    here = chain(lambda _: said(sales(GOOD)))
    folder = here.source.asker.folder
    folder.mkdir(parents=True)
    for name, age in (("answer-old.json", 2 * 86400), ("answer-new.json", 60)):
        (folder / name).write_bytes(b"[]")
        os.utime(folder / name, (time.time() - age,) * 2)
    assert here.sales().answer is Answer.ENTERA
    assert [f.name for f in folder.glob("answer-*")] == ["answer-new.json"]


# ── windows ─────────────────────────────────────────────────────────────────────────────────────
START, END = day_start(parse_day(DAY)), day_end(parse_day(DAY))


@pytest.mark.parametrize(
    ("low", "high", "hours"),
    [
        (START, END, {}),
        (START, START + timedelta(hours=12, minutes=30), {"hora_hasta": "12:30:00"}),
        (START + timedelta(hours=12), END, {"hora_desde": "12:00:00"}),
        (START + timedelta(hours=1, microseconds=1), START + timedelta(hours=2, microseconds=1), {"hora_desde": "01:00:00", "hora_hasta": "02:00:01"}),
        (START + timedelta(hours=1), END - timedelta(microseconds=1), {"hora_desde": "01:00:00"}),
    ],
)
def test_a_window_is_asked_for_by_whole_seconds_around_it(chain: Open, low: datetime, high: datetime, hours: dict[str, str]) -> None:
    here = chain(lambda _: said(sales(GOOD)))
    found = here.sales(window=(low, high))
    assert {k: v for k, v in here.server.asked[0].body.items() if k.startswith("hora")} == hours
    assert found.window == (low, high)


def test_a_window_beyond_its_day_is_no_question(chain: Open) -> None:
    here = chain(lambda _: said(sales([])))
    with pytest.raises(ContractError):
        here.sales(window=(START, END + timedelta(hours=1)))
    assert here.server.asked == []


def test_a_line_that_is_refused_on_two_days_is_two_rejects_and_one_each_time_that_a_day_is_read(chain: Open) -> None:
    """PostgreSQL refuses a reject that is there already: one line that a server gave for each day kept its store out."""
    here = chain(lambda q: said(sales([{"numero_factura": "X"}, None])) if q.path == "/ventas" else said({"articulos": [article("7", "mucho")]}))
    first, again = (set(here.sales().rejects.column("id").to_pylist()) for _ in range(2))
    other = here.source.read(Fact.VENTAS, here.store, "2025-11-23", here.now)
    assert first == again
    assert len(first | set(other.rejects.column("id").to_pylist())) == 4
    ticks = (here.source.read(Fact.INVENTARIO, here.store, tick, here.now) for tick in (TICK, "2025-11-24T1230"))
    assert len({n for found in ticks for n in found.rejects.column("id").to_pylist()}) == 2


def test_a_reject_holds_what_every_database_can(chain: Open) -> None:
    """U+0000 as it is, not escaped, is no JSON, but servers send it."""
    body = json.dumps(sales([sale(DAY, "A-1", cantidad_vendida="mucho", descripcion_producto="NUL")])).replace("NUL", "\0").encode()
    found = chain(lambda _: Said(body)).sales()
    (line,) = found.rejects.column("fila").to_pylist()
    assert ("\0" in line, json.loads(line)["producto"][0]["descripcion_producto"]) == (False, "\0")


# ── stock ───────────────────────────────────────────────────────────────────────────────────────
STOCK = [article(f"{n:06d}", n - 1) for n in range(4)]


def older(question: Question) -> Said:
    return said(STOCK) if question.path == "/maestra/articulos" and "CodigoAlmacen" in question.body else said({"error": "not found"}, status=404)


def newer(question: Question) -> Said:
    return said({"articulos": STOCK}) if question.path.endswith("/almacen") and "Codigoalmacen" in question.body else Said(b"404", status=404)


def test_stock_of_the_almacen_of_the_map(chain: Open) -> None:
    here = chain(newer)
    found = here.stock()
    assert found.rows.column("stock").to_pylist() == [Decimal(n - 1) for n in range(4)]
    assert {(q.path, q.store) for q in here.server.asked} == {("/maestra/articulos/almacen", "APP-TPF")}
    assert found.rows.column("almacen_codigo").unique().to_pylist() == ["APP-TPF"]


def test_an_older_server_is_asked_in_its_way_and_remembered(chain: Open) -> None:
    here = chain(older)
    for _ in range(2):
        assert here.stock().rows.num_rows == 4
    assert [q.path for q in here.server.asked] == ["/maestra/articulos/almacen", "/maestra/articulos", "/maestra/articulos"]
    neighbour = here.source.read(Fact.INVENTARIO, here.source.registry.find("t02"), TICK, NOW)
    assert (neighbour.rows.num_rows, here.server.asked[-1].path, here.server.asked[-1].store) == (4, "/maestra/articulos", "TAVBOL")


def test_a_server_that_was_renewed_is_found_out(chain: Open) -> None:
    here = chain(older)
    here.stock()
    here.server.answer = newer
    assert here.stock().rows.num_rows == 4
    assert here.stock().rows.num_rows == 4
    assert [q.path for q in here.server.asked][-3:] == ["/maestra/articulos", "/maestra/articulos/almacen", "/maestra/articulos/almacen"]


def test_an_almacen_that_neither_generation_knows_is_told_in_the_server_s_words(chain: Open) -> None:
    found = chain(lambda q: said({"error": f"{q.path} no existe"}, status=404)).stock()
    assert (found.answer, found.reason) == (Answer.INALCANZABLE, "the server answered with HTTP 404: /maestra/articulos/almacen no existe")


# ── the catalogue ───────────────────────────────────────────────────────────────────────────────
def test_the_first_store_in_order_describes_a_product_and_later_ones_fill_its_gaps(chain: Open) -> None:
    lists: dict[str, Any] = {
        "APP-TPF": Said(b"<html>", kind="text/html"),
        "TAVBOL": said({"articulos": [article("01", NombreProducto="del dos", Marca="N/A", Iva=16), article("02", NombreProducto="", Barra=None)]}),
        "TTMAN": said({"articulos": [article("01", NombreProducto="del tres", Marca="POLAR"), article("02", NombreProducto="dos", Barra="7", Iva="x")]}),
        "TSDGO": said({"articulos": [article("02", NombreProducto="dos", Barra="8"), article("", 1)]}),
    }
    here = chain(lambda q: lists.get(q.store, said({"error": "apagado"}, status=400)))
    found = here.source.catalogue(NOW)
    rows = {r["codigo"]: (r["descripcion"], r["departamento"], r["categoria"], r["marca"], r["codigo_barras"], r["iva"]) for r in found.rows.to_pylist()}
    assert rows == {"01": ("del dos", "FRUVER", "POR PESO", "POLAR", "01024", Decimal(16)), "02": ("dos", "FRUVER", "POR PESO", None, "8", Decimal(0))}
    assert (found.answer, found.read, found.repeated, found.rejects.num_rows) == (Answer.ENTERA, 6, 2, 2)
    assert len(found.warnings) == 16
    assert "SUC001 gave no catalogue: the answer is an HTML page, not JSON" in found.warnings


@pytest.mark.parametrize(("answer", "outcome"), [(Said(b"", status=403), Answer.INALCANZABLE), (said({"articulos": []}), Answer.PARCIAL)])
def test_no_store_with_products_is_no_catalogue(chain: Open, answer: Said, outcome: Answer) -> None:
    found = chain(lambda _: answer).source.catalogue(NOW)
    assert (found.answer, found.rows.num_rows) == (outcome, 0)


# ── oddities ────────────────────────────────────────────────────────────────────────────────────
def test_oddities_are_warnings_that_name_the_store(chain: Open) -> None:
    lines = [sale(DAY, line=1, time_of_day="12:20:00.0"), sale(DAY, line=2, time_of_day="09:00:00.0", warehouse="OTRO", impuesto_monto=3, tasa_usd=0)]
    assert chain(lambda _: said(sales(lines))).sales().warnings == (
        "SUC001 2025-11-24: 1 lines have a tax but no tasa_usd: their impuesto is NULL",
        "SUC001 2025-11-24: 1 lines are of another almacén than APP-TPF",
    )


def test_a_line_of_another_day_is_rejected(chain: Open) -> None:
    found = chain(lambda _: said(sales([sale("2025-11-23", line=1), sale(DAY, line=2)]))).sales()
    assert found.rows.column("linea").to_pylist() == [2]
    assert found.rejects.column("campo").to_pylist() == ["fecha"]


# ── how many at once ────────────────────────────────────────────────────────────────────────────
def test_a_store_gets_one_request_at_a_time_and_a_server_a_bounded_number(chain: Open) -> None:
    here = chain(lambda q: said(sales([]), silent=0.05), Patience(2, 5, 20, 1))
    other = KlkSource(here.server.url, here.source.registry, here.source.asker.folder, patience=Patience(2, 5, 20, 1))
    stores = [x for x in here.source.registry.active if here.source.covers(x)]
    work = [(source, store) for store in stores for source in (here.source, other, here.source)]
    threads = [threading.Thread(target=s.read, args=(Fact.VENTAS, store, DAY, NOW)) for s, store in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(here.server.asked) == len(work)
    assert set(here.server.most.values()) == {1}
    assert here.server.most_in_all <= 2 * here.source.parallel
