"""Short lives in which one place says what another one has, or seems to."""

from __future__ import annotations

from fluxion_pipeline_tests.support.landing_lives import Step
from fluxion_pipeline_tests.support.landing_terms import Reading
from fluxion_pipeline_tests.support.landing_words import lines, said

FOUR, DAY0 = "a1 b1 c1 d1", ("ventas", 0, 12)
TWINS: list[Reading | Step] = [said("stock", 1, 1, FOUR, place="B"), said("stock", 1, 2, FOUR)]
MANY = "a1 b2 c3 d4"
GOES_ON: list[Reading | Step] = [said("stock", 1, 1, MANY), said("stock", 2, 2, MANY, place="B"), said("stock", 3, 3, MANY)]
UNIFORM: list[Reading | Step] = [said("stock", 1, 1, "a7 b7 c7 d7 e1", place="B"), said("stock", 1, 2, "a2 b3 c4 d5 e6"), said("stock", 3, 3, "a7 b7 c7 d7 e1")]
STOCK_BEFORE: list[Reading | Step] = [said("stock", 1, 1, MANY, place="B"), said("stock", 1, 2, "a5 b6 c7 d8"), said("stock", 3, 3, MANY)]
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
CLAIMED: list[Reading | Step] = [
    said(*DAY0, FOUR, place="B"),
    said("ventas", 0, 13, FOUR),
    said("ventas", 0, 14, "a2 e1 f1 z1", place="B"),
]
"""B answered as A does, and is closed so; A, held back, says the same, and B something else at last."""
CROSSED: list[Reading | Step] = [
    said(*DAY0, FOUR, place="B"),
    said(*DAY0, "a2 e1 f1 z1"),
    said("ventas", 0, 13, FOUR),
    said("ventas", 0, 14, "a2 e1 f1 z1", place="B"),
    said("ventas", 0, 15, FOUR),
]
"""Each has the other's day: one is held back, the other believes it, and then both are what they are."""
TAKEN_BACK: list[Reading | Step] = [
    said(*DAY0, FOUR, place="B"),
    said("ventas", 0, 13, "a2 e1 f1 z1", place="B"),
    said("ventas", 0, 14, FOUR),
    said("ventas", 0, 15, "a2 e1 f1 z1", place="B"),
]
"""B answered as A does while A was away, and is closed so; then it is held back as itself, until A has its own."""

OTHERS = "e1 f1 x1 y1"
NAMED: list[Reading | Step] = [said(*DAY0, "x1", place="C", names="C"), said(*DAY0, FOUR, place="B", names="A")]
"""B's lines name A, of which nothing is known; that C's name C tells that names are worth something."""
ALL_NAMED_ALIKE: list[Reading | Step] = [said(*DAY0, OTHERS, names="A"), said(*DAY0, FOUR, place="B", names="A")]
"""A server that names everybody's lines after one store."""
FIRST_AS_ANOTHER: list[Reading | Step] = [said(*DAY0, FOUR, place="B", names="A"), said(*DAY0, "x1", place="C", names="C")]
"""B answers as A and comes first, when nothing tells yet that names are worth something."""
OWN_NAMES: list[Reading | Step] = [*FIRST_AS_ANOTHER, said("ventas", 0, 13, FOUR, names="A")]
"""A says the same, and it is A's that the lines name."""
ALL_NAMED_THE_SAME: list[Reading | Step] = [FIRST_AS_ANOTHER[0], said("ventas", 0, 13, FOUR, names="A")]
"""As before, of a server that names everybody's lines after one store: who came first is believed."""
OVERRULED: list[Reading | Step] = [*OWN_NAMES, said("ventas", 0, 14, FOUR, place="B", names="A")]
TOLD: list[Reading | Step] = [said(*DAY0, FOUR), said("ventas", 0, 13, FOUR, place="B")]
"""B answers as A does, and is told so."""
EMPTIED: list[Reading | Step] = [said(*DAY0, "a1"), said(*DAY0, "a1", place="B"), said("ventas", 0, 13)]
"""All that A had stands at B, too; now A has nothing."""
AWAITED: list[Reading | Step] = [*TOLD, said("ventas", 1, 22, OTHERS, place="B")]
"""The next day is B's first: it may be A's again."""
AWAITED_FAR: list[Reading | Step] = [*TOLD, said("ventas", 2, 32, OTHERS, place="B")]
AWAITED_UNDER_OWN_NAMES: list[Reading | Step] = [*NAMED, said("ventas", 1, 22, OTHERS, place="B", names="B")]
"""What B answered as A could be told by its names: what names B is its own."""
AWAITED_IN_VAIN: list[Reading | Step] = [
    *TOLD,
    said("ventas", 1, 23, OTHERS, place="C"),
    said("ventas", 1, 24, OTHERS),
    said("ventas", 1, 25, "a2 b2 c2 d2", place="B"),
]
"""A, as which B answered, is in doubt itself by now."""
BELIEVED: list[Reading | Step] = [said("ventas", 1, 11, OTHERS, place="B"), *TOLD, said("ventas", 1, 22, OTHERS)]
"""B came first with what A says, too, but near that day B was told to answer as A."""
ACCEPTED: list[Reading | Step] = [*TOLD, said("ventas", 0, 13, FOUR, place="B", provenance="accept"), said("ventas", 1, 22, OTHERS)]
"""A person says that it is A that answers as B; of the next day B isn't known."""
DOUBTED_STOCK: list[Reading | Step] = [
    said("stock", 1, 1, MANY, place="B"),
    *TOLD,
    said("stock", 11, 14, MANY),
    said("stock", 14, 15, MANY, place="B"),
]
"""B had A's stock from the first; its sales tell that it answers as A."""
AWAITED_STOCK: list[Reading | Step] = [*TOLD, said("stock", 11, 14, MANY, place="B")]
"""B's sales were A's, and of A no stock is known."""
