"""Attempts in ``cobertura``: their instants and counters live in the index and reach a sink by a keyed UPDATE.

They are in no image: a reading that lands nothing is an attempt all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.failpoints import passed
from fluxion_pipeline.landing.index import Image, instant
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.sinks.protocol import AttemptLine, Sink


def lines_of(outbox: Outbox, images: Sequence[Image]) -> list[AttemptLine]:
    """The attempts at the coverage lines among some images: a line that is new in the sink has them from the start."""
    lines = []
    for image in images:
        if image.table == "cobertura":
            table, place, cut = image.slice.split("/", 2)
            lines += _lines([(table, place, cut, *outbox.index.attempt(Fact(table), place, cut))])
    return lines


def _lines(found: Sequence[tuple[str, str, str, int, str | None, dict[str, object] | None]]) -> list[AttemptLine]:
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


def tell(sink: Sink, outbox: Outbox) -> dict[str, str]:
    """Attempts that landed nothing reach ``cobertura`` at the end, outside of lotes and ledger; ``fluxion_meta`` as it was before."""
    with sink.session("telling attempts") as session:
        meta = session.meta()
        changed = outbox.index.attempts_since(int(meta.get("intentos", "0")))
        if not changed:
            return meta
        session.lock(sorted({str(row[1]) for row in changed}))
        session.attempts(_lines([row[:6] for row in changed]))
        session.set_meta({"intentos": str(max(row[6] for row in changed))})
        passed(f"{sink.name}.attempts")
        session.commit()
    passed(f"{sink.name}.told")
    return meta
