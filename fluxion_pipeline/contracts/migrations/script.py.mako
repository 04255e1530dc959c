"""${message}

A revision is frozen once it was released: it names its columns and types itself (``migrations.ddl``)
and never reads ``contracts.tables``. There is no way back: rows would be lost.
"""

from __future__ import annotations

from fluxion_pipeline.contracts.migrations import ddl

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """${message}"""
    ${upgrades if upgrades else "raise NotImplementedError"}
