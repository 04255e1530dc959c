"""What may be asked of a table that is read back from a sink: its own columns, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.errors import ContractError


def chosen(table: TableSpec, names: Sequence[str] | None, conditions: Iterable[str] = ()) -> tuple[str, ...]:
    """The columns to read: all compared ones unless some are named.

    Raises:
        ContractError: if a named column, or one of a condition, isn't the table's; it lists the valid ones.
    """
    result = tuple(names or table.columns)
    wrong = [n for n in (*result, *conditions) if n not in table.columns]
    if wrong:
        raise ContractError(f"{table.name} has no column «{wrong[0]}»", f"its columns are: {', '.join(table.columns)}")
    return result
