"""What the landing of ``*`` decides: products are updated and never deleted, provisional ones never replace, codes never vanish."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from fluxion_pipeline.contracts.outcomes import Answer, Fact, Outcome, Provenance
from fluxion_pipeline.contracts.rows import MET_SCHEMA, row_schema
from fluxion_pipeline.errors import LocationError
from fluxion_pipeline.landing.outbox import Landing, Outbox
from fluxion_pipeline.landing.past import image_rows
from fluxion_pipeline.locations.registry import Registry, load
from fluxion_pipeline.sources.protocol import Reading, no_rejects
from fluxion_pipeline_tests.support import landing_world as world
from fluxion_pipeline_tests.support.landing_words import said

START = datetime(2025, 11, 20, 12, tzinfo=timezone.utc)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path).open()


def catalogue(hour: int, *products: tuple[str, str | None], **changes: Any) -> Reading:
    rows = [{"codigo": code, "descripcion": text, "es_provisional": False} for code, text in products]
    schema = row_schema(Fact.CATALOGO)
    table = pa.Table.from_pylist([{c: row.get(c) for c in schema.names} for row in rows], schema=schema)
    return replace(Reading(Fact.CATALOGO, "*", "*", START + timedelta(hours=hour), table, no_rejects(), read=len(rows)), **changes)


def land(outbox: Outbox, reading: Reading) -> Landing:
    with outbox.lock(reading.location) as past:
        return outbox.land(reading, past)


def products(outbox: Outbox) -> dict[str, tuple[str | None, bool]]:
    (image,) = outbox.index.images("*", "productos")
    return {r["codigo"]: (r["descripcion"], r["es_provisional"]) for r in image_rows(image).to_pylist()}


def sell(outbox: Outbox, hour: int, *codes: str) -> None:
    met = pa.Table.from_pylist([{"codigo": c, "descripcion": f"met {c}", "categoria": None, "marca": None} for c in codes], schema=MET_SCHEMA)
    land(outbox, world.real(said("ventas", 0, hour, f"a{hour % 9}"), met=met))


def test_a_catalogue_updates_and_deletes_nothing(outbox: Outbox) -> None:
    land(outbox, catalogue(1, ("001", "BEANS"), ("002", "RICE")))
    told = land(outbox, catalogue(2, ("002", "RICE 1KG"), ("003", None)))
    assert (told.outcome, told.applied) == (Outcome.COMPLETO, True)
    assert products(outbox) == {"001": ("BEANS", False), "002": ("RICE 1KG", False), "003": (None, False)}


def test_the_same_catalogue_lands_nothing(outbox: Outbox) -> None:
    land(outbox, catalogue(1, ("001", "BEANS")))
    told = land(outbox, catalogue(2, ("001", "BEANS")))
    assert (told.new, told.loaded, outbox.index.sequence("*")) == (False, 1, 1)


def test_an_older_catalogue_is_evidence_once(outbox: Outbox) -> None:
    land(outbox, catalogue(5, ("001", "BEANS")))
    told = land(outbox, catalogue(4, ("001", "OLD")))
    assert (told.new, told.applied, products(outbox)) == (True, False, {"001": ("BEANS", False)})
    land(outbox, catalogue(6, answer=Answer.INALCANZABLE))
    assert not land(outbox, catalogue(4, ("001", "OLD"))).new


def test_an_empty_catalogue_is_held_back_until_accepted(outbox: Outbox) -> None:
    land(outbox, catalogue(1, ("001", "BEANS")))
    assert land(outbox, catalogue(2)).outcome is Outcome.SOSPECHOSO
    assert land(outbox, catalogue(3, provenance=Provenance.ACCEPT)).applied
    assert products(outbox) == {"001": ("BEANS", False)}


def test_products_that_facts_met_are_added_flagged_and_never_over_another(outbox: Outbox) -> None:
    land(outbox, catalogue(1, ("001", "BEANS")))
    sell(outbox, 1, "001", "009")
    assert outbox.land_met() == 1
    assert products(outbox) == {"001": ("BEANS", False), "009": ("met 009", True)}
    assert outbox.land_met() == 0
    land(outbox, catalogue(2, ("009", "NINE")))
    assert products(outbox)["009"] == ("NINE", False)


def test_what_facts_met_survives_the_loss_of_the_index(outbox: Outbox) -> None:
    sell(outbox, 1, "009")
    outbox.index.discard()
    again = Outbox(outbox.home).open()
    assert again.land_met() == 1
    assert products(again) == {"009": ("met 009", True)}


def test_facts_alone_never_write_a_dimension(outbox: Outbox) -> None:
    sell(outbox, 1, "009")
    assert outbox.index.images("*") == ()
    assert {i.table for i in outbox.index.images("SUC001")} == {"ventas", "cobertura"}


def test_the_map_lands_once_and_again_when_it_changes(outbox: Outbox) -> None:
    registry = load()
    assert outbox.land_locations(registry)
    assert not outbox.land_locations(registry)
    closed = Registry(tuple(replace(x, activo=x.codigo != "SUC007" and x.activo) for x in registry))
    assert outbox.land_locations(closed)
    (image,) = outbox.index.images("*", "ubicaciones")
    assert (image.rows, image.version) == (23, 2)
    assert [r["activo"] for r in image_rows(image).to_pylist() if r["codigo"] == "SUC007"] == [False]


def test_a_code_that_was_loaded_may_not_vanish(outbox: Outbox) -> None:
    registry = load()
    outbox.land_locations(registry)
    with pytest.raises(LocationError, match="lacks SUC007") as error:
        outbox.land_locations(Registry(tuple(x for x in registry if x.codigo != "SUC007")))
    assert "activo=false" in error.value.remedy
