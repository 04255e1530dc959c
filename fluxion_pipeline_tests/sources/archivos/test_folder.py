"""Which files are drops, which are strange, which belong to nobody."""

import os

import pytest

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.errors import ContractError, PermanentError
from fluxion_pipeline.locations import registry
from fluxion_pipeline.sources.archivos import ArchivosSource, open_source, sample_path
from fluxion_pipeline_tests.support import drops

LOCATIONS = registry.load()
STORE, OTHER = LOCATIONS.find("tienda_02"), LOCATIONS.find("tienda_01")
DAY, TICK = "2025-11-24", "2025-11-24T0630"


@pytest.fixture
def source(tmp_path):
    return ArchivosSource(tmp_path, LOCATIONS)


def test_days_and_ticks_come_from_the_names_of_all_three_kinds_of_files(source, tmp_path):
    drops.write_sales(tmp_path, "tienda_02", DAY, [])
    drops.write_sales(tmp_path, "tienda_02", "2025-11-23", [], ".csv.gz")
    drops.write_stock(tmp_path, "tienda_02", TICK, [drops.stock()], ".parquet")
    assert source.cuts(Fact.VENTAS, STORE) == ("2025-11-23", DAY)
    assert source.cuts(Fact.INVENTARIO, STORE) == (TICK,)
    assert source.cuts(Fact.VENTAS, OTHER) == ()


def test_expected_is_what_any_active_location_has(source, tmp_path):
    drops.write_sales(tmp_path, "tienda_02", DAY, [])
    drops.write_sales(tmp_path, "tienda_01", "2025-11-20", [])
    drops.write_sales(tmp_path, "tienda_99", "2025-11-21", [])
    drops.write_sales(tmp_path, "cedi_frutas", "2025-11-22", [])
    assert source.expected(Fact.VENTAS) == ("2025-11-20", DAY)


def test_a_file_that_is_dropped_later_is_seen(source, tmp_path):
    assert source.cuts(Fact.CATALOGO, STORE) == source.cuts(Fact.VENTAS, STORE) == ()
    drops.write_sales(tmp_path, "tienda_02", DAY, [])
    drops.write_products(tmp_path, [])
    assert source.cuts(Fact.VENTAS, STORE) == (DAY,)
    assert source.cuts(Fact.CATALOGO, STORE) == ("*",)


@pytest.mark.parametrize(
    "path",
    [
        "ventas/tienda_02/2025-02-30.csv",
        "ventas/tienda_02/2025-11-24.CSV",
        "ventas/tienda_02/2025-11-24.xlsx",
        "ventas/tienda_02/2025-11-24",
        "ventas/tienda_02/2025-11-24T0630.csv",
        "ventas/tienda_02/.csv.gz/x",
        "ventas/tienda_02/copia de 2025-11-24.csv",
        "ventas/2025-11-24.csv",
        "inventario/tienda_02/2025-11-24.csv",
        "inventario/tienda_02/2025-11-24T2460.csv",
        "inventario/tienda_02/viejo/2025-11-24T0630.csv",
        "Ventas/tienda_02/2025-11-24.csv",
        "ventas.csv",
    ],
)
def test_what_is_no_drop_is_named_and_not_read(source, tmp_path, path):
    drops.write_raw(tmp_path, path, "x")
    if "/.csv" not in path:
        (told,) = source.strange()
        assert told.split(":")[0] == path or path.startswith(told.split(":")[0] + "/")
    assert source.expected(Fact.VENTAS) == source.expected(Fact.INVENTARIO) == ()
    assert source.unknown() == ()


@pytest.mark.parametrize("name", [".2025-11-24.csv.swp", ".hidden", "2025-11-24.csv~", "~$2025-11-24.csv", "2025-11-24.csv.part", "2025-11-24.csv.tmp"])
def test_hidden_and_temporary_files_are_not_looked_at(source, tmp_path, name):
    drops.write_raw(tmp_path, f"ventas/tienda_02/{name}", "x")
    assert (source.strange(), source.cuts(Fact.VENTAS, STORE)) == ((), ())


@pytest.mark.parametrize("names", [(), ("README.md",)])
def test_a_folder_that_holds_no_drops_at_all_is_asked_about(source, tmp_path, names):
    for name in names:
        drops.write_raw(tmp_path, name, "x")
    assert source.strange() == (f"{tmp_path}: neither inventario nor ventas nor productos.csv is there: is FLUXION_SOURCE_PATH right?",)


def test_an_orderly_folder_has_nothing_strange_and_nothing_unknown(source, tmp_path):
    drops.write_sales(tmp_path, "tienda_02", DAY, [])
    drops.write_products(tmp_path, [])
    drops.write_raw(tmp_path, "README.md", "hello")
    assert (source.strange(), source.unknown()) == ((), ())


def test_each_file_of_an_unknown_folder_is_quarantined_with_its_bytes(source, tmp_path):
    drops.write_raw(tmp_path, "ventas/tienda_14/2025-11-24.csv", b"\xff")
    drops.write_raw(tmp_path, "ventas/tienda_14/notes.txt", b"n")
    drops.write_raw(tmp_path, "inventario/SUC001/2025-11-24T0630.csv.gz", b"g")
    found = {(u.fact, u.folder, u.cut, u.origin, source.raw(u)) for u in source.unknown()}
    assert found == {
        (Fact.VENTAS, "tienda_14", DAY, "ventas/tienda_14/2025-11-24.csv", b"\xff"),
        (Fact.VENTAS, "tienda_14", "notes.txt", "ventas/tienda_14/notes.txt", b"n"),
        (Fact.INVENTARIO, "SUC001", TICK, "inventario/SUC001/2025-11-24T0630.csv.gz", b"g"),
    }
    assert {u.reason for u in source.unknown()} == {"«tienda_14» is no codigo_etl of ubicaciones.csv", "«SUC001» is no codigo_etl of ubicaciones.csv"}


def test_an_inactive_location_is_quarantined_and_not_covered(source, tmp_path):
    drops.write_stock(tmp_path, "cedi_frutas", TICK, [drops.stock()])
    (item,) = source.unknown()
    assert item.reason == "CEDI04 (cedi_frutas) is inactive in ubicaciones.csv"
    assert not source.covers(LOCATIONS.find("cedi_frutas"))
    assert source.covers(STORE)


def test_a_quarantined_file_that_has_gone_is_named(source, tmp_path):
    path = drops.write_sales(tmp_path, "tienda_14", DAY, [])
    (item,) = source.unknown()
    path.unlink()
    with pytest.raises(PermanentError, match=r"ventas/tienda_14/2025-11-24.csv is not in"):
        source.raw(item)


def test_a_name_that_is_not_utf_8_is_told_in_text_that_can_be_stored(source, tmp_path):
    folder = os.fsencode(tmp_path) + b"/ventas/caf\xe9"
    os.makedirs(folder)  # noqa: PTH103 bytes
    with open(folder + b"/2025-11-24.csv", "wb") as file:  # noqa: PTH123
        file.write(b"x")
    (item,) = source.unknown()
    assert (item.folder, source.raw(item)) == ("caf\\xe9", b"x")


def test_a_day_that_is_none_cannot_be_asked_for(source):
    with pytest.raises(ContractError, match="is not a day"):
        source.digest(Fact.VENTAS, STORE, "../../etc/passwd")


def test_open_source_names_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(PermanentError) as caught:
        open_source(tmp_path / "nowhere", LOCATIONS)
    assert "FLUXION_SOURCE_PATH" in caught.value.what
    assert "does not exist" in caught.value.what
    assert caught.value.remedy
    with pytest.raises(PermanentError, match="is not a folder"):
        open_source(drops.write_raw(tmp_path, "file", "x"), LOCATIONS)


def test_open_source_takes_the_shipped_sample_by_default(tmp_path):
    assert open_source(None, LOCATIONS).root == sample_path()
    assert open_source(tmp_path, LOCATIONS).root == tmp_path
