"""The one operation on a sink: make what it owes of some locations equal to the newest images.

A tick, a catch-up, a repair, a rebuild and a mode change are this. A batch of locations is one
transaction with its ledger lines; if a batch fails, its locations are tried one by one, so that a
bad lote blocks nothing but its own location. What a location owes beyond a transaction's size is
copied in chunks of slices once all are up to date with the rest: ``copying``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fluxion_pipeline.contracts.clock import Clock, now
from fluxion_pipeline.errors import ConvergenceError, PermanentError, SinkAway, SinkRefused
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.pause import writing
from fluxion_pipeline.sinks import copying, notes
from fluxion_pipeline.sinks.attempts import tell
from fluxion_pipeline.sinks.claim import check_claim, held_upto
from fluxion_pipeline.sinks.protocol import Sink, SinkReport, SinkSession, WriteReceipt
from fluxion_pipeline.sinks.slices import owner
from fluxion_pipeline.sinks.transaction import Force, Work, copy, owed, transaction

BATCH_ROWS = 1_000_000
"""Rows of images in one transaction of several locations, at most."""

MUCH_ROWS = 2_000_000
"""Of a sink that owes more than this in all, smaller parts are copied too: ticks have to get in between."""

Progress = Callable[[str, int, int], None]
"""Called with the sink, the rows that are done, and how many there are."""


def converge(
    sink: Sink,
    outbox: Outbox,
    locations: Sequence[str] | None = None,
    *,
    force: Force | None = None,
    run_id: str | None = None,
    clock: Clock = now,
    progress: Progress | None = None,
    limit: int | None = None,
    chunk: int = copying.CHUNK_ROWS,
) -> SinkReport:
    """Bring locations up to date in a sink.

    Args:
        sink: the database.
        outbox: where the images are.
        locations: which ones (canonical codes, ``*`` for the dimensions); None: all that ever landed.
        force: slices to make equal again, whether or not the ledger has them.
        run_id: written into the log of the sink.
        clock: for the ledger's instants.
        progress: told after each transaction.
        limit: of what is to be copied, begin no other chunk once so many rows were copied; None: copy all.
        chunk: rows of a transaction that copies.

    Raises:
        SinkAway: if the sink can't be used now; nothing of the batch was kept, and what was owed is still owed.
        SinkRefused: if it belongs to another outbox, or is ahead of this one.
    """
    started = time.monotonic()
    places = sorted(set(outbox.index.locations() if locations is None else locations) | {owner(t, s) for t, some in (force or {}).items() for s in some or ()})
    owing, waiting = _owing(sink, outbox, places, force or {})
    total = sum(o.rows for o in owing)
    work = Work(sink, outbox, force or {}, run_id, clock, chunk if total <= MUCH_ROWS else chunk // 10)
    done = _Done(sink, progress, total + sum(waiting.values()))
    for batch in _batches(owing, work.part):
        _guarded(done, work, batch)
    for place in sorted(waiting.keys() | {o.place for o in owing if o.copied > work.part}):
        if limit is None or done.copied < limit:
            _copies(done, work, place, limit, chunk)
    with writing(outbox.home):
        meta = tell(sink, outbox)
    return SinkReport(sink.name, tuple(done.receipts), done.failures, time.monotonic() - started, done.copied, notes.waiting(meta))


class _Done:
    """What a convergence has done so far."""

    def __init__(self, sink: Sink, progress: Progress | None, total: int) -> None:
        self.receipts: list[WriteReceipt] = []
        self.failures: dict[str, str] = {}
        self.rows = self.copied = 0
        self._sink, self._progress, self._total = sink, progress, total

    def add(self, receipts: Sequence[WriteReceipt]) -> int:
        """Take over what a transaction wrote, and tell of it; its rows."""
        self.receipts += receipts
        rows = sum(r.counts.wanted for r in receipts)
        self.rows += rows
        if self._progress is not None and receipts:
            self._progress(str(self._sink.name), min(self.rows, self._total), self._total)
        return rows


@dataclass(frozen=True)
class _Owing:
    """How much a location owes: rows in all, and rows that may be copied."""

    place: str
    rows: int
    copied: int


def _owing(sink: Sink, outbox: Outbox, places: Sequence[str], force: Force) -> tuple[list[_Owing], dict[str, int]]:
    """What each location owes that owes anything, and the rows of each that were left to be copied before."""
    with sink.session("planning") as session:
        meta = session.meta()
        check_claim(sink, outbox, meta)
        waiting = dict.fromkeys(copying.begun(meta).keys() & set(places), 0)
        for image in still_to_copy(session, outbox, meta):
            if image.location in waiting:
                waiting[image.location] += image.rows
    found = []
    for place in places:
        images = owed(outbox, place, meta, force).images
        if images:
            found.append(_Owing(place, sum(i.rows for i in images), copying.rows(images, force)))
    return found, waiting


def _batches(owing: Sequence[_Owing], part: int) -> Iterator[list[str]]:
    """Locations in batches that fit into one transaction; of one that is to be copied only the rest counts."""
    batch: list[str] = []
    rows = 0
    for item in owing:
        size = item.rows - item.copied if item.copied > part else item.rows
        if batch and rows + size > BATCH_ROWS:
            yield batch
            batch, rows = [], 0
        batch.append(item.place)
        rows += size
    if batch:
        yield batch


def _guarded(done: _Done, work: Work, batch: Sequence[str]) -> None:
    """A batch; where it fails, its locations one by one."""
    try:
        done.add(_twice(work, batch))
    except (SinkAway, SinkRefused):
        raise
    except PermanentError as error:
        if len(batch) == 1:
            done.failures[batch[0]] = str(error)
        else:
            _one_by_one(done, work, batch)


def _twice(work: Work, batch: Sequence[str]) -> list[WriteReceipt]:
    """Once more, if the rows written weren't the planned ones; this time nothing is believed, and all is read back."""
    try:
        return transaction(work, batch)
    except ConvergenceError:
        return transaction(work, batch, trust=False)


def _one_by_one(done: _Done, work: Work, batch: Sequence[str]) -> None:
    for place in batch:
        try:
            done.add(transaction(work, [place]))
        except (SinkAway, SinkRefused):
            raise
        except PermanentError as error:
            done.failures[place] = str(error)


def _copies(done: _Done, work: Work, place: str, limit: int | None, chunk: int) -> None:
    """Copy what of a location is to be copied, each chunk in a transaction of its own."""
    while limit is None or done.copied < limit:
        try:
            receipts = _copied(work, place, chunk)
        except (SinkAway, SinkRefused):
            raise
        except PermanentError as error:
            done.failures[place] = str(error)
            return
        if receipts is None:
            return
        done.copied += done.add(receipts)


def _copied(work: Work, place: str, chunk: int) -> list[WriteReceipt] | None:
    try:
        return copy(work, place, chunk)
    except ConvergenceError:
        return copy(work, place, chunk, trust=False)


def still_to_copy(session: SinkSession, outbox: Outbox, meta: Mapping[str, str]) -> list[Image]:
    """The images that the sink has still to copy."""
    return copying.to_copy(outbox, meta, session.statement(copying.LINES)) if copying.begun(meta) else []


def pending(session: SinkSession, outbox: Outbox) -> dict[str, int]:
    """Location → number of slices that the sink lacks, those that are to be copied included."""
    meta = session.meta()
    result = {}
    for place in outbox.index.locations():
        count = len(outbox.owed(place, held_upto(meta, place)))
        if count:
            result[place] = count
    for image in still_to_copy(session, outbox, meta):
        result[image.location] = result.get(image.location, 0) + 1
    return result
