"""Land what a user's asset computed, in a home that is ready for it."""

from __future__ import annotations

from fluxion_pipeline.contracts.own_tables import OwnTable
from fluxion_pipeline.landing.own_tables import OwnLanding, Rows, land_rows
from fluxion_pipeline.operations import mode
from fluxion_pipeline.operations.app import App


def land(app: App, table: OwnTable, given: Rows, origin: str) -> OwnLanding:
    """Land a frame; every known sink owes it from now on.

    Args:
        app: the home.
        table: the contract.
        given: the frame and what it covers.
        origin: who computed it.

    Raises:
        ContractError: if the frame breaks the contract, or the contract has changed; nothing is landed.
        PermanentError: if the home isn't ready, or its mode changed and the new primary can't be brought up to date.
    """
    mode.enter(app)
    return land_rows(app.outbox, table, given, origin)
