"""As whom the server runs: PostgreSQL refuses the user id 0, so root needs another way.

The ways of root, tried in this order:

1. ``drop``: another OS user, if it can enter the home (the wheel is copied below the home if that
   user can't run it where it is). The server then has no power beyond its own files.
2. ``capability``: the same user with one ambient capability (``setpriv``), to pass folders that it
   can't enter; ``dac_read_search`` lets it pass and read, ``dac_override`` also write.
3. ``namespace``: a user namespace (``unshare -U``) in which root's id is called something else.

No folder above the home is ever opened for others. Lives here: choosing and applying a way. Doesn't
live here: the data folder itself (``cluster``).
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import product
from pathlib import Path
from typing import Any

from fluxion_pipeline.errors import PermanentError
from fluxion_pipeline.sinks.embedded import binaries

NAMES = ("fluxion", "postgres", "nobody")
"""The OS users that root runs the server as; the first one that exists."""

CAPABILITIES = ("dac_read_search", "dac_override")
_SECURE_BITS = (("--securebits=+no_setuid_fixup",), ())
"""Without that bit access(2) ignores the capability, and PostgreSQL asks access(2) whether its own
programs may be run; where the bit can't be set, the wheel must be reachable without the capability."""

_PROBE_SECONDS = 20


class Kind(str, Enum):
    """How the server's user is reached from ours."""

    PLAIN = "plain"
    DROP = "drop"
    CAPABILITY = "capability"
    NAMESPACE = "namespace"


@dataclass(frozen=True)
class Way:
    """One way to run the server's programs.

    Attributes:
        kind: which of the ways.
        uid: owner of the data folder, as seen from here.
        gid: its group.
        installation: the programs that are run this way.
        prefix: what stands before each command.
        popen: further arguments for ``subprocess``.
    """

    kind: Kind
    uid: int
    gid: int
    installation: Path
    prefix: tuple[str, ...] = ()
    popen: dict[str, Any] = field(default_factory=dict)

    def command(self, name: str, *arguments: str | Path) -> list[str]:
        """A command line for one of the server's programs."""
        return [*self.prefix, str(binaries.program(name, self.installation)), *map(str, arguments)]

    def own(self, path: Path) -> None:
        """Give a path, with all below it, to the server's user."""
        for each in (path, *(path.rglob("*") if path.is_dir() and not path.is_symlink() else ())):
            info = each.lstat()
            if (info.st_uid, info.st_gid) != (self.uid, self.gid):
                os.chown(each, self.uid, self.gid, follow_symlinks=False)


def choose(folder: Path, data: Path) -> Way:
    """The way to run a server whose files lie in ``folder``.

    Args:
        folder: exists; the server's programs must be able to enter it.
        data: the data folder; if it exists and belongs to an ordinary user, that user goes on with it.

    Raises:
        PermanentError: if no way works here.
    """
    if os.geteuid() != 0:
        return _ordinary(folder)
    user = _server_user(data)
    for way in _ways_of_root(user, folder):
        if _works(way, folder):
            return way
    raise PermanentError(
        f"PostgreSQL won't run as root, the OS user {user.pw_name} can't enter {folder}, and neither setpriv nor unshare may help it in here",
        "run fluxion as an ordinary user, or set FLUXION_HOME to a folder that everybody can enter (e.g. /var/lib/fluxion), or POSTGRES_HOST to a server",
    )


def _ordinary(folder: Path) -> Way:
    uid, gid = os.geteuid(), os.getegid()
    plain = Way(Kind.PLAIN, uid, gid, binaries.root())
    if _known(uid):
        return plain
    # initdb looks its user up by id: an id without an entry (docker run --user 1234) borrows a name.
    for way in _namespaces(_server_user(None), plain):
        if _works(way, folder):
            return way
    raise PermanentError(f"the user id {uid} has no entry in /etc/passwd, and PostgreSQL needs one", "add an entry for it, or set POSTGRES_HOST to a server")


def _ways_of_root(user: pwd.struct_passwd, folder: Path) -> Iterator[Way]:
    drop = Way(Kind.DROP, user.pw_uid, user.pw_gid, binaries.root(), popen={"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []})
    yield drop
    if _enters(drop, folder):
        yield Way(drop.kind, drop.uid, drop.gid, binaries.copy_to(folder), popen=drop.popen)
    setpriv = shutil.which("setpriv")
    for bits, capability in product(_SECURE_BITS, CAPABILITIES) if setpriv else ():
        who = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
        prefix = (str(setpriv), *who, *bits, f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}", "--")
        yield Way(Kind.CAPABILITY, user.pw_uid, user.pw_gid, binaries.root(), prefix)
    yield from _namespaces(user, Way(Kind.NAMESPACE, 0, 0, binaries.root()))


def _namespaces(user: pwd.struct_passwd, owner: Way) -> Iterator[Way]:
    unshare = shutil.which("unshare")
    if unshare:
        prefix = (unshare, "--user", f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}", "--")
        yield Way(Kind.NAMESPACE, owner.uid, owner.gid, owner.installation, prefix)


def _server_user(data: Path | None) -> pwd.struct_passwd:
    """Who runs the server for root: the ordinary user whose data folder it is already, else the first of ``NAMES``."""
    if data is not None and data.exists():
        owner = data.stat().st_uid
        if owner != 0 and _known(owner):
            return pwd.getpwuid(owner)
    for name in NAMES:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PermanentError(f"PostgreSQL won't run as root, and none of the OS users {', '.join(NAMES)} exists", "useradd --system fluxion")


def _known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _enters(way: Way, folder: Path) -> bool:
    return _succeeds([*way.prefix, "/bin/sh", "-c", 'cd "$1"', "sh", str(folder)], way)


def _works(way: Way, folder: Path) -> bool:
    """Whether that user enters the folder, and initdb finds its user's name and its own installation."""
    if not _enters(way, folder):
        return False
    return _succeeds(way.command("initdb", "--show", "-D", folder / "data"), way)


def _succeeds(command: Sequence[str], way: Way) -> bool:
    try:
        return binaries.run(command, _PROBE_SECONDS, **way.popen)[0] == 0
    except (OSError, subprocess.SubprocessError):
        return False
