"""What a reading came to: every outcome, every suspicion, and what is nothing new. Each is landed for real (limits 3 and 4)."""

from __future__ import annotations

import pytest

from fluxion_pipeline.landing.decide.outcome import LIMITS, base_outcome
from fluxion_pipeline_tests.support import landing_twins as twins
from fluxion_pipeline_tests.support import landing_world as world
from fluxion_pipeline_tests.support.landing_lives import Life
from fluxion_pipeline_tests.support.landing_terms import Reading
from fluxion_pipeline_tests.support.landing_words import said
from fluxion_pipeline_tests.support.readings import invoices, rejects, sales

FOUR, DAY0 = "a1 b1 c1 d1", ("ventas", 0, 12)
ZEROS = "a0 b0 c0 d0"
CASES: dict[str, tuple[list[Reading], tuple[str, bool] | None]] = {
    "some rejected": ([said(*DAY0, "a1 b1", "c")], ("completo", True)),
    "more than half of many rejected": ([said(*DAY0, "a1", "b c")], ("parcial", False)),
    "half of few rejected": ([said(*DAY0, "a1", "b")], ("completo", True)),
    "all rejected": ([said(*DAY0, "", "b")], ("parcial", False)),
    "a closed day without rows": ([said(*DAY0)], ("vacio", True)),
    "read before two hours after the close": ([said("ventas", 0, 11)], ("en_curso", True)),
    "a later window leaves a closed day closed": ([said(*DAY0, "a1"), said("ventas", 0, 13, window=(5, 9))], ("completo", True)),
    "a window with rows fills an empty closed day": ([said(*DAY0), said("ventas", 0, 13, "a1", window=(0, 9))], ("completo", True)),
    "a window leaves an empty closed day empty": ([said(*DAY0), said("ventas", 0, 13, window=(0, 9))], ("vacio", True)),
    "truncated": ([said(*DAY0, "a1", answer="parcial")], ("parcial", False)),
    "unreachable": ([said(*DAY0, answer="inalcanzable")], ("inalcanzable", False)),
    "closed": ([said(*DAY0, answer="cerrado")], ("cerrado", False)),
    "no data": ([said(*DAY0, answer="sin_dato")], ("sin_dato", False)),
    "no rows where there were some": ([said(*DAY0, "a1"), said("ventas", 0, 13)], ("sospechoso", False)),
    "no rows in a window that had some": ([said("ventas", 0, 3, "a1"), said("ventas", 0, 4, window=(0, 4))], ("sospechoso", False)),
    "no rows in a window that had none": ([said("ventas", 0, 3, "a1"), said("ventas", 0, 4, window=(1, 4))], ("en_curso", True)),
    "no rows where all had moved": ([said(*DAY0, "a1"), said("ventas", 1, 22, "a1"), said("ventas", 0, 23)], ("vacio", True)),
    "a closed day would lose more than half": ([said(*DAY0, FOUR), said("ventas", 0, 13, "a1")], ("sospechoso", False)),
    "a closed day loses half": ([said(*DAY0, FOUR), said("ventas", 0, 13, "a1 b1")], ("completo", True)),
    "a rejected line is not lost": ([said(*DAY0, FOUR), said("ventas", 0, 13, "a1", "b")], ("completo", True)),
    "an open day may lose more than half": ([said("ventas", 0, 5, FOUR), said("ventas", 0, 6, "a1")], ("en_curso", True)),
    "stock without rows": ([said("stock", 1, 1)], ("sospechoso", False)),
    "many rows, all zero": ([said("stock", 1, 1, ZEROS)], ("sospechoso", False)),
    "few rows, all zero": ([said("stock", 1, 1, "a0 b0 c0")], ("completo", True)),
    "under half of many": ([said("stock", 1, 1, FOUR), said("stock", 2, 2, "a1")], ("sospechoso", False)),
    "half of many": ([said("stock", 1, 1, FOUR), said("stock", 2, 2, "a1 b1")], ("completo", True)),
    "over double, now many": ([said("stock", 1, 1, "a1"), said("stock", 2, 2, FOUR)], ("sospechoso", False)),
    "double, now many": ([said("stock", 1, 1, "a1 b1"), said("stock", 2, 2, FOUR)], ("completo", True)),
    "many after an accepted empty tick": ([said("stock", 1, 1, provenance="accept"), said("stock", 2, 2, FOUR)], ("completo", True)),
    "the twin of another's stock": ([said("stock", 1, 1, FOUR, place="B"), said("stock", 1, 2, FOUR)], ("sospechoso", False)),
    "the twin of another's sales": ([said(*DAY0, FOUR, place="B"), said("ventas", 0, 13, FOUR)], ("sospechoso", False)),
    "the same few rows as another's": ([said("stock", 1, 1, "a1 b1 c1", place="B"), said("stock", 1, 2, "a1 b1 c1")], ("completo", True)),
    "the same rows as another's at another tick": ([said("stock", 1, 1, FOUR, place="B"), said("stock", 2, 2, FOUR)], ("completo", True)),
    "another's stock of before, where it had its own": (twins.STOCK_BEFORE, ("sospechoso", False)),
    "its own stock, that another has by now": (twins.GOES_ON, ("completo", True)),
    "another's sales in another window": (twins.WINDOW_TWIN, ("sospechoso", False)),
    "more sales than another can know": (twins.LATER_TWIN, ("sospechoso", False)),
    "the uniform stock of another": (twins.UNIFORM, ("completo", True)),
    "sales that another has taken back": (twins.TAKEN_BACK[:3], ("completo", True)),
    "a closed day without what another says, held back": (twins.CLAIMED, ("completo", True)),
    "a closed day without lines that no other has": (twins.TAKEN_BACK[:2], ("sospechoso", False)),
    "a closed day without what another wants back": (twins.CROSSED[:5], ("completo", True)),
    "a closed day without what another has by now": (twins.TAKEN_BACK, ("completo", True)),
    "no sales where there were some, which another has, too": (twins.EMPTIED, ("sospechoso", False)),
    "sales whose lines name another store": (twins.NAMED, ("sospechoso", False)),
    "sales of a server that names all lines alike": (twins.ALL_NAMED_ALIKE, ("completo", True)),
    "what another has, too, and the lines name this one": (twins.OWN_NAMES, ("completo", True)),
    "what another has, too, of a server that names all lines alike": (twins.ALL_NAMED_THE_SAME, ("sospechoso", False)),
    "what another landed since, read again": (twins.OVERRULED, ("sospechoso", False)),
    "the day after that of a twin, and the other's isn't known": (twins.AWAITED, ("sospechoso", False)),
    "a day far from that of a twin": (twins.AWAITED_FAR, ("completo", True)),
    "the day after that of a twin, under its own names": (twins.AWAITED_UNDER_OWN_NAMES, ("completo", True)),
    "the day after that of a twin of one in doubt": (twins.AWAITED_IN_VAIN, ("completo", True)),
    "what one has that was told to be this one": (twins.BELIEVED, ("completo", True)),
    "after a person said who is the other": (twins.ACCEPTED, ("sospechoso", False)),
    "a stock that goes on, of a store whose sales are another's": (twins.DOUBTED_STOCK, ("sospechoso", False)),
    "the first stock of a store whose sales are another's": (twins.AWAITED_STOCK, ("sospechoso", False)),
    "an accepted twin, read again": (
        [said("stock", 1, 1, FOUR, place="B"), said("stock", 1, 2, FOUR, provenance="accept"), said("stock", 1, 3, FOUR)],
        None,
    ),
    "suspicious again": ([said(*DAY0, "a1"), said("ventas", 0, 13), said("ventas", 0, 14)], None),
    "accepted zeros, read again": ([said("stock", 1, 1, ZEROS, provenance="accept"), said("stock", 1, 3, ZEROS)], None),
    "accepted": ([said(*DAY0, "a1"), said("ventas", 0, 13), said("ventas", 0, 13, provenance="accept")], ("vacio", True)),
    "accepted too late": (
        [said(*DAY0, "a1"), said("ventas", 0, 13), said("ventas", 0, 14, "b1"), said("ventas", 0, 13, provenance="accept")],
        None,
    ),
    "read before what stands was last seen": ([said(*DAY0, "a1"), said("ventas", 0, 14, "a1"), said("ventas", 0, 13, "b1")], ("completo", False)),
    "what had moved, read again": ([said(*DAY0, "a1"), said("ventas", 1, 22, "a1"), said("ventas", 0, 23, "a1")], None),
    "the same rows in another window": ([said("ventas", 0, 5, "a1"), said("ventas", 0, 6, "a1", window=(0, 6))], ("en_curso", True)),
    "the same rows with another reject": ([said(*DAY0, "a1 b1"), said("ventas", 0, 13, "a1 b1", "c")], ("completo", True)),
    "the same rows, and the day may be closed now": ([said("ventas", 0, 5, "a1"), said(*DAY0, "a1")], ("completo", True)),
    "an unchanged later tick": ([said("stock", 1, 1, "a1"), said("stock", 2, 2, "a1")], ("completo", True)),
    "unreachable twice": ([said(*DAY0, answer="inalcanzable"), said("ventas", 0, 13, answer="inalcanzable")], None),
}


@pytest.mark.parametrize("name", CASES)
def test_a_reading_comes_to_what_the_rules_say(name: str, life: Life) -> None:
    readings, expected = CASES[name]
    for reading in readings:
        told = life.read(reading)
    assert ((told.outcome.value, told.applied) if told.new else None) == expected


def test_the_limits_are_those_of_the_design() -> None:
    assert (LIMITS.partial, LIMITS.many, LIMITS.alike) == (20, 50, 5)


@pytest.mark.parametrize(("wrong", "expected"), [(11, "completo"), (12, "parcial")])
def test_a_row_that_is_there_twice_is_a_row_of_those_that_were_read(wrong: int, expected: str) -> None:
    reading = sales("SUC001", "2025-11-24", invoices(*range(10)), rejects=rejects(*({"id": str(n)} for n in range(wrong))), read=wrong + 11, repeated=1)
    assert base_outcome(reading, None)[0].value == expected


@pytest.mark.parametrize(
    ("readings", "word"),
    [
        ([said("stock", 1, 1)], "sin existencias"),
        ([said("stock", 1, 1, ZEROS)], "todo en cero"),
        ([said("stock", 1, 1, FOUR), said("stock", 2, 2, "a1")], "tamaño"),
        ([said("stock", 1, 1, FOUR, place="B"), said("stock", 1, 2, FOUR)], "gemela: the same rows as SUC007"),
        ([said(*DAY0, "a1"), said("ventas", 0, 13)], "sin filas"),
        ([said(*DAY0, FOUR), said("ventas", 0, 13, "a1")], "quita: it would remove 3 of 4"),
        ([said(*DAY0, "a1", "b c")], "2 of 3 rows were rejected"),
        ([said(*DAY0, "", "b")], "all 1 rows were rejected"),
        ([said(*DAY0, "a1"), said("ventas", 0, 11, "b1")], "kept as evidence"),
    ],
)
def test_who_is_held_back_is_told_why(readings: list[Reading], word: str, life: Life) -> None:
    for reading in readings:
        told = life.read(reading)
    assert word in (told.reason or "")
    assert (told.loaded, told.held) == (0, len(readings[-1].lines))


@pytest.mark.parametrize("broken", ["count", "key"])
def test_rows_that_dont_add_up_are_not_landed(broken: str, life: Life) -> None:
    real = world.real(said(*DAY0, "a1 b2"))
    rows = real.rows if broken == "count" else real.rows.take([0, 0])
    with life.outbox.lock("SUC001") as past:
        told = life.outbox.land(world.real(said(*DAY0), rows=rows, read=3 if broken == "count" else 2), past)
    assert (told.outcome.value, told.applied, told.read, told.loaded) == ("parcial", False, 0, 0)
    assert "rows read are not" in (told.reason or "")
