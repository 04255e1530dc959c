"""``fluxion coverage``: lines, JSON, a map on a terminal, and exit codes."""

from __future__ import annotations

import json
import os
import pty
from pathlib import Path

from fluxion_pipeline.contracts.outcomes import Fact
from fluxion_pipeline.operations.land import Request, read_and_land
from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.support import drops
from fluxion_pipeline_tests.support.commands import FLUXION, environment, fluxion
from fluxion_pipeline_tests.support.home import Home


def loaded(settings: Settings, folder: Path, *stores: str) -> Settings:
    for store in stores:
        drops.write_sales(folder, store, "2025-11-22", [drops.sale("2025-11-22", f"00{store[-2:]}")])
    home = Home(settings.model_copy(update={"fluxion_source": "archivos", "fluxion_source_path": folder})).ready()
    read_and_land(home.app, Request(Fact.VENTAS))
    return home.settings


def on_a_terminal(settings: Settings, *words: str) -> str:
    pid, handle = pty.fork()
    if pid == 0:
        os.execve(FLUXION, [str(FLUXION), *words], {**environment(settings), "COLUMNS": "100", "TERM": "xterm-256color"})
    told = b""
    while True:
        try:
            more = os.read(handle, 65536)
        except OSError:
            break
        if not more:
            break
        told += more
    os.waitpid(pid, 0)
    return told.decode()


def test_what_is_lacking_is_told_in_lines_in_json_and_in_colours_with_exit_code_1(duck_settings: Settings, tmp_path: Path) -> None:
    settings = loaded(duck_settings, tmp_path / "drops", "tienda_01", "tienda_03")
    done = fluxion(settings, "coverage", "--tabla", "ventas", "--from", "2025-11-21", "--to", "2025-11-22")
    lines = [line.split("\t") for line in done.out.splitlines()]
    assert done.code == 1, done.text
    assert len(lines) == 19
    assert ["ventas", "SUC001", "2025-11-22", "completo", "1/1", ""] in lines
    assert [line[3] for line in lines if line[1] == "SUC007"] == ["sin_dato"]
    found = json.loads(fluxion(settings, "coverage", "--json").out)
    assert (found["complete"], [t["tabla"] for t in found["tables"]]) == (False, ["ventas", "inventario_actual"])
    assert found["tables"][0]["results"] == {"sin_dato": 17, "completo": 2}
    shown = on_a_terminal(settings, "coverage", "--tabla", "ventas", "--from", "2025-11-21")
    assert "\x1b[" in shown
    assert "SUC001" in shown
    assert "7 more are lacking" in shown


def test_nothing_lacking_is_exit_code_0_and_a_wrong_question_2(duck_settings: Settings, tmp_path: Path) -> None:
    settings = loaded(duck_settings, tmp_path / "drops", *(f"tienda_{n:02d}" for n in (*range(1, 14), *range(15, 21))))
    done = fluxion(settings, "coverage")
    assert (done.code, done.out.count("completo")) == (0, 19), done.text
    for words in (("--tabla", "productos"), ("--from", "2025-11-23", "--to", "2025-11-22"), ("--to", "yesterday")):
        assert fluxion(settings, "coverage", *words).code == 2
