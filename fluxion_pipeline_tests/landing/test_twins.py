"""Two stores that give the same rows at the same moment: one lands, the other is held back."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import Outcome
from fluxion_pipeline.landing import others, outbox
from fluxion_pipeline.landing.decide.decision import Decision
from fluxion_pipeline.landing.marks import Kept
from fluxion_pipeline.landing.outbox import Landing, Outbox
from fluxion_pipeline.landing.past import Past
from fluxion_pipeline.sources.protocol import Reading
from fluxion_pipeline_tests.support.readings import invoices, sales, stock

BEFORE = {
    "stock": stock("SUC007", "2025-11-24T0600", {f"{n:06d}": n + 9 for n in range(60)}),
    "sales": sales("SUC007", "2025-11-23", invoices(*range(60, 120))),
}
AFTER = {
    "stock": stock("SUC007", "2025-11-24T0700", {f"{n:06d}": n for n in range(60)}),
    "sales": sales("SUC007", "2025-11-23", invoices(*range(60, 122)), minute=60),
}
READINGS = {
    "stock": lambda place: stock(place, "2025-11-24T0630", {f"{n:06d}": n for n in range(60)}),
    "sales": lambda place: sales(place, "2025-11-23", invoices(*range(60))),
}


@pytest.mark.parametrize("kind", READINGS)
def test_another_stores_lost_image_is_none_of_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    box = Outbox(tmp_path).open()
    outcomes = []
    readings = [("SUC001", READINGS[kind]("SUC001")), ("SUC007", BEFORE[kind]), ("SUC007", AFTER[kind])]
    for place, reading in readings:
        with box.lock(place) as past:
            outcomes.append(box.land(reading, past).outcome)
        for file in (tmp_path / "lotes" / "SUC001").rglob("*.parquet"):
            file.unlink()
        monkeypatch.setattr(others, "_KEPT", Kept())
    assert Outcome.SOSPECHOSO not in outcomes[:2]
    assert outcomes[2] is Outcome.COMPLETO


@pytest.mark.parametrize("kind", READINGS)
def test_readings_that_are_equal_are_decided_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    box = Outbox(tmp_path).open()
    deciding, decide = threading.Barrier(2), outbox.decide

    def slowly(reading: Reading, past: Past) -> Decision:
        decided = decide(reading, past)
        with suppress(threading.BrokenBarrierError):  # if both come here before either is written, both land
            deciding.wait(1)
        return decided

    monkeypatch.setattr(outbox, "decide", slowly)
    landed: list[Landing] = []

    def land(place: str) -> None:
        with box.lock(place) as past:
            landed.append(box.land(READINGS[kind](place), past))

    threads = [threading.Thread(target=land, args=(place,)) for place in ("SUC001", "SUC007")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(x.outcome for x in landed) == [Outcome.COMPLETO, Outcome.SOSPECHOSO]
