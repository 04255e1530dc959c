"""Proofs while another process writes ticks to both sinks: never a false alarm, and no ``igual`` that was not.

``FLUXION_PARITY_PROOFS`` says how many are made.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from multiprocessing.synchronize import Event

import pytest

from fluxion_pipeline.contracts.outcomes import SinkName, Verdict
from fluxion_pipeline.parity import newer
from fluxion_pipeline.parity import prove as module
from fluxion_pipeline.parity.prove import prove
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.readings import invoices, sales, stock

PROOFS = int(os.environ.get("FLUXION_PARITY_PROOFS", "12"))
EVERY = 4
"""One proof in so many has an edit to find, in a store that nobody writes."""

QUIET, WRITTEN = "SUC003", ("SUC001", "SUC007")
TABLES = ("inventario_actual", "inventario_historico", "inventario_cortes", "ventas")
FIRST = date(2025, 11, 20)
TICKS = [f"{FIRST + timedelta(days=d)}T{hour:02d}{minute}" for d in range(10) for hour in range(6, 23) for minute in ("00", "30")]
PRODUCTS = 30


def land(home: Home, place: str, number: int) -> None:
    """A store's next tick (the last one is corrected again and again), and a day's sales that grow and shrink."""
    amounts = {f"{n:06d}": n if (n + number) % 3 else 1000 + number for n in range(PRODUCTS - number % 2)}
    home.land(stock(place, TICKS[min(number, len(TICKS) - 1)], amounts, number))
    home.land(sales(place, "2025-11-19", invoices(*range(5 + number % 3), cantidad=number), number))


def write(settings: Settings, stop: Event) -> None:
    """Land ticks and bring both sinks up to date, one after the other, until it is told to stop."""
    home, number = Home(settings), 0
    while not stop.is_set():
        number += 1
        for place in WRITTEN:
            land(home, place, number)
        for sink in SinkName:
            home.converge(sink)


@contextmanager
def writing(settings: Settings) -> Iterator[None]:
    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    writer = spawn.Process(target=write, args=(settings, stop))
    writer.start()
    try:
        yield
        assert writer.is_alive()
    finally:
        stop.set()
        writer.join(60)
    assert writer.exitcode == 0


@pytest.mark.e2e
@pytest.mark.timeout(600 + 6 * PROOFS)
def test_proofs_while_ticks_are_written_are_never_wrong(pg_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newer, "LEAST", 0)
    monkeypatch.setattr(module, "PAUSE", 0.05)
    home = Home(pg_settings).ready()
    for place in (QUIET, *WRITTEN):
        land(home, place, 0)
    for sink in SinkName:
        home.converge(sink)
    seen: Counter[str] = Counter()
    before = [home.outbox.index.sequence(place) for place in WRITTEN]
    with writing(home.settings):
        for turn in range(PROOFS):
            both, edited = turn % (2 * EVERY) == 0, turn % EVERY == 0
            sinks = list(SinkName) if both else [list(SinkName)[turn % 2]]
            for sink in sinks if edited else ():
                home.run(sink, f"UPDATE inventario_actual SET stock = -5 WHERE ubicacion_codigo = '{QUIET}' AND producto_codigo = '000004'")
            found = {t.table: t for t in prove(home.settings, TABLES).tables}
            wrong = {name for name, t in found.items() if t.verdict is Verdict.DIFERENTE}
            assert wrong == ({"inventario_actual"} if edited else set()), (turn, [t.reason for t in found.values()])
            if edited:
                stocks = found["inventario_actual"]
                assert stocks.differing | stocks.unlike_lote == {QUIET}
                named = [(d.kind, d.key["producto_codigo"]) for d in stocks.sample if d.slice == QUIET]
                assert named == [("cambiada_en_ambas" if both else "cambiada", "000004")]
                for sink in sinks:
                    home.converge(sink, QUIET, force={"inventario_actual": None})
            seen.update(str(t.verdict) for t in found.values())
    assert seen["igual"] > seen["no_concluyente"]
    assert all(home.outbox.open().index.sequence(place) > was for place, was in zip(WRITTEN, before, strict=True)), "nobody wrote meanwhile"
    print(f"{PROOFS} proofs while ticks were written: {dict(seen)}")
    for sink in SinkName:
        home.converge(sink)
    assert prove(home.settings, full=True).verdict is Verdict.IGUAL
