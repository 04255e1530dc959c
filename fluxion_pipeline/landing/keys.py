"""Which business days have a sales key: an index beside the images, of one location.

It only tells in which days' images to look: keys are kept as 64-bit hashes, and who owns a key is
decided from the rows themselves. It is rebuilt from the newest images, day by day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.landing.decide.merge import key_column
from fluxion_pipeline.landing.sqlite import Database
from fluxion_pipeline.sources.protocol import ROW_KEYS

PIECE = 1 << 14
"""Keys that are hashed at once."""

_DDL = """
CREATE TABLE IF NOT EXISTS claves (clave INTEGER, dia TEXT, PRIMARY KEY (clave, dia)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS claves_dia ON claves (dia);
CREATE TABLE IF NOT EXISTS dias (dia TEXT PRIMARY KEY, lote INTEGER NOT NULL) WITHOUT ROWID;
"""


def hashes(keys: pa.Table) -> list[int]:
    """Signed 64-bit hashes of rows' sales keys (the columns of ``ROW_KEYS``), ascending; the same on every version and machine.

    The last digits of the invoice's number lead, 24 bits of a hash of the whole key follow: a store's invoices
    are numbered on, so that the keys of a day lie on neighbouring pages, however many days there are.
    """
    found: list[int] = []
    for batch in keys.to_batches(max_chunksize=PIECE):  # a day's texts as Python's would weigh more than its rows
        piece = pa.Table.from_batches([batch])
        numbers = piece.column(ROW_KEYS[Fact.VENTAS][0]).to_pylist()
        texts = key_column(Fact.VENTAS, piece).to_pylist()
        found += (_leading(n) << 24 | int.from_bytes(hashlib.blake2b(t.encode(), digest_size=3).digest(), "big") for n, t in zip(numbers, texts, strict=True))
    return sorted(found)


def _leading(number: str) -> int:
    digits = number[-11:]
    return int(digits) % (1 << 39) if digits.isdecimal() else 0


class KeyIndex:
    """One location's keys, in SQLite."""

    def __init__(self, path: Path) -> None:
        """Remember where it is."""
        self._database = Database(path, _DDL)
        self._last: tuple[pa.Table, list[int]] | None = None

    def close(self) -> None:
        """Close this thread's connection."""
        self._database.close()

    def _hashed(self, keys: pa.Table) -> list[int]:
        """The keys' hashes; a day that was just looked up is the one that is indexed next."""
        last = self._last
        if last is None or not last[0].equals(keys):
            self._last = last = (keys, hashes(keys))
        return last[1]

    def days(self, keys: pa.Table) -> tuple[str, ...]:
        """The days that have any of the keys, ascending."""
        if not keys.num_rows:
            return ()
        with self._database.open(write=True) as db:
            db.execute("CREATE TEMP TABLE IF NOT EXISTS busca (clave INTEGER)")
            db.execute("DELETE FROM temp.busca")
            db.executemany("INSERT INTO busca VALUES (?)", ((h,) for h in self._hashed(keys)))
            # CROSS: SQLite would rather read all keys there are, and look each up among the few.
            return tuple(r[0] for r in db.execute("SELECT DISTINCT dia FROM busca CROSS JOIN claves USING (clave) ORDER BY dia"))

    def upto(self) -> int:
        """The newest lote whose days are all indexed; 0 if there is none."""
        with self._database.open() as db:
            return int(db.execute("SELECT coalesce(max(lote), 0) FROM dias").fetchone()[0])

    def replace(self, days: Mapping[str, pa.Table], lote: int) -> None:
        """Make each day's keys those of its image, all in one transaction."""
        with self._database.open(write=True) as db:
            for day, keys in days.items():
                wanted = set(self._hashed(keys))
                held = {r[0] for r in db.execute("SELECT clave FROM claves WHERE dia = ?", (day,))}
                db.executemany("DELETE FROM claves WHERE clave = ? AND dia = ?", ((h, day) for h in held - wanted))
                db.executemany("INSERT INTO claves VALUES (?, ?)", ((h, day) for h in sorted(wanted - held)))
                db.execute("INSERT OR REPLACE INTO dias VALUES (?, ?)", (day, lote))
