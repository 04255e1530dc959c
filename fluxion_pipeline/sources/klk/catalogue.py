"""One catalogue out of the stores' lists: the first store in order that has a product describes it, later ones fill its gaps."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from fluxion_pipeline.contracts.outcomes import Answer, Fact
from fluxion_pipeline.contracts.rules.layout import Judged
from fluxion_pipeline.locations.registry import Location
from fluxion_pipeline.sources.failure import Failure
from fluxion_pipeline.sources.products import merged
from fluxion_pipeline.sources.protocol import Reading, no_rejects, no_rows


@dataclass(frozen=True)
class Listed:
    """What one store lists."""

    judged: Judged
    digest: str


def combined(
    stores: Sequence[Location], listed: Callable[[Location], Listed | Failure], read_at: datetime, origin: str, started: float, parallel: int
) -> Reading:
    """Ask all stores side by side and put their lists together; those that didn't answer are named in warnings.

    Args:
        stores: in order of precedence.
        listed: asks one of them.
        read_at: when the reading began.
        origin: the address.
        started: ``time.perf_counter()`` of the beginning.
        parallel: how many are asked at once.
    """
    with ThreadPoolExecutor(max(1, parallel), thread_name_prefix="catalogue") as pool:
        answers = list(pool.map(listed, stores))
    good = [a for a in answers if isinstance(a, Listed)]
    warnings = tuple(f"{store.codigo} gave no catalogue: {a.reason}" for store, a in zip(stores, answers, strict=True) if isinstance(a, Failure))

    def reading(rows: pa.Table, rejects: pa.Table, answer: Answer = Answer.ENTERA, reason: str | None = None, digest: str | None = None) -> Reading:
        counted = sum(a.judged.read for a in good) if answer is Answer.ENTERA else 0
        return Reading(
            Fact.CATALOGO,
            "*",
            "*",
            read_at,
            rows,
            rejects,
            read=counted,
            repeated=counted - rows.num_rows - rejects.num_rows,
            answer=answer,
            reason=reason,
            origin=origin,
            source_digest=digest,
            warnings=warnings,
            seconds=time.perf_counter() - started,
        )

    if not good:
        return reading(no_rows(Fact.CATALOGO), no_rejects(), Answer.INALCANZABLE, f"no store gave its catalogue: {'; '.join(warnings)}")
    if not any(a.judged.read for a in good):
        return reading(no_rows(Fact.CATALOGO), no_rejects(), Answer.PARCIAL, f"no product in the lists of {len(good)} stores")
    digest = hashlib.sha256("\n".join(a.digest for a in good).encode()).hexdigest()
    return reading(merged([a.judged.rows for a in good]), pa.concat_tables([a.judged.rejects for a in good]), digest=digest)
