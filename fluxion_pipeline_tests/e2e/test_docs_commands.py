"""The commands of the Spanish guides and of the page on production, typed in their order on a home with sales and stock; each ends well.

``UNTYPED`` of ``architecture.test_commands`` names the lines that need Docker, which no test has.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import Mode, SinkName
from fluxion_pipeline.settings import Settings, load
from fluxion_pipeline.sinks.converge import converge
from fluxion_pipeline_tests.architecture.repository import texts
from fluxion_pipeline_tests.architecture.test_commands import UNTYPED
from fluxion_pipeline_tests.support.pages import BLOCK, IN_THE_SERVICE, Desk, commands, desk, within
from fluxion_pipeline_tests.support.shop import Shop, filled, moved
from fluxion_pipeline_tests.support.webhook import Webhook, webhook

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

MODES = {"0": "duckdb", "1": "dual", "2": "dual", "3": "dual", "4": "postgresql"}
"""Phase → the mode in which its commands are typed; the last block of phase 3 is typed after the switch."""

LOOK = {"status", "coverage"}
"""Commands that end with 1 where something lacks: of this small chain most stores have nothing."""

PRODUCTION = "docs/production.md"


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A channel of alerts."""
    with webhook() as found:
        yield found


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """What there is before the migration: DuckDB, filled."""
    place = tmp_path_factory.mktemp("before")
    return filled(load({"FLUXION_HOME": str(place / "home"), "DB_MODE": Mode.DUCKDB.value}), place / "drops")


@pytest.fixture
def shop(before: Shop, pg_settings: Settings, tmp_path: Path) -> Shop:
    """A copy of it, beside a PostgreSQL that is empty."""
    return moved(before, pg_settings, tmp_path / "drops")


def typed(place: Desk, line: str, mode: str) -> None:
    done = place.type(line, DB_MODE=mode)
    looks = line.split()[1] in LOOK
    assert done.code in ({0, 1} if looks else {0}), (mode, line, done)
    assert "Traceback" not in done.text


def test_the_migration_goes_through_its_phases_as_written_and_back(shop: Shop, hook: Webhook, tmp_path: Path) -> None:
    place = desk(tmp_path / "desk", shop.settings, FLUXION_ALERT_URLS=hook.url)
    text = texts()[Path("docs/migracion.md")]
    phases = re.findall(r"^## Fase (\d).*?\n(.*?)(?=^## Fase|\Z)", text, re.MULTILINE | re.DOTALL)
    assert [n for n, _ in phases] == list(MODES)
    for number, body in phases:
        for position, block in enumerate(BLOCK.findall(body)):
            mode = "postgresql" if number == "3" and position else MODES[number]
            for line in block.strip().splitlines():
                typed(place, line, mode)
    for line in ("fluxion sync --to duckdb", "fluxion run ventas", "fluxion mode retire postgresql"):
        typed(place, line, "duckdb")


def test_the_commands_of_the_operators_guide_end_well(shop: Shop, hook: Webhook, tmp_path: Path) -> None:
    place = desk(tmp_path / "desk", shop.settings, FLUXION_ALERT_URLS=hook.url)
    for line in commands("docs/operacion.md"):
        typed(place, line, "duckdb")
    assert hook.titles == ["[PRUEBA] Alertas de Fluxion"]


def test_production_the_service_answers_and_keeps_what_is_set_in_its_home(shop: Shop, tmp_path: Path) -> None:
    """What is typed inside of the service ``code`` is typed beside it here, with the settings that compose hands over."""
    place = desk(tmp_path / "desk", shop.settings)
    password, *inside = [line for line in commands(PRODUCTION) if line not in UNTYPED and not line.startswith("pip ")]
    (keeps,) = [line for line in within(PRODUCTION) if line.startswith(IN_THE_SERVICE)]
    assert shutil.which("openssl")
    assert place.type(password).code == 0
    assert re.fullmatch(r"POSTGRES_PASSWORD=[0-9a-f]{48}\n", (place.folder / ".env").read_text("utf-8"))
    for line in ("fluxion init", "fluxion doctor"):
        assert line in within(PRODUCTION)
    assert place.type("fluxion init").code == 0
    converge(shop.app.sink(SinkName.POSTGRESQL), shop.app.outbox)
    assert place.inside(keeps).code == 0
    assert load({"FLUXION_HOME": str(shop.settings.home)}).fluxion_keep_lotes == 30
    status, parity = (place.inside(line) for line in inside)
    assert (status.code, status.out.splitlines()[-1:]) == (0, ["all healthy"]), status.text
    assert "postgresql\tactive\tok\t0\tproductos 3, ventas 16, " in status.out
    assert (parity.code, parity.out.splitlines()[-1:]) == (0, ["parity: igual"]), parity.text
    doctor = place.type("fluxion doctor")
    assert doctor.code == 0, doctor.text
    assert f":{shop.settings.postgres_port}" in doctor.out
    assert "system_identifier" in doctor.out
