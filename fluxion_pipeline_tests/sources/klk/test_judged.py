"""Memory: what reading an answer takes doesn't grow with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fluxion_pipeline_tests.support.tills import article, sale

DAY = "2025-11-24"
SMALL, LARGE = 3_000, 30_000
MOST = 1.12
"""How much more of a process's memory ten times as many lines may take; a tenth of it is the noise of allocators."""

READ = """
import datetime, pathlib, sys
from fluxion_pipeline.contracts.rules.layout import Place
from fluxion_pipeline.sources.klk import judged, layouts, rejected
from fluxion_pipeline.sources.klk.lines import Lines
judged.PIECE = rejected.PIECE = 1_000
day, shape = datetime.date(2025, 11, 24), getattr(layouts, sys.argv[2])
constants = {layouts.WAREHOUSE: "APP-TPF"} if shape is layouts.INVENTARIO else {}
found = judged.judged(Lines(pathlib.Path(sys.argv[1]), shape), Place("SUC001", "x", day, day if shape is layouts.VENTAS else None), constants=constants)
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(found.rows.num_rows + found.rejects.num_rows, peak)
"""


def peak(path: Path, shape: str, lines: list[Any]) -> int:
    """Kilobytes that a process takes to read an answer of some lines."""
    path.write_text(json.dumps(lines))
    rows, most = subprocess.run([sys.executable, "-c", READ, str(path), shape], check=True, capture_output=True, text=True).stdout.split()
    assert int(rows) == len(lines)
    return int(most)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is told by /proc")
@pytest.mark.parametrize(("shape", "day"), [("VENTAS", DAY), ("VENTAS", "2025-11-23"), ("INVENTARIO", DAY)])
def test_ten_times_the_answer_takes_no_more_memory(tmp_path: Path, shape: str, day: str) -> None:
    """Also where all lines are refused: they are of another day."""

    def lines(count: int) -> list[Any]:
        made = (article(f"{n:06d}", n) if shape == "INVENTARIO" else sale(day, f"{n // 5:08d}", n % 5, codigo_producto=f"{n % 900:06d}") for n in range(count))
        return list(made)

    assert peak(tmp_path / "large", shape, lines(LARGE)) / peak(tmp_path / "small", shape, lines(SMALL)) < MOST
