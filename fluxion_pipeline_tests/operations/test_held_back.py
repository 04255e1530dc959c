"""What waits for a person: readings held back as sospechoso, data in quarantine; and why a row is as it is."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import Fact, Outcome, SinkName
from fluxion_pipeline.errors import ContractError, OutboxError, PermanentError
from fluxion_pipeline.landing.quarantine import Quarantine
from fluxion_pipeline.locations.registry import Registry
from fluxion_pipeline.operations.accept import accept, waiting
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.operations.explain import Explanation, explain
from fluxion_pipeline.operations.land import LandingReport, Request, read_and_land
from fluxion_pipeline.operations.replay import replay
from fluxion_pipeline.operations.status import status
from fluxion_pipeline_tests.support.drops import sale, stock, write_sales, write_stock

DAY, NEXT = "2025-03-10", "2025-03-11"
MORNING, EVENING = "2025-03-10T1000", "2025-03-10T1800"


def load(app: App, fact: Fact, **asked: object) -> LandingReport:
    report = read_and_land(app, replace(Request(fact), **asked))  # type: ignore[arg-type]
    bring_up(app, SinkName.DUCKDB)
    return report


def stock_of(app: App, place: str = "SUC001") -> dict[str, Decimal]:
    rows = app.sink(SinkName.DUCKDB).read("inventario_actual", None, {"ubicacion_codigo": [place]}).to_pylist()
    return {r["producto_codigo"]: r["stock"] for r in rows}


def many(count: int, amount: str = "5") -> list[dict[str, str]]:
    return [stock(f"{n:08d}", amount) for n in range(count)]


def happened(found: Explanation) -> list[str]:
    return [e.what for e in found.events]


def halved(app: App, drops: Path) -> None:
    """Sixty products, then twenty-nine: the second snapshot is held back."""
    write_stock(drops, "tienda_01", MORNING, many(60))
    write_stock(drops, "tienda_01", EVENING, many(29, "7"))
    report = load(app, Fact.INVENTARIO, locations=("SUC001",))
    assert [x.outcome for x in report.landings] == [Outcome.COMPLETO, Outcome.SOSPECHOSO]
    assert (report.total("held"), len(stock_of(app))) == (29, 60)


def test_evidence_that_is_damaged_is_named_and_the_reading_lands_when_it_is_read_again(app: App, drops: Path) -> None:
    halved(app, drops)
    (evidence,) = app.outbox.root.glob("SUC001/*/*-evidencia-*.parquet")
    evidence.write_bytes(evidence.read_bytes()[:-1])
    with pytest.raises(OutboxError, match=f"{evidence.name} can't be read.*read it again: fluxion run … --accept"):
        accept(app, waiting(app))
    load(app, Fact.INVENTARIO, low=EVENING, high=EVENING, locations=("SUC001",), accept=True)
    assert stock_of(app) == {f"{n:08d}": Decimal(7) for n in range(29)}
    assert waiting(app) == ()


def test_what_is_held_back_is_listed_with_its_reason_and_lands_when_accepted(app: App, drops: Path) -> None:
    def told() -> tuple[str | None, str | None, bool]:
        (here,) = (x for x in status(app).locations if x.location == "SUC001")
        return here.outcome, here.last_outcome, here.healthy

    halved(app, drops)
    (held,) = waiting(app)
    assert (held.location, held.cut, held.valid) == ("SUC001", EVENING, 29)
    assert held.reason.startswith("tamaño")
    assert status(app).held == waiting(app)
    assert told()[1:] == ("sospechoso", False)
    assert waiting(app, Fact.VENTAS) == ()
    assert waiting(app, Fact.INVENTARIO, ["tienda_02"]) == ()
    (landing,) = accept(app, waiting(app, Fact.INVENTARIO, ["t01"], EVENING))
    assert landing.applied
    bring_up(app, SinkName.DUCKDB)
    assert stock_of(app) == {f"{n:08d}": Decimal(7) for n in range(29)}
    assert waiting(app) == status(app).held == ()
    assert told() == ("completo", "completo", True)
    with pytest.raises(PermanentError, match="nothing is held back"):
        accept(app, waiting(app))


def test_what_is_read_again_and_still_held_back_is_listed_once_and_can_be_accepted(app: App, drops: Path) -> None:
    halved(app, drops)
    (first,) = waiting(app)
    (again,) = load(app, Fact.INVENTARIO, locations=("SUC001",), low=EVENING, high=EVENING).landings
    assert (again.outcome, again.new) == (Outcome.SOSPECHOSO, False)
    (held,) = status(app).held
    assert (held.lote, held.reason, held.read_at > first.read_at) == (first.lote, first.reason, True)
    (landing,) = accept(app, waiting(app))
    assert landing.applied
    bring_up(app, SinkName.DUCKDB)
    assert stock_of(app) == {f"{n:08d}": Decimal(7) for n in range(29)}
    assert waiting(app) == status(app).held == ()


def test_a_run_that_accepts_reads_what_is_held_back_again(app: App, drops: Path) -> None:
    halved(app, drops)
    assert load(app, Fact.INVENTARIO, locations=("SUC001",)).landings == ()
    report = load(app, Fact.INVENTARIO, locations=("SUC001",), accept=True)
    assert [(x.cut, x.outcome, x.applied) for x in report.landings] == [(EVENING, Outcome.COMPLETO, True)]
    assert len(stock_of(app)) == 29


def test_accepting_an_answer_older_than_what_stands_changes_nothing_and_says_so(app: App, drops: Path) -> None:
    halved(app, drops)
    held = waiting(app)
    write_stock(drops, "tienda_01", EVENING, many(58, "9"))
    load(app, Fact.INVENTARIO, locations=("SUC001",))
    assert waiting(app) == ()
    (landing,) = accept(app, held)
    assert not landing.applied
    assert "evidence" in (landing.reason or "")
    bring_up(app, SinkName.DUCKDB)
    assert set(stock_of(app).values()) == {Decimal(9)}


def test_quarantine_is_kept_when_its_source_goes_and_replayed_when_the_map_knows_it(app: App, drops: Path) -> None:
    files = [write_stock(drops, "tienda_99", tick, [stock("00000001", n)]) for n, tick in ((4, MORNING), (6, EVENING))]
    files.append(write_sales(drops, "tienda_99", DAY, [sale(DAY)]))
    assert len(load(app, Fact.INVENTARIO).quarantined) == 2
    assert len(load(app, Fact.VENTAS).quarantined) == 1
    assert load(app, Fact.INVENTARIO).quarantined == ()
    for file in files:
        file.unlink()
    still = replay(app)
    assert (still.landings, len(still.waiting)) == ((), 3)
    known = replace(app.registry.find("SUC005"), id="t99", codigo="SUC099", codigo_etl="tienda_99", nombre="Nueva")
    app.__dict__["registry"] = Registry((*app.registry.locations, known))
    done = replay(app, "tienda_99")
    assert [(x.location, x.applied) for x in done.landings] == [("SUC099", True)] * 3
    assert done.waiting == ()
    bring_up(app, SinkName.DUCKDB)
    assert stock_of(app, "SUC099") == {"00000001": Decimal(6)}
    assert Quarantine(app.settings.home).entries() == ()
    assert replay(app).landings == ()


def test_a_location_that_the_map_has_learnt_is_in_the_map_of_the_sinks_as_soon_as_its_rows_are(app: App, drops: Path) -> None:
    def known() -> set[str]:
        bring_up(app, SinkName.DUCKDB)
        return set(app.sink(SinkName.DUCKDB).read("ubicaciones", ["codigo"]).column("codigo").to_pylist())

    app.outbox.land_locations(app.registry)
    write_sales(drops, "tienda_99", DAY, [sale(DAY)])
    load(app, Fact.VENTAS)
    first = app.registry
    new = [replace(first.find("SUC005"), id=f"t{n}", codigo=f"SUC0{n}", codigo_etl=f"tienda_{n}", nombre=f"Nueva {n}") for n in (99, 98)]
    assert not known() & {"SUC099", "SUC098"}
    app.__dict__["registry"] = Registry((*first.locations, new[0]))
    assert len(replay(app).landings) == 1
    assert known() & {"SUC099", "SUC098"} == {"SUC099"}
    app.__dict__["registry"] = Registry((*first.locations, *new))
    load(app, Fact.INVENTARIO)
    assert "SUC098" not in known()
    write_sales(drops, "tienda_98", DAY, [sale(DAY)])
    load(app, Fact.VENTAS)
    assert {"SUC099", "SUC098"} <= known()


def test_explain_tells_what_landed_changed_and_vanished(app: App, drops: Path) -> None:
    write_stock(drops, "tienda_01", MORNING, [stock("00000001", 4), stock("00000002", 1)])
    write_stock(drops, "tienda_01", EVENING, [stock("00000002", 1)])
    load(app, Fact.INVENTARIO, locations=("SUC001",))
    found = explain(app, "inventario_actual", ["tienda_01", "00000001"])
    assert (found.sinks["duckdb"], found.image) == ([], [])
    assert [(e.what, e.slice) for e in found.events] == [("landed", f"SUC001/{MORNING}"), ("gone", f"SUC001/{EVENING}")]
    assert found.events[0].origin == f"inventario/tienda_01/{MORNING}.csv"
    still = explain(app, "inventario_actual", ["SUC001", "SUC001", "00000002"])
    assert [r["stock"] for r in still.image] == [Decimal(1)]


def test_explain_tells_of_rejected_carried_displaced_and_held_back_rows(app: App, drops: Path) -> None:
    write_sales(drops, "tienda_01", DAY, [sale(DAY, "000000000001"), sale(DAY, "000000000002")])
    load(app, Fact.VENTAS, locations=("SUC001",))
    write_sales(drops, "tienda_01", DAY, [sale(DAY, "000000000001", cantidad="x"), sale(DAY, "000000000002")])
    load(app, Fact.VENTAS, locations=("SUC001",))
    carried = explain(app, "ventas", ["SUC001", "000000000001", "1"])
    assert happened(carried) == ["landed", "carried", "rejected"]
    assert carried.events[-1].row == {"campo": "cantidad", "valor": "x"}
    write_sales(drops, "tienda_01", NEXT, [sale(NEXT, "000000000002")])
    load(app, Fact.VENTAS, locations=("SUC001",))
    moved = explain(app, "ventas", ["SUC001", "000000000002", "1"])
    assert [str(r["fecha_negocio"]) for r in moved.image] == [NEXT]
    assert ("displaced", f"SUC001/{DAY}") in [(e.what, e.slice) for e in moved.events]
    halved(app, drops)
    assert "held back" in happened(explain(app, "inventario_actual", ["SUC001", "00000003"]))


def test_explain_refuses_what_it_cant_tell_and_says_the_key(app: App) -> None:
    with pytest.raises(ContractError, match="can't be explained"):
        explain(app, "cobertura", ["x"])
    with pytest.raises(ContractError, match="the key of ventas is ubicacion_codigo, numero_factura, linea") as caught:
        explain(app, "ventas", ["SUC001"])
    assert caught.value.remedy == "fluxion explain ventas UBICACION_CODIGO NUMERO_FACTURA LINEA"
    assert explain(app, "ventas", ["SUC001", "9", "1"]).events == ()
