"""A person accepts what was held back: the reading lands again, this time whatever it looks like."""

from __future__ import annotations

from collections.abc import Sequence

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.errors import PermanentError
from fluxion_pipeline.landing.evidence import HeldBack, held_back, reading_of
from fluxion_pipeline.landing.outbox import Landing
from fluxion_pipeline.operations.app import App


def waiting(app: App, fact: Fact | None = None, locations: Sequence[str] = (), cut: str | None = None) -> tuple[HeldBack, ...]:
    """What is held back, of a fact, of some locations (any of their names), of a cut.

    Raises:
        LocationError: if a location isn't in the map.
    """
    codes = {app.registry.find(name).codigo for name in locations}
    return tuple(h for h in held_back(app.outbox) if (fact is None or h.fact is fact) and (not codes or h.location in codes) and (cut is None or h.cut == cut))


def accept(app: App, chosen: Sequence[HeldBack]) -> tuple[Landing, ...]:
    """Land what was held back; a reading older than what stands by now stays evidence, and its landing says so.

    Raises:
        PermanentError: if nothing was chosen.
    """
    if not chosen:
        raise PermanentError("nothing is held back there", "fluxion accept lists what is")
    landings = []
    for held in sorted(chosen, key=lambda h: (h.location, h.cut)):
        with app.outbox.lock(held.location) as past:
            landings.append(app.outbox.land(reading_of(app.outbox, held), past))
    app.outbox.land_met()
    return tuple(landings)
