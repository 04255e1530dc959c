"""The map of locations: ubicaciones.csv, validated, and nothing else.

A store's code is looked up, never computed: ``tienda_02`` is ``SUC007`` and there is no
``tienda_14``. Before this: a curated file; after it: sources, landing and the ``ubicaciones`` table.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from fluxion_pipeline.contracts.clock import parse_day
from fluxion_pipeline.errors import ContractError, LocationError

TIPOS = ("tienda", "cedi")
SYSTEMS = ("klk", "stellar")
MAX_CODE = 10


@dataclass(frozen=True)
class Location:
    """One line of ubicaciones.csv; the fields are its columns.

    ``sistema_desde`` is the one that a file may leave out: the first business day that comes from
    ``sistema_pos``; the days before it come from the other system. It is no column of the table.
    """

    id: str
    codigo: str
    codigo_etl: str
    nombre: str
    tipo: str
    region: str | None
    sistema_pos: str
    klk_sucursal: str | None
    klk_almacen: str | None
    stellar_deposito: str | None
    activo: bool
    visible_pedidos: bool
    sistema_desde: date | None = None

    def system_on(self, day: date) -> str:
        """The system that a business day is read from: before ``sistema_desde`` the other one."""
        if self.sistema_desde is None or day >= self.sistema_desde:
            return self.sistema_pos
        return next(name for name in SYSTEMS if name != self.sistema_pos)

    def ever_of(self, system: str) -> bool:
        """Whether any of its days are read from a system."""
        return system == self.sistema_pos or self.sistema_desde is not None

    @property
    def is_store(self) -> bool:
        """Whether it is a tienda, of which sales are expected."""
        return self.tipo == "tienda"


SINCE = "sistema_desde"
COLUMNS = tuple(f.name for f in fields(Location) if f.name != SINCE)


@dataclass(frozen=True)
class Registry:
    """All locations, in the order of the file."""

    locations: tuple[Location, ...]

    def __iter__(self) -> Iterator[Location]:
        """The locations in the file's order."""
        return iter(self.locations)

    @property
    def active(self) -> tuple[Location, ...]:
        """The locations that are read and expected."""
        return tuple(x for x in self.locations if x.activo)

    @cached_property
    def _names(self) -> dict[str, Location]:
        return {name: x for x in self.locations for name in (x.id, x.codigo_etl, x.codigo)}

    @cached_property
    def _etl(self) -> dict[str, Location]:
        return {x.codigo_etl: x for x in self.locations}

    def by_etl(self, codigo_etl: str) -> Location | None:
        """The location of a code in the stores' files, or None."""
        return self._etl.get(codigo_etl)

    def find(self, name: str) -> Location:
        """The location of a codigo, codigo_etl or id, as people type it.

        Raises:
            LocationError: if there is none.
        """
        found = self._names.get(name) or self._names.get(name.upper()) or self._names.get(name.lower())
        if found is None:
            known = ", ".join(f"{x.codigo} ({x.codigo_etl}, {x.id})" for x in self.locations)
            raise LocationError(f"«{name}» is no location of ubicaciones.csv", f"use a codigo, codigo_etl or id: {known}")
        return found


def load(path: Path | None = None) -> Registry:
    """Read and validate a map of locations.

    Args:
        path: the file; by default the one that ships with the package.

    Raises:
        LocationError: naming the line and what is wrong with it.
    """
    if path is None:
        text, name = _shipped(), "ubicaciones.csv"
    else:
        try:
            text, name = path.read_text("utf-8-sig"), str(path)
        except (OSError, UnicodeDecodeError) as error:
            raise LocationError(f"{path} can't be read: {error}", "it must be the UTF-8 map of locations") from error
    return parse(text, name)


def _shipped() -> str:
    file = files(__package__).joinpath("ubicaciones.csv")
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror or "") if isinstance(error, OSError) else str(error)
        raise LocationError(
            f"the map of locations, {file}, can't be read: {why}", "put it there again, from your copy of it or the program's repository"
        ) from error


def parse(text: str, name: str = "ubicaciones.csv") -> Registry:
    """Validate the text of a map of locations; see ``load``."""
    reader = csv.DictReader(io.StringIO(text))
    missing = [c for c in COLUMNS if c not in (reader.fieldnames or [])]
    if missing:
        raise LocationError(f"{name}, line 1: missing columns {', '.join(missing)}", f"the columns are {', '.join(COLUMNS)}")
    locations: list[Location] = []
    seen: dict[tuple[str, str], int] = {}
    for raw in reader:
        location = _location(raw, f"{name}, line {reader.line_num}")
        for column in ("id", "codigo", "codigo_etl"):
            key = (column, getattr(location, column))
            if key in seen:
                raise LocationError(f"{name}, line {reader.line_num}: {column} «{key[1]}» stands in line {seen[key]} already", "every code names one location")
            seen[key] = reader.line_num
        locations.append(location)
    if not locations:
        raise LocationError(f"{name} has no locations", "restore the curated file")
    return Registry(tuple(locations))


def _location(raw: dict[str, str | None], where: str) -> Location:
    value = {c: ((raw.get(c) or "").strip() or None) for c in COLUMNS}
    for column in ("id", "codigo", "codigo_etl", "nombre", "tipo", "sistema_pos", "activo", "visible_pedidos"):
        if value[column] is None:
            raise LocationError(f"{where}: {column} is empty", "every location has one")
    _among(value["tipo"], TIPOS, "tipo", where)
    _among(value["sistema_pos"], SYSTEMS, "sistema_pos", where)
    if len(value["codigo"] or "") > MAX_CODE:
        raise LocationError(f"{where}: codigo «{value['codigo']}» is longer than {MAX_CODE} characters", "shorten it")
    since = _since((raw.get(SINCE) or "").strip(), where)
    flags = {c: _flag(value.pop(c) or "", c, where) for c in ("activo", "visible_pedidos")}
    location = Location(**value, **flags, sistema_desde=since)  # type: ignore[arg-type]
    if location.ever_of("klk") and not (location.klk_sucursal and location.klk_almacen):
        raise LocationError(f"{where}: a KLK location needs klk_sucursal and klk_almacen", "fill both columns")
    if location.activo and location.ever_of("stellar") and not location.stellar_deposito:
        raise LocationError(f"{where}: an active Stellar location needs stellar_deposito", "fill the column, or set activo to false")
    return location


def _since(text: str, where: str) -> date | None:
    if not text:
        return None
    try:
        return parse_day(text)
    except ContractError as error:
        raise LocationError(f"{where}: {SINCE} is «{text}»", "write the first day of sistema_pos as YYYY-MM-DD, or leave it empty") from error


def _among(value: str | None, allowed: tuple[str, ...], column: str, where: str) -> None:
    if value not in allowed:
        raise LocationError(f"{where}: {column} is «{value}»", f"it is one of {', '.join(allowed)}")


def _flag(value: str, column: str, where: str) -> bool:
    _among(value, ("true", "false"), column, where)
    return value == "true"
