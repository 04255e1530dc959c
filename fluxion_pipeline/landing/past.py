"""A location's past, as the rules ask for it: read from the index and the newest images, never from a sink."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.sqltext import columns
from fluxion_pipeline.errors import OutboxError
from fluxion_pipeline.landing import frames
from fluxion_pipeline.landing.decide.merge import state_schema
from fluxion_pipeline.landing.digest import Marks, line_marks
from fluxion_pipeline.landing.index import Image, Index
from fluxion_pipeline.landing.keys import KeyIndex
from fluxion_pipeline.sources.protocol import ROW_KEYS, Reading, row_schema

LOST = "fluxion repair {table} --from lote, if a database still holds it; else restore the folder lotes of FLUXION_HOME from its backup"
"""What to do about an image that can't be read."""
DAMAGED = (OSError, LookupError, ValueError, pa.ArrowException)
"""What reading a damaged file may raise: a column's name may be another by then, or no text at all."""
DAMAGED_SQL = (duckdb.Error, ValueError, RuntimeError)
"""What DuckDB raises over one: its messages quote names that may be no text."""
_SALES_KEY = ROW_KEYS[Fact.VENTAS]


def image_rows(image: Image) -> pa.Table:
    """All rows of a slice's image, landing's own columns included.

    Raises:
        OutboxError: if its file is gone or can't be read.
    """
    try:
        file = pq.ParquetFile(image.file, page_checksum_verification=True)
        rows = file.read(use_threads=False) if file.num_row_groups < 2 else file.read_row_groups(_pieces(file, image.slice), use_threads=False)
        mine = pc.equal(rows.column("_slice"), image.slice)
    except DAMAGED as error:
        found = str(error).splitlines()[0]
        raise OutboxError(f"the image {image.file} can't be read: {found}", LOST.format(table=image.table)) from error
    return (rows if pc.all(mine).as_py() else rows.filter(mine)).drop_columns(["_slice"])


def _pieces(file: pq.ParquetFile, slice_: str) -> list[int]:
    """The row groups that may have rows of a slice."""
    column, found = file.schema_arrow.names.index("_slice"), []
    for number in range(file.num_row_groups):
        told = file.metadata.row_group(number).column(column).statistics
        if told is None or not told.has_min_max or told.min <= slice_ <= told.max:
            found.append(number)
    return found


class Past:
    """What is known of one location; valid while its landing lock is held."""

    def __init__(self, location: str, index: Index, keys: KeyIndex) -> None:
        """Look nothing up yet, but the newest lote: what is decided, is decided on top of it."""
        self.location, self.index, self.keys = location, index, keys
        self.renew()

    def renew(self) -> None:
        """Begin anew, after a lote of our own or of another machine."""
        self.upto = self.index.sequence(self.location)
        self._keys_ready = False
        self._marked: tuple[Reading, Marks] | None = None
        self._known: tuple[str, int, pa.Table] = ("", 0, state_schema(Fact.INVENTARIO).empty_table())

    def image(self, table: str, slice_: str) -> Image | None:
        """The newest image of a slice."""
        found = self.index.images(self.location, table, slices=[slice_])
        return found[0] if found else None

    def rows(self, table: str, slice_: str) -> pa.Table | None:
        """The rows of the newest image of a slice, displaced ones included; None if there is none."""
        image = self.image(table, slice_)
        return None if image is None else image_rows(image)

    def standing(self, fact: Fact, cut: str) -> dict[str, Any] | None:
        """The reading that stands."""
        return self.index.standing(fact, self.location, cut)

    def attempt(self, fact: Fact, cut: str) -> tuple[int, str | None, dict[str, Any] | None]:
        """Attempts, last verification, newest attempt."""
        return self.index.attempt(fact, self.location, cut)

    def marks(self, reading: Reading) -> Marks:
        """``line_marks`` of a reading of sales, worked out once."""
        if self._marked is None or self._marked[0] is not reading:
            self._marked = reading, line_marks(reading.rows)
        return self._marked[1]

    # ── sales ───────────────────────────────────────────────────────────────────────────────
    def day(self, cut: str) -> pa.Table:
        """The state of a business day, displaced rows included."""
        found = self.rows("ventas", f"{self.location}/{cut}")
        return state_schema(Fact.VENTAS).empty_table() if found is None else found.select(state_schema(Fact.VENTAS).names).cast(state_schema(Fact.VENTAS))

    def days_with(self, keys: pa.Table, cut: str) -> tuple[str, ...]:
        """The other days that have any of some keys (columns of ``ROW_KEYS``)."""
        self._index_keys()
        return tuple(d for d in self.keys.days(keys) if d != cut)

    def index_keys(self, days: Mapping[str, pa.Table], lote: int) -> None:
        """Make the key index follow a lote that has just been written; ``days``: the days' rows."""
        if days:
            self._index_keys(before=lote)
            self.keys.replace({day: rows.select(list(_SALES_KEY)) for day, rows in days.items()}, lote)

    def _index_keys(self, before: int | None = None) -> None:
        """Let the key index take over images that it lacks: a crash came before it, or it is gone."""
        if self._keys_ready:
            return
        stale: dict[int, dict[str, pa.Table]] = {}
        for image in self.index.images_after(self.location, Fact.VENTAS.value, self.keys.upto()):
            if before is None or image.lote < before:
                stale.setdefault(image.lote, {})[image.slice.rpartition("/")[2]] = image_rows(image).select(list(_SALES_KEY))
        for lote in sorted(stale):
            self.keys.replace(stale[lote], lote)
        self._keys_ready = True

    # ── stock ───────────────────────────────────────────────────────────────────────────────
    def neighbour(self, tick: str, *, after: bool, same_day: bool) -> str | None:
        """The landed tick before or after one, of its business day or of any."""
        found = self.index.neighbour(self.location, "inventario_cortes", f"{self.location}/{tick}", after=after)
        if found is None:
            return None
        cut = found.rpartition("/")[2]
        return cut if not same_day or cut[:10] == tick[:10] else None

    def has_tick(self, tick: str) -> bool:
        """Whether a tick has landed."""
        return self.image("inventario_cortes", f"{self.location}/{tick}") is not None

    def state(self, tick: str | None) -> pa.Table:
        """The stock at a landed tick (schema ``state_schema``, without carried marks); empty for None.

        The newest tick's is ``inventario_actual``; any other is its day's change rows from the keyframe on.
        """
        schema = state_schema(Fact.INVENTARIO)
        if tick is None:
            return schema.empty_table()
        if self._known[:2] != (tick, self.upto):
            self._known = (tick, self.upto, self._looked_up(tick, schema))
        return self._known[2]

    def _looked_up(self, tick: str, schema: pa.Schema) -> pa.Table:
        if self.neighbour(tick, after=True, same_day=False) is None:
            found = self.rows("inventario_actual", self.location)
            if found is not None:
                plain = found.select(row_schema(Fact.INVENTARIO).names)
                return plain.append_column("_arrastrada", pa.repeat(pa.scalar(False), plain.num_rows)).cast(schema)
        return self._from_history(tick, schema)

    def _from_history(self, tick: str, schema: pa.Schema) -> pa.Table:
        low, high = f"{self.location}/{tick[:10]}", f"{self.location}/{tick}\x00"
        images = self.index.images(self.location, "inventario_historico", slices=self.index.slices(self.location, "inventario_historico", low, high))
        if not images:
            return schema.empty_table()
        names = row_schema(Fact.INVENTARIO).names
        sql = f"""
            SELECT {columns(names)}, false AS _arrastrada FROM (
                SELECT *, row_number() OVER (PARTITION BY almacen_codigo, producto_codigo ORDER BY capturado_en DESC) AS n
                FROM ({_parquet(images)})
            ) WHERE n = 1 AND movimiento <> 'baja' ORDER BY almacen_codigo, producto_codigo
        """  # noqa: S608 quoted names
        try:
            return frames.query(sql, None, _values(images)).cast(schema)
        except DAMAGED_SQL:
            for image in images:
                image_rows(image)  # which one it is, and what to do about it
            raise


def _parquet(images: Sequence[Image]) -> str:
    return " UNION ALL ".join(["SELECT * FROM read_parquet(?) WHERE _slice = ?"] * len(images))


def _values(images: Iterable[Image]) -> list[str]:
    return [x for i in images for x in (str(i.file), i.slice)]
