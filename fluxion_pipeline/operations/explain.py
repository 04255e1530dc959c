"""Why one row is as it is: what each sink has, what the image has, and everything that happened to it, in time order.

It reads what landing kept: images of every lote that is still there, manifests, rejects, evidence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from fluxion_pipeline.contracts.sqltext import columns, quote
from fluxion_pipeline.contracts.tables import TableSpec
from fluxion_pipeline.errors import ContractError, FluxionError
from fluxion_pipeline.landing import frames
from fluxion_pipeline.landing.decide.dimensions import EVERYWHERE
from fluxion_pipeline.landing.index import place_name
from fluxion_pipeline.landing.lote import Manifest, read_manifest
from fluxion_pipeline.landing.own_tables import ORIGIN
from fluxion_pipeline.landing.tables import own_tables, table_of
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.sources.protocol import KEY_SEPARATOR

EXPLAINED = ("ventas", "inventario_actual", "inventario_historico", "productos", "ubicaciones")
"""The tables of which a row can be explained."""

_FILE = re.compile(r"(\d+)-([a-z0-9_]+)-[0-9a-f]+\.parquet$")


@dataclass(frozen=True)
class Event:
    """Something that happened to the row.

    Attributes:
        lote: secuencia of the lote.
        at: when the reading began (or the lote was written).
        what: ``landed``, ``gone``, ``rejected``, ``carried``, ``displaced``, ``repaired``, ``held back``.
        slice: day or tick, or the location.
        row: the row as the lote had it, key columns left out; None where there is none.
        origin: file or address, and line where one is known.
        note: outcome and reason.
    """

    lote: int
    at: str
    what: str
    slice: str
    row: dict[str, Any] | None
    origin: str
    note: str


@dataclass(frozen=True)
class Explanation:
    """Everything that is known of one row."""

    table: str
    key: dict[str, str]
    sinks: dict[str, list[dict[str, Any]] | str]
    image: list[dict[str, Any]]
    events: tuple[Event, ...]


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
    looked = "inventario_historico" if table == "inventario_actual" else table
    place = app.outbox.root / place_name(location)
    manifests = {m.sequence: m for m in (read_manifest(p) for p in sorted(place.glob("*/*.json")))}
    events = [*_landed(place, looked, named, manifests), *_rejected(place, table, named, manifests), *_held(place, table, named, manifests)]
    sinks: dict[str, list[dict[str, Any]] | str] = {}
    for sink in app.active:
        try:
            texts = {k: [v] for k, v in named.items() if isinstance(whole.table.columns[k].type, sa.Text)}
            sinks[sink.name.value] = _records(sink.read(table, None, texts), named)
        except FluxionError as error:
            sinks[sink.name.value] = str(error)
    return Explanation(table, named, sinks, _image(app, whole, location, named), tuple(sorted(events, key=lambda e: (e.lote, e.what))))


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


def _condition(named: dict[str, str]) -> tuple[str, list[str]]:
    return " AND ".join(f"CAST({quote(k)} AS VARCHAR) = ?" for k in named), list(named.values())


def _found(files: Sequence[Path], select: str, where: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows of many Parquet files, each with ``filename``."""
    if not files:
        return []
    sql = f"SELECT {select}, filename FROM read_parquet(?, filename = true, union_by_name = true) WHERE {where}"  # noqa: S608 quoted names
    found: list[dict[str, Any]] = frames.query(sql, None, [[str(f) for f in files], *values]).to_pylist()
    return found


def _sequence(filename: str) -> int:
    found = _FILE.search(filename)
    return int(found.group(1)) if found else 0


def _landed(place: Path, table: str, named: dict[str, str], manifests: dict[int, Manifest]) -> list[Event]:
    """The row in every image that is still there, and the lotes in which it was missing after having been there."""
    where, values = _condition(named)
    found = _found(sorted(place.glob(f"*/*-{table}-*.parquet")), "*", where, values)
    events: list[Event] = []
    having: dict[str, int] = {}
    for row in sorted(found, key=lambda r: (_sequence(r["filename"]), r["_slice"])):
        sequence, slice_ = _sequence(row.pop("filename")), row.pop("_slice")
        manifest = manifests.get(sequence)
        if manifest is None:
            continue
        what = _what(row, manifest)
        shown = {k: v for k, v in row.items() if not k.startswith("_") and k not in named and v is not None}
        events.append(Event(sequence, _at(manifest), what, slice_, shown, _origin(manifest), _note(manifest)))
        having[slice_] = sequence
    for slice_, last in having.items():
        for manifest in manifests.values():
            if manifest.sequence > last and any(s.table == table and s.slice == slice_ for s in manifest.slices):
                events.append(Event(manifest.sequence, _at(manifest), "gone", slice_, None, _origin(manifest), _note(manifest)))
                break
    return events


def _what(row: dict[str, Any], manifest: Manifest) -> str:
    if row.get("_desplazada"):
        return "displaced"
    if row.get("_arrastrada"):
        return "carried"
    if row.get("movimiento") == "baja":
        return "gone"
    return "repaired" if manifest.reading and manifest.reading["provenance"] == "repair" else "landed"


def _rejected(place: Path, table: str, named: dict[str, str], manifests: dict[int, Manifest]) -> list[Event]:
    fact = "inventario_actual" if table == "inventario_historico" else table
    clave = KEY_SEPARATOR.join(v for k, v in named.items() if k != "ubicacion_codigo")
    rows = _found(sorted(place.glob("*/*-rechazos-*.parquet")), "*", "tabla = ? AND _clave = ?", [fact, clave])
    return [
        Event(n, _at(manifests[n]), "rejected", r["_slice"], {"campo": r["campo"], "valor": r["valor"]}, f"{r['origen']}, line {r['linea']}", r["motivo"])
        for r in rows
        if (n := _sequence(r["filename"])) in manifests
    ]


def _held(place: Path, table: str, named: dict[str, str], manifests: dict[int, Manifest]) -> list[Event]:
    fact = "inventario_actual" if table == "inventario_historico" else table
    wanted = {n: m for n, m in manifests.items() if m.reading and m.reading["fact"] == fact and m.extra.get("evidencia")}
    where, values = _condition(named)
    files = [p for n, m in wanted.items() for p in place.glob(f"*/{m.extra['evidencia']}")]
    return [
        Event(n, _at(wanted[n]), "held back", str((wanted[n].reading or {})["cut"]), None, _origin(wanted[n]), _note(wanted[n]))
        for r in _found(files, columns([next(iter(named))]), where, values)
        if (n := _sequence(r["filename"])) in wanted
    ]


def _image(app: App, table: TableSpec, location: str, named: dict[str, str]) -> list[dict[str, Any]]:
    where, values = _condition(named)
    images = [i for i in app.outbox.index.images(location, table.name) if i.rows]
    names = {str(i.file): i.slice for i in images}
    rows = _found(list(dict.fromkeys(i.file for i in images)), "*", where, values)
    newest = {(str(i.file), i.slice) for i in images}
    kept = [r for r in rows if (r["filename"], r["_slice"]) in newest and r["filename"] in names and not r.get("_desplazada")]
    return [{k: v for k, v in r.items() if not k.startswith("_") and k != "filename"} for r in kept]


def _records(table: Any, named: dict[str, str]) -> list[dict[str, Any]]:
    return [r for r in table.to_pylist() if all(str(r[k]) == v for k, v in named.items())]


def _at(manifest: Manifest) -> str:
    return str(manifest.reading["read_at"]) if manifest.reading else manifest.written_at


def _origin(manifest: Manifest) -> str:
    if ORIGIN in manifest.extra:
        return str(manifest.extra[ORIGIN]["origen"])
    return str(manifest.reading["origin"]) if manifest.reading else "the map of locations, or products that facts met"


def _note(manifest: Manifest) -> str:
    if manifest.reading is None:
        return ""
    reason = manifest.reading["reason"]
    provenance = manifest.reading["provenance"]
    return str(manifest.reading["outcome"]) + (f" ({provenance})" if provenance != "normal" else "") + (f": {reason}" if reason else "")
