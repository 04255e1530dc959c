"""What a message says: everything that the one on duty needs, in Spanish."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fluxion_pipeline.alerts.advice import ADVICE, advice
from fluxion_pipeline.alerts.evidence import OF_LOCATIONS
from fluxion_pipeline.alerts.grouping import Group
from fluxion_pipeline.alerts.message import Message, write
from fluxion_pipeline.alerts.problem import Event, Family, Finding, Incident, Kind, Severity
from fluxion_pipeline.contracts.clock import ZONE
from fluxion_pipeline.contracts.outcomes import Outcome
from fluxion_pipeline.operations.coverage import SIN_LECTURA
from fluxion_pipeline.operations.coverage_picture import LOOKS
from fluxion_pipeline_tests.architecture.repository import texts

AT = datetime(2026, 3, 2, 10, 0, tzinfo=ZONE)


def told(kind: Kind, *findings: Finding, lasted: timedelta = timedelta(hours=2, minutes=10)) -> Message:
    incidents = [Incident(f.problem, f.problem, f.family, f.severity, AT, AT, 1, (f,)) for f in findings]
    return write(Group(kind, findings[0].family, tuple(Event(kind, i, AT + lasted) for i in incidents)), "http://ui", {"SUC001": "Centro"})


PARITY = Finding("paridad/ventas", Family.PARIDAD, Severity.ERROR, "paridad", "", {"cambiadas": 3}, ("SUC001",), "/assets/postgresql/ventas?view=checks")


def test_it_says_what_since_when_where_the_numbers_what_it_means_what_to_do_and_where_to_look() -> None:
    found = told(Kind.ABIERTO, PARITY)
    assert found.title == "[ERROR] PostgreSQL y DuckDB no tienen las mismas filas en ventas"
    lines = dict(re.findall(r"^([^:\n]+): (.+)$", found.body, re.MULTILINE))
    assert lines["Desde"] == "2026-03-02 10:00 (hora de Caracas), hace 2 h 10 min"
    assert (lines["Ubicaciones"], lines["Números"]) == ("SUC001 Centro", "cambiadas 3")
    assert lines["Qué significa"].startswith("Un mismo reporte da cifras distintas")
    assert "fluxion repair ventas --from lote --apply" in lines["Qué hacer"]
    assert lines["Ver"] == "http://ui/assets/postgresql/ventas?view=checks"
    assert lines["Id"] == found.id


def test_what_begins_is_not_called_as_old_as_what_gets_worse_with_it() -> None:
    old, new = (Finding(f"ubicacion/{c}", Family.UBICACIONES, Severity.CRITICO, "lecturas_logradas", "x", {}, (c,), "/x") for c in ("SUC001", "SUC002"))
    began = AT + timedelta(hours=5)
    events = [
        Event(kind, Incident(f.problem, f.problem, f.family, f.severity, at, began, 0, (f,)), began)
        for kind, f, at in ((Kind.ESCALADO, old, AT), (Kind.ABIERTO, new, began))
    ]
    text = write(Group(Kind.ABIERTO, Family.UBICACIONES, tuple(events)), "http://ui", {}).body
    assert "Desde: 2026-03-02 15:00 (hora de Caracas)\n" in text


@pytest.mark.parametrize(("kind", "tag"), [(Kind.ESCALADO, "[SUBE A ERROR]"), (Kind.RECORDADO, "[SIGUE · ERROR]"), (Kind.RECUPERADO, "[RECUPERADO]")])
def test_the_title_tells_what_happened(kind: Kind, tag: str) -> None:
    assert told(kind, PARITY).title.startswith(tag)


@pytest.mark.parametrize(("lasted", "text"), [(timedelta(seconds=20), "1 min"), (timedelta(minutes=130), "2 h 10 min"), (timedelta(hours=50), "2 d 2 h")])
def test_the_end_says_how_long_it_lasted(lasted: timedelta, text: str) -> None:
    assert f"recuperado después de {text}" in told(Kind.RECUPERADO, PARITY, lasted=lasted).title


@pytest.mark.parametrize("topic", [*ADVICE, "una_del_usuario"])
def test_every_topic_has_a_message_without_holes(topic: str) -> None:
    family = {"paridad": Family.PARIDAD, "base": Family.BASES, "lotes_pendientes": Family.BASES, "corrida": Family.CORRIDAS, "horario": Family.HORARIO}
    problem = {
        "paridad": "paridad/ventas",
        "base": "base/duckdb",
        "lotes_pendientes": "base/duckdb",
        "corrida": "corrida/ventas",
        "sin_correr": "duckdb/ventas/x/sin_correr",
    }
    finding = Finding(problem.get(topic, f"duckdb/ventas/{topic}"), family.get(topic, Family.DATOS), Severity.AVISO, topic, "d", {}, (), "/x")
    found = told(Kind.ABIERTO, finding)
    assert not re.search(r"[{}]", found.title + found.body)
    assert "ventas" in found.body or "DuckDB" in found.body or topic in {"stock_negativo_usual", *OF_LOCATIONS, "canal", "disco"}


def test_a_long_message_is_bounded_and_says_how_much_more_there_is() -> None:
    found = told(Kind.ABIERTO, *(Finding(f"duckdb/t{n}/x", Family.DATOS, Severity.AVISO, "x", "d" * 5000, {}, (), "/x") for n in range(40)))
    assert len(found.body) < 5000
    assert "34 problemas más" in found.body


def test_the_operators_page_has_each_topic_and_no_other() -> None:
    page = texts()[Path("docs/operacion.md")].split("### Cada alerta")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(ADVICE)
    assert advice("una_del_usuario").do


def test_the_operators_page_has_each_outcome_of_coverage_and_each_kind_and_severity_of_an_alert() -> None:
    page = texts()[Path("docs/operacion.md")]
    told = re.findall(r"^\| `(\w+)` \| .+ \| .+ \|$", page.split("## Qué dice la cobertura")[1].split("\n## ")[0], re.MULTILINE)
    assert set(told) == {*LOOKS, Outcome.REPARACION.value} == {o.value for o in Outcome} | {SIN_LECTURA}
    for severity in Severity:
        assert re.search(rf"^\| `{severity.value}` \|", page, re.MULTILINE)
        assert f"[{severity.value.upper()}]" in page
    assert len(Kind) == 4
    for tag in ("[SUBE A ", "[SIGUE · ", "[RECUPERADO]"):
        assert tag in page
