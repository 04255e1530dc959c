"""What columns of the tables are made of: the metadata, the types' letters, the engines' own stamps.

The tables themselves are in ``contract_tables`` and ``operations_tables``; what stages ask of a
table is in ``tables``.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()

T = sa.Text
N = sa.Numeric(18, 4)
Z = sa.DateTime(timezone=True)
D = sa.Date
B = sa.Boolean
I = sa.Integer  # noqa: E741 the letter of the interface


def column(name: str, type_: Any, comment: str, *, key: bool = False, required: bool = False, **more: Any) -> sa.Column[Any]:
    """A column of the contract; keys and required ones are NOT NULL."""
    return sa.Column(name, type_, primary_key=key, nullable=not (key or required), comment=comment, **more)


def stamp(name: str, comment: str) -> sa.Column[Any]:
    """A column that says when a row was written here: one engine's own, never compared."""
    return sa.Column(name, Z, nullable=True, server_default=sa.func.now(), comment=comment, info={"compared": False})


def created() -> sa.Column[Any]:
    """The instant of the insert."""
    return stamp("created_at", "when this engine inserted the row")


def updated() -> sa.Column[Any]:
    """The instant of the last change."""
    return stamp("updated_at", "when this engine last changed the row")
