"""A table of one's own: for how many days the stock of each product lasts, by location.

Run it on a home that has stock and sales: ``FLUXION_EXTRA_DEFS=docs/examples/dias_de_inventario.py fluxion ui``,
then materialize the assets of the group ``tablas``.
"""

import dagster as dg
import pandas as pd

from fluxion_pipeline.contracts.own_tables import N, T, declare
from fluxion_pipeline.defs.own_tables import in_sinks
from fluxion_pipeline.settings import Settings

DIAS = declare(
    "dias_de_inventario",
    columns={"ubicacion_codigo": T, "producto_codigo": T, "stock": N, "venta_diaria": N, "dias": N},
    key=["ubicacion_codigo", "producto_codigo"],
    required=["stock"],
    slice_by=["ubicacion_codigo"],
)


def compute(stock: pd.DataFrame, ventas: pd.DataFrame) -> pd.DataFrame:
    """Days = stock / mean daily sales of the product in the location; NULL where nothing was sold."""
    key = ["ubicacion_codigo", "producto_codigo"]
    dates = ventas.groupby("ubicacion_codigo")["fecha_negocio"].nunique().rename("fechas")
    sold = ventas.groupby(key)["cantidad"].sum().reset_index().join(dates, on="ubicacion_codigo")
    sold["venta_diaria"] = [quantity / days for quantity, days in zip(sold["cantidad"], sold["fechas"], strict=True)]
    found = stock.groupby(key)["stock"].sum().reset_index().merge(sold[[*key, "venta_diaria"]], on=key, how="left")
    found["dias"] = [have / daily if daily > 0 else None for have, daily in zip(found["stock"], found["venta_diaria"], strict=True)]
    return found


def definitions(settings: Settings) -> dg.Definitions:
    """The asset that computes and lands the table, and the table in every sink that the mode writes."""
    primary = settings.db_mode.primary.value

    @dg.asset(
        key=["tablas", DIAS.name],
        io_manager_key="tablas",
        metadata=DIAS.metadata,
        group_name="tablas",
        ins={
            "stock": dg.AssetIn(key=[primary, "inventario_actual"], metadata={"columns": ["ubicacion_codigo", "producto_codigo", "stock"]}),
            "ventas": dg.AssetIn(key=[primary, "ventas"], metadata={"columns": ["ubicacion_codigo", "producto_codigo", "fecha_negocio", "cantidad"]}),
        },
    )
    def dias_de_inventario(stock: pd.DataFrame, ventas: pd.DataFrame) -> pd.DataFrame:
        return compute(stock, ventas)

    return dg.Definitions.merge(dg.Definitions(assets=[dias_de_inventario]), in_sinks(DIAS, settings))
