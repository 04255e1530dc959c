"""The peers of ``bench.parity``, each in its usual way; run in an environment of their own, never imported.

Arguments: which peer, the DuckDB file, PostgreSQL's address, the table, its key and its other columns
(parted by commas). Prints how many rows differ. pandas and datacompy get PostgreSQL's rows by COPY,
the fastest way there is, and compare decimals as floats.
"""

from __future__ import annotations

import io
import sys
from contextlib import closing
from typing import Any

PEER, DUCKDB_FILE, ADDRESS, TABLE = sys.argv[1:5]
KEY, VALUES = (part.split(",") for part in sys.argv[5:7])


def frames() -> tuple[Any, Any]:
    """Both tables as pandas frames."""
    import duckdb
    import pandas as pd
    import psycopg2

    names = [*KEY, *VALUES]
    with duckdb.connect(DUCKDB_FILE, read_only=True) as connection:
        mine = connection.execute(f"SELECT {', '.join(names)} FROM {TABLE}").df()
    with closing(psycopg2.connect(ADDRESS)) as remote, remote.cursor() as cursor:
        text = io.BytesIO()
        cursor.copy_expert(f"COPY (SELECT {', '.join(names)} FROM {TABLE}) TO STDOUT (FORMAT csv, HEADER)", text)
    text.seek(0)
    other = pd.read_csv(text, dtype=dict.fromkeys(KEY, "str"))
    return mine, other


def pandas() -> int:
    """An outer merge on the key, then every other column."""
    mine, other = frames()
    both = mine.merge(other, on=KEY, how="outer", indicator=True)
    differs = both["_merge"] != "both"
    for name in VALUES:
        left, right = both[f"{name}_x"], both[f"{name}_y"]
        differs |= (left != right) & ~(left.isna() & right.isna())
    return int(differs.sum())


def datacompy() -> int:
    """Its comparison of two pandas frames."""
    import datacompy as package

    mine, other = frames()
    compared = package.PandasCompare(mine, other, join_columns=KEY)
    unequal = len(compared.intersect_rows) - compared.count_matching_rows()
    return int(unequal + len(compared.df1_unq_rows) + len(compared.df2_unq_rows))


def reladiff() -> int:
    """Checksums of segments in both databases, cut where they differ."""
    import reladiff as package

    tables = [package.connect_to_table(where, TABLE, tuple(KEY), extra_columns=tuple(VALUES)) for where in (f"duckdb://{DUCKDB_FILE}", ADDRESS)]
    found = package.diff_tables(*tables)
    return len({row[: len(KEY)] for _, row in found})


if __name__ == "__main__":
    print({"pandas": pandas, "datacompy": datacompy, "reladiff": reladiff}[PEER]())
