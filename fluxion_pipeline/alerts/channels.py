"""Where alerts go: the addresses of ``FLUXION_ALERT_URLS``, each with a name, and one sending through apprise.

An address holds secrets: it is never shown, logged or kept; a channel is spoken of by its name.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from pydantic import SecretStr

from fluxion_pipeline.alerts.message import Message
from fluxion_pipeline.alerts.problem import Kind, Severity

_BETWEEN = re.compile(r"\s+|[,;]\s*(?=(?:[\w-]+=)?[A-Za-z][A-Za-z0-9+.-]*://)")
_NAMED = re.compile(r"(?:(?P<name>[\w-]+)=)?(?P<url>(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://.*)", re.DOTALL)

UNREADABLE = "ilegible"
"""The name of what isn't an address."""


@dataclass(frozen=True)
class Channel:
    """One address, by its name; the address doesn't show."""

    name: str
    url: SecretStr


def channels(urls: SecretStr | None) -> tuple[Channel, ...]:
    """The channels of ``FLUXION_ALERT_URLS``: addresses parted by spaces or commas, each with ``name=`` before it or named by its kind.

    What isn't an address becomes a channel that can't deliver, so that it is noticed.
    """
    found: list[Channel] = []
    taken: set[str] = set()
    for text in filter(None, _BETWEEN.split(urls.get_secret_value().strip()) if urls else ()):
        matched = _NAMED.fullmatch(text)
        name = (matched["name"] or matched["scheme"].lower()) if matched else UNREADABLE
        number = 2
        unique = name
        while unique in taken:
            unique, number = f"{name}-{number}", number + 1
        taken.add(unique)
        found.append(Channel(unique, SecretStr(matched["url"] if matched else text)))
    return tuple(found)


def understood(channel: Channel) -> bool:
    """Whether apprise knows how to send to a channel; nothing is sent."""
    import apprise

    logging.getLogger("apprise").propagate = False
    with apprise.LogCapture(level=logging.WARNING):  # type: ignore[no-untyped-call]
        return apprise.Apprise.instantiate(channel.url.get_secret_value(), suppress_exceptions=True) is not None


def send(channel: Channel, message: Message) -> str | None:
    """Send a message; None if the channel took it, else why not, without any part of its address.

    Waits for the channel's answer, some seconds at most.
    """
    import apprise

    address = channel.url.get_secret_value()
    logging.getLogger("apprise").propagate = False  # its warnings may tell parts of an address
    with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as said:  # type: ignore[no-untyped-call]
        try:
            target = apprise.Apprise.instantiate(address, suppress_exceptions=True)
            if target is None:
                return "no es una dirección que apprise entienda"
            kind = _type(message)
            taken = bool(target.notify(body=message.body, title=message.title, notify_type=kind))
        except Exception as error:  # noqa: BLE001 a plugin's own error must not keep the other channels from being told
            return f"{type(error).__name__} al enviar"
        return None if taken else hidden(" ".join(said.getvalue().split()), address) or "el canal no lo aceptó"


def hidden(text: str, address: str) -> str:
    """A text without any part of an address that could be a secret, at most 200 characters of it."""
    parts = sorted({p for p in re.split(r"[/:@?&=#,]+", address) if len(p) > 2}, key=len, reverse=True)
    for part in [address, *parts[:200]]:
        text = text.replace(part, "…")
    return text[:200]


def _type(message: Message) -> str:
    if message.kind is Kind.RECUPERADO:
        return "success"
    return "warning" if message.severity is Severity.AVISO else "failure"
