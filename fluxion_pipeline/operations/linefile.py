"""A file of JSON lines that several processes add to: what happened, kept for some weeks.

Before this: whoever has something to remember (``drifts``, ``parity_history``); after it: the same ones, who
read their own lines. What a line means is theirs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxion_pipeline.errors import BusyError
from fluxion_pipeline.locks import hold


@dataclass(frozen=True)
class LineFile:
    """One file below FLUXION_HOME.

    Attributes:
        home: FLUXION_HOME.
        name: of the file, ``….jsonl``; its lock has the same.
    """

    home: Path
    name: str

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.home / self.name

    def add(self, items: Iterable[Mapping[str, Any]]) -> bool:
        """Add lines behind the others, also behind one that a crash cut; whether they are there: a disk that is full keeps nobody from going on."""
        text = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)
        if not text or not self.home.is_dir():
            return False
        with suppress(OSError, BusyError), self._alone(), self.path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                text = text if file.read(1) == b"\n" else "\n" + text
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
            return True
        return False

    def lines(self) -> list[str]:
        """All lines, oldest first; the last one may have been cut by a crash."""
        text = self.path.read_text("utf-8", errors="replace") if self.path.is_file() else ""
        return [line for line in text.split("\n") if line]  # not splitlines: a text may hold U+2028

    def keep(self, wanted: Callable[[str], bool]) -> int:
        """Drop the other lines; how many went.

        Raises:
            BusyError: if somebody adds some for a minute.
            OSError: if the file can't be written anew; the old one stands.
        """
        if not self.path.is_file():
            return 0
        with self._alone():
            lines = self.lines()
            kept = [line for line in lines if wanted(line)]
            if len(kept) < len(lines):
                fresh = self.path.with_name(f"{self.name}.{os.getpid()}")
                fresh.write_text("".join(line + "\n" for line in kept), "utf-8")
                fresh.replace(self.path)
        return len(lines) - len(kept)

    def _alone(self) -> AbstractContextManager[None]:
        return hold(self.home / "locks" / f"{Path(self.name).stem}.lock", wait=60, purpose=f"writing {self.name}")
