"""What a reading leaves behind: carried rows, windows, moving keys, late and corrected ticks, repairs. Landed for real."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fluxion_pipeline_tests.support import landing_world as world
from fluxion_pipeline_tests.support.landing_lives import Life
from fluxion_pipeline_tests.support.landing_terms import Line, Reading, Reject
from fluxion_pipeline_tests.support.landing_words import said

DAY0 = ("ventas", 0, 12)


def land(life: Life, *readings: Reading) -> set[str]:
    """Land them all; the tables of the last lote."""
    for reading in readings:
        before = life.outbox.index.sequence("SUC001")
        life.read(reading)
    return {i.table for i in life.outbox.owed("SUC001", before)}


def rows(life: Life, table: str, cut: Any = 0) -> Any:
    return world.told_images(life.outbox, "A")[table, cut][1]


def sold(life: Life, day: int = 0) -> dict[str, int]:
    return {k: v for k, (v, _) in rows(life, "ventas", day).items()}


@pytest.mark.parametrize(("wrong", "stays"), [("", {"c": 3}), ("a", {"a": 1, "c": 3}), ("?", {"a": 1, "b": 2, "c": 3})])
def test_rejected_is_not_absent(wrong: str, stays: dict[str, int], life: Life) -> None:
    land(life, said(*DAY0, "a1 b2"), said("ventas", 0, 13, "c3", wrong), said("stock", 1, 1, "a1 b2"), said("stock", 14, 2, "c3", wrong))
    assert sold(life) == rows(life, "actual") == stays
    assert rows(life, "cobertura", ("ventas", 0))[0].carried == len(stays) - 1


def test_a_tick_read_again_carries_from_its_own_image(life: Life) -> None:
    land(life, said("stock", 1, 1, "a1"), said("stock", 3, 2, "a2 b2"), said("stock", 3, 3, "c3 e1", "a b"))
    assert rows(life, "actual") == {"a": 2, "b": 2, "c": 3, "e": 1}


def test_an_unreadable_key_in_a_window_spares_only_the_window(life: Life) -> None:
    early, late = Line("a", 1, 1), Line("b", 2, 7)
    land(life, replace(said("ventas", 0, 8), lines=frozenset({early, late})))
    land(life, replace(said("ventas", 0, 9, window=(0, 5)), lines=frozenset({Line("c", 3, 2)}), rejects=frozenset({Reject("?")})))
    assert sold(life) == {"a": 1, "b": 2, "c": 3}
    assert rows(life, "cobertura", ("ventas", 0))[0].carried == 1


def test_a_window_replaces_its_own_lines_and_those_whose_key_it_has(life: Life) -> None:
    old = frozenset({Line("a", 1, 1), Line("b", 1, 6), Line("c", 1, 8)})
    land(life, replace(said("ventas", 0, 9), lines=old))
    land(life, replace(said("ventas", 0, 10, window=(5, 8)), lines=frozenset({Line("c", 2, 7)})))
    assert sold(life) == {"a": 1, "c": 2}


def test_rejects_of_windows_add_up_and_make_place(life: Life) -> None:
    first = replace(said("ventas", 0, 5, "a1 e1", window=(0, 5)), rejects=frozenset({Reject("x", "b", 2), Reject("y", None, 3)}))
    second = replace(said("ventas", 0, 9, window=(5, 9)), lines=frozenset({Line("c", 1, 6)}), rejects=frozenset({Reject("z", "d", 7)}))
    land(life, first, second)
    assert rows(life, "rechazos", ("ventas", 0)) == {"x", "y", "z"}
    land(life, replace(second, read_at=10, lines=frozenset({Line("b", 1, 6), Line("c", 1, 6)}), rejects=frozenset()))
    assert rows(life, "rechazos", ("ventas", 0)) == {"y"}


def test_coverage_ends_where_nobody_asked(life: Life) -> None:
    land(life, said("ventas", 0, 3, "a1", window=(0, 3)), said("ventas", 0, 9, window=(6, 9)))
    assert rows(life, "cobertura", ("ventas", 0))[0].until == 3


def test_coverage_never_goes_beyond_the_start_of_the_reading(life: Life) -> None:
    land(life, said("ventas", 0, 4, "a1", window=(0, 9)))
    assert rows(life, "cobertura", ("ventas", 0))[0].until == 4


def test_closing_a_day_lands_its_coverage_only(life: Life) -> None:
    """Nothing of the day's rows changed: the sinks are owed no image of theirs."""
    assert land(life, said("ventas", 0, 5, "a1"), said(*DAY0, "a1")) == {"cobertura"}


def test_a_key_belongs_to_the_newest_reading_and_comes_back(life: Life) -> None:
    both = land(life, said(*DAY0, "a1 b1"), said("ventas", 1, 22, "a2"))
    assert both == {"ventas", "cobertura"}
    assert (sold(life, 0), sold(life, 1)) == ({"b": 1}, {"a": 2})
    land(life, said("ventas", 1, 23, "c1"))
    assert (sold(life, 0), sold(life, 1)) == ({"a": 1, "b": 1}, {"c": 1})


def test_all_days_that_a_moved_key_touches_land_in_one_lote(life: Life) -> None:
    land(life, said(*DAY0, "a1 b1"), said("ventas", 2, 32, "b5"), said("ventas", 1, 33, "a2 b2"))
    days = {i.slice[-10:] for i in life.outbox.owed("SUC001", 2) if i.table == "ventas"}
    assert days == {"2025-11-29", "2025-11-30", "2025-12-01"}


def test_a_moved_key_is_found_after_the_key_index_is_gone(life: Life) -> None:
    land(life, said(*DAY0, "a1 b1"))
    life.lose(1)
    assert not list(life.home.glob("lotes/*/facturas.sqlite"))
    land(life, said("ventas", 1, 22, "a2"))
    assert sold(life) == {"b": 1}


def test_changes_are_against_the_tick_before_of_the_day(life: Life) -> None:
    land(life, said("stock", 3, 3, "a1 b2"), said("stock", 6, 6, "a1 c3"))
    assert rows(life, "historico", 3) == {"a": (1, "clave"), "b": (2, "clave")}
    assert rows(life, "historico", 6) == {"b": (None, "baja"), "c": (3, "cambio")}
    land(life, said("stock", 14, 14, "a1 c3"))
    assert rows(life, "historico", 14) == {"a": (1, "clave"), "c": (3, "clave")}


def test_a_late_tick_takes_over_the_keyframe_and_leaves_the_present(life: Life) -> None:
    land(life, said("stock", 3, 1, "a1 b2"), said("stock", 6, 2, "a1 c3"))
    late = land(life, said("stock", 1, 9, "b2"))
    assert late == {"inventario_historico", "inventario_cortes", "cobertura"}
    assert rows(life, "historico", 3) == {"a": (1, "cambio")}
    assert (rows(life, "cortes", 1), rows(life, "cortes", 3)) == ({1: (True, 1)}, {3: (False, 2)})
    assert rows(life, "historico", 6) == {"b": (None, "baja"), "c": (3, "cambio")}
    assert rows(life, "actual") == {"a": 1, "c": 3}


def test_an_unchanged_tick_has_its_line_in_cortes(life: Life) -> None:
    assert land(life, said("stock", 1, 1, "a1"), said("stock", 3, 3, "a1")) == {"inventario_historico", "inventario_cortes", "cobertura"}
    assert (rows(life, "historico", 3), rows(life, "cortes", 3)) == ({}, {3: (False, 1)})


def test_an_empty_keyframe_is_a_keyframe(life: Life) -> None:
    land(life, said("stock", 1, 1, provenance="accept"))
    assert (rows(life, "historico", 1), rows(life, "cortes", 1), rows(life, "actual")) == ({}, {1: (True, 0)}, {})


def test_coverage_tells_of_the_reading_that_stands(life: Life) -> None:
    land(life, said(*DAY0, "a1"), said("ventas", 0, 13, answer="inalcanzable"))
    assert rows(life, "cobertura", ("ventas", 0))[0].outcome == "completo"
    land(life, said("ventas", 1, 13, answer="inalcanzable"))
    assert rows(life, "cobertura", ("ventas", 1))[0].outcome == "inalcanzable"


def test_a_repair_stands_until_the_source_says_something_else(life: Life) -> None:
    first = said(*DAY0, "a1 b2")
    land(life, first, said("ventas", 0, 13, "a1 b3", provenance="repair"))
    assert sold(life) == {"a": 1, "b": 3}
    land(life, replace(first, read_at=14), replace(first, read_at=12, lines=frozenset({Line("z", 9, 0)}), provenance="accept"))
    assert sold(life) == {"a": 1, "b": 3}
    land(life, said("ventas", 0, 15, "a1 b4"))
    assert sold(life) == {"a": 1, "b": 4}


def test_a_repair_is_no_attempt_of_the_source(life: Life) -> None:
    land(life, said(*DAY0, "a1"), said("ventas", 0, 13, "a2", provenance="repair"))
    count, _, newest = life.outbox.index.attempt(world.FACTS["ventas"], "SUC001", "2025-11-29")
    assert (count, newest and newest["outcome"]) == (1, "completo")


def test_a_repair_of_the_newest_tick_keeps_the_history_in_step(life: Life) -> None:
    land(life, said("stock", 1, 1, "a1"), said("stock", 3, 3, "a2"), said("stock", 3, 4, "a5 b1", provenance="repair"))
    assert rows(life, "actual") == {"a": 5, "b": 1}
    assert rows(life, "historico", 3) == {"a": (5, "cambio"), "b": (1, "cambio")}
