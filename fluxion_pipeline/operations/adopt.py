"""Take over a chain that ran on a DuckDB file of its own: land what the file has, through the rules of every row.

A run that is killed is run again: what has landed isn't read a second time. Before this: ``sources.ajena``; after
it: ``bring_up`` and ``fluxion sync``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from fluxion_pipeline.failpoints import passed
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.land import LandingReport, Progress, Request, read_and_land
from fluxion_pipeline.sources.ajena.mapping import SECTIONS, read_map
from fluxion_pipeline.sources.ajena.source import AjenaSource


def adopt(app: App, file: Path, map_file: Path, progress: Progress | None = None) -> Iterator[LandingReport]:
    """Land what a foreign file has: the catalogue, the stock, the sales, as far as the map names them; one report each.

    Raises:
        ContractError: if the map can't be read, or names what isn't there.
        PermanentError: if the file can't be opened.
    """
    found = read_map(map_file)
    base = app.settings.home / "tmp"
    base.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=base, prefix="adopt-") as folder,
        closing(AjenaSource(file.expanduser().absolute(), found, app.registry, Path(folder))) as source,
    ):
        taking = App(app.settings, app.clock, source)
        for fact in SECTIONS:
            if fact in found.parts:
                report = read_and_land(taking, Request(fact), progress)
                passed("adopt.landed")
                yield report
