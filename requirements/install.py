"""Brings the virtual environment to exactly what the lock files say; called by ``make``, not by hand.

Before it: the Makefile made the environment and put ``bootstrap.txt`` into it with pip. uv installs
in seconds what takes pip minutes, but it doesn't read pip's configuration: that is translated here,
and pip itself does the work where uv can't. Either way every file must have the hash of its lock.
"""

from __future__ import annotations

import argparse
import ast
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = [sys.executable, "-m", "uv", "--quiet", "pip"]
TRANSLATED = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", ""),
    "proxy": ("ALL_PROXY", ""),
}
"""pip's option: uv's variable, and what separates several values (nothing: there is one)."""


def pip_options(listing: str) -> dict[str, str]:
    """The options that ``pip config list`` shows, ``:env:`` over ``install`` over ``global``."""
    found: dict[tuple[int, str], str] = {}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        rank = {"global": 0, "install": 1, ":env:": 2}.get(section)
        if rank is not None and value[:1] in {"'", '"'}:
            found[rank, option] = ast.literal_eval(value)
    return {option: value for (_, option), value in sorted(found.items())}


def uv_environment(options: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for uv: what is set for it already stands, the rest comes from pip's options."""
    translated = {}
    for option, (name, separator) in TRANSLATED.items():
        value = options.get(option, "")
        translated[name] = separator.join(value.split()) if separator else value
    # Several indexes are safe to mix here, since each file's hash is in the lock.
    fixed = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_PYTHON_DOWNLOADS": "never"}
    return {**{k: v for k, v in {**translated, **fixed}.items() if v}, **environment}


def install(python: str, locks: list[str], environment: Mapping[str, str]) -> int:
    """Make a Python's environment what the locks say; the exit code."""
    files = [f"requirements/{lock}" for lock in locks]
    # sync removes what no lock names; compiled once here, every command starts a second or two sooner
    uv = [*UV, "sync", "--python", python, "--require-hashes", "--compile-bytecode", *files]
    code = subprocess.run(uv, cwd=ROOT, env=environment, check=False).returncode
    if code:
        print("uv could not do it; pip tries, which takes longer …", flush=True)
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--require-hashes"]
        code = subprocess.run([*pip, *(word for file in files for word in ("-r", file))], cwd=ROOT, check=False).returncode
    if code:
        print("the packages could not be installed: check the network and `pip config list`, then run it again", file=sys.stderr)
    return code


def main() -> int:
    """Install the locks, and into this environment the package itself, editable; the exit code of the step that failed, or 0."""
    options = argparse.ArgumentParser(description="install locks of this folder")
    options.add_argument("--into", metavar="PYTHON", help="another environment's Python: only the locks, not the package")
    options.add_argument("locks", nargs="+")
    asked = options.parse_args()
    started = time.monotonic()
    print(f"installing {', '.join(asked.locks)} …", flush=True)
    listing = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False).stdout
    environment = uv_environment(pip_options(listing), os.environ)
    code = install(asked.into or sys.executable, asked.locks if asked.into else ["bootstrap.txt", *asked.locks], environment)
    if code == 0 and not asked.into:
        own = [*UV, "install", "--python", sys.executable, "--no-deps", "--no-build-isolation", "--no-index", "--editable", "."]
        code = subprocess.run(own, cwd=ROOT, env=environment, check=False).returncode
    if code == 0:
        print(f"installed in {time.monotonic() - started:.0f} s", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
