"""Where a user's DataFrame becomes the images that every sink must hold.

The frame is the whole table, or the slices that the asset says it covers; what it says of them is
what they are. What equals the newest images lands no lote. Before this: ``contracts.own_rows``; after
it: the sinks, as for any reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fluxion_pipeline.contracts.own_rows import rows_of, slice_text, slice_texts
from fluxion_pipeline.contracts.own_tables import OwnTable
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.landing.decide.decision import Draft
from fluxion_pipeline.landing.digest import digest_of
from fluxion_pipeline.landing.index import stamp
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.landing.tables import keep, own_table

if TYPE_CHECKING:
    import pandas as pd

ORIGIN = "tabla"
"""In a manifest's ``extra``: who computed the rows, and when they landed."""


@dataclass(frozen=True)
class Rows:
    """What an asset returns where it has more to say than its DataFrame.

    Attributes:
        frame: the rows.
        covers: the slices that the frame speaks of: one value each, or a tuple where several columns name
            a slice; a covered slice without rows becomes empty, one that isn't covered stays as it is.
            None: the frame is the whole table.
        empty: a whole table without rows is meant, also where there were some.
    """

    frame: pd.DataFrame
    covers: Sequence[Any] | None = None
    empty: bool = False


@dataclass(frozen=True)
class OwnLanding:
    """What became of a frame.

    Attributes:
        table: the table's name.
        lote_id: the lote; None: nothing was new.
        covered: number of slices that the frame spoke of.
        changed: number of slices whose image is new.
        rows: number of rows of the frame.
    """

    table: str
    lote_id: str | None
    covered: int
    changed: int
    rows: int


def land_rows(outbox: Outbox, table: OwnTable, given: Rows, origin: str = "") -> OwnLanding:
    """Land a frame.

    Args:
        outbox: where it lands.
        table: the contract.
        given: the frame and what it covers.
        origin: who computed it, for ``fluxion explain``.

    Raises:
        ContractError: if the frame breaks the contract, has rows of slices that it doesn't cover, is empty
            where the table has rows, or if the table landed with another contract; nothing is landed.
    """
    rows = rows_of(table, given.frame)
    parts = _parts(table, rows)
    asked = None if given.covers is None else _covered(table, given.covers, parts)
    with outbox.lock(table.place) as past:
        before = own_table(outbox.home, table.name)
        if before is not None and not table.extends(before):
            raise _changed(table, before)
        held = {i.slice: i for i in past.index.images(table.place, table.name)}
        if asked is None:
            if not rows.num_rows and not given.empty and (had := sum(i.rows for i in held.values())):
                raise _without_rows(table, had)
            asked = {*parts, *held}
        drafts = [_draft(table, s, rows.take(pa.array(parts.get(s, ()), pa.int64()))) for s in sorted(asked)]
        fresh = tuple(d for d in drafts if d.slice not in held or (held[d.slice].rows, held[d.slice].digest) != d.measure)
        if before != table:
            keep(outbox.home, table)
        if not fresh:
            return OwnLanding(table.name, None, len(asked), 0, rows.num_rows)
        manifest = outbox.write(past, fresh, extra={ORIGIN: {"origen": origin, "en": stamp(outbox.clock()), "slices": len(asked), "filas": rows.num_rows}})
        return OwnLanding(table.name, manifest.lote_id, len(asked), len(fresh), rows.num_rows)


def _parts(table: OwnTable, rows: pa.Table) -> dict[str, list[int]]:
    """The slices that have rows, and the rows' places."""
    if not table.slice_by:
        return {"*": list(range(rows.num_rows))}
    parts: dict[str, list[int]] = {}
    for n, text in enumerate(slice_texts(table, rows)):
        parts.setdefault(text, []).append(n)
    return parts


def _covered(table: OwnTable, covers: Iterable[Any], parts: Mapping[str, Sequence[int]]) -> set[str]:
    if not table.slice_by:
        raise ContractError(f"«{table.name}» has no slices: it is always landed whole", "return the DataFrame alone, or declare slice_by")
    covered = {slice_text(table, value if isinstance(value, (tuple, list)) else (value,)) for value in covers}
    outside = sorted(parts.keys() - covered)
    if outside:
        rows = sum(len(parts[s]) for s in outside)
        named = ", ".join(outside[:5]) + (", …" if len(outside) > 5 else "")
        raise ContractError(f"the frame for «{table.name}» has {rows} rows of slices that it doesn't cover: {named}", "cover them, or leave these rows out")
    return covered


def _draft(table: OwnTable, slice_: str, rows: pa.Table) -> Draft:
    return Draft(table.name, slice_, rows, measure=(rows.num_rows, digest_of(rows, table.spec.columns)))


def _changed(table: OwnTable, before: OwnTable) -> ContractError:
    what = "; ".join(table.differences(before))
    return ContractError(
        f"«{table.name}» landed with another contract: {what}",
        "only columns that may be NULL can be added, at the end: go back to that contract, or give the changed table a name of its own",
    )


def _without_rows(table: OwnTable, had: int) -> ContractError:
    return ContractError(f"the frame for «{table.name}» is empty, the table has {had} rows", "if that is right, return Rows(frame, empty=True)")
