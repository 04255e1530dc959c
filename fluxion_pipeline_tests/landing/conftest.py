"""What the tests of landing share: limits as small as the model's, and a life in a home of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluxion_pipeline.landing.decide import outcome
from fluxion_pipeline.landing.decide.outcome import Limits
from fluxion_pipeline_tests.support import landing_model as model
from fluxion_pipeline_tests.support.landing_lives import Life


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """As small as the model's, so that small examples meet them."""
    monkeypatch.setattr(outcome, "LIMITS", Limits(model.MANY_PARTIAL, model.MANY, model.ALIKE, near=model.NEAR))


@pytest.fixture
def life(tmp_path: Path, small_limits: None) -> Life:
    """An outbox and its model, compared after every reading."""
    return Life(tmp_path)
