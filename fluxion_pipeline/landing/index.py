"""The outbox's index: the newest image, reading and attempt of each slice, in SQLite.

Everything here can be rebuilt from the manifests and the log of attempts; it is a cache that makes
landing and convergence cost what changed. It knows nothing of rules.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from fluxion_pipeline.contracts.clock import UTC
from fluxion_pipeline.contracts.outcomes import Fact, Outcome
from fluxion_pipeline.landing.lote import COMPACTED, Manifest, folder
from fluxion_pipeline.landing.sqlite import Database

SCHEMA = 3
_DDL = """
CREATE TABLE IF NOT EXISTS meta (clave TEXT PRIMARY KEY, valor TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lotes (ubicacion TEXT, secuencia INTEGER, escrito_en TEXT, PRIMARY KEY (ubicacion, secuencia)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS registros (ubicacion TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS imagenes (ubicacion TEXT, tabla TEXT, slice TEXT, version INTEGER, filas INTEGER, huella TEXT, archivo TEXT, lote INTEGER,
    PRIMARY KEY (ubicacion, tabla, slice)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS imagenes_version ON imagenes (ubicacion, version);
CREATE INDEX IF NOT EXISTS imagenes_lote ON imagenes (ubicacion, tabla, lote);
CREATE TABLE IF NOT EXISTS vigentes (tabla TEXT, ubicacion TEXT, corte TEXT, gemela TEXT, datos TEXT, PRIMARY KEY (tabla, ubicacion, corte)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS vigentes_gemela ON vigentes (tabla, corte, gemela);
CREATE TABLE IF NOT EXISTS intentos (tabla TEXT, ubicacion TEXT, corte TEXT, intentos INTEGER, verificado_en TEXT, datos TEXT, cambio INTEGER,
    PRIMARY KEY (tabla, ubicacion, corte)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS intentos_cambio ON intentos (cambio);
CREATE TABLE IF NOT EXISTS conocidas (tabla TEXT, ubicacion TEXT, corte TEXT, leido_en TEXT, contenido TEXT,
    PRIMARY KEY (tabla, ubicacion, corte, leido_en, contenido)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS compactas (ubicacion TEXT, secuencia INTEGER, PRIMARY KEY (ubicacion, secuencia)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vistos (codigo TEXT PRIMARY KEY, descripcion TEXT, categoria TEXT, marca TEXT) WITHOUT ROWID;
"""
_IMAGES = "SELECT ubicacion, tabla, slice, version, filas, huella, archivo, lote FROM imagenes WHERE ubicacion = ?"


@dataclass(frozen=True)
class Image:
    """The newest image of a slice, and where its rows are.

    Attributes:
        location: whose landing owns it.
        table: the table.
        slice: the slice's text.
        version: what a sink's ledger holds when it has this image.
        rows: number of applied rows.
        digest: their digest.
        file: absolute path of the Parquet file; its rows of this slice have ``_slice`` = slice.
        lote: secuencia of the lote that wrote the file (never below ``version``).
    """

    location: str
    table: str
    slice: str
    version: int
    rows: int
    digest: str
    file: Path
    lote: int


@dataclass(frozen=True)
class Attempt:
    """One reading as it is remembered: ``data`` is JSON (read_at, outcome, content, source, reason, seconds, origin)."""

    fact: Fact
    location: str
    cut: str
    data: dict[str, Any]

    @property
    def key(self) -> tuple[str, str, str]:
        """Table, location and cut."""
        return self.fact.value, self.location, self.cut


class Index:
    """The SQLite file and what is asked of it. Safe for threads and processes."""

    def __init__(self, path: Path, lotes: Path) -> None:
        """Remember where it is; ``lotes`` is the folder of all locations' lotes."""
        self.path, self.lotes = path, lotes
        self._database = Database(path, _DDL)

    def open(self, *, write: bool = False) -> AbstractContextManager[sqlite3.Connection]:
        """A connection, in one transaction that is committed when the block ends well; see ``Database.open``."""
        return self._database.open(write=write)

    def discard(self) -> None:
        """Delete the file: the next one is empty."""
        self._database.discard()

    # ── what is written ─────────────────────────────────────────────────────────────────────
    def add_lote(self, db: sqlite3.Connection, manifest: Manifest) -> None:
        """Take over a manifest that isn't there yet: its images, the reading that stands, the attempt (a repair is none)."""
        place = manifest.location
        if db.execute("INSERT OR IGNORE INTO lotes VALUES (?, ?, ?)", (place, manifest.sequence, manifest.written_at)).rowcount == 0:
            return
        where = folder(Path(), manifest.sequence)
        images = [(place, s.table, s.slice, s.version, s.rows, s.digest, str(where / s.file), manifest.sequence) for s in manifest.slices]
        db.executemany("INSERT OR REPLACE INTO imagenes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", images)
        if manifest.standing is not None:
            s = manifest.standing
            db.execute("INSERT OR REPLACE INTO vigentes VALUES (?, ?, ?, ?, ?)", (s["fact"], place, s["cut"], s.get("twin"), json.dumps(s)))
        if manifest.reading is not None:
            if manifest.extra.get("verified"):
                self.verify(db, (manifest.reading["fact"], place, manifest.reading["cut"]), manifest.extra["verified"])
            if manifest.reading["outcome"] != Outcome.REPARACION.value:
                data = {**manifest.reading, "lote": manifest.sequence}
                self.add_attempt(db, Attempt(Fact(manifest.reading["fact"]), place, manifest.reading["cut"], data))
        if manifest.extra.get(COMPACTED):
            db.execute("INSERT OR IGNORE INTO compactas VALUES (?, ?)", (place, manifest.sequence))
        db.executemany("INSERT OR IGNORE INTO vistos VALUES (?, ?, ?, ?)", manifest.extra.get("met", ()))

    def add_attempt(self, db: sqlite3.Connection, attempt: Attempt) -> None:
        """Remember an attempt: each is known once; the newest (by the start of its reading) is at hand."""
        data = attempt.data
        known = db.execute("INSERT OR IGNORE INTO conocidas VALUES (?, ?, ?, ?, ?)", (*attempt.key, data["read_at"], data["content"])).rowcount == 0
        if known:
            return
        row = db.execute("SELECT intentos, datos FROM intentos WHERE tabla = ? AND ubicacion = ? AND corte = ?", attempt.key).fetchone()
        count, newest = (row[0] + 1, json.loads(row[1])) if row else (1, None)
        if newest is not None and newest["read_at"] > data["read_at"]:
            data = newest
        elif newest is not None and all(newest.get(k) == data[k] for k in ("content", "outcome")):  # the evidence is in the lote of before
            data = {k: v for k, v in newest.items() if k == "lote"} | data
        db.execute(
            "INSERT INTO intentos VALUES (?, ?, ?, ?, NULL, ?, ?) ON CONFLICT DO UPDATE SET intentos = excluded.intentos, datos = excluded.datos,"
            " cambio = excluded.cambio",
            (*attempt.key, count, json.dumps(data), self.tick(db)),
        )

    def verify(self, db: sqlite3.Connection, key: tuple[str, str, str], instant: str) -> None:
        """Remember that a slice was seen at an instant to be as it stands (the newest such instant is kept)."""
        db.execute(
            'INSERT INTO intentos VALUES (?, ?, ?, 0, ?, \'{"read_at": ""}\', ?)'
            " ON CONFLICT DO UPDATE SET verificado_en = max(coalesce(verificado_en, ''), excluded.verificado_en), cambio = excluded.cambio",
            (*key, instant, self.tick(db)),
        )

    def tick(self, db: sqlite3.Connection) -> int:
        """A number that grows with each change, also over a rebuild of the index: it is a clock that never goes back."""
        row = db.execute("SELECT valor FROM meta WHERE clave = 'cambio'").fetchone()
        value = max(time.time_ns(), int(row[0]) + 1 if row else 0)
        db.execute("INSERT OR REPLACE INTO meta VALUES ('cambio', ?)", (str(value),))
        return value

    def progress(self, db: sqlite3.Connection, location: str) -> tuple[int, int]:
        """How far a location is taken over: its newest secuencia, and the bytes of its log."""
        sql = "SELECT (SELECT coalesce(max(secuencia), 0) FROM lotes WHERE ubicacion = ?1), (SELECT bytes FROM registros WHERE ubicacion = ?1)"
        sequence, read = db.execute(sql, (location,)).fetchone()
        return int(sequence), int(read or 0)

    def set_log_read(self, db: sqlite3.Connection, location: str, read: int) -> None:
        """Remember how many bytes of a location's log are taken over."""
        db.execute("INSERT OR REPLACE INTO registros VALUES (?, ?)", (location, read))

    def forget_met(self, codes: Iterable[str]) -> None:
        """Products that ``productos`` has by now need no memory."""
        with self.open(write=True) as db:
            db.executemany("DELETE FROM vistos WHERE codigo = ?", [(c,) for c in codes])

    # ── what is asked ───────────────────────────────────────────────────────────────────────
    def sequence(self, location: str) -> int:
        """The newest secuencia of a location; 0 if it has no lote."""
        with self.open() as db:
            return int(db.execute("SELECT coalesce(max(secuencia), 0) FROM lotes WHERE ubicacion = ?", (location,)).fetchone()[0])

    def locations(self) -> tuple[str, ...]:
        """The locations that have lotes."""
        with self.open() as db:
            return tuple(r[0] for r in db.execute("SELECT DISTINCT ubicacion FROM lotes ORDER BY 1"))

    def images(self, location: str, table: str | None = None, *, since: int = 0, slices: Iterable[str] | None = None) -> tuple[Image, ...]:
        """Newest images of a location: of one table or all, of a version above ``since``, of certain slices."""
        sql, values = f"{_IMAGES} AND version > ?", [location, since]
        if table is not None:
            sql, values = sql + " AND tabla = ?", [*values, table]
        with self.open() as db:
            if slices is None:
                found = db.execute(sql + " ORDER BY tabla, slice", values).fetchall()
            else:
                found = [row for s in slices for row in db.execute(sql + " AND slice = ?", [*values, s])]
        return tuple(map(self._image, found))

    def _image(self, row: tuple[str, str, str, int, int, str, str, int]) -> Image:
        location, table, slice_, version, rows, digest, file, lote = row
        return Image(location, table, slice_, version, rows, digest, self.lotes / place_name(location) / file, lote)

    def images_after(self, location: str, table: str, lote: int) -> tuple[Image, ...]:
        """Newest images of a location's table that a later lote wrote."""
        with self.open() as db:
            return tuple(map(self._image, db.execute(f"{_IMAGES} AND tabla = ? AND lote > ?", (location, table, lote))))

    def slices(self, location: str, table: str, low: str = "", high: str = "\U0010ffff") -> tuple[str, ...]:
        """The slices of a location's table between two texts, ascending."""
        with self.open() as db:
            sql = "SELECT slice FROM imagenes WHERE ubicacion = ? AND tabla = ? AND slice >= ? AND slice < ? ORDER BY slice"
            return tuple(r[0] for r in db.execute(sql, (location, table, low, high)))

    def neighbour(self, location: str, table: str, slice_: str, *, after: bool) -> str | None:
        """The slice next to one, before or after it, in the order of their texts."""
        how = ("min(slice)", ">") if after else ("max(slice)", "<")
        with self.open() as db:
            found = db.execute(f"SELECT {how[0]} FROM imagenes WHERE ubicacion = ? AND tabla = ? AND slice {how[1]} ?", (location, table, slice_)).fetchone()[0]  # noqa: S608 fixed words
        return None if found is None else str(found)

    def standing(self, fact: Fact, location: str, cut: str) -> dict[str, Any] | None:
        """The reading that stands in a slice."""
        with self.open() as db:
            row = db.execute("SELECT datos FROM vigentes WHERE tabla = ? AND ubicacion = ? AND corte = ?", (fact.value, location, cut)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def attempt(self, fact: Fact, location: str, cut: str) -> tuple[int, str | None, dict[str, Any] | None]:
        """Number of attempts, instant of the last verification, newest attempt."""
        with self.open() as db:
            row = db.execute(
                "SELECT intentos, verificado_en, datos FROM intentos WHERE tabla = ? AND ubicacion = ? AND corte = ?", (fact.value, location, cut)
            ).fetchone()
        if row is None:
            return 0, None, None
        data = json.loads(row[2])
        return row[0], row[1], data if data["read_at"] else None

    def known(self, fact: Fact, location: str, cut: str, read_at: str, content: str) -> bool:
        """Whether this very reading was met before."""
        with self.open() as db:
            sql = "SELECT 1 FROM conocidas WHERE tabla = ? AND ubicacion = ? AND corte = ? AND leido_en = ? AND contenido = ?"
            return db.execute(sql, (fact.value, location, cut, read_at, content)).fetchone() is not None

    def attempts_since(self, change: int) -> list[tuple[Any, ...]]:
        """(tabla, ubicacion, corte, intentos, verificado_en, newest attempt, change) of every slice whose attempts changed since."""
        with self.open() as db:
            found = db.execute(
                "SELECT tabla, ubicacion, corte, intentos, verificado_en, datos, cambio FROM intentos WHERE cambio > ? ORDER BY cambio", (change,)
            ).fetchall()
        return [(*r[:5], json.loads(r[5]), r[6]) for r in found]

    def newest_attempts(self, fact: Fact) -> list[tuple[str, str, str, dict[str, Any]]]:
        """(tabla, ubicacion, corte, newest attempt) of the newest attempted cut of each location."""
        with self.open() as db:
            sql = "SELECT tabla, ubicacion, max(corte), datos FROM intentos WHERE tabla = ? AND intentos > 0 GROUP BY ubicacion"
            return [(t, u, c, json.loads(d)) for t, u, c, d in db.execute(sql, (fact.value,))]

    def held_back(self) -> list[tuple[str, str, str, dict[str, Any]]]:
        """(tabla, ubicacion, corte, newest attempt) of every slice whose newest attempt is held back, and wasn't accepted since."""
        sql = 'SELECT tabla, ubicacion, corte, datos, verificado_en FROM intentos WHERE datos LIKE \'%"outcome": "sospechoso"%\' ORDER BY 1, 2, 3'
        with self.open() as db:
            found = [(t, u, c, json.loads(d), v) for t, u, c, d, v in db.execute(sql)]
        return [(t, u, c, d) for t, u, c, d, v in found if (v or "") < d["read_at"]]

    def source_digests(self, fact: Fact, location: str) -> dict[str, str | None]:
        """What was last read of each cut of a location, by the digest of its source."""
        with self.open() as db:
            found = db.execute("SELECT corte, datos FROM intentos WHERE tabla = ? AND ubicacion = ?", (fact.value, location)).fetchall()
        return {cut: json.loads(data).get("source") for cut, data in found}

    def met(self) -> list[tuple[str, str | None, str | None, str | None]]:
        """Products that facts named and ``productos`` may lack."""
        with self.open() as db:
            return list(db.execute("SELECT codigo, descripcion, categoria, marca FROM vistos ORDER BY codigo"))


def place_name(location: str) -> str:
    """A location's name as a folder's name."""
    return quote(location, safe="") if location != "*" else "_todas"


def location_of(name: str) -> str:
    """The location of a folder's name."""
    return unquote(name) if name != "_todas" else "*"


def stamp(instant: datetime) -> str:
    """An instant as sortable text, microseconds and UTC always written."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant(text: str) -> datetime:
    """The instant of ``stamp``'s text."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
