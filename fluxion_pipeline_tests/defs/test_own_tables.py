"""The documented example, and users' assets through every IO manager: landed, in both sinks, proven."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from fluxion_pipeline.contracts.outcomes import SinkName, Verdict
from fluxion_pipeline.contracts.own_tables import D, N, T, declare
from fluxion_pipeline.defs.build import build_defs
from fluxion_pipeline.defs.extra import with_extra
from fluxion_pipeline.landing.own_tables import Rows
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.architecture.repository import ROOT
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.shop import CEDI, CODES, QUIET, Shop, evaluations, materialized

DUCK, PG = SinkName.DUCKDB, SinkName.POSTGRESQL
EXAMPLE = ROOT / "docs/examples/dias_de_inventario.py"
METAS = declare("metas", columns={"dia": D, "codigo": T, "meta": N}, key=["dia", "codigo"], slice_by=["dia"])


def frame(*rows: tuple[str, str, Any]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["dia", "codigo", "meta"]).assign(dia=lambda f: pd.to_datetime(f["dia"]))


def example(shop: Shop, settings: Settings | None = None) -> dg.ExecuteInProcessResult:
    """Materialize the example as the server would: all that is in the group ``tablas``, and its checks."""
    named = (settings or shop.settings).model_copy(update={"fluxion_extra_defs": str(EXAMPLE)})
    definitions = with_extra(build_defs(named), named)
    return run(definitions, dg.AssetSelection.groups("tablas"))


def run(definitions: dg.Definitions, selection: dg.AssetSelection, **more: Any) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as place:
        everything = [*(definitions.assets or ()), *(definitions.asset_checks or ())]
        return dg.materialize(everything, selection=selection, resources=definitions.resources, instance=place, run_config=QUIET, raise_on_error=False, **more)


def plain(shop: Shop, sink: str, given: pd.DataFrame | Rows, *, metadata: Mapping[str, Any] = METAS.metadata, name: str = "metas", **more: Any) -> Any:
    """An asset of a user's, written through one sink's IO manager."""

    @dg.asset(key=[sink, name], io_manager_key=sink, metadata=metadata)
    def computed() -> Any:
        return given

    return run(dg.Definitions.merge(build_defs(shop.settings), dg.Definitions(assets=[computed])), dg.AssetSelection.assets(computed), **more)


def rows(shop: Shop, sink: SinkName, table: str = "metas") -> list[tuple[object, ...]]:
    return shop.rows(sink, f"SELECT * FROM {table} ORDER BY 1, 2")


def lotes(shop: Shop, table: str = "metas") -> int:
    return shop.app.outbox.index.sequence(f"tabla:{table}")


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [e for e in result.all_events if e.is_step_failure]
    assert event.step_failure_data.error is not None
    return event.step_failure_data.error.message


# ── the example ─────────────────────────────────────────────────────────────────────────────────
def test_the_example_is_in_both_sinks_after_one_run_and_proven_equal(dual: Shop) -> None:
    result = example(dual)
    assert result.success
    for sink in (DUCK, PG):
        assert materialized(result)[f"{sink}/dias_de_inventario"]["dagster/row_count"] == 9
    assert rows(dual, DUCK, "dias_de_inventario") == rows(dual, PG, "dias_de_inventario")
    check = evaluations(result)["postgresql/dias_de_inventario: paridad"]
    assert (check.passed, check.metadata["veredicto"].value) == (True, "igual")
    assert {name.partition(": ")[2] for name in evaluations(result)} == {"paridad", "claves_unicas", "lotes_pendientes"}
    report = prove(dual.settings)
    assert (report.verdict, report.tables[-1].table, report.tables[-1].rows_postgresql) == (Verdict.IGUAL, "dias_de_inventario", 9)


def test_the_example_computes_what_it_says(dual: Shop) -> None:
    assert example(dual).success
    # 4 lines a day of 1, 2, 3 and 4 units of one product, on two days: 10 a day of what there is.
    found = {(place, code): (stock, daily, days) for place, code, stock, daily, days in rows(dual, PG, "dias_de_inventario")}
    sold = {key: values for key, values in found.items() if values[1] is not None}
    assert {key[0] for key in sold} == {"SUC001", "SUC007"}
    for stock, daily, days in sold.values():
        assert daily == Decimal(10)
        assert days == round(Decimal(str(stock)) / 10, 4)
    assert {values[2] for key, values in found.items() if key not in sold} == {None}


def test_the_same_again_lands_no_lote_and_changes_no_row(dual: Shop) -> None:
    assert example(dual).success
    before = dual.rows(PG, "SELECT xmin::text, ctid::text FROM dias_de_inventario ORDER BY 2")
    result = example(dual)
    assert materialized(result)["tablas/dias_de_inventario"]["lote"] == "nada nuevo"
    assert lotes(dual, "dias_de_inventario") == 1
    assert dual.rows(PG, "SELECT xmin::text, ctid::text FROM dias_de_inventario ORDER BY 2") == before


def test_changed_stock_changes_the_rows_of_its_location_only(dual: Shop) -> None:
    assert example(dual).success
    drops.write_stock(dual.root, CEDI, "2026-03-02T0700", [drops.stock(CODES[0], 99)])
    assert dual.run("inventario").success
    result = example(dual)
    assert materialized(result)["tablas/dias_de_inventario"]["slices_cambiados"] == 1
    for sink in (DUCK, PG):
        assert [r[:3] for r in rows(dual, sink, "dias_de_inventario") if r[0] == "CEDI01"] == [("CEDI01", CODES[0], Decimal(99))]
    assert evaluations(result)["postgresql/dias_de_inventario: paridad"].passed


def test_while_a_sink_is_away_the_other_one_has_it_and_later_both(dual: Shop) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    result = example(dual, dual.settings.model_copy(update={"postgres_host": "127.0.0.1", "postgres_port": port}))
    assert not result.success
    assert "duckdb/dias_de_inventario" in materialized(result)
    assert len(rows(dual, DUCK, "dias_de_inventario")) == 9
    [absent] = prove(dual.settings, ["dias_de_inventario"]).tables
    assert (absent.verdict, absent.reason) == (Verdict.NO_CONCLUYENTE, "postgresql has no table dias_de_inventario → fluxion init")
    bring_up(dual.app, PG)
    assert prove(dual.settings, ["dias_de_inventario"]).verdict is Verdict.IGUAL
    assert rows(dual, DUCK, "dias_de_inventario") == rows(dual, PG, "dias_de_inventario")


@pytest.mark.parametrize("mode", ["duckdb", "postgresql"])
def test_with_one_sink_the_example_is_there_and_parity_is_skipped(dual: Shop, mode: str) -> None:
    result = example(dual, type(dual.settings).model_validate({**dual.settings.model_dump(), "db_mode": mode}))
    assert result.success
    assert [k for k in materialized(result) if k.endswith("dias_de_inventario")] == ["tablas/dias_de_inventario", f"{mode}/dias_de_inventario"]
    assert evaluations(result)[f"{mode}/dias_de_inventario: paridad"].metadata["veredicto"].value == "omitida"


# ── through one sink's IO manager ───────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("sink", "other"), [(DUCK, PG), (PG, DUCK)])
def test_an_asset_of_one_sink_is_owed_to_the_other_and_any_next_run_brings_it(dual: Shop, sink: SinkName, other: SinkName) -> None:
    result = plain(dual, sink.value, frame(("2026-03-01", "A", 1.5)))
    assert result.success
    told = materialized(result)[f"{sink}/metas"]
    assert (told["lote"], told["filas_insertadas"], told["dagster/row_count"]) == ("tabla:metas-1", 1, 1)
    assert [str(t.verdict) for t in prove(dual.settings, ["metas"]).tables] == ["no_concluyente"]
    drops.write_stock(dual.root, CEDI, "2026-03-02T0700", [drops.stock(CODES[0], 99)])
    assert dual.run("inventario").success
    assert rows(dual, DUCK) == rows(dual, PG) == [(pd.Timestamp("2026-03-01").date(), "A", Decimal("1.5000"))]
    assert prove(dual.settings, ["metas"]).verdict is Verdict.IGUAL
    assert other in SinkName


def test_an_asset_replaces_the_slices_that_it_covers_and_no_others(dual: Shop) -> None:
    assert plain(dual, "duckdb", frame(("2026-03-01", "A", 1), ("2026-03-02", "A", 2), ("2026-03-02", "B", 3))).success
    result = plain(dual, "duckdb", Rows(frame(("2026-03-02", "B", 4)), covers=["2026-03-02", "2026-03-03"]))
    assert materialized(result)["duckdb/metas"]["slices_cambiados"] == 2
    bring_up(dual.app, PG)
    for sink in (DUCK, PG):
        assert [(str(d), c, m) for d, c, m in rows(dual, sink)] == [("2026-03-01", "A", Decimal(1)), ("2026-03-02", "B", Decimal(4))]
    assert prove(dual.settings, ["metas"]).verdict is Verdict.IGUAL


def test_a_partitioned_asset_covers_its_partition_and_is_read_by_partition(shop: Shop) -> None:
    days = dg.DailyPartitionsDefinition("2026-03-01", end_offset=0)
    seen: list[pd.DataFrame] = []

    @dg.asset(key=["duckdb", "metas"], io_manager_key="duckdb", metadata=METAS.metadata, partitions_def=days)
    def metas(context) -> pd.DataFrame:  # type: ignore[no-untyped-def] # Dagster can't read a postponed annotation here
        return frame((context.partition_key, "A", int(context.partition_key[-2:])))

    @dg.asset(ins={"upstream": dg.AssetIn(key=["duckdb", "metas"])}, io_manager_key="nowhere", partitions_def=days)
    def after(upstream: pd.DataFrame) -> int:
        seen.append(upstream)
        return 0

    merged = dg.Definitions.merge(build_defs(shop.settings), dg.Definitions(assets=[metas, after], resources={"nowhere": dg.mem_io_manager}))
    for day in ("2026-03-01", "2026-03-02"):
        assert run(merged, dg.AssetSelection.assets(metas, after), partition_key=day).success
    assert [(str(d), m) for d, _, m in rows(shop, DUCK)] == [("2026-03-01", Decimal(1)), ("2026-03-02", Decimal(2))]
    assert [list(f["meta"]) for f in seen] == [[Decimal(1)], [Decimal(2)]]


def test_a_downstream_asset_reads_a_users_table_like_any_other(shop: Shop) -> None:
    seen: list[pd.DataFrame] = []

    @dg.asset(key=["duckdb", "metas"], io_manager_key="duckdb", metadata=METAS.metadata)
    def metas() -> pd.DataFrame:
        return frame(("2026-03-01", "A", 1), ("2026-03-01", "B", None), ("2026-03-02", "A", 2))

    chosen = {"columns": ["codigo", "meta"], "where": {"dia": ["2026-03-01"]}}

    @dg.asset(ins={"upstream": dg.AssetIn(key=["duckdb", "metas"], metadata=chosen)}, io_manager_key="nowhere")
    def after(upstream: pd.DataFrame) -> int:
        seen.append(upstream)
        return 0

    merged = dg.Definitions.merge(build_defs(shop.settings), dg.Definitions(assets=[metas, after], resources={"nowhere": dg.mem_io_manager}))
    assert run(merged, dg.AssetSelection.assets(metas, after)).success
    assert sorted(seen[0].itertuples(index=False, name=None)) == [("A", Decimal("1.0000")), ("B", None)]


# ── what is refused ─────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (frame(("2026-03-01", "A", "x")), "column «meta», row 0: 'x' is str, must be a number"),
        (frame(("2026-03-01", "A", 1), ("2026-03-01", "A", 2)), "column «dia, codigo», row 1: .* is a key that row 0 has already"),
        (frame(("2026-03-01", None, 1)), "column «codigo», row 0: .* is NULL, which the contract forbids"),
        (frame(("2026-03-01", "A", 1)).drop(columns="meta"), "column «meta» is missing"),
        (Rows(frame(("2026-03-01", "A", 1)), covers=["2026-03-02"]), "has 1 rows of slices that it doesn't cover: 2026-03-01"),
    ],
)
def test_rows_that_break_the_contract_fail_the_asset_and_land_nothing(shop: Shop, given: pd.DataFrame | Rows, said: str) -> None:
    result = plain(shop, "duckdb", given)
    assert not result.success
    assert re.search(said, failure(result))
    assert lotes(shop) == 0
    assert not shop.rows(DUCK, "SELECT 1 FROM information_schema.tables WHERE table_name = 'metas'")


def test_a_frame_without_a_contract_says_how_to_declare_one(shop: Shop) -> None:
    assert "no contract says what they are → declare the table: @dg.asset(metadata=TABLE.metadata" in failure(
        plain(shop, "duckdb", frame(("2026-03-01", "A", 1)), metadata={})
    )


def test_an_assets_key_ends_with_its_tables_name(shop: Shop) -> None:
    assert "end its key with the table's name" in failure(plain(shop, "duckdb", frame(("2026-03-01", "A", 1)), name="otra"))


def test_a_landing_is_not_read_as_a_table(shop: Shop) -> None:
    assert "read duckdb/dias_de_inventario in its place" in _read_landing(shop)


def _read_landing(shop: Shop) -> str:
    @dg.asset(ins={"upstream": dg.AssetIn(key=["tablas", "dias_de_inventario"])}, io_manager_key="nowhere")
    def after(upstream: pd.DataFrame) -> int:
        return len(upstream)

    named = shop.settings.model_copy(update={"fluxion_extra_defs": str(EXAMPLE)})
    more = dg.Definitions(assets=[after], resources={"nowhere": dg.mem_io_manager})
    return failure(run(dg.Definitions.merge(with_extra(build_defs(named), named), more), dg.AssetSelection.assets(after)))


def test_the_document_shows_the_example_as_it_is() -> None:
    text = (ROOT / "docs/own-tables.md").read_text("utf-8")
    code = EXAMPLE.read_text("utf-8")
    assert Path(EXAMPLE).name in text
    assert code[code.index("DIAS = declare") :].strip() in text
