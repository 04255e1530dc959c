"""A chain of KLK stores made of plain Python values, and what both sinks must hold of it: computed apart from the pipeline.

``Chain.answer`` is the server; faults are set per store, and a share of all requests fails at random.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from fluxion_pipeline_tests.support.tills import Question, Said, article, said, sale, sales

STORES = {
    "SUC001": "APP-TPF",
    "SUC007": "TAVBOL",
    "SUC008": "TTMAN",
    "SUC014": "TSDGO",
    "SUC018": "TVDAS",
    "SUC017": "TNGN01",
    "SUC013": "TCTO",
    "SUC002": "APP-TBQ",
    "SUC015": "TGUAC",
    "SUC009": "TFER",
    "SUC012": "TFAMA",
    "SUC016": "TPPRAL",
    "SUC019": "TPMCY",
    "SUC006": "TTISBC",
    "SUC010": "TTCYTO",
    "SUC003": "TANT",
    "SUC004": "TPAR",
    "SUC011": "TGGE",
    "SUC005": "TTZ",
}
"""Branch → almacén, written down here so that a wrong map is noticed."""

BRANCH = {warehouse: branch for branch, warehouse in STORES.items()}
Rows = Counter[tuple[Any, ...]]
Broken = Callable[[Question, Said], Said]


def four(value: Any) -> Decimal | None:
    """As NUMERIC(18,4)."""
    return None if value is None else Decimal(str(value)).quantize(Decimal("0.0001"), ROUND_HALF_UP)


@dataclass
class Chain:
    """The stores' data, which never changes, and their faults.

    Attributes:
        faults: store → what becomes of its answers.
        rate: share of the other stores' requests that fail at random.
    """

    faults: dict[str, Broken] = field(default_factory=dict)
    rate: float = 0.0
    random: random.Random = field(default_factory=lambda: random.Random(7))

    def answer(self, question: Question) -> Said:
        """What the server says to a question."""
        if question.path == "/ventas":
            store, good = question.store, said(sales(self.lines(question.store, str(question.body["fecha_desde"]))))
        elif question.path == "/maestra/articulos/almacen":
            store = BRANCH[question.store]
            good = said({"articulos": self.articles(store)})
        else:
            return said({"error": "not found"}, status=404)
        if store in self.faults:
            return self.faults[store](question, good)
        if self.random.random() < self.rate:
            return self.random.choice(AT_RANDOM)(question, good)
        return good

    def lines(self, store: str, day: str) -> list[dict[str, Any]]:
        """A day's sales: repeated lines and ones that are no lines among them."""
        draw = random.Random(f"{store} {day}")
        found = []
        for n in range(60 + draw.randrange(60)):
            number = f"{n // 3:04d}{day[2:4]}{day[5:7]}{day[8:]}"
            money = {
                "cantidad_vendida": draw.randrange(1, 5000) / 1000,
                "precio_unitario_usd": draw.choice([round(draw.random() * 20, 6), None, "N/A", ""]),
                "venta_total_usd": round(draw.random() * 90, 6),
                "costo_total_usd": draw.choice([round(draw.random() * 9, 4), None]),
                "impuesto_monto": draw.choice([0, round(draw.random() * 900, 2)]),
                "monto_descuento": draw.choice([0, 0.1, None]),
                "venta_total_bs": round(draw.random() * 9000, 2),
            }
            time = f"{draw.randrange(24):02d}:{draw.randrange(60):02d}:{draw.randrange(60):02d}.{draw.randrange(10**7):07d}"
            line = draw.choice([n % 3 + 1, str(n % 3 + 1)])
            code = f"{draw.randrange(200):06d}"
            more = {"tasa_usd": draw.choice([240.0, 239.5]), "codigo_producto": code}
            found.append(sale(day, number, line, warehouse=STORES[store], time_of_day=time, **money, **more))
        again = sale(day, found[5]["numero_factura"], found[5]["linea"], warehouse=STORES[store], venta_total_usd=99.125)
        return [*found, again, {**sale(day, "no product"), "producto": []}, sale(day, "no total", venta_total_usd="")]

    def articles(self, store: str) -> list[dict[str, Any]]:
        """A store's stock, a product listed twice in it."""
        draw = random.Random(store)
        found = [article(f"{n:06d}", draw.randrange(-2000, 90000) / 1000, Precio=round(draw.random() * 50, 6)) for n in range(120 + draw.randrange(40))]
        return [*found, dict(found[3])]

    # ── what must be there ──────────────────────────────────────────────────────────────────
    def sold(self, store: str, day: str) -> Rows:
        """(store, invoice, line, instant, day, product, almacén, quantity, price, discount, tax, total, cost, Bs, rate)."""
        last: dict[tuple[str, int], tuple[Any, ...]] = {}
        for line in self.lines(store, day):
            if not line["producto"] or line["numero_factura"] == "no total":
                continue
            product, amount, money = (line[part][0] for part in ("producto", "cantidad", "financiero"))
            price = money["precio_unitario_usd"]
            clock = datetime.fromisoformat(f"{day}T{line['hora'][:15]}").replace(tzinfo=timezone(timedelta(hours=-4)))
            last[line["numero_factura"], int(line["linea"])] = (
                clock.astimezone(timezone.utc),
                date.fromisoformat(day),
                product["codigo_producto"],
                amount["codigo_almacen"],
                four(amount["cantidad_vendida"]),
                four(price if price not in {"N/A", ""} else None),
                four(money["monto_descuento"]),
                four(Decimal(str(money["impuesto_monto"])) / Decimal(str(line["tasa_usd"]))),
                four(money["venta_total_usd"]),
                four(money["costo_total_usd"]),
                four(money["venta_total_bs"]),
                four(line["tasa_usd"]),
            )
        return Counter((store, *key, *rest) for key, rest in last.items())

    def held(self, store: str) -> Rows:
        """(store, almacén, product, stock, price)."""
        rows = {(store, STORES[store], a["Codigo"], four(a["stock"]), four(a["Precio"])) for a in self.articles(store)}
        return Counter(rows)


def _half(answer: Said, **more: Any) -> Said:
    return Said(answer.body[: len(answer.body) // 2], **more)


def down(_: Question, __: Said) -> Said:
    """The connection breaks at once."""
    return Said(b"", status=0, reset=True)


def error(_: Question, __: Said) -> Said:
    """An error in a 200."""
    return said({"error": "Timeout expired"})


def silent(_: Question, good: Said) -> Said:
    """Nothing for longer than anybody waits."""
    return Said(good.body, silent=20)


def page(_: Question, __: Said) -> Said:
    """A page in a 200."""
    return Said(b"<html><title>Bad Gateway</title></html>", kind="text/html")


def truncated(_: Question, good: Said) -> Said:
    """Sales of which some are missing; stock that ends in the middle."""
    told = json.loads(good.body)
    if "ventas" not in told:
        return _half(good, length=0)
    return said({**told, "ventas": told["ventas"][:-20]})


AT_RANDOM: tuple[Broken, ...] = (
    down,
    error,
    page,
    truncated,
    lambda _, good: said({"error": "x"}, status=503),
    lambda _, good: _half(good, length=len(good.body), reset=True),
    lambda _, good: Said(b""),
)
