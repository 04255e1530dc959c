"""A foreign DuckDB file as a source (``sources.protocol.Source``): days of sales, one tick of stock, a catalogue.

The file is only read, as of when it was last written: what a store told later is newer. Sales of one location at
a time are brought into a scratch file, sorted by day, so that memory stays what it is however many rows there
are; a day's rows are judged by the rules of a store's file.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from fluxion_pipeline.contracts.clock import UTC, local_day, parse_day
from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.contracts.rules.judge import judge
from fluxion_pipeline.contracts.rules.layout import Place, Raw
from fluxion_pipeline.contracts.sqltext import quote
from fluxion_pipeline.errors import ContractError, PermanentError
from fluxion_pipeline.failpoints import passed
from fluxion_pipeline.locations.registry import Location, Registry
from fluxion_pipeline.sources.ajena import query
from fluxion_pipeline.sources.ajena.mapping import Map, Part
from fluxion_pipeline.sources.archivos.layouts import LAYOUTS
from fluxion_pipeline.sources.protocol import Reading, Unknown, no_rejects, no_rows

MEMORY = "256MB"
NOBODY = ""


class AjenaSource:
    """One foreign file and its map; ``close`` ends it."""

    name = "ajena"
    live = False
    parallel = 1

    def __init__(self, path: Path, found: Map, registry: Registry, scratch: Path) -> None:
        """Open the file for reading and learn which locations have which days.

        Raises:
            PermanentError: if the file can't be opened.
            ContractError: if a table or column that the map names isn't there.
        """
        self.path, self.map, self.registry = path, found, registry
        self.digest_of_file = hashlib.sha256(f"{path.stat().st_size} {path.stat().st_mtime_ns} {found}".encode()).hexdigest() if path.is_file() else ""
        self.written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC) if path.is_file() else datetime.max.replace(tzinfo=UTC)
        self.con = duckdb.connect(str(scratch / "etapas.duckdb"), config={"memory_limit": MEMORY, "threads": 2, "temp_directory": str(scratch)})
        try:
            self.con.execute("SET preserve_insertion_order = false")
            self.con.execute(f"ATTACH '{str(path).replace(chr(39), chr(39) * 2)}' AS ajena (READ_ONLY)")
        except duckdb.Error as error:
            raise PermanentError(f"{path} can't be opened: {str(error).splitlines()[0]}", "name a DuckDB file that nobody writes") from error
        self.kinds = {fact: self._kinds(part) for fact, part in found.parts.items()}
        self.placeless: Counter[str] = Counter()
        self.days = self._days()
        self._staged = NOBODY

    def close(self) -> None:
        """Close both files."""
        self.con.close()

    def _kinds(self, part: Part) -> dict[str, str]:
        try:
            kinds = {r[0]: r[1] for r in self.con.execute(f"DESCRIBE {query.table_name(part)}").fetchall()}
        except duckdb.Error as error:
            raise ContractError(f"{self.path} has no table «{part.table}»", "name it in the map as the file does") from error
        missing = [c for c in (*part.columns.values(), *filter(None, [part.place]), *part.order) if c not in kinds]
        if missing:
            raise ContractError(f"«{part.table}» has no column «{missing[0]}»", f"its columns are: {', '.join(kinds)}")
        return kinds

    def _days(self) -> dict[Fact, dict[str, dict[str, list[str]]]]:
        """Fact → location → day or tick → what the file calls the location; rows of no known one are counted."""
        result: dict[Fact, dict[str, dict[str, list[str]]]] = {}
        for fact, part in self.map.parts.items():
            if fact is Fact.CATALOGO:
                continue
            cut = f"CAST({query.day(part, self.kinds[fact])} AS VARCHAR)" if fact is Fact.VENTAS else f"'{part.cut}'"
            sql = f"SELECT CAST({quote(part.place)} AS VARCHAR), {cut}, count(*) FROM {query.table_name(part)} GROUP BY 1, 2 ORDER BY 1, 2"  # noqa: S608 quoted names
            for name, day, rows in self.con.execute(sql).fetchall():
                location = self._location(name)
                if location is None or day is None:
                    self.placeless[f"{part.table}: «{name}» is no active location" if location is None else f"{part.table}: {name}: no readable date"] += rows
                else:
                    result.setdefault(fact, {}).setdefault(location.codigo, {}).setdefault(day, []).append(name)
        return result

    def _location(self, name: str | None) -> Location | None:
        wanted = self.map.places.get(str(name), str(name))
        return next((x for x in self.registry.active if wanted in (x.codigo, x.codigo_etl, str(x.id))), None)

    def strange(self) -> tuple[str, ...]:
        """Rows that belong to no location or day: they can't be landed, and are counted."""
        return tuple(f"{what}: {rows:,} rows" for what, rows in sorted(self.placeless.items()))

    def covers(self, location: Location) -> bool:
        """Every location that the file has rows of."""
        return any(location.codigo in places for places in self.days.values())

    def cuts(self, fact: Fact, location: Location) -> tuple[str, ...]:
        """The days of which the file has sales of the location; the tick of its stock."""
        return tuple(sorted(self.days.get(fact, {}).get(location.codigo, {})))

    def expected(self, fact: Fact) -> tuple[str, ...]:
        """What isn't in the file isn't missing."""
        return ()

    def digest(self, fact: Fact, location: Location, cut: str) -> str | None:
        """Of the whole file: what was read of it once isn't read again."""
        return self.digest_of_file

    def read(
        self, fact: Fact, location: Location, cut: str, read_at: datetime, *, window: tuple[datetime, datetime] | None = None, scheduled: bool = False
    ) -> Reading:
        """Read the rows of one day or tick."""
        part = self.map.parts[fact]
        names = self.days[fact][location.codigo][cut]
        values: list[object]
        if fact is Fact.VENTAS:
            self._stage(part, location.codigo)
            sql, values = "SELECT * EXCLUDE (_dia) FROM etapa WHERE _dia = ? ORDER BY ALL", [cut]
        else:
            condition = f"CAST({quote(part.place)} AS VARCHAR) IN (SELECT unnest(?))"
            sql, values = f"SELECT {query.select(part, self.kinds[fact])} FROM {query.table_name(part)} WHERE {condition} ORDER BY ALL", [names]  # noqa: S608 quoted names
        return self._judged(fact, location.codigo, cut, read_at, self.con.sql(sql, params=values).to_arrow_table())

    def _stage(self, part: Part, code: str) -> None:
        if self._staged == code:
            return
        names = sorted({n for some in self.days[Fact.VENTAS][code].values() for n in some})
        self.con.execute(
            f"CREATE OR REPLACE TABLE etapa AS SELECT {query.select(part, self.kinds[Fact.VENTAS])} FROM {query.table_name(part)}"  # noqa: S608 quoted names
            f" WHERE CAST({quote(part.place)} AS VARCHAR) IN (SELECT unnest(?)) ORDER BY _dia",
            [names],
        )
        passed("adopt.staged")
        self._staged = code

    def catalogue(self, read_at: datetime, *, scheduled: bool = False) -> Reading:
        """Read the products."""
        part = self.map.parts[Fact.CATALOGO]
        found = self.con.sql(f"SELECT {query.select(part, self.kinds[Fact.CATALOGO])} FROM {query.table_name(part)} ORDER BY ALL")  # noqa: S608 quoted names
        return self._judged(Fact.CATALOGO, "*", "*", read_at, found.to_arrow_table())

    def _judged(self, fact: Fact, location: str, cut: str, read_at: datetime, table: pa.Table) -> Reading:
        read_at = min(read_at, self.written_at)
        origin = f"{self.path.name}:{self.map.parts[fact].table}/{location}/{cut}"
        raw = Raw(table.cast(pa.schema([(n, pa.string()) for n in table.column_names])), pa.array(range(1, table.num_rows + 1), pa.int32()))
        judged = judge(raw, LAYOUTS[fact], Place(location, origin, local_day(read_at), parse_day(cut) if fact is Fact.VENTAS else None))
        return Reading(
            fact=fact,
            location=location,
            cut=cut,
            read_at=read_at,
            rows=judged.rows if judged.rows.num_rows else no_rows(fact),
            rejects=judged.rejects if judged.rejects.num_rows else no_rejects(),
            read=judged.read,
            repeated=judged.repeated,
            origin=origin,
            source_digest=self.digest_of_file,
            met=judged.met,
        )

    def unknown(self) -> tuple[Unknown, ...]:
        """Rows of unknown locations are counted, not kept: the file is there."""
        return ()

    def raw(self, item: Unknown) -> bytes:
        """Nothing is put aside."""
        raise PermanentError(f"{item.origin} isn't kept apart", "add its location to the map, and adopt again")
