"""``$FLUXION_HOME/alertas.yaml``: quiet hours, reminders and routes. Optional; without it, everything goes everywhere at once.

```yaml
silencio: {desde: "22:30", hasta: "06:00", salvo: critico}
recordar_horas: {aviso: 24, error: 6, critico: 2}
rutas:
  aviso: [correo]
  critico: [correo, telegram]
```
Times are the stores'. In quiet hours only what is at least ``salvo`` is sent; the rest waits for their
end. A route names channels; a severity without one goes to all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from fluxion_pipeline.alerts.problem import Severity
from fluxion_pipeline.contracts.clock import ZONE
from fluxion_pipeline.errors import SettingsError

FILE = "alertas.yaml"
HOURS: Mapping[Severity, float] = {Severity.AVISO: 24, Severity.ERROR: 6, Severity.CRITICO: 2}


@dataclass(frozen=True)
class Policy:
    """When and to whom.

    Attributes:
        quiet: from and to, local; None: never.
        through: the least severity that is sent in quiet hours.
        hours: after how many hours a severity is reminded of; 0: never.
        routes: severity → names of channels; a severity that isn't in it goes to all.
    """

    quiet: tuple[time, time] | None = None
    through: Severity = Severity.CRITICO
    hours: Mapping[Severity, float] = field(default_factory=lambda: dict(HOURS))
    routes: Mapping[Severity, tuple[str, ...]] = field(default_factory=dict)

    def not_before(self, severity: Severity, now: datetime) -> datetime:
        """When a message may be sent that is written now."""
        if self.quiet is None or severity.rank >= self.through.rank:
            return now
        begin, end = self.quiet
        local = now.astimezone(ZONE)
        clock = local.time()
        within = begin <= clock < end if begin <= end else clock >= begin or clock < end
        if not within:
            return now
        day = local.date() + timedelta(days=1 if clock >= end else 0)
        return datetime.combine(day, end, ZONE).astimezone(now.tzinfo)

    def channels(self, severity: Severity, known: tuple[str, ...]) -> tuple[str, ...]:
        """To which of the known channels a severity goes; a route without any known channel leads to all, so that nothing is lost."""
        named = self.routes.get(severity)
        return tuple(c for c in known if c in named) or known if named is not None else known


def load(home: Path) -> Policy:
    """The home's policy; the usual one where there is no file.

    Raises:
        SettingsError: naming what is wrong in the file.
    """
    import yaml

    path = home / FILE
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        return Policy()
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{path} can't be read: {' '.join(str(error).split())}", "docs/operacion.md shows what stands in it") from error
    return parse({} if found is None else found, str(path))


def parse(data: Any, name: str = FILE) -> Policy:
    """The policy of a file's content; see ``load``."""
    try:
        content = _map(data, {"silencio", "recordar_horas", "rutas"})
        quiet = _map(content.get("silencio") or {}, {"desde", "hasta", "salvo"})
        hours = {Severity(k): float(v) for k, v in _map(content.get("recordar_horas") or {}).items()}
        routes = {Severity(k): tuple(str(c) for c in _list(v)) for k, v in _map(content.get("rutas") or {}).items()}
        times = (_time(quiet["desde"]), _time(quiet["hasta"])) if quiet else None
        return Policy(times, Severity(quiet.get("salvo", "critico")), {**HOURS, **hours}, routes)
    except (KeyError, ValueError, TypeError) as error:
        known = "silencio (desde, hasta, salvo), recordar_horas and rutas, by severity: aviso, error, critico"
        raise SettingsError(f"{name}: {error}", f"what may stand in it: {known}") from error


def _map(value: Any, known: set[str] | None = None) -> dict[str, Any]:
    if not isinstance(value, dict) or (known is not None and set(value) - known):
        raise ValueError(f"«{value}» is not understood")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"«{value}» is no list of channels")
    return value


def _time(value: Any) -> time:
    # YAML reads an unquoted 22:30 as a number of minutes
    return time(*divmod(value, 60)) if isinstance(value, int) else time.fromisoformat(str(value))
