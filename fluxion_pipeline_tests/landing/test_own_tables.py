"""What a user's frame replaces: the whole table or what it covers, nothing where nothing is new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest

from fluxion_pipeline.contracts.own_tables import I, OwnTable, T, declare
from fluxion_pipeline.errors import ContractError, OutboxError
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.landing.own_tables import OwnLanding, Rows, land_rows
from fluxion_pipeline.landing.past import image_rows
from fluxion_pipeline.landing.tables import compared_tables, landed_tables, own_tables, table_of
from fluxion_pipeline.settings import Settings

COLUMNS = {"lugar": T, "codigo": T, "n": I}
SLICED = declare("mia", columns=COLUMNS, key=["lugar", "codigo"], slice_by=["lugar"])
WHOLE = declare("entera", columns=COLUMNS, key=["codigo"])
EXTENDED = declare("mia", columns={**COLUMNS, "nota": T}, key=["lugar", "codigo"], slice_by=["lugar"])


@pytest.fixture
def outbox(duck_settings: Settings) -> Outbox:
    return Outbox(duck_settings.home).open()


def frame(*rows: tuple[Any, ...]) -> pd.DataFrame:
    names = [*COLUMNS, "nota"][: len(rows[0])] if rows else list(COLUMNS)
    return pd.DataFrame(rows, columns=names)


def land(outbox: Outbox, table: OwnTable, *rows: tuple[Any, ...], covers: Sequence[Any] | None = None, empty: bool = False) -> OwnLanding:
    return land_rows(outbox, table, Rows(frame(*rows), covers, empty))


def images(outbox: Outbox, table: OwnTable) -> dict[str, tuple[int, list[Any]]]:
    """Slice → version and rows of its newest image."""
    names = [name for name, _ in table.columns]
    found = outbox.index.images(table.place, table.name)
    return {i.slice: (i.version, sorted(tuple(r.get(n) for n in names) for r in image_rows(i).to_pylist())) for i in found}


A, B, B2 = ("A", "1", 1), ("B", "1", 2), ("B", "2", 3)


def test_a_plain_frame_is_the_whole_table(outbox: Outbox) -> None:
    assert land(outbox, SLICED, A, B, B2) == OwnLanding("mia", "tabla:mia-1", covered=2, changed=2, rows=3)
    assert images(outbox, SLICED) == {"A": (1, [A]), "B": (1, [B, B2])}
    assert land(outbox, SLICED, A, ("C", "1", 9)) == OwnLanding("mia", "tabla:mia-2", covered=3, changed=2, rows=2)
    assert images(outbox, SLICED) == {"A": (1, [A]), "B": (2, []), "C": (2, [("C", "1", 9)])}


def test_a_table_without_slices_is_one(outbox: Outbox) -> None:
    land(outbox, WHOLE, A, B2)
    assert images(outbox, WHOLE) == {"*": (1, [A, B2])}
    land(outbox, WHOLE, B2)
    assert images(outbox, WHOLE) == {"*": (2, [B2])}


def test_what_is_not_covered_stays_and_what_is_covered_without_rows_becomes_empty(outbox: Outbox) -> None:
    land(outbox, SLICED, A, B, B2)
    assert land(outbox, SLICED, B2, covers=["B"]).changed == 1
    assert images(outbox, SLICED) == {"A": (1, [A]), "B": (2, [B2])}
    land(outbox, SLICED, covers=["A", ("Z",)])
    assert images(outbox, SLICED) == {"A": (3, []), "B": (2, [B2]), "Z": (3, [])}


def test_rows_of_slices_that_are_not_covered_land_nothing(outbox: Outbox) -> None:
    with pytest.raises(ContractError, match="has 2 rows of slices that it doesn't cover: B"):
        land(outbox, SLICED, A, B, B2, covers=["A"])
    assert (images(outbox, SLICED), own_tables(outbox.home)) == ({}, {})


def test_a_table_without_slices_covers_none(outbox: Outbox) -> None:
    with pytest.raises(ContractError, match="«entera» has no slices"):
        land(outbox, WHOLE, A, covers=["A"])


@pytest.mark.parametrize("table", [SLICED, WHOLE], ids=["sliced", "whole"])
def test_the_same_rows_in_any_order_land_no_lote(outbox: Outbox, table: OwnTable) -> None:
    rows = [A, ("B", "3", 2), B2]
    land(outbox, table, *rows)
    assert land(outbox, table, *reversed(rows)).lote_id is None
    assert outbox.index.sequence(table.place) == 1
    assert not list((outbox.place(table.place)).glob("*/*2-*.parquet"))


@pytest.mark.parametrize("table", [SLICED, WHOLE], ids=["sliced", "whole"])
def test_an_empty_frame_where_the_table_has_rows_must_be_meant(outbox: Outbox, table: OwnTable) -> None:
    assert land(outbox, table).rows == 0
    land(outbox, table, A)
    before = images(outbox, table)
    with pytest.raises(ContractError, match=r"is empty, the table has 1 rows → if that is right, return Rows\(frame, empty=True\)"):
        land(outbox, table)
    assert images(outbox, table) == before
    land(outbox, table, empty=True)
    assert {rows == [] for _, rows in images(outbox, table).values()} == {True}
    assert land(outbox, table).lote_id is None


def test_a_contract_is_known_to_whoever_opens_the_home(outbox: Outbox) -> None:
    land(outbox, SLICED, A)
    land(outbox, WHOLE, A)
    assert own_tables(outbox.home) == {"entera": WHOLE, "mia": SLICED}
    assert compared_tables(outbox.home)[-2:] == landed_tables(outbox.home)[-2:] == ("entera", "mia")
    assert table_of(outbox.home, "mia").key == ("lugar", "codigo")
    with pytest.raises(ContractError, match="there is no table «otra» → the tables are: .*entera, mia"):
        table_of(outbox.home, "otra")


def test_another_contract_is_refused_and_says_what_differs(outbox: Outbox) -> None:
    land(outbox, SLICED, A)
    other = declare("mia", columns={**COLUMNS, "n": T}, key=["lugar", "codigo"])
    with pytest.raises(ContractError, match="«mia» landed with another contract: column «n» is T, was I; slice_by is empty, was lugar"):
        land(outbox, other, ("A", "1", "x"))
    assert own_tables(outbox.home) == {"mia": SLICED}


def test_columns_may_be_added_at_the_end_and_what_is_not_covered_lands_nothing(outbox: Outbox) -> None:
    land(outbox, SLICED, A, B, B2)
    assert land(outbox, EXTENDED, (*A, "x"), covers=["A"]).changed == 1
    assert images(outbox, EXTENDED) == {"A": (2, [(*A, "x")]), "B": (1, [(*B, None), (*B2, None)])}
    assert own_tables(outbox.home) == {"mia": EXTENDED}
    assert land(outbox, EXTENDED, (*A, "x"), covers=["A"]).lote_id is None
    with pytest.raises(ContractError, match="column «nota» is gone"):
        land(outbox, SLICED, A, covers=["A"])


def test_an_index_that_is_lost_is_rebuilt_with_users_tables(outbox: Outbox) -> None:
    land(outbox, SLICED, A, B)
    land(outbox, SLICED, B2, covers=["B"])
    before = images(outbox, SLICED)
    outbox.index.discard()
    assert images(Outbox(outbox.home).open(), SLICED) == before


def test_a_contract_file_that_is_none_is_named(outbox: Outbox) -> None:
    land(outbox, SLICED, A)
    (outbox.place(SLICED.place) / "contrato.json").write_text("{}", "utf-8")
    with pytest.raises(OutboxError, match="contrato.json is no contract"):
        own_tables(outbox.home)
