"""What tests of the tests share: a rule that is put in another's place, and the life that ends by it."""

from __future__ import annotations

from typing import Any, NamedTuple

from fluxion_pipeline_tests.support.landing_lives import Life, Step
from fluxion_pipeline_tests.support.landing_terms import Reading


class Mutant(NamedTuple):
    """What is put in the place of a rule, and the life that ends by it."""

    where: tuple[Any, str]
    broken: Any
    life: list[Reading | Step]


def never(*_a: Any, **_m: Any) -> None:
    """A rule that never says anything."""
    return


def lived(life: Life, steps: list[Reading | Step]) -> None:
    """Live a life, compared after every step."""
    for step in steps:
        life.step("read", step) if isinstance(step, Reading) else life.step(*step)
    life.compare_all()
