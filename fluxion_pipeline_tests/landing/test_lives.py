"""The outbox is the model: random lives, compared after every step; longer with FLUXION_PROVE_STEPS (``make prove``)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from fluxion_pipeline.landing.decide import outcome
from fluxion_pipeline.landing.decide.outcome import Limits
from fluxion_pipeline_tests.support import landing_model as model
from fluxion_pipeline_tests.support.landing_lives import Life, Step, live, lives

STEPS = int(os.environ.get("FLUXION_PROVE_STEPS", "600"))
PER_LIFE = 8


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As small as the model's, so that small examples meet them."""
    monkeypatch.setattr(outcome, "LIMITS", Limits(model.MANY_PARTIAL, model.MANY))
    return


@settings(max_examples=max(STEPS // PER_LIFE, 1), deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(lives())
def test_an_outbox_is_its_model_after_every_step(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as home:
        live(Life(Path(home)), steps)
