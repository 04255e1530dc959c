"""What only PostgreSQL has: partitions and their function, keys, indexes, triggers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from fluxion_pipeline.contracts.migrations.runner import migrate
from fluxion_pipeline.contracts.tables import REFERENCES, metadata
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.contracts.migrations.conftest import postgresql_engine

SALE = (
    "INSERT INTO ventas (ubicacion_codigo, numero_factura, linea, fecha_venta, fecha_negocio, producto_codigo, cantidad, venta_total, es_devolucion) "
    "VALUES ('SUC001', '0001', 1, '2017-03-05 10:00-04', '2017-03-05', '000123', 1, 2.5, false)"
)


@pytest.fixture
def schema(postgres: sa.Engine) -> sa.Engine:
    migrate(postgres)
    return postgres


@pytest.fixture
def run(schema: sa.Engine) -> Callable[..., Any]:
    """Run one statement in a transaction of its own; the rows, or None."""

    def execute(statement: str, **values: Any) -> Any:
        with schema.begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else None

    return execute


def make(run: Callable[..., Any], table: str, first: str, last: str) -> int:
    return run("SELECT fluxion_asegurar_particiones(:t, :f, :l)", t=table, f=first, l=last)[0][0]


def partitions(run: Callable[..., Any], table: str) -> list[str]:
    return [name for (name,) in run("SELECT CAST(inhrelid::regclass AS text) FROM pg_inherits WHERE inhparent = CAST(:t AS regclass) ORDER BY 1", t=table)]


def test_the_migration_makes_the_months_around_now(run: Callable[..., Any]) -> None:
    now = datetime.now(timezone.utc)
    months = [divmod(now.year * 12 + now.month - 1 + n, 12) for n in range(-1, 4)]
    for table in ("ventas", "inventario_historico"):
        assert partitions(run, table) == [f"{table}_y{year:04d}m{month + 1:02d}" for year, month in months]


def test_missing_months_are_made_once_each(run: Callable[..., Any]) -> None:
    assert make(run, "ventas", "2017-03-31", "2017-05-01") == 3
    assert make(run, "ventas", "2017-03-31", "2017-05-01") == 0
    assert make(run, "ventas", "2017-02-28", "2017-06-30") == 2
    assert make(run, "ventas", "2019-12-31", "2020-01-01") == 2
    assert make(run, "ventas", "2020-02-01", "2020-01-01") == 0
    assert {"ventas_y2017m02", "ventas_y2017m03", "ventas_y2019m12", "ventas_y2020m01"} <= set(partitions(run, "ventas"))


def test_months_of_history_are_utcs_whatever_the_session_thinks(run: Callable[..., Any], schema: sa.Engine) -> None:
    with schema.begin() as connection:
        connection.execute(sa.text("SET LOCAL TimeZone TO 'America/Caracas'"))
        connection.execute(sa.text("SELECT fluxion_asegurar_particiones('inventario_historico', '2017-03-01', '2017-04-30')"))
        for instant in ("2017-03-31 19:59:59.999999-04", "2017-03-31 20:00-04"):
            connection.execute(
                sa.text(
                    "INSERT INTO inventario_historico (ubicacion_codigo, almacen_codigo, producto_codigo, capturado_en, movimiento) "
                    "VALUES ('A', 'A', '1', :t, 'clave')"
                ),
                {"t": instant},
            )
    assert run("SELECT CAST(tableoid::regclass AS text) FROM inventario_historico ORDER BY capturado_en") == [
        ("inventario_historico_y2017m03",),
        ("inventario_historico_y2017m04",),
    ]


@pytest.mark.parametrize("table", ["productos", "no_such_table", "ventas_y2017m03; DROP TABLE ventas"])
def test_a_table_that_is_not_partitioned_is_refused(run: Callable[..., Any], table: str) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="is not partitioned by month"):
        make(run, table, "2017-03-01", "2017-03-01")


def test_a_date_that_is_missing_is_refused(run: Callable[..., Any]) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="both dates are needed"):
        run("SELECT fluxion_asegurar_particiones('ventas', NULL, '2017-03-01')")


def test_the_function_works_with_a_hostile_search_path(run: Callable[..., Any], schema: sa.Engine) -> None:
    run("CREATE SCHEMA evil")
    run("CREATE FUNCTION evil.to_char(timestamp, text) RETURNS text LANGUAGE sql AS $$ SELECT 'gotcha' $$")
    with schema.begin() as connection:
        connection.execute(sa.text("SET LOCAL search_path TO evil, pg_catalog"))
        assert connection.execute(sa.text("SELECT public.fluxion_asegurar_particiones('ventas', '2017-03-01', '2017-03-01')")).scalar() == 1
    assert "ventas_y2017m03" in partitions(run, "ventas")


def test_callers_at_once_share_the_work_and_none_fails(bare_settings: Settings, run: Callable[..., Any]) -> None:
    engines = [postgresql_engine(bare_settings) for _ in range(4)]
    barrier = threading.Barrier(4)

    def ask(engine: sa.Engine) -> int:
        with engine.begin() as connection:
            connection.execute(sa.text("SELECT 1"))
            barrier.wait()
            return connection.execute(sa.text("SELECT fluxion_asegurar_particiones('ventas', '2016-01-01', '2016-12-31')")).scalar_one()

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(ask, engines))
    for engine in engines:
        engine.dispose()
    assert sorted(made) == [0, 0, 0, 12]


def test_a_partition_can_be_made_while_others_read_and_write_the_table(run: Callable[..., Any], schema: sa.Engine) -> None:
    make(run, "ventas", "2017-03-01", "2017-03-01")
    with schema.begin() as other:
        other.execute(sa.text(SALE))
        with schema.begin() as connection:
            connection.execute(sa.text("SET LOCAL lock_timeout TO '2s'"))
            connection.execute(sa.text("SELECT fluxion_asegurar_particiones('ventas', '2017-04-01', '2017-04-01')"))
    assert "ventas_y2017m04" in partitions(run, "ventas")


def test_a_row_of_a_month_that_was_not_made_is_refused(run: Callable[..., Any]) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="no partition of relation"):
        run(SALE)


def test_primary_keys_stand_in_their_physical_order_also_on_partitions(run: Callable[..., Any]) -> None:
    make(run, "ventas", "2017-03-01", "2017-03-01")
    found = dict(
        run(
            "SELECT CAST(conrelid::regclass AS text), array_agg(CAST(attname AS text) ORDER BY array_position(conkey, attnum)) "
            "FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey) WHERE contype = 'p' GROUP BY 1"
        )
    )
    assert found["ventas"] == found["ventas_y2017m03"] == ["ubicacion_codigo", "numero_factura", "linea", "fecha_negocio"]
    assert found["inventario_historico"] == ["capturado_en", "ubicacion_codigo", "producto_codigo", "almacen_codigo"]
    assert found["inventario_actual"] == ["ubicacion_codigo", "almacen_codigo", "producto_codigo"]
    assert found["cobertura"] == ["tabla", "ubicacion_codigo", "corte"]
    assert found["rechazos"] == ["id"]
    assert set(metadata.tables) <= set(found)


def test_every_reference_and_every_slice_is_led_by_an_index(run: Callable[..., Any]) -> None:
    indexes = run(
        "SELECT CAST(indrelid::regclass AS text), (SELECT array_agg(CAST(a.attname AS text) ORDER BY k.n) "
        "FROM unnest(CAST(indkey AS smallint[])) WITH ORDINALITY AS k (attnum, n) "
        "JOIN pg_attribute a ON a.attrelid = indrelid AND a.attnum = k.attnum) FROM pg_index WHERE indpred IS NULL"
    )
    led = {(table, *columns[: n + 1]) for table, columns in indexes for n in range(len(columns))}
    for table, column, _, _ in REFERENCES:
        assert (table, column) in led
    assert {
        ("ventas", "ubicacion_codigo", "fecha_negocio"),
        ("inventario_historico", "capturado_en", "ubicacion_codigo"),
        ("inventario_cortes", "ubicacion_codigo", "capturado_en"),
    } <= led
    assert {("rechazos", "tabla", "ubicacion_codigo", "corte"), ("lotes_aplicados", "ubicacion"), ("cobertura", "tabla", "ubicacion_codigo", "corte")} <= led


def locations(run: Callable[..., Any]) -> None:
    for n in (1, 2):
        run(
            "INSERT INTO ubicaciones (codigo, id, codigo_etl, nombre, tipo, sistema_pos, activo, visible_pedidos) "
            "VALUES (:c, :i, :e, 'x', 'tienda', 'klk', true, true)",
            c=f"SUC00{n}",
            i=f"t0{n}",
            e=f"tienda_0{n}",
        )


def test_two_locations_may_swap_their_ids_in_one_statement_but_not_share_one(run: Callable[..., Any]) -> None:
    locations(run)
    run("UPDATE ubicaciones SET id = CASE id WHEN 't01' THEN 't02' ELSE 't01' END")
    assert run("SELECT codigo, id FROM ubicaciones ORDER BY codigo") == [("SUC001", "t02"), ("SUC002", "t01")]
    with pytest.raises(sa.exc.IntegrityError, match="uq_ubicaciones_codigo_etl"):
        run("UPDATE ubicaciones SET codigo_etl = 'tienda_01'")


def test_updated_at_moves_only_when_something_changed(run: Callable[..., Any]) -> None:
    locations(run)
    old = run("SELECT updated_at, created_at FROM ubicaciones WHERE codigo = 'SUC001'")
    run("UPDATE ubicaciones SET nombre = 'x', region = NULL")
    assert run("SELECT updated_at, created_at FROM ubicaciones WHERE codigo = 'SUC001'") == old
    run("UPDATE ubicaciones SET region = 'Centro' WHERE codigo = 'SUC001'")
    ((updated, created),) = run("SELECT updated_at, created_at FROM ubicaciones WHERE codigo = 'SUC001'")
    assert updated > old[0][0]
    assert created == old[0][1]


def test_updated_at_moves_in_a_partition_that_was_made_later(run: Callable[..., Any]) -> None:
    make(run, "ventas", "2017-03-01", "2017-03-01")
    run(SALE)
    old = run("SELECT updated_at FROM ventas")
    run("UPDATE ventas SET cantidad = 1.0000")
    assert run("SELECT updated_at FROM ventas") == old
    run("UPDATE ventas SET cantidad = 2")
    assert run("SELECT updated_at FROM ventas") > old


def test_every_table_with_updated_at_has_the_trigger(run: Callable[..., Any]) -> None:
    triggered = {
        name
        for (name,) in run(
            "SELECT CAST(tgrelid::regclass AS text) FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid WHERE NOT tgisinternal AND NOT relispartition"
        )
    }
    assert triggered == {name for name, table in metadata.tables.items() if "updated_at" in table.columns}


def test_a_tick_changes_stock_without_touching_an_index(run: Callable[..., Any], schema: sa.Engine) -> None:
    run(
        "INSERT INTO inventario_actual (ubicacion_codigo, almacen_codigo, producto_codigo, stock)"
        " SELECT 'SUC001', 'SUC001', lpad(CAST(n AS text), 8, '0'), n FROM generate_series(1, 2000) AS n"
    )
    with schema.connect() as connection:
        connection.execute(sa.text("UPDATE inventario_actual SET stock = stock + 1 WHERE CAST(producto_codigo AS int) % 20 = 0"))
        connection.commit()
        connection.execute(sa.text("SELECT pg_stat_force_next_flush()"))
        connection.commit()
        counted = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'inventario_actual'"
        assert tuple(connection.execute(sa.text(counted)).one()) == (100, 100)
