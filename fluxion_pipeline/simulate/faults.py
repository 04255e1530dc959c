"""What goes wrong in the simulated stores: parsed from ``--faults``, drawn for each request.

``WHERE=FAULT[:ARGUMENT][@RATE]``, comma-separated. ``WHERE`` is a codigo, codigo_etl or id, or ``*``;
``RATE`` is the share of requests that it hits (all, where none is given). The first that hits counts,
of a store's own before those of all.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass

from fluxion_pipeline.contracts.outcomes import Word
from fluxion_pipeline.errors import SettingsError
from fluxion_pipeline.locations.registry import Registry


class Kind(Word):
    """The ways in which a store's system fails."""

    DOWN = "down"
    SLOW = "slow"
    FIVE_HUNDRED = "500"
    ERROR = "error"
    HTML = "html"
    EMPTY = "empty"
    CUT = "cut"
    RESET = "reset"
    TRUNCATED = "truncated"
    TWIN = "twin"
    AHEAD = "ahead"


DEFAULTS = {Kind.SLOW: "30", Kind.AHEAD: "60"}


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        store: canonical code, or ``*``.
        kind: how.
        argument: seconds, minutes, or a store's canonical code.
        rate: the share of requests.
    """

    store: str
    kind: Kind
    argument: str = ""
    rate: float = 1.0


class Faults:
    """Draws the fault of each request. Thread safe; the same seed draws the same sequence."""

    def __init__(self, faults: tuple[Fault, ...] = (), seed: int = 0) -> None:
        """Take the faults in their order."""
        self.faults = faults
        self._random, self._guard = random.Random(seed), threading.Lock()

    def draw(self, store: str) -> Fault | None:
        """What goes wrong now, if anything."""
        mine = [f for f in self.faults if f.store == store] + [f for f in self.faults if f.store == "*"]
        with self._guard:
            return next((f for f in mine if f.rate >= 1 or self._random.random() < f.rate), None)


def parse(text: str, registry: Registry) -> tuple[Fault, ...]:
    """The faults of a text.

    Raises:
        SettingsError: naming the piece that is wrong, and what may stand there.
        LocationError: if a store is none of the map.
    """
    return tuple(_fault(piece.strip(), registry) for piece in text.split(",") if piece.strip())


def _fault(piece: str, registry: Registry) -> Fault:
    where, equals, how = piece.partition("=")
    how, _, rate = how.partition("@")
    name, _, argument = how.partition(":")
    try:
        kind, share = Kind(name), float(rate or 1)
    except ValueError:
        kind, share = None, 0.0
    if not equals or kind is None or not 0 < share <= 1:
        raise SettingsError(f"--faults: «{piece}» is no fault", f"write WHERE=FAULT[:ARGUMENT][@RATE], where FAULT is one of {', '.join(Kind)}")
    argument = argument or DEFAULTS.get(kind, "")
    if kind is Kind.TWIN:
        argument = registry.find(argument).codigo
    elif kind in DEFAULTS and not argument.replace(".", "", 1).isdecimal():
        raise SettingsError(f"--faults: «{piece}»: «{argument}» is no number", f"write {kind}:{DEFAULTS[kind]}")
    return Fault("*" if where == "*" else registry.find(where).codigo, kind, argument, share)
