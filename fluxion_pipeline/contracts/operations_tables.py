"""The tables in which the pipeline tells what it did: coverage, rejects, ledgers. Not compared by parity.

Importing this module declares them in the metadata; what people read is in ``contract_tables``.
"""

from __future__ import annotations

import sqlalchemy as sa

from fluxion_pipeline.contracts.columns import B, I, T, Z, column, metadata

sa.Table(
    "cobertura",
    metadata,
    column("tabla", T, "ventas, inventario_actual or productos", key=True),
    column("ubicacion_codigo", T, "location", key=True),
    column("corte", T, "business day or tick, local", key=True),
    column("resultado", T, "outcome of the reading that stands", required=True),
    column("leidas", I, "rows read", required=True),
    column("cargadas", I, "rows loaded", required=True),
    column("repetidas", I, "rows repeated", required=True),
    column("rechazadas", I, "rows rejected", required=True),
    column("retenidas", I, "valid rows of a reading that was not applied", required=True),
    column("arrastradas", I, "rows kept because their own was rejected", required=True),
    column("cubierto_hasta", Z, "sales: end of the gap-free coverage of the day"),
    column("leido_en", Z, "when the reading that stands began", required=True),
    column("huella", T, "fingerprint of the reading that stands"),
    sa.Column("verificado_en", Z, comment="when it was last seen to be so", info={"compared": False}),
    sa.Column("ultimo_intento", Z, comment="when the newest attempt began", info={"compared": False}),
    sa.Column("ultimo_resultado", T, comment="outcome of the newest attempt", info={"compared": False}),
    sa.Column("intentos", I, comment="number of attempts", info={"compared": False}),
    sa.Column("segundos", sa.Double, comment="seconds that the newest attempt took", info={"compared": False}),
    sa.Column("motivo", T, comment="why the newest attempt came to its outcome", info={"compared": False}),
    comment="What is covered: one line per table, location and day or tick.",
)

sa.Table(
    "rechazos",
    metadata,
    column("id", T, "hash of table, origin, position and raw row", key=True),
    column("tabla", T, "table that the row was meant for", required=True),
    column("ubicacion_codigo", T, "location", required=True),
    column("corte", T, "business day or tick, local", required=True),
    column("origen", T, "file or address that it came from"),
    column("linea", I, "line in the file, or position in the answer"),
    column("campo", T, "column at fault"),
    column("valor", T, "its value"),
    column("motivo", T, "why it was rejected", required=True),
    column("fila", T, "the raw row, as JSON"),
    sa.Column("lote_id", T, comment="lote that brought it", info={"compared": False}),
    sa.Column("primera_vez", Z, comment="when it was first read", info={"compared": False}),
    sa.Column("ultima_vez", Z, comment="when it was last landed", info={"compared": False}),
    comment="Every rejected row, with its reason.",
)

sa.Table(
    "reparaciones",
    metadata,
    column("id", T, "id of the repair", key=True),
    column("destino", T, "what was written: lote, duckdb or postgresql", key=True),
    column("tabla", T, "table that was repaired", required=True),
    column("origen", T, "what was taken to be right: lote, duckdb or postgresql", required=True),
    column("pedida_por", T, "OS user who asked for it", required=True),
    column("pedida_en", Z, "when", required=True),
    column("forzada", B, "whether --force was given", required=True),
    column("probada", B, "whether it ended with a proof", required=True),
    column("slices", T, "the slices that differed, as a JSON list", required=True),
    column("insertadas", I, "rows inserted", required=True),
    column("cambiadas", I, "rows changed", required=True),
    column("borradas", I, "rows deleted", required=True),
    column("filas_antes", I, "rows of those slices before"),
    column("huella_antes", T, "their digest before (the sum of the slices')"),
    column("filas_despues", I, "rows of those slices afterwards"),
    column("huella_despues", T, "their digest afterwards"),
    comment="Every repair: one line for each thing that it wrote.",
)

sa.Table(
    "lotes_aplicados",
    metadata,
    column("tabla", T, "table", key=True),
    column("slice", T, "slice", key=True),
    column("ubicacion", T, "location whose landing owns the slice", required=True),
    column("version", sa.BigInteger, "secuencia of the image that the sink holds", required=True),
    column("outbox_id", T, "outbox that the image came from", required=True),
    column("filas", sa.BigInteger, "rows of the image", required=True),
    column("huella", T, "digest of the image"),
    column("aplicado_en", Z, "when it was applied", required=True),
    column("servidor", T, "PostgreSQL: server, database and tables for which the seal holds"),
    column("marca", sa.BigInteger, "PostgreSQL: transactions before this one were seen when the slice was made equal"),
    column("transaccion", sa.BigInteger, "PostgreSQL: the transaction that made it equal"),
    comment="The ledger of this sink: which image each slice was made equal to.",
)

sa.Table(
    "lotes_registro",
    metadata,
    column("id", T, "id of the write", key=True),
    column("run_id", T, "run that wrote"),
    column("tabla", T, "table", required=True),
    column("ubicaciones", I, "number of locations", required=True),
    column("slices", I, "number of slices", required=True),
    column("insertadas", sa.BigInteger, "rows inserted", required=True),
    column("cambiadas", sa.BigInteger, "rows changed", required=True),
    column("borradas", sa.BigInteger, "rows deleted", required=True),
    column("iguales", sa.BigInteger, "rows found as they must be", required=True),
    column("segundos", sa.Double, "seconds", required=True),
    column("aplicado_en", Z, "when", required=True),
    comment="The log of this sink's writes.",
)

sa.Table(
    "pruebas",
    metadata,
    column("tabla", T, "table", key=True),
    column("id", T, "id of this proof", required=True),
    column("servidor", T, "PostgreSQL's server, database and tables for which it holds", required=True),
    column("motor", T, "version of DuckDB whose sums of hashes the slices have", required=True),
    column("marca", sa.BigInteger, "transactions before this one were seen by the proof", required=True),
    column("probado_en", Z, "when", required=True),
    comment="What parity has proven of each table, kept in PostgreSQL beside the rows, so that a restored copy takes it along.",
)

sa.Table(
    "pruebas_slices",
    metadata,
    column("tabla", T, "table", key=True),
    column("slice", T, "slice that is proven equal on both sides", key=True),
    column("version", sa.BigInteger, "secuencia of the image that both sinks held", required=True),
    column("filas", sa.BigInteger, "rows of it", required=True),
    column("suma", T, "DuckDB's sum of the hashes of its rows", required=True),
    column("comparado_en", Z, "when its rows were last compared one by one", required=True),
    comment="The slices of each proof.",
)

sa.Table(
    "fluxion_meta",
    metadata,
    column("clave", T, "name", key=True),
    column("valor", T, "value", required=True),
    comment="What this sink knows of itself: the outbox that claimed it.",
)
