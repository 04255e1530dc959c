"""The simulated server: what is in the drops is what it says, as the wire format has it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from fluxion_pipeline.contracts.clock import ZONE
from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.locations import registry
from fluxion_pipeline.simulate.faults import Faults, parse
from fluxion_pipeline.simulate.klk import KlkServer, serving
from fluxion_pipeline.simulate.stores import Stores, moved, seven
from fluxion_pipeline.sources.archivos import ArchivosSource, sample_path
from fluxion_pipeline.sources.klk import KlkSource, Patience
from fluxion_pipeline_tests.support import drops

DAYS = ("2026-03-02", "2026-03-03")
NOON = datetime(2026, 5, 20, 12, tzinfo=ZONE)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, day in enumerate(DAYS):
        lines = [drops.sale(day, f"0{n}", hora=f"{8 + n:02d}:00:00", codigo_producto=f"00{n}", cantidad=n + number, venta_total="1.10") for n in range(10)]
        drops.write_sales(tmp_path, "tienda_01", day, lines)
    drops.write_stock(tmp_path, "tienda_01", "2026-03-02T0600", [drops.stock("001", 1)])
    drops.write_stock(tmp_path, "tienda_01", "2026-03-03T0600", [drops.stock(f"{n:03d}", f"{n}.250") for n in range(200)])
    drops.write_products(tmp_path, [drops.product("001", descripcion="FRIJOLES «A»", departamento="VÍVERES")])
    return tmp_path


@contextmanager
def server(root: Path, *, faults: str = "", at: datetime = NOON, live: bool = False, old: bool = False) -> Iterator[KlkServer]:
    known = registry.load()
    with serving(KlkServer(Stores(root, known, lambda: at, live=live), Faults(parse(faults, known)), old=old)) as found:
        yield found


def ask(found: KlkServer, path: str, body: Mapping[str, Any]) -> Any:
    return httpx.post(f"{found.url}{path}", json=dict(body), trust_env=False).json(parse_float=Decimal)


def sales(found: KlkServer, first: str, last: str | None = None, **more: str) -> list[dict[str, Any]]:
    answer = ask(found, "/ventas", {"sucursal": "SUC001", "fecha_desde": first, "fecha_hasta": last or first, **more})
    lines: list[dict[str, Any]] = answer if isinstance(answer, list) else answer["ventas"]
    assert isinstance(answer, list) or answer["meta"] == {"total_registros": len(lines)}
    return lines


def stock(found: KlkServer) -> dict[str, Decimal]:
    return {line["Codigo"]: Decimal(line["stock"]) for line in ask(found, "/maestra/articulos/almacen", {"Codigoalmacen": "APP-TPF"})["articulos"]}


def test_a_day_as_it_is_in_its_file(root: Path) -> None:
    with server(root) as found:
        lines = sales(found, DAYS[0])
        assert len(lines) == 10
        assert sales(found, "2026-03-01") == []
        assert len(sales(found, DAYS[0], DAYS[1])) == 20
    line = lines[3]
    assert (line["numero_factura"], line["linea"], line["hora"]) == ("03", 1, "11:00:00.0000000")
    assert line["fecha_hora_completa"] == "2026-03-02T11:00:00.0000000"
    assert line["producto"][0]["codigo_producto"] == "003"
    assert (line["cantidad"][0]["cantidad_vendida"], line["cantidad"][0]["codigo_almacen"]) == (3, "APP-TPF")
    assert str(line["financiero"][0]["venta_total_usd"]) == "1.10"
    assert line["financiero"][0]["venta_total_bs"] == line["tasa_usd"] * Decimal("1.10")


def test_both_ends_of_the_hours_are_included_on_every_day(root: Path) -> None:
    with server(root) as found:
        told = sales(found, DAYS[0], DAYS[1], hora_desde="09:00:00", hora_hasta="11:00:00")
        assert [(x["fecha"], x["hora"][:5]) for x in told] == [(d, h) for d in DAYS for h in ("09:00", "10:00", "11:00")]
        assert [x["hora"][:5] for x in sales(found, DAYS[0], hora_desde="16:00:00")] == ["16:00", "17:00"]
        assert sales(found, DAYS[0], almacen="OTRO") == []


def test_the_newest_stock_with_the_catalogue_s_names(root: Path) -> None:
    with server(root) as found:
        lines = {x["Codigo"]: x for x in ask(found, "/maestra/articulos/almacen", {"Codigoalmacen": "APP-TPF"})["articulos"]}
        assert ask(found, "/maestra/articulos", {"CodigoAlmacen": "APP-TPF"}) == {"error": "not found"}
    assert (len(lines), str(lines["007"]["stock"])) == (200, "7.250")
    assert (lines["001"]["NombreProducto"], lines["001"]["Descripcion"]) == ("FRIJOLES «A»", "VÍVERES")


def test_an_older_server_speaks_in_bare_lists_at_its_own_address(root: Path) -> None:
    with server(root, old=True) as found:
        assert len(sales(found, DAYS[0])) == 10
        assert len(ask(found, "/maestra/articulos", {"CodigoAlmacen": "APP-TPF"})) == 200
        assert ask(found, "/maestra/articulos/almacen", {"Codigoalmacen": "APP-TPF"}) == {"error": "not found"}


def test_a_store_that_is_none_is_an_error_in_200(root: Path) -> None:
    with server(root) as found:
        assert ask(found, "/ventas", {"sucursal": "SUC099", "fecha_desde": DAYS[0], "fecha_hasta": DAYS[0]}) == {"error": "sucursal SUC099 no existe"}
        assert "error" in ask(found, "/ventas", {"sucursal": "SUC001", "fecha_desde": "ayer", "fecha_hasta": DAYS[0]})
        assert len(httpx.get(f"{found.url}/maestra/almacenes/pisoventa", trust_env=False).json()) == 19


def test_live_the_newest_day_is_today_as_far_as_it_has_gone_and_days_repeat_with_numbers_of_their_own(root: Path) -> None:
    with server(root, live=True) as found:
        today, before, older = (sales(found, (NOON - timedelta(days=n)).date().isoformat()) for n in range(3))
        assert sales(found, "2026-05-21") == []
    assert [x["hora"][:2] for x in today] == ["08", "09", "10", "11", "12"]
    assert (len(before), len(older)) == (10, 10)
    assert {x["fecha"] for x in today} == {"2026-05-20"}
    numbers = [x["numero_factura"] for x in (*today, *before, *older)]
    assert len(set(numbers)) == len(numbers)


def test_live_a_part_of_the_stock_changes_every_half_hour(root: Path) -> None:
    told = []
    for minutes in (0, 29, 30, 60):
        with server(root, live=True, at=NOON + timedelta(minutes=minutes)) as found:
            told.append(stock(found))
    assert told[0] == told[1]
    for one, next_ in ((told[1], told[2]), (told[2], told[3])):
        assert 0 < sum(one[code] != next_[code] for code in one) < 40


def test_a_clock_that_is_ahead_tells_of_sales_to_come(root: Path) -> None:
    with server(root, live=True, faults="t01=ahead:90") as found:
        told = [x["hora"][:5] for x in sales(found, "2026-05-20")]
    assert told == ["09:30", "10:30", "11:30", "12:30", "13:30"]
    assert [seven("23:30", 60), seven("10:00:01.5", 30), seven("x")] == ["23:59:59.0000000", "10:30:01.5000000", "x.0000000"]
    assert moved("x", "y", 3) == "x"


def test_the_journal_tells_what_was_asked_and_how_many_at_once(root: Path) -> None:
    with server(root, faults="*=slow:2") as found:
        threads = [threading.Thread(target=sales, args=(found, DAYS[0])) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        told = httpx.get(f"{found.url}/_requests", trust_env=False).json()
    assert (len(told["requests"]), told["most_at_once"], told["most_in_all"]) == (3, {"SUC001": 3}, 3)
    assert told["requests"][0]["fault"] == "slow"


FAULTS = {
    "down": "connection broke before any answer",
    "slow:2": "silent for 1 s",
    "500": "HTTP 500",
    "error": "answered with an error",
    "html": "HTML page «502 Bad Gateway»",
    "empty": "empty",
    "cut": "cut: it ends in the middle",
    "reset": "connection broke",
    "truncated": "announces 10 lines, 3 came",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_seen_as_what_it_is(root: Path, tmp_path: Path, fault: str) -> None:
    with server(root, faults=f"t01={fault}") as found:
        source = KlkSource(found.url, registry.load(), tmp_path / "klk", patience=Patience(1, 1, 5, 1))
        reading = source.read(Fact.VENTAS, source.registry.find("t01"), DAYS[0], NOON)
    assert FAULTS[fault] in str(reading.reason)


def test_a_twin_answers_for_another_store(root: Path) -> None:
    with server(root, faults="t02=twin:t01") as found:
        answer = ask(found, "/maestra/articulos/almacen", {"Codigoalmacen": "TAVBOL"})
        assert answer == ask(found, "/maestra/articulos/almacen", {"Codigoalmacen": "APP-TPF"})


def test_the_whole_sample_comes_through_the_wire_as_it_comes_from_its_files(tmp_path: Path) -> None:
    """Facts that both sources have are equal: numbers, dates and codes survive JSON and HTTP."""
    known = registry.load()
    files, at = ArchivosSource(sample_path(), known), datetime(2017, 4, 1, 12, tzinfo=ZONE)
    shared = [c for c in files.read(Fact.VENTAS, known.find("t01"), "2017-03-06", at).rows.column_names if c not in {"almacen_codigo", "unidad"}]
    shared = [c for c in shared if c not in {"impuesto", "venta_total_bs", "tasa_usd"}]
    with server(sample_path(), at=at) as found:
        source = KlkSource(found.url, known, tmp_path / "klk")
        for store in (known.find("t01"), known.find("t20")):
            for day in files.cuts(Fact.VENTAS, store):
                wire, file = (s.read(Fact.VENTAS, store, day, at) for s in (source, files))
                assert wire.rows.select(shared).to_pylist() == file.rows.select(shared).to_pylist()
                assert wire.rejects.num_rows == file.rejects.num_rows == 0
            tick = files.cuts(Fact.INVENTARIO, store)[-1]
            wire, file = (s.read(Fact.INVENTARIO, store, tick, at) for s in (source, files))
            assert wire.rows.select(["producto_codigo", "stock"]).to_pylist() == file.rows.select(["producto_codigo", "stock"]).to_pylist()
    assert json.dumps(found.journal.most) == '{"SUC001": 1, "SUC005": 1}'
