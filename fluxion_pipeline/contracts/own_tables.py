"""Users' own tables: the contract that a user declares, checked once, with the types of our own tables.

Lives here: the declaration, its JSON, what may change in it. Doesn't live here: a DataFrame's values
(``contracts.own_rows``), where contracts are kept (``landing.tables``), the DDL (``sinks.own_tables``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from fluxion_pipeline.contracts import columns as types
from fluxion_pipeline.contracts.outcomes import Word
from fluxion_pipeline.contracts.tables import TableSpec, metadata
from fluxion_pipeline.errors import ContractError

__all__ = ["B", "D", "I", "N", "T", "Z", "Kind", "OwnTable", "declare"]

METADATA_KEY = "fluxion/tabla"
"""Under which an asset's metadata carries its contract."""

PLACE = "tabla:"
"""Before a table's name it is the pseudo-location whose landing owns the table."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
_TAKEN = re.compile(r"(pg|fluxion|parity|lotes|alembic)_.*|stock_en|(ventas|inventario_historico)_y\d+m\d+")
_NO_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid", "created_at", "updated_at", "filename", "slice", "file"})
"""Names that PostgreSQL, or the way of a row to a sink, has for itself."""


class Kind(Word):
    """The type of a column, by the letters that the documents use."""

    TEXT = "T"
    NUMBER = "N"
    INSTANT = "Z"
    DAY = "D"
    BOOLEAN = "B"
    INTEGER = "I"


T, N, Z, D, B, I = Kind.TEXT, Kind.NUMBER, Kind.INSTANT, Kind.DAY, Kind.BOOLEAN, Kind.INTEGER  # noqa: E741 the letter of the interface

_SQL: dict[Kind, Any] = {T: types.T, N: types.N, Z: types.Z, D: types.D, B: types.B, I: types.I}


@dataclass(frozen=True)
class OwnTable:
    """The contract of a user's table; made by ``declare``.

    Attributes:
        name: the table's name on both engines.
        columns: names and types, in the table's order.
        key: the columns that identify a row.
        required: further columns that are never NULL.
        slice_by: the columns whose values name a slice; empty: the whole table is one.
    """

    name: str
    columns: tuple[tuple[str, Kind], ...]
    key: tuple[str, ...]
    required: tuple[str, ...] = ()
    slice_by: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The pseudo-location whose landing owns the table."""
        return PLACE + self.name

    @property
    def kinds(self) -> dict[str, Kind]:
        """The type of each column."""
        return dict(self.columns)

    @property
    def metadata(self) -> dict[str, Any]:
        """What an asset's ``metadata`` needs, so that an IO manager knows the contract."""
        return {METADATA_KEY: json.loads(self.to_json())}

    @cached_property
    def spec(self) -> TableSpec:
        """The table as every stage sees tables."""
        made = [
            sa.Column(name, _SQL[kind], primary_key=name in self.key, nullable=name not in (*self.key, *self.required), autoincrement=False)
            for name, kind in self.columns
        ]
        table = sa.Table(self.name, sa.MetaData(), *made, comment="A table of a user's own.")
        return TableSpec(self.name, self.slice_by, self.key, own=table)

    def to_json(self) -> str:
        """The contract as one line of JSON."""
        kinds = {name: kind.value for name, kind in self.columns}
        return json.dumps({"name": self.name, "columns": kinds, "key": self.key, "required": self.required, "slice_by": self.slice_by})

    @classmethod
    def from_json(cls, text: str) -> OwnTable:
        """The contract of ``to_json``'s text.

        Raises:
            ContractError: if it is none.
        """
        try:
            data = json.loads(text)
            return declare(**data)
        except (ValueError, TypeError, AttributeError) as error:
            raise ContractError(f"«{text[:80]}» is no contract of a table: {error}", "declare it with contracts.own_tables.declare") from error

    def differences(self, before: OwnTable) -> tuple[str, ...]:
        """What is declared otherwise than before, each in a few words; columns added at the end included."""
        found = []
        mine, theirs = self.kinds, before.kinds
        found += [f"column «{n}» is gone" for n in theirs if n not in mine]
        found += [f"column «{n}» is new" for n in mine if n not in theirs]
        found += [f"column «{n}» is {mine[n]}, was {theirs[n]}" for n in mine if n in theirs and mine[n] is not theirs[n]]
        if not found and self.columns != before.columns:
            found.append(f"the columns are in another order, it was {', '.join(theirs)}")
        for what in ("key", "required", "slice_by"):
            now, then = getattr(self, what), getattr(before, what)
            if now != then:
                found.append(f"{what} is {', '.join(now) or 'empty'}, was {', '.join(then) or 'empty'}")
        return tuple(found)

    def extends(self, before: OwnTable) -> bool:
        """Whether all that is new are columns at the end that may be NULL."""
        same = (self.name, self.key, self.required, self.slice_by) == (before.name, before.key, before.required, before.slice_by)
        return same and self.columns[: len(before.columns)] == before.columns


def declare(
    name: str, *, columns: Mapping[str, Kind | str], key: Sequence[str], required: Sequence[str] = (), slice_by: Sequence[str] | None = None
) -> OwnTable:
    """Declare a table.

    Args:
        name: lower case letters, digits and ``_``; none of the pipeline's own tables.
        columns: name → ``T`` text, ``N`` NUMERIC(18,4), ``Z`` instant, ``D`` date, ``B`` boolean, ``I`` integer.
        key: the columns that identify a row; they are never NULL.
        required: further columns that are never NULL.
        slice_by: columns of the key, text or dates, whose values name the slices that an asset may replace
            alone; without any the whole table is one slice.

    Raises:
        ContractError: saying which of these isn't so.
    """
    _check_name(name)
    kinds = {column: _kind(name, column, kind) for column, kind in columns.items()}
    for what, names in (("key", key), ("required", required), ("slice_by", slice_by or ())):
        _check_names(name, what, names, kinds)
    if not key:
        raise ContractError(f"table «{name}» has no key", "name the columns that identify a row: key=[…]")
    table = OwnTable(name, tuple(kinds.items()), tuple(key), tuple(sorted(set(required) - set(key))), tuple(slice_by or ()))
    for column in table.slice_by:
        if column not in key:
            raise ContractError(f"slice column «{column}» of «{name}» is not in its key", "a key must stand in one slice only: put the column into key")
        if kinds[column] not in (T, D):
            raise ContractError(f"slice column «{column}» of «{name}» is {kinds[column]}", "slices are named by text (T) or dates (D)")
    return table


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ContractError(f"«{name}» can't be a table's name", "use lower case letters, digits and _, beginning with a letter, at most 50")
    if name in metadata.tables or _TAKEN.fullmatch(name):
        raise ContractError(f"«{name}» is a name that the pipeline keeps for its own tables", "choose another name")


def _kind(table: str, column: str, kind: Kind | str) -> Kind:
    if not _NAME.fullmatch(column) or column in _NO_COLUMNS:
        reserved = ", ".join(sorted(_NO_COLUMNS))
        raise ContractError(f"«{column}» can't be a column of «{table}»", f"use lower case letters, digits and _, at most 50, and none of {reserved}")
    try:
        return Kind(kind)
    except ValueError:
        raise ContractError(f"column «{column}» of «{table}» has the type «{kind}»", f"the types are: {', '.join(k.value for k in Kind)}") from None


def _check_names(table: str, what: str, names: Sequence[str], kinds: Mapping[str, Kind]) -> None:
    if isinstance(names, str):
        raise ContractError(f"{what} of «{table}» is one text, «{names}»", f"give a list: {what}=[{names!r}]")
    wrong = next((n for n in names if n not in kinds), None)
    if wrong is not None:
        raise ContractError(f"{what} of «{table}» names «{wrong}», which is none of its columns", f"its columns are: {', '.join(kinds)}")
    if len(set(names)) < len(names):
        raise ContractError(f"{what} of «{table}» names a column twice", "name each once")
