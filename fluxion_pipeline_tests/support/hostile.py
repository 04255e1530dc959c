"""A folder of drops as a bad week brings them: unknown stores, and broken, repeated and hostile rows and files.

Everything follows from a seed. What is written is text; what must come of it is the oracle's business.
"""

from __future__ import annotations

import gzip
import random
from pathlib import Path
from typing import Any

from fluxion_pipeline_tests.support import drops

STORES = ("tienda_01", "tienda_02", "tienda_08", "tienda_11")
PLACES = (*STORES, "cedi_seco")
UNKNOWN = ("tienda_99", "tienda_14", "cedi_frutas", "tienda 01")
DAYS = ("2025-11-19", "2025-11-20", "2025-11-21")
TICKS = ("2025-11-20T0600", "2025-11-20T0630", "2025-11-20T2230", "2025-11-21T0600", "2025-11-21T0630")
CODES = tuple(f"{n:06d}" for n in range(1, 40)) + ("0", "00", "ABC", "a,b", 'q"q', "é", "e\u0301", "\\N", "two\nlines", "漢字🛒", "x;DROP", "%s")
"""Product codes; the first 20 are in the catalogue."""

ODD_AMOUNTS = ("1E+2", "-2.5", "+.5", "0.00005", "-0", "2e-5", "99999999999999.9999", "-99999999999999.99994", "007", "12345678901234.56785")
WRONG_AMOUNTS = ("", "x", "1,5", "1.000,00", "1e15", "NaN", "99999999999999.99995", "--1", "1 2", "∞", "0x1F", "N/A")
WRONG_SALES: tuple[dict[str, Any], ...] = (
    {"numero_factura": "N/A"},
    {"linea": "1.5"},
    {"linea": ""},
    {"linea": "99999999999"},
    {"fecha": "2025-02-30"},
    {"fecha": "1999-12-31"},
    {"fecha": "2031-01-01"},
    {"fecha": "hoy"},
    {"hora": "24:00"},
    {"hora": "9:5"},
    {"codigo_producto": " null "},
    {"cantidad": "a"},
    {"venta_total": ""},
    {"venta_total": "1e15"},
    {"precio_unitario": "1,5"},
    {"descripcion_producto": "nul\x00byte"},
)
BROKEN_LINES = ("only,three,fields", ",".join("z" * 30), "   ", "")


class Week:
    """Writes the folder; ``rewrite`` changes some of it afterwards."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.chance, self.round = root, random.Random(seed), 0

    def write(self) -> None:
        """All of it."""
        self.products()
        for number, etl in enumerate(PLACES):
            for place, day in enumerate(DAYS):
                if etl in STORES and (number, place) != (3, 1):
                    self.sales(etl, day)
            for place, tick in enumerate(TICKS):
                if (number, place) != (2, 3):
                    self.stock(etl, tick)
        for etl in UNKNOWN:
            drops.write_sales(self.root, etl, DAYS[0], [drops.sale(DAYS[0], "u1"), drops.sale(DAYS[0], "u2")])
            drops.write_stock(self.root, etl, TICKS[0], [drops.stock("999")])
        self.special()

    def rewrite(self) -> None:
        """A second delivery: some days and ticks corrected, a new day and a new tick."""
        self.round += 1
        for etl in STORES[:3]:
            self.sales(etl, self.chance.choice(DAYS))
            self.sales(etl, "2025-11-22")
        for etl in PLACES:
            self.stock(etl, self.chance.choice(TICKS))
            self.stock(etl, "2025-11-21T0700")

    def products(self) -> None:
        rows = [self.product(code) for code in CODES[:20]]
        rows += [drops.product(CODES[3], descripcion="  said again  "), drops.product(CODES[4], marca="N/A", presentacion="")]
        rows += [drops.product("N/A"), drops.product("77", descripcion="nul\x00"), drops.product("78", departamento="NULL", categoria='say "hi"\nand\r\nmore')]
        drops.write_raw(self.root, "productos.csv", b"\xef\xbb\xbf" + drops.csv_text(rows, drops.PRODUCT_COLUMNS).encode())

    def product(self, code: str) -> dict[str, str]:
        return drops.product(code, descripcion=f"producto {code}", departamento="D", categoria=f"C {code}", marca="M")

    def sales(self, etl: str, day: str) -> None:
        rows: list[Any] = []
        for n in range(self.chance.randint(5, 40)):
            code = self.chance.choice(CODES)
            # An invoice number may be met again on another day, as tills that start anew give it.
            number = f"{day[-2:]}{n:06d}" if self.chance.random() < 0.9 else f"{n % 5:08d}"
            row = drops.sale(
                day, number, self.chance.randint(1, 3), codigo_producto=code, descripcion_producto=f"producto {code}", categoria_producto=f"C {code}"
            )
            row |= {"hora": self.chance.choice(["00:00", "23:59:59.9999999", "12:30:15", "07:05"]), "cantidad": self.amount(), "venta_total": self.amount()}
            row |= {"precio_unitario": self.chance.choice(["", "N/A", "1.25"]), "descuento": self.chance.choice(["nan", "0.3333333"])}
            if self.chance.random() < 0.15:
                row |= self.chance.choice(WRONG_SALES)
            rows.append(row)
            if self.chance.random() < 0.1:
                rows.append({**row, "venta_total": self.chance.choice([row["venta_total"], "5", "x"])})
        self.put(f"ventas/{etl}/{day}", rows, drops.SALES_COLUMNS)

    def stock(self, etl: str, tick: str) -> None:
        codes = [c for c in CODES if self.chance.random() < 0.8]
        rows: list[Any] = []
        for code in codes:
            amount = self.amount() if self.chance.random() < 0.9 else self.chance.choice(WRONG_AMOUNTS)
            rows.append(drops.stock(code, amount, descripcion_producto=f"producto {code}", categoria_producto=f"C {code}", marca="M"))
            if self.chance.random() < 0.08:
                rows.append({**rows[-1], "stock": self.chance.choice([amount, f" {amount} ", "3", "x"])})
        if self.chance.random() < 0.15:
            rows.insert(self.chance.randrange(len(rows)), drops.stock("None", 4))
        self.chance.shuffle(rows)
        self.put(f"inventario/{etl}/{tick}", rows, drops.STOCK_COLUMNS)

    def amount(self) -> str:
        return self.chance.choice(ODD_AMOUNTS) if self.chance.random() < 0.2 else f"{self.chance.uniform(-5, 500):.{self.chance.randint(0, 6)}f}"

    def put(self, path: str, rows: list[Any], columns: tuple[str, ...]) -> None:
        """A CSV in one of the ways that tills write it, in place of what was there."""
        for suffix in (".csv", ".csv.gz"):
            (self.root / f"{path}{suffix}").unlink(missing_ok=True)
        names = list(columns)
        if self.chance.random() < 0.3:
            self.chance.shuffle(names)
        if self.chance.random() < 0.3:
            names.insert(self.chance.randrange(len(names)), "columna_nueva")
        text = drops.csv_text([{"columna_nueva": "?", **row} for row in rows], names, self.chance.choice(["\n", "\r\n"]))
        if self.chance.random() < 0.4:
            end = "\r\n" if "\r\n" in text.partition("\n")[0] + "\n" else "\n"
            text += end.join([*self.chance.sample(BROKEN_LINES, 2), ""])
        data = (b"\xef\xbb\xbf" if self.chance.random() < 0.3 else b"") + text.encode()
        zipped = self.chance.random() < 0.3
        drops.write_raw(self.root, f"{path}.csv{'.gz' if zipped else ''}", gzip.compress(data) if zipped else data)

    def special(self) -> None:
        """Whole files that are wrong, each in a place of its own."""
        good = [drops.sale(DAYS[0], f"s{n}") for n in range(6)]
        wrong = [drops.sale(DAYS[0], f"s{n}", cantidad="?") for n in range(30)]
        files: dict[str, bytes] = {
            "ventas/tienda_03/2025-11-19.csv": b"",
            "ventas/tienda_04/2025-11-19.csv": drops.csv_text(good, [c for c in drops.SALES_COLUMNS if c != "cantidad"]).encode(),
            "ventas/tienda_05/2025-11-19.csv": drops.csv_text([], drops.SALES_COLUMNS).encode(),
            "ventas/tienda_06/2025-11-19.csv": drops.csv_text([*good, drops.sale(DAYS[0], "ñ")], drops.SALES_COLUMNS).encode("latin-1"),
            "ventas/tienda_07/2025-11-19.csv": drops.csv_text(wrong[:7], drops.SALES_COLUMNS).encode(),
            "ventas/tienda_09/2025-11-19.csv": drops.csv_text([*good, *wrong], drops.SALES_COLUMNS).encode(),
            "inventario/tienda_03/2025-11-20T0600.csv": drops.csv_text([], drops.STOCK_COLUMNS).encode(),
            "inventario/tienda_04/2025-11-20T0600.csv.gz": b"no gzip at all",
            "inventario/tienda_05/2025-11-20T0600.csv": drops.csv_text([drops.stock("1", "x"), drops.stock("2", "")], drops.STOCK_COLUMNS).encode(),
            "inventario/tienda_06/2025-11-20T0600.parquet": drops.encoded([drops.stock("\\N", "1.5"), drops.stock("p", "-0")], drops.STOCK_COLUMNS, ".parquet"),
        }
        for path, data in files.items():
            drops.write_raw(self.root, path, data)
