"""Room in each page of the stock for the rows that a tick changes, so that their index entries stay as they are.

A tick changes a few percent of the rows, and no indexed column: where the new row fits into its
page, PostgreSQL touches no index. Pages that are full keep what they are until they are written anew.
"""

from __future__ import annotations

from fluxion_pipeline.contracts.migrations import ddl

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Leave a tenth of each page free on PostgreSQL; nothing on DuckDB."""
    ddl.leave_room("inventario_actual", 90)
