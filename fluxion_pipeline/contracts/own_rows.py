"""A user's DataFrame as rows of its contract: every value exact, or an error that names column, row and value.

Nothing is trimmed, guessed or dropped: the text of a user's frame is theirs. Before this: the asset
that computed it; after it: ``landing.own_tables``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fluxion_pipeline.contracts.clock import UTC
from fluxion_pipeline.contracts.own_tables import Kind, OwnTable
from fluxion_pipeline.contracts.rows import arrow_type
from fluxion_pipeline.contracts.rules.decimals import exact
from fluxion_pipeline.errors import ContractError

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 5
"""How many wrong values an error names."""

MAX_KEY_BYTES = 2000
"""Longest key, all of its texts together: PostgreSQL's index rows end at 2,704 bytes."""

MAX_TEXT_BYTES = 1_000_000
"""Longest text: a row must fit into a line that both engines read."""

FIRST_DAY = date(1900, 1, 1)
"""First day that names a slice: before the year 1000 the engines write years differently."""

_INT = 2**31


class _Wrong(ValueError):
    """A value that the column can't hold; its text goes on after the value."""


@dataclass
class _Problems:
    """Wrong values of a frame: how many, and the first few."""

    table: OwnTable
    index: Sequence[Any]
    count: int = 0
    lines: list[str] = field(default_factory=list)

    def add(self, column: str, row: int, value: Any, what: str) -> None:
        """Remember a wrong value."""
        self.count += 1
        if len(self.lines) < SHOWN:
            label = "" if self.index[row] == row else f" (index {self.index[row]!r})"
            self.lines.append(f"column «{column}», row {row}{label}: {_shown(value)} {what}")

    def end(self) -> None:
        """Raise them, if there are any."""
        if self.count:
            more = f"; and {self.count - len(self.lines)} more" if self.count > len(self.lines) else ""
            raise ContractError(f"the frame for «{self.table.name}» breaks its contract: {'; '.join(self.lines)}{more}", "nothing was landed: mend the asset")


def rows_of(table: OwnTable, frame: pd.DataFrame) -> pa.Table:
    """The rows of a frame: the contract's columns in its order, each of its Arrow type.

    Raises:
        ContractError: if columns are missing or unknown, or any value breaks the contract.
    """
    _check_columns(table, frame)
    problems = _Problems(table, list(frame.index))
    never_null = {*table.key, *table.required}
    values = {name: _values(name, kind, frame[name], name in never_null, problems) for name, kind in table.columns}
    problems.end()
    _check_keys(table, values, problems)
    problems.end()
    return pa.table([pa.array(values[name], arrow_type(table.spec, name)) for name, _ in table.columns], names=[name for name, _ in table.columns])


def slice_texts(table: OwnTable, rows: pa.Table) -> list[str]:
    """The slice of each row, as text."""
    if not table.slice_by:
        return ["*"] * rows.num_rows
    parts = zip(*(rows.column(c).to_pylist() for c in table.slice_by), strict=True)
    known: dict[tuple[Any, ...], str] = {}
    return [known.get(p) or known.setdefault(p, slice_text(table, p)) for p in parts]


def slice_text(table: OwnTable, values: Sequence[Any]) -> str:
    """The text of the slice that some values name, in the order of ``slice_by``; days as ``date`` or ISO text.

    Raises:
        ContractError: if they don't name a slice.
    """
    if len(values) != len(table.slice_by):
        raise ContractError(f"a slice of «{table.name}» is named by {', '.join(table.slice_by)}: {values!r} are {len(values)} values", "give one value each")
    return "/".join(_part(table, column, value) for column, value in zip(table.slice_by, values, strict=True))


def _part(table: OwnTable, column: str, value: Any) -> str:
    try:
        if table.kinds[column] is Kind.DAY:
            day = date.fromisoformat(value) if isinstance(value, str) else _day(value)
            if day < FIRST_DAY:
                raise _Wrong(f"is before {FIRST_DAY}, which names no slice")
            return day.isoformat()
        text = _text(value)
        if not text or ("/" in text and len(table.slice_by) > 1):
            raise _Wrong("is empty, or has a «/» where two columns name the slice")
    except ValueError as error:
        raise ContractError(f"slice column «{column}» of «{table.name}»: {_shown(value)} {error}", "nothing was landed: mend the asset") from None
    return text


def _check_columns(table: OwnTable, frame: pd.DataFrame) -> None:
    given = list(frame.columns)
    wanted = [name for name, _ in table.columns]
    lines = [f"column «{n}» is missing" for n in wanted if n not in given]
    lines += [f"column «{n}» is not in the contract" for n in given if n not in wanted]
    lines += sorted({f"column «{n}» is there twice" for n in given if given.count(n) > 1})
    if lines:
        indexed = [n for n in frame.index.names if n in wanted and n not in given]
        remedy = f"«{indexed[0]}» is the frame's index: return frame.reset_index()" if indexed else f"its columns are: {', '.join(wanted)}"
        raise ContractError(f"the frame for «{table.name}» breaks its contract: {'; '.join(lines)}", remedy)


def _values(name: str, kind: Kind, column: pd.Series[Any], required: bool, problems: _Problems) -> list[Any]:
    convert = _CONVERT[kind]
    result: list[Any] = []
    for row, value in enumerate(_scalars(column)):
        if _is_null(value):
            if required:
                problems.add(name, row, value, "is NULL, which the contract forbids")
            result.append(None)
            continue
        try:
            result.append(convert(value))
        except (_Wrong, OverflowError) as error:
            problems.add(name, row, value, str(error) if isinstance(error, _Wrong) else "is out of range")
            result.append(None)
    return result


def _scalars(column: pd.Series[Any]) -> Iterable[Any]:
    """The column's values; floats keep their width, since its shortest text is what they say."""
    return column.to_numpy() if getattr(column.dtype, "kind", "") == "f" else column.tolist()


def _is_null(value: Any) -> bool:
    import pandas as pd

    if value is None or value is pd.NA or value is pd.NaT:
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    return _is_float(value) and value != value


def _is_float(value: Any) -> bool:
    import numpy as np

    return isinstance(value, (float, np.floating))


def _is_integer(value: Any) -> bool:
    import numpy as np

    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _must_be(value: Any, what: str) -> _Wrong:
    return _Wrong(f"is {type(value).__name__}, must be {what}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _must_be(value, "text (str)")
    if "\0" in value:
        raise _Wrong("contains U+0000")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise _Wrong("is no text that UTF-8 can write") from None
    if size > MAX_TEXT_BYTES:
        raise _Wrong(f"is longer than {MAX_TEXT_BYTES:,} bytes")
    return str(value)


def _number(value: Any) -> Decimal:
    if not (isinstance(value, Decimal) or _is_integer(value) or _is_float(value)):
        raise _must_be(value, "a number (Decimal, int or float)")
    found = exact(str(value))
    if found is None:
        raise _Wrong("does not fit NUMERIC(18,4)")
    return found


def _integer(value: Any) -> int:
    if _is_float(value) and value == value // 1:  # pandas makes floats of integers where some are NULL
        value = int(value)
    if not _is_integer(value):
        raise _must_be(value, "an integer") if not _is_float(value) else _Wrong("is not a whole number")
    if not -_INT <= value < _INT:
        raise _Wrong("does not fit INTEGER")
    return int(value)


def _boolean(value: Any) -> bool:
    import numpy as np

    if not isinstance(value, (bool, np.bool_)):
        raise _must_be(value, "a boolean")
    return bool(value)


def _day(value: Any) -> date:
    if not isinstance(value, date):
        raise _must_be(value, "a date")
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is not None or value.time() != time.min or getattr(value, "nanosecond", 0) != 0:
        raise _Wrong("has a time of day or a time zone, must be a date: take its local .date() first")
    return value.date()


def _instant(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise _must_be(value, "an instant (datetime)")
    if value.tzinfo is None:
        raise _Wrong("is naive: give it a time zone (tz_localize)")
    if getattr(value, "nanosecond", 0):
        raise _Wrong("has nanoseconds: round it to microseconds")
    plain: datetime = value.to_pydatetime() if hasattr(value, "to_pydatetime") else value
    return plain.astimezone(UTC)


_CONVERT: dict[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: _text,
    Kind.NUMBER: _number,
    Kind.INSTANT: _instant,
    Kind.DAY: _day,
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: _integer,
}


def _check_keys(table: OwnTable, values: dict[str, list[Any]], problems: _Problems) -> None:
    texts = [n for n in table.key if table.kinds[n] is Kind.TEXT]
    first: dict[tuple[Any, ...], int] = {}
    for row, key in enumerate(zip(*(values[n] for n in table.key), strict=True)):
        before = first.setdefault(key, row)
        if before != row:
            problems.add(", ".join(table.key), row, key if len(key) > 1 else key[0], f"is a key that row {before} has already")
        if texts and sum(len(values[n][row].encode()) for n in texts) > MAX_KEY_BYTES:
            problems.add(", ".join(texts), row, key, f"is a key of more than {MAX_KEY_BYTES:,} bytes")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
