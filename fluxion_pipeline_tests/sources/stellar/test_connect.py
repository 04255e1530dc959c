"""The driver over a real socket: what it sends, and what becomes of each way in which a server can fail."""

from __future__ import annotations

import re
import socket
import time
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fluxion_pipeline.contracts.outcomes import Answer, Fact
from fluxion_pipeline.sources.protocol import Reading
from fluxion_pipeline.sources.stellar import StellarSource, Waits
from fluxion_pipeline_tests.sources.stellar.conftest import DAY, NOW, TICK, chain_of, moment
from fluxion_pipeline_tests.support.tds import Refused, Server, Silent, sql_server

NAMES = ("numero", "linea", "fecha", "hora", "codigo", "cantidad", "precio", "costo", "descripcion", "grupo", "marca", "conocido", "productos")
LINE = ("F1", 1, datetime.fromisoformat(DAY), moment("12:20:15"), "000001", -0.3, 1.2, None, "ARROZ", None, None, "000001", 1)


def source(url: str) -> StellarSource:
    return StellarSource(url, chain_of(), waits=Waits(1, 1, 30), clock=lambda: NOW)


def sales(server: Server, *, scheduled: bool = True) -> Reading:
    here = source(server.url)
    return here.read(Fact.VENTAS, here.registry.find("SUC001"), DAY, NOW, scheduled=scheduled)


def test_rows_of_the_wire_are_read_and_the_question_is_the_one_that_was_checked() -> None:
    with sql_server(lambda _: (NAMES, [LINE])) as server:
        found = sales(server)
    assert (found.answer, found.reason, found.rejects.to_pylist()) == (Answer.ENTERA, None, [])
    row = found.rows.to_pylist()[0]
    assert row["fecha_venta"] == datetime(2025, 11, 24, 16, 20, 15, tzinfo=timezone.utc)
    assert (row["cantidad"], row["venta_total"], row["costo_total"], row["es_devolucion"]) == (Decimal("-0.3"), Decimal("-0.36"), None, True)
    (sql,) = server.asked
    assert "[VAD20].dbo.[MA_TRANSACCION]" in sql
    assert re.search(r"t\.\[f_Fecha\] >= N?'2025-11-24[ T]00:00:00", sql), sql


REFUSED: dict[str, tuple[Any, str]] = {
    "a missing table": (Refused(208, "Invalid object name 'VAD20.dbo.MA_TRANSACCION'."), "a table is missing: "),
    "a missing column": (Refused(207, "Invalid column name 'Cantidad'."), "a column is missing: "),
    "no permission": (Refused(229, "The SELECT permission was denied on the object."), "the login may not read a table: "),
    "a locked table": (Refused(1222, "Lock request time out period exceeded."), "a table was locked by another program for too long: "),
    "anything else": (Refused(8115, "Arithmetic overflow."), "the server refused the question: "),
    "silence": (Silent(), "time-out: "),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_question_is_named_and_is_never_a_day_without_sales(name: str) -> None:
    told, words = REFUSED[name]
    with sql_server(lambda _: told) as server:
        found = sales(server)
    assert (found.answer, found.read, found.source_digest) == (Answer.INALCANZABLE, 0, None)
    assert str(found.reason).startswith(words), found.reason
    if isinstance(told, Refused):
        assert told.text in str(found.reason)


def test_a_wrong_password_is_named_and_never_shown() -> None:
    with sql_server(lambda _: None, login=Refused(18456, "Login failed for user 'reader'.")) as server:
        found = sales(server, scheduled=False)
    assert found.answer is Answer.INALCANZABLE
    assert str(found.reason).startswith("the login is refused: user or password of STELLAR_URL is wrong: ")
    assert "s3cr3t" not in repr(found)


def test_a_silent_login_costs_its_time_out_once() -> None:
    with sql_server(lambda _: None, login=Silent()) as server:
        begun = time.monotonic()
        found = sales(server, scheduled=False)
    assert str(found.reason).startswith("time-out: ")
    assert time.monotonic() - begun < 10


def test_an_unreachable_server_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    here = source(f"mssql://reader:s3cr3t@127.0.0.1:{port}")
    found = here.read(Fact.INVENTARIO, here.registry.find("CEDI01"), TICK, NOW, scheduled=True)
    assert (found.answer, found.origin) == (Answer.INALCANZABLE, f"stellar://127.0.0.1:{port} VAD10.dbo.MA_DEPOPROD 1413 {TICK}")
    assert str(found.reason).startswith("no connection: ")


def test_what_is_transient_is_asked_again_by_a_person_and_once_by_the_schedule() -> None:
    said = [Refused(1205, "deadlocked"), Refused(1205, "deadlocked"), (NAMES, [LINE])]
    with sql_server(lambda _: said[min(len(server.asked), 3) - 1]) as server:
        assert sales(server, scheduled=True).answer is Answer.INALCANZABLE
        server.asked.clear()
        assert sales(server, scheduled=False).answer is Answer.ENTERA
        assert len(server.asked) == 3


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the kernel shows its timers in /proc only on Linux")
def test_the_driver_keeps_its_connections_alive() -> None:
    timers: list[str] = []

    def look(_: str) -> Any:
        time.sleep(0.3)  # until the question is acknowledged: till then the timer is another
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        timers.extend(x[5].split(":")[0] for x in lines if x[2] == f"0100007F:{server.port:04X}" and x[3] == "01")
        return NAMES, [LINE]

    with sql_server(look) as server:
        sales(server)
    assert "02" in timers
