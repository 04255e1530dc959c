"""Runs whose process has died without a word: ended here, so that they keep no pool and no queue from others.

Dagster's default launcher can't tell that a run's process is gone. A killed command, or a killed
server, would hold its pool slots for ever, and the next run of its job would wait for it for ever.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from fluxion_pipeline.defs.storage import opened
from fluxion_pipeline.locks import is_free
from fluxion_pipeline.operations import instance
from fluxion_pipeline.settings import Settings

PROCESS_TAG = "fluxion/proceso"
SILENT_AFTER = 120.0
"""Seconds without a heartbeat (there is one every 30) after which no daemon is taken to live."""

_GOING_ON = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]


def process_mark() -> str:
    """This process, so that a later one can tell whether it still lives: host, id, and start."""
    return f"{socket.gethostname()}/{os.getpid()}/{_started(os.getpid())}"


def _started(pid: int) -> str:
    """When a process started, in the kernel's ticks; ids are used again. Empty: there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[19]
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "?"


def lives(mark: str) -> bool:
    """Whether a marked process still lives, as far as can be told from here."""
    host, pid, started = mark.split("/")
    return host != socket.gethostname() or _started(int(pid)) == started


def end_leftovers(home: dg.DagsterInstance, settings: Settings, *, alone: bool = False) -> list[str]:
    """Mark runs whose process is gone as failed, and free the pools that they hold; their ids.

    Args:
        home: the instance.
        settings: of the home, which says where a running ``fluxion ui`` holds its lock.
        alone: whether it is known that no server of this home lives (else it is looked up).
    """
    served = not alone and _served(home, settings)
    ended = []
    for run in home.get_runs(RunsFilter(statuses=_GOING_ON)):
        mark = run.tags.get(PROCESS_TAG)
        if lives(mark) if mark else served:
            continue
        home.report_run_failed(run, "its process is gone: it was killed, or the machine went down")
        home.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        ended.append(run.run_id)
    return ended


def _served(home: dg.DagsterInstance, settings: Settings) -> bool:
    """Whether a server that launches runs lives on this instance."""
    if not is_free(instance.ui_lock(settings)):
        return True
    beats = [beat.timestamp for beat in home.get_daemon_heartbeats().values()]
    return bool(beats) and time.time() - max(beats) < SILENT_AFTER


def end_all(settings: Settings) -> list[str]:
    """The same before a server starts: no other one of this home lives, so nobody's launched runs do. ``DAGSTER_HOME`` is set."""
    with opened(settings) as home:
        return end_leftovers(home, settings, alone=True)
