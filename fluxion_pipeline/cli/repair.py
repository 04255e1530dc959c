"""``fluxion repair``: show how a table departs from what is right, and with ``--apply`` mend and prove it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from fluxion_pipeline import pause
from fluxion_pipeline.cli.console import err, fail, speaking
from fluxion_pipeline.cli.home import existing
from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.contracts.tables import LANDED_TABLES
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.operations import repair as from_lote
from fluxion_pipeline.operations import repair_from_sink as from_sink
from fluxion_pipeline.operations import restore_images
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.repair import Repaired, Writing
from fluxion_pipeline.operations.repairs import Origin, asked
from fluxion_pipeline.parity.images import Leg
from fluxion_pipeline.parity.report import Difference, Kind, TableParity


def repair(
    table: Annotated[str, typer.Argument(metavar="TABLE", help=f"One of {', '.join(LANDED_TABLES)}, or your own; from a sink: {', '.join(from_sink.FACTS)}.")],
    origin: Annotated[Origin, typer.Option("--from", help="What is right: lote (what landing decided), or a sink, whose rows then become new lotes.")],
    apply: Annotated[bool, typer.Option("--apply", help="Write; without it only shown.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also when many rows would be written, or the side to copy from has none.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the DuckDB file.")] = 20.0,
) -> None:
    """Make a table right again in lotes and sinks; images whose files are lost are made anew from a sink that holds them as they were.

    Exit code 0: nothing to do, or done and proven; 1: it differs (dry run); 2: refused.
    """
    with speaking():
        app = App(existing())
        if apply:
            pause.check(app.settings.home)
        anew = _images_anew(app, table, origin, apply)
        done = _from_lote(app, table, apply, force, wait) if origin is Origin.LOTE else _from_sink(app, table, SinkName(origin.value), apply, force, wait)
        if done is None:
            print(f"{table}: {'repaired' if anew else 'nothing to do'}")
            return
        for item in done:
            inserted, changed, deleted = item.rows
            print(f"{table} in {item.target}: {inserted} inserted, {changed} changed, {deleted} deleted")
        print(f"{table}: repaired and proven")


def _images_anew(app: App, table: str, origin: Origin, apply: bool) -> int:
    """Make images anew whose files are lost, from whatever database holds them as they were; how many."""
    images = restore_images.lost_images(app, table)
    if not images:
        return 0
    found = restore_images.search(app, table, images)
    for text in restore_images.told(table, found):
        print(text)
    missing = restore_images.nowhere(table, found)
    if not apply:
        if missing is not None:
            raise missing
        err.print(f"to make them anew from there: fluxion repair {table} --from {origin} --apply")
        raise typer.Exit(1)
    done = restore_images.restore(app, table, found)
    print(f"{table}: {done} images made anew")
    if missing is not None:
        raise missing
    return done


def _from_lote(app: App, table: str, apply: bool, force: bool, wait: float) -> Sequence[Repaired] | None:
    legs = from_lote.examine(app, table, wait)
    for leg in legs:
        _show_leg(leg)
    if not any(leg.to_write for leg in legs):
        return None
    _may(table, Origin.LOTE, from_lote.writings(legs), apply, force)
    return from_lote.repair(app, legs, wait, asked(app, table, Origin.LOTE, force))


def _from_sink(app: App, table: str, source: SinkName, apply: bool, force: bool, wait: float) -> Sequence[Repaired] | None:
    plan = from_sink.examine(app, table, source, wait)
    _show_leg(plan.leg)
    if plan.apart is not None:
        _show_apart(plan.apart)
    if plan.empty:
        return None
    planned = list(plan.writings(app))
    for item in planned:
        print(f"{table}: from {source} to {item.target}: {item.inserts} to insert, {item.changes} to change, {item.deletes} to delete")
    _may(table, Origin(source.value), planned, apply, force)
    return from_sink.copy(app, plan, asked(app, table, Origin(source.value), force), wait)


def _may(table: str, origin: Origin, planned: Sequence[Writing], apply: bool, force: bool) -> None:
    """Go on, or end the command: only shown, or refused."""
    reason = None if force else from_lote.refusal(table, origin, planned)
    again = f"fluxion repair {table} --from {origin} --apply"
    if not apply:
        err.print(f"{table} differs" + (f": {reason}; to mend it all the same: {again} --force" if reason else f"; to mend it: {again}"))
        raise typer.Exit(1)
    if reason is not None:
        raise fail(ContractError(f"refused: {reason}", f"look at the sample; if {origin} is right: {again} --force"))


_WORDS = {Kind.MISSING: "falta", Kind.EXTRA: "sobra", Kind.CHANGED: "cambiada", Kind.DUPLICATED: "duplicada"}


def _show_leg(leg: Leg) -> None:
    total = leg.total
    counts = f"{total.missing} missing, {total.extra} extra, {total.changed} changed, {total.doubled_postgresql} doubled"
    print(f"{leg.table} in {leg.sink}: {leg.rows} rows, lotes {leg.wanted}: {counts} in {len(leg.slices)} slices")
    for item in leg.sample:
        print(_line(item, "lote", str(leg.sink)))


def _show_apart(found: TableParity) -> None:
    doubled = found.duplicated_in_duckdb + found.duplicated_in_postgresql
    counts = f"{found.missing_in_postgresql} only in duckdb, {found.missing_in_duckdb} only in postgresql, {found.changed} changed, {doubled} doubled"
    print(f"{found.table} in duckdb: {found.rows_duckdb} rows, postgresql {found.rows_postgresql}: {counts}")
    for item in found.sample:
        print(_line(item, "duckdb", "postgresql"))


def _line(item: Difference, left: str, right: str) -> str:
    """One difference: its key, and both values of what differs (of a row on one side only, all that it has)."""
    key = " ".join(f"{name}={value}" for name, value in item.key.items())
    names = item.columns or tuple(k for k, v in (item.duckdb or item.postgresql or {}).items() if v is not None and k not in item.key)
    values = ", ".join(f"{c}: {left}={_value(item.duckdb, c)} {right}={_value(item.postgresql, c)}" for c in names)
    word = _WORDS[Kind(item.kind)] + (f" in {right}" if Kind(item.kind) in (Kind.MISSING, Kind.EXTRA) else "")
    return f"  {word} {key}" + (f" | {values}" if values else "")


def _value(row: Mapping[str, Any] | None, name: str) -> str:
    return "–" if row is None else repr(row.get(name))
