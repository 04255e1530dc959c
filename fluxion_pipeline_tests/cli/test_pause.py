"""``fluxion pause`` and ``resume`` as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.commands import fluxion
from fluxion_pipeline_tests.support.shop import Shop, open_shop


@pytest.fixture
def shop(duck_settings: Settings, tmp_path: Path) -> Shop:
    """Ready, nothing loaded."""
    return open_shop(duck_settings, tmp_path / "drops")


def test_in_a_pause_what_writes_is_refused_with_its_reason_until_resume(shop: Shop) -> None:
    assert "paused since" in fluxion(shop.settings, "pause", "--reason", "cambio de disco").out
    assert "already paused" in fluxion(shop.settings, "pause").out
    for words in (("run", "ventas"), ("init",), ("sync",), ("repair", "ventas", "--from", "lote", "--apply")):
        refused = fluxion(shop.settings, *words)
        assert (refused.code, "cambio de disco" in refused.err, "do: fluxion resume" in refused.err) == (2, True, True), (words, refused)
    status = fluxion(shop.settings, "status")
    assert status.code == 1
    assert "cambio de disco; nothing is written until: fluxion resume" in status.out
    assert json.loads(fluxion(shop.settings, "status", "--json").out)["paused"]["reason"] == "cambio de disco"
    assert "cambio de disco" in fluxion(shop.settings, "resume").out
    assert fluxion(shop.settings, "run", "ventas").code == 0
    assert fluxion(shop.settings, "resume").out == "nothing was paused\n"


def test_a_home_that_is_not_there_is_not_paused(shop: Shop) -> None:
    refused = fluxion(shop.settings, "pause", more={"FLUXION_HOME": str(shop.root / "nowhere")})
    assert (refused.code, (shop.root / "nowhere").exists()) == (2, False)
