"""By when an asset has to be made anew: its schedule's tick, and some minutes for the run.

The UI shows an asset that is overdue. Nobody is told by this: alerts speak of ticks that did not come
and of locations that are silent.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import dagster as dg

from fluxion_pipeline.contracts.clock import ZONE_NAME
from fluxion_pipeline.contracts.outcomes import Fact

DEADLINES = {
    Fact.CATALOGO: ("45 5 * * *", timedelta(hours=24)),
    Fact.INVENTARIO: ("20,50 6-22 * * *", timedelta(minutes=30)),
    Fact.VENTAS: ("35 * * * *", timedelta(hours=1)),
}
"""Fact → when it has to be there, and how long before that it may have been made; between two deadlines nothing is overdue."""


@cache
def freshness(fact: Fact) -> dg.FreshnessPolicy:
    """The policy of what a fact's runs make; made once, since Dagster looks through years of a cron's ticks to find its shortest interval."""
    cron, window = DEADLINES[fact]
    return dg.FreshnessPolicy.cron(deadline_cron=cron, lower_bound_delta=window, timezone=ZONE_NAME)
