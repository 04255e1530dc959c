"""The desk of alerts of one home: takes what was seen, writes the messages, and has them delivered.

Before this: ``evidence``, made of what the Dagster shell saw; after it: the channels. The shell, the
command and ``fluxion status`` come here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from fluxion_pipeline.alerts import delivery, policy, store
from fluxion_pipeline.alerts.channels import Channel, channels, send
from fluxion_pipeline.alerts.delivery import ChannelHealth, Sender
from fluxion_pipeline.alerts.grouping import group
from fluxion_pipeline.alerts.incidents import Book, Step, advance, remind
from fluxion_pipeline.alerts.message import Message, write
from fluxion_pipeline.alerts.problem import Event, Family, Finding, Kind, Severity
from fluxion_pipeline.alerts.store import Store
from fluxion_pipeline.contracts.clock import Clock, now
from fluxion_pipeline.locations.registry import Registry
from fluxion_pipeline.locks import hold
from fluxion_pipeline.pause import standing
from fluxion_pipeline.settings import Settings

SEEN = "visto"
TOLD_FAILURES = 3
"""After so many failed sendings in a row, the other channels are told of a channel."""
FORGOTTEN = 2.0
"""Hours after which a pause is told of."""
LEAST_NETWORK = 5
"""Fewer locations that fail at once are never called the network."""


class Desk:
    """A home's alerts."""

    def __init__(self, settings: Settings, registry: Registry, clock: Clock = now, sender: Sender = send) -> None:
        """Open nothing yet."""
        self.settings, self.registry, self.clock, self.sender = settings, registry, clock, sender
        self.store = Store(settings.home)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Where alerts go."""
        return channels(self.settings.fluxion_alert_urls)

    @contextmanager
    def alone(self, wait: float = 10.0) -> Iterator[None]:
        """Nobody else takes steps or delivers while the block runs.

        Raises:
            BusyError: if somebody does for longer.
        """
        with hold(self.settings.home / "locks" / "alertas.lock", wait=wait, purpose="alerts"):
            yield

    def seen(self) -> Mapping[str, Any] | None:
        """How far was looked; None: never."""
        with self.store.open() as db:
            found = store.mark(db, SEEN)
        return found if isinstance(found, dict) else None

    def take(self, steps: Sequence[Step], seen: Mapping[str, Any] | None = None, checks: Collection[str] | None = None) -> list[Message]:
        """Take steps, remind of what is due, and queue the messages: one transaction; the messages that are new.

        Args:
            steps: what was learnt, in the order of time.
            seen: how far was looked; kept with the rest.
            checks: the sources that are checks and there; what others said is withdrawn. None: all are.

        Raises:
            SettingsError: if ``alertas.yaml`` is wrong.
        """
        instant, rules = self.clock(), policy.load(self.settings.home)
        with self.store.open(write=True) as db:
            before = after = store.read_book(db)
            events: list[Event] = []
            for step in (*steps, *self._of_channels(instant), self._of_pause(instant), _gone(before, checks, self.channels, instant)):
                after, happened = advance(after, step, self._many(), instant)
                events += happened
            after, due = remind(after, instant, rules.hours)
            events += due
            store.write_book(db, before, after, tuple(events))
            written = [m for g in group(events) if (m := self._queue(db, g, rules, instant)) is not None]
            if seen is not None:
                store.set_mark(db, SEEN, dict(seen))
        return written

    def _queue(self, db: Any, found: Any, rules: policy.Policy, instant: datetime) -> Message | None:
        names = {x.codigo: x.nombre for x in self.registry}
        message = write(found, self.settings.fluxion_ui_url.rstrip("/"), names)
        dead = {e.incident.problem.partition("/")[2] for e in found.events if found.family is Family.CANAL}
        to = rules.channels(message.severity, tuple(c.name for c in self.channels if c.name not in dead))
        new = store.add_message(db, message, rules.not_before(message.severity, instant), to, tuple(e.id for e in found.events))
        return message if new else None

    def _of_channels(self, instant: datetime) -> list[Step]:
        """A channel that doesn't deliver is a problem that the others are told of, since its first failure."""
        steps = []
        for x in self.health():
            since = x.since if x.failures >= TOLD_FAILURES and x.since else None
            waiting, link = {"mensajes_en_espera": x.waiting}, "/assets/alertas?view=checks"
            found = Finding(f"canal/{x.name}", Family.CANAL, Severity.ERROR, "canal", x.error, waiting, (), link)
            at = since or instant
            steps.append(Step(f"canal {at.isoformat()}", at, {f"channel:{x.name}": (found,) if since else ()}))
        return steps

    def _of_pause(self, instant: datetime) -> Step:
        """A pause that is forgotten is a problem, since it was asked for."""
        paused = standing(self.settings.home)
        hours = (instant - paused.since) / timedelta(hours=1) if paused else 0.0
        if paused is None or hours < FORGOTTEN:
            return Step(f"pausa {instant.isoformat()}", instant, {"pause": ()})
        said = f"la pidió {paused.by}" + (f": {paused.reason}" if paused.reason else "")
        found = Finding("pausa", Family.PAUSA, Severity.ERROR, "pausa", said, {"horas": round(hours, 1)}, (), "/automation")
        return Step(f"pausa {paused.since.isoformat()}", paused.since, {"pause": (found,)})

    def _many(self) -> int:
        return max(LEAST_NETWORK, (len(self.registry.active) + 1) // 2)

    def deliver(self) -> int:
        """Send what waits; how many messages were taken."""
        return delivery.deliver(self.store, self.channels, self.clock, self.sender)

    def health(self) -> tuple[ChannelHealth, ...]:
        """How each channel fares."""
        return delivery.health(self.store, self.channels)

    def open(self) -> list[dict[str, Any]]:
        """The incidents that are open, oldest first; no file is made."""
        if not self.store.exists:
            return []
        with self.store.open() as db:
            return [incident.to_json() for incident in store.read_book(db).open.values()]

    def told(self, count: int) -> list[dict[str, Any]]:
        """The newest messages, newest first, with their delivery; no file is made."""
        if not self.store.exists:
            return []
        with self.store.open() as db:
            return store.newest_messages(db, count)

    def test(self) -> list[tuple[str, str | None]]:
        """Send a message to each channel at once, and keep how it went: the channel, and why it did not take it."""
        instant = self.clock()
        text = "Si lee esto, las alertas de Fluxion llegan por este canal. No hay nada que hacer."
        message = Message(f"prueba-{instant:%Y%m%d%H%M%S}", Kind.RECUPERADO, Family.CANAL, Severity.AVISO, instant, "[PRUEBA] Alertas de Fluxion", text)
        told = []
        for channel in self.channels:
            error = self.sender(channel, message)
            with self.store.open(write=True) as db:
                delivery.note(db, channel.name, self.clock(), error)
            told.append((channel.name, error))
        return told


def _gone(book: Book, checks: Collection[str] | None, known: Sequence[Channel], instant: datetime) -> Step:
    """Checks and channels that are no more say nothing more: another mode, another address."""
    there = {f"channel:{c.name}" for c in known}
    names = [n for n in book.sources if n.startswith("channel:") and n not in there]
    if checks is not None:
        names += [n for n in book.sources if n.startswith("check:") and n.removesuffix(":not run") not in checks]
    return Step(f"retirado {instant.isoformat()}", instant, {n: () for n in names})
