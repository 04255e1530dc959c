"""Level ``count``: rows per slice on both sides. Cheap, and blind to values and to rows that are swapped.

Before this: the counts of the plan; after it: ``verdict``.
"""

from __future__ import annotations

from collections.abc import Collection

from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.parity.exact import ChunkDifference, SliceDifference
from fluxion_pipeline.parity.plan import Groups
from fluxion_pipeline.parity.report import SAMPLE, Difference, Kind
from fluxion_pipeline.parity.sides import by_slice


def count_differences(spec: TableSpec, duckdb: Groups, postgresql: Groups, only: Collection[str] | None = None) -> ChunkDifference:
    """The slices whose counts differ; ``missing`` and ``extra`` are then differences of counts."""
    result = ChunkDifference()
    left, right = by_slice(duckdb), by_slice(postgresql)
    for name in sorted(left.keys() | right.keys()):
        mine, other = left.get(name, 0), right.get(name, 0)
        if mine == other or (only is not None and name not in only):
            continue
        result.slices[name] = SliceDifference(missing=max(mine - other, 0), extra=max(other - mine, 0))
        if len(result.sample) < SAMPLE:
            kind = Kind.MISSING if mine > other else Kind.EXTRA
            key = {"slice": name, "tabla": spec.name}
            result.sample.append(Difference(str(kind), key, {"filas": mine}, {"filas": other}, ("filas",), name))
    return result
