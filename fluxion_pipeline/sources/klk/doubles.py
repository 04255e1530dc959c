"""A key that stands in more than one piece of an answer: which of its lines is believed is decided over all of them.

Before this: ``judged``, piece by piece; the rule itself is the contract's (``contracts.rules.repeats``): of
sales and products the last valid line stands; of stock a key says one thing or none of its lines is
believed, so that its lines are judged once more, together. Keys are compared by hashes of eight bytes
first, since nearly always none stands twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rows import KEY_SEPARATOR, ROW_KEYS
from fluxion_pipeline.contracts.rules.judge import connection, judge
from fluxion_pipeline.contracts.rules.layout import Judged, Layout, Place, Raw
from fluxion_pipeline.contracts.rules.text import clean
from fluxion_pipeline.sources.klk.shelf import filtered


def last_stands(found: Judged, fact: Fact, folder: Path) -> Judged:
    """Of a key that stands in several pieces the last row stands.

    Args:
        found: all pieces, one behind the other.
        fact: whose keys they are.
        folder: where the rows that stay are put, if they are many.
    """
    hashes = [_hashes(_keys(batch, fact)) for batch in found.rows.to_batches()]
    suspects = _suspects(hashes)
    if not suspects.size:
        return found
    dropped = np.zeros(found.rows.num_rows, bool)
    places = np.flatnonzero(np.isin(np.concatenate(hashes), suspects))
    keys = found.rows.select(list(ROW_KEYS[fact])).take(pa.array(places)).append_column("n", pa.array(places))
    stands = keys.group_by(list(ROW_KEYS[fact])).aggregate([("n", "max")]).column("n_max")
    dropped[places] = True
    dropped[stands.to_numpy()] = False
    ends = np.cumsum([len(h) for h in hashes])[:-1]
    rows = filtered(folder, found.rows, (pa.array(~part) for part in np.split(dropped, ends)))
    return replace(found, rows=rows, repeated=found.repeated + int(dropped.sum()))


def judged_together(found: Judged, pieces: Iterable[Raw], layout: Layout, place: Place, folder: Path) -> Judged:
    """Stock rows whose product stands in several pieces, judged once more: all lines of the product at once.

    Args:
        found: all pieces, one behind the other.
        pieces: the answer's lines once more; they are only taken where a product stands twice.
        layout: the columns of the lines.
        place: what the answer is of.
        folder: where the rows that stay are put, if they are many.

    Returns:
        the same with the rows that were judged again behind the others.
    """
    told = found.rejects.column("clave").drop_null()
    hashes = [_hashes(_keys(batch, layout.fact)) for batch in found.rows.to_batches()]
    suspects = _suspects([*hashes, _hashes(told)])
    if not suspects.size:
        return found
    chosen = [_keys(b, layout.fact).filter(pa.array(np.isin(h, suspects))) for b, h in zip(found.rows.to_batches(), hashes, strict=True)]
    keys = pa.concat_arrays([*chosen, *told.filter(pa.array(np.isin(_hashes(told), suspects))).chunks]).unique()
    codes = pa.array({key.rpartition(KEY_SEPARATOR)[2] for key in keys.to_pylist()}, pa.string())
    again = judge(_lines_of(pieces, layout, codes), layout, place)
    masks = (pc.invert(pc.is_in(_keys(b, layout.fact), value_set=keys)) for b in found.rows.to_batches())
    rejects = found.rejects.filter(pc.invert(pc.fill_null(pc.is_in(found.rejects.column("clave"), value_set=keys), False)))
    rows = filtered(folder, found.rows, masks, again.rows)
    rejects = pa.concat_tables([rejects, again.rejects]).sort_by("linea")
    repeated = found.read - rows.num_rows - rejects.num_rows
    return replace(found, rows=rows, rejects=rejects, repeated=repeated, met=_met(found.met, again.met, codes, folder))


def _met(found: pa.Table | None, again: pa.Table | None, codes: pa.Array, folder: Path) -> pa.Table | None:
    if found is None:
        return None
    return filtered(folder, found, (pc.invert(pc.is_in(b.column("codigo"), value_set=codes)) for b in found.to_batches()), again)


def _lines_of(pieces: Iterable[Raw], layout: Layout, codes: pa.Array) -> Raw:
    """The lines of some products, from all pieces."""
    name = next(f.source for f in layout.fields if f.column == "producto_codigo")

    def wanted() -> Iterator[tuple[pa.Table, pa.Array]]:
        for raw in pieces:
            mask = pc.is_in(clean(raw.table.column(name)), value_set=codes)
            yield raw.table.filter(mask), raw.lines.filter(mask.combine_chunks())

    tables, lines = zip(*wanted(), strict=True)
    return Raw(pa.concat_tables(tables), pa.concat_arrays(lines))


def _keys(rows: pa.RecordBatch, fact: Fact) -> pa.Array:
    return pc.binary_join_element_wise(*(rows.column(c).cast(pa.string()) for c in ROW_KEYS[fact]), KEY_SEPARATOR)


def _hashes(keys: pa.Array | pa.ChunkedArray) -> np.ndarray:
    con = connection()
    con.register("_claves", pa.table([keys], names=["clave"]))
    try:
        found: np.ndarray = con.sql("SELECT hash(clave) AS h FROM _claves").to_arrow_table().column("h").to_numpy()
        return found
    finally:
        con.unregister("_claves")


def _suspects(hashes: list[np.ndarray]) -> np.ndarray:
    """The hashes that stand more than once."""
    ordered = np.sort(np.concatenate(hashes)) if hashes else np.empty(0, np.uint64)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
