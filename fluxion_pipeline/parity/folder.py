"""The folder of one comparison, for rows on their way: gone when it ends, and the next one removes what a killed one left."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from fluxion_pipeline.locks import hold, is_free

PREFIX = "parity-"


@contextmanager
def own_folder(home: Path) -> Iterator[Path]:
    """A folder below the home's ``tmp`` that lasts as long as the block; its owner holds the lock beside it."""
    tmp = home / "tmp"
    tmp.mkdir(parents=True, exist_ok=True)
    for left in tmp.glob(f"{PREFIX}*"):
        if left.is_dir() and is_free(_lock(left)):
            _remove(left)
    folder = tmp / f"{PREFIX}{uuid4().hex}"
    with hold(_lock(folder), purpose="parity"):
        folder.mkdir()
        try:
            yield folder
        finally:
            _remove(folder)


def _lock(folder: Path) -> Path:
    return folder.with_name(folder.name + ".lock")


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for path in (_lock(folder), folder.with_name(_lock(folder).name + ".gate")):
        path.unlink(missing_ok=True)
