"""What a transaction has found in a sink, noted in that very transaction: it can't be lost between the commit and whoever remembers it.

A note is a line of ``fluxion_meta`` (``deriva:<id>``) that stays until the home has it: who takes notes
over writes them down first and clears them then, so one may be met twice, under the same id. Before
this: ``drift`` finds what somebody else changed; after it: ``operations.drifts``.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from fluxion_pipeline.failpoints import passed
from fluxion_pipeline.sinks.protocol import Sink, WriteReceipt

MARK = "deriva:"


def noted(receipts: Sequence[WriteReceipt], run_id: str | None, at: datetime) -> dict[str, str]:
    """Lines of ``fluxion_meta`` for what somebody else had changed, one for each slice."""
    return {
        f"{MARK}{uuid.uuid4().hex}": json.dumps(
            {
                "en": at.isoformat(),
                "base": receipt.sink.value,
                "run_id": run_id or "",
                "tabla": drift.table,
                "slice": drift.slice,
                "filas": dict(drift.rows),
                "muestra": [{"que": x.kind, "antes": x.before, "despues": x.after} for x in drift.sample],
            },
            ensure_ascii=False,
        )
        for receipt in receipts
        for drift in receipt.drifts
    }


def waiting(meta: Mapping[str, str]) -> dict[str, str]:
    """The notes that nobody has taken over yet, by their names in ``fluxion_meta``."""
    return {name: text for name, text in meta.items() if name.startswith(MARK)}


def clear(sink: Sink, names: Collection[str]) -> None:
    """Remove notes that the home has.

    Raises:
        SinkAway: if the sink can't be used now; they are met again.
    """
    with sink.session("clearing notes") as session:
        for name in names:
            session.unset_meta(name)
        session.commit()
    passed(f"{sink.name}.cleared")
