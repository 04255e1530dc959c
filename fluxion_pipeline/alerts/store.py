"""What alerts remember, in ``$FLUXION_HOME/alertas.sqlite``: what was seen, what is open, what was written, what was delivered.

A step's events, its messages and the mark of how far was read are one transaction: a crash at any
point makes no message twice and loses none. Dagster's own storage may be pruned; this is apart from it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from fluxion_pipeline.alerts.incidents import Book
from fluxion_pipeline.alerts.message import Message
from fluxion_pipeline.alerts.problem import Event, Family, Finding, Incident, Kind, Severity
from fluxion_pipeline.landing.sqlite import Database

FILE = "alertas.sqlite"
DDL = """
CREATE TABLE IF NOT EXISTS marcas (nombre TEXT PRIMARY KEY, valor TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS fuentes (nombre TEXT PRIMARY KEY, hallazgos TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS incidentes (
    id TEXT PRIMARY KEY, problema TEXT NOT NULL, abierto_en TEXT NOT NULL, cerrado_en TEXT, datos TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS incidentes_abiertos ON incidentes (problema) WHERE cerrado_en IS NULL;
CREATE TABLE IF NOT EXISTS mensajes (
    orden INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, clase TEXT NOT NULL, familia TEXT NOT NULL,
    severidad TEXT NOT NULL, de TEXT NOT NULL, no_antes TEXT NOT NULL, titulo TEXT NOT NULL, texto TEXT NOT NULL, eventos TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS entregas (
    mensaje TEXT NOT NULL, canal TEXT NOT NULL, estado TEXT NOT NULL, intentos INTEGER NOT NULL DEFAULT 0,
    ultimo_intento TEXT, error TEXT, PRIMARY KEY (mensaje, canal));
CREATE INDEX IF NOT EXISTS entregas_pendientes ON entregas (canal) WHERE estado = 'pendiente';
CREATE TABLE IF NOT EXISTS canales (
    nombre TEXT PRIMARY KEY, fallos INTEGER NOT NULL DEFAULT 0, falla_desde TEXT, proximo TEXT, error TEXT, ultima_entrega TEXT)
"""
COLUMNS = "id, clase, familia, severidad, de, titulo, texto"


class Store:
    """The file, with what is read from it and written to it."""

    def __init__(self, home: Path) -> None:
        """Remember where it is; it is made when it is first opened."""
        self.database = Database(home / FILE, DDL)

    @property
    def exists(self) -> bool:
        """Whether anything was ever kept."""
        return self.database.path.exists()

    @contextmanager
    def open(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection, in one transaction.

        Raises:
            OutboxError: if the file or the disk doesn't do what it must.
        """
        with self.database.open(write=write) as db:
            yield db


def mark(db: sqlite3.Connection, name: str) -> Any:
    """What was kept by a name, or None."""
    found = db.execute("SELECT valor FROM marcas WHERE nombre = ?", (name,)).fetchone()
    return None if found is None else json.loads(found[0])


def set_mark(db: sqlite3.Connection, name: str, value: Any) -> None:
    """Keep something by a name."""
    db.execute("INSERT OR REPLACE INTO marcas VALUES (?, ?)", (name, json.dumps(value)))


def read_book(db: sqlite3.Connection) -> Book:
    """What every source said last, and what is open."""
    sources = {name: tuple(Finding.from_json(f) for f in json.loads(told)) for name, told in db.execute("SELECT nombre, hallazgos FROM fuentes")}
    found = [Incident.from_json(json.loads(data)) for (data,) in db.execute("SELECT datos FROM incidentes WHERE cerrado_en IS NULL ORDER BY abierto_en, id")]
    return Book(sources, {incident.problem: incident for incident in found})


def write_book(db: sqlite3.Connection, before: Book, after: Book, events: tuple[Event, ...]) -> None:
    """Keep what has changed between two books, and when what ended did."""
    for name in before.sources.keys() - after.sources.keys():
        db.execute("DELETE FROM fuentes WHERE nombre = ?", (name,))
    for name, told in after.sources.items():
        if before.sources.get(name) != told:
            db.execute("INSERT OR REPLACE INTO fuentes VALUES (?, ?)", (name, json.dumps([f.to_json() for f in told])))
    ended = {e.incident.id: (e.incident, e.at) for e in events if e.kind is Kind.RECUPERADO}
    changed = {i.id: (i, None) for i in after.open.values() if before.open.get(i.problem) != i}
    for incident, at in [*ended.values(), *changed.values()]:
        closed = at.isoformat() if at else None
        row = (incident.id, incident.problem, incident.opened_at.isoformat(), closed, json.dumps(incident.to_json()))
        db.execute("INSERT OR REPLACE INTO incidentes VALUES (?, ?, ?, ?, ?)", row)


def add_message(db: sqlite3.Connection, message: Message, not_before: datetime, to: tuple[str, ...], events: tuple[str, ...]) -> bool:
    """Put a message into the queues of its channels; False if it is there already."""
    values = (message.id, message.kind, message.family, message.severity, message.at.isoformat(), not_before.isoformat(), message.title, message.body)
    told = db.execute(
        "INSERT OR IGNORE INTO mensajes (id, clase, familia, severidad, de, no_antes, titulo, texto, eventos) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*map(str, values), json.dumps(events)),
    ).rowcount
    if told:
        db.executemany("INSERT INTO entregas (mensaje, canal, estado) VALUES (?, ?, 'pendiente')", [(message.id, channel) for channel in to])
    return bool(told)


def message_of(row: tuple[Any, ...]) -> Message:
    """A message from a row of ``COLUMNS``."""
    return Message(row[0], Kind(row[1]), Family(row[2]), Severity(row[3]), datetime.fromisoformat(row[4]), row[5], row[6])


def newest_messages(db: sqlite3.Connection, count: int) -> list[dict[str, Any]]:
    """The newest messages, newest first, each with the state of its deliveries."""
    shown = "SELECT id, clase, severidad, de, titulo, texto FROM mensajes ORDER BY orden DESC LIMIT ?"
    found = [dict(zip(("id", "kind", "severity", "at", "title", "body"), row, strict=True)) for row in db.execute(shown, (count,))]
    for message in found:
        states = db.execute("SELECT canal, estado, intentos FROM entregas WHERE mensaje = ? ORDER BY canal", (message["id"],))
        message["delivery"] = ", ".join(f"{c}: {s} ({n})" for c, s, n in states) or "sin canal"
    return found
