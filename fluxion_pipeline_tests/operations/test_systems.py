"""Which source ``FLUXION_SOURCE`` opens, and what a location of a system that can't be read is told."""

from __future__ import annotations

from datetime import datetime

import pytest
from pydantic import SecretStr

from fluxion_pipeline.contracts.clock import now
from fluxion_pipeline.contracts.outcomes import Answer, Fact, Outcome
from fluxion_pipeline.errors import LocationError, SettingsError
from fluxion_pipeline.locations.registry import COLUMNS, SINCE, parse
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.land import Request, check_request, read_and_land
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.tds import Refused, sql_server
from fluxion_pipeline_tests.support.tills import article, said, sale, sales, tills

MOVE = "2025-11-24"
STOCK = ("codigo", "deposito", "stock", "precio", "costo", "descripcion", "grupo", "marca", "conocido")


def app(settings: Settings, **changes: object) -> App:
    return App(settings.model_copy(update=changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"fluxion_source": "klk"}, "FLUXION_SOURCE is «klk», but KLK_BASE_URL isn't set"),
        ({"fluxion_source": "auto"}, "FLUXION_SOURCE is «auto», but KLK_BASE_URL isn't set"),
        ({"fluxion_source": "stellar"}, "FLUXION_SOURCE is «stellar», but STELLAR_URL isn't set"),
        ({"fluxion_source": "stellar", "stellar_url": SecretStr("postgresql://u:s3cr3t@h/db")}, "STELLAR_URL begins with «postgresql»"),
        ({"fluxion_source": "klk", "klk_base_url": "klk.example:8080"}, "KLK_BASE_URL is «klk.example:8080», which is no address"),
        ({"fluxion_source": "klk", "klk_base_url": "http://[/"}, "no address"),
    ],
)
def test_a_system_that_is_not_configured_is_named(duck_settings: Settings, changes: dict[str, object], told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_request(app(duck_settings, **changes), Request(Fact.VENTAS))
    assert told in caught.value.what
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["klk", "auto"])
def test_only_klk_s_locations_are_covered_and_the_others_stop_nobody(duck_settings: Settings, name: str) -> None:
    with tills(lambda _: said(sales([]))) as server:
        home = Home(duck_settings.model_copy(update={"fluxion_source": name, "klk_base_url": server.url})).ready()
        report = read_and_land(home.app, Request(Fact.VENTAS))
        assert len({x.location for x in report.landings}) == 19
        assert report.strange == (("CEDI01, CEDI02, CEDI03: not covered, STELLAR_URL isn't set",) if name == "auto" else ())
        with pytest.raises(LocationError) as caught:
            read_and_land(home.app, Request(Fact.VENTAS, locations=("CEDI01",)))
        assert "CEDI01 (stellar): not covered" in caught.value.what


def test_each_location_is_read_from_its_own_system_and_one_dead_system_holds_up_no_other(duck_settings: Settings) -> None:
    def stellar(sql: str) -> object:
        code = sql.split("c_coddeposito = ")[1][:9] if "MA_DEPOPROD" in sql else ""
        if "1710" in code:
            return Refused(208, "Invalid object name 'MA_DEPOPROD'.")
        return STOCK, [("000001", "1413", 5.5, 1.2, 0.6, "ARROZ", "GRANOS", None, "000001")]

    with tills(lambda _: said({"articulos": [article()]})) as server, sql_server(stellar) as other:
        changes = {"fluxion_source": "auto", "klk_base_url": server.url, "stellar_url": SecretStr(other.url)}
        home = Home(duck_settings.model_copy(update=changes)).ready()
        report = read_and_land(home.app, Request(Fact.INVENTARIO, locations=("SUC001", "CEDI01", "CEDI02")))
    assert {x.location: (x.outcome, x.loaded) for x in report.landings} == {
        "SUC001": (Outcome.COMPLETO, 1),
        "CEDI01": (Outcome.COMPLETO, 1),
        "CEDI02": (Outcome.INALCANZABLE, 0),
    }
    assert report.strange == ()


def test_a_store_s_days_before_its_move_come_from_the_old_system(duck_settings: Settings) -> None:
    moved = parse("\n".join([",".join((*COLUMNS, SINCE)), f"t01,SUC001,tienda_01,P,tienda,V,klk,SUC001,APP-TPF,0102,true,true,{MOVE}"]) + "\n")
    before = ("numero", "linea", "fecha", "hora", "codigo", "cantidad", "precio", "costo", "descripcion", "grupo", "marca", "conocido", "productos")
    line = ("S1", 1, datetime.fromisoformat("2025-11-23"), datetime.fromisoformat("1899-12-30 10:00"), "000001", 2.0, 1.5, None, None, None, None, "000001", 1)
    with tills(lambda _: said(sales([sale(MOVE)]))) as server, sql_server(lambda _: (before, [line])) as other:
        settings = duck_settings.model_copy(update={"fluxion_source": "auto", "klk_base_url": server.url, "stellar_url": SecretStr(other.url)})
        home = Home(settings)
        home.app.registry = moved
        home.ready()
        report = read_and_land(home.app, Request(Fact.VENTAS, "2025-11-23", MOVE))
        assert [(x.cut, x.outcome, x.loaded) for x in report.landings] == [("2025-11-23", Outcome.COMPLETO, 1), (MOVE, Outcome.COMPLETO, 1)]
        assert [q.body["fecha_desde"] for q in server.asked] == [MOVE]
        assert len(other.asked) == 1


def test_the_catalogue_of_stellar_fills_what_the_stores_left_out(duck_settings: Settings) -> None:
    names = ("codigo", "descripcion", "departamento", "grupo", "subgrupo", "marca", "presentacion", "barra", "iva")
    products = [("000006", "OTRO NOMBRE", "D", "G", "SUB", None, "KG", None, 16.0), ("900001", "SOLO CEDI", None, None, None, None, None, None, 8.0)]
    with (
        tills(lambda _: said({"articulos": [article(Codigo="000006", NombreProducto="ROMERO KG")]})) as server,
        sql_server(lambda _: (names, products)) as other,
    ):
        settings = duck_settings.model_copy(update={"fluxion_source": "auto", "klk_base_url": server.url, "stellar_url": SecretStr(other.url)})
        found = App(settings).source.catalogue(now())
    assert found.answer is Answer.ENTERA
    assert {(r["codigo"], r["descripcion"], r["presentacion"]) for r in found.rows.to_pylist()} == {
        ("000006", "ROMERO KG", "KG"),
        ("900001", "SOLO CEDI", None),
    }
    assert found.read == found.rows.num_rows + found.repeated + found.rejects.num_rows
