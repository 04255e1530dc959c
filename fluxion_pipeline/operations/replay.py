"""What waits in quarantine is read again once the map knows its folder: as of when it came, like any late reading."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from fluxion_pipeline.contracts.outcomes import Provenance
from fluxion_pipeline.landing.index import instant
from fluxion_pipeline.landing.outbox import Landing
from fluxion_pipeline.landing.quarantine import Quarantine, Quarantined
from fluxion_pipeline.locations.registry import Location
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.sources.archivos import ArchivosSource
from fluxion_pipeline.sources.protocol import Reading


@dataclass(frozen=True)
class Replay:
    """What was replayed, and what still waits because the map doesn't know it, or knows it as inactive."""

    landings: tuple[Landing, ...]
    waiting: tuple[Quarantined, ...]


def replay(app: App, folder: str | None = None) -> Replay:
    """Land what waits in quarantine of one folder, or of all, oldest first; what has landed waits no longer."""
    quarantine = Quarantine(app.settings.home)
    landings: list[Landing] = []
    waiting: list[Quarantined] = []
    for entry in sorted(quarantine.entries(), key=lambda e: (e.cut, e.taken_at)):
        if folder is not None and entry.folder != folder:
            continue
        location = app.registry.by_etl(entry.folder)
        if location is None or not location.activo:
            waiting.append(entry)
            continue
        app.outbox.land_new_locations(app.registry, [location.codigo])
        with app.outbox.lock(location.codigo) as past:
            reading = _read(app, quarantine, entry, location)
            landings.append(app.outbox.land(replace(reading, provenance=Provenance.REPLAY), past))
        quarantine.done(entry)
    app.outbox.land_met()
    return Replay(tuple(landings), tuple(waiting))


def _read(app: App, quarantine: Quarantine, entry: Quarantined, location: Location) -> Reading:
    base = app.settings.home / "tmp"
    base.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base, prefix="replay-") as folder:
        place = Path(folder) / entry.origin
        place.parent.mkdir(parents=True)
        place.write_bytes(quarantine.bytes_of(entry))
        return ArchivosSource(Path(folder), app.registry).read(entry.fact, location, entry.cut, instant(entry.taken_at))
