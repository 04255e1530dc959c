"""Prove one sink by its lotes alone, where no other one is there to be compared with.

What is written while it is compared differs for a moment: such slices are brought up to date and looked at
again, by themselves. Before this: ``parity.images``; after it: ``cli.sync``.
"""

from __future__ import annotations

from collections.abc import Iterator

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.landing.tables import landed_tables, table_of
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.parity.images import Leg, against_images

LOOKS = 3
"""How often slices are looked at before what differs is taken to be an edit."""


def prove_alone(app: App, sink: SinkName, wait: float = 20.0) -> Iterator[Leg]:
    """Each landed table of a sink against the newest images, every row; what still differs is nobody's writing of now.

    Raises:
        SinkAway: if the sink can't be used.
        ContractError: if its values are none that can be compared.
        ConvergenceError: if slices that are written just now can't be brought up to date.
    """
    for name in landed_tables(app.settings.home):
        table = table_of(app.settings.home, name)
        found = against_images(app.settings, app.outbox, sink, table, wait)
        for _ in range(LOOKS - 1):
            if not found.slices:
                break
            bring_up(app, sink)
            found = against_images(app.settings, app.outbox, sink, table, wait, list(found.slices))
        yield found
