"""Why one row is as it is: what each sink has, what the image has, and everything that happened to it, in time order.

What happened is ``operations.happenings``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.errors import ContractError, FluxionError
from fluxion_pipeline.landing.decide.dimensions import EVERYWHERE
from fluxion_pipeline.landing.index import place_name
from fluxion_pipeline.landing.lote import read_manifest
from fluxion_pipeline.landing.tables import own_tables, table_of
from fluxion_pipeline.operations import drifts
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.happenings import HISTORY, Event, Kept, condition, held, landed, rejected, repairs
from fluxion_pipeline.operations.repairs import recorded

EXPLAINED = ("ventas", "inventario_actual", "inventario_historico", "productos", "ubicaciones")
"""The tables of which a row can be explained."""


@dataclass(frozen=True)
class Explanation:
    """Everything that is known of one row; ``lost``: files of lotes that may tell more of it, and can't be read."""

    table: str
    key: dict[str, str]
    sinks: dict[str, list[dict[str, Any]] | str]
    image: list[dict[str, Any]] | str
    events: tuple[Event, ...]
    lost: tuple[str, ...] = ()


def explain(app: App, table: str, key: Sequence[str]) -> Explanation:
    """Explain one row.

    Args:
        app: the home.
        table: one of ``EXPLAINED``, or a user's own.
        key: values of the table's key, in its order; for stock the warehouse may be left out
            (then: the location's own), and of the history the tick (then: the newest).

    Raises:
        ContractError: if the table can't be explained, or the key has the wrong number of parts.
        LocationError: if the location isn't in the map.
    """
    own = own_tables(app.settings.home)
    if table not in EXPLAINED and table not in own:
        raise ContractError(f"rows of «{table}» can't be explained", f"use one of {', '.join((*EXPLAINED, *own))}")
    whole = table_of(app.settings.home, table)
    named = _key(app, whole, key)
    location = own[table].place if table in own else named.get("ubicacion_codigo", EVERYWHERE)
    looked = HISTORY if table == "inventario_actual" else table
    place = app.outbox.root / place_name(location)
    kept = Kept(place)
    manifests = {m.sequence: m for m in (read_manifest(p) for p in sorted(place.glob("*/*.json")))}
    fact = "inventario_actual" if table == HISTORY else table
    events = sorted(landed(kept, looked, named, manifests), key=_in_time)
    refused = [*rejected(kept, fact, named, manifests)]
    events = [*events, *refused, *held(kept, fact, named, manifests, events, {e.lote for e in refused})]
    slices = frozenset({e.slice for e in events} | ({location} if table == "inventario_actual" else set()))
    events += [*repairs(recorded(app, table), slices), *drifts.events(app.settings.home, looked, named)]
    sinks: dict[str, list[dict[str, Any]] | str] = {}
    for sink in app.active:
        try:
            texts = {k: [v] for k, v in named.items() if isinstance(whole.table.columns[k].type, sa.Text)}
            sinks[sink.name.value] = _records(sink.read(table, None, texts), named)
        except FluxionError as error:
            sinks[sink.name.value] = str(error)
    image, lost = _image(app, kept, whole, location, named), sorted(str(f.relative_to(app.outbox.root)) for f in kept.lost)
    return Explanation(table, named, sinks, image, tuple(sorted(events, key=_in_time)), tuple(lost))


def _in_time(event: Event) -> tuple[str, int, str, str]:
    return event.when, event.lote, event.slice, event.what


def _key(app: App, table: TableSpec, key: Sequence[str]) -> dict[str, str]:
    names = [n for n in table.key if n != "capturado_en" or table.own is not None]
    given = list(key)
    if table.own is None and names[0] == "ubicacion_codigo" and given:
        given[0] = app.registry.find(given[0]).codigo
        if "almacen_codigo" in names and len(given) == len(names) - 1:
            given.insert(1, given[0])
    if len(given) != len(names):
        wanted = " ".join(n.upper() for n in names)
        raise ContractError(f"the key of {table.name} is {', '.join(names)}: {len(key)} values were given", f"fluxion explain {table.name} {wanted}")
    return dict(zip(names, given, strict=True))


def _image(app: App, files: Kept, table: TableSpec, location: str, named: dict[str, str]) -> list[dict[str, Any]] | str:
    where, values = condition(named)
    images = [i for i in app.outbox.index.images(location, table.name) if i.rows]
    names = {str(i.file): i.slice for i in images}
    rows = files.rows(list(dict.fromkeys(i.file for i in images)), where, values)
    if not rows and files.lost & {i.file for i in images}:
        return "can't be read"
    newest = {(str(i.file), i.slice) for i in images}
    kept = [r for r in rows if (r["filename"], r["_slice"]) in newest and r["filename"] in names and not r.get("_desplazada")]
    return [{k: v for k, v in r.items() if not k.startswith("_") and k != "filename"} for r in kept]


def _records(table: Any, named: dict[str, str]) -> list[dict[str, Any]]:
    return [r for r in table.to_pylist() if all(str(r[k]) == v for k, v in named.items())]
