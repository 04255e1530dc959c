"""A small chain with drops of three locations, and its Dagster runs on ephemeral instances.

Two stores and a CEDI have two ticks of stock; the stores have two days of sales. Nothing in it is wrong.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.defs.build import build_defs
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.initialise import initialise
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.duckdb.connect import open_file
from fluxion_pipeline.sinks.postgresql.connect import connect
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.postgres import file_at_head

STORES = ("tienda_01", "tienda_02")
CEDI = "cedi_seco"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
DAYS = ("2026-03-02", "2026-03-03")
TICKS = ("2026-03-02T0600", "2026-03-02T0630")
CODES = ("00818980", "00818981", "00818982")


def write_drops(root: Path) -> Path:
    """The drops of the chain."""
    drops.write_products(root, [drops.product(code) for code in CODES])
    for etl in (*STORES, CEDI):
        for number, tick in enumerate(TICKS):
            # Each place has amounts of its own: equal readings of two places are held back as twins.
            amounts = [len(etl) * 10 + (*STORES, CEDI).index(etl) + number * (i == 0) for i in range(len(CODES))]
            drops.write_stock(root, etl, tick, [drops.stock(code, n) for code, n in zip(CODES, amounts, strict=True)])
    for etl in STORES:
        for day in DAYS:
            drops.write_sales(root, etl, day, [drops.sale(day, f"0{etl[-2:]}{day[-2:]}{i:07d}", cantidad=i + 1) for i in range(4)])
    return root


@dataclass(frozen=True)
class Shop:
    """A home with drops, initialised.

    Attributes:
        settings: of the home.
        root: the folder of drops.
    """

    settings: Settings
    root: Path

    @property
    def app(self) -> App:
        """The home, opened anew."""
        return App(self.settings)

    def run(self, job: str, instance: dg.DagsterInstance | None = None, settings: Settings | None = None) -> dg.ExecuteInProcessResult:
        """Run a job to its end, whatever fails in it."""
        definitions = build_defs(settings or self.settings)
        with instance or dg.DagsterInstance.ephemeral() as place:
            return definitions.resolve_job_def(job).execute_in_process(run_config=QUIET, instance=place, raise_on_error=False)

    def materialize(self, selection: dg.AssetSelection, extra: Sequence[dg.AssetsDefinition] = ()) -> dg.ExecuteInProcessResult:
        """Run some assets or checks alone."""
        definitions = build_defs(self.settings)
        with dg.DagsterInstance.ephemeral() as place:
            return dg.materialize(
                [*(definitions.assets or ()), *(definitions.asset_checks or ()), *extra],
                selection=selection,
                resources=definitions.resources,
                instance=place,
                run_config=QUIET,
                raise_on_error=False,
            )

    def check(self, key: str, name: str) -> dg.AssetCheckEvaluation:
        """Run one check alone."""
        check = dg.AssetCheckKey(dg.AssetKey(key.split("/")), name)
        result = self.materialize(dg.AssetSelection.checks(check))
        (found,) = result.get_asset_check_evaluations()
        assert (found.asset_key, found.check_name) == (check.asset_key, name)
        return found

    def rows(self, sink: SinkName, sql: str) -> list[tuple[object, ...]]:
        """Rows of a sink."""
        return self.app.sink(sink).query(sql)

    def tamper(self, sink: SinkName, *statements: str) -> None:
        """Change a sink by hand, behind the program's back."""
        for sql in statements:
            if sink is SinkName.DUCKDB:
                with open_file(self.settings, write=True) as con:
                    con.execute(sql)
            else:
                with connect(self.settings) as connection, connection.cursor() as cursor:
                    cursor.execute(sql)
                    connection.commit()


def open_shop(settings: Settings, root: Path) -> Shop:
    """Write the drops and make the home ready."""
    write_drops(root)
    shop = Shop(settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": root}), root)
    file_at_head(shop.settings)
    assert [step.error for step in initialise(shop.app)] == [None] * len(settings.db_mode.sinks)
    return shop


def filled(settings: Settings, root: Path) -> Shop:
    """The same, with everything loaded."""
    shop = open_shop(settings, root)
    for job in ("catalogo", "inventario", "ventas"):
        assert shop.run(job).success
    return shop


def moved(shop: Shop, settings: Settings, root: Path) -> Shop:
    """A copy of a shop's drops and home in another place; its PostgreSQL database is copied by whoever made it."""
    shutil.copytree(shop.root, root)
    shutil.copytree(shop.settings.home, settings.home)
    return Shop(settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": root}), root)


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """``asset: check`` → what it said."""
    return {f"{'/'.join(e.asset_key.path)}: {e.check_name}": e for e in result.get_asset_check_evaluations()}


def materialized(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, object]]:
    """Asset → the plain values of its metadata."""
    found = {}
    for event in result.all_events:
        if event.is_step_materialization and event.asset_key is not None:
            metadata = event.step_materialization_data.materialization.metadata
            found["/".join(event.asset_key.path)] = {name: value.value for name, value in metadata.items()}
    return found
