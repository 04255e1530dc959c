"""Which business days have a sales key: an index beside the images, of one location.

It only tells in which days' images to look: keys are kept as 64-bit hashes, and who owns a key is
decided from the rows themselves. It is rebuilt from the newest images, day by day.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.landing.decide.merge import key_column
from fluxion_pipeline.landing.digest import halves
from fluxion_pipeline.landing.sqlite import Database
from fluxion_pipeline.sources.protocol import ROW_KEYS

PIECE = 1 << 14
"""Keys that are hashed at once."""

_TELLING, _TOGETHER = 24, 10
"""Bits of a hash that tell keys of one invoice apart; bits of an invoice's number that share a piece of the index."""

_DDL = """
DROP TABLE IF EXISTS claves;
DROP TABLE IF EXISTS dias;
CREATE TABLE IF NOT EXISTS tramos (tramo INTEGER, dia TEXT, claves BLOB NOT NULL, PRIMARY KEY (tramo, dia)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tramos_dia ON tramos (dia);
CREATE TABLE IF NOT EXISTS puestos (dia TEXT PRIMARY KEY, lote INTEGER NOT NULL) WITHOUT ROWID;
"""
"""The first two are of before: a row for each key, at ten times the cost."""

Hashes = np.ndarray[Any, np.dtype[np.int64]]


def hashes(keys: pa.Table) -> Hashes:
    """Signed 64-bit hashes of rows' sales keys (the columns of ``ROW_KEYS``), ascending; the same on every version and machine.

    The digits at the end of the invoice's number lead, 24 bits of a hash of the whole key follow: a store's invoices
    are numbered on, so that the keys of a day lie in few pieces of the index, which few other days have.
    """
    found = [np.empty(0, np.int64)]
    for batch in keys.to_batches(max_chunksize=PIECE):  # a day's texts at once would weigh more than its rows
        piece = pa.Table.from_batches([batch])
        ends = pc.struct_field(pc.extract_regex(piece.column(ROW_KEYS[Fact.VENTAS][0]), r"(?P<n>[0-9]{1,11})$"), 0)
        lead = pc.fill_null(ends.cast(pa.int64()), 0).to_numpy()
        found.append(lead << _TELLING | halves(key_column(Fact.VENTAS, piece)) & ((1 << _TELLING) - 1))
    return np.sort(np.concatenate(found))


class KeyIndex:
    """One location's keys, in SQLite."""

    def __init__(self, path: Path) -> None:
        """Remember where it is."""
        self._database = Database(path, _DDL)
        self._last: tuple[pa.Table, Hashes] | None = None

    def close(self) -> None:
        """Close this thread's connection."""
        self._database.close()

    def _hashed(self, keys: pa.Table) -> Hashes:
        """The keys' hashes; a day that was just looked up is the one that is indexed next."""
        last = self._last
        if last is None or not last[0].equals(keys):
            self._last = last = (keys, hashes(keys))
        return last[1]

    def days(self, keys: pa.Table) -> tuple[str, ...]:
        """The days that have any of the keys, ascending."""
        found: set[str] = set()
        with self._database.open() as db:
            for piece, wanted in _pieces(self._hashed(keys)).items():
                for day, held in db.execute("SELECT dia, claves FROM tramos WHERE tramo = ?", (piece,)):
                    if day not in found and np.isin(wanted, np.frombuffer(held, "<i8")).any():
                        found.add(day)
        return tuple(sorted(found))

    def upto(self) -> int:
        """The newest lote whose days are all indexed; 0 if there is none."""
        with self._database.open() as db:
            return int(db.execute("SELECT coalesce(max(lote), 0) FROM puestos").fetchone()[0])

    def replace(self, days: Mapping[str, pa.Table], lote: int) -> None:
        """Make each day's keys those of its image, all in one transaction."""
        with self._database.open(write=True) as db:
            for day, keys in days.items():
                wanted = {piece: part.astype("<i8").tobytes() for piece, part in _pieces(self._hashed(keys)).items()}
                held = dict(db.execute("SELECT tramo, claves FROM tramos WHERE dia = ?", (day,)).fetchall())
                db.executemany("DELETE FROM tramos WHERE tramo = ? AND dia = ?", [(piece, day) for piece in held.keys() - wanted.keys()])
                fresh = [(piece, day, part) for piece, part in wanted.items() if held.get(piece) != part]
                db.executemany("INSERT OR REPLACE INTO tramos VALUES (?, ?, ?)", fresh)
                db.execute("INSERT OR REPLACE INTO puestos VALUES (?, ?)", (day, lote))


def _pieces(found: Hashes) -> dict[int, Hashes]:
    """Hashes by the piece of the index that they belong to."""
    places = found >> (_TELLING + _TOGETHER)
    numbers, starts = np.unique(places, return_index=True)
    return dict(zip(numbers.tolist(), np.split(found, starts[1:]), strict=True)) if found.size else {}
