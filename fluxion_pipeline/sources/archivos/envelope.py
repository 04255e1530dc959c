"""The physical side of a CSV: UTF-8, line ends, quotes, and the line in which each record begins.

Comes before ``csvfile`` makes a table of it; nothing here knows columns or rules. A line ends with LF
or CRLF and nothing else; a CR elsewhere is a character like any other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fluxion_pipeline.sources.archivos.header import Unusable

BOM = b"\xef\xbb\xbf"
LONE_CR = re.compile(rb"\r(?!\n)")

_QUOTED = re.compile(rb'"(?<![^,\n]")[^"]*(?:""[^"]*)*"([^,\r\n])?')
"""A quoted field, both quotes included; group 1: a character after it that must not be there. The quote
comes first and what is before it after, since a search for a literal is 20 times faster."""

_TOKEN = re.compile(r'"(?<![^,\n]")[^"]*(?:""[^"]*)*("?)')


def check_utf8(data: bytes) -> None:
    """All bytes are UTF-8.

    Raises:
        Unusable: naming the first byte that isn't, counted from 0.
    """
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unusable(f"byte {error.start} (0x{data[error.start]:02x}, line {line}) is not UTF-8") from None


def stand_in(data: bytes) -> str:
    """A character that the text doesn't have, to stand for a lone CR while a parser looks at it."""
    return next(c for c in map(chr, range(0xE000, 0xF900)) if c.encode() not in data)


def misquoted_lines(data: bytes) -> list[int]:
    """The lines in which a closing quote is followed by something else than a comma or the line's end."""
    if not any(_QUOTED.findall(data)):
        return []
    return line_of(data, [match.start(1) for match in _QUOTED.finditer(data) if match.group(1)])


def line_of(data: bytes, places: Sequence[int]) -> list[int]:
    """The line (from 1) of each of some places in the text, ascending."""
    lines, line, last = [], 1, 0
    for place in places:
        line += data.count(b"\n", last, place)
        last = place
        lines.append(line)
    return lines


def open_quote_line(record: str, first: int) -> int:
    """The line in which the quote opens that a record never closes; ``first`` is the record's own line."""
    for match in _TOKEN.finditer(record):
        if not match.group(1):
            return first + record.count("\n", 0, match.start())
    return first


def first_lines(heights: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The line in which each record begins, from the number of lines that each takes."""
    starts = np.cumsum(heights, dtype=np.int64)
    return starts - heights + 1


def line_lengths(data: bytes, lines: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many bytes, line end left out, some lines have."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    begins = np.concatenate(([0], ends + 1))[lines - 1]
    stops = np.concatenate((ends, [len(data)]))[lines - 1]
    body = stops - begins
    before = np.frombuffer(data, np.uint8)[np.maximum(stops - 1, 0)]
    return np.asarray(body - ((body > 0) & (before == ord("\r"))), dtype=np.int64)
