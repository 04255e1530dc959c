"""Images whose file is gone or damaged, made anew from a database that still holds them, row by row.

The digest of an image is in its manifest, and so in the index: rows of a database that have it are the
image. They are written as a compaction writes what it puts together, under the version that they had,
so no database is owed anything by it. Landing's own columns are in no database: of sales each line is as
old as the slice's last verification, and lines that a later day has (``_desplazada``) are forgotten.
Before this: a sink and the index; after it: ``cli.repair``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fluxion_pipeline.contracts.outcomes import Fact, SinkName
from fluxion_pipeline.contracts.rows import arrow_type
from fluxion_pipeline.contracts.sqltext import columns
from fluxion_pipeline.contracts.tables import SPECS, TableSpec
from fluxion_pipeline.errors import ContractError, ConvergenceError, FluxionError, OutboxError, SinkAway
from fluxion_pipeline.landing import frames
from fluxion_pipeline.landing.decide.decision import Draft
from fluxion_pipeline.landing.decide.merge import REJECTS, state_schema
from fluxion_pipeline.landing.digest import digests_by
from fluxion_pipeline.landing.index import Image, instant
from fluxion_pipeline.landing.lote import COMPACTED
from fluxion_pipeline.landing.measure import applied
from fluxion_pipeline.landing.past import DAMAGED, Past, image_rows
from fluxion_pipeline.landing.tables import table_of
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.sinks.slices import values


@dataclass(frozen=True)
class Lost:
    """An image that can't be read, or isn't what its manifest says.

    Attributes:
        image: which.
        sink: a database that holds it as it was; None: none does.
    """

    image: Image
    sink: SinkName | None = None


def lost_images(app: App, table: str) -> tuple[Image, ...]:
    """The newest images of a table that can't be read, or aren't what their manifests say; each file is read once."""
    item = table_of(app.settings.home, table)
    images = sorted((i for place in app.outbox.index.locations() for i in app.outbox.index.images(place, table)), key=lambda i: (i.file, i.slice))
    return tuple(i for file, own in groupby(images, key=lambda i: i.file) for i in _damaged(item, file, list(own)))


def _damaged(table: TableSpec, file: Path, images: Sequence[Image]) -> Iterator[Image]:
    try:
        rows = pq.ParquetFile(file, page_checksum_verification=True).read(use_threads=False)
        if "_desplazada" in rows.schema.names:
            rows = rows.filter(pc.invert(rows.column("_desplazada")))
        found = digests_by(rows, [c for c in table.columns if c in rows.schema.names], "_slice")
        yield from (i for i in images if found.get(i.slice, (0, "0")) != (i.rows, i.digest))
    except DAMAGED:
        yield from (i for i in images if _unlike(table, i))


def _unlike(table: TableSpec, image: Image) -> bool:
    """Whether an image of a file that can't be read as a whole is lost: its piece of it may be there."""
    try:
        rows = image_rows(image)
        return applied(rows, [c for c in table.columns if c in rows.schema.names]) != (image.rows, image.digest)
    except (OutboxError, *DAMAGED):
        return True


def search(app: App, table: str, images: Iterable[Image]) -> tuple[Lost, ...]:
    """Look in the active databases for images: a database that is away, or whose rows can't be read, has none.

    Raises:
        ContractError: for a user's own table: its asset computes it again.
    """
    if table not in SPECS:
        raise ContractError(f"images of {table} can't be read, and its rows are what its asset computes", f"materialize tablas/{table} again")
    found: dict[str, Lost] = {}
    for location, own in groupby(sorted(images, key=lambda i: i.location), key=lambda i: i.location):
        wanted = {i.slice: i for i in own}
        found |= {f"{location} {s}": Lost(i) for s, i in wanted.items()}
        for sink in app.settings.db_mode.sinks:
            todo = [i for s, i in wanted.items() if found[f"{location} {s}"].sink is None]
            for image, _ in _held(app, sink, SPECS[table], todo):
                found[f"{location} {image.slice}"] = Lost(image, sink)
    return tuple(found.values())


def _held(app: App, sink: SinkName, table: TableSpec, images: Sequence[Image]) -> Iterator[tuple[Image, pa.Table]]:
    """The images, of one location, that a database holds as they were."""
    where: dict[str, list[object]] = {}
    for image in images:
        for column, value in zip(table.slice_columns, values(table, image.slice), strict=True):
            if value not in where.setdefault(column, []):
                where[column].append(value)
    schema = pa.schema([(c, arrow_type(table.name, c)) for c in table.columns])
    try:
        read = app.sink(sink).read(table.name, None, where).select(schema.names) if images else None
        rows = read.cast(schema) if read is not None else schema.empty_table()
    except (SinkAway, ConvergenceError, pa.ArrowException):
        return
    for image in images:
        mine = rows
        for column, value in zip(table.slice_columns, values(table, image.slice), strict=True):
            mine = mine.filter(pc.equal(mine.column(column), pa.scalar(value, mine.schema.field(column).type)))
        mine = frames.query(f"SELECT DISTINCT {columns(schema.names)} FROM mine ORDER BY {columns(table.key)}", {"mine": mine}).cast(schema)  # noqa: S608 quoted names
        if applied(mine, table.columns) == (image.rows, image.digest):
            yield image, mine


def restore(app: App, table: str, found: Sequence[Lost]) -> int:
    """Write the images that some database holds anew, a lote for each location and database; how many.

    The rows are read and compared once more, a location's at a time. One that landed meanwhile is left as it
    is by now: what has a newer image needs the old one no more.
    """
    done = 0
    held = sorted(((x.image.location, x.sink, x.image) for x in found if x.sink is not None), key=lambda x: x[:2])
    for (location, sink), lost in groupby(held, key=lambda x: x[:2]):
        with app.outbox.lock(location) as past:
            images = [i for _, _, i in lost if past.image(i.table, i.slice) == i]
            if drafts := tuple(_draft(past, image, rows) for image, rows in _held(app, sink, SPECS[table], images)):
                app.outbox.write(past, drafts, extra={COMPACTED: True})
                done += len(drafts)
    return done


def _draft(past: Past, image: Image, rows: pa.Table) -> Draft:
    """The image with landing's own columns, as far as they can be known."""
    if image.table == Fact.VENTAS.value:
        cut = image.slice.rpartition("/")[2]
        _, verified, _ = past.attempt(Fact.VENTAS, cut)
        standing = past.standing(Fact.VENTAS, cut)
        read_at = verified or (str(standing["read_at"]) if standing else "")
        own: Mapping[str, object] = {"_leido_en": instant(read_at) if read_at else None, "_arrastrada": False, "_desplazada": False}
        schema = state_schema(Fact.VENTAS)
    else:
        own, schema = {}, REJECTS if image.table == "rechazos" else rows.schema
    filled = [rows.column(f.name) if f.name in rows.schema.names else pa.repeat(pa.scalar(own.get(f.name), f.type), rows.num_rows) for f in schema]
    return Draft(image.table, image.slice, pa.Table.from_arrays(filled, schema=schema), stateful=True, measure=(image.rows, image.digest))


def told(table: str, found: Sequence[Lost]) -> Iterator[str]:
    """What a person reads of lost images: how many, and who has them."""
    files = {x.image.file for x in found}
    yield f"{table}: {len(found)} images in {len(files)} files of the lotes can't be read, or aren't what was landed"
    for sink in SinkName:
        if count := sum(x.sink is sink for x in found):
            yield f"{table}: {count} of them are in {sink} as they were"


def nowhere(table: str, found: Sequence[Lost]) -> FluxionError | None:
    """The error of images that no active database holds as they were; None: all are held."""
    gone = sorted((x.image for x in found if x.sink is None), key=lambda i: i.slice)
    if not gone:
        return None
    names = ", ".join(i.slice for i in gone[:3]) + (f" and {len(gone) - 3} more" if len(gone) > 3 else "")
    what = f"{len(gone)} images of {table} can't be read, and no active database holds them as they were: {names} ({gone[0].file})"
    return OutboxError(what, "restore the folder lotes of FLUXION_HOME from its backup, then: fluxion sync")
