"""What a sink is: four questions (connect, what it holds, make a slice equal, remember it) and their results.

One module per engine answers them; ``sinks.converge`` asks. A sink never decides what its rows are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.landing.earlier import WrittenStep
from fluxion_pipeline.landing.index import Image

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Counts:
    """What making slices of one table equal to their images took, in rows."""

    inserted: int = 0
    changed: int = 0
    deleted: int = 0
    unchanged: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Sum, column by column."""
        return Counts(self.inserted + other.inserted, self.changed + other.changed, self.deleted + other.deleted, self.unchanged + other.unchanged)

    @property
    def written(self) -> int:
        """Rows written in any way."""
        return self.inserted + self.changed + self.deleted

    @property
    def wanted(self) -> int:
        """Rows of the images."""
        return self.inserted + self.changed + self.unchanged


@dataclass(frozen=True)
class Edited:
    """A row that somebody else changed.

    Attributes:
        kind: ``cambiada``, ``agregada``, ``borrada`` or ``doblada``.
        before: the row as the pipeline had written it, as text by column; None: it hadn't.
        after: the row as it was found.
    """

    kind: str
    before: Mapping[str, str | None] | None
    after: Mapping[str, str | None] | None


@dataclass(frozen=True)
class Drift:
    """What somebody else changed in a slice since it was made equal: rows by kind, and a sample of them."""

    table: str
    slice: str
    rows: Mapping[str, int]
    sample: tuple[Edited, ...]


@dataclass(frozen=True)
class WriteReceipt:
    """What one sink wrote of one table.

    Attributes:
        sink: the sink.
        table: the table.
        locations: the locations whose slices were owed.
        slices: number of slices made equal.
        counts: rows inserted, changed, deleted, unchanged.
        seconds: wall time of this table's part.
        drifts: what somebody else had changed, and was undone.
    """

    sink: SinkName
    table: str
    locations: tuple[str, ...]
    slices: int
    counts: Counts
    seconds: float
    drifts: tuple[Drift, ...] = ()


@dataclass(frozen=True)
class SinkReport:
    """What bringing locations up to date in one sink came to.

    Attributes:
        sink: the sink.
        receipts: one per table that was owed anything.
        failures: location → why it could not be brought up to date (the others were).
        seconds: wall time in all.
        copied: rows that were copied in chunks.
        notes: what the sink has noted, in this convergence or before, and nobody has taken over (``sinks.notes``).
    """

    sink: SinkName
    receipts: tuple[WriteReceipt, ...]
    failures: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    copied: int = 0
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def drifts(self) -> tuple[Drift, ...]:
        """What somebody else had changed."""
        return tuple(d for r in self.receipts for d in r.drifts)

    def of(self, table: str) -> Counts:
        """The counts of one table."""
        return sum((r.counts for r in self.receipts if r.table == table), Counts())


@dataclass(frozen=True)
class AttemptLine:
    """The columns of ``cobertura`` that tell of attempts, by the line's key."""

    tabla: str
    ubicacion_codigo: str
    corte: str
    verificado_en: datetime | None
    ultimo_intento: datetime | None
    ultimo_resultado: str | None
    intentos: int
    segundos: float | None
    motivo: str | None


@dataclass(frozen=True)
class Past:
    """What lotes of before say.

    Attributes:
        image: the image of a location's table and slice at a version; None where its lote is gone or isn't as it was written.
        step: what turns an older image into a newest one; None likewise.
    """

    image: Callable[[str, str, str, int], Image | None]
    step: Callable[[Image], WrittenStep | None]

    def __call__(self, location: str, table: str, slice_: str, version: int) -> Image | None:
        """The image."""
        return self.image(location, table, slice_, version)


class SinkSession(Protocol):
    """One transaction on a sink.

    Attributes:
        drifts: what ``make_equal`` found that somebody else had changed; whoever calls it takes it away.
    """

    drifts: list[Drift]

    def lock(self, locations: Sequence[str]) -> None:
        """Nobody else brings these locations up to date until the transaction ends."""
        ...

    def meta(self) -> dict[str, str]:
        """``fluxion_meta``."""
        ...

    def set_meta(self, values: Mapping[str, str]) -> None:
        """Set some of ``fluxion_meta``."""
        ...

    def unset_meta(self, name: str) -> None:
        """Remove a line of ``fluxion_meta``."""
        ...

    def forget(self) -> None:
        """The ledger's lines count as version 0 from now on."""
        ...

    def make_equal(self, table: TableSpec, images: Sequence[Image], past: Past, outbox: str, *, trust: bool = True, moving: bool = False) -> Counts:
        """Make the slices of one table equal to their images.

        Args:
            table: the table.
            images: one per slice.
            past: gives what is known of images that the ledger names.
            outbox: whose images they are.
            trust: believe what the sink proves; else everything is read back.
            moving: rows of the images' keys in other slices go.

        Raises:
            ConvergenceError: if the rows written aren't the planned ones.
        """
        ...

    def remember(self, images: Sequence[Image], outbox: str, at: datetime) -> None:
        """Write the ledger lines of applied images."""
        ...

    def log(self, receipts: Iterable[WriteReceipt], run_id: str | None, at: datetime) -> None:
        """Write the log of what was done."""
        ...

    def attempts(self, lines: Sequence[AttemptLine]) -> int:
        """Update the attempts' columns of ``cobertura`` by key; the number of lines changed."""
        ...

    def statement(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of one statement that both engines understand; none for DDL."""
        ...

    def commit(self) -> None:
        """Keep all of it."""
        ...


class Sink(Protocol):
    """One database."""

    name: SinkName

    def migrate(self) -> bool:
        """Bring the schema to head; whether anything changed."""
        ...

    def prepare(self, images: Sequence[Image]) -> None:
        """What must be there before a transaction can apply these images (partitions)."""
        ...

    def session(self, purpose: str = "") -> AbstractContextManager[SinkSession]:
        """One transaction; rolled back unless it is committed.

        Raises:
            SinkAway: if the database can't be used now, or its schema is not at head.
        """
        ...

    def read(self, table: str, columns: Sequence[str] | None = None, where: Mapping[str, Sequence[Any]] | None = None) -> pa.Table:
        """Rows of a table as Arrow: chosen columns, chosen values of columns."""
        ...

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a read-only statement that both engines understand."""
        ...

    def answers(self, statements: Sequence[str]) -> list[list[tuple[Any, ...]]]:
        """Rows of several read-only statements, all of one snapshot."""
        ...
