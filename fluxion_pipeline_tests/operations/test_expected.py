"""Which days and ticks a location is expected to have: those that any location has, as long as they can be."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from fluxion_pipeline.contracts.clock import local_day, now
from fluxion_pipeline.contracts.outcomes import Fact, Outcome
from fluxion_pipeline.operations.land import Request, read_and_land
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.home import Home


def test_a_file_of_the_future_fails_alone_and_makes_no_other_store_late(duck_settings: Settings, tmp_path: Path) -> None:
    folder, future = tmp_path / "drops", (local_day(now()) + timedelta(days=9)).isoformat()
    drops.write_stock(folder, "tienda_01", f"{future}T0600", [drops.stock("0001")])
    drops.write_sales(folder, "tienda_01", future, [drops.sale(future)])
    home = Home(duck_settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": folder})).ready()
    for fact in (Fact.INVENTARIO, Fact.VENTAS):
        (only,) = read_and_land(home.app, Request(fact)).landings
        assert (only.location, only.outcome) == ("SUC001", Outcome.PARCIAL)
