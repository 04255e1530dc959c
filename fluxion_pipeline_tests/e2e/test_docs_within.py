"""The commands that pages show within their sentences and tables, typed on a chain of three locations by ``make long``.

``test_docs_commands`` and ``test_docs_pages`` type those of the blocks, which aren't typed again here. What a page
leaves to its reader is filled in as ``support.pages`` says.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from typer._click.exceptions import UsageError

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.architecture.test_commands import HEAD, parsed, words_of
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.pages import commands, desk, documents, filled_in, within
from fluxion_pipeline_tests.support.shop import CODES, DAYS, STORES, Shop, filled

SERVING = {"fluxion ui", "fluxion simulate klk"}
"""They end with Ctrl-C; ``test_readme_commands`` and ``test_docs_pages`` start and end them."""

SHOWS = {
    "fluxion accept": (0, "ventas\tSUC007\t2026-03-02\t0\t"),
    "fluxion init --claim": (0, "postgresql: up to date already; 23 locations"),
    "fluxion repair ventas --from lote": (1, "ventas in postgresql: 16 rows, lotes 16: 0 missing, 0 extra, 1 changed"),
    "fluxion explain inventario_actual SUC001 00818981": (0, "  image: stock=90.0000"),
    "fluxion repair ventas --from lote --apply": (0, "ventas: repaired and proven"),
    "fluxion db dsn": (0, "postgresql://"),
    "fluxion run ventas --from 2026-03-04 --to 2026-03-04 --ubicacion SUC007": (0, "1 readings (1 completo), 1 lotes"),
    "fluxion run recuperacion": (0, "run recuperacion: reading, landing, writing, proving …"),
    "fluxion run ventas --from 2026-03-03 --to 2026-03-03": (0, "2 completo"),
    "fluxion parity ventas": (0, "ventas values igual duckdb=17 postgresql=17"),
    "fluxion run inventario --ubicacion SUC001": (0, "parity: inventario_actual: igual"),
    "fluxion quarantine list": (0, "tienda_99"),
    "fluxion quarantine replay": (1, "still waiting: tienda_99"),
    "fluxion run catalogo": (0, "1 readings (1 completo), 0 lotes"),
    "fluxion pause": (0, "nothing is written until: fluxion resume"),
    "fluxion report cutover --out informe.html": (1, "not ready for PostgreSQL: informe.html"),
    "fluxion run ventas": (0, "parity: ventas: igual"),
    "fluxion mode retire postgresql": (0, "postgresql is retired"),
}
"""The exit code of each, and what it shows of a chain that is set up for it below."""


def whole(line: str) -> bool:
    """Whether a command has all that it asks for; a page may just name one (`fluxion repair`)."""
    try:
        parsed(words_of(line)[1:])
    except UsageError:
        return False
    return True


def lines() -> list[str]:
    """The commands to be typed, in the order of the pages; what gives PostgreSQL up comes last."""
    in_blocks = {line for page in documents() for line in commands(page)}
    shown = dict.fromkeys(filled_in(line) for page in documents() for line in within(page) if line != HEAD)
    found = [line for line in shown if line.startswith("fluxion ") and line not in in_blocks | SERVING and whole(line)]
    return sorted(found, key=lambda line: "retire" in line)


def test_what_is_typed_is_what_the_pages_show() -> None:
    assert set(lines()) == set(SHOWS)


@pytest.fixture
def shop(pg_settings: Settings, tmp_path: Path) -> Shop:
    """A day that came empty and is held back, a folder of nobody's in quarantine, a row that somebody changed, a day that nobody has read."""
    shop = filled(pg_settings, tmp_path / "drops")
    drops.write_sales(shop.root, STORES[1], DAYS[0], [])
    drops.write_sales(shop.root, "tienda_99", DAYS[0], [drops.sale(DAYS[0])])
    assert shop.run("ventas").success  # what it holds back is told by its checks
    shop.tamper(SinkName.POSTGRESQL, "UPDATE ventas SET cantidad = 99 WHERE cantidad = 4 AND ubicacion_codigo = 'SUC001' AND fecha_negocio = '2026-03-02'")
    drops.write_sales(shop.root, STORES[1], "2026-03-04", [drops.sale("2026-03-04", "020400000001", codigo_producto=CODES[0])])
    return shop


@pytest.mark.long
@pytest.mark.timeout(600)
def test_each_command_within_a_sentence_ends_and_shows_as_it_should(shop: Shop, tmp_path: Path) -> None:
    place = desk(tmp_path / "desk", shop.settings)
    wrong = []
    for line in lines():
        done = place.type(line, DB_MODE="duckdb" if "retire" in line else "dual")
        code, words = SHOWS[line]
        if done.code != code or words not in done.text or "Traceback" in done.text:
            wrong.append((line, done))
        if line == "fluxion pause":
            assert place.type("fluxion resume").code == 0
    assert wrong == []
    assert "<html" in (place.folder / "informe.html").read_text("utf-8")
