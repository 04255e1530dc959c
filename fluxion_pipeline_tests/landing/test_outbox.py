"""The outbox survives: kills at every point of a landing, torn logs, lost and damaged indexes, several processes."""

from __future__ import annotations

import gc
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from fluxion_pipeline.errors import BusyError, OutboxError
from fluxion_pipeline.landing import journal
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline_tests.support import landing_world as world
from fluxion_pipeline_tests.support.landing_lives import Life
from fluxion_pipeline_tests.support.landing_words import said

DAY0 = ("ventas", 0, 12)

_KILLED = """
import os, signal, sys
from pathlib import Path
from fluxion_pipeline.landing import index, journal, keys, lote, outbox
from fluxion_pipeline_tests.support import landing_world as world
from fluxion_pipeline_tests.support.landing_words import said
point, home = sys.argv[1], Path(sys.argv[2])
def die(*_a, **_m): os.kill(os.getpid(), signal.SIGKILL)
where = {"parquet": (lote.LoteWriter, "parquet"), "manifest": (lote.LoteWriter, "commit"), "link": (lote.os, "link"),
         "index": (index.Index, "add_lote"), "keys": (keys.KeyIndex, "replace"), "log": (journal, "append"), "line": (journal, "catch_up")}[point]
readings = [said("ventas", 1, 22, "b9")] if point not in ("log", "line") else [said("ventas", 0, 14, "a1 b2")]
box = outbox.Outbox(home).open()
with box.lock("SUC001") as past:
    setattr(*where, die)
    for reading in readings:
        box.land(world.real(reading), past)
"""


@pytest.mark.parametrize("point", ["parquet", "link", "manifest", "index", "keys", "log", "line"])
def test_a_kill_at_any_point_leaves_a_whole_lote_or_none(point: str, life: Life) -> None:
    life.read(said(*DAY0, "a1 b2"))
    dead = subprocess.run([sys.executable, "-c", _KILLED, point, str(life.home)], capture_output=True, text=True)
    assert dead.returncode == -signal.SIGKILL, dead.stderr
    life.outbox = Outbox(life.home).open()
    landed = point in ("index", "keys")
    assert life.outbox.index.sequence("SUC001") == 1 + landed
    assert world.told_images(life.outbox, "A")["ventas", 0][1] == ({"a": (1, 0)} if landed else {"a": (1, 0), "b": (2, 0)})
    seen = life.outbox.index.attempt(world.FACTS["ventas"], "SUC001", "2025-11-29")[1]
    assert seen is not None
    assert seen[11:13] == ("08" if point == "line" else "06")
    reading = said("ventas", 1, 22, "b9")
    with life.outbox.lock("SUC001") as past:
        assert life.outbox.land(world.real(reading), past).new is not landed
    assert world.told_images(life.outbox, "A")["ventas", 0][1] == {"a": (1, 0)}


@pytest.mark.parametrize("damage", ["gone", "empty", "garbage", "another's", "no mark"])
def test_an_index_that_is_of_no_use_is_made_anew(damage: str, life: Life) -> None:
    for reading in (said(*DAY0, "a1 b2", "c"), said("ventas", 0, 14, "a1 b2", "c"), said("stock", 1, 5, "a1"), said("ventas", 1, 22, "a5", place="B")):
        life.read(reading)
    path = life.outbox.index.path
    life.outbox = Outbox(life.home)  # the process that had it open has ended
    gc.collect()
    if damage == "gone":
        path.unlink()
    elif damage in ("empty", "garbage"):
        path.write_bytes(b"" if damage == "empty" else b"not a database " * 500)
    else:
        with sqlite3.connect(path) as db:
            db.execute("DELETE FROM meta" if damage == "no mark" else "UPDATE meta SET valor = '1:other'")
    life.outbox = Outbox(life.home).open()
    life.compare_all()


def test_a_torn_line_of_the_log_spoils_no_other(life: Life) -> None:
    """A power cut tears the last line; the next one must not be glued to it."""
    life.read(said(*DAY0, "a1"))
    life.read(said("ventas", 0, 13, "a1"))
    log = life.home / "lotes/SUC001" / journal.LOG
    with log.open("ab") as file:
        file.write(b'{"fact": "ventas", "cut": "2025-11')
    life.read(said("ventas", 0, 14, "a1"))
    life.lose(0)
    assert len(log.read_bytes().split(b"\n")) == 4


def test_a_log_that_was_put_back_from_a_backup_is_read_from_its_start(life: Life) -> None:
    life.read(said(*DAY0, "a1"))
    log = life.home / "lotes/SUC001" / journal.LOG
    life.read(said("ventas", 0, 13, "a1"))
    short = log.read_bytes()
    life.read(said("ventas", 0, 14, "a1"))
    line = {**json.loads(short), "cut": "2025-11-19", "read_at": "2025-11-20T00:00:00.000000Z"}
    log.write_bytes(json.dumps(line).encode() + b"\n")
    life.outbox = Outbox(life.home).open()
    assert life.outbox.index.attempt(world.FACTS["ventas"], "SUC001", "2025-11-19")[0] == 1


def test_attempts_are_taken_over_in_the_order_in_which_they_happened(life: Life) -> None:
    """At one instant twice: the one that landed later is the newest, whichever of manifest and log told of it."""
    life.read(said(*DAY0, "a1"))
    life.read(said("ventas", 0, 14, "a1"))
    life.read(said("ventas", 0, 14, answer="inalcanzable"))
    life.lose(0)
    life.read(replace(said("ventas", 0, 15), provenance="normal"))
    life.read(replace(said("ventas", 0, 15), provenance="accept"))
    life.lose(0)


def test_an_index_that_somebody_deletes_under_a_running_process_is_noticed(life: Life) -> None:
    """The connection is kept open: without a look at the file it would go on writing into nothing."""
    life.read(said(*DAY0, "a1"))
    life.outbox.index.path.unlink()
    Outbox(life.home).open()
    life.read(said("ventas", 0, 13, "b1"))
    assert Outbox(life.home).open().index.sequence("SUC001") == 2


def test_two_openers_of_an_empty_home_agree_on_its_id(tmp_path: Path) -> None:
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(Outbox(tmp_path).open().id)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6
    assert len(set(ids)) == 1


_LANDER = """
import sys
from pathlib import Path
from fluxion_pipeline.landing.outbox import Outbox
from fluxion_pipeline_tests.support import landing_world as world
from fluxion_pipeline_tests.support.landing_words import said
box = Outbox(Path(sys.argv[1])).open()
for i in range(10):
    reading = world.real(said("ventas", 0, 100 + 2 * i + int(sys.argv[2]), f"a{i % 9} b{sys.argv[2]}"))
    with box.lock("SUC001") as past:
        box.land(reading, past)
"""


def test_processes_that_land_at_one_location_take_turns(tmp_path: Path) -> None:
    running = [subprocess.Popen([sys.executable, "-c", _LANDER, str(tmp_path), str(i)], stderr=subprocess.PIPE, text=True) for i in range(3)]
    errors = [p.communicate()[1] for p in running]
    assert [p.returncode for p in running] == [0, 0, 0], errors
    box = Outbox(tmp_path).open()
    told = (world.told_images(box, "A"), world.told_days(box, "A"), box.index.sequence("SUC001"))
    manifests = sorted(tmp_path.glob("lotes/SUC001/*/*.json"))
    assert [int(p.stem) for p in manifests] == list(range(1, told[2] + 1))
    for path in tmp_path.glob("indice.sqlite*"):
        path.unlink()
    box = Outbox(tmp_path).open()
    assert (world.told_images(box, "A"), world.told_days(box, "A"), box.index.sequence("SUC001")) == told


def test_a_location_is_landed_by_one_at_a_time_and_others_go_on(life: Life) -> None:
    other = Outbox(life.home).open()
    with life.outbox.lock("SUC001"):
        with pytest.raises(BusyError, match=f"process {os.getpid()} .landing SUC001."), other.lock("SUC001", wait=0.05):
            pass
        with other.lock("SUC007", wait=0.05):
            pass


def test_an_outbox_without_a_readable_id_is_refused(life: Life) -> None:
    (life.home / "lotes/outbox.json").write_text("{")
    with pytest.raises(OutboxError, match="outbox.json can't be read"):
        Outbox(life.home).open()


def test_a_manifest_with_foreign_hands_on_it_is_named(life: Life) -> None:
    life.read(said(*DAY0, "a1"))
    path = next(life.home.glob("lotes/SUC001/*/*.json"))
    path.write_text(path.read_text()[:-5])
    life.outbox.index.discard()
    with pytest.raises(OutboxError, match="is no manifest"):
        Outbox(life.home).open()
