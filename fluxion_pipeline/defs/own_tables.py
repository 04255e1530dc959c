"""A user's own table in every active sink: its assets and checks, like those of the pipeline's tables.

The user writes the asset that computes the rows, with the key ``["tablas", name]`` and the IO manager
``tablas``, which lands them; ``in_sinks`` adds what comes after it. How such definitions reach the
server is in ``defs.extra``.
"""

import dagster as dg

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.contracts.own_tables import OwnTable
from fluxion_pipeline.defs.checks import Asked, parity_checks, sink_checks
from fluxion_pipeline.defs.names import OWNERS, own_key, sink_key
from fluxion_pipeline.defs.record import Owed, Record
from fluxion_pipeline.operations import checks
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.owed import nothing_pending
from fluxion_pipeline.settings import Settings


def in_sinks(table: OwnTable, settings: Settings) -> dg.Definitions:
    """The table's asset in each sink that the mode writes, with its checks; each brings its sink up to date.

    Args:
        table: the contract.
        settings: of the home.
    """
    app, sinks = App(settings), settings.db_mode.sinks
    return dg.Definitions(
        assets=[_in_sink(table, sink) for sink in sinks],
        asset_checks=[
            *(sink_checks(app, sink, table.name, _asked(app, table, sink)) for sink in sinks),
            parity_checks(app, Record(), table.name, [table.name]),
        ],
    )


def _in_sink(table: OwnTable, sink: SinkName) -> dg.AssetsDefinition:
    @dg.asset(
        key=sink_key(sink, table.name),
        deps=[own_key(table.name)],
        io_manager_key=sink.value,
        pool=sink.value,
        group_name="tablas",
        kinds={sink.value, "table"},
        owners=OWNERS,
        description=f"{table.name} in {sink}: made equal to what its asset landed, in one transaction with the ledger.",
        metadata={"dagster/table_name": table.name},
    )
    def table_in_sink() -> Owed:
        return Owed()

    return table_in_sink


def _asked(app: App, table: OwnTable, sink: SinkName) -> dict[dg.AssetCheckKey, Asked]:
    key = sink_key(sink, table.name)
    return {
        dg.AssetCheckKey(key, "lotes_pendientes"): Asked("The sink has everything that landed.", nothing_pending(app)),
        dg.AssetCheckKey(key, "claves_unicas"): Asked("No key stands twice.", checks.unique_keys(sink, table.spec)),
    }
