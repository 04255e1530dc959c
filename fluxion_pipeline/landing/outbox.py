"""All lotes below FLUXION_HOME: where readings land, and what the sinks are owed.

Before this: sources give readings; after it: sinks converge to the newest images. What a reading
replaces is decided by ``landing.decide``; here it is written: Parquet, manifest, index, in this order.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from fluxion_pipeline.contracts.clock import Clock, now
from fluxion_pipeline.contracts.migrations import HEAD
from fluxion_pipeline.contracts.outcomes import Fact, Outcome
from fluxion_pipeline.errors import OutboxError
from fluxion_pipeline.landing.decide.decision import Decision, Draft
from fluxion_pipeline.landing.decide.dimensions import EVERYWHERE, decide_catalogue, locations_draft, products, with_met
from fluxion_pipeline.landing.decide.reading import counted, decide
from fluxion_pipeline.landing.index import SCHEMA, Attempt, Image, Index, place_name, stamp
from fluxion_pipeline.landing.keys import KeyIndex
from fluxion_pipeline.landing.lote import LoteWriter, Manifest, create, manifest_path, read_manifest
from fluxion_pipeline.landing.measure import entries
from fluxion_pipeline.landing.past import Past, image_rows
from fluxion_pipeline.locations.registry import Registry
from fluxion_pipeline.locks import hold
from fluxion_pipeline.sources.protocol import Reading

ATTEMPTS = "intentos.jsonl"


@dataclass(frozen=True)
class Landing:
    """What became of one reading.

    Attributes:
        fact: the table that it speaks of.
        location: canonical code.
        cut: day or tick.
        outcome: what the reading came to.
        applied: whether it replaced anything.
        new: whether a lote was written.
        lote_id: the lote, if one was.
        reason: why, where the outcome isn't a plain success.
        read: rows read.
        loaded: valid rows.
        repeated: rows repeated.
        rejected: rows rejected.
        held: valid rows of a reading that wasn't applied.
        origin: file or address.
        warnings: oddities that changed nothing.
        seconds: how long the reading took.
    """

    fact: Fact
    location: str
    cut: str
    outcome: Outcome
    applied: bool
    new: bool
    lote_id: str | None
    reason: str | None
    read: int
    loaded: int
    repeated: int
    rejected: int
    held: int
    origin: str
    warnings: tuple[str, ...]
    seconds: float


class Outbox:
    """The lotes of a home. Safe for threads and processes: each location has a lock of its own."""

    def __init__(self, home: Path, clock: Clock = now) -> None:
        """Remember where it is; ``open`` makes it ready."""
        self.home, self.clock = home, clock
        self.root = home / "lotes"
        self.index = Index(home / "indice.sqlite", self.root)
        self.id = ""
        self._codes: tuple[str, frozenset[str]] = ("", frozenset())
        self._guard = threading.Lock()

    def open(self) -> Outbox:
        """Make the outbox ready: its id, its index (rebuilt where it is missing or another's)."""
        self.root.mkdir(parents=True, exist_ok=True)
        identity = self.root / "outbox.json"
        if not identity.exists():
            with suppress(FileExistsError):
                create(identity, json.dumps({"id": uuid.uuid4().hex, "creado_en": stamp(self.clock())}).encode())
        try:
            self.id = str(json.loads(identity.read_text("utf-8"))["id"])
        except (OSError, ValueError, KeyError) as error:
            raise OutboxError(f"{identity} can't be read: {error}", "restore it from the backup of FLUXION_HOME") from error
        mark = f"{SCHEMA}:{self.id}"
        if not self._index_is(mark):
            with hold(self.root / ".indice.lock", wait=600, purpose="rebuilding the index"):
                if not self._index_is(mark):
                    self.rebuild(mark)
        return self

    def _index_is(self, mark: str) -> bool:
        if not self.index.path.exists():
            return False
        try:
            with self.index.open() as db:
                return db.execute("SELECT valor FROM meta WHERE clave = 'indice'").fetchone() == (mark,)
        except Exception:  # noqa: BLE001 whatever is wrong with a cache, it is made anew
            return False

    def rebuild(self, mark: str | None = None) -> None:
        """Make the index anew from the manifests and the logs of attempts."""
        for suffix in ("", "-wal", "-shm"):
            self.index.path.with_name(self.index.path.name + suffix).unlink(missing_ok=True)
        self.index.prepare()
        for place in sorted(p for p in self.root.iterdir() if p.is_dir()):
            with self.index.open(write=True) as db:
                for path in sorted(place.glob("*/*.json")):
                    self.index.add_lote(db, read_manifest(path))
                for data, verified in _log(place / ATTEMPTS):
                    self._remember(db, Attempt(Fact(data["fact"]), data["location"], data["cut"], data), verified)
        with self.index.open(write=True) as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('indice', ?)", (mark or f"{SCHEMA}:{self.id}",))

    def place(self, location: str) -> Path:
        """The folder of a location's lotes."""
        return self.root / place_name(location)

    @contextmanager
    def lock(self, location: str, wait: float = 60.0) -> Iterator[Past]:
        """Hold a location's landing lock, from the start of a reading to its manifest, with the index up to date."""
        place = self.place(location)
        place.mkdir(parents=True, exist_ok=True)
        with hold(place / ".lock", wait=wait, purpose=f"landing {location}"):
            keys = KeyIndex(place / "claves.sqlite")
            self._catch_up(location)
            past = Past(location, self.index, keys)
            self._index_keys(past)
            yield past

    def _catch_up(self, location: str) -> None:
        """Index manifests that the index lacks: a crash came between the two, or another machine wrote them."""
        sequence = self.index.sequence(location) + 1
        while (path := manifest_path(self.place(location), sequence)).exists():
            with self.index.open(write=True) as db:
                self.index.add_lote(db, read_manifest(path))
            sequence += 1

    def _index_keys(self, past: Past) -> None:
        done = past.keys.upto()
        stale: dict[int, dict[str, pa.Table]] = {}
        for image in self.index.images_after(past.location, "ventas", done):
            stale.setdefault(image.lote, {})[image.slice.rpartition("/")[2]] = image_rows(image).select(["numero_factura", "linea"])
        for lote in sorted(stale):
            past.keys.replace(stale[lote], lote)

    # ── landing ─────────────────────────────────────────────────────────────────────────────
    def land(self, reading: Reading, past: Past) -> Landing:
        """Land one reading; the caller holds the location's lock (``lock``) since before the reading began."""
        if not counted(reading):
            broken = "rows read are not rows loaded + repeated + rejected, or a key stands twice"
            reading = _partial(reading, broken)
        decision = decide_catalogue(reading, past) if reading.fact is Fact.CATALOGO else decide(reading, past)
        data = _attempt_json(reading, decision)
        if not decision.new:
            self._log_attempt(reading, data, decision)
            return _landing(reading, decision, None)
        extra: dict[str, Any] = {"met": self._unknown_products(reading)}
        if decision.verified is not None:
            extra["verified"] = stamp(decision.verified)
        held = reading.rows if not decision.applied and reading.rows.num_rows else None
        manifest = self.write(past, decision.drafts, reading=data, standing=decision.standing, extra=extra, evidence=held)
        return _landing(reading, decision, manifest.lote_id)

    def write(
        self,
        past: Past,
        drafts: tuple[Draft, ...],
        *,
        reading: dict[str, Any] | None = None,
        standing: dict[str, Any] | None = None,
        extra: dict[str, Any] | None = None,
        evidence: pa.Table | None = None,
    ) -> Manifest:
        """Write a lote: only the slices whose rows changed, all of them, under the location's next secuencia."""
        while True:
            sequence = self.index.sequence(past.location) + 1
            writer = LoteWriter(self.place(past.location), sequence)
            slices = entries(drafts, past, sequence, writer)
            more = dict(extra or {})
            if evidence is not None:
                more["evidence"] = writer.parquet("evidencia", evidence)
            manifest = Manifest(self.id, past.location, sequence, stamp(self.clock()), HEAD, slices, writer.files, reading, standing, extra=more)
            if writer.commit(manifest):
                break
            self._catch_up(past.location)
        with self.index.open(write=True) as db:
            self.index.add_lote(db, manifest)
        days = {s.slice.rpartition("/")[2] for s in slices if s.table == "ventas"}
        if days:
            past.keys.replace({d.slice.rpartition("/")[2]: d.rows.select(["numero_factura", "linea"]) for d in drafts if d.table == "ventas"}, sequence)
        return manifest

    def _log_attempt(self, reading: Reading, data: dict[str, Any], decision: Decision) -> None:
        verified = stamp(decision.verified) if decision.verified else None
        line = json.dumps({**data, "location": reading.location, "verified": verified}, ensure_ascii=False)
        with (self.place(reading.location) / ATTEMPTS).open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        with self.index.open(write=True) as db:
            self._remember(db, Attempt(reading.fact, reading.location, reading.cut, data), verified)

    def _remember(self, db: Any, attempt: Attempt, verified: str | None) -> None:
        self.index.add_attempt(db, attempt)
        if verified:
            self.index.verify(db, attempt.key, verified)

    # ── dimensions ──────────────────────────────────────────────────────────────────────────
    def land_locations(self, registry: Registry) -> bool:
        """Land the map of locations; whether anything changed."""
        with self.lock(EVERYWHERE) as past:
            draft = locations_draft(registry, past)
            standing = past.rows("ubicaciones", EVERYWHERE)
            if standing is not None and standing.select(draft.rows.schema.names).equals(draft.rows):
                return False
            self.write(past, (draft,))
            return True

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
            self.index.forget_met([m[0] for m in met])
            return int(after.num_rows - before.num_rows)

    def _unknown_products(self, reading: Reading) -> list[tuple[Any, ...]]:
        if reading.met is None or not reading.met.num_rows:
            return []
        known = self._product_codes()
        return [tuple(row.values()) for row in reading.met.select(["codigo", "descripcion", "categoria", "marca"]).to_pylist() if row["codigo"] not in known]

    def _product_codes(self) -> frozenset[str]:
        with self._guard:
            found = self.index.images(EVERYWHERE, "productos")
            name = str(found[0].file) if found else ""
            if self._codes[0] != name:
                self._codes = (name, frozenset(image_rows(found[0]).column("codigo").to_pylist()) if found else frozenset())
            return self._codes[1]

    def owed(self, location: str, since: int = 0) -> tuple[Image, ...]:
        """The newest images of a location of a version above ``since``."""
        return self.index.images(location, since=since)


def _partial(reading: Reading, reason: str) -> Reading:
    from dataclasses import replace

    from fluxion_pipeline.contracts.outcomes import Answer
    from fluxion_pipeline.sources.protocol import no_rejects, no_rows

    return replace(reading, answer=Answer.PARCIAL, reason=reason, rows=no_rows(reading.fact), rejects=no_rejects(), read=0, repeated=0, met=None)


def _attempt_json(reading: Reading, decision: Decision) -> dict[str, Any]:
    return {
        "fact": reading.fact.value,
        "cut": reading.cut,
        "read_at": stamp(reading.read_at),
        "outcome": decision.outcome.value,
        "applied": decision.applied,
        "content": decision.content,
        "source": reading.source_digest,
        "origin": reading.origin,
        "reason": decision.reason,
        "provenance": reading.provenance.value,
        "window": [stamp(x) for x in reading.window] if reading.window else None,
        "read": reading.read,
        "repeated": reading.repeated,
        "rejected": reading.rejects.num_rows,
        "valid": reading.rows.num_rows,
        "warnings": list(reading.warnings),
        "seconds": round(reading.seconds, 3),
    }


def _landing(reading: Reading, decision: Decision, lote_id: str | None) -> Landing:
    stands = decision.applied or not decision.new and decision.verified is not None
    valid = reading.rows.num_rows
    return Landing(
        reading.fact,
        reading.location,
        reading.cut,
        decision.outcome,
        decision.applied,
        decision.new,
        lote_id,
        decision.reason,
        reading.read,
        valid if stands else 0,
        reading.repeated,
        reading.rejects.num_rows,
        0 if stands else valid,
        reading.origin,
        reading.warnings,
        reading.seconds,
    )


def _log(path: Path) -> Iterator[tuple[dict[str, Any], str | None]]:
    """The lines of a log of attempts; a torn last line is what a crash leaves."""
    if not path.exists():
        return
    for line in path.read_text("utf-8").splitlines():
        with suppress(ValueError, KeyError):
            data = json.loads(line)
            yield data, data.pop("verified")
