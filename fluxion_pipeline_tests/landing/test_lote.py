"""A lote's files: created once, durable, and whole or not at all."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pytest

from fluxion_pipeline.errors import OutboxError
from fluxion_pipeline.landing.index import Image
from fluxion_pipeline.landing.lote import LoteWriter, Manifest, SliceEntry, create, manifest_path, read_manifest
from fluxion_pipeline.landing.past import image_rows


def manifest(sequence: int = 1, location: str = "SUC001") -> Manifest:
    entry = SliceEntry("ventas", f"{location}/2025-11-20", sequence, 3, "12", "a.parquet")
    return Manifest("box", location, sequence, "2025-11-20T00:00:00.000000Z", "0001", (entry,), {"a.parquet": "ab"}, {"fact": "ventas"}, None)


def test_what_stands_under_a_name_is_never_replaced(tmp_path: Path) -> None:
    create(tmp_path / "x", b"first")
    with pytest.raises(FileExistsError):
        create(tmp_path / "x", b"second")
    assert (tmp_path / "x").read_bytes() == b"first"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_of_many_who_create_a_name_one_does(tmp_path: Path) -> None:
    won: list[int] = []

    def try_it(number: int) -> None:
        try:
            create(tmp_path / "x", str(number).encode() * 1000)
            won.append(number)
        except FileExistsError:
            pass

    threads = [threading.Thread(target=try_it, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "x").read_bytes() == str(won[0]).encode() * 1000
    assert len(won) == 1


def test_the_bytes_are_durable_before_the_name_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    fsync, link = os.fsync, os.link
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append(f"sync {os.fstat(handle).st_size}"), fsync(handle)))
    monkeypatch.setattr(os, "link", lambda a, b: (order.append(f"link {Path(b).suffix}"), link(a, b)))
    writer = LoteWriter(tmp_path, 1)
    writer.parquet("ventas", pa.table({"a": [1]}))
    size = next(tmp_path.glob("*/*.parquet")).stat().st_size
    assert order == [f"sync {size}", "link .parquet"]
    order.clear()
    folder = writer.folder.stat().st_size
    assert writer.commit(manifest())
    assert order == [f"sync {folder}", f"sync {manifest_path(tmp_path, 1).stat().st_size}", "link .json", f"sync {folder}"]


def test_a_secuencia_is_given_once(tmp_path: Path) -> None:
    assert LoteWriter(tmp_path, 1).commit(manifest())
    assert not LoteWriter(tmp_path, 1).commit(manifest(location="SUC007"))
    assert read_manifest(manifest_path(tmp_path, 1)) == manifest()


_FULL = """
import resource, signal, sys
from pathlib import Path
from fluxion_pipeline.errors import OutboxError
from fluxion_pipeline.landing.lote import create
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    create(Path(sys.argv[1]) / "x", b"y" * 100_000)
except OutboxError as error:
    print(error)
"""


def test_a_disk_that_takes_no_more_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", _FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "can't be written: File too large → free space" in run.stdout
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cant_be_written_is_an_outbox_error_that_names_the_file() -> None:
    with pytest.raises(OutboxError, match="/proc/self/x can't be written"):
        create(Path("/proc/self/x"), b"y")


@pytest.mark.parametrize(
    ("text", "word"), [("{", "is no manifest"), ("[]", "is no manifest"), ('{"format": 99}', "has format 99"), ('{"format": 1}', "is no manifest")]
)
def test_what_is_no_manifest_is_named(text: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "000000001.json"
    path.write_text(text)
    with pytest.raises(OutboxError, match=word) as error:
        read_manifest(path)
    assert str(path) in str(error.value)


def test_a_manifest_holds_any_text(tmp_path: Path) -> None:
    odd = Manifest("box", "?tienda_99", 1, "", "0001", (), {}, {"origin": "ñ\u2028\udce9|\\"}, None)
    assert Manifest.from_json(odd.to_json(), tmp_path) == odd
    assert odd.to_json().isascii()


def test_no_byte_of_the_rows_of_an_image_turns_unnoticed(tmp_path: Path) -> None:
    writer, chance = LoteWriter(tmp_path, 1), random.Random(5)
    rows = pa.table({"stock": [n * n % 97 for n in range(2000)], "codigo": [f"{n:08d}" for n in range(2000)], "_slice": ["SUC001"] * 2000})
    file = writer.folder / writer.parquet("inventario_actual", rows)
    data, found = file.read_bytes(), 0
    footer = int.from_bytes(data[-8:-4], "little") + 8
    image = Image("SUC001", "inventario_actual", "SUC001", 1, 2000, "", file, 1)
    for _ in range(400):
        turned = bytearray(data)
        turned[chance.randrange(4, len(data) - footer)] ^= chance.randrange(1, 256)
        file.write_bytes(turned)
        try:
            assert image_rows(image).equals(rows.drop_columns(["_slice"]))
        except OutboxError:
            found += 1
    assert found > 300
