"""A small disk of its own for a folder, which can be filled and emptied: a tmpfs, where one may be mounted."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Disk:
    """A tmpfs at a folder; ``reason`` says why there is none."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=711", "none", str(folder)], capture_output=True, text=True, check=False)
        self.reason = done.stderr.strip() or None if done.returncode else None
        self.mounted = done.returncode == 0

    @contextmanager
    def full(self, left: int) -> Iterator[None]:
        """While the block runs, so many bytes are free."""
        ballast = self.folder / "ballast"
        found = os.statvfs(self.folder)
        with ballast.open("wb") as out:
            os.posix_fallocate(out.fileno(), 0, max(1, found.f_bavail * found.f_frsize - left))
        try:
            yield
        finally:
            ballast.unlink()

    def close(self) -> None:
        """Unmount it; what was on it is gone."""
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=False)
