"""All lotes below FLUXION_HOME: where readings land, and what the sinks are owed.

Before this: sources give readings; after it: sinks converge to the newest images. What a reading
replaces is decided by ``landing.decide``; here it is written: Parquet, manifest, index, in this order.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fluxion_pipeline.contracts.clock import Clock, now
from fluxion_pipeline.contracts.migrations import HEAD
from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.failpoints import passed
from fluxion_pipeline.landing import journal
from fluxion_pipeline.landing.decide.decision import Decision, Draft
from fluxion_pipeline.landing.decide.dimensions import EVERYWHERE, decide_catalogue, locations_draft, products, with_met
from fluxion_pipeline.landing.decide.reading import counted, decide
from fluxion_pipeline.landing.index import stamp
from fluxion_pipeline.landing.kept import KeptLotes
from fluxion_pipeline.landing.keys import KeyIndex
from fluxion_pipeline.landing.lineage import Overtaken, decided_anew
from fluxion_pipeline.landing.lote import LoteWriter, Manifest
from fluxion_pipeline.landing.measure import entries, written_steps
from fluxion_pipeline.landing.others import keep_marks
from fluxion_pipeline.landing.past import Past, image_rows
from fluxion_pipeline.landing.result import Landing, attempt_json, broken, landing_of
from fluxion_pipeline.landing.twins import one_of_a_kind
from fluxion_pipeline.locations.registry import Registry
from fluxion_pipeline.locks import hold
from fluxion_pipeline.pause import writing
from fluxion_pipeline.sources.protocol import Reading

__all__ = ["Landing", "Outbox"]

_NO_CODES = pa.nulls(0, pa.string())


class Outbox(KeptLotes):
    """The lotes of a home. Safe for threads and processes: each location has a lock of its own."""

    def __init__(self, home: Path, clock: Clock = now) -> None:
        """Remember where it is; ``open`` makes it ready."""
        super().__init__(home, clock)
        self._codes: tuple[str, pa.Array] = ("", _NO_CODES)
        self._guard = threading.Lock()

    @contextmanager
    def lock(self, location: str, wait: float = 60.0) -> Iterator[Past]:
        """Hold a location's landing lock, from the start of a reading to its manifest, with the index up to date."""
        place = self.place(location)
        place.mkdir(parents=True, exist_ok=True)
        with hold(place / ".lock", wait=wait, purpose=f"landing {location}"):
            journal.catch_up(self.index, location, place)
            keys = KeyIndex(place / "facturas.sqlite")
            try:
                yield Past(location, self.index, keys)
            finally:
                keys.close()

    # ── landing ─────────────────────────────────────────────────────────────────────────────
    @decided_anew
    def land(self, reading: Reading, past: Past) -> Landing:
        """Land one reading; the caller holds the location's lock (``lock``) since before the reading began."""
        if not counted(reading):
            reading = broken(reading, "rows read are not rows loaded + repeated + rejected, or a key stands twice")
        with one_of_a_kind(self.home / "locks", reading, past):
            return self._landed(reading, past)

    def _landed(self, reading: Reading, past: Past) -> Landing:
        decision = decide_catalogue(reading, past) if reading.fact is Fact.CATALOGO else decide(reading, past)
        data = attempt_json(reading, decision)
        if not decision.new:
            self._log_attempt(reading, data, decision)
            return landing_of(reading, decision, None)
        extra: dict[str, Any] = {"met": self._unknown_products(reading)} if decision.applied else {}
        if decision.verified is not None:
            extra["verified"] = stamp(decision.verified)
        evidence = {} if decision.applied else {"evidencia": reading.rows, "evidencia_rechazos": reading.rejects, "evidencia_productos": reading.met}
        manifest = self.write(past, decision.drafts, reading=data, standing=decision.standing, extra=extra, evidence=evidence)
        if decision.applied and reading.fact is Fact.VENTAS:
            keep_marks(past, reading, decision.drafts)
        return landing_of(reading, decision, manifest.lote_id)

    def write(
        self,
        past: Past,
        drafts: tuple[Draft, ...],
        *,
        reading: dict[str, Any] | None = None,
        standing: dict[str, Any] | None = None,
        extra: dict[str, Any] | None = None,
        evidence: Mapping[str, pa.Table | None] | None = None,
    ) -> Manifest:
        """Write a lote: only the slices whose rows changed, all of them, under the location's next secuencia.

        Raises:
            Overtaken: if another machine, which no lock of this one keeps out, landed meanwhile: decide anew.
        """
        sequence = past.upto + 1
        writer = LoteWriter(self.place(past.location), sequence)
        slices = entries(drafts, past, sequence, writer)
        more = dict(extra or {})
        if steps := written_steps(drafts, slices, writer):
            more["pasos"] = steps
        more |= {name: writer.parquet(name, table) for name, table in (evidence or {}).items() if table is not None and table.num_rows}
        manifest = Manifest(self.id, past.location, sequence, stamp(self.clock()), HEAD, slices, writer.files, reading, standing, extra=more)
        with writing(self.home):
            landed = writer.commit(manifest)
        if not landed:
            journal.catch_up(self.index, past.location, self.place(past.location))
            past.renew()
            raise Overtaken(f"lote {past.location}-{sequence} was landed by another machine meanwhile", "run it again")
        with self.index.open(write=True) as db:
            self.index.add_lote(db, manifest)
            passed("landing.indexing")
        passed("landing.indexed")
        past.index_keys({d.slice.rpartition("/")[2]: d.rows for d in drafts if d.table == Fact.VENTAS.value}, sequence)
        passed("landing.keys")
        past.upto = sequence
        return manifest

    def _log_attempt(self, reading: Reading, data: dict[str, Any], decision: Decision) -> None:
        place = self.place(reading.location)
        verified = stamp(decision.verified) if decision.verified else None
        with writing(self.home):
            journal.append(place, {**data, "verified": verified, "after": self.index.sequence(reading.location)})
            passed("landing.attempt")
        journal.catch_up(self.index, reading.location, place)

    # ── dimensions ──────────────────────────────────────────────────────────────────────────
    @decided_anew
    def land_locations(self, registry: Registry) -> bool:
        """Land the map of locations; whether anything changed."""
        with self.lock(EVERYWHERE) as past:
            draft = locations_draft(registry, past)
            standing = past.rows("ubicaciones", EVERYWHERE)
            if standing is not None and standing.select(draft.rows.schema.names).equals(draft.rows):
                return False
            self.write(past, (draft,))
            return True

    def land_new_locations(self, registry: Registry, codes: Iterable[str]) -> None:
        """Land the map before anything of a location that the landed one lacks; where no map landed yet, ``fluxion init`` will."""
        landed = self.index.images(EVERYWHERE, "ubicaciones")
        if landed and not set(codes) <= set(image_rows(landed[0]).column("codigo").to_pylist()):
            self.land_locations(registry)

    @decided_anew
    def land_met(self) -> int:
        """End a run: add the products that facts met first, flagged; the number of products added."""
        met = self.index.met()
        if not met:
            return 0
        with self.lock(EVERYWHERE) as past:
            before = products(past)
            after = with_met(before, met)
            if after.num_rows > before.num_rows:
                self.write(past, (Draft("productos", EVERYWHERE, after),))
            passed("landing.met")
            self.index.forget_met([m[0] for m in met])
            return int(after.num_rows - before.num_rows)

    def _unknown_products(self, reading: Reading) -> list[tuple[Any, ...]]:
        if reading.met is None or not reading.met.num_rows:
            return []
        met = reading.met.select(["codigo", "descripcion", "categoria", "marca"])
        unknown = met.filter(pc.invert(pc.is_in(met.column("codigo"), value_set=self._product_codes())))
        if not unknown.num_rows:
            return []
        told = {m[0] for m in self.index.met()}  # by another location, in this run
        return [row for row in zip(*(c.to_pylist() for c in unknown.columns), strict=True) if row[0] not in told]

    def _product_codes(self) -> pa.Array:
        with self._guard:
            found = self.index.images(EVERYWHERE, "productos")
            name = str(found[0].file) if found else ""
            if self._codes[0] != name:
                self._codes = (name, image_rows(found[0]).column("codigo").combine_chunks() if found else _NO_CODES)
            return self._codes[1]
