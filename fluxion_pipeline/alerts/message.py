"""The text of a message, in Spanish: what, since when, where, the numbers, what it means, what to do, and where to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fluxion_pipeline.alerts.advice import advice
from fluxion_pipeline.alerts.grouping import Group
from fluxion_pipeline.alerts.problem import Event, Family, Finding, Kind, Severity
from fluxion_pipeline.contracts.clock import ZONE

SHOWN = 6
"""So many problems of a message are told one by one; how many more there are is said."""
DETAIL = 300
"""Characters of a source's own words."""
NAMES = {"duckdb": "DuckDB", "postgresql": "PostgreSQL"}


@dataclass(frozen=True)
class Message:
    """What is sent.

    Attributes:
        id: stable; it stands in the text, so that a repeat is known for one.
        kind: what happened.
        family: about what.
        severity: by which it is routed.
        at: the instant that it tells of, aware.
        title: one line.
        body: the text.
    """

    id: str
    kind: Kind
    family: Family
    severity: Severity
    at: datetime
    title: str
    body: str


def write(group: Group, base: str, names: Mapping[str, str]) -> Message:
    """A group's message.

    Args:
        group: what is told.
        base: address of the UI.
        names: location → its name.
    """
    events = group.events
    title, body = (_of_places if group.family is Family.UBICACIONES else _one_by_one)(group, base, names)
    lines = [*body, f"Id: {group.id}"]
    return Message(group.id, group.kind, group.family, group.severity, events[-1].at, f"{_tag(group)} {title}", "\n".join(lines))


def _tag(group: Group) -> str:
    word = {
        Kind.ABIERTO: group.severity.value.upper(),
        Kind.ESCALADO: f"SUBE A {group.severity.value.upper()}",
        Kind.RECORDADO: f"SIGUE · {group.severity.value.upper()}",
        Kind.RECUPERADO: "RECUPERADO",
    }[group.kind]
    return f"[{word}]"


def _of_places(group: Group, base: str, names: Mapping[str, str]) -> tuple[str, list[str]]:
    """Locations are told together, whatever failed of each."""
    count = len(group.events)
    events = sorted(group.events, key=lambda e: (-e.incident.severity.rank, e.incident.problem))
    places = [f"{code} {names.get(code, '')}".strip() for e in events for code in e.incident.places]
    network = group.severity is Severity.CRITICO
    first = _main(events[0])
    told = advice(first.topic)
    if group.kind is Kind.RECUPERADO:
        title = f"{_counted(count)} con lectura buena otra vez, {_after(group.events)}"
        return title, [f"Qué: {title}.", f"Ubicaciones: {', '.join(places)}", f"Ver: {base}{first.link}"]
    what = ("falta" if count == 1 else "faltan") + " en el último corte" if first.severity is Severity.AVISO else "sin lectura buena"
    title = f"{_counted(count)} {what}" + (": fallan a la vez, probablemente es la red" if network else "")
    details = [f"- {p}: {_short(_main(e).detail)}" for p, e in zip(places, events, strict=False)][:SHOWN]
    return title, [
        f"Qué: {title}.",
        f"Desde: {_since(group.events)}",
        f"Ubicaciones: {', '.join(places)}",
        f"Números: {count} ubicaciones",
        *details,
        *([f"- y {count - SHOWN} más"] if count > SHOWN else []),
        f"Qué significa: {told.means}",
        f"Qué hacer: {'Revise primero el enlace y el servidor de las tiendas. ' if network else ''}{told.do}",
        f"Ver: {base}{first.link}",
    ]


def _one_by_one(group: Group, base: str, names: Mapping[str, str]) -> tuple[str, list[str]]:
    mains = [_main(e) for e in group.events]
    whats = list(dict.fromkeys(advice(f.topic).what.format(**_subject(f)) for f in mains))
    title = whats[0] + (f", y {len(whats) - 1} más" if len(whats) > 1 else "")
    if group.kind is Kind.RECUPERADO:
        told = [f"- {what}" for what in whats]
        return f"{title}: recuperado {_after(group.events)}", [f"Qué: ya no pasa, recuperado {_after(group.events)}:", *told, f"Ver: {base}{mains[0].link}"]
    body: list[str] = []
    for event, main in list(zip(group.events, mains, strict=True))[:SHOWN]:
        body += _section(event, main, base, names)
    if len(mains) > SHOWN:
        body.append(f"… y {len(mains) - SHOWN} problemas más: {base}/assets")
    return title, body


def _section(event: Event, main: Finding, base: str, names: Mapping[str, str]) -> list[str]:
    told, subject = advice(main.topic), _subject(main)
    places = ", ".join(f"{code} {names.get(code, '')}".strip() for code in event.incident.places)
    numbers = ", ".join(f"{name.replace('_', ' ')} {value:g}" for f in event.incident.findings for name, value in f.numbers.items())
    lines = [
        f"Qué: {told.what.format(**subject)}.",
        f"Desde: {_since([event])}",
        f"Ubicaciones: {places or 'no depende de una ubicación'}",
        f"Números: {numbers}" if numbers else "",
        f"Detalle: {_short(main.detail)}" if main.detail else "",
        f"Qué significa: {told.means}",
        f"Qué hacer: {told.do.format(**subject)}",
        f"Ver: {base}{main.link}",
        "",
    ]
    return [line for line in lines[:-1] if line] + [""]


def _main(event: Event) -> Finding:
    """The finding that says most about a problem."""
    return max(event.incident.findings, key=lambda f: (f.severity.rank, f.topic in {"base", "corrida", "lecturas_logradas"}))


def _subject(finding: Finding) -> dict[str, str]:
    parts = finding.problem.split("/")
    if finding.family in {Family.BASES, Family.CORRIDAS, Family.HORARIO, Family.PAUSA, Family.CANAL, Family.PARIDAD}:
        name = parts[-1]
        return {"sujeto": NAMES.get(name, name), "tabla": name}
    of_check = [p for p in parts if p not in {finding.topic, "sin_correr"}]
    table = of_check[1] if len(of_check) > 1 else of_check[0]
    known = advice(finding.topic).what.startswith(("Falló la comprobación", "Una comprobación"))
    asset = f"{table} ({NAMES.get(of_check[0], of_check[0])})" if len(of_check) > 1 else table
    return {"sujeto": "/".join(parts).removesuffix("/sin_correr") if known else asset, "tabla": table}


def _counted(count: int) -> str:
    return "1 ubicación" if count == 1 else f"{count} ubicaciones"


def _since(events: Sequence[Event]) -> str:
    """What was open before and now is worse, beside what is new, doesn't make the new one older."""
    new = [e for e in events if e.kind is Kind.ABIERTO] or events
    first, last = min(e.incident.opened_at for e in new), max(max(e.at, e.incident.told_at) for e in events)
    text = f"{first.astimezone(ZONE):%Y-%m-%d %H:%M} (hora de Caracas)"
    return text if last - first < timedelta(minutes=5) else f"{text}, hace {_span(last - first)}"


def _after(events: Sequence[Event]) -> str:
    return f"después de {_span(max(e.at - e.incident.opened_at for e in events))}"


def _span(lasted: timedelta) -> str:
    minutes = max(1, round(lasted.total_seconds() / 60))
    days, hours = divmod(minutes // 60, 24)
    if minutes < 60:
        return f"{minutes} min"
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= DETAIL else f"{line[:DETAIL]} …"
