"""A schema that somebody changed by hand is described, one line per difference."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from fluxion_pipeline.contracts.migrations.runner import migrate, schema_drift

BOTH = [
    ("DROP TABLE usuarios", "usuarios: the table is missing"),
    ("ALTER TABLE productos DROP COLUMN marca", "productos.marca: the column is missing"),
    ("ALTER TABLE productos ADD COLUMN color TEXT", "productos.color: the column is not in the contract"),
    ("ALTER TABLE inventario_actual ALTER COLUMN stock DROP NOT NULL", "inventario_actual.stock: allows NULL, must be NOT NULL"),
    ("ALTER TABLE inventario_actual ALTER COLUMN precio SET NOT NULL", "inventario_actual.precio: is NOT NULL, must allow NULL"),
]
TYPES = {
    "duckdb": "inventario_actual.costo: is DECIMAL(18,2), must be DECIMAL(18,4)",
    "postgresql": "inventario_actual.costo: is numeric(18,2), must be numeric(18,4)",
}
KEYS = [
    ("ALTER TABLE productos DROP CONSTRAINT productos_pkey", "productos: no primary key (codigo)"),
    ("ALTER TABLE ubicaciones DROP CONSTRAINT uq_ubicaciones_id", "ubicaciones: no unique, deferred (id)"),
    ("ALTER TABLE ubicaciones ADD UNIQUE (nombre)", "ubicaciones: unique (nombre) is not in the contract"),
    (
        "ALTER TABLE inventario_actual ADD FOREIGN KEY (producto_codigo) REFERENCES productos",
        "inventario_actual: foreign key (producto_codigo) is not in the contract",
    ),
]


@pytest.mark.parametrize(("statement", "line"), BOTH)
def test_a_change_by_hand_is_named(migrated: sa.Engine, statement: str, line: str) -> None:
    with migrated.connect() as connection:
        connection.execute(sa.text(statement))
        assert schema_drift(connection) == (line,)


def test_another_type_is_named_in_the_engines_own_words(migrated: sa.Engine) -> None:
    with migrated.connect() as connection:
        connection.execute(sa.text("ALTER TABLE inventario_actual ALTER COLUMN costo TYPE NUMERIC(18,2)"))
        assert schema_drift(connection) == (TYPES[migrated.dialect.name],)


@pytest.mark.parametrize("migrated", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("statement", "line"), KEYS)
def test_a_changed_key_of_postgresql_is_named(migrated: sa.Engine, statement: str, line: str) -> None:
    with migrated.connect() as connection:
        connection.execute(sa.text(statement))
        assert schema_drift(connection) == (line,)


def test_an_empty_database_lacks_every_table_and_a_users_own_table_is_no_difference(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        lines = schema_drift(connection)
        connection.execute(sa.text("CREATE TABLE mine (x INTEGER)"))
    assert "ventas: the table is missing" in lines
    assert all(line.endswith("the table is missing") for line in lines)
    migrate(engine)
    with engine.connect() as connection:
        assert schema_drift(connection) == ()
