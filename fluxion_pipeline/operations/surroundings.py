"""The doctor's checks of what lies around the sinks: pause, time, connections, sources, channels of alerts.

Each returns what it found or raises a ``FluxionError`` with a remedy; ``operations.doctor`` says in which order.
"""

from __future__ import annotations

import difflib
import io
import os
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from dotenv.parser import parse_stream

from fluxion_pipeline.alerts import policy
from fluxion_pipeline.alerts.channels import UNREADABLE, channels, understood
from fluxion_pipeline.alerts.delivery import health
from fluxion_pipeline.alerts.store import Store
from fluxion_pipeline.contracts.clock import ZONE_NAME, now
from fluxion_pipeline.errors import FluxionError, OutboxError, PermanentError
from fluxion_pipeline.operations import mode
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.pause import standing
from fluxion_pipeline.settings import ENV_FILE, Settings
from fluxion_pipeline.sinks.postgresql.connect import connect
from fluxion_pipeline.sources.stellar.connect import address

SKEW = 30.0
"""Seconds by which a server's clock may differ: stamps of both must tell what came first."""
CONNECTIONS = 12
"""Connections that a run, the UI and a person take at once, at most."""
SQL_SERVER = 1433
"""The port where an address names none."""
NEAR = 0.86
"""How like a setting's name another one must be to be called a slip."""
ANSWER = 5.0
"""Seconds to wait for a source's port."""


def names_known(settings: Settings) -> str:
    """Every line of the home's ``fluxion.env`` is a setting, and no variable of the environment is one misspelt: what isn't known has no effect."""
    known = {name.upper() for name in Settings.model_fields}
    file = settings.home / ENV_FILE
    lines = list(parse_stream(io.StringIO(file.read_text("utf-8")))) if file.is_file() else []
    unread = [str(line.original.line) for line in lines if line.error]
    if unread:
        raise FluxionError(f"{file}: not NAME=value, so without any effect: line {', '.join(unread)}", "correct it; .env.example shows how")
    there = {line.key for line in lines if line.key}
    meant = {name: (difflib.get_close_matches(name, known, 1, NEAR) or [""])[0] for name in (*sorted(there), *sorted(os.environ)) if name not in known}
    wrong = [f"{name} in {file}" if name in there else name for name in meant if name in there or meant[name]]
    if wrong:
        guesses = ", ".join(sorted({guess for guess in meant.values() if guess}))
        remedy = f"correct the name (perhaps {guesses})" if guesses else "take it out, or correct its name"
        raise FluxionError(f"not a setting, so without any effect: {', '.join(wrong)}", f"{remedy}; .env.example lists them all")
    return f"{len(there)} set in {file}" if there else "all by the environment, or as they are by themselves"


def not_paused(settings: Settings) -> str:
    """Whether everything may write."""
    found = standing(settings.home)
    if found is not None:
        raise PermanentError(f"nothing is written: {found.text}", "fluxion resume")
    return "no pause stands"


def records_read(settings: Settings) -> str:
    """The home's own records can be read: in which mode it wrote last, and its lotes (whose index, a cache, is made anew if it must be)."""
    app = App(settings)
    last = mode.state(app).last
    if not (settings.home / "lotes" / "outbox.json").exists():
        return "no lote yet"
    return f"outbox {app.outbox.id[:8]}, last written in mode {last or 'none'}"


def images_there(settings: Settings) -> str:
    """The files of all newest images are there, from their first byte to their last; what lies between is looked at by those who read it."""
    app = App(settings)
    if not (settings.home / "lotes" / "outbox.json").exists():
        return "no lote yet"
    files = {i.file: i.table for place in app.outbox.index.locations() for i in app.outbox.index.images(place)}
    gone = sorted(file for file in files if not _whole(file))
    if gone:
        tables = sorted({files[file] for file in gone})
        first = f"{gone[0].relative_to(app.outbox.root)}" + (" …" if len(gone) > 1 else "")
        what = f"{len(gone)} files of the lotes are gone or cut off, of {', '.join(tables)}: {first}"
        raise OutboxError(what, f"fluxion repair {tables[0]} --from lote --apply, if a database still holds it; else restore the folder lotes from its backup")
    return f"{len(files)} files of newest images"


def _whole(file: Path) -> bool:
    """Whether a Parquet file is there and ends as one does: with the length of what it says of itself, which fits into it."""
    try:
        with file.open("rb") as data:
            begins, size = data.read(4), data.seek(-8, os.SEEK_END) + 8
            end = data.read(8)
    except OSError:
        return False
    return (begins, end[4:]) == (b"PAR1", b"PAR1") and int.from_bytes(end[:4], "little") <= size - 12


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
    """The source can be opened, and the address of each live system that it reads takes a connection."""
    source = App(settings).source
    told = [source.name]
    for name, host, port in _systems(settings) if source.live else ():
        try:
            with socket.create_connection((host, port), timeout=ANSWER):
                told.append(f"{host}:{port} takes connections")
        except OSError as error:
            reason = error.strerror or str(error)
            raise PermanentError(f"{host}:{port} takes no connection: {reason}", f"check {name} and this machine's network or VPN") from error
    return ", ".join(told)


def _systems(settings: Settings) -> Iterator[tuple[str, str, int]]:
    """Variable, host and port of each system that ``FLUXION_SOURCE`` reads; opening the source has found the addresses good."""
    if settings.klk_base_url and settings.fluxion_source != "stellar":
        parts = urlsplit(settings.klk_base_url)
        yield "KLK_BASE_URL", parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if settings.stellar_url and settings.fluxion_source != "klk":
        url = address(settings.stellar_url.get_secret_value())
        yield "STELLAR_URL", url.host or "", url.port or SQL_SERVER


def channels_deliver(settings: Settings) -> str:
    """Quiet hours and routes can be read, each address is one, and every channel of alerts took what it was sent last."""
    rules = policy.load(settings.home)
    known = channels(settings.fluxion_alert_urls)
    if not known:
        return "no channel: FLUXION_ALERT_URLS is not set, so nobody is told of anything"
    wrong = [c.name for c in known if c.name == UNREADABLE or not understood(c)]
    if wrong:
        remedy = "write it as apprise does, such as mailtos://user:password@example.com or json://host/path, and then: fluxion alerts test"
        raise FluxionError(f"not an address of FLUXION_ALERT_URLS that a message can be sent to: {', '.join(wrong)}", remedy)
    missing = sorted({name for names in rules.routes.values() for name in names} - {c.name for c in known})
    if missing:
        names = ", ".join(c.name for c in known)
        raise FluxionError(f"{policy.FILE} sends to {', '.join(missing)}, and no channel is called so", f"the channels are: {names}")
    fares = health(Store(settings.home), known)
    bad = [c for c in fares if not c.well]
    if bad:
        raise FluxionError(
            "; ".join(f"{c.name} does not deliver: {c.error}" for c in bad), "see that its address in FLUXION_ALERT_URLS is right, then: fluxion alerts test"
        )
    new = [c.name for c in fares if c.delivered_at is None]
    return f"{len(known)} channels deliver" if not new else f"{len(known)} channels, never tried yet: {', '.join(new)} (fluxion alerts test)"
