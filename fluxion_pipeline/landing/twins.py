"""Two locations with the same rows are told apart by who landed first: so they must not land at the same moment.

Locks of the home for what a reading says: readings that may be alike exclude each other from the
decision to the manifest, others hardly ever do. Sales that share most of their lines share the least of
the lines' numbers, in some order of numbers: with that probability for each of the orders.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.landing.decide import outcome
from fluxion_pipeline.landing.past import Past
from fluxion_pipeline.locks import hold
from fluxion_pipeline.sources.protocol import Reading

STRIPES = 256
_ORDERS = (np.uint64(0), np.uint64(0x5555_5555_5555_5555))


@contextmanager
def one_of_a_kind(locks: Path, reading: Reading, past: Past, wait: float = 60.0) -> Iterator[None]:
    """Keep readings that may be like this one from being decided while the block runs.

    Raises:
        BusyError: if one of them takes longer than the wait.
    """
    with ExitStack() as stack:
        for stripe in sorted({_stripe(text) for text in _told(reading, past)}):  # in one order, so that no two wait for each other
            purpose = f"landing {reading.location} {reading.cut}"
            stack.enter_context(hold(locks / f"gemelas-{stripe}.lock", wait=wait, purpose=purpose))
        yield


def _stripe(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % STRIPES


def _told(reading: Reading, past: Past) -> list[str]:
    """What readings say that may be alike; nothing of few rows, which may be alike by chance."""
    rows = reading.rows
    if not rows.num_rows or rows.num_rows + reading.rejects.num_rows < outcome.LIMITS.many:
        return []
    if reading.fact is Fact.VENTAS:
        marks = past.marks(reading)
        return [f"{reading.fact} {reading.cut} {n} {(marks ^ order).min()}" for n, order in enumerate(_ORDERS)]
    return [f"{reading.fact} {reading.cut} {rows.num_rows} {pc.sum(rows.column('stock')).as_py()}"] if reading.fact is Fact.INVENTARIO else []
