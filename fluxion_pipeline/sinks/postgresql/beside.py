"""What a session on PostgreSQL has at its side: an in-memory DuckDB and a folder for what travels, made when they are first needed.

Most sessions look at the ledger and need neither; a DuckDB costs 20 ms of CPU to make.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

import duckdb

from fluxion_pipeline.sinks.duckdb.connect import configure


class Beside(ExitStack):
    """Both are gone at the end of the ``with`` block."""

    def __init__(self, base: Path) -> None:
        """``base``: an existing folder in which the folder is made."""
        super().__init__()
        self._base = base

    @cached_property
    def folder(self) -> Path:
        """An empty folder."""
        return Path(self.enter_context(tempfile.TemporaryDirectory(dir=self._base, prefix="pg-")))

    @cached_property
    def con(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB in memory that may spill into the folder."""
        folder = self.folder
        con = self.enter_context(duckdb.connect(":memory:"))
        configure(con, folder)
        return con
