"""``fluxion alerts`` and what ``fluxion status`` says of channels, as a person types them."""

from __future__ import annotations

import json
import socket

from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.commands import fluxion
from fluxion_pipeline_tests.support.webhook import webhook


def test_without_a_channel_it_says_what_to_set(duck_settings: Settings) -> None:
    done = fluxion(duck_settings, "alerts", "test")
    assert done.code == 2
    assert "FLUXION_ALERT_URLS is not set" in done.err


def test_a_test_goes_through_every_channel_and_a_dead_one_is_named_and_shown_by_status(duck_settings: Settings) -> None:
    assert fluxion(duck_settings, "init").code == 0
    with webhook() as hook, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        dead = f"muerto=json://usuario:clave-secreta@127.0.0.1:{nobody.getsockname()[1]}/x"
        both = {"FLUXION_ALERT_URLS": f"vivo={hook.url}, {dead}"}
        done = fluxion(duck_settings, "alerts", "test", more=both)
        assert (done.code, hook.titles) == (1, ["[PRUEBA] Alertas de Fluxion"])
        assert "delivered vivo" in done.out
        assert "failed muerto: " in done.out
        status, listed = fluxion(duck_settings, "status", more=both), fluxion(duck_settings, "alerts", "list", more=both)
        as_json = fluxion(duck_settings, "alerts", "list", "--json", more=both)
        well = fluxion(duck_settings, "alerts", "test", more={"FLUXION_ALERT_URLS": hook.url})
    assert status.code == 1
    assert "muerto does not deliver since" in status.out
    assert "muerto\tfails since" in listed.out
    assert [c["failures"] for c in json.loads(as_json.out)["channels"]] == [0, 1]
    assert well.code == 0
    assert not [d for d in (done, status, listed, as_json, well) if "secret" in d.text or "Traceback" in d.text]
