"""Bytes of a CSV drop to an Arrow table of text, every record with the line in which it begins.

Before this: ``folder`` found the file and its bytes were read; after it: ``contracts.rules``. A file
whose envelope is broken is refused as a whole (``Unusable``); a record that is, is one reject.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pacsv

from fluxion_pipeline.contracts.rules.layout import Broken, Layout, Raw
from fluxion_pipeline.sources.archivos import envelope
from fluxion_pipeline.sources.archivos.header import Header, Unusable, check

END = "\x00\x00"
"""Record of one column that is put after the last: if it isn't found again, a quote has swallowed it."""

LARGEST = 2**31 - 2**20
MISQUOTED = "a closing quote is followed by text"


@dataclass
class _Records:
    """What the parser found: ``number`` counts records from 1, header and blank lines included."""

    table: pa.Table
    broken: list[tuple[int, int, str]]
    count: int

    def table_numbers(self) -> npt.NDArray[np.int64]:
        """The numbers of the table's records: those that aren't broken."""
        whole = np.ones(self.count, dtype=bool)
        whole[[number - 1 for number, _, _ in self.broken]] = False
        return np.flatnonzero(whole) + 1


def parse(data: bytes, layout: Layout) -> tuple[Raw, Header]:
    """The rows of a CSV as text.

    Raises:
        Unusable: not UTF-8 (which byte), empty, a column missing or double, a quote that never closes (which line).
    """
    if not data:
        raise Unusable("the file is empty: zero bytes, not even a header")
    if len(data) > LARGEST:
        raise Unusable(f"the file has {len(data):,} bytes, more than the {LARGEST:,} that are read at once")
    envelope.check_utf8(data)
    body = data.removeprefix(envelope.BOM)
    mark = None
    if b"\r" in body and body.count(b"\r") != body.count(b"\r\n"):
        mark = envelope.stand_in(body)
        body = envelope.LONE_CR.sub(mark.encode(), body)
    found = _header(body)
    if mark and b"\n" not in body:
        raise Unusable("its lines end with CR alone, and the whole file is one line: save it with line ends LF or CRLF")
    header = check([name.replace(mark, "\r") if mark else name for name in found], layout)
    records = _records(body, len(found))
    raw = _raw(body, found, records)
    raw = Raw(raw.table.rename_columns(list(header.names)), raw.lines, raw.broken)
    return (_restored(raw, mark) if mark else raw), header


def _header(body: bytes) -> list[str]:
    """The names in the first record that isn't a blank line."""
    try:
        for record in csv.reader(io.TextIOWrapper(io.BytesIO(body), "utf-8", newline="\n")):
            if len(record) > 1 or (record and record[0].strip()):
                return record
    except csv.Error as error:
        raise Unusable(f"the header can't be read: {error}") from None
    raise Unusable("the file has no header: only blank lines")


def _records(body: bytes, width: int) -> _Records:
    """Parse everything as text; records of another width are kept apart."""
    broken: list[tuple[int, int, str]] = []

    def keep(row: pacsv.InvalidRow) -> str:
        broken.append((row.number, row.actual_columns, row.text))
        return "skip"

    names = [f"c{i}" for i in range(width)]
    whole = body + (b"" if body.endswith(b"\n") else b"\n") + END.encode()
    table = pacsv.read_csv(
        io.BytesIO(whole),
        read_options=pacsv.ReadOptions(use_threads=False, block_size=len(whole) + 1, column_names=names),
        parse_options=pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=keep),
        convert_options=pacsv.ConvertOptions(column_types={n: pa.string() for n in names}, strings_can_be_null=False),
    )
    records = _Records(table, broken, table.num_rows + len(broken))
    if not broken or broken[-1][0] != records.count or broken[-1][2] != END:
        _refuse_open_quote(body, records)
    broken.pop()
    records.count -= 1
    return records


def _refuse_open_quote(body: bytes, records: _Records) -> None:
    """The last record has swallowed the end: say where its quote opens."""
    last = int(envelope.first_lines(_heights(records))[-1])
    record = body.decode("utf-8").split("\n", last - 1)[-1]
    raise Unusable(f"the quote that opens in line {envelope.open_quote_line(record, last)} is never closed")


def _heights(records: _Records) -> npt.NDArray[np.int64]:
    """How many lines each record takes."""
    heights = np.ones(records.count, dtype=np.int64)
    inside = np.zeros(records.table.num_rows, dtype=np.int64)
    for column in records.table.columns:
        inside += pc.count_substring(column, "\n").to_numpy()
    heights[records.table_numbers() - 1] += inside
    for number, _, text in records.broken:
        heights[number - 1] += text.count("\n")
    return heights


def _raw(body: bytes, header: list[str], records: _Records) -> Raw:
    """Header and blank lines left out, lines told, records with text after a closing quote refused."""
    quoted = b'"' in body
    heights = _heights(records) if quoted else np.ones(records.count, dtype=np.int64)
    physical = int(np.count_nonzero(np.frombuffer(body, np.uint8) == ord("\n"))) + (not body.endswith(b"\n"))
    if int(heights.sum()) != physical:
        raise Unusable(f"the file has {physical} lines, but its records take {int(heights.sum())}")
    first = envelope.first_lines(heights)
    lines = first[records.table_numbers() - 1]
    data = _without_blank(body, records.table, lines)
    table = records.table if data.all() else records.table.filter(pa.array(data))
    lines = lines[data]
    if [c[0].as_py() for c in table.slice(0, 1).columns] != header:
        raise Unusable(f"the header can't be read: {','.join(header)[:300]}")
    header_line, table, lines, width = int(lines[0]), table.slice(1), lines[1:], len(header)
    broken = [Broken(int(first[number - 1]), f"{width} columns were expected, {found} found", text) for number, found, text in records.broken if text.strip()]
    if quoted and (refused := _misquoted(body, first, heights)):
        starts = [b.line for b in refused]
        if header_line in starts:
            raise Unusable(f"the header: {MISQUOTED}")
        keep = ~np.isin(lines, starts)
        table, lines = table.filter(pa.array(keep)), lines[keep]
        broken = [b for b in broken if b.line not in starts] + refused
    return Raw(table, pa.array(lines, pa.int32()), tuple(broken))


def _without_blank(body: bytes, table: pa.Table, lines: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which records are no blank lines; a line of nothing but commas is a record of nothing."""
    empty = np.ones(table.num_rows, dtype=bool)
    for column in table.columns:
        empty &= pc.equal(pc.binary_length(column), 0).to_numpy()
    if empty.any():
        empty[empty] = envelope.line_lengths(body, lines[empty]) == 0
    return np.asarray(~empty)


def _misquoted(body: bytes, first: npt.NDArray[np.int64], heights: npt.NDArray[np.int64]) -> list[Broken]:
    """Records with text after a closing quote: they may have swallowed their neighbours, so each is refused with all of its lines."""
    lines = envelope.misquoted_lines(body)
    if not lines:
        return []
    numbers = np.unique(np.searchsorted(first, np.array(lines), side="right")) - 1
    text = body.decode("utf-8").split("\n")
    spans = zip(first[numbers].tolist(), heights[numbers].tolist(), strict=True)
    return [Broken(start, MISQUOTED, "\n".join(text[start - 1 : start - 1 + height]).removesuffix("\r")) for start, height in spans]


def _restored(raw: Raw, mark: str) -> Raw:
    """The lone CRs come back where they stood."""
    columns = [pc.replace_substring(c, mark, "\r") for c in raw.table.columns]
    broken = tuple(Broken(b.line, b.reason, b.text.replace(mark, "\r")) for b in raw.broken)
    return Raw(pa.table(columns, names=raw.table.column_names), raw.lines, broken)
