"""All lotes below FLUXION_HOME as they are kept: the outbox's id, its index, the newest images, those of before.

What reads lotes needs nothing else, and none of what decides and writes them: Arrow stays unloaded. Before
this: ``index``, ``journal``, ``lote``; after it: ``outbox``, where readings land, and parity.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fluxion_pipeline.contracts.clock import Clock, now
from fluxion_pipeline.errors import OutboxError
from fluxion_pipeline.failpoints import passed
from fluxion_pipeline.landing import earlier, journal
from fluxion_pipeline.landing.index import SCHEMA, Image, Index, location_of, place_name, stamp
from fluxion_pipeline.landing.lineage import compacted
from fluxion_pipeline.landing.lote import create, manifest_path
from fluxion_pipeline.locks import hold

if TYPE_CHECKING:
    from typing_extensions import Self


class KeptLotes:
    """The lotes of a home, for who reads them."""

    def __init__(self, home: Path, clock: Clock = now) -> None:
        """Remember where it is; ``open`` makes it ready."""
        self.home, self.clock = home, clock
        self.root = home / "lotes"
        self.index = Index(home / "indice.sqlite", self.root)
        self.id = ""

    def open(self) -> Self:
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
        for place in self._places():
            journal.catch_up(self.index, location_of(place.name), place)
        return self

    def _places(self) -> list[Path]:
        return sorted(p for p in self.root.iterdir() if p.is_dir())

    def _index_is(self, mark: str) -> bool:
        if not self.index.path.exists():
            return False
        try:
            with self.index.open() as db:
                if db.execute("SELECT valor FROM meta WHERE clave = 'indice'").fetchone() != (mark,):
                    return False
            # Where the folder lotes was restored from an older copy, the index that stayed knows lotes that are gone.
            return all(manifest_path(self.place(x), self.index.sequence(x)).exists() for x in self.index.locations())
        except Exception:  # noqa: BLE001 whatever is wrong with a cache, it is made anew
            return False

    def rebuild(self, mark: str | None = None) -> None:
        """Make the index anew from the manifests and the logs of attempts."""
        self.index.discard()
        passed("index.discarded")
        for place in self._places():
            with hold(place / ".lock", wait=600, purpose="rebuilding the index"):
                journal.take_over_all(self.index, location_of(place.name), place)
        passed("index.rebuilt")
        with self.index.open(write=True) as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('indice', ?)", (mark or f"{SCHEMA}:{self.id}",))

    def place(self, location: str) -> Path:
        """The folder of a location's lotes."""
        return self.root / place_name(location)

    def owed(self, location: str, since: int = 0) -> tuple[Image, ...]:
        """The newest images of a location of a version above ``since``."""
        return self.index.images(location, since=since)

    def past_image(self, location: str, table: str, slice_: str, version: int) -> Image | None:
        """The image that a lote of before wrote of a slice; None where it is gone or isn't as it was written."""
        return next(self.past_images(location, table, {slice_: version}), None)

    def past_images(self, location: str, table: str, wanted: Mapping[str, int]) -> Iterator[Image]:
        """The images of some slices (slice → version) that lotes of before wrote, of those that are there as they were written."""
        return earlier.images(self.place(location), self.id, location, table, wanted, compacted(self.index, location))

    def step(self, image: Image) -> earlier.WrittenStep | None:
        """What turns the image before it into a newest image; None where it was not written or is gone."""
        return earlier.step(self.place(image.location), self.id, image)
