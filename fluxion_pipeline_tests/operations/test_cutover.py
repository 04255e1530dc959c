"""A chain that is ready to move to PostgreSQL, and ones that aren't: the verdict, its reasons, and the page."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.clock import now
from fluxion_pipeline.contracts.outcomes import Fact, SinkName, Verdict
from fluxion_pipeline.locations import registry
from fluxion_pipeline.locations.registry import Registry
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.cutover import BACKUP, cutover
from fluxion_pipeline.operations.cutover_page import page, write
from fluxion_pipeline.operations.cutover_rules import EQUAL_DAYS, RULES, Facts, ruled
from fluxion_pipeline.operations.land import Request, read_and_land
from fluxion_pipeline.operations.parity_history import FILE, Proof, days_equal, history
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.home import Home

READY = Facts(True, 0, 14, 3.0, 0, 0, 0, 1.0, 0, 120.0, 5.0, restored=True)
STORES = ("SUC014", "SUC013")

WRONG = {
    "ambos": {"dual": False},
    "iguales": {"different": 1},
    "dias": {"equal_days": 13},
    "prueba": {"oldest_hours": None},
    "pendientes": {"pending": 2},
    "esquema": {"drift": 1},
    "cobertura": {"share": 0.98},
    "cuarentena": {"quarantined": 1},
    "lectura": {"slowest": 2001.0},
    "respaldo": {"restored": False},
}


def test_every_rule_can_fail_alone_and_has_a_reason_and_a_remedy_in_both_languages() -> None:
    assert all(r.holds for r in ruled(READY))
    assert [rule.name for rule in RULES] == list(WRONG)
    for name, changes in WRONG.items():
        assert [r.rule.name for r in ruled(replace(READY, **changes)) if not r.holds] == [name]
    assert all(text for rule in RULES for pair in (rule.title, rule.reason, rule.remedy) for text in pair)


def test_what_was_measured_is_told_with_its_unit_in_both_languages() -> None:
    nothing = replace(READY, dual=False, oldest_hours=None, slowest=None, backup_hours=None, different=1, equal_days=1, pending=2, drift=1, quarantined=0)
    told = {r.rule.name: r.value for facts in (READY, nothing) for r in ruled(facts)}
    assert told["iguales"] == ("1 tabla sin igualdad", "1 table not equal")
    assert told["dias"] == ("1 día", "1 day")
    assert told["pendientes"] == ("2 slices faltan", "2 slices lacking")
    assert told["ambos"] == ("1 de 2", "1 of 2")
    assert (told["prueba"], told["lectura"], told["respaldo"]) == (
        ("sin probar", "not proven"),
        ("sin medir", "not measured"),
        ("nadie lo dice", "nobody told"),
    )
    (backup,) = [r.value for r in ruled(replace(READY, restored=False)) if r.rule.name == "respaldo"]
    assert backup == ("5.0 h, nunca restaurado", "5.0 h, never restored")


def test_days_are_counted_without_a_gap_and_without_a_difference() -> None:
    at = datetime.fromisoformat("2025-11-24T15:00:00+00:00")

    def count(**odd: Verdict | None) -> int:
        days = {n: odd.get(f"d{n}", Verdict.IGUAL) for n in range(20)}
        return days_equal(tuple(Proof(at - timedelta(days=n), "ventas", v, 1) for n, v in days.items() if v), "ventas", at)

    assert (count(), count(d5=None), count(d3=Verdict.DIFERENTE), count(d2=Verdict.NO_CONCLUYENTE), count(d0=None)) == (20, 5, 3, 2, 0)


class _Tags(HTMLParser):
    """Checks that tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "input", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(text: str) -> str:
    tags = _Tags()
    tags.feed(text)
    assert tags.open == []
    assert "<script" not in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    return text


@pytest.fixture
def home(pg_settings: Settings) -> Home:
    """Two stores of the shipped sample of which no day is lacking, in both sinks, as if the chain had no others."""
    found = Home(pg_settings.model_copy(update={"fluxion_source": "archivos"})).ready()
    for fact in (Fact.CATALOGO, Fact.VENTAS, Fact.INVENTARIO):
        read_and_land(found.app, Request(fact, locations=() if fact is Fact.CATALOGO else STORES))
    for sink in SinkName:
        found.converge(sink)
    found.app.registry = Registry(tuple(x for x in registry.load() if x.codigo in STORES))
    return found


def proven_for(home: Path, days: int, tables: list[str]) -> None:
    lines = [{"at": (now() - timedelta(days=n)).isoformat(), "table": t, "verdict": "igual", "rows": 1} for n in range(days) for t in tables]
    (home / FILE).write_text("".join(json.dumps(x) + "\n" for x in lines) + '{"at": "cut', "utf-8")


def test_a_chain_is_ready_when_all_holds_and_no_longer_when_a_row_was_edited(home: Home) -> None:
    folder = home.app.settings.home
    fresh = cutover(home.app)
    assert {r.rule.name for r in fresh.rules if not r.holds} >= {"dias", "respaldo"}
    assert not fresh.ready
    proven_for(folder, EQUAL_DAYS, list(fresh.equal_days))
    (folder / BACKUP).write_text(json.dumps({"hecho_en": now().isoformat(), "restaurado_en": "2025-11-01"}), "utf-8")
    found = cutover(home.app)
    assert [(r.rule.name, r.value) for r in found.rules if not r.holds] == []
    text = checked(page(found))
    assert 'class="verdict yes"' in text
    assert "Ready for PostgreSQL" in text
    assert {t.name for t in found.timings} == {"ABC 30 d", "Stock × ubicación", "Top 20", "Clave"}
    assert all(size > 0 for size in found.sizes.values())
    assert len(found.writing) == 2
    home.run(SinkName.POSTGRESQL, "UPDATE ventas SET cantidad = cantidad + 1 WHERE ctid = (SELECT min(ctid) FROM ventas)")
    broken = cutover(home.app)
    assert {r.rule.name for r in broken.rules if not r.holds} == {"iguales", "dias", "prueba"}
    text = checked(page(broken))
    assert 'class="verdict no"' in text
    assert "fluxion repair TABLE --from lote" in text
    assert text.index('<tr class="bad">') < text.index('<tr class="good">'), "what is to be done comes first"
    assert "Rows that differ" in text
    assert "<td>cambiada</td>" in text
    assert "Filas: 1 con otros valores" in text
    assert "1 changed in 1 slice" in text
    assert history(folder)[-1].at == broken.at
    path = write(folder / "x" / "y.html", broken)
    assert path.read_text("utf-8") == text


def test_a_chain_with_one_database_is_not_ready_and_the_page_says_so(duck_settings: Settings) -> None:
    found = cutover(App(duck_settings.model_copy(update={"fluxion_source": "archivos"})))
    assert not found.ready
    assert "Not measured" in checked(page(found))
