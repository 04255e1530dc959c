"""What the columns of a source's raw rows are, and what a reading is of.

Lives here: declarations only. A source declares one ``Layout`` for each fact; ``judge`` applies it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import pyarrow as pa

from fluxion_pipeline.contracts.outcomes import Fact, Word


class Kind(Word):
    """How the text of a column is to be understood."""

    TEXT = "text"
    CODE = "code"
    DECIMAL = "decimal"
    INTEGER = "integer"
    DATE = "date"
    TIME = "time"


SALE_DATE = "fecha"
SALE_TIME = "hora"
"""The two columns of a sale that aren't the contract's but make its ``fecha_venta`` and ``fecha_negocio``."""


@dataclass(frozen=True)
class Field:
    """One column of a source.

    Attributes:
        source: its name in the source.
        column: the column of the contract that it fills (or ``SALE_DATE``, ``SALE_TIME``); None: it
            is read for the description of products only.
        kind: how its text is understood; a ``CODE`` is text of at most ``values.MAX_CODE_BYTES``.
        required: NULL rejects the row.
    """

    source: str
    column: str | None
    kind: Kind = Kind.TEXT
    required: bool = False


@dataclass(frozen=True)
class Layout:
    """The columns of one fact in one source.

    Attributes:
        fact: what the rows are.
        fields: the columns that are known, all of which a source must have.
        met: for the description of products that a fact names: (column of ``MET_SCHEMA``, source column).
    """

    fact: Fact
    fields: tuple[Field, ...]
    met: tuple[tuple[str, str], ...] = ()

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The names of the columns in the source."""
        return tuple(f.source for f in self.fields)

    @cached_property
    def by_source(self) -> dict[str, Field]:
        """The fields by their names in the source."""
        return {f.source: f for f in self.fields}


@dataclass(frozen=True)
class Place:
    """What a reading is of: the values that aren't in its rows.

    Attributes:
        location: canonical code, or ``*``.
        origin: file or address, as it stands in ``rechazos.origen``.
        today: local date of the reading's clock.
        day: the business day that every sale must be of; None where rows have no date.
    """

    location: str
    origin: str
    today: date
    day: date | None = None


@dataclass(frozen=True)
class Broken:
    """A row that has no columns to speak of (too few, too many): a reject before any rule.

    Attributes:
        line: where it begins.
        reason: what was expected and what was found.
        text: the row as it came.
    """

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Raw:
    """The rows of one reading as text.

    Attributes:
        table: all columns of the source in its order, each ``string``, names unique; NULL: the source gave none.
        lines: int32, ascending: line in the file, or position in the answer, of each row.
        broken: rows that could not be told apart into columns.
    """

    table: pa.Table
    lines: pa.Array
    broken: tuple[Broken, ...] = field(default=())

    @property
    def read(self) -> int:
        """How many rows the source gave."""
        return int(self.table.num_rows) + len(self.broken)


@dataclass(frozen=True)
class Judged:
    """What the rules made of a ``Raw``; ``read == rows + repeated + rejects``.

    Attributes:
        rows: ``row_schema(fact)``, keys unique, in the order of the source.
        rejects: ``REJECT_SCHEMA``, by line.
        read: rows that the source gave.
        repeated: rows that said again what another row says.
        met: ``MET_SCHEMA``; None for the catalogue.
    """

    rows: pa.Table
    rejects: pa.Table
    read: int
    repeated: int
    met: pa.Table | None
