"""``limpieza``: what the retention of the settings lets go, of every location; and logs that have grown.

Before this: ``landing.retention``; after it: the sinks converge to what ended. Dagster's own runs are
``defs.cleaning``'s; how much room is left is ``operations.disk``'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from fluxion_pipeline.errors import FluxionError
from fluxion_pipeline.landing.compaction import compact
from fluxion_pipeline.landing.retention import Dropped, drop_files, end_rows
from fluxion_pipeline.operations import drifts
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.bring_up import bring_up
from fluxion_pipeline.operations.instance import folder
from fluxion_pipeline.operations.parity_history import FILE, forget

JOB = "limpieza"
MB = 1_000_000
PROOFS = timedelta(days=120)
"""How long verdicts of parity, and what others changed, are remembered: the report shows a month, and its rule asks for two weeks."""


@dataclass(frozen=True)
class Cleaning:
    """What a cleaning came to: what went, files whose images were put together, bytes of logs, and what could not be done."""

    dropped: Dropped
    compacted: int
    logs: int
    problems: dict[str, str] = field(default_factory=dict)


def clean(app: App) -> Cleaning:
    """Let go what is too old; a location or a sink that fails keeps the others from nothing."""
    keep = app.settings
    dropped, compacted, problems = Dropped(), 0, {}
    for place in app.outbox.index.locations():
        try:
            dropped += drop_files(app.outbox, place, days=keep.fluxion_keep_lotes)  # first: the others need room on the disk
            dropped += end_rows(app.outbox, place, rejects=keep.fluxion_keep_rejects, history=keep.fluxion_keep_history)
            compacted += compact(app.outbox, place)
        except (FluxionError, OSError) as error:
            problems[place] = str(error)
    for sink in keep.db_mode.sinks:
        try:
            bring_up(app, sink)
        except FluxionError as error:
            problems[str(sink)] = str(error)
    try:
        forget(keep.home, app.clock() - PROOFS)
        drifts.forget(keep.home, app.clock() - PROOFS)
    except (FluxionError, OSError) as error:
        problems[FILE] = str(error)
    return Cleaning(dropped, compacted, shorten_logs(app, keep.fluxion_keep_logs * MB), problems)


def shorten_logs(app: App, limit: int) -> int:
    """Halve each log that is longer than ``limit`` bytes, where it stands (whoever writes it only appends); bytes that went."""
    gone = 0
    for path in _logs(app):
        with suppress(OSError):
            size = path.stat().st_size
            if size <= limit:
                continue
            with path.open("r+b") as log:
                log.seek(size - limit // 2)
                tail = log.read().partition(b"\n")[2]
                old = path.with_name(path.name + ".old")
                old.write_bytes(tail)
                old.chmod(0o600)
                log.truncate(0)
            gone += size - len(tail)
    return gone


def _logs(app: App) -> Iterator[Path]:
    for root in dict.fromkeys((app.settings.home, folder(app.settings))):
        for name in ("*.log", "*/*.log", "*/*/*.log"):
            yield from (p for p in root.glob(name) if p.is_file() and not p.is_symlink())
