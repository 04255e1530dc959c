"""Edits behind the pipeline's back: the next proof names each by kind and key, and nothing else.

``FLUXION_PARITY_EDITS`` says how many are made.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.parity import newer
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.readings import invoices, sales, stock

EDITS = int(os.environ.get("FLUXION_PARITY_EDITS", "20"))
STORES, PRODUCTS, SOLD = ("SUC001", "SUC007"), 20, 15
DAY = "2025-11-22"
TICKS = [f"2025-11-24T{hour:02d}{minute}" for hour in range(6, 23) for minute in ("00", "30")]
BOTH = ("inventario_actual", "ventas")
Named = tuple[str, str, str, str, str]
"""Table, kind, store, product or invoice, warehouse or line."""


@dataclass(frozen=True)
class Spot:
    """A row of both sinks, as it landed."""

    table: str
    place: str
    name: str

    @property
    def value(self) -> str:
        return "stock" if self.table == "inventario_actual" else "cantidad"

    @property
    def second(self) -> str:
        return self.place if self.table == "inventario_actual" else "1"

    @property
    def here(self) -> str:
        name = "producto_codigo" if self.table == "inventario_actual" else "numero_factura"
        return f"ubicacion_codigo = '{self.place}' AND {name} = '{self.name}'"

    def named(self, kind: str, second: str | None = None) -> Named:
        return self.table, kind, self.place, self.name, second or self.second

    def insert(self, second: str, value: int) -> str:
        """A row of this store and name."""
        if self.table == "inventario_actual":
            names, values = "ubicacion_codigo, almacen_codigo, producto_codigo, stock", f"'{self.place}', '{second}', '{self.name}', {value}"
        else:
            names = "ubicacion_codigo, numero_factura, linea, cantidad, fecha_venta, fecha_negocio, producto_codigo, venta_total, es_devolucion"
            values = f"'{self.place}', '{self.name}', {second}, {value}, '{DAY} 14:00:00+00', '{DAY}', '000001', 1, false"
        return f"INSERT INTO {self.table} ({names}) VALUES ({values})"


ROWS = [Spot("inventario_actual", p, f"{n:06d}") for p in STORES for n in range(PRODUCTS)] + [
    Spot("ventas", p, f"{n:08d}") for p in STORES for n in range(SOLD)
]


@pytest.fixture
def home(pg_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Two stores with stock and sales on both sinks."""
    monkeypatch.setattr(newer, "LEAST", 0)
    made = Home(pg_settings).ready()
    for place in STORES:
        made.land(sales(place, DAY, [{**row, "cantidad": Decimal(n + 1)} for n, row in enumerate(invoices(*range(SOLD)))]))
    tick(made, 0, random.Random(0))
    return made


def tick(home: Home, number: int, chance: random.Random) -> None:
    """Both stores' next snapshot, of which some amounts are new, on both sinks."""
    for place in STORES:
        amounts = {f"{n:06d}": n + (1000 * number if chance.random() < 0.2 else 0) for n in range(PRODUCTS)}
        home.land(stock(place, TICKS[number], amounts, number))
    for sink in SinkName:
        home.converge(sink)


def _missing_in(sink: SinkName) -> str:
    return "falta_en_pg" if sink is SinkName.POSTGRESQL else "sobra_en_pg"


def update(home: Home, chance: random.Random, sink: SinkName, one: Spot, _: Spot) -> set[Named]:
    home.run(sink, f"UPDATE {one.table} SET {one.value} = {one.value} + {chance.choice(['0.0001', '1', '-7'])} WHERE {one.here}")
    return {one.named("cambiada")}


def delete(home: Home, _: random.Random, sink: SinkName, one: Spot, __: Spot) -> set[Named]:
    home.run(sink, f"DELETE FROM {one.table} WHERE {one.here}")
    return {one.named(_missing_in(sink))}


def insert(home: Home, chance: random.Random, sink: SinkName, one: Spot, _: Spot) -> set[Named]:
    second = str(chance.randint(2, 9))
    home.run(sink, one.insert(second, 1))
    return {one.named(_missing_in(SinkName.DUCKDB if sink is SinkName.POSTGRESQL else SinkName.POSTGRESQL), second)}


def swap(home: Home, _: random.Random, sink: SinkName, one: Spot, other: Spot) -> set[Named]:
    values = [home.run(sink, f"SELECT {x.value} FROM {x.table} WHERE {x.here}")[0][0] for x in (one, other)]
    if values[0] == values[1]:
        return set()
    for spot, value in ((one, values[1]), (other, values[0])):
        home.run(sink, f"UPDATE {spot.table} SET {spot.value} = {value} WHERE {spot.here}")
    return {one.named("cambiada"), other.named("cambiada")}


def delete_and_insert(home: Home, _: random.Random, sink: SinkName, one: Spot, __: Spot) -> set[Named]:
    home.run(sink, f"DELETE FROM {one.table} WHERE {one.here}")
    home.run(sink, one.insert(one.second, -1))
    return {one.named("cambiada")}


def double(home: Home, _: random.Random, __: SinkName, one: Spot, ___: Spot) -> set[Named]:
    home.run(SinkName.DUCKDB, f"INSERT INTO {one.table} SELECT * FROM {one.table} WHERE {one.here}")
    return {one.named("duplicada")}


Edit = Callable[[Home, random.Random, SinkName, Spot, Spot], set[Named]]
KINDS: tuple[Edit, ...] = (update, delete, insert, swap, delete_and_insert, double)


def some_edits(home: Home, chance: random.Random, number: int) -> tuple[int, set[Named]]:
    """Up to so many edits, each of other rows; how many they were, and what parity must name."""
    free = chance.sample(ROWS, len(ROWS))
    made, named = 0, set[Named]()
    for _ in range(number):
        one = free.pop()
        other = next(x for x in free if (x.table, x.place) == (one.table, one.place))
        free.remove(other)
        found = chance.choice(KINDS)(home, chance, chance.choice(list(SinkName)), one, other)
        made, named = made + bool(found), named | found
    return made, named


def told(home: Home) -> set[Named]:
    """What parity names."""

    def name(table: str, kind: str, key: Any) -> Named:
        return (
            table,
            kind,
            key["ubicacion_codigo"],
            *(str(key[k]) for k in _KEYS[table]),
        )  # type: ignore[return-value]

    return {name(t.table, d.kind, d.key) for t in prove(home.settings, BOTH).tables for d in t.sample}


_KEYS = {"inventario_actual": ("producto_codigo", "almacen_codigo"), "ventas": ("numero_factura", "linea")}


@pytest.mark.timeout(600 + 3 * EDITS)
def test_every_edit_is_named_by_the_next_proof_and_nothing_else_is(home: Home) -> None:
    chance = random.Random(6)
    assert told(home) == set()
    made, ticks = 0, 0
    while made < EDITS:
        if ticks + 1 < len(TICKS) and chance.random() < 0.2:
            ticks += 1
            tick(home, ticks, chance)
        if chance.random() < 0.2:
            assert told(home) == set()
        number, wanted = some_edits(home, chance, min(EDITS - made, chance.randint(1, 8)))
        assert told(home) == wanted, (made, number)
        made += number
        for sink in SinkName:
            home.converge(sink, force=dict.fromkeys(BOTH))
    assert told(home) == set()
