"""The asset ``informes/cobertura``: the heat map as a page below the home, and its numbers over time.

What is there and what is lacking is decided in ``operations.coverage``; its checks are in ``checks``.
"""

import dagster as dg

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.defs.names import COVERAGE, GROUPS, OWNERS, lote_key
from fluxion_pipeline.defs.record import failure
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.operations import coverage_picture
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.checks import table_of
from fluxion_pipeline.operations.coverage import FACTS, coverage

ABOUT = "What is there and what is lacking, by location and day: sales and stock of the last 30 days, as a page that opens without a network."


def coverage_asset(app: App) -> dg.AssetsDefinition:
    """``informes/cobertura``; it depends on the readings, and on no sink."""

    @dg.asset(key=COVERAGE, group_name="informes", kinds={"html"}, owners=OWNERS, deps=[lote_key(Fact.VENTAS), lote_key(Fact.INVENTARIO)], description=ABOUT)
    def informes_cobertura() -> dg.MaterializeResult[None]:
        try:
            maps = [coverage(app, fact) for fact in FACTS]
        except FluxionError as error:
            raise failure(error) from error
        path = coverage_picture.write(app.settings.home, maps, app.clock())
        metadata: dict[str, dg.MetadataValue] = {"informe": dg.MetadataValue.path(path.absolute())}
        for found in maps:
            name = GROUPS[found.fact]
            metadata[f"mapa_{name}"] = dg.MetadataValue.md(coverage_picture.markdown(found))
            metadata[f"porcentaje_{name}"] = dg.MetadataValue.float(round(100 * found.share, 3))
            metadata[f"faltan_{name}"] = dg.MetadataValue.int(len(found.lacking))
            metadata[f"resultados_{name}"] = dg.MetadataValue.json(found.counts())
        rows = [(c.day, c.location, f.fact.value, c.result, c.reason) for f in maps for c in f.lacking]
        if rows:
            metadata["faltas"] = dg.MetadataValue.md(table_of(("día", "ubicación", "tabla", "resultado", "motivo"), rows))
        return dg.MaterializeResult(metadata=metadata)

    return informes_cobertura
