"""The queues of the channels: what waits, sending it, the record of it, and how each channel fares.

A delivery is recorded after the channel's answer, in a transaction of its own: it is sent again only
if the process is killed between both. One failed sending lets its channel rest, longer each time, and
keeps the order of what waits; other channels are not held up.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fluxion_pipeline.alerts.channels import Channel, send
from fluxion_pipeline.alerts.message import Message
from fluxion_pipeline.alerts.store import COLUMNS, Store, message_of
from fluxion_pipeline.contracts.clock import Clock

Sender = Callable[[Channel, Message], "str | None"]

FIRST_REST, LONGEST_REST = timedelta(seconds=30), timedelta(minutes=30)
KEPT = timedelta(days=7)
"""After so long nobody is helped by a message any more."""
REMEMBERED = timedelta(days=400)
"""So long what was told is kept."""
BUDGET = 25.0
"""Seconds of sending at a time: Dagster ends a sensor that takes a minute."""


@dataclass(frozen=True)
class ChannelHealth:
    """How a channel fares.

    Attributes:
        name: the channel's.
        failures: failed sendings in a row; 0: it delivers, or was never used.
        since: when the first of them was.
        error: why the last one failed.
        waiting: messages that wait for it.
        delivered_at: when it last took one.
    """

    name: str
    failures: int
    since: datetime | None
    error: str
    waiting: int
    delivered_at: datetime | None

    @property
    def well(self) -> bool:
        """Whether its last sending went well."""
        return self.failures == 0


def deliver(store: Store, channels: Sequence[Channel], clock: Clock, sender: Sender = send, budget: float = BUDGET) -> int:
    """Send what waits and may be sent by now; how many messages were taken. The caller holds the lock of alerts."""
    end = time.monotonic() + budget
    _tidy(store, channels, clock())
    return sum(_drain(store, channel, clock, sender, end) for channel in channels)


def _tidy(store: Store, channels: Sequence[Channel], now: datetime) -> None:
    """What waits for a channel that is no more, or has waited too long, waits no longer."""
    names = [c.name for c in channels]
    known = f"({', '.join('?' * len(names))})"
    with store.open(write=True) as db:
        db.execute(f"UPDATE entregas SET estado = 'retirada' WHERE estado = 'pendiente' AND canal NOT IN {known}", names)  # noqa: S608 marks
        db.execute(f"DELETE FROM canales WHERE nombre NOT IN {known}", names)  # noqa: S608 marks
        old = "SELECT id FROM mensajes WHERE no_antes < ?"
        for table, column in (("entregas", "mensaje"), ("mensajes", "id")):
            db.execute(f"DELETE FROM {table} WHERE {column} IN ({old})", ((now - REMEMBERED).isoformat(),))  # noqa: S608 fixed words
        db.execute("DELETE FROM incidentes WHERE cerrado_en < ?", ((now - REMEMBERED).isoformat(),))
        db.execute(f"UPDATE entregas SET estado = 'vencida' WHERE estado = 'pendiente' AND mensaje IN ({old})", ((now - KEPT).isoformat(),))  # noqa: S608


def _drain(store: Store, channel: Channel, clock: Clock, sender: Sender, end: float) -> int:
    taken = 0
    while time.monotonic() < end and (message := _next(store, channel.name, clock())) is not None:
        error = sender(channel, message)
        _record(store, channel.name, message.id, clock(), error)
        if error is not None:
            break
        taken += 1
    return taken


def _next(store: Store, channel: str, now: datetime) -> Message | None:
    """The oldest message that a channel may be sent now."""
    with store.open() as db:
        rest = db.execute("SELECT proximo FROM canales WHERE nombre = ?", (channel,)).fetchone()
        if rest and rest[0] and datetime.fromisoformat(rest[0]) > now:
            return None
        waits = "FROM mensajes m JOIN entregas e ON e.mensaje = m.id AND e.canal = ? AND e.estado = 'pendiente'"
        rows = db.execute(f"SELECT {COLUMNS}, no_antes {waits} ORDER BY m.orden", (channel,)).fetchall()
    return next((message_of(r) for r in rows if datetime.fromisoformat(r[-1]) <= now), None)


def _record(store: Store, channel: str, message: str, now: datetime, error: str | None) -> None:
    with store.open(write=True) as db:
        state = "entregada" if error is None else "pendiente"
        db.execute(
            "UPDATE entregas SET estado = ?, intentos = intentos + 1, ultimo_intento = ?, error = ? WHERE mensaje = ? AND canal = ?",
            (state, now.isoformat(), error, message, channel),
        )
        note(db, channel, now, error)


def note(db: sqlite3.Connection, channel: str, now: datetime, error: str | None) -> None:
    """Keep how a sending of a channel went."""
    found = db.execute("SELECT fallos, falla_desde, ultima_entrega FROM canales WHERE nombre = ?", (channel,)).fetchone() or (0, None, None)
    values: tuple[object, ...]
    if error is None:
        values = (channel, 0, None, None, None, now.isoformat())
    else:
        failures = found[0] + 1
        rest = min(FIRST_REST * 2 ** min(failures - 1, 10), LONGEST_REST)
        values = (channel, failures, found[1] or now.isoformat(), (now + rest).isoformat(), error, found[2])
    db.execute("INSERT OR REPLACE INTO canales VALUES (?, ?, ?, ?, ?, ?)", values)


def health(store: Store, channels: Sequence[Channel]) -> tuple[ChannelHealth, ...]:
    """How each channel fares, from the record; nothing is sent, and no file is made."""
    if not store.exists:
        return tuple(ChannelHealth(c.name, 0, None, "", 0, None) for c in channels)
    with store.open() as db:
        rows = {r[0]: r[1:] for r in db.execute("SELECT nombre, fallos, falla_desde, error, ultima_entrega FROM canales")}
        waiting = dict(db.execute("SELECT canal, count(*) FROM entregas WHERE estado = 'pendiente' GROUP BY canal").fetchall())
    found = []
    for channel in channels:
        failures, since, error, delivered = rows.get(channel.name, (0, None, None, None))
        found.append(ChannelHealth(channel.name, failures, _instant(since), error or "", waiting.get(channel.name, 0), _instant(delivered)))
    return tuple(found)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
