"""What a user's asset returns, on its way from an IO manager to its landing.

The asset's metadata carries the contract (``OwnTable.metadata``), its key ends with the table's name.
Doesn't live here: assets and checks for the sinks (``defs.own_tables``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import dagster as dg

from fluxion_pipeline.contracts.own_tables import METADATA_KEY, OwnTable
from fluxion_pipeline.defs.record import Record, failure
from fluxion_pipeline.errors import ContractError, FluxionError
from fluxion_pipeline.landing.own_tables import Rows
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.own_tables import land

if TYPE_CHECKING:
    import pandas as pd


def land_output(app: App, record: Record, context: dg.OutputContext, obj: pd.DataFrame | Rows) -> None:
    """Land what an asset returned.

    Raises:
        Failure: why nothing was landed.
    """
    try:
        table = _contract(context)
        with record.landing(context.run_id):
            done = land(app, table, _given(context, table, obj), f"{context.asset_key.to_user_string()} (run {context.run_id})")
    except FluxionError as error:
        raise failure(error) from error
    record.landed_own(context.run_id)
    context.add_output_metadata({"lote": done.lote_id or "nada nuevo", "filas": done.rows, "slices_cubiertos": done.covered, "slices_cambiados": done.changed})


def _contract(context: dg.OutputContext) -> OwnTable:
    key = context.asset_key
    found = context.definition_metadata.get(METADATA_KEY)
    if found is None:
        raise ContractError(
            f"{key.to_user_string()} returns rows, and no contract says what they are", "declare the table: @dg.asset(metadata=TABLE.metadata, …)"
        )
    table = OwnTable.from_json(json.dumps(found.value if isinstance(found, dg.JsonMetadataValue) else found))
    if key.path[-1] != table.name:
        raise ContractError(f"{key.to_user_string()} has the contract of «{table.name}»", f"end its key with the table's name: key=[…, '{table.name}']")
    return table


def _given(context: dg.OutputContext, table: OwnTable, obj: pd.DataFrame | Rows) -> Rows:
    """A partitioned asset covers the slices of its partitions; any other one says it itself."""
    if isinstance(obj, Rows):
        return obj
    if not context.has_asset_partitions:
        return Rows(obj)
    if len(table.slice_by) != 1:
        what = f"{context.asset_key.to_user_string()} is partitioned, «{table.name}» is sliced by {', '.join(table.slice_by) or 'nothing'}"
        raise ContractError(what, "slice the table by the one column whose values the partitions are, or return Rows(frame, covers=[…])")
    return Rows(obj, covers=tuple(context.asset_partition_keys))
