"""What a reading came to: the plain outcome, and the reasons to hold a good one back.

Limits are data with their reasons; a reading is compared with what the sinks hold of what it speaks of.
"""

from __future__ import annotations

from dataclasses import dataclass

from fluxion_pipeline.contracts.clock import closable_from, day_end, parse_day
from fluxion_pipeline.contracts.outcomes import Answer, Fact, Outcome
from fluxion_pipeline.sources.protocol import Reading


@dataclass(frozen=True)
class Limits:
    """From how many rows on a comparison of sizes means something."""

    partial: int = 20
    """More than half rejected of fewer rows than this says nothing about the answer as a whole."""
    many: int = 50
    """Fewer rows than this may vanish, double or be equal to another store's by chance."""
    alike: int = 5
    """So many sales lines of a larger answer that are another store's to the second and the last digit are so by no chance."""
    nearly: float = 0.9
    """A share of products that no two stores have the same stock of."""
    near: int = 3
    """How many days before and after a day on which a store answered as another one it is believed less: the nights read as many again."""


LIMITS = Limits()


@dataclass(frozen=True)
class Twin:
    """Another location with the same rows.

    Attributes:
        location: its canonical code.
        rows: how many rows of the answer it has, too.
        of: how many rows the answer has.
        named: whether it isn't known to have them, but is whose warehouse they name.
    """

    location: str
    rows: int
    of: int
    named: bool = False

    def __str__(self) -> str:
        """What is told of it, but when."""
        if self.named:
            return f"gemela: most of the {self.of} lines name the warehouse of {self.location}"
        return f"gemela: the same rows as {self.location}" if self.rows == self.of else f"gemela: {self.rows} of {self.of} rows are those of {self.location}"


def base_outcome(reading: Reading, stands: Outcome | None) -> tuple[Outcome, str | None]:
    """The outcome without suspicion, and its reason where it isn't a plain success.

    Args:
        reading: what was read.
        stands: outcome of the reading that stands in the slice; None if there is none.
    """
    if reading.answer is not Answer.ENTERA:
        return Outcome(reading.answer.value), reading.reason
    rejected, good = reading.rejects.num_rows, reading.rows.num_rows
    total = rejected + good + reading.repeated
    if rejected and not good:
        return Outcome.PARCIAL, f"all {rejected} rows were rejected"
    if total >= LIMITS.partial and 2 * rejected > total:
        return Outcome.PARCIAL, f"{rejected} of {total} rows were rejected"
    if reading.fact is not Fact.VENTAS:
        return Outcome.COMPLETO, None
    return _sales_outcome(reading, stands, good), None


def _sales_outcome(reading: Reading, stands: Outcome | None, good: int) -> Outcome:
    before = stands or Outcome.EN_CURSO
    if reading.window is not None:
        return Outcome.COMPLETO if before is Outcome.VACIO and good else before
    if reading.read_at < closable_from(parse_day(reading.cut)):
        return Outcome.EN_CURSO
    return Outcome.COMPLETO if good else Outcome.VACIO


def stock_suspicion(reading: Reading, before: int, zero: bool, twin: Twin | None, awaited: str | None = None) -> str | None:
    """Why a good stock reading is held back.

    Args:
        reading: what was read.
        before: rows of the state before it.
        zero: whether all of its rows have no stock.
        twin: another location with the same rows at the same tick.
        awaited: another location whose stock it may be, but none of that one is known yet.
    """
    count = reading.rows.num_rows + reading.rejects.num_rows
    if twin:
        return f"{twin} at the same tick"
    if awaited:
        return f"espera: near that day its sales were those of {awaited}, of which no stock is known"
    if count == 0:
        return "sin existencias: no stock rows at all"
    if count >= LIMITS.many and zero:
        return f"todo en cero: all {count} rows have no stock"
    if before and max(count, before) >= LIMITS.many and (2 * count < before or count > 2 * before):
        return f"tamaño: {count} rows where there were {before}"
    return None


def is_empty(reading: Reading) -> bool:
    """Whether it has no rows at all, rejected ones neither."""
    return bool(reading.rows.num_rows + reading.rejects.num_rows == 0)


def sales_suspicion(reading: Reading, before: int, removed: int, twin: Twin | None, awaited: str | None = None) -> str | None:
    """Why a good sales reading is held back.

    Args:
        reading: what was read.
        before: applied rows of the day that the reading speaks of, but those that it would remove and that stand at another location.
        removed: how many of them it would remove.
        twin: another location that has its lines on the same day.
        awaited: another location whose lines they may be, but it isn't known yet what that one sold.
    """
    if twin:
        return f"{twin} on the same day"
    if awaited:
        return f"espera: near that day its lines were those of {awaited}, of which too little is known on the same day"
    if before and is_empty(reading):
        return f"sin filas: no rows where there were {before}"
    if reading.read_at >= day_end(parse_day(reading.cut)) and before >= LIMITS.many and 2 * removed > before:
        return f"quita: it would remove {removed} of {before} lines"
    return None
