"""The Dagster UI in a headless browser: the tasks of an operator, each done with clicks, on one small chain with both sinks.

The tasks go on from each other, on one server. With ``FLUXION_SCREENSHOTS=1`` the pictures of the
documentation are taken anew.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.sinks.embedded.server import ServerAddress
from fluxion_pipeline_tests.architecture.repository import ROOT
from fluxion_pipeline_tests.support import drops, postgres
from fluxion_pipeline_tests.support.browser import Browser, browse, executable
from fluxion_pipeline_tests.support.commands import FLUXION, environment, fluxion
from fluxion_pipeline_tests.support.shop import STORES, Shop, open_shop
from fluxion_pipeline_tests.support.webserver import LOCATION, Server, serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

PICTURE = ROOT / "docs" / "img" / "assets.png"
LARGEST, TALL = 300_000, 2700
GROUPS = ("catalogo", "inventario", "ventas", "informes", "alertas")
JOBS = GROUPS[:3] if os.environ.get("FLUXION_SCREENSHOTS") else ("ventas",)
BAD_DAY, WEEK = "2026-03-04", [f"2026-03-{day:02d}" for day in range(5, 12)]
SCHEDULE = "ventas_programado"


def lines(etl: str, day: str) -> list[dict[str, str]]:
    """A store's day."""
    return [drops.sale(day, f"{etl[-2:]}{day[-2:]}{n:08d}", cantidad=n + 1) for n in range(4)]


@pytest.fixture(scope="module")
def dual(postgres_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """DB_MODE=dual; the second store's newest file of sales lacks most of its columns."""
    executable()
    place = tmp_path_factory.mktemp("ui")
    with postgres.fresh_database(postgres_server) as database:
        shop = open_shop(postgres.settings_for(postgres_server, database, place / "home"), place / "drops")
        drops.write_sales(shop.root, STORES[0], BAD_DAY, lines(STORES[0], BAD_DAY))
        drops.write_raw(shop.root, f"ventas/{STORES[1]}/{BAD_DAY}.csv", "numero_factura,linea\n1,2\n")
        yield shop


@pytest.fixture(scope="module")
def server(dual: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Its ``fluxion ui``, which has loaded what there is."""
    with serving(environment(dual.settings), tmp_path_factory.mktemp("log") / "ui.log") as running:
        launched = [running.launch(job) for job in JOBS]
        assert [running.ended(run) for run in launched] == ["SUCCESS"] * len(JOBS)
        yield running


@pytest.fixture(scope="module")
def chromium(server: Server) -> Iterator[Browser]:
    """One browser for all tasks."""
    with browse(server.base) as opened:
        yield opened


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """A page in it, which must have nothing to complain about in the end."""
    with chromium.fresh() as page:
        yield page
        assert page.errors == []


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


def test_why_a_store_is_red_and_its_day_read_again_by_the_link_in_the_check(browser: Browser, server: Server, dual: Shop) -> None:
    check = "/assets/lotes/ventas?view=checks&checkDetail=lecturas_logradas"  # where the alert's link leads
    browser.open(check)
    browser.says(f"SUC007 parcial en {BAD_DAY} (ventas/{STORES[1]}/{BAD_DAY}.csv")
    browser.says("que_hacer")
    browser.picture("tarea-tienda-en-rojo.png")

    drops.write_sales(dual.root, STORES[1], BAD_DAY, lines(STORES[1], BAD_DAY))
    dual.tamper(
        SinkName.POSTGRESQL, "UPDATE ventas SET venta_total = 987654 WHERE ubicacion_codigo = 'SUC001' AND fecha_negocio = '2026-03-02' AND cantidad = 1"
    )
    tab = browser.follow(browser.page.locator("a[href*='playground/setup']").first)
    tab.says("[SUC007]")
    tab.picture("tarea-releer.png")
    assert launched(tab, server) == "SUCCESS"
    assert dual.rows(SinkName.DUCKDB, f"SELECT count(*) FROM ventas WHERE ubicacion_codigo = 'SUC007' AND fecha_negocio = DATE '{BAD_DAY}'") == [(4,)]
    browser.open(check)
    browser.says("Passed")


def launched(tab: Browser, server: Server) -> str:
    """Press «Launch Run» in the launchpad; how the run ended."""
    tab.says("No errors")
    tab.page.get_by_role("button", name="Launch Run").click(timeout=60_000)
    tab.page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}"), timeout=60_000)
    found = re.search(r"/runs/([0-9a-f-]{36})", tab.page.url)
    assert found
    return server.ended(found[1])


def test_what_differs_between_both_databases_is_in_the_sample_of_parity(browser: Browser) -> None:
    browser.open("/assets/postgresql/ventas?view=checks&checkDetail=paridad")
    browser.says("Failed")
    browser.says("repárelas con «fluxion repair ventas --from lote --apply»")
    browser.page.get_by_text(re.compile("Show Markdown", re.IGNORECASE)).first.click(timeout=15_000)
    browser.says("987654")
    browser.picture("tarea-diferencias.png")


def test_a_week_is_read_again_by_one_run_from_the_form(browser: Browser, server: Server, dual: Shop) -> None:
    for etl in STORES:
        for day in WEEK:
            drops.write_sales(dual.root, etl, day, lines(etl, day))
    browser.open(f"/locations/{LOCATION}/jobs/ventas/playground")
    browser.says("desde")  # the form shows each field with its default
    browser.page.locator(".CodeMirror, .cm-editor").first.click()
    browser.page.keyboard.press("ControlOrMeta+KeyA")
    browser.page.keyboard.insert_text(f"ops:\n  lotes__ventas:\n    config:\n      desde: {WEEK[0]}\n      hasta: {WEEK[-1]}\n")
    browser.says(WEEK[-1])
    browser.picture("tarea-semana.png")
    assert launched(browser, server) == "SUCCESS"
    found = server.ask("{ runsOrError(limit: 20) { ... on Runs { results { status tags { key } } } } }")["runsOrError"]["results"]
    typed = [run["status"] for run in found if "dagster/schedule_name" not in {tag["key"] for tag in run["tags"]}]  # the clock may strike meanwhile
    assert typed == ["SUCCESS"] * (len(JOBS) + 2)
    inside = f"fecha_negocio BETWEEN DATE '{WEEK[0]}' AND DATE '{WEEK[-1]}'"
    for sink in SinkName:
        assert dual.rows(sink, f"SELECT count(*), count(DISTINCT fecha_negocio) FROM ventas WHERE {inside}") == [(56, 7)]


def schedule(server: Server) -> str:
    """Its status."""
    selector = f'{{repositoryLocationName: "{LOCATION}", repositoryName: "__repository__", scheduleName: "{SCHEDULE}"}}'
    found = server.ask(f"{{ scheduleOrError(scheduleSelector: {selector}) {{ ... on Schedule {{ scheduleState {{ status }} }} }} }}")
    return str(found["scheduleOrError"]["scheduleState"]["status"])


def turned(browser: Browser, server: Server, wanted: str) -> None:
    """Click the schedule's switch, and wait until it is so."""
    # Its row is the widest element that has no other schedule in it: the switch isn't there while its state is being asked for.
    row = browser.page.locator("a", has_text=SCHEDULE).first.locator("xpath=ancestor::*[not(contains(., 'recuperacion_programado'))][last()]")
    switch = row.locator("label[class*=ormatSwitch]").first
    deadline = time.monotonic() + 60
    while schedule(server) != wanted and time.monotonic() < deadline:
        if switch.locator("input").is_checked() is (wanted == "STOPPED"):  # a list that is just drawn anew loses a click
            switch.click(timeout=30_000)
        browser.page.wait_for_timeout(3000)
    assert schedule(server) == wanted


def test_a_schedule_is_turned_off_and_on_by_its_switch_or_by_what_the_doctor_prints(browser: Browser, server: Server, dual: Shop) -> None:
    browser.open("/automation")
    browser.says(SCHEDULE)
    turned(browser, server, "STOPPED")
    browser.picture("tarea-horario.png")
    checks = {c["name"]: c for c in json.loads(fluxion(dual.settings, "doctor", "--json").out)["checks"]}
    assert checks["daemon"]["state"] == "ok"
    assert (checks["schedules"]["state"], checks["schedules"]["found"]) == ("failed", f"turned off: {SCHEDULE}")
    typed = {**environment(dual.settings), "PATH": f"{FLUXION.parent}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-c", checks["schedules"]["remedy"]], env=typed, check=True, capture_output=True)
    assert schedule(server) == "RUNNING"
    browser.open("/automation")
    turned(browser, server, "STOPPED")
    turned(browser, server, "RUNNING")


def test_how_long_the_writes_of_postgresql_take_is_plotted(browser: Browser, server: Server) -> None:
    browser.open("/assets/postgresql/ventas")
    browser.page.get_by_text("Plots", exact=True).first.click(timeout=30_000)
    for name in ("retraso_segundos", "segundos"):
        title = browser.page.get_by_text(name, exact=True).first
        title.wait_for(state="visible", timeout=30_000)
    title.scroll_into_view_if_needed()
    assert browser.page.locator("canvas").count() >= 7
    browser.picture("tarea-segundos.png")
    numbers = "assetMaterializations(limit: 9) { metadataEntries { label ... on FloatMetadataEntry { floatValue } } }"
    query = f'{{ assetOrError(assetKey: {{path: ["postgresql", "ventas"]}}) {{ ... on Asset {{ {numbers} }} }} }}'
    made = server.ask(query)["assetOrError"]["assetMaterializations"]
    seconds = [entry["floatValue"] for one in made for entry in one["metadataEntries"] if entry["label"] == "segundos"]
    assert len(seconds) == 3
    assert all(0 < x < 60 for x in seconds)
