"""What happened to one row, as landing kept it: images of every lote that is still there, manifests, rejects, evidence, repairs.

Before this: the outbox and the record of repairs; after it: ``operations.explain``, which adds how the row is now.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fluxion_pipeline.contracts.outcomes import Fact, Outcome
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.landing import frames
from fluxion_pipeline.landing.index import stamp
from fluxion_pipeline.landing.lote import COMPACTED, Manifest
from fluxion_pipeline.landing.own_tables import ORIGIN
from fluxion_pipeline.landing.past import DAMAGED_SQL
from fluxion_pipeline.operations.repairs import RepairLine
from fluxion_pipeline.sources.protocol import KEY_SEPARATOR

HISTORY = "inventario_historico"
_FILE = re.compile(r"(\d+)-([a-z0-9_]+)-[0-9a-f]+\.parquet$")


@dataclass(frozen=True)
class Event:
    """Something that happened to the row.

    Attributes:
        lote: secuencia of the lote; 0: none.
        at: when the reading began (or the lote was written).
        what: ``landed``, ``gone``, ``rejected``, ``carried``, ``displaced``, ``came back``, ``repaired``, ``held back``, ``no change`` (of a
            tick's history: the row is as at the tick before), ``repair`` (somebody asked for one of its slice).
        slice: day or tick, or the location.
        row: the row as the lote had it, key columns left out; None where there is none.
        origin: file or address, and line where one is known.
        note: outcome and reason.
        when: when it landed, by which events are in time order.
    """

    lote: int
    at: str
    what: str
    slice: str
    row: dict[str, Any] | None
    origin: str
    note: str
    when: str


Manifests = Mapping[int, Manifest]


def condition(named: Mapping[str, str]) -> tuple[str, list[str]]:
    """SQL: a row of Parquet has that key; and the values to bind."""
    return " AND ".join(f"CAST({quote(k)} AS VARCHAR) = ?" for k in named), list(named.values())


class Kept:
    """The Parquet files of a location that are still there; those that can't be read are left out, and named."""

    def __init__(self, place: Path) -> None:
        """Look at nothing yet."""
        self._place, self.lost = place, set[Path]()

    def of(self, names: str) -> list[Path]:
        """The files whose name has that pattern, in the order of their lotes."""
        return sorted(self._place.glob(f"*/{names}"))

    def rows(self, files: Sequence[Path], where: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        """Their rows that are so, each with ``filename``."""
        try:
            return _rows(files, where, values) if files else []
        except DAMAGED_SQL:
            return [row for file in files for row in self._alone(file, where, values)]

    def _alone(self, file: Path, where: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        try:
            return _rows([file], where, values)
        except DAMAGED_SQL:
            self.lost.add(file)
            return []


def _rows(files: Sequence[Path], where: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    sql = f"SELECT *, filename FROM read_parquet(?, filename = true, union_by_name = true) WHERE {where}"  # noqa: S608 quoted names
    rows: list[dict[str, Any]] = frames.query(sql, None, [[str(f) for f in files], *values]).to_pylist()
    return rows


def landed(kept: Kept, table: str, named: Mapping[str, str], manifests: Manifests) -> Iterator[Event]:
    """The row in every image that is still there, and each lote in which it was missing after having been there."""
    files = kept.of(f"*-{table}-*.parquet")
    rows = {(_sequence(r["filename"]), r["_slice"]): r for r in kept.rows(files, *condition(named))}
    written = _where(table, {p.name for p in files if p not in kept.lost}, manifests)
    for slice_ in sorted({s for _, s in rows}):
        before: tuple[bool, dict[str, Any]] | None = None
        for manifest in manifests.values():
            if (manifest.sequence, slice_) not in written:
                continue
            row = rows.get((written[manifest.sequence, slice_], slice_))
            if row is None:
                if before is not None:
                    yield _event(manifest, "no change" if table == HISTORY else "gone", slice_, None)
                before = None
                continue
            now = bool(row.get("_desplazada")), {k: v for k, v in row.items() if not k.startswith("_") and k not in (*named, "filename") and v is not None}
            if before != now or _speaks_of(manifest, slice_):
                back = before is not None and before[0] and not now[0] and not _speaks_of(manifest, slice_)
                yield _event(manifest, "came back" if back else _what(row, manifest), slice_, now[1])
            before = now


def _where(table: str, there: Collection[str], manifests: Manifests) -> dict[tuple[int, str], int]:
    """(Lote, slice) → the lote in whose file that image is: its own, or the one that wrote it anew, which is no event."""
    found: dict[tuple[int, str], int] = {}
    for manifest in manifests.values():
        anew = COMPACTED in manifest.extra
        for entry in manifest.slices:
            if entry.table == table and entry.file in there:
                found.setdefault((entry.version if anew else manifest.sequence, entry.slice), manifest.sequence)
    return found


def _speaks_of(manifest: Manifest, slice_: str) -> bool:
    """Whether a lote is that of a reading of the slice: not a repair, nor a reading of another that shares keys or is its neighbour."""
    reading = manifest.reading
    return reading is not None and reading["provenance"] != "repair" and str(reading["cut"]) == slice_.rpartition("/")[2]


def _what(row: Mapping[str, Any], manifest: Manifest) -> str:
    if row.get("_desplazada"):
        return "displaced"
    if row.get("_arrastrada"):
        return "carried"
    if row.get("movimiento") == "baja":
        return "gone"
    return "repaired" if manifest.reading and manifest.reading["provenance"] == "repair" else "landed"


def rejected(kept: Kept, fact: str, named: Mapping[str, str], manifests: Manifests) -> Iterator[Event]:
    """Each rejected row of that key once: where it stands in an image, or in the evidence of a reading that wasn't applied."""
    clave = KEY_SEPARATOR.join(v for k, v in named.items() if k != "ubicacion_codigo")
    rows = kept.rows(kept.of("*-rechazos-*.parquet"), "tabla = ? AND _clave = ?", [fact, clave])
    rows += kept.rows(_evidence(kept, fact, manifests, "evidencia_rechazos"), "clave = ?", [clave])
    seen: set[str] = set()
    for row in sorted(rows, key=lambda r: _sequence(r["filename"])):
        manifest = _teller(manifests, _sequence(row["filename"]), row.get("_slice"))
        if manifest is None or row["id"] in seen:
            continue
        seen.add(row["id"])
        yield Event(
            manifest.sequence,
            _at(manifest),
            "rejected",
            _slice(manifest),
            {"campo": row["campo"], "valor": row["valor"]},
            f"{row['origen']}, line {row['linea']}",
            row["motivo"],
            manifest.written_at,
        )


def _teller(manifests: Manifests, sequence: int, slice_: str | None) -> Manifest | None:
    """The lote that first told what a file of one tells of a slice of rejects."""
    manifest = manifests.get(sequence)
    if manifest is None or COMPACTED not in manifest.extra:
        return manifest
    version = next((s.version for s in manifest.slices if (s.table, s.slice) == ("rechazos", slice_)), 0)
    return manifests.get(version)


def held(kept: Kept, fact: str, named: Mapping[str, str], manifests: Manifests, before: Sequence[Event], refused: Set[int]) -> Iterator[Event]:
    """The row in readings that were not applied; and those held back that would have removed it.

    ``before`` is what landed, in time order; ``refused`` are the lotes of readings that had the row and rejected it.
    """
    told = _evidence(kept, fact, manifests, "evidencia")
    rows = {_sequence(row["filename"]): row for row in kept.rows(told, *condition(named))}
    files = {None, *(p.name for p in told if p not in kept.lost)}
    for manifest in manifests.values():
        row = rows.get(manifest.sequence)
        if row is not None:
            shown = {k: v for k, v in row.items() if k not in (*named, "filename") and v is not None}
            yield _event(manifest, "held back", _slice(manifest), shown)
        elif manifest.extra.get("evidencia") in files and manifest.sequence not in refused and _lacks(manifest, fact, before):
            event = _event(manifest, "held back", _slice(manifest), None)
            yield replace(event, note=f"{event.note}; it hasn't this row")


def _lacks(manifest: Manifest, fact: str, before: Sequence[Event]) -> bool:
    """Whether a reading without the row would have removed it, had it not been held back."""
    reading = manifest.reading
    if reading is None or reading["fact"] != fact or reading["outcome"] != Outcome.SOSPECHOSO or fact == Fact.CATALOGO:
        return False
    whole = fact == Fact.INVENTARIO
    last = [e.what for e in before if e.lote < manifest.sequence and (whole or e.slice == _slice(manifest))][-1:]
    return bool(last) and last[0] not in ("gone", "displaced")


def repairs(lines: Sequence[RepairLine], slices: frozenset[str]) -> Iterator[Event]:
    """The repairs of a slice of the row, each once: who asked for it, and what it wrote in all."""
    by_id: dict[str, list[RepairLine]] = {}
    for line in lines:
        if slices & set(line.names):
            by_id.setdefault(line.id, []).append(line)
    for name, some in by_id.items():
        first = some[0]
        wrote = "; ".join(f"{x.destino}: {x.insertadas} inserted, {x.cambiadas} changed, {x.borradas} deleted" for x in some)
        how = ("forced, " if first.forzada else "") + ("proven" if all(x.probada for x in some) else "not proven")
        at = stamp(first.pedida_en)
        slice_ = ", ".join(sorted(slices & set(first.names)))
        yield Event(0, at, "repair", slice_, None, f"{first.origen}, asked for by {first.pedida_por}", f"{name} ({how}): {wrote}", at)


def _evidence(kept: Kept, fact: str, manifests: Manifests, name: str) -> list[Path]:
    told = [m for m in manifests.values() if m.reading and m.reading["fact"] == fact and m.extra.get(name)]
    return [p for m in told for p in kept.of(m.extra[name])]


def _slice(manifest: Manifest) -> str:
    """The slice that a lote's reading speaks of."""
    cut = str((manifest.reading or {})["cut"])
    return cut if cut == manifest.location else f"{manifest.location}/{cut}"


def _sequence(filename: str) -> int:
    match = _FILE.search(filename)
    return int(match.group(1)) if match else 0


def _event(manifest: Manifest, what: str, slice_: str, row: dict[str, Any] | None) -> Event:
    return Event(manifest.sequence, _at(manifest), what, slice_, row, _origin(manifest), _note(manifest), manifest.written_at)


def _at(manifest: Manifest) -> str:
    return str(manifest.reading["read_at"]) if manifest.reading else manifest.written_at


def _origin(manifest: Manifest) -> str:
    if "limpieza" in manifest.extra:
        return "limpieza: kept long enough"
    if ORIGIN in manifest.extra:
        return str(manifest.extra[ORIGIN]["origen"])
    return str(manifest.reading["origin"]) if manifest.reading else "the map of locations, or products that facts met"


def _note(manifest: Manifest) -> str:
    if manifest.reading is None:
        return ""
    reason = manifest.reading["reason"]
    provenance = manifest.reading["provenance"]
    return str(manifest.reading["outcome"]) + (f" ({provenance})" if provenance != "normal" else "") + (f": {reason}" if reason else "")
