"""Why an answer can't be used: the one exception that the modules of a live source raise to each other."""

from __future__ import annotations

from fluxion_pipeline.contracts.clock import parse_day
from fluxion_pipeline.contracts.outcomes import Answer
from fluxion_pipeline.locations.registry import Location


class Failure(Exception):
    """A question that got no usable answer; it becomes a reading that says so, never one without rows.

    Args:
        answer: ``inalcanzable``: the store's system gave no data; ``parcial``: what it gave isn't whole.
        reason: for a person.
        transient: whether asking again may help.
        status: of HTTP, where there was one that is an error.
    """

    def __init__(self, answer: Answer, reason: str, *, transient: bool = False, status: int | None = None) -> None:
        """Remember what became of the question."""
        told = storable(reason)
        super().__init__(told)
        self.answer, self.reason, self.transient, self.status = answer, told, transient, status


def storable(text: str) -> str:
    """A text that a server gave, as databases can hold it: U+0000 and halves of surrogate pairs, which JSON can say, as signs that stand for them."""
    return text.replace("\x00", "\u2400").encode("utf-8", "replace").decode("utf-8")


def unreachable(reason: str, *, transient: bool = False, status: int | None = None) -> Failure:
    """The store's system gave no data."""
    return Failure(Answer.INALCANZABLE, reason, transient=transient, status=status)


def partial(reason: str, *, transient: bool = False) -> Failure:
    """What the store's system gave isn't whole, or isn't what it should be."""
    return Failure(Answer.PARCIAL, reason, transient=transient)


def another_system(location: Location, system: str, cut: str) -> str | None:
    """Why a system isn't asked for a day (or a tick's day) of a location that moved: its "nothing" would be taken for none; None: it is.

    Raises:
        ContractError: if the cut is no day.
    """
    if location.sistema_desde is None or (of := location.system_on(parse_day(cut[:10]))) == system:
        return None
    return f"{cut[:10]} of {location.codigo} is {of}'s (sistema_desde {location.sistema_desde}): set FLUXION_SOURCE=auto"
