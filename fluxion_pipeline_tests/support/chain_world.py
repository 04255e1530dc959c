"""What a sink holds, and what the models say that it must hold, in the same form: slice → rows.

A slice is (table, location's code, day or tick, "" or the table that a coverage line speaks of). Rows are
tuples of ``COLUMNS``. A sink is read by plain SQL, an image is spelled out from the model: no code of
the program is between them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.locations.registry import Registry
from fluxion_pipeline_tests.support import landing_world as world
from fluxion_pipeline_tests.support import own_model
from fluxion_pipeline_tests.support.own_model import Own
from fluxion_pipeline_tests.support.star_model import Star

SALES = "ubicacion_codigo numero_factura linea fecha_venta fecha_negocio producto_codigo almacen_codigo cantidad unidad precio_unitario descuento"
SALES += " impuesto venta_total costo_total venta_total_bs tasa_usd es_devolucion"
COLUMNS: dict[str, tuple[str, ...]] = {
    "ubicaciones": ("codigo", "id", "codigo_etl", "nombre", "activo"),
    "productos": ("codigo", "descripcion", "departamento", "categoria", "marca", "es_provisional"),
    "ventas": tuple(SALES.split()),
    "inventario_actual": ("ubicacion_codigo", "almacen_codigo", "producto_codigo", "stock", "precio", "costo"),
    "inventario_historico": ("ubicacion_codigo", "almacen_codigo", "producto_codigo", "capturado_en", "stock", "precio", "costo", "movimiento"),
    "inventario_cortes": ("ubicacion_codigo", "capturado_en", "es_clave", "filas"),
    "cobertura": (
        *("tabla", "ubicacion_codigo", "corte", "resultado", "leidas", "cargadas", "repetidas", "rechazadas", "retenidas", "arrastradas", "cubierto_hasta"),
    ),
    "rechazos": ("id", "tabla", "ubicacion_codigo", "corte", "motivo"),
    "reparaciones": ("destino", "tabla", "origen"),
    **own_model.COLUMNS,
}
"""What is looked at of each landed table."""

KEYS: dict[str, tuple[str, ...]] = {
    "ubicaciones": ("codigo",),
    "productos": ("codigo",),
    "ventas": ("ubicacion_codigo", "numero_factura", "linea"),
    "inventario_actual": ("ubicacion_codigo", "almacen_codigo", "producto_codigo"),
    "inventario_historico": ("ubicacion_codigo", "almacen_codigo", "producto_codigo", "capturado_en"),
    "inventario_cortes": ("ubicacion_codigo", "capturado_en"),
    "cobertura": ("tabla", "ubicacion_codigo", "corte"),
    "rechazos": ("id",),
    "reparaciones": (),
    "mia": ("lugar", "codigo"),
    "entera": ("codigo",),
}
"""What must be there once."""

OWN = tuple(own_model.COLUMNS)
"""Users' own tables: a sink has them from when it first owed rows of them."""
PLACES = (*world.LOCATIONS, "*", *(f"tabla:{table}" for table in OWN))
"""Whatever lands, by its name in the models."""

OF_ALL = ("ubicaciones", "productos", "reparaciones")
"""Tables that are one slice."""
Slice = tuple[str, str, str, str]
Rows = Counter[tuple[Any, ...]]
Table = dict[Slice, Rows]
ATTEMPTS = "SELECT tabla, ubicacion_codigo, corte, intentos, ultimo_resultado, ultimo_intento, verificado_en FROM cobertura"
THERE = {
    SinkName.DUCKDB: "SELECT table_name, column_count FROM duckdb_tables() WHERE table_name IN ('mia', 'entera')",
    SinkName.POSTGRESQL: "SELECT relname, relnatts::int FROM pg_class WHERE oid IN (to_regclass('public.mia'), to_regclass('public.entera'))",
}
"""Users' own tables that are there, and the number of their columns."""
CARACAS = timezone(timedelta(hours=-4))


def code_of(place: str) -> str:
    """The real name of a place of the models."""
    return world.LOCATIONS.get(place, place)


class Seen(NamedTuple):
    """All that there is in a sink.

    Attributes:
        rows: slice → rows.
        meta: ``fluxion_meta``.
        ledger: (table, slice's text) → version, rows.
        attempts: (table, location, cut) → attempts, outcome, instant and verification.
        own: users' own tables that are there → number of their columns.
    """

    rows: Table
    meta: dict[str, str]
    ledger: dict[tuple[str, str], tuple[int, int]]
    attempts: dict[tuple[str, str, str], tuple[Any, ...]]
    own: Counter[str]


def look(run: Callable[[list[str]], list[list[tuple[Any, ...]]]], sink: SinkName) -> Seen:
    """Read a sink."""
    (there,) = run([THERE[sink]])
    own: Counter[str] = Counter(dict(there))
    columns = {t: [*names[: own.get(t)], *(f"NULL AS {n}" for n in names[own.get(t, 99) :])] for t, names in COLUMNS.items() if t not in OWN or own[t]}
    selects = [f"SELECT {', '.join(names)} FROM {table}" for table, names in columns.items()]
    *tables, meta, ledger, attempts = run(
        [*selects, "SELECT clave, valor FROM fluxion_meta", "SELECT tabla, slice, version, filas FROM lotes_aplicados", ATTEMPTS]
    )
    rows: Table = {}
    for table, found in zip(columns, tables, strict=True):
        for row in found:
            rows.setdefault(slice_of(table, row), Counter())[tuple(row)] += 1
    lines = {(t, s): (v, n) for t, s, v, n in ledger}
    return Seen(rows, dict(meta), lines, {tuple(x[:3]): tuple(x[3:]) for x in attempts}, own)  # type: ignore[misc]


def slice_of(table: str, row: tuple[Any, ...]) -> Slice:
    """The slice in which a row lies."""
    if table in OF_ALL:
        return table, "*", "", ""
    if table in OWN:
        return table, f"tabla:{table}", own_model.slice_of(table, row), ""
    value = dict(zip(COLUMNS[table], row, strict=True))
    place = value["ubicacion_codigo"]
    if table == "ventas":
        return table, place, value["fecha_negocio"].isoformat(), ""
    if table == "inventario_actual":
        return table, place, "", ""
    if "tabla" in value:
        return table, place, value["corte"], value["tabla"]
    return table, place, value["capturado_en"].astimezone(CARACAS).strftime("%Y-%m-%dT%H%M"), ""


def text_of(slice_: Slice) -> str:
    """A slice's text in ledgers."""
    table, place, cut, of = slice_
    if table in OWN:
        return cut
    return "/".join(x for x in (of, place, cut) if x) if table not in OF_ALL else "*"


# ── what the models say ─────────────────────────────────────────────────────────────────────
def meant(images: Mapping[Any, tuple[int, Any]], place: str) -> dict[Slice, tuple[int, Rows]]:
    """Version and rows of each image of a location of the model (``*``: of the star)."""
    code = code_of(place)
    result = {}
    for name, (version, rows) in images.items():
        slice_, found = _spelled(name, rows, place, code)
        result[slice_] = (version, Counter(found))
    return result


def _spelled(name: tuple[str, Any], rows: Any, place: str, code: str) -> tuple[Slice, Iterable[tuple[Any, ...]]]:
    table, cut = name
    if table in OWN:
        return (table, code, str(cut), ""), rows
    if table in _OF_EACH:
        return _OF_EACH[table](cut, rows, place, code)
    of = "productos" if place == "*" else "ventas" if cut[0] == "ventas" else "inventario_actual"
    text = "*" if place == "*" else world.cut_text(*cut)
    slice_ = (table, code, text, of)
    if table == "cobertura":
        return slice_, [(of, code, text, c.outcome, c.read, c.loaded, 0, c.rejected, c.held_back, c.carried, _at(c.until)) for c in rows.values()]
    named = [f"{cut[0]}/{place}{cut[1]}/{x.raw}" for x in rows.values()] if isinstance(rows, dict) else [f"productos/{x}" for x in rows]
    return slice_, [(x, of, code, text, "cantidad is not a number") for x in named]


def _sales(day: int, rows: Any, _place: str, code: str) -> tuple[Slice, Iterable[tuple[Any, ...]]]:
    cut = world.cut_text("ventas", day)
    found = [world.sale_row(code, day, k, x.value, x.hour) for k, x in rows.items()]
    return ("ventas", code, cut, ""), [tuple(row.get(c) for c in COLUMNS["ventas"]) for row in found]


def _current(_: int, rows: Any, place: str, code: str) -> tuple[Slice, Iterable[tuple[Any, ...]]]:
    warehouse = world.WAREHOUSES[place]
    return ("inventario_actual", code, "", ""), [(code, warehouse, f"000{k}", Decimal(x.value), None, None) for k, x in rows.items()]


def _history(tick: int, rows: Any, place: str, code: str) -> tuple[Slice, Iterable[tuple[Any, ...]]]:
    when, warehouse = world.at(tick), world.WAREHOUSES[place]
    found = [(code, warehouse, f"000{k}", when, None if v is None else Decimal(v), None, None, word) for k, (v, word) in rows.items()]
    return ("inventario_historico", code, world.cut_text("stock", tick), ""), found


def _cuts(tick: int, rows: Any, _place: str, code: str) -> tuple[Slice, Iterable[tuple[Any, ...]]]:
    return ("inventario_cortes", code, world.cut_text("stock", tick), ""), [(code, world.at(t), *line) for t, line in rows.items()]


def _products(_: int, rows: Any, _place: str, _code: str) -> tuple[Slice, Iterable[tuple[Any, ...]]]:
    return ("productos", "*", "", ""), [(code, described(code, n), None, None, None, n is None) for code, n in rows.items()]


def _repairs(_: int, rows: Any, _place: str, _code: str) -> tuple[Slice, Iterable[tuple[Any, ...]]]:
    return ("reparaciones", "*", "", ""), [(sink, table, "lote") for sink, table in rows]


def _places(_: int, rows: Any, _place: str, _code: str) -> tuple[Slice, Iterable[tuple[Any, ...]]]:
    return ("ubicaciones", "*", "", ""), rows


_OF_EACH: dict[str, Callable[..., tuple[Slice, Iterable[tuple[Any, ...]]]]] = {
    "ventas": _sales,
    "actual": _current,
    "historico": _history,
    "cortes": _cuts,
    "productos": _products,
    "ubicaciones": _places,
    "reparaciones": _repairs,
}


def described(code: str, number: int | None) -> str:
    """What a catalogue, or a fact that met the product first, calls it."""
    return f"{code} of a till" if number is None else f"{code}, number {number}"


def places_of(registry: Registry) -> frozenset[tuple[Any, ...]]:
    """The map of locations as rows."""
    return frozenset(tuple(getattr(x, c) for c in COLUMNS["ubicaciones"]) for x in registry)


def _at(time: int | None) -> datetime | None:
    return None if time is None else world.at(time)


def stock_at(u: Any, place: str, moment: int) -> set[tuple[Any, ...]]:
    """Location, warehouse, product, stock of a location at an instant of the model."""
    ticks = [t for t in u.ticks if t <= moment]
    state = u.ticks[max(ticks)] if ticks else {}
    return {(world.LOCATIONS[place], world.WAREHOUSES[place], f"000{k}", Decimal(h.line.value)) for k, h in state.items()}


def attempts_of(u: Any, place: str) -> dict[tuple[str, str, str], tuple[Any, ...]]:
    """(table, location, cut) → attempts, outcome, instant and verification, as the models have them; users' own tables have none."""
    if isinstance(u, Own):
        return {}
    if isinstance(u, Star):
        newest = u.newest
        return {("productos", "*", "*"): (len(u.known), newest[1], world.at(newest[0].read_at), _at(u.verified))} if newest else {}
    counts = Counter(s for s, _, _ in u.known)
    return {
        ("ventas" if s[0] == "ventas" else "inventario_actual", world.LOCATIONS[place], world.cut_text(*s)): (
            counts[s],
            newest[1] if newest else None,
            _at(newest[0].read_at) if newest else None,
            _at(u.verified.get(s)),
        )
        for s in {*u.newest, *u.verified}
        for newest in [u.newest.get(s)]
    }


def doubled(rows: Table, slices: Iterable[Slice]) -> list[tuple[Any, ...]]:
    """Keys that stand more than once among some slices."""
    counts: Counter[tuple[Any, ...]] = Counter()
    for slice_ in slices:
        if not KEYS[slice_[0]]:
            continue
        names = COLUMNS[slice_[0]]
        at = [names.index(k) for k in KEYS[slice_[0]]]
        for row, n in rows.get(slice_, {}).items():
            counts[(slice_[0], *(row[i] for i in at))] += n
    return [key for key, n in counts.items() if n > 1]


def run_on(settings: Any, sink: SinkName, statements: list[str], *, write: bool = False) -> list[list[tuple[Any, ...]]]:
    """Statements on a sink's database, by a connection of our own, in one transaction."""
    import duckdb
    import psycopg2

    if sink is SinkName.DUCKDB:
        with duckdb.connect(str(settings.duckdb_file), read_only=not write, config={"threads": "1"}) as con:
            con.execute("SET TimeZone = 'UTC'")
            con.execute("BEGIN")
            found = [con.execute(sql).fetchall() for sql in statements]
            con.execute("COMMIT")
            return found
    secret = settings.postgres_password.get_secret_value()
    where = {"host": settings.postgres_host, "port": settings.postgres_port, "user": settings.postgres_user, "password": secret, "sslmode": "disable"}
    connection = psycopg2.connect(dbname=settings.postgres_db, options="-c TimeZone=UTC -c lock_timeout=60ms", **where)
    try:
        with connection, connection.cursor() as cursor:
            found = []
            for sql in statements:
                cursor.execute(sql)
                found.append(cursor.fetchall() if cursor.description else [])
            return found
    finally:
        connection.close()
