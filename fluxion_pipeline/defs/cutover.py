"""The asset ``informes/cutover``: whether the chain is ready to move to PostgreSQL, as a page and in numbers over time.

What is ready is decided in ``operations.cutover_rules``.
"""

import dagster as dg

from fluxion_pipeline.defs.names import CUTOVER, OWNERS
from fluxion_pipeline.defs.record import failure
from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.operations import cutover_page
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.checks import table_of
from fluxion_pipeline.operations.coverage_picture import FOLDER
from fluxion_pipeline.operations.cutover import cutover

ABOUT = "Is the chain ready to move to PostgreSQL? Verdict and evidence, as a page that opens without a network; it proves both databases equal anew."


def cutover_asset(app: App) -> dg.AssetsDefinition:
    """``informes/cutover``; a person materializes it when they want to know."""

    @dg.asset(key=CUTOVER, group_name="informes", kinds={"html"}, owners=OWNERS, pool="duckdb", description=ABOUT)
    def informes_cutover() -> dg.MaterializeResult[None]:
        try:
            found = cutover(app)
        except FluxionError as error:
            raise failure(error) from error
        path = cutover_page.write(app.settings.home / FOLDER / cutover_page.FILE, found)
        rows = [("sí" if r.holds else "no", r.rule.title[0], r.value[0], "" if r.holds else r.rule.remedy[0]) for r in found.rules]
        return dg.MaterializeResult(
            metadata={
                "lista": dg.MetadataValue.bool(found.ready),
                "condiciones_que_faltan": dg.MetadataValue.int(sum(not r.holds for r in found.rules)),
                "dias_iguales": dg.MetadataValue.int(min(found.equal_days.values(), default=0)),
                "condiciones": dg.MetadataValue.md(table_of(("se cumple", "condición", "medido", "qué hacer"), rows)),
                "informe": dg.MetadataValue.path(path.absolute()),
            }
        )

    return informes_cutover
