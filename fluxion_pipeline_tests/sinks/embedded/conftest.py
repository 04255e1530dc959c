"""Homes that other OS users can enter, homes that they can't, and servers that never outlive their test."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fluxion_pipeline.sinks.embedded.server import EmbeddedServer

Make = Callable[..., EmbeddedServer]


def _folder(mode: int) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="fluxion-embedded-"))
    folder.chmod(mode)
    yield folder
    for data in folder.glob("**/postgres"):
        EmbeddedServer(data.parent).stop()
    shutil.rmtree(folder)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every OS user can pass (pytest's own temporary folders are closed)."""
    yield from _folder(0o711)


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A folder that only its owner can enter, like root's own home."""
    yield from _folder(0o700)


@pytest.fixture(scope="module")
def shared() -> Iterator[EmbeddedServer]:
    """One running server for the tests of a module that leave it as it is."""
    for folder in _folder(0o711):
        server = EmbeddedServer(folder / "home")
        server.ensure()
        yield server


@pytest.fixture
def as_root() -> None:
    """Skip where the tests don't run as root."""
    if os.geteuid() != 0:
        pytest.skip("only root can start the server as somebody else")
