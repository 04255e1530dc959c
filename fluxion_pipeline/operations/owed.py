"""What a sink is owed: how many slices of how many lotes, since when, and how many bytes of images.

Before this: the outbox and what the sink says it holds; after it: the check ``lotes_pendientes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from fluxion_pipeline.contracts.clock import UTC
from fluxion_pipeline.landing.index import instant
from fluxion_pipeline.landing.lineage import compacted, written_at
from fluxion_pipeline.locks import is_free
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.checks import CheckOutcome, Question, Rows, table_of
from fluxion_pipeline.operations.land import JOBS, RECOVERY
from fluxion_pipeline.sinks.copying import LINES, META, to_copy


@dataclass(frozen=True)
class Owed:
    """What a sink lacks of one location.

    Attributes:
        location: its code, ``*`` for the dimensions.
        slices: slices whose newest image it lacks.
        lotes: lotes that landed since the one that it holds last.
        since: when the first of them was written; None if that isn't known any more.
        bytes: size of the files in which the newest images are.
    """

    location: str
    slices: int
    lotes: int
    since: datetime | None
    bytes: int


def owed(app: App, held: Mapping[str, int]) -> tuple[Owed, ...]:
    """What a sink lacks that holds of each location the lotes up to a secuencia; locations of which it lacks nothing are left out."""
    found = []
    for place in app.outbox.index.locations():
        upto = held.get(place, 0)
        images = app.outbox.owed(place, upto)
        if not images:
            continue
        first = written_at(app.outbox.index, {place: _first(app, place, upto)}).get(place)
        size = sum(file.stat().st_size for file in {i.file for i in images} if file.exists())
        found.append(Owed(place, len(images), app.outbox.index.sequence(place) - upto, instant(first) if first else None, size))
    return tuple(found)


def _first(app: App, place: str, upto: int) -> int:
    """The first lote after one that a sink lacks anything of: not one that wrote anew what the sink has."""
    again, first = set(compacted(app.outbox.index, place)), upto + 1
    while first in again:
        first += 1
    return first


def landing_since(app: App) -> datetime | None:
    """Since when runs read and land that haven't come to the sinks yet; None: none does."""
    held = [lock for job in (*JOBS.values(), RECOVERY) if not is_free(lock := app.locks / f"{job}.lock")]
    return min((datetime.fromtimestamp(lock.stat().st_mtime, UTC) for lock in held), default=None)


def nothing_pending(app: App) -> Question:
    """The sink has the newest image of every slice that ever landed.

    What landed since a run began that is still reading is on its way: that run brings it. Slices that are
    still to be copied are told apart, too.
    """

    def judge(meta: Rows, lines: Rows) -> CheckOutcome:
        held: dict[str, str] = dict(meta)
        begun = landing_since(app)
        found = owed(app, {name.removeprefix("hasta:"): int(value) for name, value in held.items() if name.startswith("hasta:")})
        lacks = tuple(x for x in found if begun is None or x.since is None or x.since < begun)
        coming = sum(x.lotes for x in found) - sum(x.lotes for x in lacks)
        waiting = to_copy(app.outbox, held, lines)
        at = app.clock()
        ages = {x.location: (at - x.since).total_seconds() / 3600 for x in lacks if x.since is not None}
        lotes, slices, size = (sum(getattr(x, name) for x in lacks) for name in ("lotes", "slices", "bytes"))
        oldest = max(ages.values(), default=0.0)
        copied = f"{len(waiting):,} slices of {sum(i.rows for i in waiting):,} rows are still to be copied (por_copiar): fluxion sync" if waiting else ""
        said = f"{slices} slices in {lotes} lotes of {len(lacks)} locations are owed to it, for up to {oldest:.1f} h, {size / 1e6:.1f} MB: fluxion sync"
        return CheckOutcome(
            not (lacks or waiting),
            "; ".join(filter(None, (said if lacks else "", copied, f"{coming} lotes are on their way: a run is still reading" if coming else "")))
            or "it has everything that landed",
            {
                "slices_pendientes": slices,
                "ubicaciones_pendientes": len(lacks),
                "lotes_pendientes": lotes,
                "horas_del_mas_antiguo": round(oldest, 3),
                "bytes_pendientes": size,
                "lotes_en_camino": coming,
                "slices_por_copiar": len(waiting),
                "filas_por_copiar": sum(i.rows for i in waiting),
            },
            table_of(
                ("ubicación", "slices", "lotes", "horas", "bytes"),
                [(x.location, x.slices, x.lotes, f"{ages[x.location]:.1f}" if x.location in ages else None, x.bytes) for x in lacks],
            ),
            serious=False,
            places={x.location: "" for x in lacks},
        )

    return Question((META, LINES), judge)
