"""The map of a foreign file's names: a TOML file with a section for each fact, as plain values.

Before this: a person; after it: ``query``. Whether the tables are there is ``source``'s to find out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.errors import ContractError
from fluxion_pipeline.sources.archivos.layouts import LAYOUTS

SECTIONS = {Fact.CATALOGO: "productos", Fact.INVENTARIO: "inventario", Fact.VENTAS: "ventas"}
OPTIONAL = {"linea", "hora"}
MORE = {Fact.VENTAS: {"ubicacion", "formato_fecha", "orden"}, Fact.INVENTARIO: {"ubicacion", "corte"}, Fact.CATALOGO: set[str]()}


@dataclass(frozen=True)
class Part:
    """One fact's table.

    Attributes:
        fact: what its rows are.
        table: its name, with the schema where it isn't ``main``.
        columns: name of our layout's column → the foreign one's.
        place: the column that says of which location a row is; empty for products.
        date_format: how dates that are text are written, as DuckDB's ``strptime`` says it.
        order: columns by which lines without numbers are numbered within their invoice, before all others.
        cut: the tick at which the stock was so.
    """

    fact: Fact
    table: str
    columns: Mapping[str, str]
    place: str = ""
    date_format: str = "%Y-%m-%d"
    order: tuple[str, ...] = ()
    cut: str = ""


@dataclass(frozen=True)
class Map:
    """The parts that a map has, and what locations are called in the file, where it isn't codigo, codigo_etl or id."""

    parts: Mapping[Fact, Part]
    places: Mapping[str, str] = field(default_factory=dict)


def read_map(path: Path) -> Map:
    """Read a map.

    Raises:
        ContractError: if it can't be read, or a name in it means nothing, or one is missing.
    """
    try:
        data = tomli.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ContractError(f"{path} can't be read: {error}", "write it as docs/adopt.md shows") from error
    unknown = sorted(data.keys() - {*SECTIONS.values(), "ubicaciones"})
    if unknown:
        raise ContractError(f"{path}: [{unknown[0]}] means nothing", f"the sections are: {', '.join(SECTIONS.values())}, ubicaciones")
    parts = {fact: _part(path, fact, data[name]) for fact, name in SECTIONS.items() if name in data}
    if not parts:
        raise ContractError(f"{path} names no table", f"the sections are: {', '.join(SECTIONS.values())}")
    return Map(parts, {str(k): str(v) for k, v in data.get("ubicaciones", {}).items()})


def _part(path: Path, fact: Fact, data: Mapping[str, Any]) -> Part:
    known = {f.source: f.required for f in LAYOUTS[fact].fields}
    where = f"{path}: [{SECTIONS[fact]}]"
    wrong = sorted(data.keys() - {"tabla", *MORE[fact], *known})
    if wrong:
        raise ContractError(f"{where} «{wrong[0]}» means nothing", f"the names are: {', '.join(['tabla', *sorted(MORE[fact]), *known])}")
    needed = ["tabla", *(n for n in ("ubicacion", "corte") if n in MORE[fact]), *(n for n, required in known.items() if required and n not in OPTIONAL)]
    missing = [n for n in needed if not data.get(n)]
    if missing:
        raise ContractError(f"{where} says nothing of «{missing[0]}»", f"these must be there: {', '.join(needed)}")
    return Part(
        fact,
        str(data["tabla"]),
        {n: str(data[n]) for n in known if data.get(n)},
        str(data.get("ubicacion", "")),
        str(data.get("formato_fecha", "%Y-%m-%d")),
        tuple(map(str, data.get("orden", ()))),
        str(data.get("corte", "")),
    )
