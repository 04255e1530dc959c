"""The repository's pages as their readers see them: the commands that they show, and a desk at which these are typed.

A command stands in an ``sh`` block, or in backticks within a sentence or a table. What a page leaves to its
reader (``TABLE``, ``…``) is filled in by ``FILLED``.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from fluxion_pipeline.settings import Settings
from fluxion_pipeline_tests.architecture.repository import ROOT, texts
from fluxion_pipeline_tests.support.commands import Done, environment, finish

ENVIRONMENT = Path(sys.executable).parent.parent
BLOCK = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ANY_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
SHOWN = re.compile(r"([A-Z_]+=\S+ )*(\.venv/bin/)?(fluxion|make|docker|pip) \S")
IN_THE_SERVICE = "docker compose exec code "
"""A command that is typed inside of the service ``code``: what follows is one of ours."""

FILLED = (
    ("--from … --to …", "--from 2026-03-03 --to 2026-03-03"),
    ("lote|duckdb|postgresql", "lote"),
    ("[--out ARCHIVO]", "--out informe.html"),
    ("explain TABLA CLAVE…", "explain inventario_actual SUC001 00818981"),
    ("explain TABLE KEY…", "explain inventario_actual SUC001 00818981"),
    ("N=…", "N=1"),
    ("--rows … --changed …", "--rows 2200 --changed 3"),
    ("TABLA", "ventas"),
    ("TABLE", "ventas"),
    ("CODIGO", "SUC001"),
)
"""What a page leaves open → what a reader may put there."""


def documents() -> list[str]:
    """Every page."""
    return [str(name) for name in sorted(texts()) if name.suffix == ".md"]


def blocks(document: str) -> list[list[str]]:
    """The commands of a page's ``sh`` blocks, block by block."""
    found = [block.strip().splitlines() for block in BLOCK.findall(texts()[Path(document)])]
    return [[line.removeprefix("$ ") for line in block if line and not line.startswith("#")] for block in found]


def commands(document: str) -> list[str]:
    """The lines of a page's ``sh`` blocks."""
    return [line for block in blocks(document) for line in block]


def within(document: str) -> list[str]:
    """The commands that a page shows within its sentences and tables, each once, as they are printed."""
    text = ANY_BLOCK.sub("", texts()[Path(document)]).replace(r"\|", "|")
    return list(dict.fromkeys(span for span in SPAN.findall(text) if SHOWN.match(span)))


def filled_in(line: str) -> str:
    """A command with something in each place that the page leaves to its reader."""
    for left, put in FILLED:
        line = line.replace(left, put)
    return line


@dataclass(frozen=True)
class Desk:
    """A folder in which a reader types, as in a clone of the repository with its environment activated.

    Attributes:
        folder: where it is.
        environment: of what is typed.
    """

    folder: Path
    environment: Mapping[str, str] = field(repr=False)

    def start(self, line: str, log: Path | None = None, **more: str) -> subprocess.Popen[str]:
        """Begin a command, as printed; whoever begins it ends it. What it prints goes to pipes, or to a file."""
        with log.open("w") if log else nullcontext(subprocess.PIPE) as output:
            return subprocess.Popen(
                ["bash", "-c", line],
                cwd=self.folder,
                env={**self.environment, **more},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if log else output,
                text=True,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as in a terminal, also where the tests run in the background
            )

    def type(self, line: str, seconds: float = 120, **more: str) -> Done:
        """Type a command, as printed, and wait for its end."""
        return finish(self.start(line, None, **more), seconds)

    def inside(self, line: str) -> Done:
        """Type what a page has typed inside of the service."""
        assert line.startswith(IN_THE_SERVICE)
        return self.type(line.removeprefix(IN_THE_SERVICE))


@contextmanager
def interrupted(process: subprocess.Popen[str], seconds: float = 30) -> Iterator[None]:
    """End a command by Ctrl-C, which reaches all that it started; killed where it doesn't end."""
    try:
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def desk(folder: Path, settings: Settings, **more: str) -> Desk:
    """A desk of a home."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".venv").symlink_to(ENVIRONMENT)
    for name in ("docs", "requirements"):
        (folder / name).symlink_to(ROOT / name)
    path = os.pathsep.join((str(ENVIRONMENT / "bin"), os.environ["PATH"]))
    return Desk(folder, {**environment(settings), "PATH": path, **more})
