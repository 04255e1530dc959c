"""The one operation on a sink: make what it owes of some locations equal to the newest images.

A tick, a catch-up, a repair, a rebuild and a mode change are this. A batch of locations is one
transaction with its ledger lines; if a batch fails, its locations are tried one by one, so that a
bad lote blocks nothing but its own location.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from fluxion_pipeline.contracts.clock import Clock, now
from fluxion_pipeline.contracts.tables import LANDED_TABLES, spec
from fluxion_pipeline.errors import ConvergenceError, PermanentError, SinkAway, SinkRefused
from fluxion_pipeline.landing.index import Image, instant
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.sinks.protocol import AttemptLine, Sink, SinkReport, SinkSession, WriteReceipt

BATCH_ROWS = 2_000_000
"""Rows of images in one transaction, at most (one location's are never split)."""

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
    _tell_attempts(sink, outbox)
    return SinkReport(sink.name, tuple(receipts), failures, time.monotonic() - started)


def _batches(sink: Sink, outbox: Outbox, places: Sequence[str], force: Force | None) -> Iterator[list[str]]:
    """Locations in batches that fit into one transaction; locations that owe nothing are left out."""
    with sink.session("planning") as session:
        meta = session.meta()
    check_claim(sink, outbox, meta)
    batch: list[str] = []
    rows = 0
    for place in places:
        images = _owed(sink, outbox, place, meta, force)
        if not images:
            continue
        size = sum(i.rows for i in images)
        if batch and rows + size > BATCH_ROWS:
            yield batch
            batch, rows = [], 0
        batch.append(place)
        rows += size
    if batch:
        yield batch


def _twice(sink: Sink, outbox: Outbox, batch: Sequence[str], force: Force | None, run_id: str | None, clock: Clock) -> list[WriteReceipt]:
    """Once more by reading back, if the rows written weren't the planned ones."""
    try:
        return _transaction(sink, outbox, batch, force, run_id, clock)
    except ConvergenceError:
        return _transaction(sink, outbox, batch, force, run_id, clock)


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


def _transaction(sink: Sink, outbox: Outbox, batch: Sequence[str], force: Force | None, run_id: str | None, clock: Clock) -> list[WriteReceipt]:
    with sink.session("planning") as session:
        meta = session.meta()
    upto = {place: outbox.index.sequence(place) for place in batch}
    sink.prepare([i for place in batch for i in _owed(sink, outbox, place, meta, force)])
    receipts: list[WriteReceipt] = []
    with sink.session(f"writing {len(batch)} locations") as session:
        session.lock(batch)
        meta = session.meta()
        check_claim(sink, outbox, meta)
        upto = {place: min(upto[place], outbox.index.sequence(place)) for place in batch}
        images = [i for place in batch for i in _owed(sink, outbox, place, meta, force) if i.version <= upto[place]]
        for table in LANDED_TABLES:
            mine = [i for i in images if i.table == table]
            if mine:
                begun = time.monotonic()
                counts = session.make_equal(spec(table), mine)
                places = tuple(dict.fromkeys(i.location for i in mine))
                receipts.append(WriteReceipt(sink.name, table, places, len(mine), counts, time.monotonic() - begun))
        at = clock()
        session.remember([i for i in images if i.version], outbox.id, at)
        session.set_meta({f"hasta:{place}": str(upto[place]) for place in batch})
        session.attempts(_attempt_lines(outbox, images))
        session.log(receipts, run_id, at)
        session.commit()
    return receipts


def _owed(sink: Sink, outbox: Outbox, place: str, meta: Mapping[str, str], force: Force | None) -> list[Image]:
    """What a location's slices in the sink lack, and what is forced."""
    since = int(meta.get(f"hasta:{place}", "0"))
    newest = outbox.index.sequence(place)
    if since > newest:
        raise SinkRefused(
            str(sink.name),
            f"{sink.name} is ahead of this outbox: it holds {place} up to lote {since}, the outbox ends at {newest} (was FLUXION_HOME restored, or is it another one?)",
            "if this home is the right one: fluxion init --claim",
        )
    images = {(i.table, i.slice): i for i in outbox.owed(place, since)}
    for table, slices in (force or {}).items():
        known = {i.slice: i for i in outbox.index.images(place, table)}
        wanted = known if slices is None else [s for s in slices if owner(table, s) == place]
        images |= {(table, s): known.get(s) or Image(place, table, s, 0, 0, "0", Path(), 0) for s in wanted}
    return list(images.values())


def owner(table: str, slice_: str) -> str:
    """The location whose landing owns a slice; a slice that nobody landed must be empty."""
    columns = spec(table).slice_columns
    if not columns:
        return "*"
    return slice_.split("/", 2)[1] if columns[0] == "tabla" else slice_.rsplit("/", len(columns) - 1)[0]


def check_claim(sink: Sink, outbox: Outbox, meta: Mapping[str, str]) -> None:
    """A sink is written for the outbox that claimed it, and for no other.

    Raises:
        SinkAway: if nobody claimed it yet.
        SinkRefused: if another outbox did.
    """
    owner = meta.get("outbox")
    if owner is None:
        raise SinkAway(str(sink.name), f"{sink.name} has not been claimed by any outbox yet", "fluxion init")
    if owner != outbox.id:
        raise SinkRefused(
            str(sink.name), f"{sink.name} belongs to the outbox {owner[:8]}, this home's is {outbox.id[:8]}", "if this home shall write it from now on: fluxion init --claim"
        )


def claim(sink: Sink, outbox: Outbox, *, force: bool = False) -> bool:
    """Claim a sink for an outbox; whether anything changed.

    Raises:
        SinkRefused: if another outbox claimed it, or it is ahead, and ``force`` isn't given.
    """
    with sink.session("claiming") as session:
        meta = session.meta()
        ahead = any(int(v) > outbox.index.sequence(k.removeprefix("hasta:")) for k, v in meta.items() if k.startswith("hasta:"))
        if meta.get("outbox") == outbox.id and not ahead:
            return False
        if (meta.get("outbox") is not None or ahead) and not force:
            if meta.get("outbox") == outbox.id:
                raise SinkRefused(str(sink.name), f"{sink.name} is ahead of this outbox (was FLUXION_HOME restored?)", "if this home is the right one: fluxion init --claim")
            check_claim(sink, outbox, meta)
        session.forget()
        session.set_meta({"outbox": outbox.id})
        session.commit()
    return True


def _attempt_lines(outbox: Outbox, images: Sequence[Image]) -> list[AttemptLine]:
    lines = []
    for image in images:
        if image.table == "cobertura":
            table, place, cut = image.slice.split("/", 2)
            lines += attempt_lines([(table, place, cut, *outbox.index.attempt_of(table, place, cut))])
    return lines


def attempt_lines(found: Sequence[tuple[str, str, str, int, str | None, dict[str, object] | None]]) -> list[AttemptLine]:
    """Attempts of the index as lines for ``cobertura``."""
    lines = []
    for table, place, cut, count, verified, newest in found:
        data = newest or {}
        read_at = str(data["read_at"]) if data.get("read_at") else None
        seconds, reason = data.get("seconds"), data.get("reason")
        lines.append(
            AttemptLine(
                table,
                place,
                cut,
                instant(verified) if verified else None,
                instant(read_at) if read_at else None,
                str(data["outcome"]) if data.get("outcome") else None,
                count,
                float(str(seconds)) if seconds is not None else None,
                str(reason) if reason else None,
            )
        )
    return lines


def _tell_attempts(sink: Sink, outbox: Outbox) -> None:
    """Attempts that landed nothing reach ``cobertura`` at the end, outside of lotes and ledger."""
    with sink.session("telling attempts") as session:
        seen = int(session.meta().get("intentos", "0"))
        changed = outbox.index.attempts_since(seen)
        if not changed:
            return
        session.attempts(attempt_lines([row[:6] for row in changed]))
        session.set_meta({"intentos": str(max(row[6] for row in changed))})
        session.commit()


def pending(session: SinkSession, outbox: Outbox) -> dict[str, int]:
    """Location → number of slices that the sink lacks."""
    meta = session.meta()
    result = {}
    for place in outbox.index.locations():
        count = len(outbox.owed(place, int(meta.get(f"hasta:{place}", "0"))))
        if count:
            result[place] = count
    return result
