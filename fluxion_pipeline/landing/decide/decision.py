"""What the rules hand over to be written: drafts of images, the reading that stands, the attempt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from fluxion_pipeline.contracts.outcomes import Outcome


@dataclass(frozen=True)
class Step:
    """What turns an image of a slice into a later one.

    Attributes:
        version: of the image that is left.
        rows: number of its applied rows.
        digest: their digest.
        changes: the table's compared columns and ``_que``: I (insert), U (update), D (delete by key).
    """

    version: int
    rows: int
    digest: str
    changes: pa.Table


@dataclass(frozen=True)
class Draft:
    """The complete rows of one slice as they must be.

    Attributes:
        table: the table.
        slice: the slice's text.
        rows: the table's compared columns, then columns of landing's own that begin with ``_``. Rows whose
            ``_desplazada`` is true are kept but not applied.
        stateful: write it even if no applied row changed, since landing's own columns may have
            (the sinks' version then stays).
        measure: number and digest of the applied rows, where they are known already.
        step: what turns the slice's newest image into these rows, where it is known and worth keeping.
    """

    table: str
    slice: str
    rows: pa.Table
    stateful: bool = False
    measure: tuple[int, str] | None = None
    step: Step | None = None


@dataclass(frozen=True)
class Decision:
    """What becomes of a reading.

    Attributes:
        outcome: what the reading came to.
        applied: whether it replaces anything.
        reason: why, where the outcome isn't a plain success; else what is odd about it.
        content: fingerprint of rows, rejects, window and answer.
        drafts: the slices as they must be; those that are so already are not written again.
        standing: JSON of the reading that stands in the slice now; None: as before.
        new: False: nothing new, no lote.
        verified: the instant at which the slice was seen to be as it stands now; None: as before.
        odd: what is odd about a reading that stands (``oddities``); it holds nothing back.
        twin: the location as whose twin it is held back.
    """

    outcome: Outcome
    applied: bool
    reason: str | None
    content: str
    drafts: tuple[Draft, ...] = ()
    standing: dict[str, Any] | None = None
    new: bool = True
    verified: datetime | None = None
    odd: tuple[str, ...] = ()
    twin: str | None = None
