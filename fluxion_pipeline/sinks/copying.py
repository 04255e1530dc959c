"""Copying a sink anew: what a location owes that is more than one transaction should write, in chunks of slices.

The first transaction of such a location writes what is small or of now; it notes in ``fluxion_meta`` from where
on (``copia:<location>``) slices are still to be copied (``por_copiar``). From then on the sink is as any
other: what lands is applied at once, and a chunk is a transaction with its lines of the ledger, newest
days first. So whoever is killed has copied what was committed, and the next one goes on.

A sink that has rows of those days already may hold a line in a day that it has left since. While such a
location is copied (``movidas:<location>``), whoever writes days of sales takes their lines out of its other days, in
the same transaction: a line is in one place, or, where its day is still to be copied, in none.

A slice is to be copied while its newest image is one of those, and the ledger has another or none.
Nothing here writes. Before this: the outbox and a sink's ledger; after it: ``converge``, parity, checks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Any

from fluxion_pipeline.contracts.tables import LANDED_TABLES, SPECS
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.landing.kept import KeptLotes
from fluxion_pipeline.sinks.claim import held_upto

CHUNK_ROWS = 250_000
"""Rows of one transaction, at most, where they are of more than one day: a few seconds on either engine."""

CHUNK_SLICES = 10_000

MARK = "copia:"
MOVED = "movidas:"

META = "SELECT clave, valor FROM fluxion_meta WHERE clave = 'outbox' OR clave LIKE 'hasta:%' OR clave LIKE 'copia:%'"
LINES = "SELECT tabla, slice, version, outbox_id FROM lotes_aplicados WHERE ubicacion IN (SELECT substr(clave, 7) FROM fluxion_meta WHERE clave LIKE 'copia:%')"
"""What ``to_copy`` needs to know of a sink, as statements that both engines understand."""

_AT_ONCE = {"productos", "ubicaciones", "inventario_actual", "cobertura", "reparaciones"}
_MOVING = "ventas"

Line = Sequence[Any]
"""Table, slice, version and outbox of a line of the ledger."""


def lines_of(place: str) -> str:
    """``LINES`` of one location."""
    return f"SELECT tabla, slice, version, outbox_id FROM lotes_aplicados WHERE ubicacion = {_literal(place)}"  # noqa: S608 a bound name


def any_sales(place: str) -> str:
    """A statement: a row if a sink has sales of a location."""
    return f"SELECT 1 FROM {_MOVING} WHERE ubicacion_codigo = {_literal(place)} LIMIT 1"  # noqa: S608 a bound name


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def begun(meta: Mapping[str, str]) -> dict[str, int]:
    """Location → after which version its slices are still to be copied."""
    return {name.removeprefix(MARK): int(value) for name, value in meta.items() if name.startswith(MARK)}


def to_copy(outbox: KeptLotes, meta: Mapping[str, str], lines: Sequence[Line], place: str | None = None) -> list[Image]:
    """The images that a sink has still to copy: of one location, or of all.

    Args:
        outbox: where they are.
        meta: ``fluxion_meta`` of the sink.
        lines: its ledger's lines of those locations.
        place: which location.
    """
    held = {(line[0], line[1]): int(line[2]) for line in lines if line[3] == outbox.id}
    found = []
    for location, since in begun(meta).items():
        if place is None or location == place:
            upto = held_upto(meta, location)
            found += [i for i in outbox.index.images(location, since=since) if i.version <= upto and held.get((i.table, i.slice)) != i.version]
    return found


def rows(images: Sequence[Image], forced: Collection[str]) -> int:
    """How many rows of images may be copied."""
    return sum(i.rows for i in images if not _at_once(i, forced))


def _at_once(image: Image, forced: Collection[str]) -> bool:
    return image.table in _AT_ONCE or image.table in forced or (image.table in SPECS and not SPECS[image.table].slice_columns)


def parted(images: Sequence[Image], forced: Collection[str]) -> tuple[tuple[Image, ...], tuple[Image, ...]]:
    """What a location's first transaction writes, and what is copied after it.

    Args:
        images: all that it owes.
        forced: tables of which slices are forced: none of them waits.
    """
    return tuple(i for i in images if _at_once(i, forced)), tuple(i for i in images if not _at_once(i, forced))


def moving(meta: Mapping[str, str], table: str, images: Sequence[Image]) -> bool:
    """Whether lines of these images may be in other days of the sink."""
    return table == _MOVING and any(MOVED + i.location in meta for i in images)


def next_chunk(images: Sequence[Image], most: int) -> tuple[Image, ...]:
    """The newest whole days of what is to be copied that fit into one transaction; one day at least."""
    chunk: list[Image] = []
    held = 0
    for _, some in groupby(sorted(images, key=lambda i: (_day(i), -_turn(i), i.slice), reverse=True), key=_day):
        day = list(some)
        size = sum(i.rows for i in day)
        if chunk and (held + size > most or len(chunk) + len(day) > CHUNK_SLICES):
            break
        chunk += day
        held += size
    return tuple(chunk)


def _day(image: Image) -> str:
    """The day of a slice of a day or tick; of a user's table, its slice."""
    text = image.slice.rpartition("/")[2]
    return text[:10] if image.table in SPECS else text


def _turn(image: Image) -> int:
    return LANDED_TABLES.index(image.table) if image.table in LANDED_TABLES else len(LANDED_TABLES)
