"""A foreign table as text, as a store's file would have it: one SELECT, made from the map and the columns' types.

DOUBLE becomes its shortest text, a TIMESTAMP a day and a time, one with a zone the stores' local day
and time. Lines without a number are numbered within their invoice, by the order that the map says and then by all
columns, so that the same file always gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

from fluxion_pipeline.contracts.clock import ZONE
from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.sources.ajena.mapping import Part
from fluxion_pipeline.sources.archivos.layouts import LAYOUTS


def table_name(part: Part) -> str:
    """The table's name, quoted, in the attached file."""
    return ".".join(quote(x) for x in ("ajena", *(["main"] if "." not in part.table else []), *part.table.split(".")))


def day(part: Part, kinds: Mapping[str, str]) -> str:
    """The business day of a row of sales, as a DATE; NULL: it can't be told."""
    column = part.columns["fecha"]
    if kinds[column] == "VARCHAR":
        return f"CAST(try_strptime({quote(column)}, '{part.date_format.replace(chr(39), chr(39) * 2)}') AS DATE)"
    return f"CAST({_local(column, kinds)} AS DATE)"


def select(part: Part, kinds: Mapping[str, str], day_text: bool = True) -> str:
    """All columns of the layout as text, with ``_dia`` for sales.

    Args:
        part: the table.
        kinds: column → its type.
        day_text: for sales.
    """
    items = [f"{_text(part, kinds, f.source)} AS {quote(f.source)}" for f in LAYOUTS[part.fact].fields]
    if part.fact is Fact.VENTAS and day_text:
        items.append(f"CAST({day(part, kinds)} AS VARCHAR) AS _dia")
    return ", ".join(items)


def _text(part: Part, kinds: Mapping[str, str], name: str) -> str:
    column = part.columns.get(name, "")
    if name == "fecha":
        return f"CAST({day(part, kinds)} AS VARCHAR)"
    if name == "hora":
        return _time(part, kinds)
    if name == "linea" and not column:
        order = ", ".join(quote(c) for c in dict.fromkeys((part.columns["fecha"], *part.order, *kinds)))
        return f"CAST(row_number() OVER (PARTITION BY trim(CAST({quote(part.columns['numero_factura'])} AS VARCHAR)) ORDER BY {order}) AS VARCHAR)"
    return f"CAST({quote(column)} AS VARCHAR)" if column else "CAST(NULL AS VARCHAR)"


def _time(part: Part, kinds: Mapping[str, str]) -> str:
    column = part.columns.get("hora", "")
    if column:
        return f"CAST({quote(column)} AS VARCHAR)"
    column = part.columns["fecha"]
    return f"strftime({_local(column, kinds)}, '%H:%M:%S')" if kinds[column].startswith("TIMESTAMP") else "'00:00:00'"


def _local(column: str, kinds: Mapping[str, str]) -> str:
    return f"timezone('{ZONE.key}', {quote(column)})" if kinds[column] == "TIMESTAMP WITH TIME ZONE" else quote(column)
