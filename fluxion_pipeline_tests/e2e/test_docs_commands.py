"""The commands of the Spanish guides, typed in their order on a home with both databases; each ends well."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import Mode
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.architecture.repository import texts
from fluxion_pipeline_tests.architecture.test_commands import commands, words_of
from fluxion_pipeline_tests.support.commands import fluxion
from fluxion_pipeline_tests.support.shop import Shop, filled
from fluxion_pipeline_tests.support.webhook import Webhook, webhook

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

MODES = {"0": "duckdb", "1": "dual", "2": "dual", "3": "dual", "4": "postgresql"}
"""Phase → the mode in which its commands are typed; the last block of phase 3 is typed after the switch."""

LOOK = {"status", "coverage"}
"""Commands that end with 1 where something lacks: of this small chain most stores have nothing."""


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A channel of alerts."""
    with webhook() as found:
        yield found


@pytest.fixture
def shop(pg_settings: Settings, tmp_path: Path) -> Shop:
    """What there is before the migration: DuckDB filled, PostgreSQL empty."""
    filled(pg_settings.model_copy(update={"db_mode": Mode.DUCKDB}), tmp_path / "drops")
    return Shop(pg_settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": tmp_path / "drops"}), tmp_path / "drops")


def typed(shop: Shop, line: str, hook: Webhook, mode: str) -> None:
    done = fluxion(shop.settings, *words_of(line)[1:], more={"DB_MODE": mode, "FLUXION_ALERT_URLS": hook.url})
    looks = words_of(line)[1] in LOOK
    assert done.code in ({0, 1} if looks else {0}), (mode, line, done)
    assert "Traceback" not in done.text


def test_the_migration_goes_through_its_phases_as_written_and_back(shop: Shop, hook: Webhook) -> None:
    text = texts()[Path("docs/migracion.md")]
    phases = re.findall(r"^## Fase (\d).*?\n(.*?)(?=^## Fase|\Z)", text, re.MULTILINE | re.DOTALL)
    assert [n for n, _ in phases] == list(MODES)
    for number, body in phases:
        blocks = re.findall(r"^```sh\n(.*?)^```", body, re.MULTILINE | re.DOTALL)
        for position, block in enumerate(blocks):
            mode = "postgresql" if number == "3" and position else MODES[number]
            for line in block.strip().splitlines():
                typed(shop, line, hook, mode)
    for line in ("fluxion sync --to duckdb", "fluxion run ventas", "fluxion mode retire postgresql"):
        typed(shop, line, hook, "duckdb")


def test_the_commands_of_the_operators_guide_end_well(shop: Shop, hook: Webhook) -> None:
    for line in commands("docs/operacion.md"):
        typed(shop, line, hook, "duckdb")
    assert hook.titles == ["[PRUEBA] Alertas de Fluxion"]
