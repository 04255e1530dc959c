"""What a life of the machine is drawn from: readings, frames, catalogues, and how often which of them."""

from __future__ import annotations

from hypothesis import strategies as st

from fluxion_pipeline.contracts.outcomes import Mode, SinkName
from fluxion_pipeline_tests.support import landing_lives
from fluxion_pipeline_tests.support.chain_own import WRONGS
from fluxion_pipeline_tests.support.landing_lives import DAYS, TICKS
from fluxion_pipeline_tests.support.landing_terms import Reading
from fluxion_pipeline_tests.support.own_model import Frame
from fluxion_pipeline_tests.support.star_model import Catalogue


def readings(places: str = "AAABC") -> st.SearchStrategy[Reading]:
    """Readings whose instant is given later."""
    sold = landing_lives.readings(0, "ventas", DAYS, "abcd", places)
    counted = landing_lives.readings(0, "stock", TICKS, "abcd", places)
    return st.one_of(sold, counted)


SINKS = st.sampled_from(list(SinkName))
MODES = st.sampled_from(list(Mode))
LATER = st.integers(0, 5)
"""Hours until it comes; 0: a late one, read long ago."""
NTH = st.integers(1, 45)
OFTEN = ("ventas", "inventario_actual", "mia")
"""The tables of which the next lote probably says something again."""
SPOILT = ("ventas", "ventas", "inventario_actual", "inventario_historico", "inventario_cortes", "cobertura", "rechazos", "rechazos", "mia", "mia", "entera")
"""The tables of which a reading, or a frame, makes the next lote."""
OUT_OF_SIGHT = (("rechazos", "move"), ("rechazos", "move"), ("ventas", "drop"), ("inventario_actual", "drop"))
"""What an edit leaves no trace of in the rows that its slice still has."""
SOME = st.sampled_from([[SinkName.DUCKDB], [SinkName.POSTGRESQL], list(SinkName)])
PRODUCTS = st.sets(st.tuples(st.sampled_from(["0001", "000a", "000b", "000y"]), st.integers(1, 2)), max_size=3)
CATALOGUES = st.builds(
    Catalogue,
    read_at=st.just(0),
    products=PRODUCTS.map(lambda found: frozenset(dict(found).items())),
    rejects=st.sampled_from(["", "", "x", "xyz"]).map(frozenset),
    answer=st.sampled_from(["entera", "entera", "entera", "parcial", "inalcanzable"]),
    provenance=st.sampled_from(["normal", "normal", "accept"]),
)

ROWS = st.tuples(st.integers(0, 2), st.sampled_from([None, "x", ""]), st.sampled_from([None, 1, 2]))
"""Of a row of a user's table: its values."""


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """What a user's asset returns: some slices or all, rows of few keys, now and then none, or such as the contract refuses."""
    table = draw(st.sampled_from(["mia", "mia", "entera"]))
    keys = st.tuples(st.sampled_from("XYZ"), st.sampled_from("abc")) if table == "mia" else st.tuples(st.sampled_from("abcd"))
    rows = draw(st.dictionaries(keys, ROWS, max_size=5))
    covers = draw(st.none() | st.frozensets(st.sampled_from("XYZ"), max_size=3)) if table == "mia" or draw(st.integers(0, 9)) == 9 else None
    if covers is not None and draw(st.integers(0, 4)) < 4:
        rows = {key: row for key, row in rows.items() if key[0] in covers}
    wrong = draw(st.sampled_from(["", "", "", "", *WRONGS])) if draw(st.booleans()) else ""
    made = frozenset((*key, *row[: 3 if table == "mia" else 2]) for key, row in rows.items())
    return Frame(table, made, covers, draw(st.booleans()), wrong)


def owed(places: str = "A") -> st.SearchStrategy[Reading | Frame]:
    """What comes right before something happens to a sink."""
    return readings(places) | readings(places) | frames()
