"""The shipped sample: small, honest about its stock, and valid in every row."""

from datetime import datetime, timezone

from fluxion_pipeline.contracts.outcomes import Answer, Fact
from fluxion_pipeline.locations import registry
from fluxion_pipeline.sources.archivos import open_source, sample_path

READ_AT = datetime(2025, 11, 24, 15, tzinfo=timezone.utc)
LOCATIONS = registry.load()


def test_the_sample_is_small_and_says_that_stock_is_simulated():
    assert sum(p.stat().st_size for p in sample_path().rglob("*") if p.is_file()) <= 3 * 2**20
    text = (sample_path() / "README.md").read_text("utf-8")
    assert "Stock is simulated" in text
    assert "MIT licence" in text


def test_the_sample_files_carry_no_time_stamp():
    assert {p.read_bytes()[4:8] for p in sample_path().rglob("*.gz")} == {bytes(4)}


def test_every_row_of_the_sample_is_valid():
    source = open_source(None, LOCATIONS)
    counts = {fact: 0 for fact in (Fact.VENTAS, Fact.INVENTARIO)}
    for fact in counts:
        for location in LOCATIONS.active:
            for cut in source.cuts(fact, location):
                reading = source.read(fact, location, cut, READ_AT)
                assert (reading.answer, reading.reason, reading.rows.num_rows, reading.warnings) == (Answer.ENTERA, None, reading.read, ())
                counts[fact] += reading.read
    assert counts == {Fact.VENTAS: 11_449, Fact.INVENTARIO: 163_536}
    assert source.catalogue(READ_AT).rows.num_rows == 16_959
    assert (source.strange(), source.unknown()) == ((), ())
    assert len(source.expected(Fact.VENTAS)) == 14
    assert len(source.expected(Fact.INVENTARIO)) == 4
