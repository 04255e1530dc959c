"""The doctor's checks of what lies around the sinks: pause, time, connections, sources, channels of alerts.

Each returns what it found or raises a ``FluxionError`` with a remedy; ``operations.doctor`` says in which order.
"""

from __future__ import annotations

import shlex
import socket
import ssl
from urllib.parse import urlsplit

from fluxion_pipeline.alerts.channels import channels
from fluxion_pipeline.alerts.delivery import health
from fluxion_pipeline.alerts.store import Store
from fluxion_pipeline.contracts.clock import ZONE_NAME, now
from fluxion_pipeline.errors import FluxionError, PermanentError
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.pause import standing
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sinks.postgresql.connect import connect

SKEW = 30.0
"""Seconds by which a server's clock may differ: stamps of both must tell what came first."""
CONNECTIONS = 12
"""Connections that a run, the UI and a person take at once, at most."""
ANSWER = 5.0
"""Seconds to wait for a source's port."""


def not_paused(settings: Settings) -> str:
    """Whether everything may write."""
    found = standing(settings.home)
    if found is not None:
        raise PermanentError(f"nothing is written: {found.text}", "fluxion resume")
    return "no pause stands"


def server_fits(settings: Settings) -> str:
    """The server's clock, its time zones, and the room that it has for connections."""
    with connect(settings, read_only=True) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT clock_timestamp(), current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,"
            " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), (SELECT count(*) FROM pg_timezone_names WHERE name = %s),"
            " coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)",
            (ZONE_NAME,),
        )
        at, most, taken, zones, tls = cursor.fetchone() or (now(), 0, 0, 0, False)
    skew = (at - now()).total_seconds()
    if abs(skew) > SKEW:
        where = "ahead of" if skew > 0 else "behind"
        raise PermanentError(f"the server's clock is {abs(skew):.0f} s {where} this machine's", "timedatectl set-ntp true (on both machines)")
    if not zones:
        raise PermanentError(f"the server has no time zone {ZONE_NAME}", "install tzdata on the server's machine, and start it again")
    if most - taken < CONNECTIONS:
        sql = shlex.quote(f"ALTER SYSTEM SET max_connections = {most + CONNECTIONS + 100}")
        more = f"let it take more: fluxion db psql -- -c {sql} && fluxion db stop" if settings.embedded else "have its administrator raise max_connections"
        remedy = f"close other programs' connections, or {more}"
        raise PermanentError(f"the server takes {most} connections and {taken} are open: a run needs {CONNECTIONS}", remedy)
    return f"clocks {abs(skew):.1f} s apart, {taken} of {most} connections open, {'TLS' if tls else 'no TLS'}"


def source_answers(settings: Settings) -> str:
    """The source can be opened, and the address of a live system takes a connection."""
    source = App(settings).source
    told = [source.name]
    for name, address in (("KLK_BASE_URL", settings.klk_base_url),):
        if not source.live or not address:
            continue
        parts = urlsplit(address)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            with socket.create_connection((parts.hostname or "", port), timeout=ANSWER):
                told.append(f"{parts.hostname}:{port} takes connections")
        except (OSError, ssl.SSLError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise PermanentError(f"{parts.hostname}:{port} takes no connection: {reason}", f"check {name} and this machine's network or VPN") from error
    return ", ".join(told)


def channels_deliver(settings: Settings) -> str:
    """Every channel of alerts took what it was sent last."""
    known = channels(settings.fluxion_alert_urls)
    if not known:
        return "no channel: FLUXION_ALERT_URLS is not set, so nobody is told of anything"
    bad = [c for c in health(Store(settings.home), known) if not c.well]
    if bad:
        raise FluxionError(
            "; ".join(f"{c.name} does not deliver: {c.error}" for c in bad), "see that its address in FLUXION_ALERT_URLS is right, then: fluxion alerts test"
        )
    return f"{len(known)} channels deliver"
