"""The model's readings as real ones, landed in a real outbox; and what the outbox then says, in the model's words.

An hour of the model is an hour of a store's day, its day a business day; a key ``a`` is an invoice's
line or a product in a warehouse. The files are read back without the code that wrote them.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fluxion_pipeline.contracts.clock import day_start
from fluxion_pipeline.contracts.outcomes import Answer, Fact, Provenance
from fluxion_pipeline.contracts.rows import KEY_SEPARATOR, REJECT_SCHEMA, row_schema
from fluxion_pipeline.landing.index import Image, instant
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline.sources import protocol
from fluxion_pipeline_tests.support import landing_model as model
from fluxion_pipeline_tests.support.landing_terms import Coverage, Place, Reading

FIRST = date(2025, 11, 29)
"""The third day lies in another month: another partition."""
FACTS = {"ventas": Fact.VENTAS, "stock": Fact.INVENTARIO}
TABLES = {"ventas": "ventas", "inventario_actual": "stock"}
LOCATIONS = {"A": "SUC001", "B": "SUC007", "C": "SUC008"}
WAREHOUSES = {"A": "SUC001-1", "B": "SUC007-1", "C": "SUC008"}
"""The location's own code where its source names none."""
SALES_KEYS = {
    "a": ("0001", 1),
    "b": ("0001", 2),
    "c": ("0002", 1),
    "d": ("0012", 1),
    "e": ("00012", 10),
    "f": ("1", 11),
    "x": ("7", 1),
    "y": ("8", 1),
    "z": ("9", 1),
}


def at(time: int) -> datetime:
    """The instant of a model's time."""
    return day_start(FIRST + timedelta(days=time // model.DAY)) + timedelta(hours=time % model.DAY)


def time_of(when: datetime) -> int:
    """The model's time of an instant."""
    days, rest = divmod(when - day_start(FIRST), timedelta(days=1))
    return days * model.DAY + rest // timedelta(hours=1)


def cut_text(table: str, cut: int) -> str:
    """The real day or tick."""
    day = (FIRST + timedelta(days=cut if table == "ventas" else cut // model.DAY)).isoformat()
    return day if table == "ventas" else f"{day}T{cut % model.DAY:02d}00"


def cut_of(text: str) -> int:
    """The model's day or tick."""
    day = (date.fromisoformat(text[:10]) - FIRST).days
    return day if len(text) == 10 else day * model.DAY + int(text[11:13])


def key_of(row: dict[str, Any]) -> str:
    """The model's letter of a real row."""
    if "numero_factura" in row:
        return next(k for k, v in SALES_KEYS.items() if v == (row["numero_factura"], row["linea"]))
    return str(row["producto_codigo"][-1])


def key_text(table: str, place: str, key: str) -> str:
    """A reject's ``clave``."""
    invoice, line = SALES_KEYS[key]
    return KEY_SEPARATOR.join([invoice, str(line)] if table == "ventas" else [WAREHOUSES[place], f"000{key}"])


def real(r: Reading, **changes: Any) -> protocol.Reading:
    """A model's reading as a source gives it."""
    fact, place = FACTS[r.table], LOCATIONS[r.place]
    lines = sorted(r.lines, key=lambda x: x.key)
    if r.table == "ventas":
        rows = [sale_row(place, r.cut, x.key, x.value, x.hour) for x in lines]
    else:
        store = {"ubicacion_codigo": place, "almacen_codigo": WAREHOUSES[r.place]}
        rows = [{**store, "producto_codigo": f"000{x.key}", "stock": Decimal(x.value)} for x in lines]
    rejects = [_reject(r, x.raw, x.key, x.hour) for x in sorted(r.rejects, key=lambda x: x.raw)]
    values: dict[str, Any] = {
        "rows": pa.Table.from_pylist([{c: row.get(c) for c in row_schema(fact).names} for row in rows], schema=row_schema(fact)),
        "rejects": pa.Table.from_pylist(rejects, schema=REJECT_SCHEMA),
        "read": len(rows) + len(rejects),
        "answer": Answer(r.answer),
        "window": (at(r.window[0]), at(r.window[1])) if r.window else None,
        "provenance": Provenance(r.provenance),
        "names": LOCATIONS[r.names] if r.names else None,
        "origin": "ventas/tienda_01/día.csv\u2028",
    }
    return protocol.Reading(fact, place, cut_text(r.table, r.cut), at(r.read_at), **{**values, **changes})


def sale_row(place: str, day: int, key: str, value: int, hour: int) -> dict[str, Any]:
    """A real sales row."""
    invoice, line = SALES_KEYS[key]
    return {
        "ubicacion_codigo": place,
        "numero_factura": invoice,
        "linea": line,
        "fecha_venta": at(hour),
        "fecha_negocio": FIRST + timedelta(days=day),
        "producto_codigo": "0001",
        "cantidad": Decimal(value),
        "venta_total": Decimal(value) / 4,
        "es_devolucion": False,
    }


def _reject(r: Reading, raw: str, key: str | None, hour: int | None) -> dict[str, Any]:
    return {
        "id": f"{r.table}/{r.place}{r.cut}/{raw}",
        "motivo": "cantidad is not a number",
        "clave": None if key is None else key_text(r.table, r.place, key),
        "instante": None if hour is None else at(hour),
    }


# ── what the outbox says ────────────────────────────────────────────────────────────────────
_files: dict[Path, list[dict[str, Any]]] = {}


def rows_of(image: Image) -> list[dict[str, Any]]:
    """All rows of an image, as they lie in its file (which never changes)."""
    if image.file not in _files:
        _files[image.file] = pq.ParquetFile(image.file).read(use_threads=False).to_pylist()
    return [row for row in _files[image.file] if row["_slice"] == image.slice]


def told_images(outbox: Outbox, place: str) -> dict[Any, tuple[int, Any]]:
    """(table, slice) → (version, applied rows), every image of a place. Empty ``rechazos`` are left out."""
    result = {}
    for image in outbox.index.images(LOCATIONS[place]):
        rows = [r for r in rows_of(image) if not r.get("_desplazada")]
        assert len(rows) == image.rows, image
        name, told = _told(image, rows)
        if told or name[0] != "rechazos":
            result[name] = (image.version, told)
    return result


def _told(image: Image, rows: list[dict[str, Any]]) -> tuple[tuple[str, Any], Any]:
    cut = image.slice.rpartition("/")[2]
    if image.table == "ventas":
        assert all(r["venta_total"] * 4 == r["cantidad"] for r in rows)
        return ("ventas", cut_of(cut)), {key_of(r): (int(r["cantidad"]), time_of(r["fecha_venta"])) for r in rows}
    if image.table == "inventario_actual":
        return ("actual", 0), {key_of(r): int(r["stock"]) for r in rows}
    if image.table == "inventario_historico":
        return ("historico", cut_of(cut)), {key_of(r): (None if r["stock"] is None else int(r["stock"]), r["movimiento"]) for r in rows}
    if image.table == "inventario_cortes":
        return ("cortes", cut_of(cut)), {time_of(r["capturado_en"]): (r["es_clave"], r["filas"]) for r in rows}
    slice_ = (TABLES[image.slice.partition("/")[0]], cut_of(cut))
    if image.table == "rechazos":
        return ("rechazos", slice_), {r["id"].rpartition("/")[2] for r in rows}
    return ("cobertura", slice_), [_coverage(r) for r in rows]


def _coverage(row: dict[str, Any]) -> Coverage:
    names = ("resultado", "leidas", "cargadas", "rechazadas", "retenidas", "arrastradas")
    assert row["leidas"] == row["cargadas"] + row["repetidas"] + row["rechazadas"] + row["retenidas"]
    return Coverage(*(row[n] for n in names), None if row["cubierto_hasta"] is None else time_of(row["cubierto_hasta"]))


def told_days(outbox: Outbox, place: str) -> dict[int, dict[str, tuple[Any, ...]]]:
    """The state of each business day: key → (value, hour, instant, carried, displaced)."""
    result = {}
    for image in outbox.index.images(LOCATIONS[place], "ventas"):
        result[cut_of(image.slice.rpartition("/")[2])] = {
            key_of(r): (int(r["cantidad"]), time_of(r["fecha_venta"]), time_of(r["_leido_en"]), r["_arrastrada"], r["_desplazada"]) for r in rows_of(image)
        }
    return result


def told_attempts(outbox: Outbox, r: Reading) -> tuple[Any, ...]:
    """(standing reading, verified, newest attempt, attempts) of a reading's slice."""
    fact, place, cut = FACTS[r.table], LOCATIONS[r.place], cut_text(r.table, r.cut)
    standing = outbox.index.standing(fact, place, cut)
    count, verified, newest = outbox.index.attempt(fact, place, cut)
    brief = [(time_of(instant(x["read_at"])), x["outcome"]) if x else None for x in (standing, newest)]
    return brief[0], None if verified is None else time_of(instant(verified)), brief[1], count


# ── what the model says ─────────────────────────────────────────────────────────────────────
def meant_images(u: Place) -> dict[Any, tuple[int, Any]]:
    """As ``told_images``."""
    result = {}
    for (table, slice_), (version, rows) in u.images.items():
        if table == "ventas":
            meant: Any = {k: (x.value, x.hour) for k, x in rows.items()}
        elif table == "actual":
            meant = {k: x.value for k, x in rows.items()}
        else:
            meant = set(rows) if table == "rechazos" else list(rows.values()) if table == "cobertura" else rows
        if meant or table != "rechazos":
            result[table, slice_] = (version, meant)
    return result


def meant_days(u: Place) -> dict[int, dict[str, tuple[Any, ...]]]:
    """As ``told_days``."""
    owner = model.owners(u.days)
    return {d: {k: (h.line.value, h.line.hour, h.read_at, h.carried, owner[k] != d) for k, h in state.items()} for d, state in u.days.items()}


def meant_attempts(u: Place, r: Reading) -> tuple[Any, ...]:
    """As ``told_attempts``."""
    brief = [(x[0].read_at, x[1]) if x else None for x in (u.standing.get(r.slice), u.newest.get(r.slice))]
    return brief[0], u.verified.get(r.slice), brief[1], sum(s == r.slice for s, _, _ in u.known)
