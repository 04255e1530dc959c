"""How long the disk will do: what each consumer takes each day, and the days that its growth leaves.

Each cleaning measures once; a forecast is the line through the measures of the last weeks.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.landing.index import instant, stamp
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.checks import CheckOutcome, table_of
from fluxion_pipeline.operations.instance import folder

FILE = "disco.jsonl"
KEPT = 400
"""Measures that are kept."""
LOOKED_AT = timedelta(days=28)
LEAST = timedelta(days=1)
"""Measures closer together than this say nothing of a day."""
WARN_DAYS = 14
ALL = "todo"


@dataclass(frozen=True)
class Measure:
    """Bytes of each consumer, and what is free, at an instant."""

    at: datetime
    used: Mapping[str, int]
    free: int


@dataclass(frozen=True)
class Forecast:
    """Of one consumer: bytes, bytes a day, and the days until what is free is filled; None: it does not grow, or nobody knows yet."""

    consumer: str
    bytes: int
    daily: float
    days: float | None


def measure(app: App) -> Measure:
    """Look now; a database that can't be asked is left out."""
    home, settings = app.settings.home, app.settings
    dagster = folder(settings)
    used = {
        "lotes": _size(home / "lotes"),
        "duckdb": sum(p.stat().st_size for p in settings.duckdb_file.parent.glob(settings.duckdb_file.name + "*") if p.is_file()),
        "dagster": _size(dagster),
        "cuarentena": _size(home / "cuarentena"),
    }
    if settings.embedded:
        used["postgresql"] = _size(home / "postgres")
    elif SinkName.POSTGRESQL in settings.db_mode.sinks:
        with suppress(FluxionError):
            used["postgresql"] = int(app.sink(SinkName.POSTGRESQL).query("SELECT pg_database_size(current_database())")[0][0])
    return Measure(app.clock(), used, shutil.disk_usage(home).free)


def _size(root: Path) -> int:
    """Bytes of the files below a folder; one that goes meanwhile counts nothing."""
    total = 0
    for path in root.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_size
    return total


def note(home: Path, found: Measure) -> None:
    """Add a measure to those of before."""
    kept = (*measures(home), found)[-KEPT:]
    fresh = home / f"{FILE}.{os.getpid()}"
    fresh.write_text("".join(json.dumps({"en": stamp(m.at), "bytes": dict(m.used), "libres": m.free}) + "\n" for m in kept), "utf-8")
    fresh.replace(home / FILE)


def measures(home: Path) -> tuple[Measure, ...]:
    """The measures of before, oldest first; what can't be read counts for nothing."""
    try:
        lines = (home / FILE).read_text("utf-8").splitlines()
    except OSError:
        return ()
    found = []
    for line in lines:
        try:
            data = json.loads(line)
            found.append(Measure(instant(data["en"]), {str(k): int(v) for k, v in data["bytes"].items()}, int(data["libres"])))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return tuple(found)


def forecast(found: Sequence[Measure]) -> tuple[Forecast, ...]:
    """Each consumer's, then that of all together; from the measures of the last weeks."""
    if not found:
        return ()
    newest = found[-1]
    recent = [m for m in found if newest.at - m.at <= LOOKED_AT]
    result = []
    for name in newest.used:
        points = [(m.at, m.used[name]) for m in recent if name in m.used]
        result.append(_forecast(name, points, newest.free))
    here = set(newest.used)
    return (*result, _forecast(ALL, [(m.at, sum(m.used.values())) for m in recent if set(m.used) == here], newest.free))


def _forecast(name: str, points: Sequence[tuple[datetime, int]], free: int) -> Forecast:
    last = points[-1][1]
    if points[-1][0] - points[0][0] < LEAST:
        return Forecast(name, last, 0.0, None)
    days = [(at - points[0][0]) / timedelta(days=1) for at, _ in points]
    middle, mean = sum(days) / len(days), sum(b for _, b in points) / len(points)
    daily = sum((d - middle) * (b - mean) for d, (_, b) in zip(days, points, strict=True)) / sum((d - middle) ** 2 for d in days)
    return Forecast(name, last, daily, free / daily if daily > 0 else None)


def enough(app: App) -> CheckOutcome:
    """The disk does for ``WARN_DAYS`` days more, by what its consumers took lately."""
    found = forecast(measures(app.settings.home))
    free = shutil.disk_usage(app.settings.home).free
    short = [f for f in found if f.days is not None and f.days < WARN_DAYS]
    rows = [(f.consumer, f"{f.bytes / 1e6:.1f}", f"{f.daily / 1e6:.1f}", "" if f.days is None else f"{f.days:.0f}") for f in found]
    told = "; ".join(f"{f.consumer} fills the disk in {f.days:.0f} days" for f in short)
    numbers: dict[str, int | float] = {"libres_mb": round(free / 1e6)}
    numbers |= {f"dias_{f.consumer}": round(f.days, 1) for f in found if f.days is not None}
    fine = f"{free / 1e9:.1f} GB are free" + ("" if found else "; no cleaning has measured yet")
    return CheckOutcome(not short, told or fine, numbers, table_of(("consumidor", "MB", "MB por día", "días que quedan"), rows), serious=False)
