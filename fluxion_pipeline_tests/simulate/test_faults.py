"""``--faults``: what can be written, and how often it hits."""

from __future__ import annotations

import pytest

from fluxion_pipeline.errors import LocationError, SettingsError
from fluxion_pipeline.locations import registry
from fluxion_pipeline.simulate.faults import DEFAULTS, Fault, Faults, Kind, parse


def test_every_kind_of_fault_can_be_written() -> None:
    found = parse("t01=down, tienda_02=slow:2.5,SUC008=twin:t01,*=500@0.2,t05=ahead,t06=cut@1", registry.load())
    assert found == (
        Fault("SUC001", Kind.DOWN),
        Fault("SUC007", Kind.SLOW, "2.5"),
        Fault("SUC008", Kind.TWIN, "SUC001"),
        Fault("*", Kind.FIVE_HUNDRED, "", 0.2),
        Fault("SUC018", Kind.AHEAD, DEFAULTS[Kind.AHEAD]),
        Fault("SUC017", Kind.CUT),
    )
    assert parse("", registry.load()) == ()


@pytest.mark.parametrize("text", ["t01", "t01=", "t01=burnt", "t01=500@2", "t01=500@0", "t01=500@x", "t01=slow:soon", "=down@"])
def test_what_is_no_fault_is_refused_with_what_may_stand_there(text: str) -> None:
    with pytest.raises((SettingsError, LocationError)) as caught:
        parse(text, registry.load())
    assert caught.value.remedy


@pytest.mark.parametrize("text", ["t99=down", "t01=twin:t99", "t01=twin"])
def test_a_store_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(LocationError):
        parse(text, registry.load())


def test_a_rate_hits_its_share_and_the_same_seed_the_same_requests() -> None:
    some = (Fault("*", Kind.HTML, "", 0.2),)

    def hits(seed: int) -> list[bool]:
        faults = Faults(some, seed)
        return [faults.draw("SUC001") is not None for _ in range(2000)]

    assert 320 < sum(hits(1)) < 480
    assert hits(1) == hits(1) != hits(2)


def test_a_store_s_own_fault_comes_before_those_of_all() -> None:
    faults = Faults(parse("*=html,t01=down", registry.load()))
    drawn = [faults.draw(store) for store in ("SUC001", "SUC007")]
    assert [f.kind for f in drawn if f] == [Kind.DOWN, Kind.HTML]
