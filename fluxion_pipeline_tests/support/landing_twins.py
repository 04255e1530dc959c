"""Short lives in which one place says what another one has, or seems to."""

from __future__ import annotations

from fluxion_pipeline_tests.support.landing_lives import Step
from fluxion_pipeline_tests.support.landing_terms import Reading
from fluxion_pipeline_tests.support.landing_words import lines, said

FOUR, DAY0 = "a1 b1 c1 d1", ("ventas", 0, 12)
TWINS: list[Reading | Step] = [said("stock", 1, 1, FOUR, place="B"), said("stock", 1, 2, FOUR)]
GOES_ON: list[Reading | Step] = [said("stock", 1, 1, FOUR), said("stock", 2, 2, FOUR, place="B"), said("stock", 3, 3, FOUR)]
STOCK_BEFORE: list[Reading | Step] = [said("stock", 1, 1, FOUR, place="B"), said("stock", 1, 2, "a2 b2 c2 d2"), said("stock", 3, 3, FOUR)]
MORNING = [("a", 1, 1), ("b", 1, 1), ("c", 1, 2), ("d", 1, 2)]
WINDOW_TWIN: list[Reading | Step] = [
    lines(3, *MORNING, place="B"),
    lines(6, ("e", 1, 4), window=(3, 6), place="B"),
    lines(6, *MORNING, ("e", 1, 4)),
]
LATER_TWIN: list[Reading | Step] = [
    lines(3, *MORNING, place="B"),
    lines(8, *MORNING, ("e", 1, 4), ("f", 1, 5), ("z", 1, 6), ("y", 1, 7), ("x", 1, 7)),
]
CROSSED: list[Reading | Step] = [
    said(*DAY0, FOUR, place="B"),
    said(*DAY0, "a2 e1 f1 z1"),
    said("ventas", 0, 13, FOUR),
    said("ventas", 0, 14, "a2 e1 f1 z1", place="B"),
    said("ventas", 0, 15, FOUR),
    said("ventas", 0, 16, "a2 e1 f1 z1", place="B"),
]
"""Each has the other's day: both are held back, then each hears that the other wants what it has."""
TAKEN_BACK: list[Reading | Step] = [
    said(*DAY0, FOUR, place="B"),
    said("ventas", 0, 13, FOUR),
    said("ventas", 0, 14, "a2 e1 f1 z1", place="B"),
    said("ventas", 0, 15, FOUR),
    said("ventas", 0, 16, "a2 e1 f1 z1", place="B"),
]
"""B answers as A does, and is closed so; then as itself: each is held back once, then both are what they are."""
