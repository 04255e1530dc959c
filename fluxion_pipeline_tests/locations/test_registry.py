"""The map of locations: the shipped one, and every mistake in a map, named with its line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from fluxion_pipeline.errors import LocationError
from fluxion_pipeline.locations.registry import COLUMNS, SINCE, Registry, load, parse

HEADER = ",".join(COLUMNS)
STORE = "t01,SUC001,tienda_01,Periférico,tienda,VALENCIA,klk,SUC001,APP-TPF,0102,true,true"
CEDI = "cedi01,CEDI01,cedi_seco,CEDI Seco,cedi,VALENCIA,stellar,,,1413,true,false"


def text(*lines: str) -> str:
    return "\n".join([HEADER, *lines]) + "\n"


@pytest.fixture(scope="module")
def shipped() -> Registry:
    return load()


def test_the_shipped_map_has_23_locations_of_which_22_are_active(shipped: Registry) -> None:
    assert (len(shipped.locations), len(shipped.active)) == (23, 22)
    assert [x.codigo_etl for x in shipped if not x.activo] == ["cedi_frutas"]
    assert (sum(x.is_store for x in shipped), sum(not x.is_store for x in shipped)) == (19, 4)


def test_a_code_is_looked_up_and_never_computed(shipped: Registry) -> None:
    found = {etl: x.codigo for etl in ("tienda_01", "tienda_02", "tienda_08", "tienda_17", "tienda_20") if (x := shipped.by_etl(etl))}
    assert found == {"tienda_01": "SUC001", "tienda_02": "SUC007", "tienda_08": "SUC002", "tienda_17": "SUC003", "tienda_20": "SUC005"}


def test_there_is_no_tienda_14(shipped: Registry) -> None:
    assert shipped.by_etl("tienda_14") is None
    with pytest.raises(LocationError, match="«tienda_14» is no location"):
        shipped.find("tienda_14")
    assert shipped.find("SUC014").codigo_etl == "tienda_04"


@pytest.mark.parametrize("name", ["SUC007", "suc007", "tienda_02", "TIENDA_02", "t02", "T02"])
def test_people_may_name_it_in_three_ways(name: str, shipped: Registry) -> None:
    assert shipped.find(name).nombre == "Av. Bolívar"


def test_a_folders_name_is_taken_literally(shipped: Registry) -> None:
    assert [shipped.by_etl(name) for name in ("SUC007", "t02", "TIENDA_02", " tienda_02", "")] == [None] * 5


def test_who_isnt_found_is_shown_who_is_there(shipped: Registry) -> None:
    with pytest.raises(LocationError) as error:
        shipped.find("tienda_99")
    assert "SUC007 (tienda_02, t02)" in error.value.remedy


def test_a_valid_map_is_read_in_its_order() -> None:
    both = parse(text(CEDI, STORE))
    assert [x.codigo for x in both] == ["CEDI01", "SUC001"]
    assert both.locations[0].klk_sucursal is None
    assert (both.locations[0].visible_pedidos, both.locations[1].visible_pedidos) == (False, True)


def test_a_text_in_quotes_may_hold_commas_and_line_breaks() -> None:
    odd = STORE.replace("Periférico", '"Uno, dos\ntres"')
    with pytest.raises(LocationError, match="line 5: id «t01» stands in line"):
        parse(text(odd, CEDI, STORE))
    assert parse(text(odd)).locations[0].nombre == "Uno, dos\ntres"


WRONG = {
    "id twice": ([STORE, CEDI.replace("cedi01", "t01")], "line 3: id «t01» stands in line 2 already"),
    "codigo twice": ([STORE, CEDI.replace("CEDI01", "SUC001")], "line 3: codigo «SUC001» stands in line 2 already"),
    "codigo_etl twice": ([STORE, CEDI, STORE.replace("t01,SUC001", "t02,SUC002")], "line 4: codigo_etl «tienda_01» stands in line 2 already"),
    "codigo too long": ([STORE.replace("t01,SUC001", "t01,SUC00000001")], "line 2: codigo «SUC00000001» is longer than 10"),
    "unknown tipo": ([CEDI, STORE.replace("o,tienda,", "o,kiosco,")], "line 3: tipo is «kiosco»"),
    "unknown sistema_pos": ([STORE.replace("klk", "sap")], "line 2: sistema_pos is «sap»"),
    "KLK without sucursal": ([STORE.replace("klk,SUC001", "klk,")], "line 2: a KLK location needs"),
    "KLK without almacen": ([STORE.replace("APP-TPF", " ")], "line 2: a KLK location needs"),
    "activo is no flag": ([STORE.replace("0102,true", "0102,yes")], "line 2: activo is «yes»"),
    "visible_pedidos is no flag": ([STORE.replace("true,true", "true,1")], "line 2: visible_pedidos is «1»"),
    **{
        f"no {column}": ([CEDI, ",".join("" if c == column else v for c, v in zip(COLUMNS, STORE.split(","), strict=True))], f"line 3: {column} is empty")
        for column in ("id", "codigo", "codigo_etl", "nombre", "tipo", "sistema_pos", "activo", "visible_pedidos")
    },
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_named_with_its_line(name: str) -> None:
    lines, expected = WRONG[name]
    with pytest.raises(LocationError, match=expected) as error:
        parse(text(*lines))
    assert error.value.remedy


def moved(line: str, since: str) -> Registry:
    return parse(f"{HEADER},{SINCE}\n{line},{since}\n")


def test_a_location_may_move_to_its_system_on_a_day_and_comes_from_the_other_one_before() -> None:
    place = moved(STORE, "2026-01-15").locations[0]
    assert [place.system_on(date(2026, 1, day)) for day in (14, 15, 16)] == ["stellar", "klk", "klk"]
    assert (place.ever_of("stellar"), place.ever_of("klk")) == (True, True)
    stays = moved(STORE, "").locations[0]
    assert (stays.system_on(date(2000, 1, 1)), stays.ever_of("stellar")) == ("klk", False)


@pytest.mark.parametrize(
    ("line", "since", "told"),
    [
        (STORE, "15/01/2026", "line 2: sistema_desde is «15/01/2026»"),
        (STORE.replace(",0102,", ",,"), "2026-01-15", "line 2: an active Stellar location needs stellar_deposito"),
        (CEDI, "2026-01-15", "line 2: a KLK location needs"),
        (CEDI.replace("1413", ""), "", "line 2: an active Stellar location needs stellar_deposito"),
    ],
)
def test_a_move_that_can_t_be_is_named(line: str, since: str, told: str) -> None:
    with pytest.raises(LocationError, match=told):
        moved(line, since)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(LocationError, match="line 1: missing columns codigo_etl, activo"):
        parse(HEADER.replace("codigo_etl,", "").replace("activo,", "") + "\n")


def test_a_map_without_locations_is_refused() -> None:
    with pytest.raises(LocationError, match="has no locations"):
        parse(text())


def test_a_map_may_have_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_bytes(b"\xef\xbb\xbf" + text(STORE).encode())
    assert load(tmp_path / "map.csv").locations[0].codigo == "SUC001"


@pytest.mark.parametrize("content", [None, text(STORE).encode("latin-1")])
def test_a_map_that_cant_be_read_is_named(content: bytes | None, tmp_path: Path) -> None:
    if content:
        (tmp_path / "map.csv").write_bytes(content)
    with pytest.raises(LocationError, match="map.csv can't be read"):
        load(tmp_path / "map.csv")
