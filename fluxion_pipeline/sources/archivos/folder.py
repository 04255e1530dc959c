"""What files there are in a folder of drops, asked anew each time: people drop files while we run.

Lives here: names and places. Reading a file's content is ``content``'s. Names that are no day or tick
are told (``strange``), hidden files and editors' temporary files are not looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG

from fluxion_pipeline.contracts.clock import parse_day, parse_tick
from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.errors import ContractError

SUFFIXES = (".csv", ".csv.gz", ".parquet")
FOLDERS = {Fact.VENTAS: "ventas", Fact.INVENTARIO: "inventario"}
CATALOGUE = "productos"
_TEMPORARY_STARTS, _TEMPORARY_ENDS = (".", "~", "#"), ("~", ".tmp", ".swp", ".part")


@dataclass(frozen=True)
class Entry:
    """One thing in a folder: its name as text (bytes that are not UTF-8 escaped), its path, what it is."""

    name: str
    path: Path
    is_file: bool


def origin(root: Path, path: Path) -> str:
    """A file's place relative to the folder of drops, as text that can be stored."""
    return _printable(path.relative_to(root).as_posix())


def entries(folder: Path) -> list[Entry]:
    """What a folder holds, by name; nothing if it isn't there.

    Raises:
        OSError: if it can't be listed.
    """
    try:
        with os.scandir(folder) as found:
            listed = [Entry(_printable(e.name), Path(e.path), _is_file(e)) for e in found if not _temporary(e.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(listed, key=lambda e: e.name)


@lru_cache(maxsize=100_000)
def cut_of(fact: Fact, name: str) -> str | None:
    """The day or tick that a file name says, or None; remembered, since each run looks at all names of all locations."""
    stem = stem_of(name)
    if stem == name:
        return None
    try:
        _parse(fact, stem)
    except ContractError:
        return None
    return stem


def stem_of(name: str) -> str:
    """A file name without the suffix of a drop."""
    return next((name[: -len(s)] for s in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(s) and name != s), name)


def cuts(root: Path, fact: Fact, etl: str) -> set[str]:
    """The days or ticks of which a location has a file.

    Raises:
        OSError: if the location's folder can't be listed.
    """
    found = (cut_of(fact, e.name) for e in entries(root / FOLDERS[fact] / etl) if e.is_file)
    return {cut for cut in found if cut is not None}


def candidates(root: Path, fact: Fact, etl: str, cut: str) -> list[Path]:
    """The files of one slice: none, one, or (an error of whoever dropped them) several.

    Raises:
        ContractError: if ``cut`` is no day or tick.
        OSError: if it can't be told whether there are any.
    """
    if fact is Fact.CATALOGO:
        place = root / CATALOGUE
    else:
        _parse(fact, cut)
        place = root / FOLDERS[fact] / etl / cut
    return [p for p in (place.with_name(place.name + s) for s in SUFFIXES) if _exists(p)]


def strange(root: Path, known: set[str]) -> Iterator[str]:
    """What the folder holds that is no drop, each with the reason; ``known`` are the codes of locations that are read."""
    odd = [*_strange_at_top(root)]
    yield from odd
    if root.is_dir() and not odd and not any(e.name in FOLDERS.values() or stem_of(e.name) == CATALOGUE for e in _listed(root)):
        yield f"{_printable(str(root))}: neither {' nor '.join(sorted(FOLDERS.values()))} nor {CATALOGUE}.csv is there: is FLUXION_SOURCE_PATH right?"
    for fact, top in FOLDERS.items():
        for entry in _listed(root / top):
            yield from _strange_below(root, fact, entry, entry.name in known)


def _strange_at_top(root: Path) -> Iterator[str]:
    tops = {*FOLDERS.values()}
    for entry in _listed(root):
        data = entry.name.endswith(SUFFIXES)
        if entry.is_file and data and stem_of(entry.name) != CATALOGUE:
            yield f"{entry.name}: the catalogue is called {CATALOGUE}.csv"
        elif not entry.is_file and entry.name not in tops:
            yield f"{entry.name}: drops lie in {' and '.join(sorted(tops))}"


def _strange_below(root: Path, fact: Fact, folder: Entry, known: bool) -> Iterator[str]:
    where = origin(root, folder.path)
    if folder.is_file:
        yield f"{where}: files lie in a location's folder"
        return
    try:
        found = entries(folder.path)
    except OSError as error:
        yield f"{where}: can't be listed: {error.strerror}"
        return
    if not known and not any(e.is_file for e in found):
        yield f"{where}: an empty folder of no location that is read"
    for entry in found:
        if not entry.is_file:
            yield f"{where}/{entry.name}: not a file"
        elif known and cut_of(fact, entry.name) is None:
            expected = "<YYYY-MM-DD>" if fact is Fact.VENTAS else "<YYYY-MM-DDTHHMM>"
            yield f"{where}/{entry.name}: the name is not {expected} and one of {', '.join(SUFFIXES)}"


def _listed(folder: Path) -> list[Entry]:
    try:
        return entries(folder)
    except OSError:
        return []


def _parse(fact: Fact, cut: str) -> None:
    if fact is Fact.VENTAS:
        parse_day(cut)
    else:
        parse_tick(cut)


def _exists(path: Path) -> bool:
    try:
        return S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return True


def _temporary(name: str) -> bool:
    return name.startswith(_TEMPORARY_STARTS) or name.endswith(_TEMPORARY_ENDS)


def _printable(name: str) -> str:
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")
