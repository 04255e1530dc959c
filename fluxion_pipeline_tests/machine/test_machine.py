"""The machine lives: 2,000 steps, the same each time, or as many as ``FLUXION_PROVE_STEPS`` says (``make prove N=…``).

A life that failed is lived again with ``FLUXION_PROVE_AGAIN="version blob"``, both as its failure printed
them in ``@reproduce_failure``. ``FLUXION_PROVE_SHRINK=0`` shows a failing life as it was found.
"""

from __future__ import annotations

import os

import pytest

from fluxion_pipeline_tests.machine.machine import live
from fluxion_pipeline_tests.support.chain_copies import Start

STEPS = int(os.environ.get("FLUXION_PROVE_STEPS", "2000"))


@pytest.mark.e2e
@pytest.mark.timeout(max(1800, STEPS))
def test_every_order_of_everything_ends_as_the_models_say(beginning: Start, capsys: pytest.CaptureFixture[str]) -> None:
    again, shrink = os.environ.get("FLUXION_PROVE_AGAIN", ""), os.environ.get("FLUXION_PROVE_SHRINK", "1") == "1"
    with capsys.disabled():
        lived = live(beginning, STEPS, shrink=shrink, again=again, alike="FLUXION_PROVE_STEPS" not in os.environ)
        print(f"\n{lived} steps lived")
    assert again or lived >= STEPS
