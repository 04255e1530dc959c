"""The source ``archivos``: a folder of file drops as readings.

Before this: ``folder`` (which files), ``content`` (their rows as text), ``contracts.rules`` (what the
rows are worth); after it: landing. Bad data and unreadable files are answers, never exceptions.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from fluxion_pipeline.contracts.clock import local_day, parse_day
from fluxion_pipeline.contracts.outcomes import Answer, Fact
from fluxion_pipeline.contracts.rules.judge import judge
from fluxion_pipeline.contracts.rules.layout import Place
from fluxion_pipeline.contracts.rules.values import FIRST_DAY
from fluxion_pipeline.errors import ContractError, PermanentError
from fluxion_pipeline.locations.registry import Location, Registry
from fluxion_pipeline.sources.archivos import content, folder
from fluxion_pipeline.sources.archivos.header import Unusable
from fluxion_pipeline.sources.archivos.layouts import LAYOUTS
from fluxion_pipeline.sources.archivos.sample import sample_path
from fluxion_pipeline.sources.protocol import Reading, Unknown, no_rejects, no_rows

EVERYWHERE = "*"


def open_source(path: Path | None, registry: Registry) -> ArchivosSource:
    """The source of a folder of drops; without one, of the sample that ships with the package.

    Raises:
        PermanentError: if there is no such folder.
    """
    root = sample_path() if path is None else path.expanduser().absolute()
    if not root.is_dir():
        found = "is not a folder" if root.exists() else "does not exist"
        raise PermanentError(
            f"FLUXION_SOURCE_PATH: {root} {found}", "point it at the folder that holds ventas/ and inventario/, or unset it for the shipped sample"
        )
    return ArchivosSource(root, registry)


@dataclass(frozen=True)
class _Asked:
    """One question to the source; ``codigo_etl`` is the location's folder."""

    fact: Fact
    location: str
    codigo_etl: str
    cut: str
    read_at: datetime
    started: float = field(default_factory=time.perf_counter)


class ArchivosSource:
    """File drops below one folder (``sources.protocol.Source``); it keeps nothing between calls."""

    name = "archivos"
    live = False
    parallel = max(2, os.cpu_count() or 2)

    def __init__(self, path: Path, registry: Registry) -> None:
        """Remember where the drops lie and which locations are known; nothing is read yet."""
        self.root = path
        self.registry = registry

    def covers(self, location: Location) -> bool:
        """Every active location may have drops."""
        return location.activo

    def cuts(self, fact: Fact, location: Location) -> tuple[str, ...]:
        """The days or ticks of which the location has a file, ascending (``*`` for the catalogue)."""
        try:
            if fact is Fact.CATALOGO:
                return (EVERYWHERE,) if folder.candidates(self.root, fact, "", EVERYWHERE) else ()
            return tuple(sorted(folder.cuts(self.root, fact, location.codigo_etl)))
        except OSError:  # its readings will say so: inalcanzable
            return ()

    def expected(self, fact: Fact) -> tuple[str, ...]:
        """The days or ticks of which any location that is read has a file, ascending."""
        return tuple(sorted({cut for location in self.registry.active for cut in self.cuts(fact, location)}))

    def digest(self, fact: Fact, location: Location, cut: str) -> str | None:
        """The sha256 of the slice's file; None: no file, or it can't be read."""
        try:
            return content.digest_of(folder.candidates(self.root, fact, location.codigo_etl, cut))
        except OSError:
            return None

    def read(
        self, fact: Fact, location: Location, cut: str, read_at: datetime, *, window: tuple[datetime, datetime] | None = None, scheduled: bool = False
    ) -> Reading:
        """Read the file of one slice; a file is whole, whatever window is asked for.

        Raises:
            ContractError: if ``cut`` is no day or tick (a question that can't be asked, not bad data).
        """
        if fact is Fact.CATALOGO:
            return self.catalogue(read_at)
        return self._answer(_Asked(fact, location.codigo, location.codigo_etl, cut, read_at))

    def catalogue(self, read_at: datetime, *, scheduled: bool = False) -> Reading:
        """Read the catalogue."""
        return self._answer(_Asked(Fact.CATALOGO, EVERYWHERE, "", EVERYWHERE, read_at))

    def strange(self) -> tuple[str, ...]:
        """What lies in the folder that is no drop, each with the reason: to be shown, since it is not read."""
        return tuple(folder.strange(self.root, {x.codigo_etl for x in self.registry.active}))

    def unknown(self) -> tuple[Unknown, ...]:
        """The files of folders whose name is no active location's ``codigo_etl``."""
        return tuple(item for item, _ in self._unknown())

    def raw(self, item: Unknown) -> bytes:
        """The bytes of such a file.

        Raises:
            PermanentError: if it isn't there any more.
            OSError: if it can't be read.
        """
        for found, path in self._unknown():
            if found.origin == item.origin:
                return path.read_bytes()
        raise PermanentError(f"{item.origin} is not in {self.root} any more", "run again: what is there now will be quarantined")

    def _unknown(self) -> list[tuple[Unknown, Path]]:
        found = []
        for fact, top in folder.FOLDERS.items():
            for directory in _quietly(folder.entries, self.root / top):
                reason = None if directory.is_file else self._reason(directory.name)
                if reason is None:
                    continue
                for file in _quietly(folder.entries, directory.path):
                    if file.is_file:
                        item = Unknown(directory.name, fact, folder.stem_of(file.name), folder.origin(self.root, file.path), reason)
                        found.append((item, file.path))
        return found

    def _reason(self, name: str) -> str | None:
        """Why a folder's rows may not be loaded; None: they may."""
        location = self.registry.by_etl(name)
        if location is None:
            return f"«{name}» is no codigo_etl of ubicaciones.csv"
        return None if location.activo else f"{location.codigo} ({name}) is inactive in ubicaciones.csv"

    def _answer(self, asked: _Asked) -> Reading:
        """Find the file, read it once, judge its rows."""
        place = f"{folder.FOLDERS[asked.fact]}/{asked.codigo_etl}/{asked.cut}" if asked.codigo_etl else folder.CATALOGUE
        try:
            paths = folder.candidates(self.root, asked.fact, asked.codigo_etl, asked.cut)
            if not paths:
                return self._absent(asked, place)
            if len(paths) > 1:
                names = " and ".join(folder.origin(self.root, p) for p in paths)
                return _failed(asked, Answer.PARCIAL, f"two files for one slice: {names}", place, content.digest_of(paths))
            stored = content.fetch(paths[0])
        except OSError as error:
            return _failed(asked, Answer.INALCANZABLE, f"{place} can't be read: {error.strerror or error}", place)
        return self._judged(asked, stored, folder.origin(self.root, stored.path))

    def _absent(self, asked: _Asked, place: str) -> Reading:
        if not self.root.is_dir():
            return _failed(asked, Answer.INALCANZABLE, f"the folder of drops {self.root} is away", place)
        return _failed(asked, Answer.SIN_DATO, f"there is no file {place}{{{','.join(folder.SUFFIXES)}}}", place)

    def _judged(self, asked: _Asked, stored: content.Stored, origin: str) -> Reading:
        today = local_day(asked.read_at)
        day = parse_day(asked.cut) if asked.fact is Fact.VENTAS else None
        try:
            if asked.fact is Fact.INVENTARIO:
                _check_tick(asked)
            raw, header = content.parse(stored, LAYOUTS[asked.fact])
            judged = judge(raw, LAYOUTS[asked.fact], Place(asked.location, origin, today, day))
        except Unusable as error:
            return _failed(asked, Answer.PARCIAL, f"{origin}: {error}", origin, stored.digest)
        except ContractError as error:
            return _failed(asked, Answer.PARCIAL, error.what, origin, stored.digest)
        return Reading(
            fact=asked.fact,
            location=asked.location,
            cut=asked.cut,
            read_at=asked.read_at,
            rows=judged.rows,
            rejects=judged.rejects,
            read=judged.read,
            repeated=judged.repeated,
            origin=origin,
            source_digest=stored.digest,
            warnings=header.warnings,
            met=judged.met,
            seconds=time.perf_counter() - asked.started,
        )


def _check_tick(asked: _Asked) -> None:
    """Stock of a day that can't be would be the newest state for ever."""
    day, tomorrow = asked.cut[:10], (local_day(asked.read_at) + timedelta(days=1)).isoformat()
    if not FIRST_DAY <= day <= tomorrow:
        raise Unusable(f"the tick is {'after tomorrow (' + tomorrow + ')' if day > tomorrow else 'before ' + FIRST_DAY}")


def _failed(asked: _Asked, answer: Answer, reason: str, origin: str, digest: str | None = None) -> Reading:
    return Reading(
        fact=asked.fact,
        location=asked.location,
        cut=asked.cut,
        read_at=asked.read_at,
        rows=no_rows(asked.fact),
        rejects=no_rejects(),
        answer=answer,
        reason=reason,
        origin=origin,
        source_digest=digest,
        seconds=time.perf_counter() - asked.started,
    )


def _quietly(list_folder: Callable[[Path], list[folder.Entry]], path: Path) -> list[folder.Entry]:
    try:
        return list_folder(path)
    except OSError:  # ``strange`` names it
        return []
