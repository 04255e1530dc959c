"""``fluxion repair``: show how a table departs from its lotes, and with ``--apply`` mend and prove it."""

from __future__ import annotations

from typing import Annotated

import typer

from fluxion_pipeline.cli.console import err, fail, speaking
from fluxion_pipeline.contracts.outcomes import Word
from fluxion_pipeline.contracts.tables import LANDED_TABLES
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.operations import repair as operation
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.parity.images import Leg
from fluxion_pipeline.parity.report import Difference, Kind
from fluxion_pipeline.settings import load

_WORDS = {Kind.MISSING: "falta", Kind.EXTRA: "sobra", Kind.CHANGED: "cambiada", Kind.DUPLICATED: "duplicada"}


class Origin(Word):
    """What is right, and copied from."""

    LOTE = "lote"
    DUCKDB = "duckdb"
    POSTGRESQL = "postgresql"


def repair(
    table: Annotated[str, typer.Argument(metavar="TABLE", help=f"One of {', '.join(LANDED_TABLES)}, or a table of your own.")],
    origin: Annotated[Origin, typer.Option("--from", help="What is right: lote (what landing decided). From a sink is refused: it would be a landing.")],
    apply: Annotated[bool, typer.Option("--apply", help="Write; without it only shown.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also when many rows would be written, or the lotes have none.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the DuckDB file.")] = 20.0,
) -> None:
    """Make a table equal to its lotes again. Exit code 0: nothing to do, or done and proven; 1: it differs (dry run); 2: refused."""
    if origin is not Origin.LOTE:
        raise fail(
            ContractError(
                f"repair from {origin} isn't decided yet: its rows would have to become new lotes, or the next lote would undo them",
                f"fluxion repair {table} --from lote",
            )
        )
    with speaking():
        app = App(load())
        legs = operation.examine(app, table, wait)
        for leg in legs:
            _show(leg)
        if not any(leg.to_write for leg in legs):
            print(f"{table}: nothing to do")
            return
        reason = None if force else operation.refusal(legs)
        if reason is None and apply:
            for item in operation.repair(app, legs, wait):
                c = item.counts
                print(f"{table} in {item.sink}: {c.inserted} inserted, {c.changed} changed, {c.deleted} deleted, {c.unchanged} unchanged")
            print(f"{table}: repaired and proven")
            return
    if reason is None:
        err.print(f"{table} differs from its lotes; to mend it: fluxion repair {table} --from lote --apply")
        raise typer.Exit(1)
    if not apply:
        err.print(f"{table} differs from its lotes: {reason}; to mend it all the same: fluxion repair {table} --from lote --apply --force")
        raise typer.Exit(1)
    raise fail(ContractError(f"refused: {reason}", f"look at the sample; if the lotes are right: fluxion repair {table} --from lote --apply --force"))


def _show(leg: Leg) -> None:
    total = leg.total
    counts = f"{total.missing} missing, {total.extra} extra, {total.changed} changed, {total.doubled_postgresql} doubled"
    print(f"{leg.table} in {leg.sink}: {leg.rows} rows, lotes {leg.wanted}: {counts} in {len(leg.slices)} slices")
    for item in leg.sample:
        print(_line(leg, item))


def _line(leg: Leg, item: Difference) -> str:
    key = " ".join(f"{name}={value}" for name, value in item.key.items())
    values = ", ".join(f"{c}: lote={(item.duckdb or {}).get(c)!r} {leg.sink}={(item.postgresql or {}).get(c)!r}" for c in item.columns)
    return f"  {_WORDS[Kind(item.kind)]} {key}" + (f" | {values}" if values else "")
