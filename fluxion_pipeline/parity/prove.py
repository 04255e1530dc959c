"""The entry to parity: prove that both sinks hold the same rows, or say what differs or why it can't be told.

Every verdict is on everything that was asked for; rows of slices that nobody touched since they were
compared are not compared again (``ledger``), until a day has passed. Both snapshots can't be taken at one
instant; where slices were written between them they are looked at again, and then named as in flight.
Before this: converged sinks; after it: checks, the command line, repair.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence

import duckdb
import psycopg2

from fluxion_pipeline.contracts.outcomes import Verdict
from fluxion_pipeline.errors import ContractError, FluxionError
from fluxion_pipeline.landing.tables import compared_tables, table_of
from fluxion_pipeline.parity.folder import own_folder
from fluxion_pipeline.parity.passes import Only, Pass, Progress, ledgers
from fluxion_pipeline.parity.report import Level, ParityReport, TableParity
from fluxion_pipeline.parity.schema import prove_schema
from fluxion_pipeline.parity.verdict import Found, judge
from fluxion_pipeline.settings import Settings

RETRIES = 8
"""How often slices in flight are compared again."""

STILL = 2
"""Looks in a row at pending slices without a change after which nobody is taken to be writing them."""

PAUSE = 1.0
"""Seconds between a comparison and the next look at slices in flight."""


def prove(
    settings: Settings,
    tables: Sequence[str] | None = None,
    level: Level = Level.VALUES,
    *,
    full: bool = False,
    wait: float = 20.0,
    slices: Mapping[str, Collection[str]] | None = None,
    progress: Progress | None = None,
) -> ParityReport:
    """Compare both sinks.

    Args:
        settings: where they are.
        tables: contract tables, or users' own; None or empty: all of them.
        level: how deep.
        full: compare every row, also of slices that are as they were when they were last proven.
        wait: seconds to wait for the DuckDB file.
        slices: only these slices of these tables (texts as in the ledger); other tables are compared whole.
        progress: told of each chunk that was compared.

    Raises:
        ContractError: if there is no such table, or it isn't compared.
    """
    names = chosen(settings, tables)
    if len(settings.db_mode.sinks) < 2:
        return _untold(names, level, f"only one active sink (DB_MODE={settings.db_mode})")
    if level is Level.SCHEMA:
        return _guarded_schema(settings, names, wait)
    found = {name: Found(table_of(settings.home, name)) for name in names}
    with own_folder(settings.home) as folder:
        _compare(Pass(settings, level, wait, folder, progress, full), found, slices or {})
    return ParityReport(tuple(judge(item, level) for item in found.values()))


def chosen(settings: Settings, tables: Sequence[str] | None) -> list[str]:
    """The tables to compare, each once; by default all, those of users too.

    Raises:
        ContractError: if there is no such table, or it isn't compared; the error lists those that are.
    """
    known = compared_tables(settings.home)
    unknown = [t for t in tables or () if t not in known]
    if unknown:
        raise ContractError(f"«{unknown[0]}» is no table that is compared", f"the tables are: {', '.join(known)}")
    return list(dict.fromkeys(tables or known))


def _compare(run: Pass, found: Mapping[str, Found], slices: Only) -> None:
    if not _guarded(run, found, slices):
        return
    for attempt in range(RETRIES + 1):
        pending = {name: item.pending for name, item in found.items() if item.pending}
        if not pending or attempt == RETRIES:
            return
        still = 0
        while not _moved(run, found, pending):
            still += 1
            if still >= STILL:
                return
        for name, gone in pending.items():
            found[name].forget(gone)
        if not _guarded(run, {name: found[name] for name in pending}, pending):
            return


def _guarded(run: Pass, found: Mapping[str, Found], only: Only) -> bool:
    """A pass; a sink that is away becomes the reason of every table that isn't done."""
    try:
        run.run(found, only)
    except (FluxionError, psycopg2.Error, duckdb.Error) as error:
        for item in found.values():
            if item.left and not item.drift.differences:
                item.away = item.away or _line(error)
        return False
    return True


def _moved(run: Pass, found: Mapping[str, Found], pending: Only) -> bool:
    """Whether the ledgers of pending slices change within a short while: then somebody is writing them."""
    time.sleep(PAUSE)
    try:
        now = ledgers(run.settings, pending, run.wait)
    except (FluxionError, psycopg2.Error, duckdb.Error):
        return False
    for name, seen in now.items():
        found[name].moving = any(found[name].versions[s] != v for s, v in seen.items())
    return any(found[name].moving for name in pending)


def _guarded_schema(settings: Settings, names: Sequence[str], wait: float) -> ParityReport:
    try:
        return prove_schema(settings, names, wait)
    except (FluxionError, psycopg2.Error, duckdb.Error) as error:
        return _untold(names, Level.SCHEMA, _line(error))


def _untold(names: Sequence[str], level: Level, reason: str) -> ParityReport:
    return ParityReport(tuple(TableParity(name, level, Verdict.NO_CONCLUYENTE, reason) for name in names))


def _line(error: Exception) -> str:
    return str(error) if isinstance(error, FluxionError) else (str(error).strip().splitlines() or [type(error).__name__])[0]
