"""What both sinks must hold of a folder of drops: the csv module, ``decimal`` and dictionaries, row by row.

Shares no code with the program. ``Whole.read`` takes the folder as it is now, as one round of
commands would; the properties then are the tables.
"""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from fluxion_pipeline_tests.sources.archivos.oracle import Wrong, _day, clean, clock, decimal, integer, need, records

SALES = {"numero_factura", "linea", "fecha", "hora", "codigo_producto", "descripcion_producto", "categoria_producto"}
SALES |= {"cantidad", "precio_unitario", "descuento", "venta_total"}
STOCK = {"codigo_producto", "descripcion_producto", "categoria_producto", "marca", "stock"}
PRODUCTS = ("codigo_producto", "descripcion", "departamento", "categoria", "marca", "presentacion")
CARACAS = timezone(timedelta(hours=-4))
Key = tuple[Any, ...]


@dataclass
class Told:
    """One reading."""

    rows: dict[Key, tuple[Any, ...]] = field(default_factory=dict)
    rejects: dict[int, Key | None] = field(default_factory=dict)
    read: int = 0
    repeated: int = 0
    outcome: str = "completo"
    names: dict[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass
class Line:
    """A row of a state: by which reading it is, what it says, whether it was carried."""

    order: int
    row: tuple[Any, ...]
    carried: bool = False


def instant(tick: str) -> datetime:
    """The instant of a tick's name."""
    return datetime.strptime(tick, "%Y-%m-%dT%H%M").replace(tzinfo=CARACAS)


class Whole:
    """All tables, computed from files."""

    def __init__(self, root: Path, locations: Path, today: date) -> None:
        self.root, self.today, self.order = root, today, 0
        with locations.open(encoding="utf-8", newline="") as file:
            self.places = [x for x in csv.DictReader(file) if x["activo"] == "true"]
        self.seen: dict[str, bytes] = {}
        self.sales: dict[tuple[str, str], dict[Key, Line]] = {}
        self.stock: dict[tuple[str, str], dict[Key, Line]] = {}
        self.products: dict[str, tuple[Any, ...]] = {}
        self.coverage: dict[tuple[str, str, str], tuple[Any, ...]] = {}
        self.rejects: dict[tuple[str, str, str], set[tuple[str, int]]] = {}
        self.good: set[tuple[str, str, str]] = set()

    # ── a round ─────────────────────────────────────────────────────────────────────────────
    def read(self) -> None:
        """Everything that is new or other than before: catalogue, days, ticks."""
        self.catalogue()
        for table, kind in (("ventas", "ventas"), ("inventario", "inventario_actual")):
            files = {p["codigo"]: self.files(table, p["codigo_etl"]) for p in self.places}
            cuts = sorted({cut for found in files.values() for cut in found})
            for cut in cuts:
                for place in self.places:
                    self.slice(kind, place, cut, files[place["codigo"]].get(cut, []))

    def files(self, table: str, etl: str) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for path in sorted((self.root / table / etl).glob("*")):
            found.setdefault(path.name.split(".")[0], []).append(path)
        return found

    def slice(self, kind: str, place: dict[str, str], cut: str, paths: list[Path]) -> None:
        key = (kind, place["codigo"], cut)
        data = b"|".join(p.read_bytes() for p in paths)
        name = "/".join(key)
        if not paths and kind == "ventas" and place["tipo"] != "tienda":
            return
        if self.seen.get(name) == data and (paths or name in self.seen):
            return
        self.seen[name] = data
        self.order += 1
        told = self.told(kind, cut, paths)
        if told.outcome in ("completo", "vacio"):
            self.apply(key, told, paths)
        elif key not in self.good:
            self.coverage[key] = (told.outcome, told.read, 0, told.repeated, len(told.rejects), len(told.rows), 0)
            self.note(key, told, paths)

    def note(self, key: tuple[str, str, str], told: Told, paths: list[Path]) -> None:
        self.rejects[key] = {(str(p.relative_to(self.root)), line) for p in paths for line in told.rejects}

    def apply(self, key: tuple[str, str, str], told: Told, paths: list[Path]) -> None:
        kind, place, cut = key
        states = self.sales if kind == "ventas" else self.stock
        before = states.get((place, cut))
        if before is None and kind != "ventas":
            earlier = [c for p, c in states if p == place and c < cut]
            before = states[place, max(earlier)] if earlier else None
        keys = set(told.rejects.values())
        state = {k: Line(self.order, row) for k, row in told.rows.items()}
        for k, line in (before or {}).items():
            if k not in state and (None in keys or k in keys):
                state[k] = Line(line.order, line.row, True)
        states[place, cut] = state
        carried = sum(x.carried for x in state.values())
        self.good.add(key)
        self.coverage[key] = (told.outcome, told.read, len(state) - carried, told.repeated, len(told.rejects), 0, carried)
        self.note(key, told, paths)
        for code, words in told.names.items():
            self.products.setdefault(code, words)

    # ── files ───────────────────────────────────────────────────────────────────────────────
    def told(self, kind: str, cut: str, paths: list[Path]) -> Told:
        if not paths:
            return Told(outcome="sin_dato")
        try:
            if len(paths) > 1:
                raise Wrong
            header, rows = content(paths[0])
            if not (SALES if kind == "ventas" else STOCK) <= set(header):
                raise Wrong
        except (Wrong, OSError, UnicodeDecodeError):
            return Told(outcome="parcial")
        found = self.judge_sales(header, rows, date.fromisoformat(cut)) if kind == "ventas" else judge_stock(header, rows)
        wrong, total = len(found.rejects), found.read
        if wrong and (not found.rows or (total >= 20 and 2 * wrong > total)):
            found.outcome = "parcial"
        elif not total:
            found.outcome = "vacio" if kind == "ventas" else "sospechoso"
        return found

    def judge_sales(self, header: list[str], rows: list[tuple[int, list[str]]], day: date) -> Told:
        told = Told(read=len(rows))
        for line, fields in rows:
            key: Key | None = None
            v = dict(zip(header, fields, strict=False))
            try:
                if len(fields) != len(header):
                    raise Wrong
                key = (need(clean(v["numero_factura"])), integer(need(clean(v["linea"]))))
                v = {name: clean(text) for name, text in v.items()}
                if _day(need(v["fecha"]), self.today) != day:
                    raise Wrong
                when = datetime.combine(day, clock(need(v["hora"])), CARACAS).astimezone(timezone.utc)
                code, amount, total = need(v["codigo_producto"]), decimal(need(v["cantidad"])), decimal(need(v["venta_total"]))
                price, discount = (None if v[c] is None else decimal(v[c]) for c in ("precio_unitario", "descuento"))
            except Wrong:
                told.rejects[line] = key
                continue
            told.repeated += key in told.rows
            told.rows[key] = (*key, when, day, code, None, amount, None, price, discount, None, total, None, None, None, amount < 0)
            told.names[code] = (v["descripcion_producto"], None, v["categoria_producto"], None, None, None, None, None, True)
        return told

    def catalogue(self) -> None:
        header, rows = content(self.root / "productos.csv")
        told = Told(read=len(rows))
        for line, fields in rows:
            try:
                v = {name: clean(text) for name, text in zip(header, fields, strict=True)}
                code = need(v["codigo_producto"])
            except (Wrong, ValueError):
                told.rejects[line] = None
                continue
            told.repeated += (code,) in told.rows
            told.rows[code,] = (v["descripcion"], v["departamento"], v["categoria"], None, v["marca"], v["presentacion"], None, None, False)
        self.products |= {k[0]: row for k, row in told.rows.items()}
        key = ("productos", "*", "*")
        self.coverage[key] = ("completo", told.read, len(told.rows), told.repeated, len(told.rejects), 0, 0)
        self.rejects[key] = {("productos.csv", line) for line in told.rejects}

    # ── tables ──────────────────────────────────────────────────────────────────────────────
    def table(self, name: str) -> set[tuple[Any, ...]]:
        """The rows of a table, its compared columns."""
        rows: list[tuple[Any, ...]] = {
            "ventas": self._sales,
            "inventario_actual": self._current,
            "inventario_historico": self._history,
            "inventario_cortes": self._cuts,
            "productos": lambda: [(code, *row) for code, row in self.products.items()],
        }[name]()
        assert len(set(rows)) == len(rows)
        return set(rows)

    def _sales(self) -> list[tuple[Any, ...]]:
        newest: dict[tuple[str, Key], tuple[int, str]] = {}
        for (place, day), state in self.sales.items():
            for key, line in state.items():
                newest[place, key] = max(newest.get((place, key), (0, "")), (line.order, day))
        return [(place, *line.row) for (place, day), state in self.sales.items() for key, line in state.items() if newest[place, key] == (line.order, day)]

    def _ticks(self, place: str) -> list[str]:
        return sorted(cut for p, cut in self.stock if p == place)

    def at(self, moment: datetime) -> set[tuple[Any, ...]]:
        """Place, almacen, product, stock of every location at an instant."""
        found = set()
        for place in {p for p, _ in self.stock}:
            until = [t for t in self._ticks(place) if instant(t) <= moment]
            if until:
                found |= {(place, place, code, line.row[0]) for (code,), line in self.stock[place, until[-1]].items()}
        return found

    def _current(self) -> list[tuple[Any, ...]]:
        return [(*row, None, None) for row in self.at(datetime.max.replace(tzinfo=timezone.utc))]

    def _history(self) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        for place in {p for p, _ in self.stock}:
            ticks = self._ticks(place)
            for before, tick in zip([None, *ticks], ticks, strict=False):
                state = self.stock[place, tick]
                same_day = before is not None and before[:10] == tick[:10]
                old = self.stock[place, before] if same_day and before else {}
                word = "cambio" if same_day else "clave"
                when = instant(tick)
                rows += [(place, place, k[0], when, x.row[0], None, None, word) for k, x in state.items() if k not in old or old[k].row != x.row]
                rows += [(place, place, k[0], when, None, None, None, "baja") for k in old if k not in state]
        return rows

    def _cuts(self) -> list[tuple[Any, ...]]:
        found = []
        for (place, tick), state in self.stock.items():
            first = min(t for t in self._ticks(place) if t[:10] == tick[:10])
            found.append((place, instant(tick), tick == first, len(state)))
        return found


def content(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header and records of a file."""
    if path.name.endswith(".parquet"):
        table = pq.read_table(path)
        return table.column_names, [(n, [v or "" for v in row.values()]) for n, row in enumerate(table.to_pylist(), 1)]
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.name.endswith(".gz") else data).decode("utf-8-sig")
    if not text:
        raise Wrong
    header = next(csv.reader(io.StringIO(text, newline="")))
    return header, list(records(text))


def judge_stock(header: list[str], rows: list[tuple[int, list[str]]]) -> Told:
    """Stock: one value a code, in valid rows only."""
    told = Told(read=len(rows))
    groups: dict[str, list[tuple[int, Decimal | None]]] = {}
    for line, fields in rows:
        try:
            if len(fields) != len(header):
                raise Wrong
            v = dict(zip(header, fields, strict=True))
            code = need(clean(v["codigo_producto"]))
        except Wrong:
            told.rejects[line] = None
            continue
        try:
            w = {name: clean(text) for name, text in v.items()}
            amount = decimal(need(w["stock"]))
            told.names[code] = (w["descripcion_producto"], None, w["categoria_producto"], None, w["marca"], None, None, None, True)
        except Wrong:
            amount = None
        groups.setdefault(code, []).append((line, amount))
    for code, found in groups.items():
        amounts = {a for _, a in found}
        if len(amounts) == 1 and None not in amounts:
            told.rows[code,] = tuple(amounts)
            told.repeated += len(found) - 1
        else:
            told.rejects |= {line: (code,) for line, _ in found}
            told.names.pop(code, None)
    return told
