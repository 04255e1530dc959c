"""The words of alerts: findings, the problems that they speak of, and what happens to a problem.

A *source* (a check, a job, a schedule, a channel) says what it finds, and says it anew each time; a
*problem* is what one or several findings speak of: a store, a database, a table. An *incident* is a
problem from its beginning to its end. Everything here is a value; nothing is decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from fluxion_pipeline.contracts.outcomes import Word


class Severity(Word):
    """How much a problem matters; the order is that of the members."""

    AVISO = "aviso"
    ERROR = "error"
    CRITICO = "critico"

    @property
    def rank(self) -> int:
        """0 for the least."""
        return list(Severity).index(self)


class Family(Word):
    """What a problem is about; problems of one family that begin together are one message."""

    UBICACIONES = "ubicaciones"
    BASES = "bases"
    PARIDAD = "paridad"
    DATOS = "datos"
    CORRIDAS = "corridas"
    HORARIO = "horario"
    PAUSA = "pausa"
    CANAL = "canal"


class Kind(Word):
    """What happened to a problem."""

    ABIERTO = "abierto"
    ESCALADO = "escalado"
    RECORDADO = "recordado"
    RECUPERADO = "recuperado"


@dataclass(frozen=True)
class Finding:
    """What a source says about a problem.

    Attributes:
        problem: the problem's name, such as ``ubicacion/SUC001`` or ``base/postgresql``.
        family: what it is about.
        severity: how much it matters.
        topic: which advice fits: a check's name, or ``base``, ``corrida``, ``horario``, ``canal``.
        detail: what was found, in the source's own words; may be empty.
        numbers: what was counted.
        places: the locations that it concerns, by their codes.
        link: path in the UI.
    """

    problem: str
    family: Family
    severity: Severity
    topic: str
    detail: str = ""
    numbers: Mapping[str, int | float] = field(default_factory=dict)
    places: tuple[str, ...] = ()
    link: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, which ``from_json`` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        """A finding as ``to_json`` wrote it."""
        return cls(**{**data, "family": Family(data["family"]), "severity": Severity(data["severity"]), "places": tuple(data["places"])})


@dataclass(frozen=True)
class Incident:
    """A problem that is open.

    Attributes:
        id: the problem and what opened it; the same however often it is found out.
        problem: the problem's name.
        family: what it is about.
        severity: the highest that it had.
        opened_at: since when, aware.
        told_at: when somebody was last told.
        reminders: how often somebody was reminded.
        findings: what is said about it now.
    """

    id: str
    problem: str
    family: Family
    severity: Severity
    opened_at: datetime
    told_at: datetime
    reminders: int
    findings: tuple[Finding, ...]

    @property
    def places(self) -> tuple[str, ...]:
        """The locations that it concerns, each once."""
        return tuple(dict.fromkeys(place for finding in self.findings for place in finding.places))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, which ``from_json`` reads."""
        return {
            **{name: getattr(self, name) for name in ("id", "problem", "family", "severity", "reminders")},
            "opened_at": self.opened_at.isoformat(),
            "told_at": self.told_at.isoformat(),
            "findings": [f.to_json() for f in self.findings],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Incident:
        """An incident as ``to_json`` wrote it."""
        return cls(
            data["id"],
            data["problem"],
            Family(data["family"]),
            Severity(data["severity"]),
            datetime.fromisoformat(data["opened_at"]),
            datetime.fromisoformat(data["told_at"]),
            data["reminders"],
            tuple(Finding.from_json(f) for f in data["findings"]),
        )


@dataclass(frozen=True)
class Event:
    """Something that somebody must be told: what happened to an incident, and when."""

    kind: Kind
    incident: Incident
    at: datetime

    @property
    def id(self) -> str:
        """Stable: the same event found out twice has the same one."""
        again = {Kind.RECORDADO: f"/{self.incident.reminders}", Kind.ESCALADO: f"/{self.incident.severity}"}.get(self.kind, "")
        return f"{self.incident.id}/{self.kind}{again}"
