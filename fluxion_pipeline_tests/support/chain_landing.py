"""A chain's life on the landing side: stores, catalogue, map, quarantine, and its outbox saved and restored.

Every landing is compared with the models at once (``landing_lives``, ``star_model``); what they said of each
lote is kept, so that a sink can be asked for what it must hold (``chain_sinks``).
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from fluxion_pipeline.contracts.outcomes import Answer, Fact, Provenance
from fluxion_pipeline.contracts.rows import MET_SCHEMA, REJECT_SCHEMA, row_schema
from fluxion_pipeline.landing.index import stamp
from fluxion_pipeline.landing.outbox import Landing
from fluxion_pipeline.landing.quarantine import Quarantine
from fluxion_pipeline.locations import registry as maps
from fluxion_pipeline.locations.registry import Registry
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.replay import replay
from fluxion_pipeline.settings import Settings
from fluxion_pipeline.sources import protocol
from fluxion_pipeline.sources.archivos import ArchivosSource
from fluxion_pipeline_tests.support import chain_world, drops, landing_model, star_model
from fluxion_pipeline_tests.support import landing_world as world
from fluxion_pipeline_tests.support.landing_lives import Life
from fluxion_pipeline_tests.support.landing_terms import Place, Reading
from fluxion_pipeline_tests.support.star_model import Catalogue, Star

LATE = "C"
"""The location that the map learns late: until then its data goes to quarantine."""
ETL = "tienda_03"
FOLDERS = {"ventas": (Fact.VENTAS, "ventas"), "stock": (Fact.INVENTARIO, "inventario")}


def full_map() -> Registry:
    return maps.load()


def first_map() -> Registry:
    """Without the late location."""
    return Registry(tuple(x for x in full_map() if x.codigo != world.LOCATIONS[LATE]))


def codes(lines: Iterable[Any], table: str) -> set[str]:
    """The products that lines name."""
    return {"0001" if table == "ventas" else f"000{x.key}" for x in lines}


@dataclass(frozen=True)
class Known:
    """What the models said when a lote was written; and two things that they leave open.

    Attributes:
        state: the model's state.
        coverage: slice's text → version of its coverage, which may be newer than the model's.
        rejects: the slices of which there ever were rejects: others have no image, where the model's is empty.
        name: of the lote; after a restore another one gets the same number.
    """

    state: Any
    coverage: dict[str, int]
    rejects: frozenset[str]
    name: int


class Chain(Life):
    """A home with its outbox and the models of it."""

    SAVED: tuple[str, ...] = ("landing", "star", "met", "waiting", "taken", "past", "readings", "map")
    """What the models know of what a backup of the outbox holds."""

    def __init__(self, settings: Settings) -> None:
        """Take over a home that has just been initialised with ``first_map``."""
        super().__init__(settings.home)
        self.settings, self.map = settings, first_map()
        self.star, _ = star_model.know(Star(), chain_world.places_of(self.map))
        self.met: frozenset[str] = frozenset()
        self.waiting: dict[tuple[str, int, Any], Reading] = {}
        self.taken: set[Any] = set()
        self.past: dict[str, dict[int, Known]] = {p: {} for p in chain_world.PLACES}
        self.saved: tuple[dict[str, Any], Path] | None = None
        self.clock = self.names = 0
        self.note()

    @property
    def app(self) -> App:
        """The home, as every operation sees it."""
        app = App(self.settings)
        app.__dict__.update(outbox=self.outbox, registry=self.map)
        return app

    @property
    def known(self) -> bool:
        """Whether the map has the late location."""
        return self.map.by_etl(ETL) is not None

    def state(self, place: str) -> Any:
        """The model of a location, or of ``*``."""
        return self.star if place == "*" else self.landing.get(place, Place())

    def note(self) -> None:
        """Keep what the models say of new lotes."""
        for place, known in self.past.items():
            state = self.state(place)
            if state.sequence not in known:
                code = chain_world.code_of(place)
                coverage = {i.slice: i.version for i in self.outbox.index.images(code, "cobertura")}
                rejects = frozenset(i.slice for i in self.outbox.index.images(code, "rechazos"))
                self.names += 1
                known[state.sequence] = Known(state, coverage, rejects, self.names)

    # ── readings ────────────────────────────────────────────────────────────────────────────
    def land(self, reading: Reading) -> Landing:
        """As a source gives it, with the products that its rows name."""
        self.steps += 1
        found = [{"codigo": c, "descripcion": chain_world.described(c, None)} for c in sorted(codes(reading.lines, reading.table))]
        met = pa.Table.from_pylist([{n: row.get(n) for n in MET_SCHEMA.names} for row in found], schema=MET_SCHEMA)
        real = world.real(reading, met=met)
        with self.outbox.lock(real.location) as past:
            return self.outbox.land(real, past)

    def read(self, reading: Reading) -> Landing:
        """Land a reading."""
        told = super().read(reading)
        if told.new and told.applied:
            self.met |= codes(reading.lines, reading.table)
        self.note()
        return told

    def receive(self, reading: Reading) -> None:
        """A reading comes; of the late location it is put aside as long as the map doesn't know it."""
        if reading.place == LATE and not self.known:
            self.put_aside(reading)
        else:
            self.read(reading)

    def crash(self, reading: Reading, point: str) -> None:
        if reading.place == LATE and not self.known:
            return
        before = len(self.readings)
        _, lote = landing_model.land(self.landing, reading)
        super().crash(reading, point)
        if len(self.readings) > before and lote is not None and lote.applied:
            self.met |= codes(reading.lines, reading.table)
        self.note()

    # ── the dimensions ──────────────────────────────────────────────────────────────────────
    def catalogue(self, c: Catalogue) -> None:
        """Land a reading of the catalogue."""
        self.steps += 1
        schema = row_schema(Fact.CATALOGO)
        found = [{"codigo": code, "descripcion": chain_world.described(code, n), "es_provisional": False} for code, n in sorted(dict(c.products).items())]
        rejects = [{"id": f"productos/{x}", "motivo": "cantidad is not a number"} for x in sorted(c.rejects)]
        reading = protocol.Reading(
            Fact.CATALOGO,
            "*",
            "*",
            world.at(c.read_at),
            pa.Table.from_pylist([{n: row.get(n) for n in schema.names} for row in found], schema=schema),
            pa.Table.from_pylist(rejects, schema=REJECT_SCHEMA),
            read=len(found) + len(rejects),
            answer=Answer(c.answer),
            provenance=Provenance(c.provenance),
            origin="productos.csv",
        )
        with self.outbox.lock("*") as past:
            told = self.outbox.land(reading, past)
        self.star, new, outcome = star_model.read(self.star, c)
        assert (told.new, told.outcome.value) == (new, outcome)
        self.compare_star()

    def end_of_run(self) -> None:
        """Products that facts met first are added."""
        added = self.outbox.land_met()
        self.star, meant = star_model.meet(self.star, self.met)
        assert added == meant
        self.compare_star()

    def correct_map(self, known: bool, renamed: int) -> None:
        """The map as a person corrects it: a location learnt, another one renamed. A code is never removed."""
        locations = full_map() if known or self.known else first_map()
        self.map = Registry(tuple(replace(x, nombre=f"{x.nombre} {renamed}") if x.codigo == "SUC001" and renamed else x for x in locations))
        told = self.outbox.land_locations(self.map)
        self.star, meant = star_model.know(self.star, chain_world.places_of(self.map))
        assert told == meant
        self.compare_star()

    def compare_star(self) -> None:
        """Sequence and versions; the rows are compared where the sinks are."""
        assert self.outbox.index.sequence("*") == self.star.sequence
        told = {i.table: i.version for i in self.outbox.index.images("*") if i.table != "cobertura" and (i.rows or i.table != "rechazos")}
        meant = {t: v for (t, _), (v, rows) in self.star.images.items() if t != "cobertura" and (rows or t != "rechazos")}
        assert told == meant
        self.note()

    # ── quarantine ──────────────────────────────────────────────────────────────────────────
    def put_aside(self, reading: Reading) -> None:
        """A file of a folder that the map doesn't know: kept once, as it came."""
        plain = replace(reading, rejects=frozenset(), window=None, answer="entera", provenance="replay")
        if any((r.table, r.cut, r.read_at) == (plain.table, plain.cut, plain.read_at) for r in self.waiting.values()):
            return  # two files of one name at one instant: nobody can tell which came first
        if (plain.cut if plain.table == "ventas" else plain.cut // landing_model.DAY) > plain.read_at // landing_model.DAY + 1:
            return  # a file's day after tomorrow: the contract's rules refuse it, which this model doesn't know
        fact, _ = FOLDERS[plain.table]
        root, cut = self.home / "drops", world.cut_text(plain.table, plain.cut)
        write_drop(root, plain, cut)
        taken = Quarantine(self.home).take(ArchivosSource(root, self.map), fact, world.at(plain.read_at))
        piece = (plain.table, plain.cut, plain.lines)
        assert len(taken) == (piece not in self.taken)
        if piece not in self.taken:
            self.taken.add(piece)
            self.waiting[piece] = plain
        self.compare_waiting()

    def compare_waiting(self) -> None:
        """What waits in quarantine: all that was put aside and has not been replayed."""
        told = sorted((e.fact, e.cut, e.taken_at) for e in Quarantine(self.home).entries())
        assert told == sorted((FOLDERS[r.table][0], world.cut_text(r.table, r.cut), stamp(world.at(r.read_at))) for r in self.waiting.values())

    def replay(self) -> None:
        """What waits is read again, where the map knows its folder by now, as of when it came: oldest day or tick first."""
        done = replay(self.app)
        waiting, landed = (0, len(self.waiting)) if self.known else (len(self.waiting), 0)
        assert (len(done.waiting), len(done.landings)) == (waiting, landed)
        for told in done.landings:
            same = [k for k, r in self.waiting.items() if (FOLDERS[r.table][0], world.cut_text(r.table, r.cut)) == (told.fact, told.cut)]
            piece = min(same, key=lambda k: self.waiting[k].read_at)
            reading = self.waiting.pop(piece)
            self.landing, lote = landing_model.land(self.landing, reading)
            self.readings.append(reading)
            assert told.new == (lote is not None)
            if lote is not None:
                assert (told.outcome.value, told.applied) == (lote.outcome, lote.applied), told
                if lote.applied:
                    self.met |= codes(reading.lines, reading.table)
            self.note()
        self.compare_waiting()
        self.compare(LATE)
        self.star, _ = star_model.meet(self.star, self.met)
        self.compare_star()

    # ── the outbox saved, restored, rebuilt ─────────────────────────────────────────────────
    def save_outbox(self) -> None:
        """A backup of the lotes and of what waits in quarantine."""
        where = self.home / "backup"
        shutil.rmtree(where, ignore_errors=True)
        for name in ("lotes", "cuarentena"):
            if (self.home / name).exists():
                shutil.copytree(self.home / name, where / name)
        self.saved = {n: copy.copy(getattr(self, n)) for n in self.SAVED}, where
        self.saved[0]["past"] = {p: dict(known) for p, known in self.past.items()}

    def restore_outbox(self) -> None:
        """The backup in the place of the lotes: what landed since is forgotten."""
        if self.saved is None:
            return
        values, where = self.saved
        shutil.rmtree(self.home / "drops", ignore_errors=True)
        for name in ("lotes", "cuarentena"):
            shutil.rmtree(self.home / name, ignore_errors=True)
            if (where / name).exists():
                shutil.copytree(where / name, self.home / name)
        for name, value in values.items():
            setattr(self, name, copy.copy(value))
        self.past = {p: dict(known) for p, known in values["past"].items()}
        self.lose(0)

    def rebuilt(self) -> None:
        """The outbox made anew from its manifests says the same of every slice: nothing that ever landed is lost."""
        before = {p: self.outbox.index.images(p) for p in self.outbox.index.locations()}
        self.lose(0)
        assert {p: self.outbox.index.images(p) for p in self.outbox.index.locations()} == before


def write_drop(root: Path, reading: Reading, cut: str) -> None:
    """A reading as a store's file."""
    blank = {"categoria_producto": ""}
    lines = sorted(reading.lines, key=lambda x: x.key)
    if reading.table == "stock":
        rows = [drops.stock(f"000{x.key}", x.value, descripcion_producto=chain_world.described(f"000{x.key}", None), marca="", **blank) for x in lines]
        drops.write_stock(root, ETL, cut, rows)
        return
    sold = []
    for x in lines:
        invoice, line = world.SALES_KEYS[x.key]
        more = {"hora": f"{x.hour % landing_model.DAY:02d}:00:00", "codigo_producto": "0001", "descripcion_producto": chain_world.described("0001", None)}
        sold.append(drops.sale(cut, invoice, line, **more, **blank, cantidad=x.value, venta_total=x.value / 4, precio_unitario="", descuento=""))
    drops.write_sales(root, ETL, cut, sold)
