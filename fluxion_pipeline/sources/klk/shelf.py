"""Rows that came of an answer, kept on the disk while the rest of it is read.

Before this: ``judged``, which puts them down piece by piece; after it: landing, which reads them from where
they lie. A single piece stays in memory: an ordinary answer is one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import pyarrow as pa


class Shelf:
    """Tables of one schema, one after the other."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        """Nothing is written yet; ``folder`` is where answers lie."""
        self._folder, self._schema = folder, schema
        self._only: pa.Table | None = None
        self._path: Path | None = None
        self._writer: pa.ipc.RecordBatchFileWriter | None = None

    def __enter__(self) -> Shelf:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._writer is not None:
            with suppress(OSError, pa.ArrowException):
                self._writer.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def put(self, table: pa.Table) -> None:
        """Add a table.

        Raises:
            OSError: if the disk doesn't take it.
        """
        if self._only is None and self._writer is None:
            self._only = table
            return
        if self._writer is None:
            with tempfile.NamedTemporaryFile(dir=self._folder, prefix="answer-", suffix=".arrow", delete=False) as file:
                self._path = Path(file.name)
            self._writer = pa.ipc.new_file(str(self._path), self._schema)
            first, self._only = self._only, None
            self.put(first)
        self._writer.write_table(table)

    def taken(self) -> pa.Table:
        """All of them as one. What lies on the disk is mapped, not read; the file goes when nobody holds the table any more."""
        if self._writer is None or self._path is None:
            return self._schema.empty_table() if self._only is None else self._only
        self._writer.close()
        table = pa.ipc.open_file(pa.memory_map(str(self._path))).read_all()
        self._writer = None
        self._path.unlink()
        return table


def filtered(folder: Path, table: pa.Table, masks: Iterable[pa.Array], more: pa.Table | None = None) -> pa.Table:
    """A table's rows that a mask keeps, batch by batch, and those of another one behind them.

    Args:
        folder: where the rows that stay are put, if they are many.
        table: what to choose from.
        masks: for each of its batches which rows stay.
        more: rows to add, of the same schema.
    """
    with Shelf(folder, table.schema) as shelf:
        for batch, mask in zip(table.to_batches(), masks, strict=True):
            shelf.put(pa.Table.from_batches([batch.filter(mask)]))
        if more is not None:
            shelf.put(more)
        return shelf.taken()
