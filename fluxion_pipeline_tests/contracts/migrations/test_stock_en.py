"""The stock of any instant, on both engines: each location goes back to its own keyframe."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from fluxion_pipeline.contracts.migrations.runner import migrate

# location, tick, whether it is a keyframe, its rows: product, stock (None: baja).
TICKS: list[tuple[str, str, bool, list[tuple[str, str | None]]]] = [
    ("SUC001", "2023-05-01 10:00:00+00", True, [("01", "1"), ("02", "2")]),
    ("SUC001", "2025-11-24 10:00:00+00", True, [("01", "10"), ("02", "20"), ("03", "30")]),
    ("SUC001", "2025-11-24 10:30:00+00", False, [("01", "11"), ("02", None)]),
    ("SUC001", "2025-11-24 11:00:00+00", False, []),
    ("SUC001", "2025-11-24 11:30:00+00", False, [("02", "-2.5"), ("03", "0")]),
    ("SUC001", "2025-11-25 10:00:00+00", True, []),
    ("SUC001", "2025-11-25 10:30:00+00", False, [("09", "9")]),
    # Offline on the 24th until 11:15: its keyframe is another, and the day before's state stands until then.
    ("SUC007", "2025-11-23 10:00:00+00", True, [("01", "70"), ("02", "71")]),
    ("SUC007", "2025-11-23 22:30:00+00", False, [("01", "72")]),
    ("SUC007", "2025-11-24 11:15:00+00", True, [("01", "73")]),
    # A location whose last tick is long ago.
    ("SUC099", "2023-06-01 10:00:00+00", True, [("05", "5")]),
    # A location that has a tick but no keyframe: nothing is known.
    ("SUC100", "2025-11-24 10:00:00+00", False, [("01", "1")]),
]
ANCIENT = {("SUC099", "05"): ("5", "2023-06-01 10:00:00+00")}

EXPECTED: dict[str, dict[tuple[str, str], tuple[str, str]]] = {
    "2023-04-30 23:59:00+00": {},
    "2023-05-01 10:00:00+00": {("SUC001", "01"): ("1", "2023-05-01 10:00:00+00"), ("SUC001", "02"): ("2", "2023-05-01 10:00:00+00")},
    "2025-11-24 06:29:00-04": {
        **ANCIENT,
        ("SUC001", "01"): ("10", "2025-11-24 10:00:00+00"),
        ("SUC001", "02"): ("20", "2025-11-24 10:00:00+00"),
        ("SUC001", "03"): ("30", "2025-11-24 10:00:00+00"),
        ("SUC007", "01"): ("72", "2025-11-23 22:30:00+00"),
        ("SUC007", "02"): ("71", "2025-11-23 22:30:00+00"),
    },
    "2025-11-24 11:00:00+00": {
        **ANCIENT,
        ("SUC001", "01"): ("11", "2025-11-24 11:00:00+00"),
        ("SUC001", "03"): ("30", "2025-11-24 11:00:00+00"),
        ("SUC007", "01"): ("72", "2025-11-23 22:30:00+00"),
        ("SUC007", "02"): ("71", "2025-11-23 22:30:00+00"),
    },
    "2025-11-24 23:00:00+00": {
        **ANCIENT,
        ("SUC001", "01"): ("11", "2025-11-24 11:30:00+00"),
        ("SUC001", "02"): ("-2.5", "2025-11-24 11:30:00+00"),
        ("SUC001", "03"): ("0", "2025-11-24 11:30:00+00"),
        ("SUC007", "01"): ("73", "2025-11-24 11:15:00+00"),
    },
    "2025-11-25 10:15:00+00": {**ANCIENT, ("SUC007", "01"): ("73", "2025-11-24 11:15:00+00")},
    "2030-01-01 00:00:00+00": {**ANCIENT, ("SUC001", "09"): ("9", "2025-11-25 10:30:00+00"), ("SUC007", "01"): ("73", "2025-11-24 11:15:00+00")},
}


@pytest.fixture(scope="module")
def history(migrated: sa.Engine) -> sa.Engine:
    fill(migrated)
    return migrated


def fill(engine: sa.Engine) -> None:
    """The ticks above."""
    with engine.begin() as connection:
        for location, tick, keyframe, rows in TICKS:
            if engine.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT fluxion_asegurar_particiones('inventario_historico', :d, :d)"), {"d": tick[:10]})
            connection.execute(
                sa.text("INSERT INTO inventario_cortes (ubicacion_codigo, capturado_en, es_clave, filas) VALUES (:u, CAST(:t AS timestamptz), :k, :n)"),
                {"u": location, "t": tick, "k": keyframe, "n": len(rows)},
            )
            for product, stock in rows:
                connection.execute(
                    sa.text(
                        "INSERT INTO inventario_historico (ubicacion_codigo, almacen_codigo, producto_codigo, capturado_en, stock, precio, costo, movimiento) "
                        "VALUES (:u, :u, :p, CAST(:t AS timestamptz), CAST(:s AS numeric(18, 4)), 1.5, NULL, :m)"
                    ),
                    {"u": location, "p": product, "t": tick, "s": stock, "m": "clave" if keyframe else "cambio" if stock is not None else "baja"},
                )


def stock(connection: sa.Connection, call: str, **values: Any) -> list[tuple[Any, ...]]:
    text = sa.text(f"SELECT ubicacion_codigo, producto_codigo, stock, strftime(capturado_en, '%Y-%m-%d %H:%M:00+00') FROM {call}")
    if connection.dialect.name == "postgresql":
        text = sa.text(f"SELECT ubicacion_codigo, producto_codigo, stock, to_char(capturado_en, 'YYYY-MM-DD HH24\\:MI\\:00+00') FROM {call}")
    else:
        connection.execute(sa.text("SET TimeZone = 'UTC'"))
    return sorted(tuple(row) for row in connection.execute(text, values))


@pytest.mark.parametrize("instant", EXPECTED)
def test_the_stock_of_an_instant_is_each_locations_newest_state(history: sa.Engine, instant: str) -> None:
    check(history, instant)


def check(engine: sa.Engine, instant: str) -> None:
    wanted = [(u, p, Decimal(s), t) for (u, p), (s, t) in sorted(EXPECTED[instant].items())]
    with engine.connect() as connection:
        assert stock(connection, "stock_en(CAST(:t AS timestamptz))", t=instant) == wanted
        for location in ("SUC001", "SUC007", "SUC099", "SUC100", "nobody"):
            alone = stock(connection, "stock_en(CAST(:t AS timestamptz), :u)", t=instant, u=location)
            assert alone == [row for row in wanted if row[0] == location]


def test_the_columns_are_the_same_on_both_engines(history: sa.Engine) -> None:
    wanted = ["ubicacion_codigo", "almacen_codigo", "producto_codigo", "stock", "precio", "costo", "capturado_en"]
    with history.connect() as connection:
        for call in ("stock_en('2025-11-24 12:00:00+00')", "stock_en('2025-11-24 12:00:00+00', 'SUC001')"):
            assert list(connection.execute(sa.text(f"SELECT * FROM {call}".replace(":0", r"\:0"))).keys()) == wanted


def scanned(plan: dict[str, Any]) -> set[str]:
    """The partitions of the history that a plan really read."""
    found = {plan["Relation Name"]} if plan.get("Actual Loops") and "Relation Name" in plan else set()
    for inner in plan.get("Plans", []):
        found |= scanned(inner)
    return {name for name in found if name.startswith("inventario_historico")}


@pytest.mark.parametrize("migrated", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("instant", "location", "partitions"),
    [("2025-11-24 23:00:00+00", "SUC001", {"2025m11"}), ("2024-01-01 00:00:00+00", "SUC099", {"2023m06"}), ("2020-01-01 00:00:00+00", "SUC001", set())],
)
def test_postgresql_reads_only_the_partitions_since_the_locations_keyframe(history: sa.Engine, instant: str, location: str, partitions: set[str]) -> None:
    with history.connect() as connection:
        connection.execute(sa.text("SELECT fluxion_asegurar_particiones('inventario_historico', '2025-01-01', '2026-06-30')"))
        text = sa.text("EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM stock_en(CAST(:t AS timestamptz), :u)")
        plan = connection.execute(text, {"t": instant, "u": location}).scalar_one()
    read = scanned((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
    assert read == {f"inventario_historico_y{m}" for m in partitions}


def test_a_history_that_was_written_before_the_key_was_built_anew_answers_as_ever(engine: sa.Engine) -> None:
    migrate(engine, "0006")
    fill(engine)
    for instant in EXPECTED:
        check(engine, instant)
    migrate(engine)
    for instant in EXPECTED:
        check(engine, instant)


STORES, PRODUCTS, TIMES, EACH = 20, 400, 12, 20
"""Of a chain's day: locations, products of each, ticks, and how many products a tick changes."""

DAY = f"""
    INSERT INTO inventario_historico (ubicacion_codigo, almacen_codigo, producto_codigo, capturado_en, stock, movimiento)
    SELECT u, u, lpad(CAST(p AS text), 8, '0'), CAST('2026-03-02 10:00+00' AS timestamptz) + t * interval '30 minutes', p,
           CASE t WHEN 0 THEN 'clave' ELSE 'cambio' END
    FROM generate_series(0, {TIMES - 1}) AS t, generate_series(0, {PRODUCTS - 1}) AS p,
         (SELECT 'SUC' || lpad(CAST(n AS text), 3, '0') AS u FROM generate_series(1, {STORES}) AS n) AS s
    WHERE t = 0 OR p % {PRODUCTS // EACH} = t
    ORDER BY 4, 1, 3"""

CUTS = """
    INSERT INTO inventario_cortes (ubicacion_codigo, capturado_en, es_clave, filas)
    SELECT ubicacion_codigo, capturado_en, bool_or(movimiento = 'clave'), 400 FROM inventario_historico WHERE capturado_en >= '2026-03-02' GROUP BY 1, 2"""


@pytest.mark.parametrize("migrated", ["postgresql"], indirect=True)
def test_postgresql_reads_one_locations_pages_of_the_day_and_not_the_chains(migrated: sa.Engine) -> None:
    with migrated.connect() as connection:
        connection.execute(sa.text("SELECT fluxion_asegurar_particiones('inventario_historico', '2026-03-02', '2026-03-02')"))
        connection.execute(sa.text(DAY))
        connection.execute(sa.text(CUTS))
        connection.execute(sa.text("ANALYZE inventario_historico, inventario_cortes"))
        ask = "SELECT * FROM stock_en('2026-03-03 00:00+00', 'SUC007')"
        assert len(connection.execute(sa.text(ask)).all()) == PRODUCTS
        (plan,) = connection.execute(sa.text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {ask}")).scalar_one()
        (pages,) = connection.execute(sa.text("SELECT pg_relation_size('inventario_historico_y2026m03') / 8192")).one()
        connection.rollback()
    read = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
    assert pages > 100
    assert read < pages // 2, "one of twenty locations, and yet half as many pages as the chain's day has"
