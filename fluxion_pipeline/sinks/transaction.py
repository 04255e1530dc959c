"""One transaction on a sink: what some locations owe is made equal to its images, with its lines of the ledger.

What is owed is looked at before the transaction, since months' partitions must be there; it is looked
at again under the locations' locks, and planned anew where another process was faster. Before this:
``converge`` says of which locations; after it: a session of an engine writes.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fluxion_pipeline import failpoints
from fluxion_pipeline.contracts.clock import Clock
from fluxion_pipeline.contracts.tables import LANDED_TABLES
from fluxion_pipeline.errors import SinkAway
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.landing.lineage import written_at
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.landing.tables import table_of
from fluxion_pipeline.pause import writing
from fluxion_pipeline.sinks import copying, notes
from fluxion_pipeline.sinks.attempts import lines_of
from fluxion_pipeline.sinks.claim import check_claim, held_upto
from fluxion_pipeline.sinks.own_tables import make_owed
from fluxion_pipeline.sinks.protocol import Past, Sink, SinkSession, WriteReceipt
from fluxion_pipeline.sinks.slices import owner

OVERTAKEN = 5
"""How often a transaction is planned anew because another process was faster."""

Force = Mapping[str, Collection[str] | None]
"""Table → slices to make equal whatever the ledger says; None: all that the outbox has of it."""


@dataclass(frozen=True)
class Work:
    """What every transaction of a convergence works with.

    Attributes:
        sink: the database.
        outbox: where the images are.
        force: slices to make equal again, whether or not the ledger has them.
        run_id: written into the log of the sink.
        clock: for the ledger's instants.
        part: a location that owes more rows than this is copied.
    """

    sink: Sink
    outbox: Outbox
    force: Force
    run_id: str | None
    clock: Clock
    part: int


@dataclass(frozen=True)
class Owed:
    """The newest images of a location that a sink lacks, all of one moment, and how far the sink is with them.

    Attributes:
        location: whose they are.
        images: what is written at once.
        since: how far the sink was.
        upto: how far it is then.
        copied: of what is copied later, after which version; None: nothing is.
        moved: whether the sink has sales already, whose days may be others by now.
    """

    location: str
    images: tuple[Image, ...]
    since: int
    upto: int
    copied: int | None = None
    moved: bool = False

    def marks(self) -> dict[str, str]:
        """What ``fluxion_meta`` says of what is copied later."""
        if self.copied is None:
            return {}
        return {copying.MARK + self.location: str(self.copied)} | ({copying.MOVED + self.location: "1"} if self.moved else {})


def owed(outbox: Outbox, place: str, meta: Mapping[str, str], force: Force) -> Owed:
    """What a location's slices in the sink lack, and what is forced.

    Asked for once and applied as it is: slices of one landing belong together, so no newer image of one
    of them may be left out beside the others.
    """
    since, newest = held_upto(meta, place), outbox.index.sequence(place)
    found = outbox.index.images(place, since=0 if force else since)
    upto = max((newest, *(i.lote for i in found)))
    images = {(i.table, i.slice): i for i in found if i.version > since}
    known = {(i.table, i.slice): i for i in found} if force else {}
    for table, some in force.items():
        wanted = [s for t, s in known if t == table] if some is None else [s for s in some if owner(table, s) == place]
        images |= {(table, s): known.get((table, s)) or Image(place, table, s, 0, 0, "0", Path(), 0) for s in wanted}
    return Owed(place, tuple(images.values()), since, upto)


def _parted(work: Work, whole: Owed, meta: Mapping[str, str], session: SinkSession) -> Owed:
    """Of a location that owes much, what is written at once."""
    if copying.rows(whole.images, work.force) <= work.part:
        return whole
    first, rest = copying.parted(whole.images, work.force)
    copied = copying.begun(meta).get(whole.location, whole.since) if rest else None
    return Owed(whole.location, first, whole.since, whole.upto, copied, bool(session.statement(copying.any_sales(whole.location))))


def transaction(work: Work, batch: Sequence[str], *, trust: bool = True) -> list[WriteReceipt]:
    """One transaction; planned anew while another process is found to have brought a location further than the plan."""
    sink, outbox = work.sink, work.outbox
    for _ in range(OVERTAKEN):
        with sink.session("planning") as session:
            meta = session.meta()
            found = [_parted(work, o, meta, session) for place in batch if (o := owed(outbox, place, meta, work.force)).images]
        if not found:
            return []
        images = [i for o in found for i in o.images]
        with writing(outbox.home):
            make_owed(sink, outbox, {i.table for i in images})
            failpoints.passed(f"{sink.name}.planned")
            sink.prepare(images)
            failpoints.passed(f"{sink.name}.prepared")
            receipts = _apply(work, found, trust)
        if receipts is not None:
            return receipts
    raise SinkAway(str(sink.name), f"{sink.name}: others keep writing {', '.join(batch)} at the same time", "run it again when they have ended")


def _apply(work: Work, owed: Sequence[Owed], trust: bool) -> list[WriteReceipt] | None:
    """Write what is owed; None (and nothing is written) if the sink is further than that by now."""
    sink, outbox = work.sink, work.outbox
    images = [i for o in owed for i in o.images]
    with sink.session(f"writing {len(owed)} locations") as session:
        session.lock([o.location for o in owed])
        failpoints.passed(f"{sink.name}.locked")
        meta = session.meta()
        check_claim(sink, outbox, meta)
        if any(held_upto(meta, o.location) > o.upto for o in owed):
            return None
        if any(held_upto(meta, o.location) != o.since for o in owed if o.copied is not None):
            return None
        marks = {name: value for o in owed for name, value in o.marks().items()}
        receipts = _written(work, session, images, meta | marks, trust)
        session.set_meta({f"hasta:{o.location}": str(o.upto) for o in owed})
        session.set_meta({f"escrito:{p}": at for p, at in written_at(outbox.index, {o.location: o.upto for o in owed}).items()})
        session.set_meta(marks)
        failpoints.passed(f"{sink.name}.log")
        session.commit()
    failpoints.passed(f"{sink.name}.committed")
    return receipts


def copy(work: Work, place: str, rows: int, *, trust: bool = True) -> list[WriteReceipt] | None:
    """Copy a chunk of a location's slices; None: nothing of it is to be copied any more.

    Raises:
        SinkAway: if the sink can't be used now, or others keep copying the same.
    """
    sink, outbox = work.sink, work.outbox
    for _ in range(OVERTAKEN):
        with sink.session("planning") as session:
            meta = session.meta()
            if place not in copying.begun(meta):
                return None
            lines = session.statement(copying.lines_of(place))
        chunk = copying.next_chunk(copying.to_copy(outbox, meta, lines, place), rows)
        with writing(outbox.home):
            make_owed(sink, outbox, {i.table for i in chunk})
            sink.prepare(chunk)
            receipts = _copied(work, place, chunk, trust)
        if receipts is not None:
            failpoints.passed(f"{sink.name}.copied")
            return receipts
    raise SinkAway(str(sink.name), f"{sink.name}: others keep copying {place} at the same time", "run it again when they have ended")


def _copied(work: Work, place: str, chunk: Sequence[Image], trust: bool) -> list[WriteReceipt] | None:
    """Write what of a chunk is still to be copied, and whether that was all; None: nothing of it is."""
    sink, outbox = work.sink, work.outbox
    with sink.session(f"copying {place}") as session:
        session.lock([place])
        meta = session.meta()
        check_claim(sink, outbox, meta)
        left = copying.to_copy(outbox, meta, session.statement(copying.lines_of(place)), place)
        names = {(i.table, i.slice) for i in chunk}
        mine = [i for i in left if (i.table, i.slice) in names]
        if left and not mine:
            return None
        receipts = _written(work, session, mine, meta, trust)
        if len(mine) == len(left):
            session.unset_meta(copying.MARK + place)
            session.unset_meta(copying.MOVED + place)
        failpoints.passed(f"{sink.name}.copying")
        session.commit()
    return receipts


def _written(work: Work, session: SinkSession, images: Sequence[Image], meta: Mapping[str, str], trust: bool) -> list[WriteReceipt]:
    """Make slices equal to their images, table by table, with their lines of ledger and log."""
    sink, outbox = work.sink, work.outbox
    receipts: list[WriteReceipt] = []
    if not images:
        return receipts
    for table in sorted({i.table for i in images}, key=_turn):
        mine = [i for i in images if i.table == table]
        begun = time.monotonic()
        before, moving = Past(outbox.past_image, outbox.step), copying.moving(meta, table, mine)
        counts = session.make_equal(table_of(outbox.home, table), mine, before, outbox.id, trust=trust, moving=moving)
        failpoints.wrote(sink.name, table)
        places = tuple(dict.fromkeys(i.location for i in mine))
        receipts.append(WriteReceipt(sink.name, table, places, len(mine), counts, time.monotonic() - begun, tuple(session.drifts)))
        session.drifts.clear()
    at = work.clock()
    session.remember([i for i in images if i.version], outbox.id, at)
    failpoints.passed(f"{sink.name}.ledger")
    session.attempts(lines_of(outbox, images))
    session.log(receipts, work.run_id, at)
    if found := notes.noted(receipts, work.run_id, at):
        session.set_meta(found)
    return receipts


def _turn(table: str) -> tuple[int, str]:
    """Dimensions before facts, users' own tables last."""
    return (LANDED_TABLES.index(table) if table in LANDED_TABLES else len(LANDED_TABLES)), table
