"""The one operation on a sink: make what it owes of some locations equal to the newest images.

A tick, a catch-up, a repair, a rebuild and a mode change are this. A batch of locations is one
transaction with its ledger lines; if a batch fails, its locations are tried one by one, so that a
bad lote blocks nothing but its own location.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fluxion_pipeline import failpoints
from fluxion_pipeline.contracts.clock import Clock, now
from fluxion_pipeline.contracts.tables import LANDED_TABLES
from fluxion_pipeline.errors import ConvergenceError, PermanentError, SinkAway, SinkRefused
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.landing.lineage import written_at
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.landing.tables import table_of
from fluxion_pipeline.pause import writing
from fluxion_pipeline.sinks.attempts import lines_of, tell
from fluxion_pipeline.sinks.own_tables import make_owed
from fluxion_pipeline.sinks.protocol import Past, Sink, SinkReport, SinkSession, WriteReceipt
from fluxion_pipeline.sinks.slices import owner

BATCH_ROWS = 2_000_000
"""Rows of images in one transaction, at most (one location's are never split)."""

OVERTAKEN = 5
"""How often a transaction is planned anew because another process was faster."""

Force = Mapping[str, Collection[str] | None]
"""Table → slices to make equal whatever the ledger says; None: all that the outbox has of it."""

Progress = Callable[[str, int, int], None]
"""Called with what was done, how much of it, and of how much."""


def converge(
    sink: Sink,
    outbox: Outbox,
    locations: Sequence[str] | None = None,
    *,
    force: Force | None = None,
    run_id: str | None = None,
    clock: Clock = now,
    progress: Progress | None = None,
) -> SinkReport:
    """Bring locations up to date in a sink.

    Args:
        sink: the database.
        outbox: where the images are.
        locations: which ones (canonical codes, ``*`` for the dimensions); None: all that ever landed.
        force: slices to make equal again, whether or not the ledger has them.
        run_id: written into the log of the sink.
        clock: for the ledger's instants.
        progress: told after each batch.

    Raises:
        SinkAway: if the sink can't be used now; nothing of the batch was kept, and what was owed is still owed.
        SinkRefused: if it belongs to another outbox, or is ahead of this one.
    """
    started = time.monotonic()
    places = sorted(set(outbox.index.locations() if locations is None else locations) | {owner(t, s) for t, some in (force or {}).items() for s in some or ()})
    receipts: list[WriteReceipt] = []
    failures: dict[str, str] = {}
    done = 0
    for batch in _batches(sink, outbox, places, force):
        try:
            receipts += _twice(sink, outbox, batch, force, run_id, clock)
        except (SinkAway, SinkRefused):
            raise
        except PermanentError as error:
            if len(batch) == 1:
                failures[batch[0]] = str(error)
            else:
                kept, lost = _one_by_one(sink, outbox, batch, force, run_id, clock)
                receipts += kept
                failures |= lost
        done += len(batch)
        if progress is not None:
            progress(f"{sink.name}", done, len(places))
    with writing(outbox.home):
        tell(sink, outbox)
    return SinkReport(sink.name, tuple(receipts), failures, time.monotonic() - started)


def _batches(sink: Sink, outbox: Outbox, places: Sequence[str], force: Force | None) -> Iterator[list[str]]:
    """Locations in batches that fit into one transaction; locations that owe nothing are left out."""
    with sink.session("planning") as session:
        meta = session.meta()
    check_claim(sink, outbox, meta)
    batch: list[str] = []
    rows = 0
    for place in places:
        owed = _owed(outbox, place, meta, force)
        if not owed.images:
            continue
        size = sum(i.rows for i in owed.images)
        if batch and rows + size > BATCH_ROWS:
            yield batch
            batch, rows = [], 0
        batch.append(place)
        rows += size
    if batch:
        yield batch


def _twice(sink: Sink, outbox: Outbox, batch: Sequence[str], force: Force | None, run_id: str | None, clock: Clock) -> list[WriteReceipt]:
    """Once more, if the rows written weren't the planned ones; this time nothing is believed, and all is read back."""
    try:
        return _transaction(sink, outbox, batch, force, run_id, clock)
    except ConvergenceError:
        return _transaction(sink, outbox, batch, force, run_id, clock, past=_nothing)


def _nothing(_location: str, _table: str, _slice: str, _version: int) -> None:
    """No earlier image: so the sink has none to prove that it holds it still."""


def _one_by_one(
    sink: Sink, outbox: Outbox, batch: Sequence[str], force: Force | None, run_id: str | None, clock: Clock
) -> tuple[list[WriteReceipt], dict[str, str]]:
    receipts: list[WriteReceipt] = []
    failures: dict[str, str] = {}
    for place in batch:
        try:
            receipts += _transaction(sink, outbox, [place], force, run_id, clock)
        except (SinkAway, SinkRefused):
            raise
        except PermanentError as error:
            failures[place] = str(error)
    return receipts, failures


def _transaction(
    sink: Sink, outbox: Outbox, batch: Sequence[str], force: Force | None, run_id: str | None, clock: Clock, *, past: Past | None = None
) -> list[WriteReceipt]:
    """One transaction; planned anew while another process is found to have brought a location further than the plan."""
    for _ in range(OVERTAKEN):
        with sink.session("planning") as session:
            meta = session.meta()
        owed = [o for place in batch if (o := _owed(outbox, place, meta, force)).images]
        if not owed:
            return []
        images = [i for o in owed for i in o.images]
        with writing(outbox.home):
            make_owed(sink, outbox, {i.table for i in images})
            failpoints.passed(f"{sink.name}.planned")
            sink.prepare(images)
            failpoints.passed(f"{sink.name}.prepared")
            receipts = _apply(sink, outbox, owed, run_id, clock, past or outbox.past_image)
        if receipts is not None:
            return receipts
    raise SinkAway(str(sink.name), f"{sink.name}: others keep writing {', '.join(batch)} at the same time", "run it again when they have ended")


def _apply(sink: Sink, outbox: Outbox, owed: Sequence[_Owed], run_id: str | None, clock: Clock, past: Past) -> list[WriteReceipt] | None:
    """Write what is owed; None (and nothing is written) if the sink is further than that by now."""
    receipts: list[WriteReceipt] = []
    images = [i for o in owed for i in o.images]
    with sink.session(f"writing {len(owed)} locations") as session:
        session.lock([o.location for o in owed])
        failpoints.passed(f"{sink.name}.locked")
        meta = session.meta()
        check_claim(sink, outbox, meta)
        if any(_upto(meta, o.location) > o.upto for o in owed):
            return None
        for table in sorted({i.table for i in images}, key=_turn):
            mine = [i for i in images if i.table == table]
            begun = time.monotonic()
            counts = session.make_equal(table_of(outbox.home, table), mine, past)
            failpoints.wrote(sink.name, table)
            places = tuple(dict.fromkeys(i.location for i in mine))
            receipts.append(WriteReceipt(sink.name, table, places, len(mine), counts, time.monotonic() - begun))
        at = clock()
        session.remember([i for i in images if i.version], outbox.id, at)
        failpoints.passed(f"{sink.name}.ledger")
        session.set_meta({f"hasta:{o.location}": str(o.upto) for o in owed})
        session.set_meta({f"escrito:{p}": at for p, at in written_at(outbox.index, {o.location: o.upto for o in owed}).items()})
        session.attempts(lines_of(outbox, images))
        session.log(receipts, run_id, at)
        failpoints.passed(f"{sink.name}.log")
        session.commit()
    failpoints.passed(f"{sink.name}.committed")
    return receipts


def _turn(table: str) -> tuple[int, str]:
    """Dimensions before facts, users' own tables last."""
    return (LANDED_TABLES.index(table) if table in LANDED_TABLES else len(LANDED_TABLES)), table


@dataclass(frozen=True)
class _Owed:
    """The newest images of a location that a sink lacks, all of one moment, and how far the sink is with them."""

    location: str
    images: tuple[Image, ...]
    upto: int


def _upto(meta: Mapping[str, str], place: str) -> int:
    return int(meta.get(f"hasta:{place}", "0"))


def _owed(outbox: Outbox, place: str, meta: Mapping[str, str], force: Force | None) -> _Owed:
    """What a location's slices in the sink lack, and what is forced.

    Asked for once and applied as it is: slices of one landing belong together, so no newer image of one
    of them may be left out beside the others.
    """
    since, newest = _upto(meta, place), outbox.index.sequence(place)
    found = outbox.index.images(place, since=0 if force else since)
    upto = max((newest, *(i.lote for i in found)))
    images = {(i.table, i.slice): i for i in found if i.version > since}
    known = {(i.table, i.slice): i for i in found} if force else {}
    for table, some in (force or {}).items():
        wanted = [s for t, s in known if t == table] if some is None else [s for s in some if owner(table, s) == place]
        images |= {(table, s): known.get((table, s)) or Image(place, table, s, 0, 0, "0", Path(), 0) for s in wanted}
    return _Owed(place, tuple(images.values()), upto)


def check_claim(sink: Sink, outbox: Outbox, meta: Mapping[str, str]) -> None:
    """A sink is written for the outbox that claimed it, and for no other, and never by one that is behind it.

    Raises:
        SinkAway: if nobody claimed it yet.
        SinkRefused: if another outbox did, or if it is ahead of this one, or holds lotes that this one lost.
    """
    claimed = meta.get("outbox")
    if claimed is None:
        raise SinkAway(str(sink.name), f"{sink.name} has not been claimed by any outbox yet", "fluxion init")
    if claimed != outbox.id:
        what = f"{sink.name} belongs to the outbox {claimed[:8]}, this home's is {outbox.id[:8]}"
        raise SinkRefused(str(sink.name), what, "if this home shall write it from now on: fluxion init --claim")
    found = ahead(outbox, meta)
    if found:
        place, upto, newest = found[0]
        what = f"{sink.name} is ahead of this outbox: it holds {place} up to lote {upto}, the outbox ends at {newest} (was FLUXION_HOME restored?)"
        raise SinkRefused(str(sink.name), what, "if this home is the right one: fluxion init --claim")
    check_line(sink, outbox, meta)


def ahead(outbox: Outbox, meta: Mapping[str, str]) -> list[tuple[str, int, int]]:
    """(location, lote that the sink holds, newest lote of the outbox) of each location of which the sink holds more than the outbox."""
    held = {k.removeprefix("hasta:"): int(v) for k, v in meta.items() if k.startswith("hasta:")}
    return [(place, upto, newest) for place, upto in sorted(held.items()) if upto > (newest := outbox.index.sequence(place))]


def check_line(sink: Sink, outbox: Outbox, meta: Mapping[str, str]) -> None:
    """The lotes that a sink holds last are this outbox's: one that was restored and went on has others of the same numbers.

    Raises:
        SinkRefused: if some lote is another.
    """
    held = {k.removeprefix("escrito:"): v for k, v in meta.items() if k.startswith("escrito:")}
    mine = written_at(outbox.index, {p: _upto(meta, p) for p in held if f"hasta:{p}" in meta})
    for place, at in sorted(mine.items()):
        if at != held[place]:
            what = f"{sink.name} holds another lote {place}-{_upto(meta, place)} than this outbox (was FLUXION_HOME restored?)"
            raise SinkRefused(str(sink.name), what, "if this home is the right one: fluxion init --claim")


def claim(sink: Sink, outbox: Outbox, *, force: bool = False) -> bool:
    """Claim a sink for an outbox; whether anything changed.

    Raises:
        SinkRefused: if another outbox claimed it, or it is ahead, and ``force`` isn't given.
    """
    with sink.session("claiming") as session:
        meta = session.meta()
        if meta.get("outbox") is not None:
            try:
                check_claim(sink, outbox, meta)
            except SinkRefused:
                if not force:
                    raise
            else:
                return False
        session.forget()
        session.set_meta({"outbox": outbox.id})
        failpoints.passed(f"{sink.name}.claimed")
        session.commit()
    return True


def pending(session: SinkSession, outbox: Outbox) -> dict[str, int]:
    """Location → number of slices that the sink lacks."""
    meta = session.meta()
    result = {}
    for place in outbox.index.locations():
        count = len(outbox.owed(place, int(meta.get(f"hasta:{place}", "0"))))
        if count:
            result[place] = count
    return result
