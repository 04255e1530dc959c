"""Which source ``FLUXION_SOURCE`` opens, and what a location of a system that can't be read is told."""

from __future__ import annotations

import pytest

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.errors import LocationError, SettingsError
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.operations.land import Request, check_request, read_and_land
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.tills import said, sales, tills


def app(settings: Settings, **changes: object) -> App:
    return App(settings.model_copy(update=changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"fluxion_source": "klk"}, "FLUXION_SOURCE is «klk», but KLK_BASE_URL isn't set"),
        ({"fluxion_source": "auto"}, "FLUXION_SOURCE is «auto», but KLK_BASE_URL isn't set"),
        ({"fluxion_source": "stellar"}, "doesn't read Stellar"),
        ({"fluxion_source": "klk", "klk_base_url": "klk.example:8080"}, "KLK_BASE_URL is «klk.example:8080», which is no address"),
        ({"fluxion_source": "klk", "klk_base_url": "http://[/"}, "no address"),
    ],
)
def test_a_system_that_is_not_configured_is_named(duck_settings: Settings, changes: dict[str, object], told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_request(app(duck_settings, **changes), Request(Fact.VENTAS))
    assert told in caught.value.what
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["klk", "auto"])
def test_only_klk_s_locations_are_covered_and_the_others_stop_nobody(duck_settings: Settings, name: str) -> None:
    with tills(lambda _: said(sales([]))) as server:
        home = Home(duck_settings.model_copy(update={"fluxion_source": name, "klk_base_url": server.url})).ready()
        report = read_and_land(home.app, Request(Fact.VENTAS))
        assert len({x.location for x in report.landings}) == 19
        assert report.strange == (("CEDI01, CEDI02, CEDI03: not covered, STELLAR_URL isn't set",) if name == "auto" else ())
        with pytest.raises(LocationError) as caught:
            read_and_land(home.app, Request(Fact.VENTAS, locations=("CEDI01",)))
        assert "CEDI01 (stellar): not covered" in caught.value.what
