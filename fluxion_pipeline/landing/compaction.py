"""Images of old months, and of users' tables that changed in part, put together: few files, and none that is mostly rows of before.

It is a landing like any other and decides nothing: one lote writes newest images anew, each under the
version that it has, so no sink is owed anything, and whoever asks the index finds the same rows in the
new file. Files of before are needed by nobody then, and go with the superseded ones (``retention``). A
lote exists when its manifest does: killed before, nothing has happened; killed after, all has. What is
copied is measured first, and must be what its manifest said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fluxion_pipeline.contracts.clock import local_day
from fluxion_pipeline.contracts.own_tables import PLACE
from fluxion_pipeline.errors import OutboxError
from fluxion_pipeline.failpoints import passed
from fluxion_pipeline.landing.decide.decision import Draft
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.landing.lineage import Overtaken
from fluxion_pipeline.landing.lote import COMPACTED
from fluxion_pipeline.landing.measure import applied
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.landing.past import DAMAGED, LOST, Past, image_rows
from fluxion_pipeline.landing.retention import day_of
from fluxion_pipeline.landing.tables import table_of
from fluxion_pipeline.pause import standing

SETTLED = timedelta(days=62)
"""A month is put together so long after its end: no night reads its days again by then."""

FILES = 8
"""So many files, or fewer, are few for a table's month."""

ROWS = 500_000
"""Rows of one lote, about: a month of sales of a large store."""


def compact(outbox: Outbox, location: str) -> int:
    """Put a location's old images together; how many files they were in that need no longer be there.

    Raises:
        OutboxError: if an image can't be read, or isn't what its manifest says; nothing of its lote is written.
    """
    freed = 0
    with outbox.lock(location) as past:
        for images in _lotes(_due(outbox, past)):
            if standing(outbox.home) is not None:
                break
            drafts = tuple(_draft(outbox, i) for i in images)
            try:
                outbox.write(past, drafts, extra={COMPACTED: True})
            except Overtaken:
                break  # another machine landed here: the next night looks again
            passed("prune.compacted")
            freed += len({i.file for i in images})
    return freed


def _due(outbox: Outbox, past: Past) -> list[Image]:
    """The images that are worth it: of each table's month, or of a user's table, all or none."""
    last = local_day(outbox.clock()) - SETTLED
    groups: dict[tuple[str, str], list[Image]] = defaultdict(list)
    for image in past.index.images(past.location):
        if past.location.startswith(PLACE):
            groups[image.table, ""].append(image)
        elif (day := day_of(image)) is not None and _month_end(day) <= last:
            groups[image.table, f"{day:%Y-%m}"].append(image)
    found: list[Image] = []
    for (_, month), images in sorted(groups.items()):
        if _worth(images, many=bool(month)) and _worth(alike := _alike(images), many=bool(month)):
            found += alike
    return found


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _worth(images: Sequence[Image], *, many: bool) -> bool:
    """Whether they lie in many files, or in files of which less than half is newest."""
    files = {i.file: i.table for i in images}
    return (many and len(files) > FILES) or 2 * sum(i.rows for i in images) < sum(_rows(f, t) for f, t in files.items())


def _alike(images: Sequence[Image]) -> list[Image]:
    """Those whose columns are the newest one's: a table that has gained a column since has two kinds of files."""
    schemas = {file: _schema(file, table) for file, table in {i.file: i.table for i in images}.items()}
    newest = schemas[max(images, key=lambda i: i.lote).file]
    return [i for i in images if schemas[i.file] == newest]


def _schema(file: Path, table: str) -> pa.Schema:
    with _readable(file, table):
        return pq.read_schema(file)


def _rows(file: Path, table: str) -> int:
    with _readable(file, table):
        return int(pq.read_metadata(file).num_rows)


@contextmanager
def _readable(file: Path, table: str) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        raise OutboxError(f"the image {file} can't be read: {error}", LOST.format(table=table)) from error


def _lotes(images: Sequence[Image]) -> Iterator[list[Image]]:
    """Images in lotes of about ``ROWS`` rows, in the order of tables and slices."""
    lote: list[Image] = []
    rows = 0
    for image in images:
        if lote and rows + image.rows > ROWS:
            yield lote
            lote, rows = [], 0
        lote.append(image)
        rows += image.rows
    if lote:
        yield lote


def _draft(outbox: Outbox, image: Image) -> Draft:
    """The image as it is, measured anew."""
    rows = image_rows(image)
    found = applied(rows, [c for c in table_of(outbox.home, image.table).columns if c in rows.schema.names])  # a contract may have gained some
    if found != (image.rows, image.digest):
        what = f"the image of {image.table} {image.slice} in {image.file} isn't what its manifest says"
        raise OutboxError(what, LOST.format(table=image.table))
    return Draft(image.table, image.slice, rows, stateful=True, measure=found)
