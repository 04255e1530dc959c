"""A location's past, as the rules ask for it: read from the index and the newest images, never from a sink."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.sqltext import columns
from fluxion_pipeline.landing import frames
from fluxion_pipeline.landing.decide.merge import state_schema
from fluxion_pipeline.landing.index import Image, Index
from fluxion_pipeline.landing.keys import KeyIndex
from fluxion_pipeline.sources.protocol import row_schema


def image_rows(image: Image) -> pa.Table:
    """All rows of a slice's image, landing's own columns included."""
    sql = "SELECT * EXCLUDE (_slice) FROM read_parquet(?) WHERE _slice = ?"
    return frames.query(sql, None, [str(image.file), image.slice])


class Past:
    """What is known of one location; valid while its landing lock is held."""

    def __init__(self, location: str, index: Index, keys: KeyIndex) -> None:
        """Look nothing up yet."""
        self.location, self.index, self.keys = location, index, keys

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

    # ── sales ───────────────────────────────────────────────────────────────────────────────
    def day(self, cut: str) -> pa.Table:
        """The state of a business day, displaced rows included."""
        found = self.rows("ventas", f"{self.location}/{cut}")
        return state_schema(Fact.VENTAS).empty_table() if found is None else found.select(state_schema(Fact.VENTAS).names).cast(state_schema(Fact.VENTAS))

    def days_with(self, keys: pa.Table, cut: str) -> tuple[str, ...]:
        """The other days that have any of some keys (columns of ``ROW_KEYS``)."""
        return tuple(d for d in self.keys.days(keys) if d != cut)

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
        if self.neighbour(tick, after=True, same_day=False) is None:
            found = self.rows("inventario_actual", self.location)
            if found is not None:
                plain = found.select(row_schema(Fact.INVENTARIO).names)
                return plain.append_column("_arrastrada", pa.array([False] * plain.num_rows, pa.bool_())).cast(schema)
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
        return frames.query(sql, None, _values(images)).cast(schema)


def _parquet(images: Sequence[Image]) -> str:
    return " UNION ALL ".join(["SELECT * FROM read_parquet(?) WHERE _slice = ?"] * len(images))


def _values(images: Iterable[Image]) -> list[str]:
    return [x for i in images for x in (str(i.file), i.slice)]
