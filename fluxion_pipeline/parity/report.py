"""What a comparison came to: frozen values, their JSON, and a Markdown table for people.

Nothing here compares or connects. Before this: ``prove`` and ``verdict``; after it: the command line,
asset checks and repair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fluxion_pipeline.contracts.outcomes import SinkName, Verdict, Word

SAMPLE = 20
"""The most differences that a table's report shows; counts are always complete."""

_OWN = "_segun_su_lote"

Shown = Mapping[str, Any]
"""A row as people read it: decimals as text, instants as ISO text in UTC."""


class Level(Word):
    """How deep a comparison goes."""

    SCHEMA = "schema"
    COUNT = "count"
    VALUES = "values"
    DIGEST = "digest"


class Kind(Word):
    """How a row differs, seen from DuckDB.

    ``…_en_ambas``: both sinks hold the same, and the lote something else. ``…_segun_su_lote``: while the
    sinks hold different lotes, one of them holds something else than its own one says.
    """

    MISSING = "falta_en_pg"
    EXTRA = "sobra_en_pg"
    CHANGED = "cambiada"
    DUPLICATED = "duplicada"
    MISSING_IN_BOTH = "falta_en_ambas"
    EXTRA_IN_BOTH = "sobra_en_ambas"
    CHANGED_IN_BOTH = "cambiada_en_ambas"
    MISSING_IN_DUCKDB_BY_LOTE = "falta_en_duckdb_segun_su_lote"
    EXTRA_IN_DUCKDB_BY_LOTE = "sobra_en_duckdb_segun_su_lote"
    CHANGED_IN_DUCKDB_BY_LOTE = "cambiada_en_duckdb_segun_su_lote"
    DUPLICATED_IN_DUCKDB_BY_LOTE = "duplicada_en_duckdb_segun_su_lote"
    MISSING_IN_POSTGRESQL_BY_LOTE = "falta_en_pg_segun_su_lote"
    EXTRA_IN_POSTGRESQL_BY_LOTE = "sobra_en_pg_segun_su_lote"
    CHANGED_IN_POSTGRESQL_BY_LOTE = "cambiada_en_pg_segun_su_lote"
    DUPLICATED_IN_POSTGRESQL_BY_LOTE = "duplicada_en_pg_segun_su_lote"


_BY_LOTE = {Kind.MISSING: "falta", Kind.EXTRA: "sobra", Kind.CHANGED: "cambiada", Kind.DUPLICATED: "duplicada"}


def of_own_lote(kind: Kind, sink: SinkName) -> Kind:
    """The kind of a difference between a sink and its own lote, of which ``kind`` sees the lote in DuckDB's place."""
    return Kind(f"{_BY_LOTE[kind]}_en_{'duckdb' if sink is SinkName.DUCKDB else 'pg'}_segun_su_lote")


@dataclass(frozen=True)
class Difference:
    """One difference.

    Attributes:
        kind: one of ``Kind``, or ``esquema`` at level ``schema``.
        key: the columns that identify the row (at level ``count``: its slice), with their values.
        duckdb: what DuckDB holds, or None.
        postgresql: what PostgreSQL holds, or None.
        columns: the columns whose values differ.
        slice: the row's slice, as in the ledger.
        lote: what the lote says, where both sinks differ from it or one from its own; else None.

    Of kind ``…_segun_su_lote`` the other sink was not asked, and is None.
    """

    kind: str
    key: Shown
    duckdb: Shown | None
    postgresql: Shown | None
    columns: tuple[str, ...] = ()
    slice: str = ""
    lote: Shown | None = None

    @property
    def by_lote(self) -> bool:
        """Whether a lote was compared."""
        return self.kind.endswith(("_en_ambas", _OWN))

    @property
    def sides(self) -> tuple[tuple[str, Shown | None], ...]:
        """What was compared: each side's name and its row, or None where it has none."""
        every = ("duckdb", self.duckdb), ("postgresql", self.postgresql), ("lote", self.lote)
        if self.kind.endswith(_OWN):
            return every[0 if "_en_duckdb_" in self.kind else 1], every[2]
        return every if self.by_lote else every[:2]

    def to_json(self) -> dict[str, Any]:
        """The entry of ``sample`` in ``fluxion parity --json``."""
        return {
            "kind": self.kind,
            "key": dict(self.key),
            "duckdb": None if self.duckdb is None else dict(self.duckdb),
            "postgresql": None if self.postgresql is None else dict(self.postgresql),
            "columns": list(self.columns),
            "slice": self.slice,
            "lote": None if self.lote is None else dict(self.lote),
        }


@dataclass(frozen=True)
class OwnLote:
    """Slices in which a sink differs from the lote that its own ledger names, while the other sink holds another one.

    Attributes:
        slices: those slices.
        missing: keys that the lote has and the sink lacks (level ``count``: rows).
        extra: keys or rows that the sink has and the lote doesn't.
        changed: keys that both have, with other values.
    """

    slices: frozenset[str]
    missing: int
    extra: int
    changed: int

    def to_json(self) -> dict[str, Any]:
        """The entry of ``unlike_own_lote``."""
        return {"slices": sorted(self.slices)[:SAMPLE], "missing": self.missing, "extra": self.extra, "changed": self.changed}


@dataclass(frozen=True)
class TableParity:
    """The verdict on one table, with its evidence.

    Attributes:
        table: the table's name.
        level: how deep it was compared.
        verdict: equal, different, or why it can't be told (``reason``).
        reason: one sentence; empty when equal.
        rows_duckdb: rows of the compared slices in DuckDB; None: not counted.
        rows_postgresql: the same in PostgreSQL.
        missing_in_postgresql: keys that only DuckDB has (level ``count``: rows).
        missing_in_duckdb: keys that only PostgreSQL has.
        changed: keys that both have, with other values.
        duplicated_in_duckdb: rows beyond the first of their key.
        duplicated_in_postgresql: the same in PostgreSQL.
        sample: at most ``SAMPLE`` differences, of each kind some.
        pending: slices that differ while they stand at different versions, or that a sink has still to copy.
        differing: the slices that differ at equal versions.
        missing_in_both: keys that the lote has and neither sink (level ``count``: rows).
        extra_in_both: keys that both sinks have and the lote doesn't.
        changed_in_both: keys whose values are the same in both sinks and others in the lote.
        unlike_lote: the slices that are so.
        unlike_own: sinks that differ from their own lotes in slices that stand at different versions, by sink.
        seconds: how long it took.
        slices: slices that PostgreSQL holds, of those that were asked for; None: not counted.
        compared: how many were compared row by row; the others are as they were when they were. None: all that was asked for.
        oldest: when the slice that waits longest was last compared row by row; None: now.
    """

    table: str
    level: Level
    verdict: Verdict
    reason: str = ""
    rows_duckdb: int | None = None
    rows_postgresql: int | None = None
    missing_in_postgresql: int = 0
    missing_in_duckdb: int = 0
    changed: int = 0
    duplicated_in_duckdb: int = 0
    duplicated_in_postgresql: int = 0
    sample: tuple[Difference, ...] = ()
    pending: int = 0
    differing: frozenset[str] = field(default_factory=frozenset)
    missing_in_both: int = 0
    extra_in_both: int = 0
    changed_in_both: int = 0
    unlike_lote: frozenset[str] = field(default_factory=frozenset)
    unlike_own: Mapping[str, OwnLote] = field(default_factory=dict)
    seconds: float = 0.0
    slices: int | None = None
    compared: int | None = None
    oldest: datetime | None = None

    @property
    def wrong(self) -> frozenset[str]:
        """All slices in which something is wrong."""
        return self.differing.union(self.unlike_lote, *(o.slices for o in self.unlike_own.values()))

    def to_json(self) -> dict[str, Any]:
        """The entry of ``tables`` in ``fluxion parity --json``."""
        return {
            "table": self.table,
            "level": str(self.level),
            "verdict": str(self.verdict),
            "reason": self.reason,
            "rows": {"duckdb": self.rows_duckdb, "postgresql": self.rows_postgresql},
            "missing_in_postgresql": self.missing_in_postgresql,
            "missing_in_duckdb": self.missing_in_duckdb,
            "changed": self.changed,
            "duplicated_in_duckdb": self.duplicated_in_duckdb,
            "duplicated_in_postgresql": self.duplicated_in_postgresql,
            "missing_in_both": self.missing_in_both,
            "extra_in_both": self.extra_in_both,
            "changed_in_both": self.changed_in_both,
            "slices_unlike_lote": sorted(self.unlike_lote)[:SAMPLE],
            "unlike_own_lote": {sink: own.to_json() for sink, own in self.unlike_own.items()},
            "sample": [d.to_json() for d in self.sample],
            "pending": self.pending,
            "seconds": round(self.seconds, 3),
            "slices": self.slices,
            "slices_compared": self.slices if self.compared is None else self.compared,
            "oldest_comparison": None if self.oldest is None else self.oldest.isoformat(),
        }


@dataclass(frozen=True)
class ParityReport:
    """The verdicts of one run, in the order in which the tables were asked for."""

    tables: tuple[TableParity, ...]

    @property
    def verdict(self) -> Verdict:
        """Different if any table is, else not conclusive if any is, else equal."""
        found = {t.verdict for t in self.tables}
        return next((v for v in (Verdict.DIFERENTE, Verdict.NO_CONCLUYENTE) if v in found), Verdict.IGUAL)

    @property
    def exit_code(self) -> int:
        """What ``fluxion parity`` ends with: 0 equal, 1 different, 2 can't be told."""
        return {Verdict.IGUAL: 0, Verdict.DIFERENTE: 1, Verdict.NO_CONCLUYENTE: 2}[self.verdict]

    def to_json(self) -> dict[str, Any]:
        """What ``fluxion parity --json`` prints."""
        return {"verdict": str(self.verdict), "tables": [t.to_json() for t in self.tables]}


def markdown(table: TableParity) -> str:
    """The sample as a Markdown table: kind, key, and both values of each differing column, in bold.

    Where a whole row is on one side only, its columns stand there and the other side has a dash.
    """
    if not table.sample:
        return ""
    names = ["duckdb", "postgresql", *(["lote"] if any(item.by_lote for item in table.sample) else [])]
    lines = [f"| | key | column | DuckDB | PostgreSQL |{' lote |' * (len(names) - 2)}", "|---" * (len(names) + 3) + "|"]
    for item in table.sample:
        key = ", ".join(f"{name}={_cell(value)}" for name, value in item.key.items())
        sides = dict(item.sides)
        for name in item.columns or tuple((item.duckdb or item.postgresql or item.lote or {}).keys())[:4] or ("",):
            shown = " | ".join(_side(sides[side], name) if name and side in sides else "" for side in names)
            lines.append(f"| {item.kind} | {key} | {_cell(name) if name else ''} | {shown} |")
    return "\n".join(lines)


def _side(row: Shown | None, name: str) -> str:
    return "–" if row is None else f"**{_cell(row.get(name))}**"


def _cell(value: Any) -> str:
    """A value that can't break a Markdown table: one line, bounded, pipes and backslashes escaped."""
    text = "NULL" if value is None else str(value)
    text = text if len(text) <= 80 else text[:79] + "…"
    for mark, safe in (("\\", "\\\\"), ("|", "\\|"), ("*", "\\*"), ("`", "\\`"), ("<", "&lt;"), ("\r", "␍"), ("\n", "␊")):
        text = text.replace(mark, safe)
    return text
