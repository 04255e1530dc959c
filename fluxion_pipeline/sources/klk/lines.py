"""Lines of an answer to columns of text; a line that is no such line is one reject, with its own reason.

Before this: ``stream``; after it: the rules of a row. Rows are gathered by the thousand into Arrow, so
that memory holds an answer's columns and never its JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from fluxion_pipeline.contracts.rules.decimals import PLACES, exact
from fluxion_pipeline.contracts.rules.layout import Broken, Raw
from fluxion_pipeline.contracts.rules.text import NULL_WORDS
from fluxion_pipeline.sources.klk.failure import partial
from fluxion_pipeline.sources.klk.layouts import RATE, TAX, VENTAS, Shape
from fluxion_pipeline.sources.klk.stream import Answer

BATCH = 4096
_Row = tuple[Any, ...]
_DIVISION = Context(prec=40, rounding=ROUND_HALF_UP, traps=[])


@dataclass
class Lines:
    """What an answer holds.

    Attributes:
        raw: its lines as text.
        without_rate: lines with a tax in Bs that no rate turns into USD.
        counted: whether the answer said how many lines it has (and it has them).
    """

    raw: Raw
    without_rate: int = 0
    counted: bool = False


@dataclass
class _Gathered:
    """Rows on their way into Arrow."""

    shape: Shape
    batches: list[pa.RecordBatch] = field(default_factory=list)
    numbers: list[pa.Array] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    rows: list[_Row] = field(default_factory=list)
    at: list[int] = field(default_factory=list)

    def flush(self) -> None:
        if self.rows:
            arrays = [pa.array(column, pa.string()) for column in zip(*self.rows, strict=True)]
            self.batches.append(pa.RecordBatch.from_arrays(arrays, names=list(self.shape.columns)))
            self.numbers.append(pa.array(self.at, pa.int32()))
            self.rows, self.at = [], []

    def raw(self) -> Raw:
        self.flush()
        schema = pa.schema([(name, pa.string()) for name in self.shape.columns])
        return Raw(pa.Table.from_batches(self.batches, schema), pa.concat_arrays([pa.array([], pa.int32()), *self.numbers]), tuple(self.broken))


def read(path: Path, shape: Shape, encoding: str = "utf-8") -> Lines:
    """The lines of an answer.

    Raises:
        Failure: if the answer as a whole can't be believed.
    """
    gathered, tax = _Gathered(shape), _Tax(shape)
    with Answer(path, shape.name, encoding) as answer:
        for value, text, start, end in answer.elements():
            row = flat(value, shape)
            if isinstance(row, str):
                gathered.broken.append(Broken(answer.count, row, text[start:end]))
                continue
            gathered.rows.append(tax.converted(row) if shape is VENTAS else row)
            gathered.at.append(answer.count)
            if len(gathered.rows) == BATCH:
                gathered.flush()
        counted = not answer.bare and _check_count(answer)
    return Lines(gathered.raw(), tax.without_rate, counted)


def raw_text(path: Path, shape: Shape, encoding: str, wanted: set[int]) -> dict[int, str]:
    """The lines at some positions (from 1) as they came; the answer was read before."""
    with Answer(path, shape.name, encoding) as answer:
        return {n: text[start:end] for n, (_, text, start, end) in enumerate(answer.elements(), 1) if n in wanted}


def flat(line: Any, shape: Shape) -> _Row | str:
    """A line's columns, text or None; or why it is no line."""
    if type(line) is not dict:
        return f"a line is an object, not {_kind(line)}"
    values = [line.get(name) for name in shape.top]
    for part, names in shape.parts:
        found = line.get(part)
        if type(found) is not list:
            return f"{part} is an array of one object, not {_kind(found)}"
        if len(found) != 1:
            return f"{part} is an array of one object, not of {len(found)}"
        inner = found[0]
        if type(inner) is not dict:
            return f"{part} is an array of one object, not of {_kind(inner)}"
        values += [inner.get(name) for name in names]
    for name, value in zip(shape.columns, values, strict=True):
        if value is not None and (type(value) is not str or not (value.isascii() or _is_text(value))):
            return f"{name} is text or a number, not {_kind(value)}"
    return tuple(values)


def _is_text(value: str) -> bool:
    """Whether no half of a surrogate pair stands alone in it: JSON can say that, no database can hold it."""
    return not any("\ud800" <= c <= "\udfff" for c in value)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", bool: str(value).lower(), type(None): "missing"}
    return names.get(type(value), "text with half a character" if isinstance(value, str) and not _is_text(value) else "text or a number")


def _check_count(answer: Answer) -> bool:
    """``meta.total_registros`` is what came.

    Raises:
        Failure: if it isn't.
    """
    meta = answer.rest.get("meta")
    if meta is None:
        return False
    total = meta.get("total_registros") if isinstance(meta, dict) else meta
    if total is None and isinstance(meta, dict):
        return False
    if not isinstance(total, str) or not total.strip().isdecimal():
        raise partial(f"meta.total_registros is no number: {str(total)[:40]}")
    if int(total) != answer.count:
        raise partial(f"the answer is truncated: it announces {int(total)} lines, {answer.count} came", transient=True)
    return True


class _Tax:
    """Tax from Bs into USD, by the line's own rate; each pair of amount and rate once."""

    def __init__(self, shape: Shape) -> None:
        self.without_rate = 0
        names = shape.columns
        self._tax, self._rate = (names.index(TAX), names.index(RATE)) if shape is VENTAS else (0, 0)
        self._known: dict[tuple[str, str | None], str | None] = {}

    def converted(self, row: _Row) -> _Row:
        """The row with its tax in USD; NULL and counted where there is no rate."""
        amount, rate = row[self._tax], row[self._rate]
        if amount is None or amount.strip() in NULL_WORDS:
            return row
        key = (amount, rate)
        if key not in self._known:
            if len(self._known) > BATCH:
                self._known.clear()
            self._known[key] = in_usd(amount, rate)
        value = self._known[key]
        self.without_rate += value is None
        return row if value is amount else (*row[: self._tax], value, *row[self._tax + 1 :])


def in_usd(amount: str, rate: str | None) -> str | None:
    """An amount in Bs as text in USD; None without a rate; what is no amount stays as it is, for the rules to refuse."""
    if exact(amount.strip()) is None:
        return amount
    text = (rate or "").strip()
    if exact(text) is None or Decimal(text) <= 0:
        return None
    quotient = _DIVISION.divide(Decimal(amount.strip()), Decimal(text))
    rounded = quotient.quantize(PLACES, ROUND_HALF_UP, _DIVISION)
    return format(rounded if rounded.is_finite() else quotient, "f")
