"""The outbox is the model: random lives, compared after every step; longer with FLUXION_PROVE_STEPS (``make prove``)."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from fluxion_pipeline_tests.support.landing_lives import Life, Step, live, lives

STEPS = int(os.environ.get("FLUXION_PROVE_STEPS", "400"))
PER_LIFE = 8
"""Landings that a life comes to, about, its readings landed once more at the end among them."""


@pytest.mark.timeout(max(600, STEPS))
@pytest.mark.usefixtures("small_limits")
@settings(max_examples=max(STEPS // PER_LIFE, 1), deadline=None, database=None, suppress_health_check=list(HealthCheck), report_multiple_bugs=False)
@given(lives())
def test_an_outbox_is_its_model_after_every_step(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as home:
        live(Life(Path(home)), steps)
