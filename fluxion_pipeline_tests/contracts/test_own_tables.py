"""Users' contracts: what may be declared, what may change, and that JSON keeps all of it."""

from __future__ import annotations

from typing import Any

import pytest

from fluxion_pipeline.contracts.own_tables import B, D, I, N, OwnTable, T, Z, declare
from fluxion_pipeline.contracts.tables import SPECS
from fluxion_pipeline.errors import ContractError

COLUMNS = {"lugar": T, "dia": D, "n": N, "cuando": Z, "si": B, "cuantos": I}


def declared(**more: Any) -> OwnTable:
    return declare(**{"name": "mia", "columns": COLUMNS, "key": ["lugar", "dia"], "required": ["n"], "slice_by": ["dia"], **more})


def test_a_contract_is_a_table_as_every_stage_sees_tables() -> None:
    spec = declared().spec
    assert (spec.name, spec.key, spec.slice_columns, spec.columns) == ("mia", ("lugar", "dia"), ("dia",), tuple(COLUMNS))
    assert (spec.physical_key, spec.values) == (("lugar", "dia"), ("n", "cuando", "si", "cuantos"))
    assert [c.name for c in spec.table.columns if not c.nullable] == ["lugar", "dia", "n"]
    assert "mia" not in SPECS


def test_json_keeps_a_contract() -> None:
    for table in (declared(), declared(slice_by=None, required=[])):
        assert OwnTable.from_json(table.to_json()) == table


def test_types_may_be_given_by_their_letters() -> None:
    assert declared(columns={name: kind.value for name, kind in COLUMNS.items()}) == declared()


@pytest.mark.parametrize("name", ["Mia", "1a", "", "a b", "a" * 51, "ventas", "lotes_aplicados", "pg_x", "fluxion_x", "ventas_y2026m01", "stock_en", "año"])
def test_a_table_has_a_name_that_both_engines_and_the_pipeline_leave_free(name: str) -> None:
    with pytest.raises(ContractError, match="name"):
        declared(name=name)


@pytest.mark.parametrize("name", ["Dia", "xmin", "created_at", "updated_at", "filename", "slice", "file", "_x"])
def test_a_column_has_a_name_that_nothing_on_its_way_uses(name: str) -> None:
    with pytest.raises(ContractError, match=f"«{name}» can't be a column"):
        declared(columns={**COLUMNS, name: T})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"key": []}, "has no key"),
        ({"key": ["otra"]}, "key of «mia» names «otra», which is none of its columns → its columns are: lugar, dia"),
        ({"key": ["lugar", "dia", "lugar"]}, "names a column twice"),
        ({"key": "lugar"}, "give a list"),
        ({"required": ["otra"]}, "required of «mia» names «otra»"),
        ({"key": ["lugar"]}, "slice column «dia» of «mia» is not in its key"),
        ({"key": ["dia", "n"], "slice_by": ["n"]}, "slice column «n» of «mia» is N → slices are named by text"),
        ({"columns": {**COLUMNS, "x": "FLOAT"}}, "has the type «FLOAT» → the types are: T, N, Z, D, B, I"),
    ],
)
def test_what_can_not_be_declared_says_why(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ContractError, match=said):
        declared(**given)


def test_only_columns_at_the_end_that_may_be_null_extend_a_contract() -> None:
    before = declared()
    assert declared(columns={**COLUMNS, "nota": T}).extends(before)
    assert before.extends(before)
    others = [
        declared(columns={"nota": T, **COLUMNS}),
        declared(columns={**COLUMNS, "nota": T}, required=["n", "nota"]),
        declared(columns={**COLUMNS, "n": I}),
        declared(columns={k: v for k, v in COLUMNS.items() if k != "si"}),
        declared(key=["dia", "lugar"]),
        declared(slice_by=None),
    ]
    assert [table.extends(before) for table in others] == [False] * len(others)
    assert all(table.differences(before) for table in others)


def test_a_changed_contract_tells_what_differs() -> None:
    changed = declared(columns={"lugar": T, "dia": D, "n": I, "nota": T}, key=["dia"])
    assert changed.differences(declared()) == (
        "column «cuando» is gone",
        "column «si» is gone",
        "column «cuantos» is gone",
        "column «nota» is new",
        "column «n» is I, was N",
        "key is dia, was lugar, dia",
    )
    assert declared(columns=dict(reversed(COLUMNS.items()))).differences(declared()) == (
        "the columns are in another order, it was lugar, dia, n, cuando, si, cuantos",
    )
