"""A short chaos: runs and their server killed at random, the server paused, the disk full; see ``support.chaos``."""

from __future__ import annotations

import os

import pytest

from fluxion_pipeline_tests.support.chaos import chaos

pytestmark = [pytest.mark.e2e, pytest.mark.long]

STEPS, SEED = int(os.environ.get("FLUXION_CHAOS_STEPS", "6")), 11


def test_nothing_is_lost_and_nothing_doubled_whatever_dies() -> None:
    tally, _ = chaos(STEPS, SEED)
    assert tally.good, tally.text(SEED)
    assert sum(tally.troubles.values()) == STEPS
