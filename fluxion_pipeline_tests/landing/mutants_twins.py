"""Each rule of stores that answer as another one, broken once, and a short life that does not survive it: for ``test_mutants``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.landing import digest, doubts, others
from fluxion_pipeline.landing.decide import outcome, reading, stock
from fluxion_pipeline.landing.others import Others
from fluxion_pipeline_tests.landing.mutant import Mutant, never
from fluxion_pipeline_tests.support import landing_twins as twins


def whole_answers_only(self: Others, other: Any, alike: Callable[..., Any] = Others._sold_alike) -> Any:
    return alike(self, other) if other.twin == self._twin else None


def known_to_its_end(self: Others, other: Any, alike: Callable[..., Any] = Others._sold_alike) -> Any:
    return alike(self, replace(other, covered=None))


def without_awaited(r: Any, before: int, zero: bool, twin: Any, _awaited: Any, rule: Callable[..., Any] = outcome.stock_suspicion) -> Any:
    return rule(r, before, zero, twin)


def not_of_another(index: Any, location: str, cut: str) -> Any:
    return doubts.doubts(index, location, cut) if location == "SUC007" else {}


TWINS = {
    "twins are told by whole answers only": Mutant((Others, "_sold_alike"), whole_answers_only, twins.WINDOW_TWIN),
    "another store knows its day to the end": Mutant((Others, "_sold_alike"), known_to_its_end, twins.LATER_TWIN),
    "what another store takes back is still its": Mutant((Others, "_taken_back"), lambda *_a: False, twins.TAKEN_BACK),
    "a store is not believed while it is held back": Mutant((Others, "_claimed"), lambda _self: [], twins.CLAIMED),
    "a stock that most products have tells something": Mutant(
        (digest, "telling"), lambda rows: pc.not_equal(rows.column("stock"), pa.scalar(0, rows.schema.field("stock").type)), twins.UNIFORM
    ),
    "what another store wants back is missed": Mutant((Others, "_evidence"), never, twins.CROSSED),
    "another store's lines are missed": Mutant((Others, "elsewhere"), lambda _self, rows: np.zeros(rows.num_rows, np.bool_), twins.TAKEN_BACK),
    "names on lines tell nothing": Mutant((Others, "_named"), never, twins.NAMED),
    "names on lines tell whose a day is of any server": Mutant((others, "names_tell"), lambda *_a: True, twins.ALL_NAMED_THE_SAME),
    "names on lines always tell": Mutant((others, "names_tell"), lambda *_a: True, twins.ALL_NAMED_ALIKE),
    "who came first is believed": Mutant((Others, "_is_believed"), lambda *_a: False, twins.OWN_NAMES),
    "what stands is its own though another landed it since": Mutant((reading, "_is_anothers"), lambda *_a: False, twins.OVERRULED),
    "a store that was another is believed on the next day": Mutant((Others, "awaited"), None, twins.AWAITED),
    "a store that was another is never believed again": Mutant((doubts, "timedelta"), lambda days: timedelta(9), twins.AWAITED_FAR),
    "a store's own names are not believed": Mutant((Others, "_near"), lambda self: sorted(self._doubts), twins.AWAITED_UNDER_OWN_NAMES),
    "a store in doubt is waited for": Mutant((others, "doubts"), not_of_another, twins.AWAITED_IN_VAIN),
    "days near by tell nothing": Mutant((others, "doubts"), lambda *_a: {}, twins.BELIEVED),
    "who was overruled is in no doubt": Mutant((doubts, "_overruled"), lambda *_a: (), twins.ACCEPTED),
    "the stock of a store that was another is believed": Mutant((stock, "stock_suspicion"), without_awaited, twins.AWAITED_STOCK),
    "sales tell nothing of stock": Mutant((Others, "_doubts"), {}, twins.DOUBTED_STOCK),
    "a store that goes on as it was is a twin": Mutant((Others, "_goes_on"), lambda _self: False, twins.GOES_ON),
    "another store's stock is met at the same tick only": Mutant((Others, "_stocks"), lambda _self: [], twins.STOCK_BEFORE),
    "twins are not met": Mutant((Others, "twin"), None, twins.TWINS),
}
