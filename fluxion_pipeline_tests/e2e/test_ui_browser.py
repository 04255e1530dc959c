"""The Dagster UI in a headless browser, on a home of a small chain with both sinks.

The graph shows the assets of all groups, a click materializes a group, and a row that somebody
altered by hand turns the parity check red, with the row in its sample. With ``FLUXION_SCREENSHOTS=1``
the picture of the documentation is taken anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.sinks.embedded.server import ServerAddress
from fluxion_pipeline_tests.architecture.repository import ROOT
from fluxion_pipeline_tests.support import postgres
from fluxion_pipeline_tests.support.browser import Browser, browse, executable
from fluxion_pipeline_tests.support.shop import Shop, open_shop
from fluxion_pipeline_tests.support.webserver import LOCATION, Server, serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PICTURE = ROOT / "docs" / "img" / "assets.png"
LARGEST, TALL = 300_000, 2700
JOBS = ("catalogo", "inventario", "ventas")
GROUPS = (*JOBS, "informes", "alertas")


@pytest.fixture(scope="module")
def dual(postgres_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """DB_MODE=dual, nothing loaded yet."""
    executable()
    place = tmp_path_factory.mktemp("ui")
    with postgres.fresh_database(postgres_server) as database:
        yield open_shop(postgres.settings_for(postgres_server, database, place / "home"), place / "drops")


@pytest.fixture(scope="module")
def server(dual: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Its ``fluxion ui``, which has loaded everything."""
    with serving(postgres.environment_of(dual.settings), tmp_path_factory.mktemp("log") / "ui.log") as running:
        launched = [running.launch(job) for job in JOBS]
        assert [running.ended(run) for run in launched] == ["SUCCESS"] * 3
        yield running


@pytest.fixture
def browser(server: Server) -> Iterator[Browser]:
    """A browser on it, which must have nothing to complain about in the end."""
    with browse(server.base) as opened:
        yield opened
        assert opened.errors == []


def test_the_graph_shows_the_assets_of_all_groups(browser: Browser, dual: Shop) -> None:
    browser.page.set_viewport_size({"width": 900, "height": 3200})  # what lies outside of the window isn't drawn
    browser.open("/asset-groups")
    for group in GROUPS:
        browser.says(group)
    browser.page.keyboard.press("Alt+KeyE")  # expands all groups
    browser.page.locator("[aria-label=unfold_less]").first.wait_for()
    browser.open("/asset-groups?expanded=" + ",".join(f"global@global:{group}" for group in GROUPS))
    for name in (*GROUPS, "productos", "ubicaciones", "inventario_actual", "cobertura"):
        browser.says(name)
    if os.environ.get("FLUXION_SCREENSHOTS"):
        take_picture(browser)
        assert PICTURE.stat().st_size < LARGEST


def take_picture(browser: Browser) -> None:
    """The whole graph, with what tells one asset from another, without what stands around it."""
    page = browser.page
    page.get_by_text("Hide navigation").click()
    page.locator("[aria-label=config]").click()
    for facet in ("Latest event", "Automation", "Partitions"):
        page.locator("label").filter(has_text=facet).click()
    page.get_by_role("button", name="Save").click()
    page.set_viewport_size({"width": 1150, "height": TALL})
    page.reload()
    browser.says("productos")
    page.wait_for_timeout(3000)
    graph = page.locator("[aria-label=zoom_in]").bounding_box()
    assert graph is not None
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURE, clip={"x": 430, "y": 115, "width": graph["x"] - 455, "height": TALL - 200})


def test_a_materialization_that_a_click_starts_ends_green(browser: Browser, server: Server) -> None:
    known = {run["runId"] for run in runs(server)}
    browser.open(f"/locations/{LOCATION}/asset-groups/ventas")
    browser.page.get_by_role("button", name=re.compile("Materialize all")).click(timeout=30_000)
    browser.says("Launched")
    (started,) = [run["runId"] for run in runs(server) if run["runId"] not in known]
    assert server.ended(started) == "SUCCESS"
    browser.open(f"/runs/{started}")
    browser.says("Success")


def test_a_row_altered_by_hand_turns_the_check_red_with_the_row_in_its_sample(browser: Browser, server: Server, dual: Shop) -> None:
    dual.tamper(SinkName.POSTGRESQL, "UPDATE inventario_actual SET stock = 987654 WHERE ubicacion_codigo = 'SUC001' AND producto_codigo = '00818981'")
    assert server.ended(server.launch("inventario")) == "SUCCESS"
    browser.open("/assets/postgresql/inventario_actual?view=checks&checkDetail=paridad")
    browser.says("Failed")
    browser.page.get_by_text(re.compile("Show Markdown", re.IGNORECASE)).first.click(timeout=15_000)
    browser.says("987654")


def runs(server: Server) -> list[dict[str, str]]:
    """The newest runs."""
    found: list[dict[str, str]] = server.ask("{ runsOrError(limit: 20) { ... on Runs { results { runId status } } } }")["runsOrError"]["results"]
    return found


def test_the_picture_of_the_documentation_is_small_enough_to_be_committed() -> None:
    assert PICTURE.stat().st_size < LARGEST
