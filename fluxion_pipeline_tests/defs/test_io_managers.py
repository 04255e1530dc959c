"""Tables as DataFrames: chosen columns and slices, exact decimals, types that survive a NULL."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline_tests.support.shop import QUIET, Shop

DUCK, PG = SinkName.DUCKDB, SinkName.POSTGRESQL


def loaded(shop: Shop, key: list[str], metadata: dict[str, Any] | None = None) -> pd.DataFrame:
    """What a downstream asset is given for its input."""
    given: list[pd.DataFrame] = []

    @dg.asset(ins={"table": dg.AssetIn(key=key, metadata=metadata)}, io_manager_key="nowhere")
    def downstream(table: pd.DataFrame) -> int:
        given.append(table)
        return 0

    from fluxion_pipeline.defs.build import build_defs

    definitions = build_defs(shop.settings)
    resources = {**(definitions.resources or {}), "nowhere": dg.mem_io_manager}
    with dg.DagsterInstance.ephemeral() as place:
        assets = [*(definitions.assets or ()), downstream]
        dg.materialize(assets, selection=dg.AssetSelection.assets(downstream), resources=resources, instance=place, run_config=QUIET)
    return given[0]


@pytest.mark.parametrize("sink", ["duckdb", "postgresql"])
def test_a_downstream_asset_chooses_columns_and_slices(sink: str, dual: Shop) -> None:
    found = loaded(dual, [sink, "inventario_actual"], {"columns": ["producto_codigo", "stock"], "where": {"ubicacion_codigo": ["SUC001", "CEDI01"]}})
    assert list(found.columns) == ["producto_codigo", "stock"]
    rows = dual.rows(SinkName(sink), "SELECT producto_codigo, stock FROM inventario_actual WHERE ubicacion_codigo IN ('SUC001', 'CEDI01')")
    assert sorted(found.itertuples(index=False, name=None)) == sorted(rows)
    assert len(found) == 6


@pytest.mark.parametrize("sink", ["duckdb", "postgresql"])
def test_a_day_is_chosen_by_its_date(sink: str, dual: Shop) -> None:
    found = loaded(dual, [sink, "ventas"], {"where": {"ubicacion_codigo": ["SUC001"], "fecha_negocio": ["2026-03-03"]}})
    assert set(found["fecha_negocio"]) == {date(2026, 3, 3)}
    assert len(found) == 4


@pytest.mark.parametrize("sink", ["duckdb", "postgresql"])
def test_a_tick_is_chosen_by_its_instant(sink: str, dual: Shop) -> None:
    found = loaded(dual, [sink, "inventario_cortes"], {"where": {"capturado_en": ["2026-03-02T06:00:00-04:00"]}})
    assert sorted(found["ubicacion_codigo"]) == ["CEDI01", "SUC001", "SUC007"]


def test_types_are_exact_and_alike_from_both_sinks(dual: Shop) -> None:
    duck, pg = (
        loaded(dual, [sink, "ventas"]).sort_values(["ubicacion_codigo", "numero_factura", "linea"], ignore_index=True) for sink in ("duckdb", "postgresql")
    )
    pd.testing.assert_frame_equal(duck, pg)
    assert {type(v) for v in duck["venta_total"]} == {Decimal}
    assert set(duck["venta_total"]) == {Decimal("2.7500")}
    assert set(duck["costo_total"]) == {None}
    assert (str(duck["linea"].dtype), str(duck["es_devolucion"].dtype), str(duck["fecha_venta"].dtype)) == ("Int64", "boolean", "datetime64[us, UTC]")
    assert {type(v) for v in duck["numero_factura"]} == {str}
    assert duck["numero_factura"].str.startswith("0").all()


def test_a_table_without_the_chosen_slice_is_an_empty_frame_with_its_columns(dual: Shop) -> None:
    for sink in ("duckdb", "postgresql"):
        found = loaded(dual, [sink, "ventas"], {"columns": ["linea", "cantidad"], "where": {"ubicacion_codigo": ["SUC005"]}})
        assert (len(found), list(found.columns), str(found["linea"].dtype)) == (0, ["linea", "cantidad"], "Int64")


def test_a_column_that_is_not_there_is_named_with_those_that_are(shop: Shop) -> None:
    with pytest.raises(dg.Failure, match="ventas has no column «cantidades» → its columns are: .*cantidad,"):
        loaded(shop, ["duckdb", "ventas"], {"columns": ["cantidades"]})
