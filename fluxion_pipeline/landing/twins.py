"""Two locations with the same rows are told apart by who landed first: so they must not land at the same moment.

A lock of the home for each kind of reading: readings that may be equal exclude each other from the
decision to the manifest, others hardly ever do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.compute as pc

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.locks import hold
from fluxion_pipeline.sources.protocol import Reading

STRIPES = 64
_TOLD_BY = {Fact.VENTAS: "venta_total", Fact.INVENTARIO: "stock"}


@contextmanager
def one_of_a_kind(locks: Path, reading: Reading, wait: float = 60.0) -> Iterator[None]:
    """Keep readings that may be equal to this one from being decided while the block runs.

    Raises:
        BusyError: if one of them takes longer than the wait.
    """
    column = _TOLD_BY.get(reading.fact)
    if column is None:
        yield
        return
    told = f"{reading.fact} {reading.cut} {reading.rows.num_rows} {pc.sum(reading.rows.column(column)).as_py()}"
    stripe = int(hashlib.sha256(told.encode()).hexdigest(), 16) % STRIPES
    with hold(locks / f"gemelas-{stripe}.lock", wait=wait, purpose=f"landing {reading.location} {reading.cut}"):
        yield
