"""To whom a sink belongs: it is written for the outbox that claimed it, and for no other, and never by one that is behind it.

Before this: an open session's ``fluxion_meta``; after it: ``converge``.
"""

from __future__ import annotations

from collections.abc import Mapping

from fluxion_pipeline import failpoints
from fluxion_pipeline.errors import SinkAway, SinkRefused
from fluxion_pipeline.landing.kept import KeptLotes
from fluxion_pipeline.landing.lineage import written_at
from fluxion_pipeline.sinks.protocol import Sink


def check_claim(sink: Sink, outbox: KeptLotes, meta: Mapping[str, str]) -> None:
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


def ahead(outbox: KeptLotes, meta: Mapping[str, str]) -> list[tuple[str, int, int]]:
    """(location, lote that the sink holds, newest lote of the outbox) of each location of which the sink holds more than the outbox."""
    held = {k.removeprefix("hasta:"): int(v) for k, v in meta.items() if k.startswith("hasta:")}
    return [(place, upto, newest) for place, upto in sorted(held.items()) if upto > (newest := outbox.index.sequence(place))]


def check_line(sink: Sink, outbox: KeptLotes, meta: Mapping[str, str]) -> None:
    """The lotes that a sink holds last are this outbox's: one that was restored and went on has others of the same numbers.

    Raises:
        SinkRefused: if some lote is another.
    """
    held = {k.removeprefix("escrito:"): v for k, v in meta.items() if k.startswith("escrito:")}
    mine = written_at(outbox.index, {p: held_upto(meta, p) for p in held if f"hasta:{p}" in meta})
    for place, at in sorted(mine.items()):
        if at != held[place]:
            what = f"{sink.name} holds another lote {place}-{held_upto(meta, place)} than this outbox (was FLUXION_HOME restored?)"
            raise SinkRefused(str(sink.name), what, "if this home is the right one: fluxion init --claim")


def claim(sink: Sink, outbox: KeptLotes, *, force: bool = False) -> bool:
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


def held_upto(meta: Mapping[str, str], place: str) -> int:
    """Up to which lote of a location a sink holds everything; slices that are still to be copied are told by ``copying``."""
    return int(meta.get(f"hasta:{place}", "0"))
