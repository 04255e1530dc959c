"""Stores whose files change with every step, and what both sinks must hold of them, kept in plain dictionaries.

Nothing of the program is used for what is expected: a row that is lost, doubled or wrong in a sink
differs from these dictionaries. ``Ordeal.step`` writes files, ``Ordeal.wrong`` compares.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.home import Home

STORES = {"tienda_01": "SUC001", "tienda_02": "SUC007", "tienda_08": "SUC002"}
DAYS = ("2025-11-20", "2025-11-21")
FIRST_TICK = datetime(2025, 11, 20, 6, 30)  # noqa: DTZ001 local time of the stores, as in a file's name
UTC_OF_LOCAL = timedelta(hours=4)

Rows = Counter[tuple[Any, ...]]


@dataclass(frozen=True)
class Wrong:
    """What a sink lacks of the expected rows, and what it has beside them."""

    lost: Rows
    more: Rows

    def __bool__(self) -> bool:
        return bool(self.lost or self.more)


@dataclass
class Ordeal:
    """The stores' files of one folder, and what they come to."""

    root: Path
    rng: random.Random
    products: dict[str, str] = field(default_factory=dict)
    sales: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    stock: dict[str, dict[datetime, dict[str, int]]] = field(default_factory=dict)
    steps: int = 0

    def begin(self) -> Ordeal:
        """The first files."""
        self.products = {f"{n:06d}": f"producto {n}" for n in range(10)}
        for number, etl in enumerate(STORES):
            for day_number, day in enumerate(DAYS):
                self.sales[etl, day] = {f"{1000 * day_number + n:012d}": 1 + n % 5 for n in range(12 + number)}
            self.stock[etl] = {FIRST_TICK: {f"{n:06d}": n + number for n in range(10)}}
        self._write(list(self.sales), [(etl, FIRST_TICK) for etl in STORES])
        return self

    def step(self) -> None:
        """One store sells, corrects, cancels and moves invoices; another says the same in other words; stock ticks; products change."""
        self.steps += 1
        n, rng = self.steps, self.rng
        etl, other = rng.sample(list(STORES), 2)
        here, there = (etl, rng.choice(DAYS)), (other, rng.choice(DAYS))
        invoices = self.sales[here]
        invoices[f"{100_000 + n:012d}"] = rng.randint(1, 9)
        invoices[rng.choice(list(invoices))] += 1
        if len(invoices) > 8:
            del invoices[rng.choice(list(invoices))]
        moving = rng.choice(list(invoices))
        away = (etl, next(d for d in DAYS if d != here[1]))
        if moving not in self.sales[away]:
            self.sales[away][moving] = invoices.pop(moving)
        ticks = self._tick(etl, n)
        self.products[f"{rng.randrange(10):06d}"] = f"producto {n}"
        self._write([here, away], ticks)
        self._say_again(there)
        drops.write_sales(self.root, f"tienda_{700 + n}", DAYS[0], [drops.sale(DAYS[0])])

    def _tick(self, etl: str, n: int) -> list[tuple[str, datetime]]:
        """A newer tick of a store; now and then an older one is corrected too."""
        known = self.stock[etl]
        newest = dict(known[max(known)])
        newest[self.rng.choice(list(newest))] += self.rng.choice((-3, 2))
        newest[f"{20 + n:06d}"] = n
        if len(newest) > 14:
            del newest[self.rng.choice(list(newest))]
        tick = FIRST_TICK + timedelta(minutes=30 * n)
        known[tick] = newest
        if n % 3:
            return [(etl, tick)]
        late = self.rng.choice(list(known))
        known[late] = {**known[late], "000001": 500 + n}
        return [(etl, tick), (etl, late)]

    def _write(self, days: list[tuple[str, str]], ticks: list[tuple[str, datetime]]) -> None:
        for etl, day in dict.fromkeys(days):
            rows = [drops.sale(day, invoice, cantidad=q, codigo_producto=self.sold(invoice)) for invoice, q in self.sales[etl, day].items()]
            rows.append(drops.sale(day, f"9{self.steps:011d}", cantidad="x"))
            drops.write_sales(self.root, etl, day, rows)
        for etl, tick in ticks:
            drops.write_stock(self.root, etl, f"{tick:%Y-%m-%dT%H%M}", [drops.stock(code, n) for code, n in self.stock[etl][tick].items()])
        drops.write_products(self.root, [drops.product(code, descripcion=text) for code, text in self.products.items()])

    def _say_again(self, where: tuple[str, str]) -> None:
        """The same rows in another order: other bytes, nothing new."""
        path = self.root / "ventas" / where[0] / f"{where[1]}.csv"
        header, *lines, rejected = path.read_text("utf-8").splitlines()
        path.write_text("\n".join([header, *reversed(lines), rejected]) + "\n", "utf-8")

    def sold(self, invoice: str) -> str:
        """An invoice of a step sells a product that no catalogue knows."""
        number = int(invoice)
        return f"{300_000 + number - 100_000:06d}" if number >= 100_000 else f"{number % 10:06d}"

    def expected(self) -> dict[str, Rows]:
        """What each sink must hold, by subject."""
        sales = {(STORES[etl], day, invoice, q, self.sold(invoice)): 1 for (etl, day), lines in self.sales.items() for invoice, q in lines.items()}
        now = {(STORES[etl], code, n): 1 for etl, ticks in self.stock.items() for code, n in ticks[max(ticks)].items()}
        cuts = {(STORES[etl], tick + UTC_OF_LOCAL): 1 for etl, ticks in self.stock.items() for tick in ticks}
        return {"ventas": Counter(sales), "inventario_actual": Counter(now), "inventario_cortes": Counter(cuts), "productos": Counter(self.products.items())}

    def wrong(self, home: Home, sink: SinkName) -> dict[str, Wrong]:
        """Subject → what is wrong in a sink; empty: all is as it must be."""
        stores = ", ".join(f"'{s}'" for s in STORES.values())
        questions = {
            "ventas": "SELECT ubicacion_codigo, CAST(fecha_negocio AS VARCHAR), numero_factura, CAST(cantidad AS INT), producto_codigo FROM ventas",
            "inventario_actual": "SELECT ubicacion_codigo, producto_codigo, CAST(stock AS INT) FROM inventario_actual",
            "inventario_cortes": f"SELECT ubicacion_codigo, capturado_en AT TIME ZONE 'UTC' FROM inventario_cortes WHERE ubicacion_codigo IN ({stores})",
            "productos": "SELECT codigo, descripcion FROM productos WHERE NOT es_provisional",
        }
        right = self.expected()
        for at, rows in self._history().items():
            right[at] = rows
            questions[at] = f"SELECT ubicacion_codigo, producto_codigo, CAST(stock AS INT) FROM stock_en(TIMESTAMPTZ '{at}+00')"
        answers = home.app.sink(sink).answers(list(questions.values()))
        found = {name: Counter(map(tuple, rows)) for name, rows in zip(questions, answers, strict=True)}
        return {name: w for name in right if (w := Wrong(right[name] - found[name], found[name] - right[name]))}

    def _history(self) -> dict[str, Rows]:
        """Instant → the stock of all stores then, of three instants."""
        instants = sorted({tick for ticks in self.stock.values() for tick in ticks})
        result = {}
        for at in self.rng.sample(instants, min(3, len(instants))):
            then = {etl: [t for t in ticks if t <= at] for etl, ticks in self.stock.items()}
            rows = {(STORES[etl], code, n): 1 for etl, ticks in then.items() if ticks for code, n in self.stock[etl][max(ticks)].items()}
            result[f"{at + UTC_OF_LOCAL}"] = Counter(rows)
        return result
