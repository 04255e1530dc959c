"""Lines of an answer to columns of text; a line that is no such line is one reject, with its own reason.

Before this: ``stream``; after it: ``judged``. Rows are gathered into Arrow by so many, so that memory
holds some thousand lines and never the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa

from fluxion_pipeline.contracts.rules.decimals import PLACES, exact
from fluxion_pipeline.contracts.rules.layout import Broken, Raw
from fluxion_pipeline.contracts.rules.text import NULL_WORDS
from fluxion_pipeline.sources.failure import partial
from fluxion_pipeline.sources.klk.layouts import RATE, TAX, Shape
from fluxion_pipeline.sources.klk.stream import Answer

BATCH = 4096
"""Lines whose values are held as Python's before they go into Arrow."""

MOST_DIGITS = 18
"""Of a number of lines."""

_Row = tuple[Any, ...]
_DIVISION = Context(prec=40, rounding=ROUND_HALF_UP, traps=[])
_USUAL = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,8})?", re.ASCII)
"""An amount as it usually is, whose exactness needs no closer look."""
_PLAIN = frozenset({str, type(None)})


class Lines:
    """The lines of one answer, by pieces.

    Attributes:
        without_rate: lines with a tax in Bs that no rate turns into USD.
        counted: whether the answer said how many lines it has (and it has them).
    """

    def __init__(self, path: Path, shape: Shape, encoding: str = "utf-8") -> None:
        """Nothing is read yet."""
        self.path, self.shape, self.encoding = path, shape, encoding
        self.without_rate, self.counted = 0, False
        self._tax: dict[tuple[str | None, str | None], str | None] = {}

    def pieces(self, size: int | None) -> Iterator[Raw]:
        """At least one piece, each of so many lines (the last one fewer); None: one piece of all.

        Raises:
            Failure: if the answer as a whole can't be believed; also after pieces were given.
        """
        take, columns = _taker(self.shape), self.shape.columns
        rows: list[_Row] = []
        at: list[int] = []
        batches: list[pa.RecordBatch] = []
        numbers: list[int] = []
        broken: list[Broken] = []
        given = 0

        def flush() -> None:
            if rows:
                batches.append(pa.RecordBatch.from_arrays(self._arrays(rows), names=list(columns)))
                numbers.extend(at)
                rows.clear()
                at.clear()

        with Answer(self.path, self.shape.name, self.encoding) as answer:
            for value, text, start, end in answer.elements():
                row = take(value)
                if row is None or (answer.escapes and text.find("\\u", start, end) >= 0):
                    checked = flat(value, self.shape)
                    if isinstance(checked, str):
                        broken.append(Broken(answer.count, checked, text[start:end]))
                        continue
                    row = checked
                rows.append(row)
                at.append(answer.count)
                if len(rows) >= BATCH:
                    flush()
                if size is not None and answer.count - given >= size:
                    flush()
                    yield _raw(columns, batches, numbers, broken)
                    given, batches, numbers, broken = answer.count, [], [], []
            self.counted = not answer.bare and _check_count(answer)
        flush()
        if batches or broken or not given:
            yield _raw(columns, batches, numbers, broken)

    def texts(self) -> Iterator[tuple[int, str]]:
        """Each line's position (from 1) and text as it came; the answer was read before."""
        with Answer(self.path, self.shape.name, self.encoding) as answer:
            for _, text, start, end in answer.elements():
                yield answer.count, text[start:end]

    def _arrays(self, rows: list[_Row]) -> list[pa.Array]:
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        names = self.shape.columns
        if TAX in names:
            place = names.index(TAX)
            columns[place] = self._in_usd(columns[place], columns[names.index(RATE)])
        return [pa.array(column, pa.string()) for column in columns]

    def _in_usd(self, amounts: Sequence[Any], rates: Sequence[Any]) -> list[str | None]:
        """Taxes by their lines' own rates, each pair of amount and rate once."""
        known = self._tax
        if len(known) > BATCH:
            known.clear()
        found = []
        for pair in zip(amounts, rates, strict=True):
            if pair not in known:
                known[pair] = in_usd(*pair)
            found.append(known[pair])
        self.without_rate += sum(1 for value, amount in zip(found, amounts, strict=True) if value is None and not _nothing(amount))
        return found


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
        if value is not None and (type(value) is not str or not _is_text(value)):
            return f"{name} is text or a number, not {_kind(value)}"
    return tuple(values)


def _taker(shape: Shape) -> Callable[[Any], _Row | None]:
    """The quick way: a line that has every name in its place and nothing else than text and numbers there; None: ``flat`` decides."""
    top, parts = itemgetter(*shape.top), [(part, itemgetter(*names)) for part, names in shape.parts]

    def take(line: Any) -> _Row | None:
        try:
            values: _Row = top(line)
            for part, pick in parts:
                (inner,) = line[part]
                values += pick(inner)
        except (KeyError, TypeError, ValueError):
            return None
        return values if _PLAIN.issuperset(map(type, values)) else None

    return take


def _is_text(value: str) -> bool:
    """Whether no half of a surrogate pair stands alone in it: JSON can say that, no database can hold it."""
    return value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text or a number" if _is_text(value) else "text with half a character"
    return {dict: "an object", list: "an array", type(None): "missing"}.get(type(value), str(value).lower())


def _raw(columns: Sequence[str], batches: list[pa.RecordBatch], numbers: list[int], broken: list[Broken]) -> Raw:
    schema = pa.schema([(name, pa.string()) for name in columns])
    return Raw(pa.Table.from_batches(batches, schema), pa.array(numbers, pa.int32()), tuple(broken))


def _check_count(answer: Answer) -> bool:
    """``meta.total_registros`` is what came; whether it was told.

    Raises:
        Failure: if it isn't.
    """
    meta = answer.rest.get("meta")
    total = meta.get("total_registros") if isinstance(meta, dict) else meta
    if total is None:
        return False
    digits = total.strip() if isinstance(total, str) else ""
    if not digits.isdecimal() or len(digits) > MOST_DIGITS:
        raise partial(f"meta.total_registros is no number of lines: {str(total)[:40]}")
    if int(digits) != answer.count:
        what = "is truncated" if answer.count < int(digits) else "has too many lines"
        raise partial(f"the answer {what}: it announces {int(digits)} lines, {answer.count} came", transient=True)
    return True


def _nothing(value: str | None) -> bool:
    return value is None or value.strip() in NULL_WORDS


def in_usd(amount: str | None, rate: str | None) -> str | None:
    """An amount in Bs as text in USD; None without a rate; what is no amount stays as it is, for the rules to refuse."""
    if amount is None or (_USUAL.fullmatch(amount) is None and exact(amount.strip()) is None):
        return None if _nothing(amount) else amount
    divisor = _rate((rate or "").strip())
    if divisor is None:
        return None
    quotient = _DIVISION.divide(Decimal(amount.strip()), divisor)
    rounded = quotient.quantize(PLACES, ROUND_HALF_UP, _DIVISION)
    return format(rounded if rounded.is_finite() else quotient, "f")


@lru_cache(256)
def _rate(text: str) -> Decimal | None:
    """A rate that can be divided by; a store has one a day, so that thousands of lines share it."""
    return None if exact(text) is None or Decimal(text) <= 0 else Decimal(text)
