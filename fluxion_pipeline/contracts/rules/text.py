"""Text as the contract wants it: trimmed, with the words for "nothing" as NULL, otherwise untouched.

No Unicode normalisation: composed and decomposed accents are different texts, in both engines.
"""

from __future__ import annotations

from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

WHITESPACE = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
"""What is trimmed at both ends: the characters that Unicode calls white space, as ``str.strip`` does."""

NULL_WORDS = ("", "N/A", "n/a", "None", "nan", "NaN", "NULL", "null")
"""Texts that mean NULL once they are trimmed, in exactly this spelling."""

_NOTHING = pa.nulls(1, pa.string())[0]


@cache
def _words() -> pa.Array:
    """Made when it is needed: the first array that is made of Python's values makes pyarrow load pandas, which takes half a second."""
    return pa.array(NULL_WORDS, pa.string())


def clean(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of text as the contract wants it (in Arrow: DuckDB's trim of given characters is 100 times dearer)."""
    trimmed = pc.utf8_trim(column, characters=WHITESPACE)
    nothing = pc.is_in(trimmed, value_set=_words())
    return pc.if_else(nothing, _NOTHING, trimmed) if pc.any(nothing, min_count=0).as_py() else trimmed


def may_hold(column: pa.ChunkedArray, *marks: bytes) -> bool:
    """Whether any of some bytes may be in a column of text: one look at its memory. No is certain."""
    found = (chunk.buffers()[2] for chunk in column.chunks)
    return any(mark in data for buffer in found if buffer is not None for data in (bytes(buffer),) for mark in marks)


def literal(text: str) -> str:
    """A DuckDB text literal of a constant of the contract (values of data are bound, never written out)."""
    return "'" + text.replace("'", "''") + "'"
