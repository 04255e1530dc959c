"""A test of the tests: no mutant of ``mutants`` and ``mutants_more`` survives its life, nor the random machine."""

from __future__ import annotations

import os

import pytest

from fluxion_pipeline.landing import outbox
from fluxion_pipeline.operations import initialise, mode, replay
from fluxion_pipeline.sinks import attempts, changes, claim, converge, slices, transaction
from fluxion_pipeline_tests.machine import mutants, mutants_more
from fluxion_pipeline_tests.machine.machine import Lived, live
from fluxion_pipeline_tests.machine.mutants import Mutant
from fluxion_pipeline_tests.support import chain_own, chain_sinks, chain_trouble
from fluxion_pipeline_tests.support.chain_copies import Start
from fluxion_pipeline_tests.support.mutation import rewritten

STEPS = int(os.environ.get("FLUXION_PROVE_STEPS", "2000"))
LONG, ON_DEMAND = 5_000, 20_000
MODULES = (converge, transaction, claim, attempts, changes, slices, outbox, replay, initialise, mode, chain_own, chain_sinks, chain_trouble)
"""Where rules may have been imported to."""

MUTANTS = {**mutants.MUTANTS, **mutants_more.MUTANTS}


def broken(patch: pytest.MonkeyPatch, mutant: Mutant) -> None:
    """Put the mutant in the rule's place, wherever it was imported to."""
    owner, name = mutant.where
    real = vars(owner)[name]
    wrong = mutant.broken if mutant.text is None else rewritten(owner, name, mutant.text, mutant.broken)
    for module in (owner, *MODULES):
        if vars(module).get(name) is real:
            patch.setattr(module, name, wrong)


@pytest.mark.e2e
@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_rule_is_noticed(name: str, beginning: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch, MUTANTS[name])
    with pytest.raises((Exception, pytest.fail.Exception)), beginning.life(keep=True) as chain:
        MUTANTS[name].life(chain)


@pytest.mark.e2e
@pytest.mark.skipif(STEPS < LONG, reason=f"from {LONG} steps on: make prove")
@pytest.mark.parametrize("name", MUTANTS)
def test_its_life_is_good_while_no_rule_is_broken(name: str, beginning: Start) -> None:
    with beginning.life() as chain:
        MUTANTS[name].life(chain)
        chain.finish()


@pytest.mark.e2e
@pytest.mark.timeout(max(3600, STEPS // 10))
@pytest.mark.skipif(STEPS < ON_DEMAND, reason=f"from {ON_DEMAND} steps on: make prove N=50000")
@pytest.mark.parametrize("name", MUTANTS)
def test_the_machine_itself_finds_it(name: str, beginning: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    broken(monkeypatch, MUTANTS[name])
    lived = Lived(STEPS)
    with pytest.raises((Exception, pytest.fail.Exception)):
        live(beginning, lived.enough, shrink=False, lived=lived)
    with capsys.disabled():
        print(f"\n{name}: found after {lived.steps} steps")
