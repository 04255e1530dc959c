"""What a location need not keep: rows that are too old land as emptied slices, files that nothing reads any more go.

Rows end as they began, by a landing: an emptied slice is its newest image, so every sink converges to
it, whenever it comes. Of the stock's history only whole business days end, and never the newest that
is older than the limit: the stock at any instant since is rebuilt from it. A file goes when no newest
image and no reading that is held back needs it, and that has been so for some days: whoever planned
to read it has done so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from fluxion_pipeline.contracts.clock import local_day, parse_day
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.failpoints import passed
from fluxion_pipeline.landing.decide.decision import Draft
from fluxion_pipeline.landing.index import Image, instant, stamp
from fluxion_pipeline.landing.lineage import written_at
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.landing.past import Past, image_rows
from fluxion_pipeline.pause import writing

REJECTS, HISTORY, CUTS = "rechazos", "inventario_historico", "inventario_cortes"
SPARE = "sobrantes.json"
"""In each location's folder: file → since when nothing needs it. Lost, the days are counted anew."""
DAYS_A_LOTE = 60


@dataclass(frozen=True)
class Dropped:
    """What went: rows of old slices, superseded files and their bytes."""

    rows: int = 0
    files: int = 0
    bytes: int = 0

    def __add__(self, other: Dropped) -> Dropped:
        """Both together."""
        return Dropped(self.rows + other.rows, self.files + other.files, self.bytes + other.bytes)


def end_rows(outbox: Outbox, location: str, *, rejects: int, history: int) -> Dropped:
    """Land a location's slices empty that are too old: by their day, and by when they landed.

    Killed at any moment, whole days have ended or none of their rows have.

    Args:
        outbox: where.
        location: canonical code, or a pseudo-location.
        rejects: days that rejected rows are kept.
        history: days for which the stock of any instant can be rebuilt.
    """
    today = local_day(outbox.clock())
    rows = 0
    with outbox.lock(location) as past:
        for images in _old(outbox, past, today - timedelta(days=rejects), today - timedelta(days=history)):
            outbox.write(past, tuple(_emptied(i) for i in images), extra={"limpieza": stamp(outbox.clock())})
            passed("prune.emptied")
            rows += sum(i.rows for i in images)
    return Dropped(rows=rows)


def _old(outbox: Outbox, past: Past, rejects: date, history: date) -> Iterator[list[Image]]:
    """Slices that end, some days' at a time, oldest first."""
    ending = [(day, i) for day, i in _full(past, REJECTS) if day < rejects and _landed(outbox, i) < rejects]
    cuts, stock = _full(past, CUTS), _full(past, HISTORY)
    first = max((day for day, _ in cuts if day <= history), default=date.min)
    kept = min((day for day, i in (*cuts, *stock) if day < first and _landed(outbox, i) >= history), default=first)
    ending += [(day, i) for day, i in (*stock, *cuts) if day < kept]
    days = sorted({day for day, _ in ending})
    for n in range(0, len(days), DAYS_A_LOTE):
        some = set(days[n : n + DAYS_A_LOTE])
        yield [i for day, i in ending if day in some]


def _full(past: Past, table: str) -> list[tuple[date, Image]]:
    images = (i for i in past.index.images(past.location, table) if i.rows)
    return [(day, i) for i in images if (day := day_of(i)) is not None]


def _landed(outbox: Outbox, image: Image) -> date:
    """When an image landed: what is read late, or taken over from elsewhere, is kept as long as what was read in time."""
    return local_day(instant(written_at(outbox.index, {image.location: image.version})[image.location]))


def day_of(image: Image) -> date | None:
    """The business day of a slice's day or tick; None: it has none."""
    try:
        return parse_day(image.slice.rpartition("/")[2][:10])
    except ContractError:
        return None


def _emptied(image: Image) -> Draft:
    return Draft(image.table, image.slice, image_rows(image).slice(0, 0))


def drop_files(outbox: Outbox, location: str, *, days: int) -> Dropped:
    """Delete a location's files that nothing has needed for some days; killed at any moment, the next time goes on."""
    place, at = outbox.place(location), outbox.clock()
    files = size = 0
    with outbox.lock(location), writing(outbox.home):
        needed = {_name(i.file) for i in outbox.index.images(location)}
        held = tuple(f"{data['lote']:09d}-evidencia" for _, where, _, data in outbox.index.held_back() if where == location and "lote" in data)
        seen, spare = _read(place / SPARE), {}
        for path in (*place.glob("*/*.parquet"), *place.glob("*/.*.tmp")):
            name = _name(path)
            if name in needed or path.name.startswith(held):
                continue
            since = seen.get(name, stamp(at))
            if at - instant(since) < timedelta(days=days):
                spare[name] = since
                continue
            with suppress(FileNotFoundError):
                bytes_ = path.stat().st_size
                path.unlink()
                passed("prune.deleted")
                files, size = files + 1, size + bytes_
        if spare != seen:
            _write(place / SPARE, spare)
    return Dropped(files=files, bytes=size)


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _read(path: Path) -> dict[str, str]:
    try:
        return {str(k): stamp(instant(v)) for k, v in json.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _write(path: Path, spare: dict[str, str]) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(spare, indent=0), "utf-8")
    fresh.replace(path)
