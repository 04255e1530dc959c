"""``fluxion init``: each active sink migrated and claimed, the locations loaded."""

from __future__ import annotations

from dataclasses import dataclass

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.errors import ConvergenceError, FluxionError
from fluxion_pipeline.landing.decide.dimensions import EVERYWHERE
from fluxion_pipeline.landing.tables import own_tables
from fluxion_pipeline.operations import known_server, mode
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.sinks.claim import claim
from fluxion_pipeline.sinks.converge import converge
from fluxion_pipeline.sinks.own_tables import make


@dataclass(frozen=True)
class InitStep:
    """What became of one sink; ``error`` is None if it is ready."""

    sink: SinkName
    migrated: bool
    claimed: bool
    error: FluxionError | None


def initialise(app: App, *, take_over: bool = False) -> tuple[InitStep, ...]:
    """Make every active sink ready; again: nothing changes.

    Args:
        app: the home.
        take_over: claim a sink that another outbox claimed, or that is ahead of this one.
    """
    app.settings.home.mkdir(parents=True, exist_ok=True)
    app.outbox.land_locations(app.registry)
    mode.know(app)
    steps = []
    for name in app.settings.db_mode.sinks:
        migrated = claimed = False
        try:
            sink = app.sink(name)
            migrated = sink.migrate()
            claimed = claim(sink, app.outbox, force=take_over)
            failures = converge(sink, app.outbox, [EVERYWHERE], clock=app.clock).failures
            if failures:
                raise ConvergenceError(f"{name}: the locations could not be loaded: {failures[EVERYWHERE]}", "mend the cause and run: fluxion init")
            migrated |= make(sink, tuple(own_tables(app.settings.home).values()))
            if name is SinkName.POSTGRESQL:
                known_server.note(app.settings)
            steps.append(InitStep(name, migrated, claimed, None))
        except FluxionError as error:
            steps.append(InitStep(name, migrated, claimed, error))
    return tuple(steps)
